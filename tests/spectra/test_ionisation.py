import numpy as np
import pytest

from napari_gdls.materials.composition import mass_fractions
from napari_gdls.spectra.atomic import SUBSHELLS
from napari_gdls.spectra.depth import depth_distribution, target
from napari_gdls.spectra.ionisation import equivalent_exponents, ionisation_cross_sections


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


def ionisations_on_the_way(z, subshell, edge, beam_energy, potential):
    """Integral of the cross-section over the way, in units of that at the beam energy: sum of dE / S, cm2/g.

    With the stopping power of Pouchou and Pichoir (1991) in full, for M = 1.
    """
    n = 400
    energies = edge + (beam_energy - edge) * (np.arange(n) + 0.5) / n
    own = [ionisation_cross_sections(float(energy))[z - 1, SUBSHELLS.index(subshell)] for energy in energies]
    v = energies / potential
    slowing = (
        6.6e-6 * v**0.78
        + 1.12e-5 * (1.35 - 0.45 * potential**2) * v**0.1
        + 2.2e-6 / potential * v ** (-0.5 + 0.25 * potential)
    )
    step = (beam_energy - edge) / n
    return (
        potential
        * step
        * (slowing * own).sum()
        / ionisation_cross_sections(beam_energy)[z - 1, SUBSHELLS.index(subshell)]
    )


@pytest.mark.parametrize(
    ("z", "subshell", "edge"),
    [(8, "K", 0.5430), (14, "K", 1.8390), (26, "K", 7.1120), (32, "K", 11.1031), (30, "L3", 1.0197)],
)
@pytest.mark.parametrize("beam_energy", [15.0, 20.0, 25.0])
def test_depth_distributions_hold_the_ionisations_of_the_cross_sections(z, subshell, edge, beam_energy):
    """Without backscattering, which lowers both alike: the area over R is the integral along the way."""
    exponent = equivalent_exponents(beam_energy)[z - 1, SUBSHELLS.index(subshell)]
    material = target(mass_fractions({"Si": 0.467, "O": 0.533}))
    area = [
        float(depth_distribution(material, beam_energy, np.array([edge]), np.array([m])).area[0])
        for m in (exponent, 0.86)
    ]
    # R follows from the area of another exponent, for which the integral is known in closed form.
    n = 4000
    energies = edge + (beam_energy - edge) * (np.arange(n) + 0.5) / n
    j = float(material.potential[0])
    v, u = energies / j, energies / edge
    slowing = 6.6e-6 * v**0.78 + 1.12e-5 * (1.35 - 0.45 * j**2) * v**0.1 + 2.2e-6 / j * v ** (-0.5 + 0.25 * j)
    usual = np.log(u) / u**0.86
    top = np.log(beam_energy / edge) / (beam_energy / edge) ** 0.86
    closed = j * (beam_energy - edge) / n * (slowing * usual).sum() / top
    wanted = ionisations_on_the_way(z, subshell, edge, beam_energy, j) / closed
    assert area[0] / area[1] == pytest.approx(wanted, rel=0.01)
    assert abs(wanted - 1) < 0.15


@pytest.mark.parametrize("beam_energy", [2.0, 20.0, 50.0])
def test_exponents_stay_within_reason(beam_energy):
    exponents = equivalent_exponents(beam_energy)
    assert exponents.shape == (94, len(SUBSHELLS))
    assert ((exponents > 0.4) & (exponents < 1.4)).all()
