"""Coordinates in solid solutions, of masses without and with errors and of fitted spectra."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.materials import find_mineral, load_minerals, mixture, parse_formula
from napari_gdls.mineralogy import Instrument, SpectrumFit, coordinates_of, fit_spectrum
from napari_gdls.spectra import Detector, simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 1500)
INSTRUMENT = Instrument(15.0, 35.0, AXIS, Detector())
NOTHING = np.zeros(AXIS.size)
SOUGHT = (
    *["C", "O", "F", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "K", "Ca", "Ti", "V", "Cr", "Mn", "Fe", "Ni", "Zn"],
    *["As", "Sr", "Nb", "Mo", "Ag", "Cd", "Sb", "Ba", "Ta", "W", "Au", "Pb"],
)


def blend(*parts):
    formulas = [(find_mineral(n).formula if n[0].islower() else parse_formula(n), moles) for n, moles in parts]
    return dict(mixture(formulas).mass_fractions)


def fit_of(fractions, relative_error=0.01, floor=1e-4):
    masses, errors = np.zeros(len(SYMBOLS)), np.full(len(SYMBOLS), np.inf)
    for symbol in SOUGHT:
        k = SYMBOLS.index(symbol)
        masses[k] = fractions.get(symbol, 0.0)
        errors[k] = relative_error * masses[k] + floor
    none = np.zeros(len(SYMBOLS))
    used = np.ones(AXIS.size, dtype=bool)
    return SpectrumFit(
        counts=NOTHING,
        instrument=INSTRUMENT,
        masses=masses,
        mass_errors=none,
        counting_errors=none,
        significance=none,
        open_masses=masses,
        open_errors=errors,
        net_areas=none,
        model=NOTHING,
        background=NOTHING,
        used=used,
        misfit=1.0,
        total_variation=0.0,
    )


def coordinates(fractions, group, name="", **errors):
    return {each.name: each for each in coordinates_of(fit_of(fractions, **errors), group, name)}


@pytest.mark.parametrize(
    ("group", "name", "parts", "expected"),
    [
        ("feldspar", "", [("anorthite", 0.3), ("albite", 0.6), ("orthoclase", 0.1)], {"An": 0.3, "Ab": 0.6, "Or": 0.1}),
        ("olivine", "", [("forsterite", 0.85), ("fayalite", 0.15)], {"Fo": 0.85}),
        (
            "pyroxene",
            "",
            [("Mg2Si2O6", 0.45), ("Fe2Si2O6", 0.35), ("Ca2Si2O6", 0.2)],
            {"En": 0.45, "Fs": 0.35, "Wo": 0.2},
        ),
        ("pyroxene", "omphacite", [("jadeite", 0.5), ("diopside", 0.4), ("aegirine", 0.1)], {"Jd": 0.5, "Ae": 0.1}),
        (
            "garnet",
            "",
            [("almandine", 0.5), ("pyrope", 0.2), ("grossular", 0.15), ("spessartine", 0.05), ("andradite", 0.1)],
            {"Alm": 0.5, "Prp": 0.2, "Grs": 0.15, "Sps": 0.05, "Adr": 0.1},
        ),
        ("spinel", "", [("chromite", 0.5), ("spinel", 0.5)], {"Mg#": 0.5, "Cr#": 0.5}),
        ("spinel", "", [("magnetite", 0.7), ("ulvöspinel", 0.3)], {"Usp": 0.3}),
        ("mica, trioctahedral", "biotite", [("phlogopite", 0.6), ("annite", 0.4)], {"Mg#": 0.6}),
        ("calcite", "", [("calcite", 0.1), ("siderite", 0.9)], {"Cal": 0.1, "Sd": 0.9}),
        ("columbite", "", [("FeNb2O6", 0.6), ("MnTa2O6", 0.4)], {"Ta/(Nb+Ta)": 0.4, "Mn/(Mn+Fe)": 0.4}),
        ("sphalerite", "", [("ZnS", 0.9), ("FeS", 0.1)], {"Fe/(Zn+Fe)": 0.1}),
        ("ilmenite", "", [("ilmenite", 0.8), ("hematite", 0.2)], {"Ilm": 0.8, "Hem": 0.2}),
        ("copper", "electrum", [("Au", 0.6), ("Ag", 0.4)], {"Ag/(Au+Ag)": 0.4}),
    ],
)
def test_exact_masses_give_the_exact_coordinate(group, name, parts, expected):
    found = coordinates(blend(*parts), group, name)
    assert {key: found[key].value for key in expected} == pytest.approx(expected, abs=5e-3)
    for each in found.values():
        assert 0 <= each.low <= each.value <= each.high <= 1
        assert each.error > 0


def test_the_interval_stays_within_0_and_1_and_says_something_where_a_mass_is_0():
    found = coordinates(blend(("albite", 1)), "feldspar", floor=0.004)
    assert found["An"].value == pytest.approx(0, abs=1e-9)
    assert found["An"].low == pytest.approx(0, abs=1e-3)
    assert 0.02 < found["An"].high < 0.2


def test_anorthite_follows_from_aluminium_where_sodium_is_not_seen():
    fractions = blend(("anorthite", 0.5), ("albite", 0.5))
    whole = coordinates(fractions, "feldspar")["An"]
    fit = fit_of(fractions)
    k = SYMBOLS.index("Na")
    fit.open_masses[k], fit.open_errors[k] = 0.0, 0.2
    blind = {each.name: each for each in coordinates_of(fit, "feldspar")}["An"]
    assert blind.value == pytest.approx(0.5, abs=0.05)
    assert whole.error < blind.error < 0.15


def test_more_counts_bring_a_smaller_error_but_none_below_the_physics():
    fractions = blend(("forsterite", 0.5), ("fayalite", 0.5))
    errors = [coordinates(fractions, "olivine", relative_error=r)["Fo"].error for r in (0.3, 0.1, 0.01, 0.0001)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(errors[-2], rel=0.05)
    assert errors[-1] > 0.01


@pytest.mark.parametrize("group", ["", "silica", "no such group"])
def test_groups_without_a_solid_solution_have_no_coordinates(group):
    assert coordinates(blend(("quartz", 1)), group) == {}


def test_a_share_of_nothing_is_left_out():
    assert "Cr#" not in coordinates(blend(("magnetite", 1)), "spinel")
    assert coordinates(blend(("quartz", 1)), "mica, trioctahedral") == {}


def test_every_group_with_coordinates_is_one_of_the_table():
    groups = {mineral.group for mineral in load_minerals()}
    for group in ("feldspar", "olivine", "garnet", "mica, trioctahedral", "amphibole, calcic", "chlorite"):
        assert group in groups


def test_equal_fits_have_equal_coordinates():
    fractions = blend(("andesine", 1))
    assert coordinates(fractions, "feldspar") == coordinates(fractions, "feldspar")


def test_a_fitted_spectrum_gives_the_coordinate_within_its_error():
    fractions = blend(("anorthite", 0.4), ("albite", 0.57), ("orthoclase", 0.03))
    spectrum = simulate_spectra(fractions, beam_energy=15.0, take_off=35.0, energy=AXIS, counts=1e4, seed=3)[0]
    anorthite = coordinates_of(fit_spectrum(spectrum, INSTRUMENT), "feldspar")[0]
    assert anorthite.name == "An"
    assert abs(anorthite.value - 0.4) < 3 * anorthite.error
    assert anorthite.low < 0.4 < anorthite.high


def test_tantalum_is_looked_for_in_columbite_even_where_the_search_found_none():
    fractions = blend(("FeNb2O6", 0.7), ("FeTa2O6", 0.3))
    spectrum = simulate_spectra(fractions, beam_energy=15.0, take_off=35.0, energy=AXIS, counts=2e4, seed=4)[0]
    without = fit_spectrum(spectrum, INSTRUMENT, elements=["O", "Fe", "Nb"])
    assert not np.isfinite(without.open_errors[SYMBOLS.index("Ta")])
    share = coordinates_of(without, "columbite")[0]
    assert share.name == "Ta/(Nb+Ta)"
    assert abs(share.value - 0.3) < 3 * share.error
