"""Compositions from formulas and masses."""

from __future__ import annotations

import pytest

from napari_gdls.errors import GdlsError
from napari_gdls.spectra.elements import atomic_number, mass_fractions


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("SiO2", {"O": 0.53257, "Si": 0.46743}),
        ("KAlSi3O8", {"O": 0.45990, "Al": 0.09694, "Si": 0.30271, "K": 0.14047}),
        ("Ca5(PO4)3F", {"O": 0.38070, "F": 0.03767, "P": 0.18425, "Ca": 0.39738}),
        ("ZrSiO4", {"O": 0.34914, "Si": 0.15322, "Zr": 0.49765}),
        ("Na0.5Ca0.5Al1.5Si2.5O8", {"O": 0.47367, "Na": 0.04254, "Al": 0.14978, "Si": 0.25985, "Ca": 0.07416}),
    ],
)
def test_formulas_of_minerals(formula: str, expected: dict[str, float]) -> None:
    fractions = mass_fractions(formula)
    assert list(fractions) == list(expected)
    assert fractions == pytest.approx(expected, abs=3e-4)
    assert sum(fractions.values()) == pytest.approx(1, abs=1e-12)


def test_masses_are_normalised() -> None:
    assert mass_fractions({"Si": 46.743, "O": 53.257}) == pytest.approx({"O": 0.53257, "Si": 0.46743})


@pytest.mark.parametrize(
    ("composition", "message"),
    [
        ("SiO2)", "cannot be read"),
        ("Xy3", "cannot be read"),
        ("", "cannot be read"),
        ({"Xy": 1.0}, "'Xy' is no element"),
        ({"Si": -1.0, "O": 2.0}, "mass of Si is -1.0"),
        ({"Si": float("nan")}, "mass of Si is nan"),
        ({"Si": 0.0}, "no element has a mass"),
        ({}, "no element has a mass"),
    ],
)
def test_bad_compositions_are_refused(composition: object, message: str) -> None:
    with pytest.raises(GdlsError, match=message):
        mass_fractions(composition)  # type: ignore[arg-type]


@pytest.mark.parametrize("symbol", ["fe", "FE", "Pu", "", "26", None])
def test_only_symbols_up_to_uranium(symbol: object) -> None:
    with pytest.raises(GdlsError, match="no element from H to U"):
        atomic_number(symbol)  # type: ignore[arg-type]
