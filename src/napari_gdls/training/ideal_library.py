"""Noise-free X-ray emission of all training materials under several beams, and instruments that measure it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch

from napari_gdls.energy import DEFAULT_BEAM_ENERGY, EnergyAxis
from napari_gdls.materials.composition import N_ELEMENTS, atomic_number
from napari_gdls.progress import Progress, silent
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import DEFAULT_TAKE_OFF, Emission

STRAY_ELEMENTS = ("Al", "Cu", "Fe")
"""Elements of microscope and holder, whose lines may appear in every spectrum of a field."""

_BLOCK = 512  # materials at a time: bounds the memory

# Instruments as found in practice; `adaptation` says where a measured one lies outside.
BEAM_ENERGIES = (15.0, 20.0, 25.0, 30.0)
"""In keV; the usual ones."""

_BEAM_SHARES = (0.25, 0.3, 0.35, 0.1)  # how often each is drawn: a choice

TAKE_OFF_RANGE = (20.0, 60.0)
"""In degrees."""

FWHM_RANGE = (118.0, 150.0)
"""Resolution at Mn K-alpha, in eV: most drift detectors, at few counts per second or many."""

OFFSET_LIMIT, _OFFSET_SPREAD = 10.0, 4.0
"""Largest error of the energy offset, and its standard deviation, in eV. A channel is 10 eV wide. Choices."""

GAIN_LIMIT, _GAIN_SPREAD = 3e-3, 1.5e-3
"""The same of the gain, as a fraction: 18 eV and 9 eV at 6 keV. Choices."""

# The rest are choices as well.
_CARBON, _GOLD = 0.7, 0.1  # shares of samples with a film of either; the others have none
_CARBON_RANGE, _GOLD_RANGE = (5.0, 30.0), (2.0, 10.0)  # thickness, nm
_POLYMER, _NO_WINDOW = 0.6, 0.2  # shares of detectors; the others have a window of silicon nitride
_TAIL_RANGE, _ESCAPE_RANGE, _PILE_UP_RANGE = (0.0, 0.12), (0.5, 1.5), (0.0, 0.03)  # see `Detector`
_PILING = 0.5  # share of detectors that count piled up photons at all
# Standard deviations of what a fit of an instrument leaves open: eV, eV, fraction. Choices.
_FITTED_FWHM, _FITTED_OFFSET, _FITTED_GAIN = 2.0, 1.5, 3e-4

_MATERIALS_WORK, _RESPONSE_WORK = 2000, 0.3  # seconds of work: materials per second, an instrument; for progress only
_MEAN_TOTAL = 100.0  # emission of the mean material in what is kept: half precision has 3 digits from 6e-5 on


@dataclass(frozen=True)
class Beam:
    """What decides which photons leave a material.

    Parameters
    ----------
    energy : float
        keV.
    take_off : float
        Degrees.
    coating : (str, float), optional
        Element and thickness in nm.
    """

    energy: float = DEFAULT_BEAM_ENERGY
    take_off: float = DEFAULT_TAKE_OFF
    coating: tuple[str, float] | None = ("C", 15.0)


@dataclass(frozen=True)
class Instrument:
    """A beam, a detector, and the errors of the energy calibration.

    Parameters
    ----------
    beam : int
        Index of the beam in the library.
    detector : Detector
    offset : float
        A photon of energy E is counted as E (1 + gain) + offset (eV).
    gain : float
    """

    beam: int = 0
    detector: Detector = field(default_factory=Detector)
    offset: float = 0.0
    gain: float = 0.0

    def seen_axis(self, axis: EnergyAxis) -> EnergyAxis:
        """True energies of the channels that read as `axis`."""
        return EnergyAxis(
            offset=(axis.offset - self.offset) / (1 + self.gain), width=axis.width / (1 + self.gain), size=axis.size
        )


def draw_beams(rng: np.random.Generator, number: int) -> tuple[Beam, ...]:
    """Beams as found in practice: the default, then 15 to 30 keV, 20 to 60 degrees, coatings of C, Au or none."""
    beams = [Beam()]
    while len(beams) < number:
        kind = rng.random()
        coating: tuple[str, float] | None = None
        if kind < _CARBON:
            coating = ("C", float(rng.uniform(*_CARBON_RANGE)))
        elif kind < _CARBON + _GOLD:
            coating = ("Au", float(rng.uniform(*_GOLD_RANGE)))
        energy = float(rng.choice(BEAM_ENERGIES, p=_BEAM_SHARES))
        beams.append(Beam(energy, float(rng.uniform(*TAKE_OFF_RANGE)), coating))
    return tuple(beams[:number])


def draw_instruments(rng: np.random.Generator, number: int, n_beams: int) -> tuple[Instrument, ...]:
    """Instruments with detectors as they are found in practice, every beam about equally often."""
    instruments = []
    for index in range(number):
        kind = rng.random()
        detector = Detector(
            fwhm=float(rng.uniform(*FWHM_RANGE)),
            window="polymer" if kind < _POLYMER else ("none" if kind < _POLYMER + _NO_WINDOW else "nitride"),
            tail=float(rng.uniform(*_TAIL_RANGE)),
            escape=float(rng.uniform(*_ESCAPE_RANGE)),
            pile_up=float(rng.uniform(*_PILE_UP_RANGE)) if rng.random() < _PILING else 0.0,
        )
        offset = float(np.clip(rng.normal(0.0, _OFFSET_SPREAD), -OFFSET_LIMIT, OFFSET_LIMIT))
        gain = float(np.clip(rng.normal(0.0, _GAIN_SPREAD), -GAIN_LIMIT, GAIN_LIMIT))
        instruments.append(Instrument(index % n_beams, detector, offset, gain))
    return tuple(instruments)


def draw_beams_near(rng: np.random.Generator, number: int, *, beam_energy: float, take_off: float) -> tuple[Beam, ...]:
    """Beams of one microscope: energy and angle are known, the coating is not."""
    drawn = draw_beams(rng, number + 1)[1:]
    return (Beam(beam_energy, take_off), *(Beam(beam_energy, take_off, each.coating) for each in drawn[: number - 1]))


def draw_instruments_near(
    rng: np.random.Generator, number: int, n_beams: int, *, offset: float, gain: float, fwhm: float
) -> tuple[Instrument, ...]:
    """Instruments as one that was fitted, within the errors of the fit; all else is drawn as by `draw_instruments`."""
    return tuple(
        Instrument(
            each.beam,
            replace(each.detector, fwhm=fwhm + float(rng.normal(0.0, _FITTED_FWHM))),
            offset + float(rng.normal(0.0, _FITTED_OFFSET)),
            gain + float(rng.normal(0.0, _FITTED_GAIN)),
        )
        for each in draw_instruments(rng, number, n_beams)
    )


@dataclass(frozen=True)
class Response:
    """One instrument as a matrix.

    Parameters
    ----------
    instrument : Instrument
    matrix : (n_lines + n_continuum, D) float32 tensor
        See `Emission.response`.
    energies : (n_lines + n_continuum,) float32 tensor
        Of the photons, keV.
    families : (n_lines + n_continuum,) int64 tensor
        Number of the family (element and shell) of every line, ``3 * element + (0 K, 1 L, 2 M)``; one more than all for
        the continuum.
    n_lines : int
    """

    instrument: Instrument
    matrix: torch.Tensor
    energies: torch.Tensor
    families: torch.Tensor
    n_lines: int


N_LINE_FAMILIES = 3 * N_ELEMENTS
"""Families of lines: K, L and M of every element."""


class IdealLibrary:
    """Emission of all materials under all beams, ready on a device.

    A spectrum without noise is ``emission(beam, rows) @ response.matrix``.

    Parameters
    ----------
    compositions : (n, 94) array
        Mass fractions of the materials.
    beams : sequence of Beam
    instruments : sequence of Instrument
    axis : EnergyAxis
        Of the spectra.
    device : str or torch.device
    progress : Progress, optional

    Notes
    -----
    Emission is kept in half precision, in units of 1 % of the mean material's total: its error, below a thousandth, is
    far below that of the physics. The pure elements `STRAY_ELEMENTS` follow the materials as further rows.
    """

    def __init__(
        self,
        compositions: npt.NDArray[np.floating],
        beams: Sequence[Beam],
        instruments: Sequence[Instrument],
        axis: EnergyAxis,
        *,
        device: str | torch.device = "cpu",
        progress: Progress | None = None,
    ) -> None:
        report = progress or silent
        stray = np.zeros((len(STRAY_ELEMENTS), N_ELEMENTS))
        stray[np.arange(len(stray)), [atomic_number(symbol) - 1 for symbol in STRAY_ELEMENTS]] = 1.0
        everything = np.concatenate([np.asarray(compositions, dtype=np.float64), stray])
        self.axis = axis
        self.n_materials = len(compositions)
        self.stray_rows = tuple(range(self.n_materials, len(everything)))
        self._emission: list[torch.Tensor] = []
        self.responses: list[Response] = []
        work = len(beams) * len(everything) / _MATERIALS_WORK + _RESPONSE_WORK * len(instruments)
        done = 0.0
        for index, beam in enumerate(beams):
            source = Emission(beam.energy, beam.take_off, coating=beam.coating)
            rows = np.empty((len(everything), len(source.lines) + source.continuum_energies.size), dtype=np.float16)
            # Scaled by what the default detector counts of an average material.
            usual = source.response(Detector(), axis).sum(axis=1)
            scale = 0.0
            for start in range(0, len(everything), _BLOCK):
                report("ideal spectra", min(done / work, 1.0))
                block = source.intensities(everything[start : start + _BLOCK])
                scale = scale or _MEAN_TOTAL / float((block @ usual).mean())
                rows[start : start + _BLOCK] = block * scale
                done += len(block) / _MATERIALS_WORK
            self._emission.append(torch.from_numpy(rows).to(device))
            for instrument in instruments:
                if instrument.beam == index:
                    report("ideal spectra", min(done / work, 1.0))
                    self.responses.append(_response(source, instrument, axis, device))
                    done += _RESPONSE_WORK
        report("ideal spectra", 1.0)

    def emission(self, beam: int, rows: torch.Tensor) -> torch.Tensor:
        """Lines and continuum (len(rows), n_lines + n_continuum), float32, of some materials under a beam."""
        return self._emission[beam][rows].float()


def _response(source: Emission, instrument: Instrument, axis: EnergyAxis, device: str | torch.device) -> Response:
    matrix = source.response(instrument.detector, instrument.seen_axis(axis))
    shell = np.array([0, 1, 1, 1, 2, 2, 2, 2, 2])[source.lines.subshell]
    families = np.full(len(matrix), N_LINE_FAMILIES)
    families[: len(source.lines)] = 3 * source.lines.element + shell
    energies = np.concatenate([source.lines.energy, source.continuum_energies]) / 1000.0
    return Response(
        instrument,
        torch.from_numpy(matrix).to(device),
        torch.from_numpy(energies.astype(np.float32)).to(device),
        torch.from_numpy(families).to(device),
        len(source.lines),
    )
