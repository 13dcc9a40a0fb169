"""Drift of the energy calibration over a field: found from the lines themselves, reported, and corrected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.bse import MAD_TO_SIGMA
from napari_gdls.energy import EnergyAxis, rebinning_matrix
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.field.rows import mapped

FloatArray = npt.NDArray[np.float64]

_BLOCKS = 6
"""Blocks of the field along each side: enough to see a slope, few enough for thousands of counts in a line of each."""
_MOST_LINES = 12
"""Strongest lines that are followed; further ones are too weak to say anything."""
_LEAST_COUNTS = 200
"""Counts of a line in a block, and prominence of a line in the sum spectrum, below which its shift drowns in noise:
with 200 counts a line of 130 eV is found to 130 / 2.35 / sqrt(200) = 4 eV."""
_LEAST_PROMINENCE = 0.2
"""Prominence of a line over the median of the spectrum, so that noise of the continuum is no line."""
_SMOOTHING = 20.0
"""Width (standard deviation, eV) of the smoothing before lines are looked for; less than that of a line, 55 eV."""
_HALF_WIDTH = 0.8
"""Half width of the window of a line over its full width at half maximum: nearly all of the line, little beside it."""
_STEP = 0.5
"""eV; measurements whose calibration differs by less share a rebinning matrix."""
_REFERENCE = 6000.0
"""eV; where the effect of the gain is quoted (Fe Ka is at 6.4 keV)."""
_NOTABLE_ERRORS, _NOTABLE_SHIFT = 5.0, 2.0
"""Drift is notable beyond so many standard errors (beyond doubt) and eV at 6 keV (a fifth of a usual channel)."""


@dataclass(frozen=True)
class Drift:
    """Linear drift of offset and gain from one side of a field to the other.

    Attributes
    ----------
    offset : (2,) array of float64
        Change of the offset from the first to the last row, and from the first to the last column, in eV.
    gain : (2,) array of float64
        Likewise of the gain, as a fraction.
    offset_error, gain_error : (2,) arrays of float64
        Standard errors; infinite, with a change of 0, along a side that is one pixel long or says nothing.
    n_lines : int
        Lines that were followed.
    """

    offset: FloatArray
    gain: FloatArray
    offset_error: FloatArray
    gain_error: FloatArray
    n_lines: int

    @property
    def standard_errors(self) -> float:
        """Largest of the four changes, in its standard errors; changes that were not measured do not count."""
        errors = np.concatenate([self.offset_error, self.gain_error])
        return float(np.max(np.abs(np.concatenate([self.offset, self.gain])) / np.maximum(errors, 1e-12)))

    @property
    def is_notable(self) -> bool:
        """Whether the drift is beyond doubt and large enough to matter: 5 standard errors and 2 eV at 6 keV."""
        return self.standard_errors > _NOTABLE_ERRORS and self.shift(_REFERENCE) > _NOTABLE_SHIFT

    def shift(self, energy: float) -> float:
        """Largest change of the position of a line at `energy` (eV) between two points of the field, in eV."""
        return float(np.abs(self.offset + self.gain * energy).sum())

    def __str__(self) -> str:
        return (
            f"lines at 6 keV move by {self.shift(_REFERENCE):.1f} eV over the field "
            f"(offset {np.abs(self.offset).sum():.1f} eV, gain {100 * np.abs(self.gain).sum():.3f} %, "
            f"{self.standard_errors:.0f} standard errors, {self.n_lines} lines)"
        )


def measure_drift(field: Field) -> Drift:
    """Find out whether the energy calibration changes over a field.

    The field is divided into 6 x 6 blocks. In each the strongest lines of the field are fitted with the field's own
    line shape, its derivative (a shift, to first order) and a straight background. A robust regression of all shifts on
    row, column and energy gives the drift of offset and gain.

    Parameters
    ----------
    field : Field

    Returns
    -------
    Drift

    Raises
    ------
    GdlsError
        If the field has fewer than two lines strong enough to follow.
    """
    from scipy.optimize import least_squares

    height, width = field.shape
    block = (field.locations[:, 0] * _BLOCKS // height) * _BLOCKS + field.locations[:, 1] * _BLOCKS // width
    present, member = np.unique(block, return_inverse=True)
    spectra = field.summed_spectra(member)
    n = np.bincount(member)
    place = np.stack(
        [np.bincount(member, weights=(field.locations[:, k] + 0.5) / field.shape[k] - 0.5) / n for k in (0, 1)], axis=1
    )
    shifts = [_shifts(spectra, field.energy, line) for line in _strong_lines(spectra.sum(axis=0), field.energy)]
    if len(shifts) < 2 or len(present) < 2:
        raise GdlsError("the drift cannot be measured: fewer than two strong lines, or measurements at one spot only.")
    rows: list[FloatArray] = []
    values: list[FloatArray] = []
    errors: list[FloatArray] = []
    for energy, shift, error in shifts:
        seen = np.isfinite(error)
        slope = np.stack([place[seen, 0], place[seen, 1]], axis=1)
        # A line's own constant takes up what other lines under it do to its mean position.
        own = np.zeros((int(seen.sum()), len(shifts)))
        own[:, len(rows)] = 1
        rows.append(np.concatenate([slope, slope * energy / _REFERENCE, own], axis=1))
        values.append(shift[seen])
        errors.append(error[seen])
    design, value, error = np.concatenate(rows), np.concatenate(values), np.concatenate(errors)
    weighted = design / error[:, None]
    fit = least_squares(lambda x: weighted @ x - value / error, np.zeros(design.shape[1]), loss="soft_l1")
    residual = weighted @ fit.x - value / error
    # Scatter beyond counting (other lines, topography) widens the errors.
    inflation = max(1.0, MAD_TO_SIGMA * float(np.median(np.abs(residual))))
    covariance = np.linalg.pinv(weighted.T @ weighted) * inflation**2
    # Rounding can make the variance of what was not measured negative.
    standard = np.sqrt(np.maximum(np.diag(covariance), 0))
    known = np.tile([np.ptp(place[:, 0]) > 0, np.ptp(place[:, 1]) > 0], 2) & (standard[:4] > 0)
    change, standard = np.where(known, fit.x[:4], 0.0), np.where(known, standard[:4], np.inf)
    return Drift(
        offset=change[:2],
        gain=change[2:] / _REFERENCE,
        offset_error=standard[:2],
        gain_error=standard[2:] / _REFERENCE,
        n_lines=len(shifts),
    )


def without_drift(field: Field, drift: Drift) -> Field:
    """Bring all spectra of a field to the calibration of its centre.

    Parameters
    ----------
    field : Field
    drift : Drift
        From `measure_drift`.

    Returns
    -------
    Field
        With fractional counts (float32); totals are kept but for counts that leave the axis at its ends.
    """
    height, width = field.shape
    centre = (field.locations + 0.5) / (height, width) - 0.5
    offset = centre @ drift.offset
    gain = centre @ drift.gain
    coarse_offset = np.round(offset / _STEP) * _STEP
    coarse_gain = np.round(gain * field.energy.edges[-1] / _STEP) * _STEP / field.energy.edges[-1]
    settings, group = np.unique(np.stack([coarse_offset, coarse_gain], axis=1), axis=0, return_inverse=True)
    axis = field.energy

    @cache
    def matrix(k: int) -> sp.csr_array:
        shift, stretch = settings[k]
        # A count that the drifted detector put at E(1 + gain) + offset belongs at E.
        true_axis = EnergyAxis((axis.offset - shift) / (1 + stretch), axis.width / (1 + stretch), axis.size)
        return rebinning_matrix(true_axis, axis)

    def moved(first: int, block: Any) -> sp.csr_array:
        here = group[first : first + block.shape[0]]
        rows = sp.csr_array(block).astype(np.float32)
        parts = [rows[here == k] @ matrix(int(k)) for k in np.unique(here)]
        return sp.csr_array(sp.vstack(parts, format="csr"))[np.argsort(np.argsort(here, kind="stable"))]

    return field.with_spectra(mapped(field.spectra, moved, np.float32))


def line_shifts(spectra: FloatArray, energy: EnergyAxis) -> tuple[FloatArray, FloatArray, FloatArray]:
    """How far the strongest lines of spectra lie from where they lie in their sum; see `measure_drift`.

    Parameters
    ----------
    spectra : (F, D) array of float64
        Counts.
    energy : EnergyAxis
        Of the D channels.

    Returns
    -------
    energies : (L,) array
        Of up to 12 lines, in eV.
    shifts, errors : (F, L) arrays
        In eV; the error is infinite where a line is too weak.
    """
    found = [_shifts(spectra, energy, line) for line in _strong_lines(spectra.sum(axis=0), energy)]
    none = np.empty((len(spectra), 0))
    return (
        np.array([line for line, _, _ in found], dtype=np.float64),
        np.column_stack([none, *(shift for _, shift, _ in found)]),
        np.column_stack([none, *(error for _, _, error in found)]),
    )


def _strong_lines(total: FloatArray, axis: EnergyAxis) -> list[tuple[int, int]]:
    """Channel windows around the strongest separate peaks of a spectrum."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks, peak_widths

    smooth = gaussian_filter1d(total, max(_SMOOTHING / axis.width, 0.5))
    smooth[: max(axis.index(200.0), 0)] = 0
    peaks, properties = find_peaks(smooth, prominence=max(_LEAST_COUNTS, _LEAST_PROMINENCE * float(np.median(smooth))))
    strongest = np.sort(peaks[np.argsort(-properties["prominences"])[:_MOST_LINES]])
    widths = peak_widths(smooth, strongest, rel_height=0.5)[0]
    windows = []
    for peak, full_width in zip(strongest, widths, strict=True):
        half = max(3, round(_HALF_WIDTH * full_width))
        if peak - half >= 1 and peak + half + 2 <= axis.size:
            windows.append((int(peak - half), int(peak + half + 1)))
    return windows


def _shifts(spectra: FloatArray, axis: EnergyAxis, window: tuple[int, int]) -> tuple[float, FloatArray, FloatArray]:
    """Energy of a line, its shift in every spectrum (eV), and the standard errors; infinite where it is too weak."""
    start, stop = window
    shape = spectra.sum(axis=0)
    line = shape[start:stop]
    slope = np.gradient(shape)[start:stop] / axis.width
    ramp = np.linspace(-1, 1, stop - start)
    design = np.stack([line, -slope, np.full_like(ramp, line.mean()), ramp * line.mean()], axis=1)
    shift = np.zeros(len(spectra))
    error = np.full(len(spectra), np.inf)
    for i, counts in enumerate(spectra[:, start:stop]):
        if counts.sum() < _LEAST_COUNTS:
            continue
        weight = 1 / np.maximum(line * counts.sum() / line.sum(), 1)
        normal = design.T @ (design * weight[:, None])
        try:
            inverse = np.linalg.inv(normal)
        except np.linalg.LinAlgError:
            continue
        scale, moved = (inverse @ (design.T @ (weight * counts)))[:2]
        if scale <= 0 or inverse[1, 1] <= 0:
            continue
        shift[i] = moved / scale
        error[i] = np.sqrt(inverse[1, 1]) / scale
    return float(axis.offset + axis.width * np.average(np.arange(start, stop), weights=line)), shift, error
