"""Minerals of a simulated rock, and their compositions."""

from __future__ import annotations

import pytest

from napari_gdls.errors import GdlsError
from napari_gdls.simulation import ROCK, Mineral
from napari_gdls.simulation.rock import composition_of


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
    fractions = composition_of(formula)
    assert list(fractions) == list(expected)
    assert fractions == pytest.approx(expected, abs=3e-4)
    assert sum(fractions.values()) == pytest.approx(1, abs=1e-12)


def test_masses_are_normalised() -> None:
    assert composition_of({"Si": 46.743, "O": 53.257}) == pytest.approx({"O": 0.53257, "Si": 0.46743})


@pytest.mark.parametrize(
    ("composition", "message"),
    [
        ("SiO2)", r"SiO2\)"),
        ("Xy3", "Xy3"),
        ("", "formula ''"),
        ({"Xy": 1.0}, "'Xy' is no element"),
        ({"Si": -1.0, "O": 2.0}, "Si is -1.0"),
        ({"Si": float("nan")}, "Si is nan"),
        ({"Si": 0.0}, "no element from boron up"),
        ({}, "no element from boron up"),
    ],
)
def test_bad_compositions_are_refused_with_the_name(composition: object, message: str) -> None:
    with pytest.raises(GdlsError, match=message):
        composition_of(composition)  # type: ignore[arg-type]
    with pytest.raises(GdlsError, match="mud: "):
        Mineral("mud", composition, 1.0)  # type: ignore[arg-type]


def test_zoned_minerals_have_two_compositions() -> None:
    plagioclase = ROCK[2]
    assert plagioclase.rim_composition is not None
    assert plagioclase.rim_composition["Ca"] < 0.7 * plagioclase.composition["Ca"]
    assert ROCK[0].rim_composition is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0.0},
        {"occurrence": "crystals"},
        {"occurrence": "rims"},
        {"host": "quartz"},
        {"rim_formula": "SiO2("},
    ],
)
def test_impossible_minerals_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(GdlsError, match="mineral"):
        Mineral(**{"name": "mineral", "formula": "SiO2", "share": 0.1, **wrong})  # type: ignore[arg-type]
