from __future__ import annotations

import pytest

from napari_gdls.materials import exchange_pairs, find_mineral, load_minerals, mixture
from napari_gdls.materials.exchange import replace_each_other


def exchange(*names: str) -> list[str]:
    return [pair.exchange for pair in exchange_pairs([find_mineral(name) for name in names])]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("forsterite", "fayalite", "Mg = Fe"),
        ("albite", "anorthite", "NaSi = CaAl"),
        ("orthoclase", "celsian", "KSi = BaAl"),
        ("fluorapatite", "hydroxylapatite", "F = OH"),
        ("columbite-(Fe)", "columbite-(Mn)", "Fe = Mn"),
        ("columbite-(Fe)", "tantalite-(Fe)", "Nb = Ta"),
        ("zircon", "hafnon", "Zr = Hf"),
        ("galena", "clausthalite", "S = Se"),
        ("gold", "silver", "Au = Ag"),
        ("svanbergite", "goyazite", ""),  # SO4 for PO3OH: the hydrogen goes along
        ("diopside", "enstatite", ""),  # Ca is too large for Mg
        ("halite", "sylvite", ""),  # K is too large for Na
        ("galena", "altaite", ""),  # Te is too large for S
        ("pyrope", "andradite", ""),  # two exchanges that do not need each other
        ("quartz", "coesite", ""),  # the same
        ("calcite", "aragonite", ""),  # not one group
        ("quartz", "albite", ""),
    ],
)  # fmt: skip
def test_pairs(first: str, second: str, expected: str) -> None:
    assert exchange(first, second) == ([expected] if expected else [])


def test_formula_units_are_brought_to_equal_anions() -> None:
    (pair,) = exchange_pairs([find_mineral("wollastonite"), find_mineral("bustamite")])
    assert pair.scale == pytest.approx(0.5)
    middle = mixture([(pair.first.formula, 0.5), (pair.second.formula, 0.5 * pair.scale)])
    assert dict(middle.atoms) == pytest.approx({"O": 3, "Si": 1, "Ca": 0.75, "Mn": 0.25})


def test_mixtures_of_pairs_are_neutral() -> None:
    oxysalts = [
        m for m in load_minerals() if m.chemical_class in ("inosilicate", "nesosilicate", "phosphate", "carbonate")
    ]
    pairs = list(exchange_pairs(oxysalts))
    assert len(pairs) > 250
    for pair in pairs:
        middle = mixture([(pair.first.formula, 0.5), (pair.second.formula, 0.5 * pair.scale)])
        assert middle.charge() == pytest.approx(0, abs=0.1), (pair.first.name, pair.second.name)


def test_goldschmidt() -> None:
    assert replace_each_other(("Mg", 2), ("Fe", 2), covalent=False)
    assert replace_each_other(("Na", 1), ("Ca", 2), covalent=False)
    assert not replace_each_other(("Mg", 2), ("Ca", 2), covalent=False)
    assert not replace_each_other(("Na", 1), ("Y", 3), covalent=False)
    assert not replace_each_other(("F", -1), ("K", 1), covalent=False)
    assert replace_each_other(("As", 0), ("Sb", 0), covalent=True)
    assert not replace_each_other(("Fe", 0), ("As", 0), covalent=True)
