"""Declared sizes beside the bytes that are there, before any work: wrong ones would shift or shear the map."""

from __future__ import annotations

import glob
import math
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from napari_gdls.errors import FieldReadError
from napari_gdls.io.declared_bytes import require_bytes
from napari_gdls.io.rosetta.bruker_container import require_whole_container

_SPD_HEADER = struct.Struct("<16x7i")
"""Tag; version, number of spectra, points, lines, channels, bytes per count, offset of the data; little-endian."""


_COPY_AGAIN = "Copy it again from its source."

_DM_LENGTH = {3: struct.Struct(">I"), 4: struct.Struct(">Q")}
_DM_AROUND = {3: (16, 20), 4: (24,)}
"""Bytes of a file beside those that it declares, by version: seen in 49 and 56 files of GMS 1 to 3, in no other."""
_DM_END = 8
"""Bytes of zeros at the end."""

_SER_HEADER = struct.Struct("<HHHIIII")
"""Byte order, mark of the format, version, kinds of elements and of tags, elements in all, elements that are there."""
_SER_MARKS = (0x4949, 0x0197)
_SER_LONG_FROM = 0x220
"""Version from which places in the file take 8 bytes."""
_SER_ELEMENT = {0x4120: (26, 20, 22), 0x4122: (50, 40, 42)}
"""Of spectra and of images: bytes before the numbers, where in them their kind stands, and where their lengths."""
_SER_TAG = {0x4152: 8, 0x4142: 24}
"""Bytes of the tags with a time, and with a time and a place."""
_SER_BYTES = {1: 1, 2: 2, 3: 4, 4: 1, 5: 2, 6: 4, 7: 4, 8: 8, 9: 8, 10: 16}
"""Bytes of a number, by its kind."""


def require_declared_sizes(kind: str, path: Path) -> None:
    """Refuse a file whose header declares other sizes than there are.

    Parameters
    ----------
    kind : str
        Name of the format. Those whose sizes their own reader checks, or that have none, pass.
    path : Path

    Raises
    ------
    FieldReadError
    """
    check = _CHECKS.get(kind)
    if check is not None:
        check(path)


def _check_spd(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(_SPD_HEADER.size)
    if len(head) < _SPD_HEADER.size:
        raise FieldReadError(path, "is cut off in its header", remedy="Copy it again from its source.")
    _, _, points, lines, channels, count_bytes, offset = _SPD_HEADER.unpack(head)
    if min(points, lines, channels, count_bytes) <= 0 or offset < 0:
        raise FieldReadError(
            path,
            f"declares {points} x {lines} px, {channels} channels of {count_bytes} bytes, from byte {offset} on",
            remedy="It is damaged: copy it again from its source.",
        )
    require_bytes(
        path,
        path.name,
        path.stat().st_size,
        offset + points * lines * channels * count_bytes,
        f"{points} x {lines} px, {channels} channels of {count_bytes} bytes, from byte {offset} on",
        "its header",
    )


def _check_digital_micrograph(path: Path) -> None:
    """Of a .dm3 or .dm4: its second number is the length of its tree, which ends in eight zeros."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_DM_LENGTH[4].size + 4)
        file.seek(max(size - _DM_END, 0))
        end = file.read(_DM_END)
    (version,) = struct.unpack(">I", head[:4].ljust(4, b"\0"))
    if version not in _DM_LENGTH or len(head) < _DM_LENGTH[4].size + 4:
        raise FieldReadError(
            path, f"is no DigitalMicrograph file of version 3 or 4 (it begins with {version})", remedy=_COPY_AGAIN
        )
    (length,) = _DM_LENGTH[version].unpack_from(head, 4)
    known = _DM_AROUND[version]
    if size - length not in known or end != bytes(_DM_END):
        raise FieldReadError(
            path,
            f"holds {size:,} bytes, and {length + known[0]:,} are declared, of which the last {_DM_END} are zeros",
            remedy=_COPY_AGAIN,
        )


def _check_tia(path: Path) -> None:
    """Of the .ser files of a .emi: each lists where its elements and their tags are, one behind the other."""
    files = [path] if path.suffix.lower() == ".ser" else sorted(path.parent.glob(f"{glob.escape(path.stem)}_*.ser"))
    if not files:
        raise FieldReadError(
            path,
            f"holds no data itself, and no {path.stem}_1.ser is beside it",
            remedy="Copy all files of the acquisition into one folder.",
        )
    for file in files:
        _check_series(path, file)


def _check_series(path: Path, file: Path) -> None:
    size = file.stat().st_size
    data = np.memmap(file, np.uint8, "r") if size else np.zeros(0, np.uint8)

    def cut(what: str) -> FieldReadError:
        return FieldReadError(path, f"{file.name} is damaged or cut off: {what}", remedy=_COPY_AGAIN)

    if size < _SER_HEADER.size + 12:
        raise cut("it ends in its header")
    order, series, version, kind, tag, total, valid = _SER_HEADER.unpack(bytes(data[: _SER_HEADER.size]))
    if (order, series) != _SER_MARKS or kind not in _SER_ELEMENT or tag not in _SER_TAG:
        raise cut("it does not begin as a series does")
    place = np.dtype("<u8" if version >= _SER_LONG_FROM else "<u4")
    (table,) = data[_SER_HEADER.size :][: place.itemsize].view(place)
    if not 0 < valid <= total or int(table) + 2 * total * place.itemsize > size:
        raise cut(f"it holds {valid:,} of {total:,} elements")
    places = data[int(table) :][: 2 * total * place.itemsize].view(place).reshape(2, total)[:, :valid].astype(np.int64)
    head, kind_at, sizes_at = _SER_ELEMENT[kind]
    if places.min() < 0 or places.max() > size - _SER_TAG[tag] or int(places[0, 0]) + head > size:
        raise cut("its elements lie beyond its end")
    first = bytes(data[int(places[0, 0]) :][:head])
    (number,) = struct.unpack_from("<h", first, kind_at)
    lengths = struct.unpack_from(f"<{(head - sizes_at) // 4}i", first, sizes_at)
    if number not in _SER_BYTES or min(lengths) <= 0:
        raise cut("its first element has no size")
    step = head + _SER_BYTES[number] * math.prod(lengths)
    follow = places[0, 0] + (step + _SER_TAG[tag]) * np.arange(valid)
    if not (np.array_equal(places[0], follow) and np.array_equal(places[1], follow + step)):
        raise cut("its elements do not lie one behind the other")
    require_bytes(
        path, file.name, size, int(places[1, -1]) + _SER_TAG[tag], f"{valid:,} elements of {step:,} bytes", "nothing"
    )


_CHECKS: Mapping[str, Callable[[Path], None]] = MappingProxyType(
    {
        "bruker": require_whole_container,
        "digitalmicrograph": _check_digital_micrograph,
        "edax": _check_spd,
        "tia": _check_tia,
    }
)
