"""A single spectrum as files of instruments hold it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import ZERO_PEAK_END, EnergyAxis
from napari_gdls.errors import FieldError, FieldReadError
from napari_gdls.io.limits import require_plausible_energies

_MOST_BEAM_ENERGY = 1000.0
"""keV; no electron microscope has more than a few MeV, none with EDS more than 400 keV. Larger values are in V."""

_STEEPEST = 90.0
"""Degrees: no detector stands steeper than right above the specimen."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One spectrum with what its file says of how it was measured.

    Attributes
    ----------
    counts : (D,) array of float64
        Counts in each channel; differences of spectra may be negative.
    energy : EnergyAxis
        Calibration of the D channels, eV.
    beam_energy : float or None
        keV; None where the file does not say.
    take_off_angle : float or None
        Between the surface of an untilted specimen and the detector, degrees.
    title : str
    live_time : float or None
        s.
    composition : dict of str to float, or None
        Mass fractions of the elements of a standard, as the file states them: they need not sum to 1.
    """

    counts: npt.NDArray[np.float64]
    energy: EnergyAxis
    beam_energy: float | None = None
    take_off_angle: float | None = None
    title: str = ""
    live_time: float | None = None
    composition: dict[str, float] | None = None

    def rows(self) -> list[tuple[str, str]]:
        """Pairs of heading and text, for a table; unknown values read "not in the file"."""
        unknown, axis = "not in the file", self.energy
        top = axis.offset + axis.width * (axis.size - 1)
        above = self.counts[max(axis.index(ZERO_PEAK_END) + 1, 0) :]
        return [
            ("title", self.title or unknown),
            ("energy", f"{axis.size} channels of {axis.width:g} eV, {axis.offset:g} to {top:g} eV"),
            ("counts", f"{self.counts.sum():,.0f}, of which {above.sum():,.0f} above {ZERO_PEAK_END:g} eV"),
            ("beam energy", f"{self.beam_energy:g} keV" if self.beam_energy else unknown),
            ("take-off angle", f"{self.take_off_angle:g} degrees" if self.take_off_angle else unknown),
            ("live time", f"{self.live_time:g} s" if self.live_time else unknown),
            *(
                [
                    (
                        "composition",
                        ", ".join(f"{symbol} {100 * share:.4g} %" for symbol, share in self.composition.items()),
                    )
                ]
                if self.composition
                else []
            ),
        ]


def checked_spectrum(
    path: str | os.PathLike[str],
    counts: npt.NDArray[np.float64],
    offset: float,
    width: float,
    *,
    beam_energy: float | None,
    take_off_angle: float | None,
    title: str,
    live_time: float | None,
    composition: dict[str, float] | None = None,
) -> Spectrum:
    """A spectrum whose numbers are possible; 0 stands for "not known" in files and is None here.

    Parameters
    ----------
    path : path-like
        Of the file, for messages.
    counts : (D,) array of float64
    offset, width : float
        Of the energy axis, eV.
    beam_energy, take_off_angle, title, live_time, composition
        As in `Spectrum`.

    Raises
    ------
    FieldReadError
        If calibration, beam energy, angle or live time cannot be.
    """
    try:
        energy = EnergyAxis(offset, width, len(counts))
    except FieldError as error:
        raise FieldReadError(path, f"has no energy axis: {error}") from None
    require_plausible_energies(path, energy)
    for value, highest, what, unit in (
        (beam_energy, _MOST_BEAM_ENERGY, "beam energy", "keV"),
        (take_off_angle, _STEEPEST, "take-off angle", "degrees"),
        (live_time, np.inf, "live time", "s"),
    ):
        if value is not None and not 0 <= value <= highest:
            raise FieldReadError(
                path, f"states a {what} of {value:g} {unit}, which cannot be", remedy="Correct it in the file."
            )
    return Spectrum(counts, energy, beam_energy or None, take_off_angle or None, title, live_time or None, composition)
