"""When a spectrum is of something that the library lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_gdls.mineralogy.unknown import COEFFICIENTS, PRIOR_ODDS, UnknownEvidence

GOOD = UnknownEvidence(
    misfit=0.2, elements=4, counts=1e5, unlikeness=1e-3, log_prior=0.0, concentration=0.98, foreign_carbon=0.03
)


def test_the_terms_are_those_of_the_coefficients():
    assert list(GOOD.terms()) == list(COEFFICIENTS)
    assert GOOD.terms()["intercept"] == 1


def test_a_perfect_common_answer_is_hardly_ever_unknown():
    assert GOOD.probability < 0.03
    assert replace(GOOD, counts=300.0, unlikeness=0.05).probability < 0.03


@pytest.mark.parametrize("name", ["misfit", "unlikeness"])
def test_what_does_not_fit_is_unknown(name):
    values = np.linspace(0, 20 if name == "misfit" else 0.2, 30)
    probabilities = [replace(GOOD, **{name: float(value)}).probability for value in values]
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities[-1] > 3 * probabilities[0]


def test_a_gross_misfit_of_a_rare_answer_is_unknown():
    assert replace(GOOD, misfit=11.0, log_prior=-3.2, concentration=0.5, unlikeness=0.02).probability > 0.9


def test_tape_and_few_counts_leave_names_alone():
    assert GOOD.prior_odds == pytest.approx(PRIOR_ODDS, rel=0.05)
    assert replace(GOOD, foreign_carbon=0.6).prior_odds < 0.5 * GOOD.prior_odds
    assert replace(GOOD, counts=300.0).prior_odds < 0.1
    assert replace(GOOD, counts=0.0).probability < 1e-6
