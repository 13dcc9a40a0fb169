"""What the plot of the dock of spectra shows: spectra on a scale, with bands, and differences. No widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.plugin.field_state import Pinned
from napari_gdls.plugin.shown_spectra import Colour, ShownSpectrum
from napari_gdls.plugin.widgets.spectrum_plot import Curve
from napari_gdls.spectra.counting import poisson_limits

if TYPE_CHECKING:
    from napari_gdls.mineralogy.spectrum_fit import SpectrumFit

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """What spectra are divided by.

    Attributes
    ----------
    title : str
        For lists.
    label : str
        Of the axis.
    tip : str
    """

    title: str
    label: str
    tip: str


SCALES: dict[str, Scale] = {
    "counts": Scale("Counts", "counts", "Counts of each channel."),
    "each": Scale("Per measurement", "counts per measurement", "Counts divided by the number of measurements."),
    "total": Scale(
        "Of all counts", "% of all counts", "In percent of all counts of the spectrum above the noise peak at 0 keV."
    ),
    "peak": Scale("Of the peak", "% of the highest peak", "In percent of the highest channel above the noise peak."),
}
"""Scales of the plot, by name."""

FIT_COLOUR = "#ff5a36"
"""Of fits; stands out on light and dark ground, and no phase is drawn beside it."""

WIDTH = 1.0
"""Pixels: wider lines are drawn many times slower by Qt."""


def divisor(counts: FloatArray, n_spectra: int, scale: str, above_noise: npt.NDArray[np.bool_]) -> float:
    """What a spectrum is divided by on a scale.

    Parameters
    ----------
    counts : (D,) array
    n_spectra : int
        Measurements in it.
    scale : str
        Of `SCALES`.
    above_noise : (D,) array of bool
        Channels above the noise peak of the electronics.
    """
    if scale == "each":
        return float(max(n_spectra, 1))
    if scale == "total":
        return float(counts[above_noise].sum() / 100.0) or 1.0
    if scale == "peak":
        return float(counts[above_noise].max(initial=0.0) / 100.0) or 1.0
    return 1.0


def spectrum_curve(
    spectrum: ShownSpectrum | Pinned,
    scale: str,
    above_noise: npt.NDArray[np.bool_],
    *,
    colour: str,
    band: bool,
    dashed: bool = False,
) -> Curve:
    """A spectrum on a scale, with the band in which its expectation lies, one standard deviation on each side.

    Parameters
    ----------
    spectrum : ShownSpectrum or Pinned
    scale : str
        Of `SCALES`.
    above_noise : (D,) array of bool
    colour : str
        "#rrggbb".
    band : bool
        Whether there is a band; see `poisson_limits`.
    dashed : bool
    """
    by = divisor(spectrum.counts, spectrum.n_spectra, scale, above_noise)
    low, high = poisson_limits(spectrum.counts) if band else (None, None)
    return Curve(
        spectrum.counts / by,
        colour,
        f"{spectrum.title} ({int(spectrum.counts[above_noise].sum()):,} counts)",
        WIDTH,
        dashed,
        None if low is None else low / by,
        None if high is None else high / by,
    )


def difference_curve(
    spectrum: ShownSpectrum, other: Pinned, above_noise: npt.NDArray[np.bool_], *, colour: str, band: bool
) -> Curve:
    """A spectrum less another one, each in percent of all its counts.

    Parameters
    ----------
    spectrum, other : ShownSpectrum, Pinned
    above_noise : (D,) array of bool
    colour : str
    band : bool
        One standard deviation on each side: distances of the limits of both spectra (`poisson_limits`), added as
        squares (Zou and Donner 2008, Statistics in Medicine 27, 1693), so that it holds for few counts, too.
    """
    own = divisor(spectrum.counts, spectrum.n_spectra, "total", above_noise)
    its = divisor(other.counts, other.n_spectra, "total", above_noise)
    difference = spectrum.counts / own - other.counts / its
    low = high = None
    if band:
        own_low, own_high = poisson_limits(spectrum.counts)
        its_low, its_high = poisson_limits(other.counts)
        low = difference - np.hypot((spectrum.counts - own_low) / own, (its_high - other.counts) / its)
        high = difference + np.hypot((own_high - spectrum.counts) / own, (other.counts - its_low) / its)
    return Curve(difference, colour, f"{spectrum.title} - {other.title}", WIDTH, low=low, high=high)


def fit_curves(
    fit: SpectrumFit,
    spectrum: ShownSpectrum,
    scale: str,
    above_noise: npt.NDArray[np.bool_],
    *,
    colour: str,
    band: bool,
) -> list[Curve]:
    """The spectrum that was fitted, the fit, and its continuum.

    Of a phase that may be less than all of its measurements: those inside its grains.

    Parameters
    ----------
    fit : SpectrumFit
    spectrum : ShownSpectrum
        That is shown; its number of measurements is that of the fit where the counts are the same.
    scale : str
        Of `SCALES`.
    above_noise : (D,) array of bool
    colour : str
    band : bool
    """
    same = np.array_equal(fit.counts, spectrum.counts)
    # Counts inside of grains by those of all say how many measurements were fitted, near enough for a scale.
    n = spectrum.n_spectra if same else max(1, round(spectrum.n_spectra * fit.counts.sum() / spectrum.counts.sum()))
    title = spectrum.title if same else f"{spectrum.title}, inside grains"
    fitted = ShownSpectrum(title, np.asarray(fit.counts, dtype=np.float64), n, spectrum.colour)
    by = divisor(fitted.counts, n, scale, above_noise)
    model = np.where(fit.used, fit.model, np.nan) / by
    background = np.where(fit.used, fit.background, np.nan) / by
    return [
        spectrum_curve(fitted, scale, above_noise, colour=colour, band=band),
        Curve(model, FIT_COLOUR, "fit", WIDTH),
        Curve(background, FIT_COLOUR, "continuum", WIDTH, dashed=True),
    ]


def hex_colour(colour: Colour | None, otherwise: str) -> str:
    """A colour as "#rrggbb"; `otherwise` where there is none."""
    if colour is None:
        return otherwise
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
