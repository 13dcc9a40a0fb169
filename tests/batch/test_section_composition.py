"""The composition of a section: points, what counting and sampling make of their error, how many fields it takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from napari_gdls.batch.section_composition import (
    LEAST_FIELDS,
    SectionComposition,
    fields_needed,
    half_width_of,
    section_composition,
    subsampled_half_widths,
)
from napari_gdls.errors import GdlsError

Points = npt.NDArray[np.float64]


def rock(n_fields: int, seed: int, alpha: tuple[float, ...] = (12.0, 6.0, 2.0)) -> Points:
    """Points of phases in fields of different sizes, whose shares vary from field to field."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(200, 1000, n_fields)
    return np.array([rng.multinomial(n, rng.dirichlet(alpha)) for n in sizes], dtype=float)


def composed(points: Points, **options: object) -> SectionComposition:
    return section_composition(points, np.zeros_like(points), **options)  # type: ignore[arg-type]


@given(
    n_fields=st.integers(1, 30),
    seed=st.integers(0, 10_000),
    alpha=st.lists(st.floats(0.05, 5.0), min_size=1, max_size=6).map(tuple),
)
@settings(max_examples=40, deadline=None)
def test_shares_add_up_and_lie_in_their_intervals(n_fields: int, seed: int, alpha: tuple[float, ...]) -> None:
    found = composed(rock(n_fields, seed, alpha), resamples=100)
    assert found.percent.sum() == pytest.approx(100)
    assert (found.counting_error >= 0).all()
    known = np.isfinite(found.sampling_error)
    np.testing.assert_array_equal(np.isfinite(found.low), known)
    assert (found.low[known] >= 0).all()
    assert (found.low[known] <= found.percent[known] + 1e-9).all()
    assert (found.percent[known] <= found.high[known] + 1e-9).all()
    assert (found.high[known] <= 100).all()
    assert (found.error[known] >= found.counting_error[known]).all()
    assert not known[found.in_fields < LEAST_FIELDS].any()


def test_the_sampling_error_is_that_of_cochran() -> None:
    points = rock(60, 3)
    n = points.sum(axis=1)
    p = points.sum(axis=0) / n.sum()
    residual = points - p * n[:, None]
    # Cochran, Sampling Techniques, equation 6.13, without the correction for finite populations.
    variance = (residual**2).sum(axis=0) / (len(n) - 1) / len(n) / n.mean() ** 2
    np.testing.assert_allclose(composed(points).sampling_error, 100 * np.sqrt(variance), rtol=0.05)


def test_one_field_has_the_error_of_its_own_composition_and_none_of_sampling() -> None:
    found = section_composition([[30.0, 70.0]], [[1.0, 2.0]])
    np.testing.assert_allclose(found.counting_error, 100 * np.sqrt(0.21 / 100 + np.array([1.0, 2.0]) / 100**2))
    assert np.isnan(found.sampling_error).all()
    assert np.isnan(found.error).all()


@pytest.mark.parametrize("n_fields", [1, 2, 3, LEAST_FIELDS - 1])
def test_few_fields_say_nothing_of_sampling(n_fields: int) -> None:
    found = composed(rock(n_fields, 1))
    assert np.isnan(found.sampling_error).all()
    assert np.isnan(found.low).all()
    assert np.isfinite(found.counting_error).all()


def test_a_phase_of_one_field_says_nothing_of_sampling_though_traces_are_in_others() -> None:
    points = np.column_stack([np.full(40, 500.0), np.ones(40), np.zeros(40)])
    points[7, 1:] = 400
    found = composed(points)
    assert np.isfinite(found.error[0])
    assert np.isnan(found.error[1:]).all()
    np.testing.assert_array_equal(found.in_fields, [40, 40, 1])


def test_fields_that_are_alike_leave_the_error_of_counting() -> None:
    found = composed(np.tile([300.0, 150.0, 50.0], (12, 1)))
    np.testing.assert_array_equal(found.sampling_error, 0)
    np.testing.assert_array_equal(found.error, found.counting_error)
    np.testing.assert_allclose(found.high - found.low, 2 * stats.norm.ppf(0.975) * found.counting_error)


def test_fields_without_measurements_change_nothing() -> None:
    points = rock(20, 5)
    with_empty = np.vstack([points, np.zeros((7, 3))])
    for name, value in vars(composed(points)).items():
        np.testing.assert_array_equal(vars(composed(with_empty))[name], value, err_msg=name)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_order_of_phases_and_the_unit_of_points_do_not_matter_to_sampling(seed: int) -> None:
    points = rock(25, seed)
    found = composed(points, resamples=300)
    other = composed(points[:, ::-1], resamples=300)
    np.testing.assert_allclose(other.low[::-1], found.low)
    np.testing.assert_allclose(other.error[::-1], found.error)
    np.testing.assert_allclose(composed(16 * points, resamples=300).sampling_error, found.sampling_error)


def test_the_order_of_fields_changes_no_more_than_the_bootstrap_does() -> None:
    points = rock(40, 9)
    found, other = composed(points), composed(points[::-1])
    np.testing.assert_allclose(other.percent, found.percent)
    np.testing.assert_allclose(other.sampling_error, found.sampling_error, rtol=0.08)


def test_equal_seeds_give_equal_numbers() -> None:
    points = rock(30, 2)
    np.testing.assert_array_equal(composed(points, seed=4).low, composed(points, seed=4).low)
    assert (composed(points, seed=4).low != composed(points, seed=5).low).any()


def test_neighbours_that_are_alike_make_the_error_larger() -> None:
    points = np.repeat(rock(30, 8), 4, axis=0)
    alone, together = composed(points), composed(points, blocks=np.repeat(np.arange(30), 4))
    np.testing.assert_allclose(together.sampling_error, 2 * alone.sampling_error, rtol=0.1)
    assert (together.n_fields, together.n_blocks) == (120, 30)


@pytest.mark.parametrize(("n_fields", "alpha"), [(20, (12.0, 28.0)), (20, (0.5, 9.5)), (60, (2.0, 18.0))])
def test_intervals_hold_the_truth_as_often_as_they_say(n_fields: int, alpha: tuple[float, ...]) -> None:
    true, held, tries = 100 * alpha[0] / sum(alpha), 0, 300
    for seed in range(tries):
        found = composed(rock(n_fields, seed, alpha), resamples=400, seed=seed)
        held += bool(found.low[0] <= true <= found.high[0])
    # 95 % less, or more, three standard errors of 300 tries.
    assert 0.91 <= held / tries <= 0.985


def test_as_many_fields_as_are_needed_reach_the_half_width_and_one_less_does_not() -> None:
    spread = np.array([16.0, 3.0, 0.4, 0.0, np.nan])
    for x in (5.0, 1.0, 0.2):
        n = fields_needed(spread, x)
        assert np.isnan(n[4])
        assert (n[:4] == np.round(n[:4])).all()
        assert (half_width_of(spread[:4], n[:4]) <= x).all()
        more = n[:4] > 2
        assert (half_width_of(spread[:4][more], n[:4][more] - 1) > x).all()
    assert fields_needed(16.0, 1.0) == pytest.approx((1.96 * 16) ** 2, rel=0.01)


def test_what_is_expected_of_more_fields_is_what_they_give() -> None:
    points = rock(400, 6)
    found = composed(points)
    sizes = np.array([20, 80])
    tried = subsampled_half_widths(points, sizes)
    np.testing.assert_allclose(tried, half_width_of(found.spread, sizes[:, None]), rtol=0.15)


def test_what_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(GdlsError, match="no field of the batch has measurements"):
        composed(np.zeros((3, 2)))
    with pytest.raises(GdlsError, match="doubts"):
        section_composition(np.ones((3, 2)), np.ones((2, 2)))
    with pytest.raises(GdlsError, match="blocks"):
        composed(np.ones((3, 2)), blocks=np.zeros(2, dtype=int))
