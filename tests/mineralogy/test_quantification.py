"""Compositions of simulated spectra, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.materials import parse_formula
from napari_gdls.mineralogy import Instrument, composition_of_fit, fit_spectrum, quantify_spectrum
from napari_gdls.spectra import Detector, simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 2048)


def spectrum(formula, counts=1e5, seed=0, beam_energy=20.0, axis=AXIS, **more):
    fractions = dict(parse_formula(formula).mass_fractions) if isinstance(formula, str) else formula
    return simulate_spectra(fractions, beam_energy=beam_energy, energy=axis, counts=counts, seed=seed, **more)[0]


@pytest.mark.parametrize("formula", ["NaAlSi3O8", "CaMgSi2O6", "Fe3Al2(SiO4)3", "FeS2", "CaF2", "Ca5(PO4)3F", "CaSO4"])
def test_the_composition_of_a_mineral_comes_back(formula):
    truth = parse_formula(formula).mass_fractions
    found = quantify_spectrum(spectrum(formula), AXIS, beam_energy=20)
    assert set(found.mass_percent) == set(truth)
    for symbol, share in truth.items():
        assert found.mass_percent[symbol] == pytest.approx(100 * share, abs=0.5, rel=0.06), symbol
    assert sum(found.mass_percent.values()) == pytest.approx(100)
    assert sum(found.atomic_percent.values()) == pytest.approx(100)


def test_equal_input_gives_equal_bytes():
    counts = spectrum("CaMgSi2O6", 3000)
    instrument = Instrument(20.0, 35.0, AXIS, Detector())
    first, second = (composition_of_fit(fit_spectrum(counts, instrument)) for _ in range(2))
    assert first.mass_percent == second.mass_percent
    assert np.array_equal(first.fit.open_masses, second.fit.open_masses)


@pytest.mark.parametrize("counts", [1e5, 1e7])
def test_limits_of_main_elements_are_those_of_their_background(counts):
    """Three standard errors of the background below a peak, by its counts per percent of mass."""
    found = quantify_spectrum(spectrum("CaMgSi2O6", counts), AXIS, beam_energy=20)
    for symbol, line in (("Mg", 1254), ("Si", 1740), ("Ca", 3691)):
        below = found.fit.background[AXIS.window(line - 80, line + 80)].sum()
        expected = 3 * np.sqrt(below) * found.mass_percent[symbol] / found.net_areas[symbol]
        assert expected / 2 < found.detection_limit[symbol] < 4 * expected, symbol
