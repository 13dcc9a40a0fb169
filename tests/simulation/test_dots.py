"""Places of measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.errors import GdlsError
from napari_gdls.simulation.dots import grid_dots, tima_dots


def gaps(dots: np.ndarray) -> np.ndarray:
    """Shares of the distances 2, 3, ..., 6 between neighbours along rows."""
    found = np.concatenate([np.diff(np.flatnonzero(row)) for row in dots])
    return np.bincount(found, minlength=7)[2:7] / len(found)


def image_of(dots: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[dots[:, 0], dots[:, 1]] = True
    return mask


def test_an_even_image_gets_one_grid() -> None:
    bse = np.full((90, 120), 9000, np.uint16)
    inside = image_of(tima_dots(bse, 3.0), bse.shape)[3:-3, 3:-3]
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    assert set(np.diff(rows)) == set(np.diff(columns)) == {3}
    assert inside.sum() == len(rows) * len(columns)
    assert len(grid_dots((90, 120), 3.0)) == 30 * 40


def test_every_grain_that_shows_gets_a_dot_however_small() -> None:
    bse = np.full((60, 60), 9000, np.uint16)
    corners = [(r, c) for r in range(5, 55, 9) for c in range(5, 55, 8)]
    for row, column in corners:
        bse[row : row + 3, column : column + 3] = 30000
    dots = image_of(tima_dots(bse, 8.0), bse.shape)
    assert all(dots[row : row + 3, column : column + 3].any() for row, column in corners)
    plain = image_of(grid_dots((60, 60), 8.0), bse.shape)
    assert not all(plain[row : row + 3, column : column + 3].any() for row, column in corners)


def test_noise_alone_makes_no_grains() -> None:
    rng = np.random.default_rng(0)
    noisy = (9000 + 300 * rng.standard_normal((150, 150))).astype(np.uint16)
    assert len(tima_dots(noisy, 3.0)) < 1.1 * 2500


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.floats(2, 20), st.integers(0, 99), st.sampled_from([np.uint8, np.uint16])
)
def test_dots_are_inside_and_apart(height: int, width: int, spacing: float, seed: int, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    bse = np.kron(rng.integers(0, 200, (8, 8)), np.ones((5, 5), int))[:height, :width].astype(dtype)
    dots = image_of(tima_dots(bse, spacing), bse.shape)
    assert dots.any()
    assert not (dots[1:] & dots[:-1]).any()
    assert not (dots[:, 1:] & dots[:, :-1]).any()


def test_dots_are_like_those_of_the_instrument(shared_data: Path) -> None:
    import imageio.v3 as iio

    folder = shared_data / "reference"
    bse, theirs = iio.imread(folder / "bse.png"), iio.imread(folder / "pixelmask.png") > 0
    ours = image_of(tima_dots(bse, 3.0), bse.shape)
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.05)
    for one, other in ((ours, theirs), (ours.T, theirs.T)):
        np.testing.assert_allclose(gaps(one), gaps(other), atol=0.025)
    # A plain grid has no gaps but of 3 px, and 12 % fewer dots.
    assert len(grid_dots((500, 500), 3.0)) < 0.89 * theirs.sum()


def test_dots_side_by_side_are_refused() -> None:
    with pytest.raises(GdlsError, match="at least 2 px"):
        tima_dots(np.zeros((9, 9), np.uint16), 1.5)
