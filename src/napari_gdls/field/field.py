"""The field: one BSE image with EDS spectra measured at some, or all, of its pixels (paper, section 3.1)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import DEFAULT_BEAM_ENERGY, ZERO_PEAK_END, EnergyAxis, rebin
from napari_gdls.errors import FieldError
from napari_gdls.field.artefacts import checked_artefacts
from napari_gdls.field.counts import Counts, check_sums, checked_counts, smaller_form, thinned_counts, total_counts
from napari_gdls.field.gain import as_counts, estimated_gain, warn_of_gain
from napari_gdls.field.geometry import checked_locations, checked_sampling_distance, checked_valid
from napari_gdls.field.image import checked_bse, checked_full_scale
from napari_gdls.field.measured import not_measured, pixels_not_measured, without_counts
from napari_gdls.field.numbers import number_within
from napari_gdls.field.rows import blocks_with, mapped, taken, window_sums
from napari_gdls.field.spectra_on_disk import SpectraOnDisk

_PIXEL_SIZES = (1e-6, 1e5)
"""um: from 1 pm, less than what any microscope resolves, to 10 cm, more than the chamber of one takes."""
_GAINS = (1e-30, 1e30)
"""Far from where float32, in which spectra are embedded, ends."""
_BEAM_ENERGIES = (0.1, 3000.0)
"""keV: from the softest beams of scanning microscopes to those of high-voltage transmission microscopes. Electronvolts
given by mistake lie above."""


class Field:
    """BSE image, spectra and their locations: the triplet F = (B, E, L) of the paper (section 3.1).

    Measurements are held in raster order (row by row), whatever order they come in, so results do not depend on it;
    `input_order` leads back. Spectra without a count where others have many were not measured (a scan that was stopped,
    a frame around it, dead lines): they are left out, their pixels become invalid, and `unmeasured` names them. Spectra
    that are empty by chance, in a short measurement, stay; see `napari_gdls.field.measured`.

    Parameters
    ----------
    bse : (H, W) array
        Backscattered-electron image, any real dtype.
    spectra : (N, D) array, scipy sparse matrix or SpectraOnDisk
        EDS counts, one spectrum per row. In memory they are held as CSR where that takes less; see
        `napari_gdls.field.spectra_on_disk.SpectraOnDisk` for what does not fit there.
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
    gain : float, optional
        Value of one count in `spectra`, by which they are divided. 1: they are counts. None: found, with a warning
        where they are scaled, averaged or normalised counts; see `napari_gdls.field.gain`.
    artefacts : sequence of str, optional
        Symbols of elements that are measured but no part of the specimen: Cu of the grid, Ga of the ion beam, Si of the
        detector.
    name : str, optional
        For titles and file names.
    metadata : mapping, optional
        Anything else that a reader knows; kept, never interpreted.

    Attributes
    ----------
    bse : (H, W) array
    spectra : (N, D) array, csr_array or SpectraOnDisk
        Rows are had by ``spectra[rows]`` of any, `napari_gdls.field.rows.row_blocks` gives them some at a time.
    locations : (N, 2) array of int64, in raster order
    energy : EnergyAxis
    sampling_distance : float, px
    pixel_size : float or None, um
    beam_energy : float or None, keV
    valid : (H, W) array of bool
        Without the pixels that were not measured.
    unmeasured : (M, 2) array of int64, in raster order
        Locations that were given with a spectrum that was not measured.
    bse_full_scale : float
    gain : float
        Value that one count had in the spectra that were given; the median where each had its own.
    input_order : (N,) array of int64
        ``locations == given_locations[input_order]``.
    artefacts : tuple of str
        In the order given, each once.
    name : str
    metadata : dict

    Raises
    ------
    FieldError
        If the parts do not fit together: wrong shapes, locations that are doubled or outside the image or on invalid
        pixels, NaN or infinite values, negative counts, more counts than can be handled, no counts at all, numbers far
        from those of any microscope, artefacts that are no elements, or a scale that cannot be inferred.
    """

    DERIVED = ("total_counts", "total_spectrum", "bse_at_measurements")
    """Attributes that are found again where other measurements or spectra take the place of these."""

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
        gain: float | None = None,
        artefacts: Iterable[str] = (),
        name: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.bse = checked_bse(bse)
        self.bse_full_scale = checked_full_scale(self.bse, bse_full_scale)
        self.valid = checked_valid(valid, self.bse.shape)
        places = checked_locations(locations, self.valid)
        counts = checked_counts(spectra, len(places), energy)
        given_gain = number_within("gain", gain, "per count", *_GAINS)
        if given_gain is not None and given_gain != 1:
            counts = as_counts(counts, given_gain)
        check_sums(counts)
        order = np.lexsort((places[:, 1], places[:, 0]))
        if not np.array_equal(order, np.arange(len(order))):
            places, counts = places[order], taken(counts, order)
        self.input_order = order
        self.locations = places
        self.spectra = counts
        self.energy = energy
        self.pixel_size = number_within("pixel_size", pixel_size, "um", *_PIXEL_SIZES)
        self.beam_energy = number_within("beam_energy", beam_energy, "keV", *_BEAM_ENERGIES)
        self.artefacts = checked_artefacts(artefacts)
        self.name = str(name)
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.sampling_distance = checked_sampling_distance(sampling_distance, places, self.valid)
        self.unmeasured = np.empty((0, 2), dtype=np.int64)
        self._leave_out_unmeasured()
        self.gain = 1.0 if given_gain is None else given_gain
        if given_gain is None:
            self._divide_by_gain()
        self.spectra = smaller_form(self.spectra)

    def _divide_by_gain(self) -> None:
        gain = estimated_gain(self.spectra)
        if np.array_equal(gain, 1.0):
            return
        self.spectra = as_counts(self.spectra, gain, whole=True)
        check_sums(self.spectra)
        self.gain = float(np.median(gain))
        warn_of_gain(self.gain, stacklevel=3)

    def _leave_out_unmeasured(self) -> None:
        empty = without_counts(self.spectra)
        if empty.all():
            raise FieldError("no spectrum holds a count: nothing was measured, or the file holds only a frame.")
        if not empty.any():
            return
        missing = not_measured(total_counts(self.spectra), self.locations, self.sampling_distance)
        if not missing.any():
            return
        self.unmeasured, measured = self.locations[missing], self.locations[~missing]
        self.valid = self.valid & ~pixels_not_measured(self.shape, measured, self.unmeasured, self.sampling_distance)
        self.locations, self.spectra = measured, taken(self.spectra, ~missing)
        self.input_order = self.input_order[~missing]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the BSE image, in pixels."""
        return self.bse.shape[0], self.bse.shape[1]

    @property
    def n_measurements(self) -> int:
        """Number of spectra."""
        return len(self.locations)

    @property
    def assumed_beam_energy(self) -> float:
        """`beam_energy`, or 25 keV where it is not known."""
        return DEFAULT_BEAM_ENERGY if self.beam_energy is None else self.beam_energy

    @property
    def is_dense(self) -> bool:
        """Whether every valid pixel carries a measurement."""
        return self.n_measurements == int(np.count_nonzero(self.valid))

    @property
    def is_on_disk(self) -> bool:
        """Whether the spectra lie in a temporary file, so that `spectra` is a `SpectraOnDisk`."""
        return isinstance(self.spectra, SpectraOnDisk)

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

    @cached_property
    def total_spectrum(self) -> npt.NDArray[np.float64]:
        """Sum of all spectra, shape (D,)."""
        return np.asarray(self.summed_spectra(np.zeros(self.n_measurements, np.int64), 1)[0])

    def window_counts(self, low: float, high: float) -> npt.NDArray[np.float64]:
        """Counts in the channels centred in ``low <= energy < high`` (eV), shape (N,)."""
        return window_sums(self.spectra, self.energy.window(low, high))

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
        if not isinstance(self.spectra, SpectraOnDisk) or energy == self.energy:
            return rebin(self.spectra, self.energy, energy)
        dtype = rebin(self.spectra[:0], self.energy, energy).dtype
        return mapped(self.spectra, lambda _, block: rebin(block, self.energy, energy), dtype, energy.size)

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
        from napari_gdls.summing import add_by_group

        largest = int(group.max(initial=-1))
        if n_groups is not None and largest >= n_groups:
            raise FieldError(f"labels go up to {largest}; with {n_groups} groups they must be less than that.")
        out = np.zeros((largest + 1 if n_groups is None else n_groups, self.energy.size))
        for rows, block in blocks_with(self.spectra, group >= 0):
            add_by_group(block, group[rows].astype(np.int64), out)
        return out

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
        counts = thinned_counts(self.spectra, fraction, rng)
        if isinstance(counts, SpectraOnDisk):
            return self.with_spectra(mapped(counts, lambda _, block: block, self.spectra.dtype))
        counts = counts.astype(self.spectra.dtype)
        if sp.issparse(counts):
            counts.eliminate_zeros()
        return self.with_spectra(counts)

    def with_spectra(self, spectra: Counts) -> Field:
        """Field with other spectra of the same measurements, in the order of `locations`; everything else the same."""
        counts = checked_counts(spectra, self.n_measurements, self.energy)
        check_sums(counts)
        other = copy.copy(self)
        for derived in self.DERIVED:
            other.__dict__.pop(derived, None)
        other.spectra = smaller_form(counts)
        return other

    def with_beam_energy(self, beam_energy: float | None) -> Field:
        """Field with another energy of the beam (keV), None for unknown; everything else the same.

        Raises
        ------
        FieldError
            If no microscope has such a beam.
        """
        other = copy.copy(self)
        other.beam_energy = number_within("beam_energy", beam_energy, "keV", *_BEAM_ENERGIES)
        return other

    def with_artefacts(self, artefacts: Iterable[str]) -> Field:
        """Field with other elements declared as no part of the specimen; everything else the same.

        Parameters
        ----------
        artefacts : sequence of str
            Symbols, such as ``("Cu", "Ga")``; () for none.

        Raises
        ------
        FieldError
            If one is no element.
        """
        other = copy.copy(self)
        other.artefacts = checked_artefacts(artefacts)
        return other

    @classmethod
    def from_hyperspy(
        cls,
        signal: Any,
        bse: Any = None,
        *,
        energy: tuple[float, float] | None = None,
        gain: float | None = None,
        memory_limit: int | None = None,
    ) -> Field:
        """The field in a signal of HyperSpy, lazy or not: what `napari_gdls.read_field` finds in the file of one.

        Parameters
        ----------
        signal : hyperspy.signals.BaseSignal
            Map of spectra: two axes of pixels, one of energy with its unit.
        bse : (H, W) array, hyperspy Signal2D or "counts", optional
            BSE image in the frame of the map. "counts", or None: the map of total counts as a stand-in.
        energy, gain, memory_limit
            As in `napari_gdls.read_field`.

        Raises
        ------
        FieldError
            If it is no map of X-ray spectra with an energy axis, or the image has another size.

        Examples
        --------
        >>> import hyperspy.api as hs  # doctest: +SKIP
        >>> field = Field.from_hyperspy(hs.load("map.hspy"), bse=hs.load("bse.tif"))  # doctest: +SKIP
        """
        from napari_gdls.io.hyperspy_signals import field_from_signal

        return field_from_signal(signal, bse, energy=energy, gain=gain, memory_limit=memory_limit)

    def to_hyperspy(self, *, lazy: bool | None = None) -> Any:
        """The spectra as a signal of HyperSpy, ``EDSSEMSpectrum`` or ``EDSTEMSpectrum`` where eXSpy is installed.

        Axes ``y``, ``x`` (µm, px where the pixel size is not known) and ``Energy`` (keV); the energy of the beam, the
        instrument and the title stand in the metadata where HyperSpy has them. Pixels without a measurement hold
        zeros; a field whose measurements lie apart gives one spectrum per measurement instead, along one axis.
        `from_hyperspy` with `bse` gives back an equal field.

        Parameters
        ----------
        lazy : bool, optional
            Whether the data are an array of dask. None: where the spectra of the field are not in memory.

        Raises
        ------
        FieldError
            If HyperSpy is not installed.
        """
        from napari_gdls.io.hyperspy_signals import signal_of_field

        return signal_of_field(self, lazy=lazy)

    def to_xarray(self, *, lazy: bool | None = None) -> Any:
        """The field as an `xarray.Dataset`.

        Variables ``counts`` (y, x, energy; or measurement, energy where measurements lie apart), ``bse`` and ``valid``
        (y, x); coordinates ``energy`` (eV), ``y`` and ``x`` (um, px where the pixel size is not known), and ``row`` and
        ``column`` (px) of the measurements; everything else among the attributes.

        Parameters
        ----------
        lazy : bool, optional
            As in `to_hyperspy`.

        Raises
        ------
        FieldError
            If xarray is not installed.
        """
        from napari_gdls.io.xarray_datasets import dataset_of_field

        return dataset_of_field(self, lazy=lazy)

    def __repr__(self) -> str:
        height, width = self.shape
        title = f" {self.name!r}" if self.name else ""
        kind = "dense" if self.is_dense else f"sampled every {self.sampling_distance:.3g} px"
        return (
            f"<Field{title}: {height} x {width} px, {self.n_measurements:,} spectra ({kind}), "
            f"{np.median(self.total_counts):,.0f} counts each, {self.energy.size} channels of {self.energy.width:g} eV"
            f"{f', {len(self.unmeasured):,} not measured' if len(self.unmeasured) else ''}"
            f"{', without ' + ', '.join(self.artefacts) if self.artefacts else ''}"
            f"{f', gain {self.gain:.4g}' if self.gain != 1 else ''}>"
        )
