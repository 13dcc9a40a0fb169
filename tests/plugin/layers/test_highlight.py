"""Outlines of what is selected."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import binary_dilation

from napari_gdls.plugin.layers.highlight import highlight, outline_of_segments

ANY_IMAGE = arrays(np.int32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 5))


@given(ANY_IMAGE, st.sets(st.integers(0, 7)))
def test_an_outline_lies_around_what_is_chosen(labels, chosen):
    picture = outline_of_segments(labels, chosen)
    inside = np.isin(labels, [label for label in chosen if label > 0])
    light = binary_dilation(inside) & ~inside
    np.testing.assert_array_equal(picture == 1, light)
    np.testing.assert_array_equal(picture == 2, binary_dilation(light | inside) & ~inside & ~light)


@given(ANY_IMAGE, st.integers(1, 4))
def test_wide_lines_are_wide_everywhere(labels, width):
    picture, inside = outline_of_segments(labels, [1], width), labels == 1
    assert not picture[inside].any()
    reached = binary_dilation(inside, iterations=width)
    assert (picture[reached & ~inside] == 1).all()


@given(ANY_IMAGE, st.integers(1, 3), st.integers(1, 4))
def test_finer_outlines_are_those_of_finer_labels(labels, width, detail):
    finer = labels.repeat(detail, axis=0).repeat(detail, axis=1)
    np.testing.assert_array_equal(
        outline_of_segments(labels, [1, 2], width, detail), outline_of_segments(finer, [1, 2], width)
    )


def test_segments_come_before_phases(segmentation):
    phase = int(segmentation.phases[0])
    of_segment = highlight(segmentation, segments=[1], phases=[phase])
    np.testing.assert_array_equal(of_segment, outline_of_segments(segmentation.labels, [1]))
    of_phase = highlight(segmentation, phases=[phase])
    chosen = np.flatnonzero(segmentation.phases == phase) + 1
    np.testing.assert_array_equal(of_phase, outline_of_segments(segmentation.labels, chosen))
    assert highlight(segmentation) is None
