import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import EnergyAxis, Field
from napari_gdls.methods.baselines.flooding import flood, smoothed_bse, tensor_gradient, with_measurements

ROWS, COLUMNS = np.mgrid[0:12, 0:15].astype(np.float32)
INSIDE = (slice(2, -2), slice(2, -2))


def field_with(locations, valid=None, shape=(12, 15), bse=None):
    image = np.full(shape, 1000, np.uint16) if bse is None else bse
    spectra = np.ones((len(locations), 3))
    return Field(image, spectra, locations, EnergyAxis(1000, 10, 3), sampling_distance=20.0, valid=valid)


def test_gradients_in_one_direction_add_up_as_squares():
    gradient = tensor_gradient([3 * ROWS, -4 * ROWS])
    np.testing.assert_allclose(gradient[INSIDE], 5, rtol=1e-5)


def test_of_gradients_at_right_angles_the_larger_counts():
    gradient = tensor_gradient([3 * ROWS, 4 * COLUMNS])
    np.testing.assert_allclose(gradient[INSIDE], 4, rtol=1e-5)


@given(st.floats(0, 2 * np.pi), st.floats(0.1, 100))
def test_the_gradient_of_a_ramp_is_its_slope_in_any_direction(angle, slope):
    ramp = slope * (np.cos(angle) * ROWS + np.sin(angle) * COLUMNS)
    np.testing.assert_allclose(tensor_gradient([ramp])[INSIDE], slope, rtol=1e-3)


def test_a_basin_needs_the_depth_to_be_a_region():
    relief = np.tile(np.float32([4] * 7 + [7] + [0] * 7), (12, 1))  # basins 3 and 7 deep beside a ridge
    everywhere = np.ones(relief.shape, bool)
    assert flood(relief, everywhere, 2.5).max() == 2
    assert flood(relief, everywhere, 3.5).max() == 1
    two = flood(relief, everywhere, 0)
    assert (two[:, :7] == two[0, 0]).all()
    assert (two[:, 8:] == two[0, -1]).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.floats(0, 2), min_size=2, max_size=4))
def test_deeper_or_higher_floods_never_make_more_regions(seed, levels):
    rng = np.random.default_rng(seed)
    relief = rng.random((20, 20)).astype(np.float32)
    within = rng.random((20, 20)) < 0.9
    for found in (
        [flood(relief, within, level).max() for level in sorted(levels)],
        [flood(np.maximum(relief, np.float32(level)), within, 0).max() for level in sorted(levels)],
    ):
        assert found == sorted(found, reverse=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_every_pixel_within_is_flooded_and_no_other(seed, depth):
    rng = np.random.default_rng(seed)
    relief = rng.random((15, 20)).astype(np.float32)
    within = rng.random((15, 20)) < 0.6
    np.testing.assert_array_equal(flood(relief, within, depth) > 0, within)


def test_regions_do_not_cross_what_is_outside():
    within = np.ones((12, 15), bool)
    within[:, 7] = False
    labels = flood(np.zeros((12, 15), np.float32), within, 1.0)
    assert labels.max() == 2
    assert labels[0, 0] != labels[0, -1]


def test_a_region_without_measurement_goes_to_where_the_relief_is_lower():
    labels = np.ones((12, 15), np.int32)
    labels[:, 5:10], labels[:, 10:] = 2, 3
    relief = np.zeros(labels.shape, np.float32)
    relief[:, 4:6] = 5  # the border to region 1 is high, that to region 3 is not
    field = field_with([[5, 1], [5, 13]])
    found = with_measurements(field, labels, labels > 0, relief)
    assert (found[:, :4] == 1).all()
    assert (found[:, 6:] == 2).all()


def test_a_piece_without_measurement_takes_the_label_of_the_nearest_one():
    within = np.ones((12, 15), bool)
    within[:, 11] = False
    labels = np.where(within, 1, 0).astype(np.int32)
    labels[:, :4], labels[:, 12:] = 2, 3
    field = field_with([[5, 1], [5, 10]], valid=within)
    found = with_measurements(field, labels, within, np.zeros(labels.shape, np.float32))
    assert (found[:, 12:] == found[5, 10]).all()
    assert found.max() == 2
    assert (found[:, 11] == 0).all()


@pytest.mark.parametrize(("smallest", "regions"), [(1, 3), (5, 2), (88, 1), (100, 3)])
def test_small_regions_are_dissolved_where_they_touch_one_that_is_large_enough(smallest, regions):
    within = np.ones((12, 15), bool)
    labels = np.ones((12, 15), np.int32)
    labels[:, 8:] = 2  # 84 px
    labels[4:6, 3:5] = 3  # 4 px, which leaves 92 of the first
    field = field_with([[0, 0], [5, 12], [4, 4]])
    assert with_measurements(field, labels, within, np.zeros(labels.shape, np.float32), smallest).max() == regions


def test_resin_around_the_sample_makes_no_edge():
    valid = np.zeros((12, 15), bool)
    valid[3:9, 3:12] = True
    bse = np.where(valid, 20000, 0).astype(np.uint16)
    field = field_with([[5, 5]], valid=valid, bse=bse)
    np.testing.assert_allclose(smoothed_bse(field, 1.5), 20000 / 65536, rtol=1e-5)
