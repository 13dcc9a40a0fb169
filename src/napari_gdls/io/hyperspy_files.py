"""HyperSpy's own files, .hspy and the .hdf5 of HyperSpy 1: signals in groups of an HDF5 file.

A signal is a group in ``/Experiments`` with ``data``, a group ``axis-N`` for each axis, and metadata as attributes of
nested groups (documentation of HyperSpy, "HSpy - HyperSpy's HDF5 Specification"). Before version 1.2 of the format the
metadata stood in ``mapped_parameters``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.io import hdf5
from napari_gdls.io.contracts import ReadOptions
from napari_gdls.io.map_contents import FileContents
from napari_gdls.io.map_files import MapFileReader
from napari_gdls.io.rosetta.signals import contents_of

if TYPE_CHECKING:
    import h5py

_SIGNALS = "Experiments"
_METADATA = ("metadata", "mapped_parameters")
_DEEPEST = 16
"""Groups of metadata in one another, at most: real ones have five."""


class HyperspyReader(MapFileReader):
    """HyperSpy .hspy and .hdf5."""

    name = "hspy"
    title = "HyperSpy .hspy, .hdf5"
    endings = (".hspy", ".hdf5")

    def sniff(self, path: Path) -> bool:
        """Whether a file is HDF5 and has a group ``Experiments`` with a signal in it."""
        if not path.is_file() or not hdf5.begins_as_hdf5(path):
            return False
        import h5py

        try:
            with h5py.File(path, "r") as file:
                group = file.get(_SIGNALS)
                return isinstance(group, h5py.Group) and any("data" in item for item in _groups(group))
        except Exception:  # h5py raises OSError, KeyError, RuntimeError and ValueError on damaged files
            return path.suffix.lower() == ".hspy"

    @contextmanager
    def contents(self, path: Path, options: ReadOptions) -> Iterator[FileContents]:
        """Images and maps of a file, as long as it is open; raises `FieldReadError`."""
        hdf5.require_self_contained(path)
        import h5py

        try:
            with h5py.File(path, "r") as file:
                group = file.get(_SIGNALS)
                if not isinstance(group, h5py.Group):
                    raise FieldReadError(
                        path, "is an HDF5 file without signals of HyperSpy", where=f"no group {_SIGNALS}"
                    )
                signals = [_signal(path, item) for item in _groups(group)]
                titles = [_title(signal) for signal in signals]
                for signal, item in zip(signals, _groups(group), strict=True):
                    if not _title(signal) or titles.count(_title(signal)) > 1:  # names of groups differ
                        signal["metadata"].setdefault("General", {})["title"] = item.name.rsplit("/", 1)[-1]
                yield contents_of(path, signals, options.memory_limit)
        except (GdlsError, MemoryError):
            raise
        except Exception as error:  # as above, also when counts are first read
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise FieldReadError(
                path, f"cannot be read as a file of HyperSpy: {reason}", remedy="Copy it again from its source."
            ) from error


HYPERSPY_READER = HyperspyReader()


def _groups(group: h5py.Group) -> list[h5py.Group]:
    import h5py

    return [item for item in group.values() if isinstance(item, h5py.Group)]


def _title(signal: dict[str, Any]) -> str:
    return str(signal["metadata"].get("General", {}).get("title") or "")


def _signal(path: Path, group: h5py.Group) -> dict[str, Any]:
    import h5py

    data = group.get("data")
    if not isinstance(data, h5py.Dataset):
        raise FieldReadError(path, "holds a signal without data", where=str(group.name))
    hdf5.require_all_chunks(path, data)
    metadata = next((_plain(group[name]) for name in _METADATA if name in group), {})
    axes = [_axis(path, group, i, data) for i in range(data.ndim)]
    if all(axis.get("navigate") is None for axis in axes) and axes:  # HyperSpy 1.0 and earlier
        record_by = metadata.get("record_by") or metadata.get("Signal", {}).get("record_by")
        n_signal = {"spectrum": 1, "image": 2}.get(record_by, 0)
        for i, axis in enumerate(axes):
            axis["navigate"] = i < data.ndim - n_signal
    if "signal_type" in metadata:  # mapped_parameters were flat
        metadata = {
            "General": {"title": metadata.get("title", "")},
            "Signal": {"signal_type": metadata["signal_type"]},
            "Acquisition_instrument": {key: metadata[key] for key in ("SEM", "TEM") if key in metadata},
        }
    return {"data": data, "axes": axes, "metadata": metadata, "original_metadata": {}}


def _axis(path: Path, group: h5py.Group, index: int, data: h5py.Dataset) -> dict[str, Any]:
    import h5py

    item = group.get(f"axis-{index}")
    if item is None:  # as HyperSpy wrote lists for some time
        item = group.get(f"_list_{data.ndim}_axes/{index}")
    if not isinstance(item, h5py.Group):
        raise FieldReadError(path, f"does not say what axis {index} of its data is", where=str(group.name))
    axis = _plain(item)
    axis.setdefault("size", data.shape[index])
    positions = item.get("axis")
    if isinstance(positions, h5py.Dataset):
        if positions.shape != (data.shape[index],):
            raise FieldReadError(
                path, f"has {positions.shape} positions for {data.shape[index]} values", where=str(item.name)
            )
        axis["axis"] = positions[...]
        axis["size"] = data.shape[index]
    if axis["size"] != data.shape[index]:
        raise FieldReadError(
            path,
            f"declares an axis of {axis['size']} values, and its data have {data.shape[index]}",
            where=str(item.name),
            remedy="Copy it again from its source, or save it again.",
        )
    return axis


def _plain(group: h5py.Group, depth: int = 0) -> dict[str, Any]:
    """Attributes of a group and of the groups in it, as plain values; data sets are left out."""
    found: dict[str, Any] = {key: _value(value) for key, value in group.attrs.items()}
    if depth < _DEEPEST:
        for item in _groups(group):
            found[item.name.rsplit("/", 1)[-1]] = _plain(item, depth + 1)
    return found


def _value(value: Any) -> Any:
    if isinstance(value, np.generic) and not isinstance(value, np.void):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return None if isinstance(value, str) and value == "_None_" else value
