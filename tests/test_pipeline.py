import numpy as np
import pytest
import scipy.sparse as sp

from napari_gdls import (
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
from napari_gdls.pipeline import STAGES
from napari_gdls.segments import segment_table
from napari_gdls.spectra import Disturbances


@pytest.fixture(scope="module")
def field():
    return sample_field("synthetic")


@pytest.fixture(scope="module")
def result(field):
    return segment(field)


def test_segment_is_the_chain_of_its_steps(field, result):
    z = embed(field)
    graph = build_graph(field, z)
    labels = label_measurements(graph)
    assert np.array_equal(result.embedding, z)
    assert np.array_equal(result.graph.delta_z, graph.delta_z)
    assert np.array_equal(result.measurement_labels, labels)
    assert np.array_equal(result.labels, label_pixels(field, labels))


def test_equal_input_gives_equal_bytes(field, result):
    again = segment(field)
    assert again.labels.tobytes() == result.labels.tobytes()
    assert again.graph.delta_z.tobytes() == result.graph.delta_z.tobytes()


def test_the_synthetic_field_is_segmented_better_than_by_chance(field, result):
    scores = evaluate(result.labels, field.metadata["truth"])
    assert scores.asa > 0.8
    assert scores.recall > 0.8
    one = evaluate(np.ones(field.shape, np.int32), field.metadata["truth"])
    assert scores.asa > one.asa + 0.3


def test_parts_of_the_result_fit_together(field, result):
    assert result.labels.shape == field.shape
    assert result.n_segments == result.measurement_labels.max() + 1 == len(result.phases)
    counts = result.spectra()
    assert counts.shape == (result.n_segments, field.energy.size)
    assert counts.sum() == pytest.approx(field.spectra.sum())
    assert set(result.timings) == set(STAGES)
    assert all(seconds > 0 for seconds in result.timings.values())


def test_earlier_results_are_taken_over(field, result):
    coarse = segment(field, embedding=result.embedding, graph=result.graph, tau_z=2.0)
    assert coarse.timings["embedding"] == coarse.timings["graph"] == 0
    assert coarse.n_segments < result.n_segments
    assert np.array_equal(coarse.labels, segment(field, tau_z=2.0).labels)
    with pytest.raises(TypeError, match="embedding"):
        segment(field, graph=result.graph)


def test_drift_is_measured_and_taken_back_when_asked():
    drifting = simulate_field((90, 90), seed=3, dense=True, disturbances=Disturbances(offset_drift=(12.0, 0.0)))
    reported = segment(drifting)
    assert reported.drift.is_notable
    assert abs(reported.drift.offset[0] - 12) < 3
    corrected = segment(drifting, drift="correct")
    assert not np.array_equal(corrected.embedding, reported.embedding)
    steady = simulate_field((90, 90), seed=3, dense=True)
    near = np.linalg.norm(corrected.embedding - segment(steady).embedding, axis=1)
    far = np.linalg.norm(reported.embedding - segment(steady).embedding, axis=1)
    assert np.median(near) < np.median(far) * 1.05
    assert segment(drifting, drift="ignore").drift is None


def test_the_scale_of_delta_z_can_be_that_of_the_field(field, result):
    own = segment(field, calibration="field")
    assert own.calibration != result.calibration
    ratio = own.graph.delta_z / result.graph.delta_z
    assert 0.5 < np.median(ratio) < 2
    assert np.array_equal(own.graph.distance_z, result.graph.distance_z)


def test_the_recipe_repeats_the_run(field):
    first = segment(field, tau_b=0.03, tau_z=1.1, reach=1.5)
    again = segment(field, Recipe.from_json(first.recipe.to_json()))
    assert again.labels.tobytes() == first.labels.tobytes()


def test_the_recipe_names_what_the_defaults_were(field, result):
    assert result.recipe.model == load_embedding().name
    assert result.recipe.tau_b is not None
    assert result.recipe.tau_z is not None
    assert segment(field, result.recipe).labels.tobytes() == result.labels.tobytes()


def test_progress_hears_of_every_stage_and_cancels_each(field, result):
    heard = []
    segment(field, progress=lambda stage, fraction: heard.append((stage, fraction)))
    for stage in STAGES:
        fractions = [fraction for name, fraction in heard if name == stage]
        assert fractions[0] == 0
        assert fractions[-1] == 1
        assert fractions == sorted(fractions)

        def stop(name, fraction, stage=stage):
            if name == stage:
                raise Cancelled(stage)

        with pytest.raises(Cancelled, match=stage):
            segment(field, progress=stop)


def test_unknown_parameters_are_refused(field):
    with pytest.raises(RecipeError, match="tau_x"):
        segment(field, tau_x=1)


def test_the_table_of_segments_adds_up(field, result):
    table = segment_table(result.labels, field, result.measurement_labels)
    assert table["area [px]"].sum() == np.count_nonzero(result.labels)
    assert np.array_equal(table["label"], np.unique(result.labels[result.labels > 0]))
    assert table["counts"].sum() == pytest.approx(field.total_counts.sum())
    assert table["measurements"].sum() == field.n_measurements
    largest = int(np.argmax(table["area [px]"]))
    rows, columns = np.nonzero(result.labels == table["label"][largest])
    assert table["centroid row [px]"][largest] == pytest.approx(rows.mean())
    assert table["centroid column [px]"][largest] == pytest.approx(columns.mean())
    assert table["mean BSE"][largest] == pytest.approx(field.bse[rows, columns].mean())


def test_the_table_follows_labels_drawn_by_hand(field, result):
    drawn = np.zeros(field.shape, np.uint8)
    drawn[10:40, 10:40] = 7
    table = segment_table(drawn, field)
    assert table["label"].tolist() == [7]
    inside = ((field.locations >= 10) & (field.locations < 40)).all(axis=1)
    assert table["measurements"].tolist() == [inside.sum()]
    assert table["counts"].tolist() == [field.total_counts[inside].sum()]


def test_storage_of_the_counts_does_not_matter(field, result):
    from napari_gdls import Field

    spectra = field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra
    same = Field(
        field.bse, spectra.astype(np.float64), field.locations, field.energy, sampling_distance=field.sampling_distance
    )
    assert np.array_equal(segment(same).labels, result.labels)
