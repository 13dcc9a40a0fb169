"""Structural formulas: exact end members, published analyses, errors against a simulation of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.errors import RecipeError
from napari_gdls.materials import find_mineral, load_minerals, mixture, parse_formula
from napari_gdls.materials.composition import CompositionError
from napari_gdls.mineralogy import structural_formula
from napari_gdls.mineralogy.end_members import END_MEMBERS

GROUPS = {
    "feldspar": "feldspar", "pyroxene": "pyroxene", "garnet": "garnet", "olivine": "olivine", "ilmenite": "ilmenite",
    "carbonate": "calcite", "epidote": "epidote", "zircon": "zircon", "chlorite": "chlorite", "melilite": "melilite",
}  # fmt: skip


def percents(*parts):
    """Mass percents of a mixture of (formula or mineral, moles)."""
    formula = mixture(
        [((find_mineral(name).formula if name[0].islower() else parse_formula(name)), n) for name, n in parts]
    )
    return {symbol: 100 * share for symbol, share in formula.mass_fractions.items()}


def three_percent(mass):
    return {symbol: 0.03 * value for symbol, value in mass.items()}


@pytest.mark.parametrize(
    ("kind", "short", "mineral"),
    [
        (kind, short, mineral)
        for kind, members in END_MEMBERS.items()
        for short, mineral in members.items()
        if short not in ("Wo", "Bxb")  # no pyroxene alone; Mn3+ without iron is not to be told from Mn2+
    ],
)
def test_an_end_member_is_nothing_but_itself(kind, short, mineral):
    found = structural_formula(percents((mineral, 1)), {}, GROUPS[kind])
    assert found.end_members == pytest.approx({short: 1.0}, abs=2e-3)


@pytest.mark.parametrize(
    "mineral", ["spinel", "hercynite", "magnetite", "chromite", "ulvöspinel", "jacobsite", "gahnite"]
)
def test_so_is_a_spinel(mineral):
    found = structural_formula(percents((mineral, 1)), {}, "spinel")
    assert found.end_members == pytest.approx({mineral: 1.0}, abs=1e-6)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1000))
@settings(max_examples=15, deadline=None)
def test_feldspar_shares_are_those_of_the_mixture_whatever_the_sum_of_the_analysis(first, second, scale):
    anorthite, orthoclase = first, (1 - first) * second
    shares = {"An": anorthite, "Ab": 1 - anorthite - orthoclase, "Or": orthoclase}
    mass = percents(("anorthite", shares["An"]), ("albite", shares["Ab"]), ("orthoclase", shares["Or"]))
    found = structural_formula({s: scale * m for s, m in mass.items()}, {}, "feldspar")
    assert {name: found.end_members.get(name, 0.0) for name in shares} == pytest.approx(shares, abs=2e-3)
    assert found.total_cations == pytest.approx(5, abs=1e-6)


@given(st.lists(st.floats(0.02, 1), min_size=6, max_size=6))
@settings(max_examples=15, deadline=None)
def test_garnet_shares_are_those_of_the_mixture(weights):
    members = dict(zip(["Alm", "Prp", "Sps", "Grs", "Adr", "Uv"], np.array(weights) / sum(weights), strict=True))
    mass = percents(*[(END_MEMBERS["garnet"][short], share) for short, share in members.items()])
    found = structural_formula(mass, {}, "garnet")
    assert found.end_members == pytest.approx(members, abs=1e-6)


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_iron_is_divided_as_in_the_mixture_of_magnetite_with_others(magnetite, ulvospinel):
    mass = percents(("magnetite", magnetite), ("ulvöspinel", (1 - magnetite) * ulvospinel), ("spinel", 0.2))
    atoms = structural_formula(mass, {}, "spinel").atoms
    assert sum(atoms.values()) == pytest.approx(3)
    units = magnetite + (1 - magnetite) * ulvospinel + 0.2
    assert atoms.get("Fe3+", 0.0) == pytest.approx(2 * magnetite / units, abs=1e-6)


# Percents of oxides, and what each oxide is of.
OXIDES = {
    "SiO2": "Si", "TiO2": "Ti", "Al2O3": "Al", "FeO": "Fe", "MnO": "Mn", "MgO": "Mg", "CaO": "Ca", "Na2O": "Na",
    "K2O": "K",
}  # fmt: skip


def of_oxides(**percent):
    return {
        OXIDES[oxide]: value * parse_formula(oxide).mass_fractions[OXIDES[oxide]] for oxide, value in percent.items()
    }


def test_oxygens_are_those_of_the_oxides_calculated_by_hand():
    """An olivine: moles of oxides, their oxygens, four oxygens a formula unit."""
    percent = {"SiO2": 39.0, "FeO": 18.0, "MnO": 0.3, "MgO": 42.5}
    weight = {"SiO2": 60.083, "FeO": 71.844, "MnO": 70.937, "MgO": 40.304}
    moles = {oxide: percent[oxide] / weight[oxide] for oxide in percent}
    oxygens = 2 * moles["SiO2"] + moles["FeO"] + moles["MnO"] + moles["MgO"]
    by_hand = {OXIDES[oxide]: 4 * amount / oxygens for oxide, amount in moles.items()}
    found = structural_formula(of_oxides(**percent), {}, "olivine")
    by_hand["Fe2+"] = by_hand.pop("Fe")
    assert found.atoms == pytest.approx(by_hand, abs=1e-3)


def test_iron_of_a_garnet_is_that_of_droop_by_hand():
    """Droop (1987), equation 1: F = 2 X (1 - T / S)."""
    percent = {"SiO2": 36.5, "Al2O3": 12.0, "FeO": 17.0, "MnO": 0.5, "CaO": 33.0}
    mass = of_oxides(**percent)
    moles = {symbol: value / parse_formula(symbol).molar_mass for symbol, value in mass.items()}
    oxygens = 2 * moles["Si"] + 1.5 * moles["Al"] + moles["Fe"] + moles["Mn"] + moles["Ca"]
    total = 12 * sum(moles.values()) / oxygens
    found = structural_formula(mass, {}, "garnet")
    assert found.total_cations == pytest.approx(total)
    assert found.atoms["Fe3+"] == pytest.approx(24 * (1 - 8 / total))
    assert sum(found.atoms.values()) == pytest.approx(8)


@pytest.mark.parametrize("group", ["feldspar", "garnet", "amphibole, calcic"])
def test_errors_are_those_of_analyses_repeated(group):
    mass = {
        "feldspar": percents(("anorthite", 0.4), ("albite", 0.55), ("orthoclase", 0.05)),
        "garnet": percents(("almandine", 0.5), ("pyrope", 0.2), ("grossular", 0.2), ("andradite", 0.1)),
        "amphibole, calcic": percents(("hornblende", 1)),
    }[group]
    mass.pop("O")
    mass.pop("H", None)
    error = three_percent(mass)
    found = structural_formula(mass, error, group)
    generator = np.random.default_rng(5)
    repeated = []
    for _ in range(150):
        drawn = {s: max(generator.normal(m, error[s]), 0.0) for s, m in mass.items()}
        repeated.append(structural_formula(drawn, {}, group))
    for symbol, expected in found.errors.items():
        values = [each.atoms[symbol] for each in repeated]
        assert expected == pytest.approx(np.std(values), rel=0.25, abs=1e-3), symbol
    for name, expected in found.end_member_errors.items():
        values = [each.end_members.get(name, 0.0) for each in repeated]
        assert expected == pytest.approx(np.std(values), rel=0.25, abs=2e-3), name


def test_equal_analyses_give_equal_errors():
    mass = percents(("andesine", 1))
    assert structural_formula(mass, three_percent(mass), "feldspar") == structural_formula(
        mass, three_percent(mass), "feldspar"
    )


@pytest.mark.parametrize(
    ("mineral", "text"),
    [
        ("andesine", "(Na0.60Ca0.40)(Al1.40Si2.60)O8"),
        ("diopside", "CaMgSi2O6"),
        ("enstatite", "Mg2Si2O6"),
        ("andradite", "Ca3Fe³⁺2Si3O12"),
        ("phlogopite", "KMg3(AlSi3)O10(OH)2"),
        ("fluorphlogopite", "KMg3(AlSi3)O10F2"),
        ("tremolite", "Ca2Mg5Si8O22(OH)2"),
        ("calcite", "CaCO3"),
        ("dolomite", "(CaMg)(CO3)2"),
        ("fluorapatite", "Ca5P3O12F"),
        ("magnetite", "Fe²⁺Fe³⁺2O4"),
        ("pyrite", "FeS2"),
        ("spodumene", "(AlSi2)O5.50"),
    ],
)
def test_formulas_are_written_as_minerals_are(mineral, text):
    known = find_mineral(mineral)
    assert structural_formula(percents((mineral, 1)), {}, known.group, name=mineral).text == text


@pytest.mark.parametrize("mineral", [m for m in load_minerals() if m.commonness == 1], ids=lambda m: m.name)
def test_every_rock_forming_mineral_has_the_formula_of_the_table(mineral):
    mass = {symbol: 100 * share for symbol, share in mineral.formula.mass_fractions.items()}
    found = structural_formula(mass, three_percent(mass), mineral.group, name=mineral.name)
    if mineral.formula.atoms.keys() <= {"H", "C", "O"}:
        assert found is None
        return
    scale = {s: found.atoms.get(s, 0) + found.atoms.get(f"{s}2+", 0) + found.atoms.get(f"{s}3+", 0) for s in mass}
    measured = [s for s in mineral.formula.atoms if s not in ("H", "Li", "Be", "B", "C", "N", "O")]
    ratios = np.array([scale[s] / mineral.formula.atoms[s] for s in measured])
    assert ratios == pytest.approx(np.full(len(ratios), ratios[0]), rel=1e-3)
    faults = [doubt for doubt in found.doubts if "no analysis" in doubt or "no good analysis" in doubt]
    assert faults == []


def test_quartz_is_no_feldspar_and_it_says_so():
    doubts = structural_formula(percents(("quartz", 1)), {"Si": 1.0}, "feldspar").doubts
    assert "No Al was found: this is no analysis of a feldspar." in doubts


def test_a_feldspar_that_has_lost_sodium_says_so():
    mass = percents(("albite", 1))
    mass["Na"] *= 0.7
    doubts = structural_formula(mass, {s: 0.01 * m for s, m in mass.items()}, "feldspar").doubts
    assert any("Na may have left" in doubt for doubt in doubts)


def test_a_pyroxene_cannot_hold_phosphorus():
    mass = percents(("diopside", 1), ("fluorapatite", 0.1))
    doubts = structural_formula(mass, {s: 0.01 * m for s, m in mass.items()}, "pyroxene").doubts
    assert any("no place in a pyroxene for" in doubt and "P" in doubt for doubt in doubts)


def test_what_iron_is_unsure_of_is_said():
    mass = percents(("almandine", 1))
    doubts = structural_formula(mass, three_percent(mass), "garnet").doubts
    assert any("hardly anything is known" in doubt for doubt in doubts)


@pytest.mark.parametrize("group", ["", "no such group"])
def test_there_is_none_for_what_nobody_knows(group):
    assert structural_formula(percents(("quartz", 1)), {}, group, name="unknown") is None


def test_there_is_none_without_anything_to_count():
    assert structural_formula({"C": 60.0, "O": 40.0}, {}, "feldspar") is None


def test_impossible_numbers_are_refused():
    with pytest.raises(RecipeError, match="mass of Si is -1"):
        structural_formula({"Si": -1.0}, {}, "feldspar")
    with pytest.raises(CompositionError, match="Xx"):
        structural_formula({"Xx": 1.0}, {}, "feldspar")


def test_shares_that_would_leave_out_an_element_are_not_given():
    found = structural_formula(percents(("eringaite", 1)), {}, "garnet")  # Ca3Sc2(SiO4)3
    assert found.end_members == {}
    assert any("none of them holds Sc" in doubt for doubt in found.doubts)


def test_pseudobrookite_is_no_mixture_of_ilmenite_and_hematite():
    """Its cations are those of one, so that its name decides."""
    found = structural_formula(percents(("pseudobrookite", 1)), {}, "ilmenite", name="pseudobrookite")
    assert found.kind == "pseudobrookite"
    assert found.text == "(Fe³⁺2Ti)O5"
