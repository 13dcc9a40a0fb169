import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.ndimage import distance_transform_edt
from scipy.ndimage import label as connected
from skimage.metrics import adapted_rand_error as rand_errors

from napari_gdls import (
    EnergyAxis,
    Field,
    Recipe,
    build_graph,
    embed,
    evaluate,
    label_measurements,
    label_pixels,
    load_embedding,
    sample_field,
    segment,
    simulate_field,
)
from napari_gdls.errors import Cancelled, RecipeError
from napari_gdls.graph.merging import build_merge_tree
from napari_gdls.phases.search import find_phases
from napari_gdls.pipeline import STAGES
from napari_gdls.progress import COMPILING
from napari_gdls.recipe import METHODS
from napari_gdls.segmentation.tables import segment_table
from napari_gdls.simulation import Disturbances
from napari_gdls.simulation.rock import ROCK
from napari_gdls.spectra.drift import without_drift
from napari_gdls.spectra.windows import window_counts

PLAIN = tuple(dataclasses.replace(ROCK[i], rim_formula=None) for i in (0, 2, 3, 9))
"""Quartz, plagioclase, biotite, magnetite."""


@pytest.fixture(scope="module")
def field():
    return sample_field("synthetic")


@pytest.fixture(scope="module")
def result(field):
    return segment(field)


@pytest.fixture(scope="module")
def small():
    return simulate_field((96, 96), seed=11, minerals=PLAIN, grain_size=12)


@pytest.fixture(scope="module")
def small_result(small):
    return segment(small)


def check(result):
    """That the parts of a result fit together."""
    field, labels = result.field, result.labels
    assert labels.shape == field.shape
    assert labels.dtype == np.int32
    assert (labels[~field.valid] == 0).all()
    assert np.array_equal(np.unique(labels[labels > 0]), np.arange(1, result.n_segments + 1))
    assert np.array_equal(result.measurement_labels, labels[tuple(field.locations.T)] - 1)
    assert result.measurement_labels.dtype == np.int64
    # Every segment has a measurement, so every one has a spectrum.
    assert np.array_equal(
        np.unique(result.measurement_labels[result.measurement_labels >= 0]), np.arange(result.n_segments)
    )
    assert result.phases.shape == (result.n_segments,)
    assert result.phases.min() >= 0
    counts = result.spectra()
    assert counts.shape == (result.n_segments, field.energy.size)
    held = field.summed_spectra(np.where(result.measurement_labels >= 0, 0, -1))
    np.testing.assert_allclose(counts.sum(axis=0), held[0])
    assert tuple(result.timings) == STAGES


def test_segment_is_the_chain_of_its_steps(small):
    found = segment(small, method="threshold")
    z = embed(small)
    graph = build_graph(small, z)
    labels = label_measurements(graph, method="threshold")
    assert np.array_equal(found.embedding, z)
    assert np.array_equal(found.graph.delta_z, graph.delta_z)
    assert np.array_equal(found.measurement_labels, labels)
    assert np.array_equal(found.labels, label_pixels(small, labels))


def test_merging_is_the_chain_of_its_steps(small, small_result):
    z = embed(small)
    graph, counts = build_graph(small, z), window_counts(small)
    tree = build_merge_tree(small, graph, counts=counts)
    recipe = Recipe().with_defaults(small.n_measurements)
    found = find_phases(
        small, graph, tree, z, counts, load_embedding(), tau_z=recipe.tau_z, significance=recipe.significance
    )
    assert np.array_equal(small_result.tree.height, tree.height)
    assert np.array_equal(small_result.measurement_phases.labels, found.labels)
    assert np.array_equal(small_result.measurement_phases.partner, found.partner)
    segments = label_measurements(graph, field=small, z=z)
    both = np.stack([segments, small_result.measurement_labels])
    # Segments of pixels are those of the graph, but for grains that meet between measurements, or do not.
    assert rand_errors(*(both + 1))[0] < 0.05


def test_equal_input_gives_equal_bytes(small, small_result):
    again = segment(small)
    assert again.labels.tobytes() == small_result.labels.tobytes()
    assert again.confidence.tobytes() == small_result.confidence.tobytes()
    assert again.graph.delta_z.tobytes() == small_result.graph.delta_z.tobytes()
    assert again.tree.height.tobytes() == small_result.tree.height.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_matter(small, small_result, threads):
    import numba
    import torch

    before = torch.get_num_threads(), numba.get_num_threads()
    try:
        torch.set_num_threads(threads)
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        again = segment(small)
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])
    assert again.labels.tobytes() == small_result.labels.tobytes()
    assert again.confidence.tobytes() == small_result.confidence.tobytes()
    assert again.phases.tobytes() == small_result.phases.tobytes()


@pytest.mark.parametrize("method", ["merge", "threshold"])
def test_the_order_of_the_measurements_does_not_matter(small, method):
    order = np.random.default_rng(0).permutation(small.n_measurements)
    shuffled = Field(
        small.bse,
        small.spectra[order],
        small.locations[order],
        small.energy,
        sampling_distance=small.sampling_distance,
        beam_energy=small.beam_energy,
    )
    one, other = segment(small, method=method), segment(shuffled, method=method)
    assert one.labels.tobytes() == other.labels.tobytes()
    assert np.array_equal(one.phases, other.phases)


def test_the_synthetic_field_is_segmented_well(field, result):
    scores = evaluate(result.labels, field.metadata["truth"])
    assert scores.asa > 0.92
    assert scores.f1 > 0.9
    assert evaluate(result.phase_map(), field.metadata["truth_phases"]).asa > 0.95
    thresholds = segment(field, embedding=result.embedding, graph=result.graph, method="threshold")
    paper = evaluate(thresholds.labels, field.metadata["truth"])
    assert scores.asa > paper.asa
    assert scores.pq > 2 * paper.pq
    assert abs(scores.n_segments / scores.n_truth - 1) < 0.4 < paper.n_segments / scores.n_truth - 1
    assert 10 <= result.n_phases <= 22  # of 14, two of which are zoned or hardly differ
    check(result)


def test_a_plain_rock_is_segmented_nearly_as_it_is(small, small_result):
    scores = evaluate(small_result.labels, small.metadata["truth"])
    assert scores.asa > 0.96
    assert scores.f1 > 0.9
    truth = small.metadata["truth_phases"]
    share = np.bincount(small_result.measurement_phases.labels) / small.n_measurements
    assert np.count_nonzero(share > 0.01) == len(np.unique(truth))
    assert evaluate(small_result.phase_map(), truth).asa > 0.96
    assert abs(small_result.n_segments - small.metadata["truth"].max()) <= 0.3 * small.metadata["truth"].max()


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "merge"},
        {"method": "merge", "labelling": "walker"},
        {"method": "merge", "smallest": 40},
        {"method": "merge", "reach": 0.5},
        {"method": "merge", "intergrowths": False, "tau_b": 0.05, "significance": 5.0},
        {"method": "threshold"},
        {"method": "threshold", "labelling": "local"},
        *({"method": method} for method in list(METHODS)[2:]),
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
@pytest.mark.parametrize("kind", ["sampled", "dense", "holes"])
def test_all_methods_give_results_that_fit_together(kinds_of_field, kind, changes):
    field = kinds_of_field[kind]
    found = segment(field, **changes)
    check(found)
    assert found.n_segments > 1 or changes["method"] == "published"
    makes_phases = METHODS[changes["method"]].makes_phases
    assert (found.measurement_phases is not None) == (found.tree is not None) == makes_phases
    assert (found.confidence is not None) == found.recipe.gives_confidence
    if changes["method"] == "merge":
        used = np.count_nonzero(found.labels)
        # All that is in reach of a measurement has a label.
        nearest = distance_transform_edt(field.to_map(np.ones(field.n_measurements), fill=0.0) == 0)
        reached = (nearest <= found.recipe.reach * field.sampling_distance) & field.valid
        assert used >= 0.98 * np.count_nonzero(reached)
        for k in range(1, found.n_segments + 1):
            assert connected(found.labels == k)[1] == 1
    again = segment(field, found.recipe, embedding=found.embedding, graph=found.graph)
    assert again.labels.tobytes() == found.labels.tobytes()


@pytest.fixture(scope="module")
def kinds_of_field():
    sampled = simulate_field((72, 66), seed=5, minerals=PLAIN, grain_size=14)
    rows, columns = np.mgrid[:72, :66]
    valid = (np.hypot(rows - 36, columns - 20) > 9) & (columns < 60)
    kept = valid[tuple(sampled.locations.T)]
    holes = Field(
        sampled.bse,
        sampled.spectra[kept],
        sampled.locations[kept],
        sampled.energy,
        sampling_distance=3,
        beam_energy=25,
        valid=valid,
    )
    dense = simulate_field((36, 33), seed=5, minerals=PLAIN, grain_size=12, dense=True, counts=500)
    return {"sampled": sampled, "dense": dense, "holes": holes}


def test_specks_are_removed(small, small_result):
    for smallest in (20, 200):
        found = segment(small, embedding=small_result.embedding, graph=small_result.graph, smallest=smallest)
        check(found)
        assert np.bincount(found.labels[found.labels > 0])[1:].min() >= smallest
        assert found.n_segments <= small_result.n_segments


def test_next_to_nothing_can_be_segmented():
    axis = EnergyAxis(0, 10, 2000)
    one = Field(np.zeros((5, 5), np.uint8), np.ones((1, 2000), np.uint8), [[2, 2]], axis, sampling_distance=3)
    bright = Field(np.zeros((5, 5), np.uint8), np.ones((25, 2000), np.uint8), np.argwhere(np.ones((5, 5))), axis)
    dark = bright.with_spectra(np.zeros((25, 2000), np.uint8))
    apart = Field(
        np.zeros((3, 50), np.uint8), np.ones((2, 2000), np.uint8), [[1, 1], [1, 48]], axis, sampling_distance=3
    )
    for field, n_segments in ((one, 1), (dark, 1), (apart, 2)):
        found = segment(field)
        check(found)
        assert (found.n_segments, found.n_phases) == (n_segments, 1)
        assert found.modal.percent.tolist() == [100.0]
        assert found.merges == ()


def test_earlier_results_are_taken_over(small, small_result):
    coarse = segment(small, embedding=small_result.embedding, graph=small_result.graph, tau_z=6.0)
    assert coarse.timings["embedding"] == coarse.timings["graph"] == 0
    assert min(coarse.timings[stage] for stage in ("tree", "segments", "labelling")) > 0
    assert coarse.n_segments < small_result.n_segments
    assert coarse.n_phases < small_result.n_phases
    assert np.array_equal(coarse.labels, segment(small, tau_z=6.0).labels)
    with pytest.raises(TypeError, match="embedding"):
        segment(small, graph=small_result.graph)


def test_drift_is_measured_and_corrected_when_asked():
    drifting = simulate_field((90, 90), seed=3, dense=True, disturbances=Disturbances(offset_drift=(12.0, 0.0)))
    reported = segment(drifting, method="bse_only")
    assert reported.drift.is_notable
    assert abs(reported.drift.offset[0] - 12) < 3
    corrected = segment(drifting, drift="correct", method="bse_only")
    assert not np.array_equal(corrected.embedding, reported.embedding)
    steady = simulate_field((90, 90), seed=3, dense=True)
    z = embed(steady)
    near = np.linalg.norm(corrected.embedding - z, axis=1)
    far = np.linalg.norm(reported.embedding - z, axis=1)
    assert np.median(near) < np.median(far) * 1.05
    assert segment(drifting, drift="ignore", embedding=z, method="bse_only").drift is None
    # The corrected spectra are used throughout: their counts scale delta_z, too.
    right = without_drift(drifting, corrected.drift)
    graph = build_graph(right, corrected.embedding, calibration=corrected.calibration)
    assert corrected.graph.delta_z.tobytes() == graph.delta_z.tobytes()
    assert corrected.field is drifting
    own = segment(drifting, drift="correct", calibration="field", method="threshold", embedding=corrected.embedding)
    assert own.calibration != corrected.calibration


def test_the_scale_of_delta_z_can_be_that_of_the_field(small, small_result):
    own = segment(small, calibration="field", method="threshold")
    assert own.calibration != small_result.calibration
    ratio = own.graph.delta_z / small_result.graph.delta_z
    assert 0.5 < np.median(ratio) < 2
    assert np.array_equal(own.graph.distance_z, small_result.graph.distance_z)


@pytest.mark.parametrize(
    "changes",
    [
        {"tau_b": 0.03, "tau_z": 1.1, "reach": 1.5, "method": "threshold"},
        {"tau_z": 0.5, "significance": 9.0, "smallest": 30, "labelling": "walker", "intergrowths": False},
    ],
)
def test_the_recipe_repeats_the_run(small, changes):
    first = segment(small, **changes)
    again = segment(small, Recipe.from_json(first.recipe.to_json()))
    assert again.labels.tobytes() == first.labels.tobytes()
    assert again.recipe == first.recipe


def test_the_recipe_names_what_the_defaults_were(small, small_result):
    recipe = small_result.recipe
    assert recipe.model == load_embedding().name
    assert recipe.tau_z == 0.3
    assert recipe.significance == pytest.approx(np.log(small.n_measurements) + 5)
    paper = segment(small, embedding=small_result.embedding, graph=small_result.graph, method="threshold").recipe
    assert (paper.tau_b, paper.tau_z, paper.significance) == (0.05, 1.0, None)
    published = segment(small, embedding=small_result.embedding, method="published").recipe
    assert (published.tau_b, published.tau_z) == (0.4, 0.5)


@pytest.mark.parametrize("method", ["merge", "threshold", "pixelwise"])
def test_progress_receives_every_stage_and_cancels_each(method):
    small = simulate_field((45, 45), seed=11, minerals=PLAIN, grain_size=18)
    heard = []
    segment(small, method=method, progress=lambda stage, fraction: heard.append((stage, fraction)))
    own = {"merge": STAGES, "threshold": [s for s in STAGES if s != "tree"], "pixelwise": (*STAGES[:3], "segments")}
    names = list(dict.fromkeys(name for name, _ in heard if name in STAGES))
    assert names == list(own[method])
    others = {name for name, _ in heard} - {*STAGES, COMPILING}
    assert not others or method == "pixelwise"  # ways of other programs have steps of their own
    for stage in own[method]:
        fractions = [fraction for name, fraction in heard if name == stage]
        assert fractions[0] == 0
        assert fractions[-1] == 1
        assert fractions == sorted(fractions)

        for last in (0, 1):

            def stop(name, fraction, stage=stage, last=last):
                if name == stage and fraction >= last:
                    raise Cancelled(stage)

            with pytest.raises(Cancelled, match=stage):
                segment(small, method=method, progress=stop)


def test_unknown_parameters_are_refused(small):
    with pytest.raises(RecipeError, match="tau_x"):
        segment(small, tau_x=1)


def test_the_table_of_segments_adds_up(small, small_result):
    table = segment_table(small_result.labels, small, small_result.measurement_labels)
    assert table["area [px]"].sum() == np.count_nonzero(small_result.labels)
    assert np.array_equal(table["label"], np.unique(small_result.labels[small_result.labels > 0]))
    assert table["counts"].sum() == pytest.approx(small.total_counts.sum())
    assert table["measurements"].sum() == small.n_measurements
    largest = int(np.argmax(table["area [px]"]))
    rows, columns = np.nonzero(small_result.labels == table["label"][largest])
    assert table["centroid row [px]"][largest] == pytest.approx(rows.mean())
    assert table["centroid column [px]"][largest] == pytest.approx(columns.mean())
    assert table["mean BSE"][largest] == pytest.approx(small.bse[rows, columns].mean())


def test_the_table_follows_labels_drawn_by_hand(small, small_result):
    drawn = np.zeros(small.shape, np.uint8)
    drawn[10:40, 10:40] = 7
    table = segment_table(drawn, small)
    assert table["label"].tolist() == [7]
    inside = ((small.locations >= 10) & (small.locations < 40)).all(axis=1)
    assert table["measurements"].tolist() == [inside.sum()]
    assert table["counts"].tolist() == [small.total_counts[inside].sum()]


def test_storage_of_the_counts_does_not_matter(small, small_result):
    spectra = small.spectra.toarray() if sp.issparse(small.spectra) else small.spectra
    same = Field(
        small.bse, spectra.astype(np.float64), small.locations, small.energy, sampling_distance=small.sampling_distance
    )
    assert np.array_equal(segment(same).labels, small_result.labels)
