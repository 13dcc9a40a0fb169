"""Points inside of outlines, beside a simple search along a ray."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.plugin.plotting.enclosed import enclosed

vertices = st.lists(st.tuples(st.integers(-8, 8), st.integers(-8, 8)), min_size=3, max_size=12)


def by_ray(x: float, y: float, outline) -> bool:
    """Whether a ray to the right crosses the outline an odd number of times."""
    crossings = 0
    for (x0, y0), (x1, y1) in zip(outline, outline[1:] + outline[:1], strict=True):
        if (y0 > y) != (y1 > y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) > x:
            crossings += 1
    return crossings % 2 == 1


@given(vertices, st.integers(0, 1000))
def test_same_as_a_ray_from_each_point(outline, seed):
    # Off the whole numbers that vertices have, so that rounding decides nothing.
    x, y = np.random.default_rng(seed).uniform(-9, 9, (2, 40)) + 0.123456
    assert enclosed(x, y, outline).tolist() == [by_ray(*point, outline) for point in zip(x, y, strict=True)]


def test_what_is_gone_round_twice_is_out():
    twice = [(0, 0), (9, 0), (9, 9), (0, 9), (0, 0), (3, 3), (6, 3), (6, 6), (3, 6), (3, 3)]
    assert enclosed(np.array([1.0, 4.5]), np.array([1.0, 4.5]), twice).tolist() == [True, False]


@pytest.mark.parametrize("outline", [[], [(0, 0)], [(0, 0), (5, 5)], [(0, 0), (5, 0), (9, 0)]])
def test_a_line_encloses_nothing(outline):
    assert not enclosed(np.array([1.0, 2.0]), np.array([1.0, 0.0]), outline).any()


def test_points_without_a_place_are_in_nothing():
    inside = enclosed(np.array([np.nan, 1.0, 1.0]), np.array([1.0, np.nan, 1.0]), [(0, 0), (2, 0), (2, 2), (0, 2)])
    assert inside.tolist() == [False, False, True]
