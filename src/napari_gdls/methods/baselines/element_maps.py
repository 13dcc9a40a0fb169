"""Element maps: counts in the energy windows of the lines of elements, as channels of an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import ZERO_PEAK_END
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.field import Field
from napari_gdls.field.rows import rows_are_sparse
from napari_gdls.graph.construction import nearest_measurement
from napari_gdls.methods.baselines.flooding import FloatImage
from napari_gdls.spectra.lines import element_window

# fmt: off
ELEMENTS = (
    "O", "Si", "Al", "Fe", "Ca", "Na", "K", "Mg", "Ti", "S", "P", "Mn", "C", "F", "Cl", "Cr", "Cu", "Zn", "Ni", "Zr",
    "Ba", "As", "Pb", "Ce", "Sr", "W", "Sn", "Mo", "Nb", "Y", "Sb", "Co", "Ag", "Au", "Bi", "U", "Hg", "V",
)
# fmt: on
"""Elements of rock-forming, ore and accessory minerals, the most common first."""

_MOST_OVERLAP = 0.5
"""Part of a window that those of more common elements may cover. By eye."""

_LEAST_SIGNAL = 0.2
"""Variance of an element's counts over the field, beyond that of counting, over that of counting. By eye."""

_ANSCOMBE = 0.375
"""Added to a count under the root: 3/8 (Anscombe 1948, Biometrika 35:246)."""


class ElementWindow(NamedTuple):
    """Energy window of an element, in eV."""

    element: str
    low: float
    high: float


def element_counts(
    field: Field, elements: Sequence[str] | None = None
) -> tuple[list[ElementWindow], npt.NDArray[np.float64]]:
    """Counts in the windows that tell the minerals of a field apart.

    Parameters
    ----------
    field : Field
    elements : sequence of str, optional
        Symbols. None: those of `ELEMENTS` whose lines the beam excites and the spectra hold, whose window is not half
        covered by that of a more common element (Ba L by Ti K), and whose counts have a variance over the field at
        least a fifth larger than that of counting statistics: the others would add noise and nothing else.

    Returns
    -------
    windows : list of ElementWindow
        May be empty when `elements` is None.
    counts : (N, n_windows) array of float64

    Raises
    ------
    RecipeError
        If an element that was asked for is unknown, or its lines are not in the spectra.
    """
    beam = field.assumed_beam_energy
    first, last = max(float(field.energy.edges[0]), ZERO_PEAK_END), float(field.energy.edges[-1])
    if elements is not None:
        if isinstance(elements, str):
            raise RecipeError(f"elements is {elements!r}; a list of symbols is needed, such as ['Si', 'Fe'].")
        windows = [_asked_for(element, beam, first, last) for element in elements]
        return windows, _counts(field, windows)
    windows = []
    for element in ELEMENTS:
        try:
            window = ElementWindow(element, *element_window(element, beam_energy=beam))
        except GdlsError:  # the beam does not excite it
            continue
        seen = first <= window.low and window.high <= last
        if seen and not any(_covered(window, other) for other in windows):
            windows.append(window)
    counts = _counts(field, windows)
    varies = counts.var(axis=0) > (1 + _LEAST_SIGNAL) * counts.mean(axis=0)
    return [window for window, chosen in zip(windows, varies, strict=True) if chosen], counts[:, varies]


def _asked_for(element: str, beam: float, first: float, last: float) -> ElementWindow:
    try:
        window = ElementWindow(element, *element_window(element, beam_energy=beam))
    except GdlsError as error:
        raise RecipeError(f"elements: {error}") from None
    if window.low < first or window.high > last:
        raise RecipeError(
            f"elements: the window of {element}, {window.low:.0f} to {window.high:.0f} eV, is not in the spectra, "
            f"which run from {first:.0f} to {last:.0f} eV; leave it out."
        )
    return window


def _covered(window: ElementWindow, other: ElementWindow) -> bool:
    common = min(window.high, other.high) - max(window.low, other.low)
    return common > _MOST_OVERLAP * min(window.high - window.low, other.high - other.low)


def _counts(field: Field, windows: Sequence[ElementWindow]) -> npt.NDArray[np.float64]:
    if not rows_are_sparse(field.spectra):
        counts = [field.window_counts(window.low, window.high) for window in windows]
        return np.stack(counts, axis=1) if counts else np.zeros((field.n_measurements, 0))
    # One product instead of a selection of columns for every window, which is twenty times slower.
    member = np.zeros((field.energy.size, len(windows)), dtype=np.float64)
    for column, window in enumerate(windows):
        member[field.energy.window(window.low, window.high), column] = 1
    return np.asarray(field.spectra @ member)


def pixel_maps(field: Field, counts: npt.NDArray[np.float64], smoothing: float) -> Iterator[FloatImage]:
    """Maps of counts for every pixel, in units of the noise of one measurement.

    Counts are variance-stabilised, 2 sqrt(n + 3/8) (Anscombe 1948), so that their noise is 1 whatever the mineral,
    spread to the pixels nearest to each measurement, and smoothed.

    Parameters
    ----------
    field : Field
    counts : (N, n) array
    smoothing : float
        Standard deviation of the Gaussian, in sampling distances.

    Yields
    ------
    (H, W) array of float32
    """
    from scipy.ndimage import gaussian_filter

    nearest, _ = nearest_measurement(field)
    for values in counts.T:
        image = (2 * np.sqrt(values + _ANSCOMBE)).astype(np.float32)[nearest]
        yield gaussian_filter(image, smoothing * field.sampling_distance) if smoothing > 0 else image
