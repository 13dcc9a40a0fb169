"""How much of a mask is matrix: ties, what agrees, what is confirmed, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.errors import RecipeError
from napari_gdls.overlap.shares import Sum, matrix_share, tie_candidates

ELEMENTS = ("O", "Mg", "Si", "Cu")


def of(counts, *net):
    net = np.array(net, dtype=np.float64)
    return Sum(float(counts), net, np.diag(np.maximum(net, 25.0)))


MATRIX = of(100_000, 20_000, 30_000, 30_000, 50_000)


def mixed(share, *own):
    """A mask of 100,000 counts, of which the matrix gave a share, and net counts of the grain itself."""
    return of(100_000, *(share * MATRIX.net + np.array(own)))


def share_of(mask, **options):
    return matrix_share("grain", ELEMENTS, mask, {"matrix": MATRIX}, artefacts=("Cu",), **options)


def test_two_elements_that_the_grain_lacks_agree_and_confirm() -> None:
    share = share_of(mixed(0.4, 5000, 0, 0, 0))
    assert share.total == pytest.approx(0.4, abs=0.01)
    assert [tie.element for tie in share.ties if tie.used] == ["Mg", "Si"]
    assert share.confirmed
    assert "agree" in share.reason


def test_one_element_alone_confirms_nothing() -> None:
    share = share_of(mixed(0.4, 5000, 9000, 0, 0))
    assert share.total == pytest.approx(0.4, abs=0.01)
    assert [tie.element for tie in share.ties if tie.used] == ["Si"]
    assert not share.confirmed
    assert "only Si" in share.reason


def test_artefacts_and_specks_of_other_phases_are_no_ties() -> None:
    assert tie_candidates(ELEMENTS, MATRIX, ("Cu",)) == ["Mg", "Si", "O"]
    assert tie_candidates(ELEMENTS, of(1e5, 20_000, 500, 30_000, 0), ()) == ["Si", "O"]
    assert tie_candidates(ELEMENTS, of(1e5, 20, 20, 20, 0), ()) == []


def test_the_user_may_choose() -> None:
    mask = mixed(0.4, 5000, 9000, 0, 0)
    chosen = share_of(mask, tie="Mg")
    assert chosen.confirmed
    assert chosen.total == pytest.approx(0.7, abs=0.01)
    by_hand = share_of(mask, given=0.25)
    assert by_hand.total == 0.25
    assert by_hand.confirmed
    assert by_hand.interval == (0.25, 0.25)
    assert not any(tie.used for tie in by_hand.ties)


@pytest.mark.parametrize(
    ("tie", "words"),
    [("Cu", "artefact"), ("Zr", "no line"), ({"other": "Si"}, "not under it")],
)
def test_ties_that_tell_nothing_are_refused(tie, words) -> None:
    with pytest.raises(RecipeError, match=words):
        share_of(mixed(0.4, 0, 0, 0, 0), tie=tie)


def test_an_element_that_the_matrix_lacks_is_refused() -> None:
    bare = of(100_000, 20_000, 0, 30_000, 0)
    with pytest.raises(RecipeError, match="Mg is not found in matrix"):
        matrix_share("grain", ELEMENTS, bare, {"matrix": bare}, artefacts=(), tie="Mg")


def test_without_any_tie_it_says_what_to_do() -> None:
    with pytest.raises(RecipeError, match="give the share by hand"):
        matrix_share("grain", ELEMENTS, MATRIX, {"matrix": of(100, 1, 1, 1, 90)}, artefacts=("Cu",))


def test_two_phases_under_a_grain_are_solved_together() -> None:
    shell = of(50_000, 30_000, 0, 0, 0)
    core = of(100_000, *(0.3 * MATRIX.net + 0.5 * 2 * shell.net))
    share = matrix_share("core", ELEMENTS, core, {"film": MATRIX, "shell": shell}, artefacts=("Cu",))
    assert share.parts["film"] == pytest.approx(0.3, abs=0.02)
    assert share.parts["shell"] == pytest.approx(0.5, abs=0.03)
    assert not share.confirmed
    chosen = matrix_share(
        "core", ELEMENTS, core, {"film": MATRIX, "shell": shell}, artefacts=("Cu",), tie={"film": "Si", "shell": "O"}
    )
    assert chosen.confirmed
    assert chosen.parts == pytest.approx(share.parts, abs=0.03)


@given(
    share=st.floats(0, 1),
    own=st.tuples(*[st.floats(0, 30_000)] * 3),
    noise=st.integers(0, 2**31),
)
def test_shares_lie_between_0_and_1_and_never_below_the_truth_by_much(share, own, noise) -> None:
    exact = mixed(share, *own, 0)
    drawn = np.random.default_rng(noise).normal(exact.net, np.sqrt(np.diagonal(exact.covariance)))
    found = share_of(Sum(exact.counts, drawn, exact.covariance))
    low, high = found.interval
    assert 0 <= low <= found.total <= high <= 1
    # What the grain holds only makes the share larger.
    assert found.total > share - 6 * max(tie.sigma for tie in found.ties) - 1e-9
