import numpy as np
import pytest

from napari_gdls.spectra.atomic import SUBSHELLS
from napari_gdls.spectra.ionisation import ionisation_cross_sections


# Values of the authors' program xion.f, as the NIST implementation is tested with (public domain).
@pytest.mark.parametrize(
    ("z", "subshell", "energy", "expected"),
    [
        (12, "L3", 77.1792e-3, 3.85315e-18),
        (12, "L3", 12.9569, 1.24124e-18),
        (23, "L1", 15.3993, 2.63509e-20),
        (45, "M3", 1.22321, 2.11571e-19),
        (67, "K", 163.117, 1.36404e-23),
        (78, "M5", 2.98538, 2.02808e-20),
    ],
)
def test_cross_sections_are_those_of_the_authors(z, subshell, energy, expected):
    value = ionisation_cross_sections(energy)[z - 1, SUBSHELLS.index(subshell)]
    assert value == pytest.approx(expected, rel=0.01)


def test_nothing_is_ionised_below_its_edge():
    cross_sections = ionisation_cross_sections(5.0)
    assert cross_sections[25, 0] == 0  # Fe K, 7.1 keV
    assert cross_sections[25, 3] > 0  # Fe L3, 0.7 keV
    assert (cross_sections >= 0).all()
    assert (cross_sections[7, 4:] == 0).all()  # oxygen has no M shell


def test_the_two_formulas_meet():
    edge = 1.8285  # Si K, at an overvoltage of 16
    below, above = (ionisation_cross_sections(16 * edge * f)[13, 0] for f in (0.999, 1.001))
    assert above == pytest.approx(below, rel=0.01)


def test_cross_section_peaks_at_a_few_times_the_edge():
    energies = np.linspace(7.2, 60, 100)
    iron = [ionisation_cross_sections(energy)[25, 0] for energy in energies]
    assert 2 < energies[int(np.argmax(iron))] / 7.112 < 4.5
