import numpy as np
import pytest

from napari_gdls import EnergyAxis, Field, build_graph, embed, load_embedding
from napari_gdls.embedding import Calibration
from napari_gdls.energy import CANONICAL_AXIS
from napari_gdls.errors import EmbeddingError, RecipeError
from napari_gdls.graph.field_calibration import calibrate_on_field


def two_materials(scatter=0.0, counts=1500, seed=0, shape=(40, 40)):
    """A dense field, half one material, half another, whose line heights scatter from pixel to pixel."""
    rng = np.random.default_rng(seed)
    energy = CANONICAL_AXIS.centers
    peaks = np.stack([np.exp(-0.5 * ((energy - at) / 55) ** 2) for at in (525, 1254, 1740, 3691, 6404)])
    peaks /= peaks.sum(axis=1, keepdims=True)
    heights = np.where(np.arange(shape[1])[:, None] < shape[1] // 2, (2, 1, 4, 1, 1), (2, 3, 3, 0.5, 2))
    heights = np.broadcast_to(heights, (*shape, 5)).reshape(-1, 5)
    heights = heights * np.exp(scatter * rng.standard_normal(heights.shape))
    expected = heights @ peaks + 0.5 / energy.size
    expected *= counts / expected.sum(axis=1, keepdims=True)
    locations = np.argwhere(np.ones(shape, bool))
    return Field(np.zeros(shape, np.uint8), rng.poisson(expected).astype(np.uint16), locations, CANONICAL_AXIS)


@pytest.mark.parametrize("model", ["cosine", "cosine-plain"])
def test_c_is_the_distance_that_one_in_twenty_equal_pairs_exceeds(model):
    field = two_materials()
    calibration = calibrate_on_field(field, model=model)
    again = two_materials(seed=1)  # a second measurement of the same spots
    distance = np.linalg.norm(embed(field, model) - embed(again, model), axis=1)
    delta = calibration.delta_z(distance, field.total_counts, again.total_counts)
    assert 0.03 < (delta > 1).mean() < 0.08
    assert calibration.f == 0


def test_f_is_the_scatter_that_counting_does_not_explain():
    model = load_embedding("cosine")
    found = []
    for scatter in (0.0, 0.15, 0.3):
        field = two_materials(scatter)
        z = embed(field, model)
        graph = build_graph(field, z, calibration=model.calibration)
        calibration = calibrate_on_field(field, graph, model=model)
        found.append(calibration.f)
        inside = graph.distance_z[np.abs(graph.edges % 40 - 19.5).min(axis=1) > 1]
        parted = (calibration.delta_z(inside, 1500, 1500) > 1).mean()
        parted_by_counting_alone = (Calibration(calibration.c).delta_z(inside, 1500, 1500) > 1).mean()
        assert parted < 0.1 + 0.65 * parted_by_counting_alone
    assert found[0] < 0.05
    assert found[0] < found[1] < found[2]


def test_equal_seeds_give_equal_calibrations():
    field = two_materials()
    assert calibrate_on_field(field, seed=4) == calibrate_on_field(field, seed=4)


def test_a_graph_without_usable_neighbours_says_nothing_of_f():
    bright = two_materials()
    spectra = bright.spectra.toarray()
    spectra[bright.locations.sum(axis=1) % 2 == 1] = 3 * (np.arange(CANONICAL_AXIS.size) == 50)  # three counts each
    field = bright.with_spectra(spectra)
    graph = build_graph(field, embed(field, "cosine"))
    assert calibrate_on_field(field, graph, model="cosine") == calibrate_on_field(field, model="cosine")


@pytest.mark.parametrize(("parameter", "value"), [("sample", 99), ("sample", 2.5), ("seed", -1), ("seed", None)])
def test_odd_samples_and_seeds_are_refused(parameter, value):
    with pytest.raises(RecipeError, match=parameter):
        calibrate_on_field(two_materials(shape=(4, 4)), **{parameter: value})


def test_a_graph_of_another_field_is_refused():
    other = two_materials(shape=(12, 10))
    with pytest.raises(RecipeError, match="was not built from this field"):
        calibrate_on_field(two_materials(), build_graph(other, embed(other, "cosine")), model="cosine")


def test_what_cannot_be_split_is_refused():
    axis = EnergyAxis(200, 10, 1536)
    few = Field(np.zeros((3, 3), np.uint8), np.ones((9, 1536)), np.argwhere(np.ones((3, 3), bool)), axis)
    with pytest.raises(EmbeddingError, match="too few"):
        calibrate_on_field(few)
    field = two_materials()
    dense = field.spectra.toarray() if hasattr(field.spectra, "toarray") else field.spectra
    with pytest.raises(EmbeddingError, match="whole counts"):
        calibrate_on_field(field.with_spectra(dense * 0.5))
