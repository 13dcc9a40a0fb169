"""Neighbours on the lattice of pixels, beside loops over all pixels and skimage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.segmentation import find_boundaries

from napari_gdls.lattice import border_pixels, neighbours

IMAGES = hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(0, 3))


@settings(deadline=None)
@given(IMAGES)
def test_every_pair_of_pixels_that_share_a_side_comes_once(image):
    height, width = image.shape
    index = np.arange(image.size).reshape(image.shape)
    pairs = [(int(a), int(b)) for here, there in neighbours(index) for a, b in zip(here.flat, there.flat, strict=True)]
    expected = [(y * width + x, y * width + x + 1) for y in range(height) for x in range(width - 1)]
    expected += [(y * width + x, y * width + x + width) for y in range(height - 1) for x in range(width)]
    assert pairs == expected


@settings(deadline=None)
@given(IMAGES)
def test_borders_are_those_of_skimage(image):
    np.testing.assert_array_equal(border_pixels(image), find_boundaries(image, connectivity=1, mode="thick"))


@settings(deadline=None)
@given(st.data(), IMAGES)
def test_pixels_that_do_not_count_make_no_border(data, image):
    where = data.draw(hnp.arrays(np.bool_, image.shape))
    border = border_pixels(image, where)
    for y, x in np.ndindex(image.shape):
        beside = [(y + dy, x + dx) for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))]
        there = [p for p in beside if 0 <= p[0] < image.shape[0] and 0 <= p[1] < image.shape[1] and where[p]]
        assert border[y, x] == (where[y, x] and any(image[p] != image[y, x] for p in there))


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1)])
def test_single_rows_and_columns_have_neighbours_along_them_alone(shape):
    across, down = neighbours(np.zeros(shape))
    assert across[0].size == across[1].size == shape[0] * (shape[1] - 1)
    assert down[0].size == down[1].size == (shape[0] - 1) * shape[1]
