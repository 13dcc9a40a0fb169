import numpy as np
import pytest

from napari_gdls import EnergyAxis
from napari_gdls.overlap import decompose, separate_phases, separation_picture
from napari_gdls.overlap.picture import PHASE_COLOURS
from napari_gdls.overlap.picture_page import NOTHING, Page, Panel, grey_image, mask_image, tinted_image
from napari_gdls.overlap.spectrum_strips import STRIP, Strip, draw_strips
from napari_gdls.simulation import simulate_overlapping

AXIS = EnergyAxis(0.0, 10.0, 1000)


@pytest.fixture(scope="module")
def separation():
    field = simulate_overlapping((48, 64), counts=200.0, seed=5)
    truth = field.metadata["truth"]
    return separate_phases(field, truth["presence"], matrix=truth["matrix"])


def colours_of(picture):
    return {tuple(colour) for colour in np.unique(picture.reshape(-1, 3), axis=0).tolist()}


def test_masks_of_all_phases_and_their_intersections_are_in_the_picture(separation):
    picture = separation_picture(separation)
    assert picture.dtype == np.uint8
    assert {PHASE_COLOURS[i] for i in range(3)} <= colours_of(picture)
    assert np.count_nonzero((picture == (250, 230, 90)).all(axis=2)) >= np.count_nonzero(separation.intersection)
    np.testing.assert_array_equal(picture, separation_picture(separation))


def test_what_the_masks_started_from_is_added(separation):
    plain = separation_picture(separation)
    more = separation_picture(separation, decomposition=decompose(separation.field, 3))
    assert more.shape[0] >= plain.shape[0] + 3 * STRIP
    assert more.shape[1] >= plain.shape[1]


@pytest.mark.parametrize(
    ("shape", "most"), [((96, 96), 4), ((200, 300), 5), ((7, 5), 2), ((2000, 3000), 4), ((9, 900), 9)]
)
def test_panels_of_any_size_fit_the_page(shape, most):
    page = Page(shape, most)
    panel = Panel("x", np.zeros((*shape, 3), np.uint8))
    page.add_panels("heading", [panel] * most)
    page.add_words(["word " * 200, "short"], [(0, 0, 0), (9, 9, 9)])
    picture = page.finished()
    assert picture.shape[1] == page.width >= 1240
    assert picture.shape[0] < 12_000
    black = (picture == 0).all(axis=2).sum()
    assert black > 0


def test_images_show_what_was_not_measured():
    values = np.array([[0.0, 1.0], [2.0, np.nan]])
    measured = np.isfinite(values)
    tinted = tinted_image(values, measured, (0, 114, 178))
    assert tuple(tinted[1, 1]) == NOTHING
    assert tinted[0, 0].max() < 5
    assert tinted[1, 0].min() > 250
    mask = mask_image(
        np.array([[True, False], [True, False]]), measured, (9, 8, 7), np.array([[True, True], [False, False]])
    )
    assert [tuple(pixel) for pixel in mask.reshape(-1, 3).tolist()] == [(250, 230, 90), (0, 0, 0), (9, 8, 7), NOTHING]
    assert (grey_image(np.full((2, 2), 7), measured) == 128).all()


def peak(energy, height):
    return height * np.exp(-(((AXIS.centers - energy) / 55) ** 2) / 2)


def test_peaks_are_named_and_absent_lines_are_not():
    spectrum = peak(1740, 1000) + peak(6400, 300) + 5
    plain = draw_strips([Strip("a", spectrum, (0, 0, 0))], AXIS, 800)
    named = draw_strips([Strip("a", spectrum, (0, 0, 0), [("Si", 1740)])], AXIS, 800)
    absent = draw_strips([Strip("a", spectrum, (0, 0, 0), [("Ca", 3690)])], AXIS, 800)
    assert (plain != named).any()
    np.testing.assert_array_equal(plain, absent)


@pytest.mark.parametrize("spectrum", [np.zeros(1000), -np.ones(1000), np.full(1000, 1e300), np.eye(1, 1000, 3)[0]])
def test_spectra_without_peaks_are_drawn(spectrum):
    picture = draw_strips([Strip("a", spectrum, (0, 0, 0), [("Si", 1740)], behind=spectrum)] * 2, AXIS, 500)
    assert picture.shape[1] == 500
