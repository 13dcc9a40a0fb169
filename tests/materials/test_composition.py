import numpy as np
import pytest

from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError
from napari_gdls.materials.composition import N_ELEMENTS, CompositionError, atomic_number, mass_fractions
from napari_gdls.materials.formula import composition_of


def test_symbols_run_from_hydrogen_to_plutonium():
    assert N_ELEMENTS == len(set(SYMBOLS)) == 94
    assert [atomic_number(symbol) for symbol in ("H", "O", "Fe", "Au", "U", "Pu")] == [1, 8, 26, 79, 92, 94]


def test_mappings_arrays_and_percentages_mean_the_same():
    quartz = {"Si": 0.46743, "O": 0.53257}
    row = np.zeros(94)
    row[[13, 7]] = 46.743, 53.257
    expected = mass_fractions([quartz])
    assert expected.shape == (1, 94)
    for same in (quartz, [{"O": 53.257, "Si": 46.743}], row, row[None]):
        np.testing.assert_allclose(mass_fractions(same), expected)
    assert row.sum() == pytest.approx(100)  # the caller's array is left alone


def test_elements_without_lines_keep_their_mass():
    ice = mass_fractions({"H": 0.1119, "O": 0.8881})[0]
    assert ice[0] == pytest.approx(0.1119)
    assert ice.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("compositions", "message"),
    [
        ({"Xx": 1.0}, "'Xx' is no element"),
        ([{"O": 1.0}, {"O": -0.1, "Si": 1.0}], "composition 1: the mass fraction of O"),
        ({"O": float("nan")}, "must be finite"),
        ({"O": "much"}, "not a number"),
        ({"H": 1.0}, "no element from boron up"),
        ({"Li": 0.5, "Be": 0.5}, "no element from boron up"),
        ({}, "no element from boron up"),
        (["SiO2"], "a mapping from element symbol"),
        (np.ones((2, 93)), r"\(n, 94\) is needed"),
    ],
)
def test_impossible_compositions_are_named(compositions, message):
    with pytest.raises(CompositionError, match=message) as caught:
        mass_fractions(compositions)
    assert isinstance(caught.value, GdlsError)


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
def test_mass_fractions_follow_from_a_formula(formula, expected):
    fractions = composition_of(formula)
    assert list(fractions) == list(expected)
    assert fractions == pytest.approx(expected, abs=3e-4)
    assert sum(fractions.values()) == pytest.approx(1, abs=1e-12)


def test_masses_in_any_unit_are_normalised():
    assert composition_of({"Si": 46.743, "O": 53.257}) == pytest.approx({"O": 0.53257, "Si": 0.46743})
