"""What can be done with a finished segmentation."""

import numpy as np
import pytest
from scipy.ndimage import label as connected

from napari_gdls import segment, simulate_field
from napari_gdls.errors import RecipeError
from napari_gdls.graph.merging import expected_false_borders
from napari_gdls.simulation.rock import ROCK


@pytest.fixture(scope="module")
def found():
    return segment(simulate_field((96, 96), seed=4, minerals=[ROCK[i] for i in (0, 2, 3, 4, 9)]), tau_z=0.2)


def check(result):
    """That the parts of a result with phases say the same."""
    rows, columns = result.field.locations.T
    assert result.labels.dtype == np.int32
    assert np.array_equal(result.measurement_labels, result.labels[rows, columns] - 1)
    assert np.array_equal(np.unique(result.labels[result.labels > 0]), np.arange(1, result.n_segments + 1))
    for k in range(1, result.n_segments + 1):
        assert connected(result.labels == k)[1] == 1
    # Segments of one phase do not touch.
    phase = result.phase_map()
    assert np.array_equal(phase == 0, result.labels == 0)
    for here, there in (
        ((slice(1, None),), (slice(None, -1),)),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        one, other = (result.labels[here], phase[here]), (result.labels[there], phase[there])
        side_by_side = (one[1] == other[1]) & (one[1] > 0)
        assert np.array_equal(one[0][side_by_side], other[0][side_by_side])
    assert phase.max() <= result.n_phases
    assert result.spectra().sum() == pytest.approx(result.field.spectra.sum())
    assert len(result.modal.percent) == result.measurement_phases.n_phases
    assert result.modal.percent.sum() == pytest.approx(100, abs=1e-3)


def test_parts_of_the_result_say_the_same(found):
    check(found)
    assert found.n_phases == found.measurement_phases.n_phases
    assert np.array_equal(found.phase_map()[found.labels > 0], found.phases[found.labels[found.labels > 0] - 1] + 1)
    assert found.phase_map().dtype == np.int32
    # A measurement's own phase is that of its segment, but for mixed ones on borders.
    agree = found.phases[found.measurement_labels] == found.measurement_phases.labels
    assert agree[found.measurement_phases.partner < 0].mean() > 0.98


def test_confidence_is_a_probability(found):
    assert found.confidence.shape == found.labels.shape
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    assert (found.confidence[found.labels == 0] == 0).all()
    assert found.confidence[found.labels > 0].mean() > 0.7
    truth, phase = found.field.metadata["truth_phases"], found.phase_map()
    wrong = np.zeros(phase.shape, bool)
    for k in range(1, found.n_phases + 1):
        wrong |= (phase == k) & (truth != np.bincount(truth[phase == k]).argmax())
    assert found.confidence[wrong].mean() < found.confidence[~wrong].mean() - 0.1


@pytest.mark.parametrize("tau_z", [0.2, 0.5, 2.0, 6.0, 1000.0])
def test_coarser_segmentations_are_sound_and_nested(found, tau_z):
    coarse = found.coarsened(tau_z)
    check(coarse)
    assert coarse.recipe == found.recipe.replace(tau_z=tau_z)
    assert coarse.n_phases <= found.n_phases
    assert coarse.n_segments <= found.n_segments
    pairs = np.unique(np.stack([found.labels.ravel(), coarse.labels.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(found.labels))  # one coarse segment for each fine one
    assert np.array_equal(coarse.labels == 0, found.labels == 0)
    if tau_z == 1000.0:
        assert coarse.n_phases == coarse.n_segments == 1
    assert all(merge.difference > tau_z for merge in coarse.merges[:1])


def test_coarsening_follows_the_list_of_merges(found):
    assert len(found.merges) == found.n_phases - 1
    numbers = [found.coarsened(tau_z).n_phases for tau_z in np.linspace(0, 12, 25)]
    assert numbers == sorted(numbers, reverse=True)
    first = found.merges[0]
    assert found.coarsened(first.difference * 0.99).n_phases == found.n_phases
    joined = found.coarsened(first.difference)
    assert joined.n_phases <= found.n_phases - 1
    # Steps by way of one another lead to the same.
    once, twice = found.coarsened(3.0), found.coarsened(3.0).coarsened(3.0)
    assert np.array_equal(once.labels, twice.labels)


def test_chosen_phases_are_merged(found):
    group = np.arange(found.n_phases)
    group[-1] = 0
    merged = found.with_phases_merged(group)
    check(merged)
    assert merged.n_phases == found.n_phases - 1
    before = found.modal.percent
    assert merged.modal.percent[0] == pytest.approx(before[0] + before[-1], abs=1e-3)
    fine = found.phase_map()
    fine[fine == found.n_phases] = 1
    assert np.array_equal(merged.phase_map(), fine)
    same = found.with_phases_merged(np.arange(found.n_phases) * 7)
    assert np.array_equal(same.labels, found.labels)
    assert np.array_equal(same.phases, found.phases)


def test_phases_without_a_segment_are_phases_still(found):
    """Where all grains of a phase are too small to be shown, its measurements are counted all the same."""
    large = segment(found.field, embedding=found.embedding, graph=found.graph, smallest=2000)
    assert len(np.unique(large.phases)) < large.n_phases == large.measurement_phases.n_phases
    check(large)
    check(large.with_phases_merged(np.arange(large.n_phases)))
    check(large.coarsened(3.0))
    assert large.coarsened(1000.0).n_phases == 1


def test_no_merges_leave_all_as_it_was(found):
    assert np.array_equal(found.coarsened(0.0).labels, found.labels)
    assert np.array_equal(found.coarsened(0.0).phases, found.phases)


@pytest.mark.parametrize("group", [[0], [0.0] * 99, "all", -1, None])
def test_groups_that_do_not_fit_are_refused(found, group):
    for wrong in (group, [-1] * found.n_phases, [0] * (found.n_phases + 1), [0.5] * found.n_phases):
        with pytest.raises(RecipeError, match="one number of 0 or more for each"):
            found.with_phases_merged(wrong)


def test_expected_false_borders(found):
    expected = expected_false_borders(found.field.n_measurements, found.recipe.significance)
    assert found.expected_false_borders == expected
    assert 0 < expected < 1


def test_methods_without_phases_say_so(found):
    plain = segment(found.field, embedding=found.embedding, graph=found.graph, method="threshold")
    assert plain.measurement_phases is None
    assert plain.tree is None
    assert np.array_equal(plain.phases, np.arange(plain.n_segments))
    assert np.array_equal(plain.phase_map(), plain.labels)
    for use in (
        lambda: plain.modal,
        lambda: plain.merges,
        lambda: plain.expected_false_borders,
        lambda: plain.coarsened(1.0),
        lambda: plain.with_phases_merged([0]),
    ):
        with pytest.raises(RecipeError, match="'threshold' makes no phases"):
            use()
    assert "phases" not in repr(plain)
    assert f"{found.n_segments:,} segments of {found.n_phases} phases (merge)" in repr(found)
