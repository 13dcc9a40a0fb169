"""Fields with fewer measurements, or with more of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.errors import FieldError
from napari_gdls.field.counts import checked_counts
from napari_gdls.field.field import Field
from napari_gdls.field.gain import as_counts
from napari_gdls.field.geometry import checked_locations, checked_sampling_distance
from napari_gdls.field.measured import pixels_not_measured
from napari_gdls.field.rows import taken

_BITS = 16
"""Bits of a row or column of the lattice of measurements: images have fewer than 65,536 of them a side."""


def part_of(field: Field, measurements: npt.ArrayLike, *, sampling_distance: float | None = None) -> Field:
    """Field with some of its measurements.

    Parameters
    ----------
    field : Field
    measurements : (M,) array of int
        Which, in any order; one at least, each once.
    sampling_distance : float, optional
        Distance between neighbours among them, in px. None: estimated, as `Field` does.

    Raises
    ------
    FieldError
        If there are no such measurements, or the distance is impossible.
    """
    rows = np.sort(np.asarray(measurements))
    if rows.ndim != 1 or len(rows) == 0 or rows.dtype.kind not in "ui":
        raise FieldError(f"measurements are {rows.dtype} of shape {rows.shape}; their numbers, (M,), are needed.")
    if rows[0] < 0 or rows[-1] >= field.n_measurements or not (np.diff(rows) > 0).all():
        raise FieldError(f"measurements must be different numbers from 0 to {field.n_measurements - 1}.")
    part = copy.copy(field)
    part.__dict__ = {name: value for name, value in vars(field).items() if name not in Field.DERIVED}
    part.locations, part.spectra = field.locations[rows], taken(field.spectra, rows)
    part.input_order = field.input_order[rows]
    part.sampling_distance = checked_sampling_distance(sampling_distance, part.locations, field.valid)
    return part


def evenly_ordered(field: Field) -> npt.NDArray[np.int64]:
    """Measurements in an order in which any number of the first lie about evenly over the image, (N,).

    Rows and columns of the lattice of measurements are numbered, the bits of both are mixed, and read backwards (the
    Morton order, with the radical inverse of van der Corput): each further measurement comes to lie in the largest
    gap, among squares whose sides are powers of two.
    """
    lattice = np.round(field.locations / field.sampling_distance).astype(np.int64)
    code = np.zeros(field.n_measurements, dtype=np.int64)
    for bit in range(_BITS):
        for axis in (0, 1):
            code = (code << 1) | ((lattice[:, axis] >> bit) & 1)
    return np.argsort(code, kind="stable")


def evenly_thinned(field: Field, fraction: float) -> tuple[Field, npt.NDArray[np.int64]]:
    """The field as it would be with a part of its measurements, spread evenly, and which these are.

    Smaller parts are parts of larger ones. The sampling distance is that of so many measurements on the same area.

    Parameters
    ----------
    field : Field
    fraction : float
        Above 0, and 1 at most.
    """
    n = max(1, round(fraction * field.n_measurements))
    rows = np.sort(evenly_ordered(field)[:n])
    if n == field.n_measurements:
        return field, rows
    distance = field.sampling_distance * math.sqrt(field.n_measurements / n)
    return part_of(field, rows, sampling_distance=distance), rows


def with_more(field: Field, spectra: Any, locations: npt.ArrayLike) -> Field:
    """The field with further measurements; nothing else is changed, the sampling distance neither.

    What was left out as not measured is looked at again, among more of its surroundings, if it is not measured now.

    Parameters
    ----------
    field : Field
    spectra : (M, D) array or scipy sparse matrix
        In the unit of those that the field was given, `Field.gain`.
    locations : (M, 2) array of int
        Row and column of each.

    Raises
    ------
    FieldError
        As `Field` does; if the spectra of the field lie on disk, too.
    """
    if field.is_on_disk:
        raise FieldError("spectra that lie on disk cannot be added to; read the field with a larger memory limit.")
    counts, places = new_measurements(field, spectra, locations)
    missing = field.unmeasured[~_among(field.unmeasured, places, field.shape)]
    nothing = sp.csr_array((len(missing), field.energy.size), dtype=field.spectra.dtype)
    more = Field(
        field.bse,
        stacked([field.spectra, counts, nothing]),
        np.concatenate([field.locations, places, missing]),
        field.energy,
        sampling_distance=field.sampling_distance,
        pixel_size=field.pixel_size,
        beam_energy=field.beam_energy,
        valid=_valid_at_first(field),
        bse_full_scale=field.bse_full_scale,
        gain=1.0,
        artefacts=field.artefacts,
        name=field.name,
        metadata=field.metadata,
    )
    more.gain = field.gain
    return more


def stacked(spectra: Sequence[Any]) -> Any:
    """Spectra one after the other, sparse if any are."""
    if any(sp.issparse(each) for each in spectra):
        return sp.csr_array(sp.vstack([sp.csr_array(each) for each in spectra]))
    return np.concatenate(spectra)


def new_measurements(field: Field, spectra: Any, locations: npt.ArrayLike) -> tuple[Any, npt.NDArray[np.int64]]:
    """Further measurements as counts, and their locations, checked; see `with_more`."""
    places = checked_locations(locations, _valid_at_first(field))
    counts = checked_counts(spectra, len(places), field.energy)
    if field.gain != 1:
        counts = as_counts(counts, field.gain)
    known = _among(places, field.locations, field.shape)
    if known.any():
        row, column = places[np.argmax(known)]
        raise FieldError(
            f"{np.count_nonzero(known)} of the new locations are measured already, the first at row {row}, column "
            f"{column}; add up the spectra of one pixel."
        )
    return counts, places


def _among(places: npt.NDArray[np.int64], others: npt.NDArray[np.int64], shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Which of some pixels are among others, (N,)."""
    return np.isin(places @ (shape[1], 1), others @ (shape[1], 1))


def _valid_at_first(field: Field) -> npt.NDArray[np.bool_]:
    """Pixels that were valid before those without a measurement were left out, (H, W)."""
    if len(field.unmeasured) == 0:
        return field.valid
    return field.valid | pixels_not_measured(field.shape, field.locations, field.unmeasured, field.sampling_distance)
