"""What an HDF5 file must not do: lead to other files, or claim data that it does not hold."""

from __future__ import annotations

import math
from pathlib import Path

from napari_gdls.errors import FieldReadError
from napari_gdls.io.limits import SAFE_BYTES, format_bytes

MAGIC = b"\x89HDF\r\n\x1a\n"

_MAX_OBJECTS = 100_000  # groups and data sets of a file that is read; far beyond what vendors write
# Deflate cannot expand more than 1,032 times, and maps with a few counts per pixel come close to that.
_MAX_EXPANSION = 1100


def require_self_contained(path: Path) -> None:
    """Refuse a file with links to other files, or with datasets that claim far more than the file holds.

    Raises
    ------
    FieldReadError
        Also when the file is damaged.
    """
    import h5py

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
