import numpy as np
import pytest
import torch

from napari_gdls.embedding.networks import axis_of
from napari_gdls.errors import RecipeError
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.spectra.detector import Detector
from napari_gdls.training.batches import BatchDesign, BatchGenerator, join_classes, separability
from napari_gdls.training.families import FamilySource, TrainingMaterials
from napari_gdls.training.ideal_library import IdealLibrary, Instrument, draw_beams, draw_instruments

FORSTERITE = {"Mg": 34.55, "Si": 19.96, "O": 45.49}
FAYALITE = {"Fe": 54.81, "Si": 13.79, "O": 31.41}
QUARTZ = {"Si": 46.74, "O": 53.26}
ALBITE = {"Na": 8.77, "Al": 10.29, "Si": 32.13, "O": 48.81}
ANORTHITE = {"Ca": 14.41, "Al": 19.40, "Si": 20.19, "O": 46.01}
PYRITE = {"Fe": 46.55, "S": 53.45}
COMPOSITIONS = mass_fractions([FORSTERITE, FAYALITE, QUARTZ, ALBITE, ANORTHITE, PYRITE])
LINES = (np.array([0, 1]), np.array([3, 4]))


@pytest.fixture(scope="module")
def library():
    rng = np.random.default_rng(0)
    return IdealLibrary(COMPOSITIONS, draw_beams(rng, 2), draw_instruments(rng, 4, 2), axis_of(2))


def generator(library, design=None, *, seed=0, **shares):
    source = FamilySource(COMPOSITIONS, LINES, np.ones(2), **shares)
    return BatchGenerator(library, source, design or BatchDesign(families=6), seed=seed)


def test_a_batch_is_a_function_of_seed_and_number(library):
    one, again = generator(library).batch(3), generator(library).batch(3)
    assert torch.equal(one.counts, again.counts)
    assert torch.equal(one.labels, again.labels)
    assert not torch.equal(one.counts, generator(library).batch(4).counts)
    assert not torch.equal(one.counts, generator(library, seed=1).batch(3).counts)


def test_samples_of_a_member_share_its_class_and_are_whole_counts(library):
    batch = generator(library).batch(0)
    assert batch.counts.shape == (6 * 4 * 4, 768)
    assert torch.equal(batch.counts, batch.counts.round())
    assert batch.counts.min() >= 0
    for member in range(24):
        assert len(batch.labels[batch.members == member].unique()) == 1
    assert torch.allclose(batch.expected.sum(dim=1), torch.ones(24), atol=1e-4)
    assert (batch.expected >= 0).all()


def test_counts_are_those_asked_for_or_spread_over_the_range(library):
    source = generator(library)
    for asked in (100.0, 10_000.0):
        totals = source.batch(1, counts=asked).counts.sum(dim=1)
        assert abs(totals.mean() / asked - 1) < 5 / np.sqrt(asked * 96) + 0.01
    totals = torch.cat([source.batch(number).counts.sum(dim=1) for number in range(60)])
    assert totals.min() < 200
    assert totals.max() > 20_000
    assert 0.25 < float(((totals > 400) & (totals < 2500)).float().mean()) < 0.75


def test_neighbouring_members_are_as_far_apart_as_the_design_says(library):
    design = BatchDesign(families=20, members=2, samples=2, spacing=(3.0, 3.0), third=0.0)
    gaps = []
    for number in range(5):
        batch = generator(library, design, related=0.0, any_pair=0.0).batch(number)
        distance = separability(batch.expected)
        gaps += [distance[2 * i, 2 * i + 1] for i in range(20)]
    # Spacing is linear in the mixture and d' nearly so.
    assert 2.0 < np.median(gaps) < 4.5
    assert np.mean((np.array(gaps) > 1.5) & (np.array(gaps) < 6)) > 0.8


def test_separability_is_the_distance_in_standard_deviations_of_counting_noise():
    rng = np.random.default_rng(1)
    p = rng.gamma(1.0, size=200) + 0.5
    q = p * (1 + 0.08 * rng.standard_normal(200))
    pair = np.stack([p / p.sum(), q / q.sum()])
    log_ratio = np.log(pair[0] / pair[1])
    scores = [1000 * (row @ log_ratio) for row in pair]
    deviation = np.sqrt(1000 * (pair[0] @ log_ratio**2))
    expected = abs(scores[0] - scores[1]) / deviation
    assert separability(torch.from_numpy(pair))[0, 1] == pytest.approx(expected, rel=0.02)
    assert separability(torch.from_numpy(pair[[0, 0]]))[0, 1] == pytest.approx(0, abs=1e-3)


def test_confusable_ends_are_one_class(library):
    same = FamilySource(COMPOSITIONS[[2, 2]], (np.array([0, 1]),), np.ones(1), related=0.0, any_pair=0.0)
    small = IdealLibrary(COMPOSITIONS[[2, 2]], draw_beams(np.random.default_rng(0), 1), [Instrument()], axis_of(2))
    batch = BatchGenerator(small, same, BatchDesign(families=5, third=0.0)).batch(0)
    assert len(batch.labels.unique()) == 1


def test_members_of_other_families_that_cannot_be_told_apart_are_merged():
    distances = np.full((6, 6), 9.0)
    distances[3, 1] = distances[1, 3] = 0.5
    distances[4, 3] = distances[3, 4] = 0.2
    distances[5, 4] = distances[4, 5] = 0.1  # one family: stays apart
    merged = join_classes(np.arange(6), distances, 2)
    assert merged.tolist() == [0, 1, 2, 1, 1, 5]


def test_scatter_inside_a_material_exceeds_counting_noise_and_can_be_switched_off(library):
    def spread(**changes):
        design = BatchDesign(families=4, members=1, samples=64, third=0.0, response_errors=False, **changes)
        batch = generator(library, design).batch(5, counts=1e6)
        rate = batch.expected[batch.members] * batch.counts.sum(dim=1, keepdim=True)
        return float(((batch.counts - rate) ** 2 / rate.clamp(min=1e-3))[rate > 500].mean())

    assert spread(tilt=0.0, continuum=0.0, neighbours=0.0) == pytest.approx(1.0, abs=0.05)
    assert spread() > 3


def test_pile_up_is_that_of_the_detector():
    detector = Detector(pile_up=0.03)
    axis = axis_of(2)
    library = IdealLibrary(COMPOSITIONS, draw_beams(np.random.default_rng(0), 1), [Instrument(detector=detector)], axis)
    design = BatchDesign(families=3, members=1, third=0.0, response_errors=False)
    batch = generator(library, design).batch(0)
    plain = IdealLibrary(COMPOSITIONS, draw_beams(np.random.default_rng(0), 1), [Instrument()], axis)
    without = generator(plain, design).batch(0).expected.numpy()
    expected = detector.add_pile_up(without, axis)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(batch.expected.numpy(), expected, atol=2e-4)
    assert np.abs(expected - without).max() > 1e-3


def test_calibration_errors_move_lines_as_stated():
    axis = axis_of(1)
    beams = draw_beams(np.random.default_rng(0), 1)
    moved = Instrument(offset=40.0, gain=0.01)
    library = IdealLibrary(COMPOSITIONS[[2]], beams, [Instrument(), moved], axis)
    emission = library.emission(0, torch.tensor([0]))
    straight, shifted = (emission @ each.matrix for each in library.responses)
    seen = [float(axis.centers[int(each[0].argmax())]) for each in (straight, shifted)]
    assert seen[0] == pytest.approx(1740, abs=10)
    assert seen[1] == pytest.approx(1.01 * 1740 + 40, abs=10)


def test_validation_never_sees_a_line_of_the_training():
    lines = tuple(np.array([i, j]) for i in range(6) for j in range(i))
    seen, unseen = FamilySource(COMPOSITIONS, lines, np.ones(len(lines))).split(0.3, seed=1)
    known, new = ({tuple(line) for line in each.lines} for each in (seen, unseen))
    assert len(new) == round(0.3 * len(lines))
    assert known | new == {tuple(line) for line in lines}
    assert not known & new
    first, second = unseen.draw(np.random.default_rng(0), 200)
    assert {(max(a, b), min(a, b)) for a, b in zip(first, second, strict=True)} <= new


def test_weights_say_how_often_a_line_is_drawn():
    source = FamilySource(COMPOSITIONS, LINES, np.array([1.0, 3.0]), related=0.0, any_pair=0.0)
    first, second = source.draw(np.random.default_rng(0), 4000)
    share = np.mean(np.minimum(first, second) == 3)
    assert share == pytest.approx(0.75, abs=0.04)


def test_ends_are_those_of_the_line_or_two_of_its_members():
    line = np.arange(5)
    whole = FamilySource(COMPOSITIONS, (line,), np.ones(1), 0.0, 0.0, inner=0.0)
    first, second = whole.draw(np.random.default_rng(0), 100)
    assert {(a, b) for a, b in zip(first, second, strict=True)} == {(0, 4), (4, 0)}
    parts = FamilySource(COMPOSITIONS, (line,), np.ones(1), 0.0, 0.0, inner=1.0)
    first, second = parts.draw(np.random.default_rng(0), 500)
    assert len({(a, b) for a, b in zip(first, second, strict=True)}) == 20
    assert (first != second).all()


def test_related_materials_share_elements():
    source = FamilySource(COMPOSITIONS, (), np.zeros(0), related=1.0, any_pair=0.0)
    first, second = source.draw(np.random.default_rng(0), 200)
    assert (first != second).all()
    assert set(second[first == 3]) == {4}  # albite: anorthite shares aluminium with it


def test_the_packages_materials_and_their_mixing_lines():
    materials = TrainingMaterials.of_library()
    assert len(materials.compositions) >= 4507  # as many as in the paper
    np.testing.assert_allclose(materials.compositions.sum(axis=1), 1)
    assert len(materials.lines) == len(materials.weights) > 1000
    assert all(len(set(line.tolist())) == len(line) >= 2 for line in materials.lines)
    assert materials.weights.sum() == pytest.approx(1)
    assert materials.weights.min() > 0
    assert materials.digest == TrainingMaterials.of_library().digest


@pytest.mark.parametrize(
    "changes",
    [{"families": 0}, {"samples": 1.5}, {"spacing": (0.0, 1.0)}, {"counts": (5, 2)}, {"third": 2}, {"tilt": -1}],
)
def test_impossible_designs_are_refused(changes):
    with pytest.raises(RecipeError, match=next(iter(changes))):
        BatchDesign(**changes)
