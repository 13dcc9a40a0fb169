import numpy as np
import pytest
from scipy import stats

from napari_gdls.errors import RecipeError
from napari_gdls.spectra.sampling import sample_counts


@pytest.mark.parametrize("mean", [0.02, 0.7, 4.0, 9.9, 10.1, 60.0, 3000.0])
def test_channels_are_poisson_distributed(mean):
    """Chi-square test against the distribution, on both sides of the change of method."""
    n = 40_000
    drawn = sample_counts(np.ones((1, n)), n * mean, seed=7)[0]
    low, high = stats.poisson.ppf([0.001, 0.999], mean).astype(int)
    borders = np.unique(np.linspace(low, high, 25).astype(int))
    observed = np.histogram(drawn, np.concatenate([[-0.5], borders + 0.5, [1e9]]))[0]
    expected = n * np.diff(np.concatenate([[0], stats.poisson.cdf(borders, mean), [1]]))
    keep = expected > 5
    statistic = ((observed - expected)[keep] ** 2 / expected[keep]).sum()
    assert stats.chi2.sf(statistic, keep.sum() - 1) > 1e-4


def test_totals_and_channels_are_independent():
    shape = np.array([0.5, 0.3, 0.2, 0.0])
    drawn = sample_counts(shape, np.full(20_000, 50.0), seed=3)
    assert drawn.shape == (20_000, 4)
    assert drawn.dtype == np.float32
    assert (drawn == np.round(drawn)).all()
    assert (drawn[:, 3] == 0).all()
    totals = drawn.sum(axis=1)
    assert totals.mean() == pytest.approx(50, abs=0.25)
    assert totals.var() == pytest.approx(50, rel=0.05)
    np.testing.assert_allclose(np.corrcoef(drawn[:, :3].T), np.eye(3), atol=0.03)


def test_seed_decides():
    shape = np.random.default_rng(0).random((6, 300))
    first = sample_counts(shape, 1000, seed=5)
    np.testing.assert_array_equal(first, sample_counts(shape, 1000, seed=5))
    assert (first != sample_counts(shape, 1000, seed=6)).any(axis=1).all()
    assert len({row.tobytes() for row in sample_counts(np.ones((50, 300)), 500, seed=0)}) == 50


def test_a_row_does_not_depend_on_the_others_or_on_threads():
    import numba

    shape = np.random.default_rng(0).random((40, 200))
    all_rows = sample_counts(shape, 300, seed=1)
    np.testing.assert_array_equal(all_rows[:7], sample_counts(shape[:7], 300, seed=1))
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(all_rows, sample_counts(shape, 300, seed=1))
    finally:
        numba.set_num_threads(threads)


def test_near_seeds_are_unrelated():
    draws = np.stack([sample_counts(np.ones(4000), 40_000, seed=s)[0] for s in range(6)])
    correlation = np.corrcoef(draws) - np.eye(6)
    assert np.abs(correlation).max() < 0.07


def test_counts_per_spectrum_and_scale_of_the_shape():
    shape = np.random.default_rng(0).random((3, 100))
    drawn = sample_counts(1e-6 * shape, [0, 100, 1e6], seed=0).sum(axis=1)
    assert drawn[0] == 0
    assert 50 < drawn[1] < 150
    assert drawn[2] == pytest.approx(1e6, rel=0.01)


@pytest.mark.parametrize(
    ("shape", "counts", "message"),
    [
        (np.array([[-1.0, 2.0]]), 10, "not negative"),
        (np.array([[np.nan, 2.0]]), 10, "finite"),
        (np.zeros((1, 4)), 10, "empty"),
        (np.ones((2, 4)), [1, 2, 3], "3 different counts"),
        (np.ones((2, 4)), -1, "counts must be"),
        (np.ones((2, 4)), np.inf, "counts must be"),
        (np.ones((2, 4, 2)), 1, "are needed"),
    ],
)
def test_bad_input_is_refused(shape, counts, message):
    with pytest.raises(RecipeError, match=message):
        sample_counts(shape, counts, seed=0)
