import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label as scipy_label

from napari_gdls.errors import GdlsError
from napari_gdls.labelling import connected_regions


@st.composite
def label_images(draw, most=3):
    shape = draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    seed = draw(st.integers(0, 2**32))
    return np.random.default_rng(seed).integers(draw(st.integers(0, 1)), most + 1, shape)


def groups(image):
    """Number of the group of pixels above 0 that each pixel is joined to by sides; 0 where the image is 0."""
    return scipy_label(image > 0)[0]


def is_numbered_in_raster_order(regions):
    numbers, first = np.unique(regions, return_index=True)
    first = first[numbers > 0]
    return (np.diff(first) > 0).all() and numbers[-1] == np.count_nonzero(numbers)


@settings(deadline=None)
@given(label_images())
def test_regions_are_the_connected_pixels_of_one_label(labels):
    regions = connected_regions(labels)
    assert regions.dtype == np.int32
    assert np.array_equal(regions > 0, labels > 0)
    assert is_numbered_in_raster_order(regions)
    for k in range(1, regions.max() + 1):
        inside = regions == k
        assert len(np.unique(labels[inside])) == 1
        assert scipy_label(inside)[1] == 1
    expected = sum(scipy_label(labels == value)[1] for value in np.unique(labels) if value > 0)
    assert regions.max() == expected


@settings(max_examples=200, deadline=None)
@given(label_images(), st.integers(0, 2**32), st.integers(0, 6))
def test_what_cannot_stand_is_absorbed(labels, seed, n_anchors):
    rng = np.random.default_rng(seed)
    anchors = np.stack([rng.integers(0, length, n_anchors) for length in labels.shape], axis=1)
    regions = connected_regions(labels, anchors=anchors)
    assert is_numbered_in_raster_order(regions)
    # All that is joined with an anchor has a region, nothing else has.
    joined = groups(labels)
    reached = np.isin(joined, joined[tuple(anchors.T)]) & (labels > 0)
    assert np.array_equal(regions > 0, reached)
    anchored = set(regions[tuple(anchors.T)].tolist()) - {0}
    assert anchored == set(range(1, regions.max() + 1))
    # Regions that hold an anchor stay whole.
    whole = connected_regions(labels)
    for row, column in anchors:
        if labels[row, column] > 0:
            own = whole == whole[row, column]
            assert (regions[own] == regions[row, column]).all()


@settings(max_examples=200, deadline=None)
@given(label_images(), st.integers(1, 12))
def test_no_region_is_too_small_unless_all_that_is_joined_is(labels, smallest):
    regions = connected_regions(labels, smallest=smallest)
    assert np.array_equal(regions > 0, labels > 0)
    for k in range(1, regions.max() + 1):
        inside = regions == k
        assert scipy_label(inside)[1] == 1
        if np.count_nonzero(inside) < smallest:
            joined = groups(labels)
            assert np.array_equal(inside, joined == joined[inside][0])


def test_a_region_without_measurement_goes_to_the_longest_border():
    labels = np.array(
        [
            [1, 1, 1, 1, 1],
            [1, 2, 2, 2, 1],
            [3, 2, 2, 2, 1],
            [3, 3, 3, 3, 3],
        ]
    )
    # The 2 shares 6 sides with the 1 and 4 with the 3.
    regions = connected_regions(labels, anchors=[[0, 0], [3, 0]])
    assert np.array_equal(regions, np.where(labels == 3, 2, 1))
    assert connected_regions(labels, anchors=[[0, 0], [3, 0], [1, 1]]).max() == 3


def test_of_equal_borders_the_first_region_wins():
    assert connected_regions(np.array([[2, 3, 1]]), anchors=[[0, 0], [0, 2]]).tolist() == [[1, 1, 2]]
    assert connected_regions(np.array([[1, 3, 2]]), anchors=[[0, 0], [0, 2]]).tolist() == [[1, 1, 2]]


def test_chains_of_specks_are_absorbed_from_both_ends():
    labels = np.array([[1, 1, 1, 2, 3, 4, 5, 6, 7, 7, 7]])
    assert connected_regions(labels, smallest=2).tolist() == [[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]]
    long = np.arange(2, 5002)[None]
    assert connected_regions(long, anchors=[[0, 2500]]).max() == 1


def test_absorbed_specks_join_regions_of_one_label():
    assert connected_regions(np.array([[4, 4, 9, 4, 4]]), smallest=2).tolist() == [[1, 1, 1, 1, 1]]


def test_small_regions_are_absorbed_even_with_a_measurement_and_isolated_ones_stay():
    labels = np.array([[1, 1, 1, 2, 0, 3]])
    assert connected_regions(labels, anchors=[[0, 0], [0, 3], [0, 5]], smallest=2).tolist() == [[1, 1, 1, 1, 0, 2]]
    # The larger region without a measurement cannot absorb the smaller one that has it.
    assert connected_regions(np.array([[1, 1, 2]]), anchors=[[0, 2]], smallest=5).tolist() == [[1, 1, 1]]


def test_regions_without_any_measurement_get_0():
    labels = np.array([[1, 2, 0, 3, 4]])
    assert connected_regions(labels, anchors=[[0, 3]]).tolist() == [[0, 0, 0, 1, 1]]
    assert connected_regions(labels, anchors=np.empty((0, 2), int)).max() == 0


def test_names_of_labels_do_not_matter():
    labels = np.random.default_rng(0).integers(0, 4, (40, 50))
    renamed = np.array([0, 900_000, 7, 2_000_000_000])[labels]
    assert np.array_equal(connected_regions(labels, smallest=9), connected_regions(renamed, smallest=9))


@pytest.mark.parametrize(
    ("labels", "arguments", "words"),
    [
        (np.ones((2, 2)), {}, "whole numbers"),
        (np.ones(4, int), {}, "shape"),
        (np.ones((0, 4), int), {}, "shape"),
        (np.array([[1, -2]]), {}, "row 0, column 1"),
        (np.ones((2, 2), int), {"anchors": [[0, 2]]}, "outside"),
        (np.ones((2, 2), int), {"anchors": [[-1, 0]]}, "outside"),
        (np.ones((2, 2), int), {"anchors": [[0.5, 0.0]]}, "whole rows"),
        (np.ones((2, 2), int), {"smallest": -1}, "smallest"),
    ],
)
def test_bad_arguments_are_refused(labels, arguments, words):
    with pytest.raises(GdlsError, match=words):
        connected_regions(labels, **arguments)
