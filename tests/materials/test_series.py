from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.materials import (
    FormulaError,
    MaterialError,
    Series,
    find_mineral,
    load_series,
    parse_formula,
    read_series,
)
from napari_gdls.materials.series import mass_change


def series(name: str) -> Series:
    return next(s for s in load_series() if s.name == name)


def test_end_members_are_the_minerals_they_are_named_by() -> None:
    for name, occupant in [("olivine", "fayalite"), ("plagioclase", "anorthite"), ("spinel", "chromite")]:
        formula = series(name).at({occupant: 1.0})
        assert dict(formula.mass_fractions) == pytest.approx(dict(find_mineral(occupant).formula.mass_fractions))
    for occupant in ("almandine", "pyrope", "spessartine", "grossular"):
        formula = series("pyralspite garnet").at({occupant: 1.0})
        assert dict(formula.atoms) == pytest.approx(dict(find_mineral(occupant).formula.atoms))


def test_coupled_substitution_of_plagioclase() -> None:
    labradorite = series("plagioclase").at({"albite": 0.4, "anorthite": 0.6})
    assert dict(labradorite.atoms) == pytest.approx({"O": 8, "Na": 0.4, "Al": 1.6, "Si": 2.4, "Ca": 0.6})
    assert labradorite.text == "plagioclase albite 40 anorthite 60"


def test_sites_mix_independently() -> None:
    garnet = series("ugrandite garnet").at({"andradite": 0.25, "grossular": 0.75, "calcium": 0.9, "manganese": 0.1})
    assert dict(garnet.atoms) == pytest.approx({"O": 12, "Al": 1.5, "Si": 3, "Ca": 2.7, "Mn": 0.3, "Fe": 0.5})


@pytest.mark.parametrize("each", load_series(), ids=lambda s: s.name)
def test_every_mixture_is_neutral_and_within_limits(each: Series) -> None:
    if each.charge_balanced:
        usual = {site: next(iter(o.values())).charge() for site, o in each.sites.items()}
        for site, occupants in each.sites.items():
            assert all(formula.charge() == pytest.approx(usual[site], abs=0.02) for formula in occupants.values())
        whole = [each.at(fractions).charge() for fractions in each.sample(3, seed=1)]
        assert max(whole) - min(whole) < 0.05
    for fractions in each.sample(5, seed=2):
        assert set(fractions) == set(each.occupants)
        for occupants in each.sites.values():
            assert sum(fractions[o] for o in occupants) == pytest.approx(1)
        for occupant, share in fractions.items():
            assert 0 <= share <= each.most.get(occupant, 1.0) + 0.04
    for line in each.lines():
        for end in (line.start, line.end):
            assert all(-1e-9 <= share <= each.most.get(o, 1.0) + 0.04 for o, share in end.items())
            each.at(end)


def test_common_solid_solutions_are_there() -> None:
    names = " ".join(s.name for s in load_series())
    words = """olivine garnet pyroxene amphibole mica chlorite feldspar plagioclase spinel columbite calcite dolomite
    sphalerite pyrrhotite pentlandite tetrahedrite chalcopyrite epidote apatite monazite xenotime scapolite tourmaline
    zircon uraninite ilmenite wolframite heulandite gold"""
    assert [word for word in words.split() if word not in names] == []


def test_samples_depend_on_the_seed_alone() -> None:
    garnet = series("pyralspite garnet")
    assert garnet.sample(6, seed=3) == garnet.sample(6, seed=3)
    assert garnet.sample(6, seed=3) != garnet.sample(6, seed=4)
    assert garnet.sample(2, seed=3) == garnet.sample(6, seed=3)[:2]


def test_lines_stop_where_nature_does() -> None:
    sphalerite = {line.name: line for line in series("sphalerite").lines()}
    line = sphalerite["sphalerite, zinc to iron"]
    assert line.start["iron"] == 0
    assert line.end["iron"] == pytest.approx(0.45)
    assert line.at(0.5)["iron"] == pytest.approx(0.225)
    limits = series("calcian dolomite").lines()
    only = next(iter(limits))
    assert (only.start["calcium"], only.end["calcium"]) == pytest.approx((0.62, 0.48))


def test_names_of_lines_are_unique() -> None:
    for each in load_series():
        names = [line.name for line in each.lines()]
        assert len(set(names)) == len(names), each.name


@given(st.floats(0, 1), st.floats(0, 1))
def test_mass_change_is_a_distance_along_a_line(a: float, b: float) -> None:
    olivine = series("olivine")
    first, second, end = (olivine.at({"forsterite": 1 - x, "fayalite": x}) for x in (a, b, 1.0))
    assert mass_change(first, second) == pytest.approx(mass_change(second, first))
    assert mass_change(first, first) == 0
    assert mass_change(first, end) <= mass_change(first, second) + mass_change(second, end) + 1e-12


BAD = {
    "two occupants have the same name": 'template = "MTO3"\nsites.M = {a = "Fe"}\nsites.T = {a = "Ti"}',
    "has no site T": 'template = "MO3"\nsites.M = {a = "Fe"}\nsites.T = {b = "Ti"}',
    "differ in charge": 'template = "MO"\nsites.M = {a = "Fe", b = "Al"}',
    "do not share a site": 'template = "MTO3"\nsites.M = {a = "Fe"}\nsites.T = {b = "Ti"}\npairs = [["a", "b"]]',
    "cannot fill their site": 'template = "MO"\nsites.M = {a="Fe", b="Mg"}\nmost = {a=0.4,b=0.6}\npairs = [["a", "b"]]',
    "do not fill it": 'template = "MO"\nsites.M = {a = "Fe", b = "Mg"}\nmost = {a = 0.3, b = 0.3}',
    "Did you mean iron": 'template = "MO"\nsites.M = {iron = "Fe", b = "Mg"}\nmost = {irn = 0.3}',
    "no key 'membrs'": 'membrs = ["quartz"]',
    "either `members` or `template`": 'random_lines = 3',
    "Did you mean forsterite": 'members = ["forsterit", "fayalite"]',
}  # fmt: skip


@pytest.mark.parametrize("words", BAD)
def test_definitions_that_do_not_hold_together(words: str) -> None:
    with pytest.raises(MaterialError) as caught:
        read_series(f'[[series]]\nname = "test"\n{BAD[words]}\n')
    assert words in str(caught.value)


def test_definition_errors_of_formulas_and_names() -> None:
    with pytest.raises(FormulaError):
        read_series('[[series]]\nname = "test"\ntemplate = "M(O"\nsites.M = {a = "Fe"}')
    twice = '[[series]]\nname = "test"\nmembers = ["quartz"]\n'
    with pytest.raises(MaterialError, match="defined twice"):
        read_series(twice + twice)


@pytest.mark.parametrize(
    ("fractions", "words"),
    [
        ({"albite": 0.5}, "sum to 1"),
        ({"albite": 1.5, "anorthite": -0.5}, "must be positive"),
        ({"albit": 1.0}, "Did you mean albite"),
    ],
)
def test_fractions_that_are_none(fractions: dict[str, float], words: str) -> None:
    with pytest.raises(MaterialError, match=words):
        series("plagioclase").at(fractions)


def test_rare_earth_patterns_stand_for_atoms() -> None:
    monazite = series("monazite").at({"LREE": 1.0})
    assert monazite.atoms["P"] == pytest.approx(1)
    assert sum(monazite.atoms[e] for e in ("La", "Ce", "Pr", "Nd", "Sm", "Gd")) == pytest.approx(1)
    assert monazite.atoms["Ce"] == pytest.approx(parse_formula("Ce0.48").atoms["Ce"])
