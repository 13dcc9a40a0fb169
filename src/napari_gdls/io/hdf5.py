"""What an HDF5 file must not do: lead to other files, or claim data that it does not hold."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from napari_gdls.errors import FieldReadError
from napari_gdls.io.hdf5_watch import require_an_end
from napari_gdls.io.limits import SAFE_BYTES, format_bytes

if TYPE_CHECKING:
    import h5py

MAGIC = b"\x89HDF\r\n\x1a\n"

_MAX_OBJECTS = 100_000  # groups and data sets of a file that is read; far beyond what vendors write
# Deflate cannot expand more than 1,032 times, and maps with a few counts per pixel come close to that.
_MAX_EXPANSION = 1100


def begins_as_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do; False for what cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def require_all_chunks(path: Path, dataset: h5py.Dataset) -> None:
    """Refuse a data set of which parts were never written: they would be read as zeros.

    Parameters
    ----------
    path : Path
        For the message.
    dataset : h5py.Dataset

    Raises
    ------
    FieldReadError
    """
    there, declared = written_parts(dataset)
    if there < declared:
        raise FieldReadError(
            path,
            f"holds {there:,} of {declared:,} parts of a data set; the rest was never written",
            where=str(dataset.name),
            remedy="Copy it again from its source, or save it again.",
        )


def _require_declared_end(path: Path) -> None:
    """Refuse a file that goes on behind the end that it declares: bytes were put into it, and what follows has moved.

    The library itself refuses files that end before that.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
    if len(head) < 64:
        return
    version = head[8]
    size_at, end_at = {0: (13, 40), 1: (13, 44), 2: (9, 28), 3: (9, 28)}.get(version, (0, 0))
    if not end_at or head[size_at] != 8:
        return  # the library has its own word on it
    end = int.from_bytes(head[end_at : end_at + 8], "little")
    if size > end:
        raise FieldReadError(
            path,
            f"holds {size:,} bytes, and {end:,} are declared",
            remedy="Copy it again from its source; if it is whole, h5repack writes it anew.",
        )


def written_parts(dataset: h5py.Dataset) -> tuple[int, int]:
    """Chunks of a data set that are in the file, and how many it has; bytes where it has no chunks."""
    if dataset.shape is None or 0 in dataset.shape:
        return 0, 0
    if dataset.chunks is None:
        return int(dataset.id.get_storage_size()), math.prod(dataset.shape) * dataset.dtype.itemsize
    pairs = zip(dataset.shape, dataset.chunks, strict=True)
    return int(dataset.id.get_num_chunks()), math.prod(-(-n // chunk) for n, chunk in pairs)


def require_self_contained(path: Path) -> None:
    """Refuse a file with links to other files, or with datasets that claim far more than the file holds.

    And one on which the HDF5 library crashes or does not come to an end: so it is asked first of all.

    Raises
    ------
    FieldReadError
        Also when the file is damaged.
    """
    import h5py

    if begins_as_hdf5(path):
        _require_declared_end(path)
    require_an_end(path)
    try:
        with h5py.File(path, "r") as file:
            _check_groups(path, file)
    except FieldReadError:
        raise
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError and ValueError on damaged files
        raise FieldReadError(
            path, f"is a damaged HDF5 file: {error}", remedy="Copy it again from its source."
        ) from None


def _check_groups(path: Path, file: object) -> None:
    import h5py

    size = path.stat().st_size
    pending, seen = [file], set()
    while pending:
        group = pending.pop()
        assert isinstance(group, h5py.Group)
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                raise FieldReadError(
                    path, "links to another file", where=f"{group.name}/{name}", remedy="Save it as one file."
                )
            item = group.get(name)
            if isinstance(item, h5py.Group):
                if item.id.__hash__() not in seen:  # hard links may form loops
                    seen.add(item.id.__hash__())
                    pending.append(item)
            elif isinstance(item, h5py.Dataset):
                _check_dataset(path, item, size)
            if len(seen) > _MAX_OBJECTS:
                raise FieldReadError(path, f"holds more than {_MAX_OBJECTS:,} groups, which no field does")


def _check_dataset(path: Path, dataset: object, size: int) -> None:
    import h5py

    assert isinstance(dataset, h5py.Dataset)
    if dataset.is_virtual or dataset.external:
        raise FieldReadError(
            path, "keeps its data in another file", where=str(dataset.name), remedy="Save it as one file."
        )
    if dataset.shape is None or not dataset.dtype.itemsize:
        return
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = min(dataset.id.get_storage_size(), size)
    if declared > max(SAFE_BYTES, _MAX_EXPANSION * stored):
        raise FieldReadError(
            path,
            f"a dataset claims {format_bytes(declared)} and holds {format_bytes(stored)}: damaged or malicious",
            where=str(dataset.name),
            remedy="Copy it again from its source.",
        )
