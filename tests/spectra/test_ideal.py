"""The spectrum model: against measured standards, and its physics."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.spectra import Detector, ideal_spectra
from napari_gdls.spectra.emission import emission, mass_absorption
from napari_gdls.spectra.ideal import TIMA_AXIS

# fmt: off
STANDARDS = [
    "al2o3_20kv", "baf2_15kv", "caf2_20kv", "fe_20kv", "ge_20kv", "k412_15kv", "k412_20kv", "mgo_20kv",
    "sanbornite_10kv", "sio2_15kv", "sio2_20kv", "ti_20kv", "zn_20kv",
]
# fmt: on


def read_standard(path: Path) -> tuple[dict[str, str], np.ndarray]:
    """Header and counts of an EMSA/MAS spectrum of known composition."""
    header: dict[str, str] = {}
    counts: list[float] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        if line.startswith("#"):
            key, _, value = line.lstrip("#").partition(":")
            header[key.strip()] = value.strip()
        else:
            counts += [float(number) for number in line.replace(",", " ").split()]
    return header, np.array(counts)


@pytest.mark.parametrize("standard", STANDARDS)
def test_measured_standards_are_reproduced(shared_data: Path, standard: str) -> None:
    header, counts = read_standard(shared_data / "nist_standards" / f"{standard}.msa")
    composition = {e: float(m) for e, m in re.findall(r"\(([A-Z][a-z]?):([\d.]+)\)", header["D2STDCMP"])}
    energy = EnergyAxis(float(header["OFFSET"]), float(header["XPERCHAN"]), len(counts))
    beam_energy = float(header["BEAMKV"])
    model = ideal_spectra([composition], energy, beam_energy=beam_energy, take_off=float(header["ELEVANGLE"]))[0]
    band = energy.window(300.0, 1000 * beam_energy)
    measured, expected = counts[band] / counts[band].sum(), model[band] / model[band].sum()
    # Total variation, with nothing fitted to the spectrum; the worst, iron, is at .10.
    assert 0.5 * np.abs(measured - expected).sum() < 0.105


def test_lines_lie_where_they_belong() -> None:
    spectrum = ideal_spectra(["Fe2O3"])[0]
    peaks = [TIMA_AXIS.centers[TIMA_AXIS.window(*band)][spectrum[TIMA_AXIS.window(*band)].argmax()]
             for band in ((450, 600), (6000, 6700), (6800, 7300))]  # fmt: skip
    assert peaks == pytest.approx([525, 6400, 7060], abs=10)


def test_nothing_above_the_beam_energy() -> None:
    photons = emission("ZrSiO4", beam_energy=15.0)
    assert photons.continuum_energy.max() < 15000
    assert photons.line_energy.max() < 15000
    assert not any(
        name.startswith("K") for name, e in zip(photons.line_name, photons.line_element, strict=True) if e == "Zr"
    )
    spectrum = ideal_spectra(["ZrSiO4"], beam_energy=15.0)[0]
    assert spectrum[TIMA_AXIS.window(15500, 30000)].sum() < 1e-6 * spectrum.sum()


def test_absorption_weakens_soft_lines_at_low_take_off() -> None:
    def line(element: str, name: str, take_off: float) -> float:
        photons = emission("ZrSiO4", take_off=take_off)
        found = list(zip(photons.line_element, photons.line_name, photons.line_intensity, strict=True))
        return float(sum(value for owner, title, value in found if (owner, title) == (element, name)))

    assert line("O", "K-L3", 15.0) < 0.6 * line("O", "K-L3", 60.0)
    assert 0.9 < line("Zr", "K-L3", 15.0) / line("Zr", "K-L3", 60.0) < 1


def test_absorption_coefficients() -> None:
    # NIST XCOM photoelectric: Si at 10 keV 32.9, O at 1.5 keV 1548 cm2/g.
    assert mass_absorption("Si", 10000) == pytest.approx(32.9, rel=0.03)
    assert mass_absorption("O", [1500.0])[0] == pytest.approx(1548, rel=0.03)
    # Above its K edge iron absorbs several times more.
    assert mass_absorption("Fe", 7200) > 6 * mass_absorption("Fe", 7000)


def test_more_of_an_element_gives_more_of_its_line() -> None:
    window = TIMA_AXIS.window(6300, 6500)
    series = ideal_spectra([f"Mg{2 - 2 * x:.2f}Fe{2 * x:.2f}SiO4" for x in (0.1, 0.3, 0.5, 0.7, 0.9)])
    iron = series[:, window].sum(axis=1) / series.sum(axis=1)
    assert (np.diff(iron) > 0).all()


def test_counts_do_not_depend_on_the_channels() -> None:
    fine = ideal_spectra(["KAlSi3O8"], EnergyAxis(5.0, 10.0, 2000))[0]
    coarse = ideal_spectra(["KAlSi3O8"], EnergyAxis(10.0, 20.0, 1000))[0]
    np.testing.assert_allclose(fine.reshape(-1, 2).sum(axis=1), coarse, rtol=1e-9)


def test_a_spectrum_does_not_depend_on_the_others() -> None:
    together = ideal_spectra(["SiO2", "FeTiO3", "ZrSiO4"])
    np.testing.assert_allclose(together[1], ideal_spectra(["FeTiO3"])[0], rtol=1e-9)
    assert ideal_spectra([]).shape == (0, TIMA_AXIS.size)


@pytest.mark.parametrize(("parameter", "value"), [("beam_energy", 0.5), ("beam_energy", np.nan), ("take_off", 0.0)])
def test_impossible_conditions_are_refused(parameter: str, value: float) -> None:
    with pytest.raises(GdlsError, match=parameter):
        ideal_spectra(["SiO2"], **{parameter: value})  # type: ignore[arg-type]


def test_detector_resolution() -> None:
    detector = Detector(resolution=130.0)
    assert detector.fwhm(5895.0) == pytest.approx(130)
    assert 60 < detector.fwhm(277.0) < 80
    energies = np.linspace(100, 20000, 50)
    assert (np.diff(detector.fwhm(energies)) > 0).all()
    axis = EnergyAxis(0.0, 1.0, 12000)
    line = detector.response([5895.0], axis)[0]
    assert np.count_nonzero(line > line.max() / 2) == pytest.approx(130, abs=1)


def test_detector_efficiency() -> None:
    detector = Detector()
    energies = np.array([277.0, 525.0, 1740.0, 6400.0, 20000.0])
    efficiency = detector.efficiency(energies)
    assert ((efficiency > 0) & (efficiency < 1)).all()
    assert efficiency[0] < efficiency[1] < efficiency[2]
    assert efficiency[4] < 0.6
    assert (Detector(polymer=0.0).efficiency(energies) >= efficiency).all()
    axis = EnergyAxis(-500.0, 10.0, 3000)
    np.testing.assert_allclose(detector.response(energies, axis).sum(axis=1), efficiency, rtol=1e-6)


@pytest.mark.parametrize("wrong", [{"resolution": 100.0}, {"crystal": -1.0}, {"grid": 1.5}])
def test_impossible_detectors_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(GdlsError):
        Detector(**wrong)
