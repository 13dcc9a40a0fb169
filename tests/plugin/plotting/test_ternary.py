"""Shares as places in a triangle, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_gdls.plugin.plotting.ternary import CORNERS, HEIGHT, grid_lines, places_of, shares_at, shares_of

amounts = arrays(np.float64, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(0.01, 1e6))


@given(amounts)
def test_shares_come_back_from_their_places(given_amounts):
    shares = shares_of(given_amounts)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_allclose(shares_at(places_of(shares)), shares, atol=1e-12)


@given(amounts, st.floats(1e-3, 1e3))
def test_places_do_not_depend_on_the_unit(given_amounts, factor):
    np.testing.assert_allclose(
        places_of(shares_of(given_amounts)), places_of(shares_of(factor * given_amounts)), atol=1e-9
    )


@given(amounts)
def test_distance_from_a_side_is_the_share_of_the_corner_across(given_amounts):
    shares = shares_of(given_amounts)
    places = places_of(shares)
    for corner in range(3):
        a, b = CORNERS[(corner + 1) % 3], CORNERS[(corner + 2) % 3]
        along, to = b - a, places - a
        distance = np.abs(along[0] * to[:, 1] - along[1] * to[:, 0])  # sides are 1 long
        np.testing.assert_allclose(distance, shares[:, corner] * HEIGHT, atol=1e-12)


def test_what_has_no_shares_has_no_place():
    shares = shares_of([[0, 0, 0], [1, -1, 0], [np.nan, 1, 1], [-1, -2, 1], [np.inf, 1, 1], [1, 1, 2]])
    assert np.isnan(shares[:5]).all()
    np.testing.assert_allclose(shares[5], [0.25, 0.25, 0.5])


def test_a_negative_amount_lies_outside():
    ((x, y),) = places_of(shares_of([[-1.0, 6.0, 5.0]]))
    assert y < 0
    assert 0 < x < 1


@pytest.mark.parametrize("steps", [2, 5, 10])
def test_grid_lines_have_one_share_each(steps):
    lines = grid_lines(steps)
    assert lines.shape == (3 * (steps - 1), 2, 2)
    for fixed in range(3):
        for step in range(1, steps):
            shares = shares_at(lines[fixed * (steps - 1) + step - 1])
            np.testing.assert_allclose(shares[:, fixed], step / steps, atol=1e-12)
            np.testing.assert_allclose(np.sort(shares, axis=1)[:, 0], 0.0, atol=1e-12)  # from side to side
