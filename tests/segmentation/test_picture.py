import numpy as np
import pytest

from napari_gdls import sample_field, segment
from napari_gdls.errors import RecipeError
from napari_gdls.segmentation.colours import composition_colours, phase_colours, segment_colours
from napari_gdls.segmentation.picture import segmentation_picture


@pytest.fixture(scope="module")
def result():
    return segment(sample_field("dacite-fast"))


@pytest.fixture(scope="module")
def without_phases(result):
    return segment(result.field, embedding=result.embedding, graph=result.graph, method="threshold")


def test_segments_of_one_phase_have_one_colour_and_phases_differ(result):
    colours = segment_colours(result)
    assert colours.shape == (result.n_segments, 3)
    assert np.array_equal(colours, phase_colours(result)[result.phases])
    assert len(np.unique(np.round(phase_colours(result), 3), axis=0)) == result.n_phases


def test_without_phases_every_segment_has_the_colour_of_its_spectrum(without_phases):
    expected = composition_colours(without_phases.spectra(), without_phases.field.energy)
    assert np.array_equal(segment_colours(without_phases), expected)
    with pytest.raises(RecipeError, match="no phases"):
        phase_colours(without_phases)


def test_bse_stands_beside_the_segments_and_the_phases_below(result, without_phases):
    picture, plain = segmentation_picture(result), segmentation_picture(without_phases)
    height, width = result.field.shape
    assert plain.shape == (6 * height, 2 * 6 * width + 12, 3)
    assert picture.shape[1] == plain.shape[1]
    assert picture.shape[0] > plain.shape[0]
    left = picture[: 6 * height, : 6 * width]
    assert np.array_equal(left, plain[:, : 6 * width])
    assert (left[..., 0] == left[..., 1]).all()
    legend = {tuple(colour) for colour in picture[6 * height :].reshape(-1, 3).tolist()}
    shown = np.round(255 * phase_colours(result)).astype(int)
    assert sum(tuple(colour) in legend for colour in shown.tolist()) == min(result.n_phases, 36)
