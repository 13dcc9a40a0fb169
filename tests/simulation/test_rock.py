"""Minerals of a simulated rock, and their compositions."""

from __future__ import annotations

import pytest

from napari_gdls.errors import GdlsError
from napari_gdls.materials.formula import composition_of
from napari_gdls.simulation import ROCK, RockMineral


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
        RockMineral("mud", composition, 1.0)  # type: ignore[arg-type]


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
        RockMineral(**{"name": "mineral", "formula": "SiO2", "share": 0.1, **wrong})  # type: ignore[arg-type]
