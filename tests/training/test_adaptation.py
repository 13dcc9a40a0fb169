import numpy as np
import pytest

from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import GdlsError
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.synthesis import simulate_spectra
from napari_gdls.training.adaptation import fit_instrument
from napari_gdls.training.ideal_library import Instrument

AXIS = EnergyAxis(0, 10, 2000)
ROCK = [
    {"Si": 0.467, "O": 0.533},
    {"K": 0.09, "Mg": 0.10, "Fe": 0.15, "Al": 0.065, "Si": 0.195, "O": 0.40},
    {"Ca": 0.40, "P": 0.185, "O": 0.38, "F": 0.035},
    {"Fe": 0.466, "S": 0.534},
]


def measured(offset, gain, fwhm, counts=100_000):
    detector = Detector(fwhm=fwhm)
    seen = Instrument(0, detector, offset, gain).seen_axis(AXIS)
    spectra = simulate_spectra(ROCK, beam_energy=20, detector=detector, energy=seen, counts=counts, seed=1)
    return Field(np.zeros((2, 2), np.uint8), spectra, np.argwhere(np.ones((2, 2), bool)), AXIS, beam_energy=20)


@pytest.mark.parametrize(("offset", "gain", "fwhm"), [(6.0, 0.001, 138.0), (-4.0, -0.002, 122.0)])
def test_the_instrument_that_measured_a_field_is_found(offset, gain, fwhm):
    found = fit_instrument(measured(offset, gain, fwhm))
    assert found.offset == pytest.approx(offset, abs=1.0)
    assert found.gain == pytest.approx(gain, abs=3e-4)
    assert found.fwhm == pytest.approx(fwhm, abs=3)
    assert found.continuum == pytest.approx(1, abs=0.25)
    assert found.misfit < 0.05
    assert {"O", "Si", "Fe", "S", "Ca", "P"} <= set(found.elements)
    assert not found.surprises()
    assert found.instrument.detector.fwhm == found.fwhm


def test_an_unusual_instrument_is_called_one():
    assert "resolution" in " ".join(fit_instrument(measured(0, 0, 175.0)).surprises())


def test_too_few_counts_are_refused():
    with pytest.raises(GdlsError, match="too few"):
        fit_instrument(measured(0, 0, 130, counts=1000))
