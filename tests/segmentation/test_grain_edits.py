"""What is meant by filling, growing and removing grains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.ndimage import binary_fill_holes, label

from napari_gdls import EnergyAxis, Field, Recipe, Segmentation
from napari_gdls.errors import RecipeError
from napari_gdls.graph import MeasurementGraph
from napari_gdls.segmentation import grown, holes_of, place_of_segment, places_of_segment, shrunk, specks_of

IMAGES = npst.arrays(np.int32, (7, 8), elements=st.integers(0, 3)).filter(np.any)


def segmented(image: np.ndarray) -> Segmentation:
    """A dense field whose segments are the connected pieces of an image; its graph joins pixels that share a side."""
    labels, n = np.zeros(image.shape, dtype=np.int32), 0
    for value in np.unique(image[image > 0]):
        pieces, count = label(image == value)
        labels[pieces > 0] = pieces[pieces > 0] + n
        n += count
    places = np.argwhere(labels > 0)
    number = np.full(labels.shape, -1)
    number[labels > 0] = np.arange(len(places))
    across, down = (number[:, :-1], number[:, 1:]), (number[:-1], number[1:])
    edges = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in (across, down)])
    edges = edges[(edges >= 0).all(axis=1)]
    nothing = np.zeros(len(edges))
    field = Field(
        np.ones(labels.shape, dtype=np.uint16),
        np.ones((len(places), 4), dtype=np.uint16),
        places,
        EnergyAxis(offset=0.0, width=20.0, size=4),
        sampling_distance=1.0,
    )
    return Segmentation(
        labels,
        labels[labels > 0].astype(np.int64) - 1,
        np.arange(n),
        MeasurementGraph(places, edges, nothing, nothing, nothing, nothing + 1),
        np.zeros((len(places), 2), dtype=np.float32),
        Recipe(),
        field,
    )


def after(found: Segmentation, *paints) -> np.ndarray:
    """Labels of its pixels after paint, one after the other."""
    labels = found.labels.copy()
    for paint in paints:
        labels[tuple(np.transpose(paint.places))] = labels[paint.into]
    return labels


RING = np.pad(np.pad(np.array([[1, 2], [1, 1]]), 1, constant_values=3), 1, constant_values=1)


def test_holes_are_filled_up_to_a_size():
    found = segmented(RING)
    ring = int(found.labels[1, 1]) - 1
    paint = holes_of(found, ring)
    np.testing.assert_array_equal(after(found, paint)[1:5, 1:5], ring + 1)
    assert (after(found, paint)[0] != ring + 1).all()
    assert holes_of(found, ring, largest=3) is None
    assert holes_of(found, ring, largest=4) == paint
    assert holes_of(found, int(found.labels[2, 3]) - 1) is None


@given(image=IMAGES)
@settings(deadline=None)
def test_holes_are_those_of_the_shape(image):
    found = segmented(image)
    for segment in range(found.n_segments):
        paint = holes_of(found, segment)
        own = found.labels == segment + 1
        expected = binary_fill_holes(own) & (found.labels > 0)
        now = after(found) if paint is None else after(found, paint)
        np.testing.assert_array_equal(now == segment + 1, expected)


@given(image=IMAGES, smallest=st.integers(1, 9))
@settings(deadline=None)
def test_after_removing_specks_there_are_none_with_neighbours(image, smallest):
    found = segmented(image)
    area = np.bincount(found.labels.ravel(), minlength=found.n_segments + 1)
    now = after(found, *specks_of(found, smallest))
    kept = np.flatnonzero(area[1:] >= smallest) + 1
    # Grains that are large enough lose nothing.
    assert all((now[found.labels == grain] == grain).all() for grain in kept)
    pieces, n = label(found.labels > 0)
    for piece in range(1, n + 1):
        before = found.labels[pieces == piece]
        if np.isin(before, kept).any():
            assert np.isin(now[pieces == piece], kept).all()
        else:
            np.testing.assert_array_equal(now[pieces == piece], before)


def test_specks_go_where_their_border_is_longest_and_only_those_of_some_phases():
    image = np.array([[1, 1, 1, 1, 2, 2], [1, 3, 3, 2, 2, 2], [1, 1, 1, 2, 2, 2]])
    found = segmented(image)
    speck, host = int(found.labels[1, 1]), int(found.labels[0, 0])
    (paint,) = specks_of(found, 3)
    assert set(paint.places) == {(1, 1), (1, 2)}
    assert found.labels[paint.into] == host
    assert specks_of(found, 2) == ()
    assert specks_of(found, 3, phases=[host - 1]) == ()
    assert specks_of(found, 3, phases=[speck - 1]) == (paint,)


@given(image=IMAGES, steps=st.integers(1, 3))
@settings(deadline=None)
def test_growing_takes_what_is_within_some_steps(image, steps):
    from scipy.ndimage import binary_dilation

    found = segmented(image)
    for segment in range(found.n_segments):
        own = found.labels == segment + 1
        expected = binary_dilation(own, iterations=steps, mask=found.labels > 0)
        paint = grown(found, segment, steps)
        assert (paint is None) == (expected == own).all()
        if paint is not None:
            np.testing.assert_array_equal(after(found, paint) == segment + 1, expected)


@given(image=IMAGES)
@settings(deadline=None)
def test_shrinking_gives_the_rim_to_neighbours_that_touch_it(image):
    found = segmented(image)
    for segment in range(found.n_segments):
        paints = shrunk(found, segment)
        own = found.labels == segment + 1
        ends = found.measurement_labels[found.graph.edges]
        rim = np.zeros(len(found.measurement_labels), dtype=bool)
        rim[found.graph.edges[ends[:, 0] != ends[:, 1]]] = True
        at_rim = np.zeros(own.shape, dtype=bool)
        at_rim[tuple(found.field.locations[rim].T)] = True
        at_rim &= own
        if paints:
            now = after(found, *paints)
            np.testing.assert_array_equal(now[~at_rim], found.labels[~at_rim])
            assert (now[at_rim] != segment + 1).all()
            assert (now == segment + 1).any()
        else:
            assert not at_rim.any() or (at_rim == own).all()


def test_places_of_segments():
    found = segmented(np.repeat([[1, 2]], 5, axis=0).repeat(5, axis=1))
    assert place_of_segment(found, 0) == (2, 2)
    assert place_of_segment(found, 1) == (2, 7)
    assert places_of_segment(found, 1) == tuple((row, column) for row in range(5) for column in range(5, 10))
    for of in (place_of_segment, places_of_segment, grown, shrunk, holes_of):
        with pytest.raises(RecipeError, match="segment is 2"):
            of(found, 2)
    with pytest.raises(RecipeError, match="smallest is 0"):
        specks_of(found, 0)
