"""The instrument of a field, fitted to its spectra, so that a network can be trained for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import GdlsError
from napari_gdls.materials.composition import N_ELEMENTS, SYMBOLS
from napari_gdls.spectra.atomic import SUBSHELLS
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import Emission
from napari_gdls.training.config import INSTRUMENT_SETTINGS
from napari_gdls.training.ideal_library import Instrument

if TYPE_CHECKING:
    from napari_gdls.field import Field

FloatArray = npt.NDArray[np.float64]

_LOWEST = 250.0  # eV: below, windows and noise differ too much from one detector to the next
_LEAST_COUNTS = 20_000
_LEAST_SHARE = 2e-3
_NAMED_SHARE = 0.01  # weaker families may only mend what the model of the others leaves
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
_BACKGROUNDS = ({"C": 1.0}, {"Si": 0.467, "O": 0.533}, {"Fe": 1.0}, {"Pb": 0.87, "S": 0.13})


@dataclass(frozen=True)
class FittedInstrument:
    """What the spectra of a field say of the instrument.

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
            ("beam energy", self.beam_energy, 15.0, 30.0, "keV"),
            ("take-off angle", self.take_off, 20.0, 60.0, "degrees"),
            ("energy offset", self.offset, -10.0, 10.0, "eV"),
            ("gain error", 100 * self.gain, -0.3, 0.3, "%"),
            ("resolution at Mn K-alpha", self.fwhm, 118.0, 150.0, "eV"),
            ("continuum over the expected", self.continuum, 0.6, 1.7, "times"),
        )
        outside = [
            f"{name} {value:.4g} {unit} (known: {low:g} to {high:g})"
            for name, value, low, high, unit in ranges
            if not low <= value <= high
        ]
        if self.misfit > 0.1:
            outside.append(f"{100 * self.misfit:.0f} % of the counts are not where the simulation puts them")
        return outside

    def __str__(self) -> str:
        return (
            f"offset {self.offset:+.1f} eV, gain {100 * self.gain:+.3f} %, resolution {self.fwhm:.0f} eV at Mn "
            f"K-alpha, continuum {self.continuum:.2f} times the expected, {100 * self.misfit:.1f} % of the counts "
            f"unexplained; lines of {', '.join(self.elements)}"
        )


def fit_instrument(field: Field, *, take_off: float = 35.0) -> FittedInstrument:
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
    from scipy.optimize import minimize

    beam = field.assumed_beam_energy
    axis = field.energy
    band = axis.window(_LOWEST, min(1000 * beam, axis.edges[-1]))
    total = field.summed_spectra(np.zeros(field.n_measurements, dtype=np.int64))[0][band]
    if total.sum() < _LEAST_COUNTS:
        raise GdlsError(f"{total.sum():,.0f} counts are too few to fit an instrument to; {_LEAST_COUNTS:,} are needed.")
    weight = 1 / np.sqrt(np.maximum(total, 1) + (0.02 * total) ** 2)
    emission = Emission(beam, take_off, elements=_ELEMENTS)
    families, names = _families(emission)
    families /= families.sum(axis=1, keepdims=True)
    n_lines = len(emission.lines)
    # The continuum is too smooth to tell of the calibration, and stays as the nominal instrument sees it.
    nominal = emission.response(Detector(), axis)[n_lines:, band]
    backgrounds = emission.continuum(list(_BACKGROUNDS)).astype(np.float64) @ nominal
    backgrounds /= backgrounds.sum(axis=1, keepdims=True)

    def fit(offset: float, gain: float, fwhm: float, rows: npt.NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        detector = Detector(fwhm=fwhm)
        seen = Instrument(0, detector, offset, gain).seen_axis(axis)
        used = (families[rows] > 0).any(axis=0)
        lines = families[np.ix_(rows, used)] @ detector.response(emission.lines.energy[used], seen)[:, band]
        columns = np.concatenate([lines, backgrounds])
        return _non_negative(columns.T * weight[:, None], total * weight), columns

    rows = np.arange(len(families))
    for _ in range(2):  # all elements on the nominal axis, then again those that the first fit left
        amounts, columns = fit(0.0, 0.0, 130.0, rows)
        area = (amounts * columns.sum(axis=1))[: len(rows)]
        rows = rows[area > _LEAST_SHARE * total.sum()]
    if len(rows) == 0:
        raise GdlsError("no lines were found in the summed spectrum; there is nothing to fit an instrument to.")

    def misfit(x: FloatArray) -> float:
        offset, gain, fwhm = x[0], 1e-3 * x[1], 130.0 + 5 * x[2]
        if not (abs(offset) < 60 and abs(gain) < 0.02 and 90 < fwhm < 250):
            return 1e12
        amounts, columns = fit(offset, gain, fwhm, rows)
        return float((((total - amounts @ columns) * weight) ** 2).sum())

    simplex = np.array([[0, 0, 0], [8, 0, 0], [0, 2, 0], [0, 0, 3]], dtype=np.float64)
    found = minimize(
        misfit, simplex[0], method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 0.02, "maxfev": 150}
    )
    offset, gain, fwhm = float(found.x[0]), 1e-3 * float(found.x[1]), 130.0 + 5 * float(found.x[2])
    amounts, columns = fit(offset, gain, fwhm, rows)
    area = (amounts * columns.sum(axis=1))[: len(rows)]
    strongest = np.argsort(-area, kind="stable")
    elements = tuple(dict.fromkeys(names[rows[k]] for k in strongest if area[k] > _NAMED_SHARE * area.sum()))
    expected = _expected_continuum(emission, Detector(fwhm=fwhm), rows, area, names, axis, band)
    background = float(amounts[len(rows) :].sum())
    return FittedInstrument(
        beam_energy=beam,
        take_off=take_off,
        offset=offset,
        gain=gain,
        fwhm=fwhm,
        continuum=background / float(area.sum()) / expected,
        misfit=float(np.abs(total - amounts @ columns).sum() / 2 / total.sum()),
        elements=elements,
    )


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
    emission: Emission,
    detector: Detector,
    rows: npt.NDArray[np.intp],
    area: FloatArray,
    names: list[str],
    axis: Any,
    band: slice,
) -> float:
    """Counts of continuum per count of lines that the simulation gives for a composition with these line areas."""
    response = emission.response(detector, axis)[:, band]
    n_lines = len(emission.lines)
    composition = np.zeros(N_ELEMENTS)
    for row, counts in zip(rows, area, strict=True):
        element = SYMBOLS.index(names[row])
        pure = float((emission.line_intensities(np.eye(N_ELEMENTS)[[element]]) @ response[:n_lines]).sum())
        composition[element] = max(composition[element], counts / max(pure, 1e-30))
    if composition.sum() <= 0:
        return 1.0
    spectrum = emission.intensities(composition[None] / composition.sum())[0]
    return float((spectrum[n_lines:] @ response[n_lines:]).sum() / (spectrum[:n_lines] @ response[:n_lines]).sum())


def _non_negative(matrix: FloatArray, target: FloatArray) -> FloatArray:
    from scipy.optimize import nnls

    scale = np.maximum(np.linalg.norm(matrix, axis=0), 1e-30)
    # The normal equations are small and cost less than the tall problem at every step.
    triangle = np.linalg.qr(np.concatenate([matrix / scale, target[:, None]], axis=1), mode="r")
    square, right = np.asarray(triangle)[:-1, :-1], np.asarray(triangle)[:-1, -1]
    return np.asarray(nnls(square, right)[0] / scale)
