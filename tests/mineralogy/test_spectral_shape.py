"""The likeness of whole spectra."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.materials import Materials, composition_of, load_materials
from napari_gdls.mineralogy import Instrument
from napari_gdls.mineralogy.spectral_shape import log_coefficients
from napari_gdls.spectra import Detector, simulate_spectra

NAMES = ("quartz", "pyrite", "albite", "baryte", "fluorite")


@pytest.fixture(scope="module")
def few():
    materials = load_materials()
    return Materials([materials[materials.index(name)] for name in NAMES])


@pytest.mark.parametrize(
    "energy",
    [
        EnergyAxis(0.0, 10.0, 2048),
        EnergyAxis(-475.0, 5.0, 4096),
        EnergyAxis(0.0, 10.0, 420),
        EnergyAxis(0.0, 20.0, 512),
    ],
)
@pytest.mark.parametrize("beam", [10.0, 20.0])
@pytest.mark.parametrize("fwhm", [122.0, 150.0])
def test_a_spectrum_is_like_its_own_material_on_any_axis(few, energy, beam, fwhm):
    detector = Detector(fwhm=fwhm)
    for index, material in enumerate(few):
        counts = simulate_spectra(
            dict(material.mass_fractions), beam_energy=beam, energy=energy, detector=detector, counts=1e5
        )[0].astype(np.float64)
        found = log_coefficients(counts, Instrument(beam, 35.0, energy, detector), few)
        assert found.argmax() == index
        assert found[index] == pytest.approx(0, abs=2e-3)
        assert np.delete(found, index).max() < -0.01


def test_an_empty_band_says_nothing(few):
    energy = EnergyAxis(0.0, 10.0, 2048)
    counts = np.zeros(2048)
    counts[20:60] = 5
    assert np.array_equal(log_coefficients(counts, Instrument(20.0, 35.0, energy, Detector()), few), np.zeros(len(few)))


def test_another_composition_is_less_alike():
    materials = load_materials()
    names = ("albite", "oligoclase", "andesine", "labradorite", "bytownite", "anorthite")
    line = Materials([materials[materials.index(name)] for name in names])
    energy = EnergyAxis(0.0, 10.0, 2048)
    counts = simulate_spectra(composition_of("NaAlSi3O8"), beam_energy=20.0, energy=energy, counts=1e5)[0]
    found = log_coefficients(counts.astype(np.float64), Instrument(20.0, 35.0, energy, Detector()), line)
    assert (np.diff(found) < 0).all()
