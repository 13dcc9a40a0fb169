"""The field: one BSE image with EDS spectra measured at some, or all, of its pixels (paper, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import ZERO_PEAK_END, EnergyAxis, rebin
from napari_gdls.errors import FieldError

Counts: TypeAlias = Any
"""(N, D) array or `scipy.sparse.csr_array`; scipy has no types to say so."""

_FULL_SCALES = {np.dtype(np.uint8): 256.0, np.dtype(np.uint16): 65536.0}


class Field:
    """BSE image, spectra and their locations: the triplet F = (B, E, L) of the paper (section 3.1).

    Measurements are held in raster order (row by row), whatever order they come in, so results do not depend on it;
    `input_order` leads back.

    Parameters
    ----------
    bse : (H, W) array
        Backscattered-electron image, any real dtype.
    spectra : (N, D) array or scipy sparse matrix
        EDS counts, one spectrum per row. Held as CSR when that takes less memory.
    locations : (N, 2) array of int
        Row and column of every measurement; all distinct.
    energy : EnergyAxis
        Calibration of the D channels.
    sampling_distance : float, optional
        Distance between neighbouring measurements, in pixels. None: estimated, as the median distance to the nearest
        other measurement.
    pixel_size : float, optional
        Edge of a pixel, in um.
    beam_energy : float, optional
        Energy of the electron beam, in keV.
    valid : (H, W) array of bool, optional
        Pixels that belong to the specimen; others get label 0. None: all.
    bse_full_scale : float, optional
        BSE value that counts as 1 in delta_b. None: 256 for uint8, 65,536 for uint16; other dtypes must declare it.
    name : str, optional
        For titles and file names.
    metadata : mapping, optional
        Anything else that a reader knows; kept, never interpreted.

    Attributes
    ----------
    bse : (H, W) array
    spectra : (N, D) array or csr_array
    locations : (N, 2) array of int64, in raster order
    energy : EnergyAxis
    sampling_distance : float, px
    pixel_size : float or None, um
    beam_energy : float or None, keV
    valid : (H, W) array of bool
    bse_full_scale : float
    input_order : (N,) array of int64
        ``locations == given_locations[input_order]``.
    name : str
    metadata : dict

    Raises
    ------
    FieldError
        If the parts do not fit together: wrong shapes, locations that are doubled or outside the image or on invalid
        pixels, NaN or infinite values, negative counts, or a scale that cannot be inferred.
    """

    def __init__(
        self,
        bse: npt.ArrayLike,
        spectra: Any,
        locations: npt.ArrayLike,
        energy: EnergyAxis,
        *,
        sampling_distance: float | None = None,
        pixel_size: float | None = None,
        beam_energy: float | None = None,
        valid: npt.ArrayLike | None = None,
        bse_full_scale: float | None = None,
        name: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.bse = _checked_bse(bse)
        self.bse_full_scale = _checked_full_scale(self.bse, bse_full_scale)
        self.valid = _checked_valid(valid, self.bse.shape)
        places = _checked_locations(locations, self.valid)
        counts = _checked_counts(spectra, len(places), energy)
        order = np.lexsort((places[:, 1], places[:, 0]))
        if not np.array_equal(order, np.arange(len(order))):
            places, counts = places[order], counts[order]
        self.input_order = order
        self.locations = places
        self.spectra = _smaller_form(counts)
        self.energy = energy
        self.pixel_size = _positive("pixel_size", pixel_size, "um")
        self.beam_energy = _positive("beam_energy", beam_energy, "keV")
        self.name = str(name)
        self.metadata: dict[str, Any] = dict(metadata or {})
        given = _positive("sampling_distance", sampling_distance, "px")
        self.sampling_distance = self._estimated_sampling_distance() if given is None else given

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the BSE image, in pixels."""
        return self.bse.shape[0], self.bse.shape[1]

    @property
    def n_measurements(self) -> int:
        """Number of spectra."""
        return len(self.locations)

    @property
    def is_dense(self) -> bool:
        """Whether every valid pixel carries a measurement."""
        return self.n_measurements == int(np.count_nonzero(self.valid))

    @cached_property
    def bse_at_measurements(self) -> npt.NDArray[Any]:
        """BSE values at the measurements, shape (N,), in the dtype of `bse`."""
        return self.bse[self.locations[:, 0], self.locations[:, 1]]

    @cached_property
    def total_counts(self) -> npt.NDArray[np.float64]:
        """X-ray counts of every measurement, shape (N,).

        Channels below 50 eV are left out: they hold the zero peak of the electronics, a fifth of all counts in
        some maps.
        """
        return self.window_counts(ZERO_PEAK_END, math.inf)

    def window_counts(self, low: float, high: float) -> npt.NDArray[np.float64]:
        """Counts in the channels centred in ``low <= energy < high`` (eV), shape (N,)."""
        channels = self.energy.window(low, high)
        return np.asarray(self.spectra[:, channels].sum(axis=1, dtype=np.float64)).ravel()

    def to_map(self, values: npt.ArrayLike, fill: float = math.nan) -> npt.NDArray[Any]:
        """Put one value per measurement at its pixel.

        Parameters
        ----------
        values : (N, ...) array
        fill : float
            Value of the pixels without a measurement.

        Returns
        -------
        (H, W, ...) array
        """
        given = np.asarray(values)
        if len(given) != self.n_measurements:
            raise FieldError(f"{len(given)} values for {self.n_measurements} measurements; give one each.")
        out = np.full(self.shape + given.shape[1:], fill, dtype=np.result_type(given, type(fill)))
        out[self.locations[:, 0], self.locations[:, 1]] = given
        return out

    def total_counts_map(self) -> npt.NDArray[np.float64]:
        """Image of `total_counts`, shape (H, W); NaN where nothing was measured."""
        return self.to_map(self.total_counts)

    def window_map(self, low: float, high: float) -> npt.NDArray[np.float64]:
        """Image of the counts in an energy window (eV), shape (H, W); NaN where nothing was measured."""
        return self.to_map(self.window_counts(low, high))

    def rebinned(self, energy: EnergyAxis) -> Counts:
        """Spectra on another energy axis, shape (N, energy.size); see `napari_gdls.energy.rebin`."""
        return rebin(self.spectra, self.energy, energy)

    def summed_spectra(self, labels: npt.ArrayLike, n_groups: int | None = None) -> npt.NDArray[np.float64]:
        """Cumulative spectra of groups of measurements.

        Parameters
        ----------
        labels : (N,) array of int
            Group of every measurement, 0..K-1; negative: in no group.
        n_groups : int, optional
            K. None: as many as the largest label says.

        Returns
        -------
        (K, D) array of float64
        """
        group = np.asarray(labels)
        if group.shape != (self.n_measurements,) or not np.issubdtype(group.dtype, np.integer):
            raise FieldError(f"labels must be {self.n_measurements} integers, one per measurement.")
        from napari_gdls.summing import summed_by_group

        largest = int(group.max(initial=-1))
        if n_groups is not None and largest >= n_groups:
            raise FieldError(f"labels go up to {largest}; with {n_groups} groups they must be less than that.")
        return summed_by_group(self.spectra, group.astype(np.int64), largest + 1 if n_groups is None else n_groups)

    def thinned(self, fraction: float, seed: int = 0) -> Field:
        """The field as a shorter measurement would have given it: each count is kept with probability `fraction`.

        Parameters
        ----------
        fraction : float
            Between 0 and 1.
        seed : int

        Raises
        ------
        FieldError
            If `fraction` is out of range, or the spectra hold fractional counts, which cannot be thinned.
        """
        if not 0 <= fraction <= 1:
            raise FieldError(f"cannot keep {fraction} of the counts; the fraction lies between 0 and 1.")
        rng = np.random.default_rng(seed)
        counts = self.spectra.copy()
        values = counts.data if sp.issparse(counts) else counts
        whole = values.astype(np.int64)
        if not np.array_equal(whole, values):
            raise FieldError("only whole counts can be thinned; these spectra hold fractions (rebinned, perhaps).")
        kept = rng.binomial(whole, fraction).astype(values.dtype)
        if sp.issparse(counts):
            counts.data = kept
            counts.eliminate_zeros()
        else:
            counts = kept
        return self.with_spectra(counts)

    def with_spectra(self, spectra: Counts) -> Field:
        """Field with other spectra of the same measurements, in the order of `locations`; everything else the same."""
        return Field(
            self.bse,
            spectra,
            self.locations,
            self.energy,
            sampling_distance=self.sampling_distance,
            pixel_size=self.pixel_size,
            beam_energy=self.beam_energy,
            valid=self.valid,
            bse_full_scale=self.bse_full_scale,
            name=self.name,
            metadata=self.metadata,
        )

    def _estimated_sampling_distance(self) -> float:
        if self.is_dense:
            return 1.0
        if self.n_measurements == 1:
            raise FieldError("one measurement has no neighbour to estimate the sampling distance from; give it, in px.")
        from scipy.spatial import cKDTree

        distance, _ = cKDTree(self.locations).query(self.locations, k=2)
        return float(np.median(distance[:, 1]))

    def __repr__(self) -> str:
        height, width = self.shape
        title = f" {self.name!r}" if self.name else ""
        kind = "dense" if self.is_dense else f"sampled every {self.sampling_distance:.3g} px"
        return (
            f"<Field{title}: {height} x {width} px, {self.n_measurements:,} spectra ({kind}), "
            f"{np.median(self.total_counts):,.0f} counts each, {self.energy.size} channels of {self.energy.width:g} eV>"
        )


def _checked_bse(bse: npt.ArrayLike) -> npt.NDArray[Any]:
    image = np.asarray(bse)
    if image.ndim != 2 or image.size == 0:
        raise FieldError(f"bse has shape {image.shape}; a single-channel image (height, width) is needed.")
    if image.dtype.kind not in "uif":
        raise FieldError(f"bse has dtype {image.dtype}; real numbers are needed.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        row, column = np.argwhere(~np.isfinite(image))[0]
        raise FieldError(
            f"bse is {image[row, column]} at row {row}, column {column}; mark such pixels in `valid` instead."
        )
    return image


def _checked_full_scale(bse: npt.NDArray[Any], full_scale: float | None) -> float:
    given = _positive("bse_full_scale", full_scale, "BSE units")
    if given is not None:
        return given
    try:
        return _FULL_SCALES[bse.dtype]
    except KeyError:
        raise FieldError(
            f"bse has dtype {bse.dtype}, which has no natural full scale; give bse_full_scale (65536 for 16-bit "
            "values, 1 for values scaled to 0..1)."
        ) from None


def _checked_valid(valid: npt.ArrayLike | None, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    if valid is None:
        return np.ones(shape, dtype=bool)
    mask = np.asarray(valid)
    if mask.shape != shape or mask.dtype != bool:
        raise FieldError(f"valid is {mask.dtype} of shape {mask.shape}; it must be bool of the shape of bse, {shape}.")
    return mask


def _checked_locations(locations: npt.ArrayLike, valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    given = np.asarray(locations)
    if given.ndim != 2 or given.shape[1] != 2 or len(given) == 0:
        raise FieldError(
            f"locations have shape {given.shape}; one row and column per spectrum, (N, 2), N > 0, are needed."
        )
    if given.dtype.kind not in "uif" or not np.isfinite(given).all():
        raise FieldError("locations must be whole numbers: row and column of a pixel.")
    places = given.astype(np.int64)
    if not np.array_equal(places, given):
        raise FieldError("locations must be whole numbers: row and column of a pixel; round them first.")
    outside = ((places < 0) | (places >= valid.shape)).any(axis=1)
    if outside.any():
        row, column = places[np.argmax(outside)]
        raise FieldError(
            f"{np.count_nonzero(outside)} of {len(places)} locations lie outside the "
            f"{valid.shape[0]} x {valid.shape[1]} px image, the first at row {row}, column {column}; "
            "they are (row, column), counted from 0."
        )
    pixel, first = np.unique(places[:, 0] * valid.shape[1] + places[:, 1], return_index=True)
    if len(pixel) < len(places):
        doubled = np.setdiff1d(np.arange(len(places)), first)[0]
        row, column = places[doubled]
        raise FieldError(
            f"{len(places) - len(pixel)} locations are doubled, one of them row {row}, column {column}; "
            "add up the spectra of one pixel."
        )
    masked = ~valid[places[:, 0], places[:, 1]]
    if masked.any():
        row, column = places[np.argmax(masked)]
        raise FieldError(
            f"{np.count_nonzero(masked)} measurements lie on pixels that are not valid, the first at row {row}, "
            f"column {column}; make these pixels valid or drop the spectra."
        )
    return places


def _checked_counts(spectra: Any, n_locations: int, energy: EnergyAxis) -> Counts:
    if not isinstance(energy, EnergyAxis):
        raise FieldError(f"energy is a {type(energy).__name__}; give an EnergyAxis(offset, width, size) in eV.")
    counts: Counts = sp.csr_array(spectra) if sp.issparse(spectra) else np.asarray(spectra)
    if counts.ndim != 2:
        raise FieldError(f"spectra have shape {counts.shape}; one spectrum per row, (N, channels), is needed.")
    if counts.shape[0] != n_locations:
        raise FieldError(f"{counts.shape[0]} spectra for {n_locations} locations; give one location per spectrum.")
    if counts.shape[1] != energy.size:
        raise FieldError(f"spectra have {counts.shape[1]} channels and the energy axis {energy.size}; they must agree.")
    if sp.issparse(counts):
        counts = counts.copy() if counts is spectra else counts
        counts.sum_duplicates()
    values = counts.data if sp.issparse(counts) else counts
    if values.dtype.kind == "b":
        counts = counts.astype(np.uint8)
    elif values.dtype.kind not in "uif":
        raise FieldError(f"spectra have dtype {values.dtype}; counts must be real numbers.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise FieldError(
            f"{np.count_nonzero(~np.isfinite(values))} counts are NaN or infinite; "
            "replace them by 0 or drop the spectra."
        )
    if values.dtype.kind in "if" and values.size and values.min() < 0:
        raise FieldError(
            f"{np.count_nonzero(values < 0)} counts are negative, down to {values.min()}; counts must be 0 or more "
            "(was a background subtracted?)."
        )
    return counts


def _smaller_form(counts: Counts) -> Counts:
    """CSR or dense, whichever takes less memory; the values are the same."""
    if sp.issparse(counts):
        n_stored, itemsize = counts.nnz, counts.dtype.itemsize
    else:
        n_stored, itemsize = int(np.count_nonzero(counts)), counts.dtype.itemsize
    # csr_array keeps 4-byte indices while they suffice, as they do for any field that fits in memory.
    sparse_bytes = n_stored * (itemsize + 4) + 4 * (counts.shape[0] + 1)
    if sparse_bytes < counts.shape[0] * counts.shape[1] * itemsize:
        return counts if sp.issparse(counts) else sp.csr_array(counts)
    return counts.toarray() if sp.issparse(counts) else counts


def _positive(name: str, value: float | None, unit: str) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise FieldError(f"{name} is {value!r}; a positive number ({unit}) is needed.") from None
    if not (math.isfinite(number) and number > 0):
        raise FieldError(f"{name} is {number}; it must be positive and finite ({unit}).")
    return number
