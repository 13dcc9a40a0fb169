"""All spectra of a folder of points in ``spectra.npz``, a file of numpy: sizes are checked before it is unpacked."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, FieldReadError
from napari_gdls.io.limits import DEFLATE_EXPANSION, require_memory, require_packed_bytes

_ARRAYS = ("counts", "row", "column")
_NUMBERS = ("energy_first_ev", "energy_width_ev")
_OPTIONAL = ("pixel_size_um", "beam_kv", "live_time_s")
_LONGEST_HEADER = 10_000  # bytes of the header of an array, as numpy's own limit


@dataclass(frozen=True, eq=False)
class ArchivedPoints:
    """What is in the file.

    Attributes
    ----------
    counts : (N, D) array
    locations : (N, 2) array of int64
        Row and column, px.
    energy : EnergyAxis
    pixel_size : float or None, um
    beam_energy : float or None, keV
    live_times : (N,) array of float64, or None
        s.
    """

    counts: npt.NDArray[Any]
    locations: npt.NDArray[np.int64]
    energy: EnergyAxis
    pixel_size: float | None
    beam_energy: float | None
    live_times: npt.NDArray[np.float64] | None


@dataclass(frozen=True)
class PointsOutline:
    """What is known of the spectra of a folder of points before they are read.

    Attributes
    ----------
    n_spectra : int
    dtype : dtype
        Of the counts, or a larger one.
    energy : EnergyAxis
    pixel_size : float or None, um
    beam_energy : float or None, keV
    """

    n_spectra: int
    dtype: np.dtype[Any]
    energy: EnergyAxis
    pixel_size: float | None
    beam_energy: float | None


def read_archive_outline(path: Path, limit: int) -> PointsOutline:
    """What the heads of the arrays say; parameters and errors as `read_archive`."""
    with _opened(path) as archive:
        counts = _members(path, archive, limit)["counts"]
        with archive.open(counts) as file:
            shape, _, dtype = _array_head(path, "counts", counts, file)
        numbers = {
            name: _number(path, name, _array(path, archive, name, info))
            for name, info in _members(path, archive, limit).items()
            if name in (*_NUMBERS, "pixel_size_um", "beam_kv")
        }
    _require_rows(path, shape, dtype)
    energy = _energy(path, numbers["energy_first_ev"], numbers["energy_width_ev"], shape[1])
    return PointsOutline(shape[0], dtype, energy, numbers.get("pixel_size_um"), numbers.get("beam_kv"))


def read_archive(path: Path, shape: tuple[int, int], limit: int) -> ArchivedPoints:
    """Spectra and places in a file of numpy.

    Parameters
    ----------
    path : Path
    shape : (int, int)
        Height and width of the BSE image, px.
    limit : int
        Most bytes that the arrays may take.

    Raises
    ------
    FieldReadError
        If it is damaged, holds Python objects, lacks an array, or its arrays do not fit each other or the image.
    """
    with _opened(path) as archive:
        arrays = {name: _array(path, archive, name, info) for name, info in _members(path, archive, limit).items()}
    counts = arrays["counts"]
    _require_rows(path, counts.shape, counts.dtype)
    places = [
        _pixels(path, name, arrays[name], len(counts), size) for name, size in zip(_ARRAYS[1:], shape, strict=True)
    ]
    first, width = (_number(path, name, arrays[name]) for name in _NUMBERS)
    energy = _energy(path, first, width, counts.shape[1])
    times = arrays.get("live_time_s")
    if times is not None and (times.shape != (len(counts),) or times.dtype.kind not in "uif"):
        raise FieldReadError(
            path, f"live_time_s has shape {times.shape} for {len(counts)} spectra", where="live_time_s"
        )
    return ArchivedPoints(
        counts,
        np.stack(places, axis=1),
        energy,
        _number(path, "pixel_size_um", arrays["pixel_size_um"]) if "pixel_size_um" in arrays else None,
        _number(path, "beam_kv", arrays["beam_kv"]) if "beam_kv" in arrays else None,
        None if times is None else times.astype(np.float64),
    )


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FieldReadError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise many classes on damaged files
        raise FieldReadError(
            path, f"is no .npz file of numpy, or damaged: {error}", remedy="Save it again with numpy.savez_compressed."
        ) from None


def _require_rows(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if len(shape) != 2 or dtype.kind not in "buif":
        raise FieldReadError(
            path, f"counts is an array of {dtype} of shape {shape}", where="counts",
            remedy="It is (N, D): a row of D counts for each of N spectra.",
        )  # fmt: skip


def _energy(path: Path, first: float, width: float, n_channels: int) -> EnergyAxis:
    try:
        return EnergyAxis(first, width, n_channels)
    except FieldError as error:
        raise FieldReadError(path, f"has no energy axis: {error}".rstrip("."), where="energy_width_ev") from None


def _members(path: Path, archive: zipfile.ZipFile, limit: int) -> dict[str, zipfile.ZipInfo]:
    """The arrays that are wanted, none of which claims more than it can hold or than may be read."""
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    missing = [name for name in (*_ARRAYS, *_NUMBERS) if name not in members]
    if missing:
        raise FieldReadError(
            path, f"lacks {', '.join(missing)}", remedy=f"It holds {', '.join((*_ARRAYS, *_NUMBERS))}, and may hold "
            f"{', '.join(_OPTIONAL)}.",
        )  # fmt: skip
    wanted = [name for name in (*_ARRAYS, *_NUMBERS, *_OPTIONAL) if name in members]
    size = path.stat().st_size
    for name in wanted:
        require_packed_bytes(
            path, members[name].file_size, min(members[name].compress_size, size), DEFLATE_EXPANSION, "file of numpy"
        )
    # Field may make another copy of the counts, in the form that is smaller.
    require_memory(path, 2 * sum(members[name].file_size for name in wanted), limit, "the spectra")
    return {name: members[name] for name in wanted}


def _array_head(
    path: Path, name: str, info: zipfile.ZipInfo, file: IO[bytes]
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape of an array, whether its first axis runs fastest, and dtype; the file stands before the numbers then."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file, max_header_size=_LONGEST_HEADER)
    n_bytes = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.kind not in "buif":
        raise FieldReadError(
            path, f"holds {dtype} where numbers are needed", where=name, remedy="Save arrays of numbers."
        )
    # What stands before the numbers: 6 bytes of magic, 2 of the version, the length of the header and the header.
    if not 0 < info.file_size - n_bytes <= _LONGEST_HEADER + 12:
        raise FieldReadError(
            path, f"declares an array of shape {shape} in {info.file_size} bytes", where=name, remedy="Save it again."
        )
    return shape, fortran, dtype


def _array(path: Path, archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with archive.open(info) as file:
        shape, fortran, dtype = _array_head(path, name, info, file)
        n_bytes = math.prod(shape) * dtype.itemsize
        content = file.read(n_bytes)
        if len(content) != n_bytes or file.read(1):
            raise FieldReadError(
                path, f"declares {n_bytes} bytes and holds others", where=name, remedy="Save it again."
            )
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _pixels(path: Path, name: str, places: npt.NDArray[Any], n_spectra: int, size: int) -> npt.NDArray[np.int64]:
    if places.shape != (n_spectra,):
        raise FieldReadError(path, f"{name} has shape {places.shape} for {n_spectra} spectra", where=name)
    rounded = np.floor(places.astype(np.float64) + 0.5)
    outside = ~((rounded >= 0) & (rounded < size))  # NaN among them
    if outside.any():
        first = int(np.argmax(outside))
        raise FieldReadError(
            path, f"{name} of spectrum {first} is {places[first]}, outside the BSE image (0 to {size - 1})", where=name,
            remedy="Rows and columns are pixels of the BSE image, counted from 0 at the top left.",
        )  # fmt: skip
    return rounded.astype(np.int64)


def _number(path: Path, name: str, value: npt.NDArray[Any]) -> float:
    if value.size != 1 or not np.isfinite(value).all():
        raise FieldReadError(path, f"{name} is no single number", where=name, remedy="Save it again.")
    return float(value.reshape(-1)[0])
