from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError
from napari_gdls.materials import Formula, FormulaError, mixture, parse_formula
from napari_gdls.materials.formula import parse_template

# What each notation must mean, in plain atoms.
READ = {
    "SiO2": {"Si": 1, "O": 2},
    "Mg3Al2(SiO4)3": {"Mg": 3, "Al": 2, "Si": 3, "O": 12},
    "Ca10(PO4)6(OH)2": {"Ca": 10, "P": 6, "O": 26, "H": 2},
    "[Na(H2O)6][SO4]2": {"Na": 1, "H": 12, "O": 14, "S": 2},
    "{Ca}{Mg2}[(Si2)O7]": {"Ca": 1, "Mg": 2, "Si": 2, "O": 7},
    "((Fe2)3O)2": {"Fe": 12, "O": 2},
    # subscripts and superscripts
    "Ca₃Fe³⁺₂(SiO₄)₃": {"Ca": 3, "Fe": 2, "Si": 3, "O": 12},
    "Cu₁.₈S": {"Cu": 1.8, "S": 1},
    "Fe^3+^_2_O_3_": {"Fe": 2, "O": 3},
    "Fe<sup>3+</sup><sub>2</sub>O<sub>3</sub>": {"Fe": 2, "O": 3},
    # charges
    "Fe3+2O3": {"Fe": 2, "O": 3},
    "Fe2+Fe3+2O4": {"Fe": 3, "O": 4},
    "Pb2+4O": {"Pb": 4, "O": 1},
    "CuS2-": {"Cu": 1, "S": 1},
    "K2(UO2)2+2O2": {"K": 2, "U": 2, "O": 6},
    # hydrates
    "CaSO4·2H2O": {"Ca": 1, "S": 1, "O": 6, "H": 4},
    "CaSO4*2H2O": {"Ca": 1, "S": 1, "O": 6, "H": 4},
    "CaSO4.2H2O": {"Ca": 1, "S": 1, "O": 6, "H": 4},
    "CaSO4•0.5H2O": {"Ca": 1, "S": 1, "O": 4.5, "H": 1},
    "CaSO4.0.5H2O": {"Ca": 1, "S": 1, "O": 4.5, "H": 1},
    "CaSO4·½H2O": {"Ca": 1, "S": 1, "O": 4.5, "H": 1},
    "CaSO4·1/2H2O": {"Ca": 1, "S": 1, "O": 4.5, "H": 1},
    "Al2(OH)3.5H2O": {"Al": 2, "O": 8, "H": 13},
    "2CaO·SiO2": {"Ca": 2, "Si": 1, "O": 4},
    "6FeS·5(Mg,Fe)(OH)2": {"Fe": 6 + 5 / 3, "S": 6, "Mg": 10 / 3, "O": 10, "H": 10},
    # site mixing
    "(Mg,Fe)2SiO4": {"Mg": 4 / 3, "Fe": 2 / 3, "Si": 1, "O": 4},
    "(Mg,Fe,Mn)CO3": {"Mg": 1 / 2, "Fe": 1 / 3, "Mn": 1 / 6, "C": 1, "O": 3},
    "(Fe0.7,Mg0.3)CO3": {"Fe": 0.7, "Mg": 0.3, "C": 1, "O": 3},
    "(Fe0.7Mg0.3)CO3": {"Fe": 0.7, "Mg": 0.3, "C": 1, "O": 3},
    "CaSO4(F0.6,(OH)0.4)": {"Ca": 1, "S": 1, "O": 4.4, "F": 0.6, "H": 0.4},
    "Ca2(CO3,SO4)2": {"Ca": 2, "C": 4 / 3, "S": 2 / 3, "O": 20 / 3},
    # vacancies
    "□Ca2Mg5Si8O22(OH)2": {"Ca": 2, "Mg": 5, "Si": 8, "O": 24, "H": 2},
    "(Na,□)2CO3": {"Na": 4 / 3, "C": 1, "O": 3},
    "Al2[box]2SiO5": {"Al": 2, "Si": 1, "O": 5},
    # ranges: the middle
    "Na2CO3·4-5H2O": {"Na": 2, "C": 1, "O": 7.5, "H": 9},
    "Fe0.8\u20131.0S": {"Fe": 0.9, "S": 1},
    # one letter or two
    "Co": {"Co": 1},
    "CO": {"C": 1, "O": 1},
    "NOH": {"N": 1, "O": 1, "H": 1},
    "InSb": {"In": 1, "Sb": 1},
}


@pytest.mark.parametrize("text", READ)
def test_notations(text: str) -> None:
    assert dict(parse_formula(text).atoms) == pytest.approx({k: float(v) for k, v in READ[text].items()})


def test_charges_are_kept_and_sum_to_neutral() -> None:
    magnetite = parse_formula("Fe2+Fe3+2O4")
    assert magnetite.ions[("Fe", 2)] == 1
    assert magnetite.ions[("Fe", 3)] == 2
    assert magnetite.charge() == 0
    assert parse_formula("Fe^3+^2O3").ions[("Fe", 3)] == 2
    assert parse_formula("(SO4)2-").charge() == -2


def test_charge_of_an_element_without_usual_charge_is_asked_for() -> None:
    with pytest.raises(FormulaError, match=r"charge of Pm is not known"):
        parse_formula("PmPO4").charge()


def test_mass_fractions_of_quartz_and_gypsum() -> None:
    quartz = parse_formula("SiO2")
    assert quartz.molar_mass == pytest.approx(60.08, abs=0.02)
    assert quartz.mass_fractions["Si"] == pytest.approx(0.46743, abs=1e-4)
    gypsum = parse_formula("CaSO4·2H2O").mass_fractions
    assert gypsum["Ca"] == pytest.approx(0.23278, abs=1e-4)
    assert gypsum["H"] == pytest.approx(0.02342, abs=1e-4)
    assert sum(gypsum.values()) == pytest.approx(1)


def test_shares_of_a_mixed_site_follow_the_rule_asked_for() -> None:
    text = "(Mg,Fe,Mn)CO3"
    assert parse_formula(text, shares="equal").atoms["Mn"] == pytest.approx(1 / 3)
    chosen = parse_formula(text, shares=lambda n: [0.8, *[0.2 / (n - 1)] * (n - 1)])
    assert chosen.atoms["Mg"] == pytest.approx(0.8)
    assert chosen.atoms["Mn"] == pytest.approx(0.1)


@pytest.mark.parametrize("shares", [lambda n: [0.5] * n, lambda n: [1.0], "random"])
def test_shares_that_are_none_are_refused(shares: object) -> None:
    with pytest.raises(FormulaError, match="shares"):
        parse_formula("(Mg,Fe,Mn)CO3", shares=shares)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "atoms"),
    [("Fe1-xS", 0.9), ("Fe(1-x)S", 0.9), ("Fe₁₋ₓS", 0.9), ("FexS", 0.1), ("Fe0.5xS", 0.05), ("Fe2+xS", 2.1)],
)
def test_variables_take_the_values_given(text: str, atoms: float) -> None:
    assert parse_formula(text, variables={"x": 0.1}).atoms["Fe"] == pytest.approx(atoms)


def test_water_of_unknown_amount() -> None:
    assert parse_formula("CaCO3·nH2O", variables={"n": 6}).atoms["H"] == 12


def test_symbols_stand_for_what_the_caller_says() -> None:
    rare_earths = parse_formula("(Ce0.5,La0.3,Nd0.2)")
    monazite = parse_formula("REEPO4", symbols={"REE": rare_earths})
    assert dict(monazite.atoms) == pytest.approx({"O": 4, "P": 1, "La": 0.3, "Ce": 0.5, "Nd": 0.2})
    # One letter is a site only where it begins no element.
    assert dict(parse_formula("TTe", symbols={"T": parse_formula("Bi")}).atoms) == {"Te": 1, "Bi": 1}
    with pytest.raises(FormulaError, match="is an element"):
        parse_formula("YPO4", symbols={"Y": rare_earths})


WRONG = {
    # text: (position from 0, words of the message)
    "": (0, "the formula ends"),
    "Xx2O3": (0, "no element"),
    "REEPO4": (0, "symbols"),
    "Ca(CO3": (2, "never closed"),
    "CaCO3)": (5, "closes nothing"),
    "Ca(CO3]": (6, "closes the bracket"),
    "Fe,MgO": (2, "stand in brackets"),
    "()": (1, "expected"),
    "(Fe,)O": (4, "expected"),
    "CaSO4·": (6, "ends"),
    "Fe1-xS": (2, "no value"),
    "CaCO3·nH2O": (6, "no value"),
    "Fe23+O4": (2, "an amount and a charge"),
    "(F0.6,OH0.4)": (7, "(OH)0.4"),
    "(Ca0.5,Na)SiO3": (0, "give all or none"),
    "Fe2³⁺O3": (3, "before the amount"),
    "³⁺Fe": (0, "follows no atom"),
    "O2 2": (3, "two amounts"),
    "Fe?": (2, "no place"),
    "Fe-Mg": (2, "no place"),
    "Ca1/0O": (2, "divides by zero"),
    "□2": (0, "no atoms"),
}


@pytest.mark.parametrize("text", WRONG)
def test_errors_say_where_and_what(text: str) -> None:
    position, words = WRONG[text]
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    assert caught.value.position == position
    assert words in str(caught.value)
    assert repr(text) in str(caught.value)
    assert isinstance(caught.value, GdlsError)
    assert isinstance(caught.value, ValueError)


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(FormulaError, match="must not be negative"):
        parse_formula("Fe1-xS", variables={"x": 1.5})


def test_no_text() -> None:
    with pytest.raises(TypeError, match="a formula is a text"):
        parse_formula(None)  # type: ignore[arg-type]


def test_template_tells_sites_from_the_rest() -> None:
    rest, counts = parse_template("X3M2(SiO4)3", ["X", "M"])
    assert counts == {"X": 3, "M": 2}
    assert dict(rest.atoms) == {"O": 12, "Si": 3}


ions = st.tuples(
    st.sampled_from([s for s in SYMBOLS if s != "Tc"]), st.none() | st.integers(1, 7) | st.integers(-3, -1)
)
amounts = st.floats(1e-6, 1e4, allow_nan=False)
formulas = st.builds(Formula, st.dictionaries(ions, amounts, min_size=1, max_size=6), st.just(0.0) | st.floats(1e-3, 9))
units = st.lists(
    st.tuples(
        st.sampled_from(["H", "O", "Si", "Al", "Fe", "Ca", "Na", "F", "S", "Cl", "Co", "Os"]), st.integers(1, 30)
    ),
    min_size=1,
    max_size=7,
)


@given(formulas)
def test_canonical_text_reads_back_exactly(formula: Formula) -> None:
    again = parse_formula(formula.canonical())
    assert dict(again.ions) == dict(formula.ions)
    assert again.vacancies == formula.vacancies


@given(units, st.randoms())
def test_order_does_not_matter(parts: list[tuple[str, int]], random: object) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = parse_formula("".join(f"{element}{n}" for element, n in parts))
    second = parse_formula("".join(f"({element}{n})" for element, n in shuffled))
    assert dict(first.atoms) == dict(second.atoms)


@given(units, st.integers(1, 9), st.integers(1, 9))
def test_brackets_multiply(parts: list[tuple[str, int]], inner: int, outer: int) -> None:
    text = "".join(f"{element}{n}" for element, n in parts)
    nested = parse_formula(f"[({text}){inner}]{outer}")
    assert dict(nested.atoms) == {e: n * inner * outer for e, n in parse_formula(text).atoms.items()}
    assert dict(nested.mass_fractions) == pytest.approx(dict(parse_formula(text).mass_fractions))


@given(st.text(alphabet="HOSiAlFeCaxyn()[]{}·.*,;/□+-^_0123456789³⁺₂ ½", max_size=25))
def test_any_text_is_read_or_refused_in_its_own_words(text: str) -> None:
    try:
        formula = parse_formula(text)
    except FormulaError as refused:
        position: int | None = refused.position
    else:
        position = None
        assert formula.ions or formula.vacancies
        assert all(math.isfinite(n) and n > 0 for n in formula.ions.values())
    assert position is None or 0 <= position <= len(text)


def test_mixture_adds_and_scales() -> None:
    mixed = mixture([(parse_formula("Mg2SiO4"), 0.9), (parse_formula("□Fe2SiO4"), 0.1)])
    assert dict(mixed.atoms) == pytest.approx({"O": 4, "Mg": 1.8, "Si": 1, "Fe": 0.2})
    assert mixed.vacancies == pytest.approx(0.1)
