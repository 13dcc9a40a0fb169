"""How much memory segmenting a field takes, known before it is begun."""

from __future__ import annotations

import math

from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.field.rows import bytes_in_memory, rows_are_sparse
from napari_gdls.field.spectra_on_disk import SpectraOnDisk
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.limits import format_bytes, with_room
from napari_gdls.recipe import Recipe

BYTES_OF_MEASUREMENT = 750
"""Bytes that a measurement takes besides its embedded spectrum where most is held, while the merge tree is built:
counts in 38 windows, as they are and summed (4 each), the graph (100), its edges by cost and the tree (270).
Measured on maps of 1.0 and 2.9 million measurements with spectra on disk, at 64 dimensions, as peak memory of the
process less that before: 1,044 and 1,003 with all, their pixels too."""

BYTES_OF_PIXEL = 120
"""Bytes that a pixel takes where most is held, while the graph is built or while pixels are labelled. Measured likewise
on an image of 4.2 million pixels with a measurement at every 16th: 84."""

_BYTES_OF_MOVED_COUNT = {True: 16, False: 8}
"""Bytes of a count, by whether spectra are sparse, where drift is taken out of spectra in memory: float32 with its
channel, all of it twice while blocks are put together."""


def memory_to_segment(field: Field, dimension: int, *, without_drift: bool = False) -> int:
    """Bytes of memory that segmenting a field takes at most, with the field, without what the program itself takes.

    For the method that takes most, "merge", and up to some thirty phases; each further one takes 4 bytes for every
    measurement.

    Parameters
    ----------
    field : Field
    dimension : int
        Of the embedded spectra, held as float32.
    without_drift : bool
        Whether drift is taken out of the spectra before.

    Returns
    -------
    int
    """
    held = bytes_in_memory(field.spectra) + field.bse.nbytes + field.valid.nbytes + field.locations.nbytes
    if without_drift and not isinstance(field.spectra, SpectraOnDisk):
        sparse = rows_are_sparse(field.spectra)
        held += (field.spectra.nnz if sparse else field.spectra.size) * _BYTES_OF_MOVED_COUNT[sparse]
    return _with_work(int(held), field.n_measurements, field.bse.size, dimension)


def most_memory_to_segment(header: FieldHeader, dimension: int, *, without_drift: bool = False) -> int:
    """Bytes of memory that segmenting a field takes at most, before any of its counts are read.

    Parameters
    ----------
    header : FieldHeader
    dimension, without_drift
        As in `memory_to_segment`.

    Returns
    -------
    int
    """
    n_pixels = math.prod(header.shape)
    held = header.spectra_bytes + header.bse_bytes + n_pixels + 2 * 8 * header.n_measurements  # two numbers of 8 bytes
    if without_drift:
        held += header.spectra_bytes * _BYTES_OF_MOVED_COUNT[False]
    return _with_work(held, header.n_measurements, n_pixels, dimension)


def _with_work(held: int, n_measurements: int, n_pixels: int, dimension: int) -> int:
    return held + n_measurements * (BYTES_OF_MEASUREMENT + 4 * dimension) + n_pixels * BYTES_OF_PIXEL


def require_memory_to_segment(field: Field, recipe: Recipe, dimension: int, limit: int) -> None:
    """Refuse a field, before anything is done to it, that takes more than `limit` bytes to be segmented.

    Parameters
    ----------
    field : Field
    recipe : Recipe
    dimension : int
        Of the embedded spectra.
    limit : int
        In bytes.

    Raises
    ------
    RecipeError
    """
    needed = memory_to_segment(field, dimension, without_drift=recipe.drift == "correct")
    if needed <= limit:
        return
    raise RecipeError(
        f"segmenting {field.n_measurements:,} measurements in an image of {field.shape[0]:,} x {field.shape[1]:,} px "
        f"would take {format_bytes(needed)} of memory; the limit is {format_bytes(limit)}. If the machine has the "
        f"memory, give `memory_limit={with_room(needed)}`."
    )
