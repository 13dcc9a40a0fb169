"""X-rays of thin films."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.materials import composition_of
from napari_gdls.spectra.continuum import ELECTRON_REST_ENERGY, FINE_STRUCTURE, film_continuum
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import Emission
from napari_gdls.spectra.thin_film import ThinFilm

AXIS = EnergyAxis(0.0, 10.0, 2000)
BRIDGMANITE = composition_of("Mg0.88Fe0.10Al0.06Si0.96O3")


def total_cross_section(k: float, beam_energy: float) -> float:
    """Formula 3BN of Koch and Motz (1959), per keV, for Z = 1: 2BN integrated over all directions."""
    k, e0 = k / ELECTRON_REST_ENERGY, 1 + beam_energy / ELECTRON_REST_ENERGY
    e = e0 - k
    p0, p = np.sqrt(e0**2 - 1), np.sqrt(e**2 - 1)
    long = 2 * np.log((e0 * e + p0 * p - 1) / k)
    eps0, eps = np.log((e0 + p0) / (e0 - p0)), np.log((e + p) / (e - p))
    inner = (e0 * e + p0**2) / p0**3 * eps0 - (e0 * e + p**2) / p**3 * eps + 2 * k * e0 * e / (p * p0) ** 2
    bracket = (
        4 / 3
        - 2 * e0 * e * (p**2 + p0**2) / (p * p0) ** 2
        + eps0 * e / p0**3
        + eps * e0 / p**3
        - eps * eps0 / (p * p0)
        + long
        * (
            8 * e0 * e / (3 * p0 * p)
            + k**2 / (p0 * p) ** 3 * ((e0 * e) ** 2 + (p0 * p) ** 2)
            + k / (2 * p0 * p) * inner
        )
    )
    radius = 2.8179403262e-13  # of the electron, cm
    return float(FINE_STRUCTURE * radius**2 / k * p / p0 * bracket / ELECTRON_REST_ENERGY)


@pytest.mark.parametrize("k", [1.0, 10.0, 50.0, 150.0])
@pytest.mark.parametrize("beam_energy", [200.0, 300.0])
def test_continuum_integrates_to_the_total_cross_section(k: float, beam_energy: float) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(300)
    angles = np.degrees(np.arccos(nodes))
    summed = sum(
        2 * np.pi * weight * film_continuum(np.array([k]), beam_energy, angle)[0, 0]
        for angle, weight in zip(angles, weights, strict=True)
    )
    before, after = (np.sqrt(1 - (1 + e / ELECTRON_REST_ENERGY) ** -2) for e in (beam_energy, beam_energy - k))
    charge = 2 * np.pi * FINE_STRUCTURE
    elwert = before * np.expm1(-charge / before) / (after * np.expm1(-charge / after))
    assert summed == pytest.approx(elwert * total_cross_section(k, beam_energy), rel=1e-9)


def test_continuum_rises_with_the_atomic_number_and_falls_with_the_energy() -> None:
    per_atom = film_continuum(np.array([2.0, 4.0, 199.9, 250.0]), 200.0, 110.0)
    assert per_atom[25, 0] / per_atom[12, 0] == pytest.approx(4, rel=0.01)
    assert 2 < per_atom[12, 0] / per_atom[12, 1] < 2.5
    assert (per_atom[:, 2:] == 0).all()


def test_background_is_that_of_a_measured_map() -> None:
    """Si K over the continuum in 10 eV of bridgmanite on a map at 88 GPa: 2,107, 3,321 and 7,939."""
    film = ThinFilm(200.0, 22.0, elements=BRIDGMANITE)
    response = film.response(Detector(window="none"), AXIS)
    intensities = film.intensities(BRIDGMANITE)[0]
    n = len(film.lines)
    silicon = [i for i in range(n) if film.lines.element[i] == 13 and film.lines.name[i].startswith("K")]
    area = (intensities[silicon] @ response[silicon]).sum()
    background = intensities[n:] @ response[n:]
    ratios = [area / background[AXIS.index(energy)] for energy in (3000.0, 5000.0, 10_000.0)]
    np.testing.assert_allclose(ratios, [2107, 3321, 7939], rtol=0.15)


def test_intensities_are_proportional_to_mass() -> None:
    film = ThinFilm(200.0, elements=["Mg", "Fe", "O"])
    ends = film.intensities([composition_of("MgO"), composition_of("FeO")])
    half = film.intensities(
        {s: 0.5 * (composition_of("MgO").get(s, 0) + composition_of("FeO").get(s, 0)) for s in ("Mg", "Fe", "O")}
    )
    np.testing.assert_allclose(half[0], ends.mean(axis=0), rtol=1e-5)


def test_surface_is_that_of_a_thick_specimen() -> None:
    thin, thick = ThinFilm(20.0, elements=["Fe", "S"]), Emission(20.0, elements=["Fe", "S"])
    troilite = composition_of("FeS")
    assert thin.lines.name == thick.lines.name
    for emission in (thin, thick):
        assert emission.line_intensities(troilite).shape == (1, len(emission.lines))
        assert emission.continuum(troilite).shape == (1, emission.continuum_energies.size)
        n = len(emission.lines) + emission.continuum_energies.size
        assert emission.intensities(troilite).shape == (1, n)
        assert emission.response(Detector(), AXIS).shape == (n, AXIS.size)


def test_no_photon_lies_beyond_the_tables() -> None:
    film = ThinFilm(400.0, elements=["U", "Pu"])
    assert film.lines.energy.max() <= 100_000
    assert film.continuum_energies.max() <= 100_000
    assert np.isfinite(film.response(Detector(window="none"), EnergyAxis(-480.0, 10.0, 4096))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ThinFilm(1.0), "thin film needs one from 2 to 400 keV"),
        (lambda: ThinFilm(500.0), "thin film needs one from 2 to 400 keV"),
        (lambda: ThinFilm(200.0, 0.0), "take-off angle"),
        (lambda: ThinFilm(200.0, background=-1.0), "background is -1.0"),
    ],
)
def test_errors_name_the_problem(call: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        call()  # type: ignore[operator]
