"""The instrument of a field, fitted to its spectra, so that a network can be trained for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.spectra.atomic import SUBSHELLS
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import DEFAULT_TAKE_OFF, Emission
from napari_gdls.training.config import INSTRUMENT_SETTINGS
from napari_gdls.training.ideal_library import (
    BEAM_ENERGIES,
    FWHM_RANGE,
    GAIN_LIMIT,
    OFFSET_LIMIT,
    TAKE_OFF_RANGE,
    Instrument,
)

if TYPE_CHECKING:
    from napari_gdls.field import Field

FloatArray = npt.NDArray[np.float64]

_LOWEST = 250.0  # eV: below, windows and noise differ too much from one detector to the next
_LEAST_COUNTS = 20_000  # in all: a choice; the offset of a single line of them is then known to half an eV
_MODEL_ERROR = 0.02  # of the simulation, as a part of the counts: keeps the strongest lines from deciding alone. By eye
_LEAST_SHARE = 2e-3  # of the counts, that a line family has to have to be fitted again: by eye
_NAMED_SHARE = 0.01  # weaker families may only mend what the model of the others leaves
_MOST_MISFIT = 0.1  # total variation that is worth a warning: standards stay below 0.08 (`benchmarks/spectra.py`)
_CONTINUUM_RANGE = (0.6, 1.7)  # continuum over the expected that training reaches: 2.5 of its standard deviations
_TINY = 1e-30  # keeps quotients finite

# The search, which starts at the nominal axis and `_USUAL_FWHM`. Limits are far beyond any calibration that is in use.
_USUAL_FWHM = 130.0  # eV at Mn K-alpha
_GAIN_UNIT, _FWHM_UNIT = 1e-3, 5.0  # units (fraction, eV) that make steps of one in all directions alike
_SIMPLEX = np.array([[0, 0, 0], [8, 0, 0], [0, 2, 0], [0, 0, 3]], dtype=np.float64)  # eV and the two units above
_MOST_OFFSET, _MOST_GAIN, _FWHM_LIMITS = 60.0, 0.02, (90.0, 250.0)  # eV, fraction, eV
_IMPOSSIBLE = 1e12  # misfit beyond them
_STOP = {"xatol": 0.02, "maxfev": 150}  # a fiftieth of a unit; fits, of which about 100 are needed

# Elements that rocks, ores, alloys and mounts are made of. With all 94 the fit would mend its own imperfections with
# lines of the rarest.
# fmt: off
_ELEMENTS = (
    "C", "N", "O", "F", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "K", "Ca", "Ti",
    "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "As", "Sr", "Y", "Zr", "Nb", "Mo",
    "Ag", "Sn", "Sb", "Ba", "La", "Ce", "Nd", "Ta", "W", "Pt", "Au", "Pb", "Bi", "Th",
    "U",
)
# fmt: on
# Light to heavy materials, whose continua differ in slope: mass fractions.
_BACKGROUNDS = ({"C": 1.0}, {"Si": 0.467, "O": 0.533}, {"Fe": 1.0}, {"Pb": 0.87, "S": 0.13})


@dataclass(frozen=True)
class FittedInstrument:
    """The instrument of a field, as its spectra show it.

    Attributes
    ----------
    beam_energy, take_off : float
        As given or assumed: keV, degrees.
    offset : float
        A photon of energy E is counted at E (1 + gain) + offset (eV).
    gain : float
    fwhm : float
        Resolution at Mn K-alpha, eV.
    continuum : float
        Continuum over what the simulation expects for the composition found; 1 where both agree.
    misfit : float
        Total variation between the summed spectrum and its fit, 0 to 1.
    elements : tuple of str
        Elements whose lines were fitted, the strongest first.
    """

    beam_energy: float
    take_off: float
    offset: float
    gain: float
    fwhm: float
    continuum: float
    misfit: float
    elements: tuple[str, ...]

    @property
    def instrument(self) -> Instrument:
        """As training takes it."""
        return Instrument(0, Detector(fwhm=self.fwhm), self.offset, self.gain)

    def training_settings(self) -> dict[str, float]:
        """The instrument as `TrainingConfig.instrument` takes it."""
        return {name: float(getattr(self, name)) for name in INSTRUMENT_SETTINGS}

    def surprises(self) -> list[str]:
        """What lies outside of what the shipped weights were trained for, in words."""
        ranges = (
            ("beam energy", self.beam_energy, min(BEAM_ENERGIES), max(BEAM_ENERGIES), "keV"),
            ("take-off angle", self.take_off, *TAKE_OFF_RANGE, "degrees"),
            ("energy offset", self.offset, -OFFSET_LIMIT, OFFSET_LIMIT, "eV"),
            ("gain error", 100 * self.gain, -100 * GAIN_LIMIT, 100 * GAIN_LIMIT, "%"),
            ("resolution at Mn K-alpha", self.fwhm, *FWHM_RANGE, "eV"),
            ("continuum over the expected", self.continuum, *_CONTINUUM_RANGE, "times"),
        )
        outside = [
            f"{name} {value:.4g} {unit} (known: {low:g} to {high:g})"
            for name, value, low, high, unit in ranges
            if not low <= value <= high
        ]
        if self.misfit > _MOST_MISFIT:
            outside.append(f"{100 * self.misfit:.0f} % of the counts are not where the simulation puts them")
        return outside

    def __str__(self) -> str:
        return (
            f"offset {self.offset:+.1f} eV, gain {100 * self.gain:+.3f} %, resolution {self.fwhm:.0f} eV at Mn "
            f"K-alpha, continuum {self.continuum:.2f} times the expected, {100 * self.misfit:.1f} % of the counts "
            f"unexplained; lines of {', '.join(self.elements)}"
        )


def fit_instrument(field: Field, *, take_off: float = DEFAULT_TAKE_OFF) -> FittedInstrument:
    """Fit offset, gain, resolution and continuum of the simulated instrument to a field.

    The summed spectrum is taken as a sum, with factors of 0 or more, of the line families (K, L, M) of the elements and
    of the continua of a few materials. Offset, gain and resolution are those for which the best such sum fits best.

    Parameters
    ----------
    field : Field
    take_off : float
        Degrees.

    Returns
    -------
    FittedInstrument

    Raises
    ------
    GdlsError
        If the field has fewer than 20,000 counts, or no lines.
    """
    model = _SummedSpectrum.of(field, take_off)
    rows = _present_families(model)
    if len(rows) == 0:
        raise GdlsError("no lines were found in the summed spectrum; there is nothing to fit an instrument to.")
    offset, gain, fwhm = _best_calibration(model, rows)
    amounts, columns = model.fit(offset, gain, fwhm, rows)
    area = (amounts * columns.sum(axis=1))[: len(rows)]
    strongest = np.argsort(-area, kind="stable")
    named = (model.names[rows[k]] for k in strongest if area[k] > _NAMED_SHARE * area.sum())
    background = float(amounts[len(rows) :].sum())
    return FittedInstrument(
        beam_energy=model.emission.beam_energy,
        take_off=take_off,
        offset=offset,
        gain=gain,
        fwhm=fwhm,
        continuum=background / float(area.sum()) / _expected_continuum(model, Detector(fwhm=fwhm), rows, area),
        misfit=float(np.abs(model.total - amounts @ columns).sum() / 2 / model.total.sum()),
        elements=tuple(dict.fromkeys(named)),
    )


@dataclass(frozen=True)
class _SummedSpectrum:
    """The summed spectrum of a field, and what it is a sum of.

    Parameters
    ----------
    axis : EnergyAxis
        Of the field.
    band : slice
        Channels that are fitted, D of them.
    total : (D,) float64
        Counts.
    weight : (D,) float64
        One over their standard deviation, by counting and by errors of the simulation.
    emission : Emission
    families : (n, n_lines) float64
        Line families, at a sum of 1.
    names : list of n str
        Their elements.
    backgrounds : (m, D) float64
        Continua, at a sum of 1.
    """

    axis: EnergyAxis
    band: slice
    total: FloatArray
    weight: FloatArray
    emission: Emission
    families: FloatArray
    names: list[str]
    backgrounds: FloatArray

    @classmethod
    def of(cls, field: Field, take_off: float) -> _SummedSpectrum:
        """That of a field, or a `GdlsError` if it has too few counts."""
        beam = field.assumed_beam_energy
        axis = field.energy
        band = axis.window(_LOWEST, min(1000 * beam, axis.edges[-1]))
        total = field.summed_spectra(np.zeros(field.n_measurements, dtype=np.int64))[0][band]
        if total.sum() < _LEAST_COUNTS:
            raise GdlsError(
                f"{total.sum():,.0f} counts are too few to fit an instrument to; {_LEAST_COUNTS:,} are needed."
            )
        weight = 1 / np.sqrt(np.maximum(total, 1) + (_MODEL_ERROR * total) ** 2)
        emission = Emission(beam, take_off, elements=_ELEMENTS)
        families, names = _families(emission)
        families /= families.sum(axis=1, keepdims=True)
        # The continuum is too smooth to say anything of the calibration, and stays as the nominal instrument sees it.
        nominal = emission.response(Detector(), axis)[len(emission.lines) :, band]
        backgrounds = emission.continuum(list(_BACKGROUNDS)).astype(np.float64) @ nominal
        backgrounds /= backgrounds.sum(axis=1, keepdims=True)
        return cls(axis, band, total, weight, emission, families, names, backgrounds)

    def fit(self, offset: float, gain: float, fwhm: float, rows: npt.NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Best amounts of some line families and of all continua, (k,), and their spectra, (k, D)."""
        detector = Detector(fwhm=fwhm)
        seen = Instrument(0, detector, offset, gain).seen_axis(self.axis)
        used = (self.families[rows] > 0).any(axis=0)
        response = detector.response(self.emission.lines.energy[used], seen)[:, self.band]
        columns = np.concatenate([self.families[np.ix_(rows, used)] @ response, self.backgrounds])
        return _non_negative(columns.T * self.weight[:, None], self.total * self.weight), columns


def _present_families(model: _SummedSpectrum) -> npt.NDArray[np.intp]:
    """Line families that the summed spectrum holds, as rows of the model."""
    rows = np.arange(len(model.families))
    for _ in range(2):  # all elements on the nominal axis, then again those that the first fit left
        amounts, columns = model.fit(0.0, 0.0, _USUAL_FWHM, rows)
        area = (amounts * columns.sum(axis=1))[: len(rows)]
        rows = rows[area > _LEAST_SHARE * model.total.sum()]
    return rows


def _best_calibration(model: _SummedSpectrum, rows: npt.NDArray[np.intp]) -> tuple[float, float, float]:
    """Offset (eV), gain and resolution (eV) with which line families fit best."""
    from scipy.optimize import minimize

    def calibration(x: FloatArray) -> tuple[float, float, float]:
        return float(x[0]), _GAIN_UNIT * float(x[1]), _USUAL_FWHM + _FWHM_UNIT * float(x[2])

    def misfit(x: FloatArray) -> float:
        offset, gain, fwhm = calibration(x)
        if not (abs(offset) < _MOST_OFFSET and abs(gain) < _MOST_GAIN and _FWHM_LIMITS[0] < fwhm < _FWHM_LIMITS[1]):
            return _IMPOSSIBLE
        amounts, columns = model.fit(offset, gain, fwhm, rows)
        return float((((model.total - amounts @ columns) * model.weight) ** 2).sum())

    found = minimize(misfit, _SIMPLEX[0], method="Nelder-Mead", options={"initial_simplex": _SIMPLEX, **_STOP})
    return calibration(found.x)


def _families(emission: Emission) -> tuple[FloatArray, list[str]]:
    """Emission of the line families of the pure elements, (families, n_lines), and their elements."""
    lines = emission.lines
    pure = emission.line_intensities(np.eye(N_ELEMENTS)[np.unique(lines.element)])
    shell = np.array([SUBSHELLS[k][0] for k in lines.subshell])
    rows, names = [], []
    for row, element in zip(pure, np.unique(lines.element), strict=True):
        for name in "KLM":
            here = (lines.element == element) & (shell == name)
            if row[here].sum() > 0:
                rows.append(np.where(here, row, 0))
                names.append(SYMBOLS[element])
    return np.array(rows, dtype=np.float64), names


def _expected_continuum(
    model: _SummedSpectrum, detector: Detector, rows: npt.NDArray[np.intp], area: FloatArray
) -> float:
    """Counts of continuum per count of lines that the simulation gives for a composition with these line areas."""
    emission = model.emission
    response = emission.response(detector, model.axis)[:, model.band]
    n_lines = len(emission.lines)
    composition = np.zeros(N_ELEMENTS)
    for row, counts in zip(rows, area, strict=True):
        element = SYMBOLS.index(model.names[row])
        pure = float((emission.line_intensities(np.eye(N_ELEMENTS)[[element]]) @ response[:n_lines]).sum())
        composition[element] = max(composition[element], counts / max(pure, _TINY))
    if composition.sum() <= 0:
        return 1.0
    spectrum = emission.intensities(composition[None] / composition.sum())[0]
    return float((spectrum[n_lines:] @ response[n_lines:]).sum() / (spectrum[:n_lines] @ response[:n_lines]).sum())


def _non_negative(matrix: FloatArray, target: FloatArray) -> FloatArray:
    from scipy.optimize import nnls

    scale = np.maximum(np.linalg.norm(matrix, axis=0), _TINY)
    # The normal equations are small and cost less than the tall problem at every step.
    triangle = np.linalg.qr(np.concatenate([matrix / scale, target[:, None]], axis=1), mode="r")
    square, right = np.asarray(triangle)[:-1, :-1], np.asarray(triangle)[:-1, -1]
    return np.asarray(nnls(square, right)[0] / scale)
