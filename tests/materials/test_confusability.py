from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.materials import CONFUSABLE_BELOW, MaterialError, merge_confusable, separation


def some_spectra(n: int, seed: int = 0, channels: int = 40) -> np.ndarray:
    """Mixtures of three patterns: some alike, some not."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(3, 0.4), n) @ rng.gamma(0.5, 1.0, (3, channels))


def test_separation_is_counts_times_the_bhattacharyya_distance() -> None:
    spectra = np.array([[1.0, 1.0], [2.0, 2.0], [1.0, 0.0]])
    assert separation(spectra, 0, 1000) == pytest.approx([0, 0, 1000 * (1 - np.sqrt(0.5))])


@pytest.mark.parametrize("counts", [100, 1000])
def test_limit_means_five_percent_mistakes_or_less(counts: int) -> None:
    """Two materials just at the limit are told apart by the likelihood ratio with about 5 % of mistakes or less."""
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(20, 2.0))
    q = rng.dirichlet(np.full(20, 2.0))
    low, high = 0.0, 1.0
    for _ in range(60):  # the mixture of p and q that lies at the limit from p
        middle = (low + high) / 2
        near = separation([p, (1 - middle) * p + middle * q], 0, counts)[1] < CONFUSABLE_BELOW
        low, high = (middle, high) if near else (low, middle)
    r = (1 - low) * p + low * q
    assert separation([p, r], 0, counts)[1] == pytest.approx(CONFUSABLE_BELOW, rel=1e-3)
    mistakes = (rng.multinomial(counts, p, 40_000) @ np.log(r / p) > 0).mean()
    assert 0.005 < mistakes < 0.055


@given(st.integers(1, 60), st.integers(0, 5), st.sampled_from([10, 300, 10_000]))
def test_leaders_are_apart_and_followers_are_near(n: int, seed: int, counts: int) -> None:
    spectra = some_spectra(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    leader = merge_confusable(spectra, counts, order=order)
    leaders = np.flatnonzero(leader == np.arange(n))
    assert set(leader) == set(leaders)
    place = np.argsort(order)
    for material in range(n):
        values = separation(spectra, material, counts)
        assert values[leader[material]] < CONFUSABLE_BELOW
        assert values[leader[material]] <= values[leaders].min() + 1e-9
        others = leaders[leaders != material]
        if material in leaders:
            assert (values[others] >= CONFUSABLE_BELOW - 1e-9).all()
        else:
            # It follows because a leader came before it.
            near = others[values[others] < CONFUSABLE_BELOW]
            assert place[near].min() < place[material]


def test_result_does_not_depend_on_blocks() -> None:
    spectra = some_spectra(700, seed=3, channels=60)
    leader = merge_confusable(spectra, 2000)
    roots = np.sqrt(spectra / spectra.sum(axis=1, keepdims=True))
    leaders: list[int] = []
    for i in range(len(roots)):
        if not leaders or (2000 * (1 - roots[leaders] @ roots[i])).min() >= CONFUSABLE_BELOW:
            leaders.append(i)
    assert sorted(set(leader)) == leaders
    assert len(leaders) < 600


def test_more_counts_split_more() -> None:
    spectra = some_spectra(300, seed=5)
    groups = [len(set(merge_confusable(spectra, counts))) for counts in (100, 1000, 10_000, 100_000)]
    assert groups == sorted(groups)
    assert groups[0] < groups[-1]


def test_equal_spectra_never_separate_and_the_order_names_the_group() -> None:
    spectra = np.repeat(some_spectra(4, seed=6), 3, axis=0)
    leader = merge_confusable(spectra * np.arange(1, 13)[:, None], 1e9, order=np.arange(12)[::-1])
    assert leader.tolist() == [2, 2, 2, 5, 5, 5, 8, 8, 8, 11, 11, 11]


@pytest.mark.parametrize(
    ("spectra", "counts", "order", "words"),
    [
        (np.ones(5), 100, None, "shape"),
        (-np.ones((2, 3)), 100, None, "spectrum 0"),
        ([[1, 1], [0, 0]], 100, None, "spectrum 1"),
        ([[1, 1], [np.nan, 0]], 100, None, "spectrum 1"),
        (np.ones((2, 3)), 0, None, "counts"),
        (np.ones((2, 3)), np.nan, None, "counts"),
        (np.ones((2, 3)), 100, [0, 0], "order"),
    ],
)
def test_bad_input(spectra: object, counts: float, order: object, words: str) -> None:
    with pytest.raises(MaterialError, match=words):
        merge_confusable(spectra, counts, order=order)  # type: ignore[arg-type]


@pytest.mark.slow
def test_six_thousand_materials_take_seconds_and_little_memory() -> None:
    import time
    import tracemalloc

    spectra = some_spectra(6000, seed=7, channels=1536)
    tracemalloc.start()
    start = time.perf_counter()
    merge_confusable(spectra, 1e6)
    elapsed = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**30
    assert elapsed < 60
