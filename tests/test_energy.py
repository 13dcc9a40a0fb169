import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.energy import CANONICAL_AXIS, EnergyAxis, rebin, rebinning_matrix
from napari_gdls.errors import FieldError

axes = st.builds(
    EnergyAxis,
    offset=st.floats(-1000, 3000, allow_nan=False),
    width=st.floats(1, 50, allow_nan=False),
    size=st.integers(1, 300),
)


def test_channel_of_an_energy_and_back():
    axis = EnergyAxis(-472.4, 10.001, 2048)
    assert np.array_equal([axis.index(e) for e in axis.centers], np.arange(2048))
    np.testing.assert_allclose(np.diff(axis.edges), axis.width)
    np.testing.assert_allclose((axis.edges[1:] + axis.edges[:-1]) / 2, axis.centers, atol=1e-9)


def test_window_takes_the_channels_whose_centres_lie_inside():
    axis = EnergyAxis(0, 10, 100)
    assert axis.window(100, 130) == slice(10, 13)
    assert axis.window(-500, 1e6) == slice(0, 100)
    assert axis.window(5000, 6000) == slice(100, 100)
    with pytest.raises(FieldError, match="empty"):
        axis.window(200, 100)


@pytest.mark.parametrize(
    "values", [(0, 0, 10), (0, -1, 10), (0, 10, 0), (np.nan, 10, 5), (0, np.inf, 5), (0, 10, 2.5), ("a", 1, 1)]
)
def test_impossible_axes_are_refused(values):
    with pytest.raises(FieldError, match="energy axis"):
        EnergyAxis(*values)


@given(axes, axes, st.integers(0, 2**32))
def test_rebinning_conserves_the_counts_that_lie_on_both_axes(source, target, seed):
    matrix = rebinning_matrix(source, target)
    share = np.asarray(matrix.sum(axis=1)).ravel()
    # What of each source channel overlaps the target band, computed another way.
    low, high = target.edges[0], target.edges[-1]
    overlap = np.clip(np.minimum(source.edges[1:], high) - np.maximum(source.edges[:-1], low), 0, None) / source.width
    np.testing.assert_allclose(share, overlap, atol=1e-5)
    counts = np.random.default_rng(seed).poisson(3, (2, source.size))
    np.testing.assert_allclose(rebin(counts, source, target).sum(axis=1), counts @ overlap, rtol=1e-4, atol=1e-3)


@given(axes, axes, st.integers(0, 2**32))
def test_sparse_and_dense_rebinning_agree(source, target, seed):
    counts = np.random.default_rng(seed).poisson(0.3, (3, source.size))
    dense = rebin(counts, source, target)
    sparse = rebin(sp.csr_array(counts), source, target)
    np.testing.assert_allclose(sparse.toarray(), dense, rtol=1e-5, atol=1e-5)


def test_a_line_stays_where_it_is():
    source = EnergyAxis(-472.4, 5.0, 4096)
    peak = np.exp(-0.5 * ((source.centers - 6404) / 60) ** 2)[None] * 1000
    moved = rebin(peak, source, CANONICAL_AXIS)[0]
    assert np.average(CANONICAL_AXIS.centers, weights=moved) == pytest.approx(6404, abs=0.5)


def test_coinciding_channels_are_selected_without_touching_the_counts():
    counts = np.arange(12, dtype=np.uint16).reshape(2, 6)
    kept = rebin(counts, EnergyAxis(0, 10, 6), EnergyAxis(20, 10, 3))
    assert kept.dtype == np.uint16
    assert np.array_equal(kept, counts[:, 2:5])


def test_spectra_shorter_than_the_target_are_padded_with_nothing():
    moved = rebin(np.ones((1, 5)), EnergyAxis(200, 10, 5), CANONICAL_AXIS)
    assert moved.shape == (1, CANONICAL_AXIS.size)
    assert moved.sum() == pytest.approx(5)
    assert not moved[0, 5:].any()
