"""Which lines a peak can be."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.mineralogy.line_candidates import line_candidates, peak_near
from napari_gdls.spectra import simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 2048)


def _titles(composition, at, counts=2e5):
    spectrum = simulate_spectra(composition, beam_energy=20, energy=AXIS, counts=counts, seed=0)[0]
    peak = peak_near(spectrum, AXIS, at)
    return [each.title for each in line_candidates(spectrum, AXIS, peak, beam_energy=20.0)]


@pytest.mark.parametrize(
    ("composition", "at", "best"),
    [
        ({"Si": 0.467, "O": 0.533}, 1720, "Si K\u03b1"),
        ({"Fe": 0.466, "S": 0.534}, 6430, "Fe K\u03b1"),
        ({"Fe": 0.466, "S": 0.534}, 7060, "Fe K\u03b2"),
        ({"Ti": 0.6, "O": 0.4}, 4480, "Ti K\u03b1"),
        ({"Ba": 0.588, "S": 0.137, "O": 0.275}, 4480, "Ba L\u03b1"),
        ({"Pb": 0.866, "S": 0.134}, 2340, "Pb M\u03b1"),
        ({"Mo": 0.05, "S": 0.45, "Fe": 0.5}, 2310, "S K\u03b1"),
        ({"Ce": 0.3, "La": 0.15, "Nd": 0.1, "P": 0.13, "O": 0.32}, 4840, "Ce L\u03b1"),
    ],
)
def test_the_line_that_is_there_comes_first(composition, at, best):
    assert _titles(composition, at)[0].startswith(f"{best} ")


def test_a_peak_that_overlaps_keeps_both_readings():
    titles = _titles({"Mn": 0.3, "Fe": 0.3, "O": 0.4}, 6420)
    assert any(title.startswith("Fe K\u03b1") for title in titles)
    assert any(title.startswith("S K") for title in _titles({"Mo": 0.6, "S": 0.4}, 2300))
    assert any(title.startswith("Mo L") for title in _titles({"Mo": 0.6, "S": 0.4}, 2300))


def test_an_element_whose_other_lines_are_missing_is_less_plausible():
    spectrum = simulate_spectra({"Ti": 0.6, "O": 0.4}, beam_energy=20, energy=AXIS, counts=2e5, seed=0)[0]
    found = {each.line.element: each for each in line_candidates(spectrum, AXIS, 4480.0, beam_energy=20.0, most=20)}
    assert found["Ti"].seen == found["Ti"].expected == 1
    assert found["Ti"].plausibility > max(each.plausibility for name, each in found.items() if name != "Ti")


def test_lines_that_the_beam_does_not_excite_are_none():
    spectrum = np.full(AXIS.size, 10.0)
    assert line_candidates(spectrum, AXIS, 17_480.0, beam_energy=15.0) == ()


def test_the_peak_is_found_beside_the_click():
    spectrum = np.full(AXIS.size, 5.0)
    spectrum += 1000 * np.exp(-0.5 * ((AXIS.centers - 6400) / 60) ** 2)
    assert peak_near(spectrum, AXIS, 6440.0) == pytest.approx(6400.0, abs=10.0)
