"""Declared sizes beside the bytes that are there, before any work: wrong ones would shift or shear the map."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from napari_gdls.errors import FieldReadError

_LONGEST_HEADER = 1 << 20
"""Bytes of an .rpl file; real ones have a kilobyte."""

_SPD_HEADER = struct.Struct("<16x7i")
"""Tag; version, number of spectra, points, lines, channels, bytes per count, offset of the data; little-endian."""


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


def _check_ripple(path: Path) -> None:
    """Of a .rpl header and the .raw beside it (NIST Lispix: Ripple file format)."""
    header = _ripple_header(path)
    raw = next((file for ending in (".raw", ".RAW", ".Raw") if (file := path.with_suffix(ending)).is_file()), None)
    if raw is None:
        raise FieldReadError(
            path, f"{path.with_suffix('.raw').name} is not beside it", remedy="Copy both files into one folder."
        )
    sizes = {key: _whole(path, header, key) for key in ("width", "height", "depth", "data-length", "offset")}
    if sizes["data-length"] == 1 and header.get("byte-order", "dont-care") != "dont-care":
        raise FieldReadError(
            path,
            f"counts of one byte have no order, and it gives one: byte-order {header['byte-order']}",
            remedy="Write dont-care there, with a text editor.",
        )
    declared = sizes["width"] * sizes["height"] * sizes["depth"] * sizes["data-length"] + sizes["offset"]
    _compare(
        path,
        raw.name,
        raw.stat().st_size,
        declared,
        f"{sizes['width']} x {sizes['height']} px, {sizes['depth']} channels of {sizes['data-length']} bytes"
        + (f", from byte {sizes['offset']} on" if sizes["offset"] else ""),
        "width, height, depth, data-length and offset",
    )


def _ripple_header(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        text = file.read(_LONGEST_HEADER + 1)
    if len(text) > _LONGEST_HEADER:
        raise FieldReadError(path, "is no .rpl header: it is longer than 1 MiB", remedy="Give the .rpl, not the .raw.")
    header = {}
    for line in text.decode("utf-8", errors="replace").splitlines():
        # INCA writes "(MLX:: key : value)".
        words = line.split(";")[0].replace("(MLX::", "").replace(":", " ").replace(")", " ").split(None, 1)
        if len(words) == 2:
            header[words[0].strip().lower()] = words[1].strip().lower()
    return header


def _whole(path: Path, header: Mapping[str, str], key: str) -> int:
    text = header.get(key, "0" if key == "offset" else "")
    if not (text.isascii() and text.isdigit() and len(text) < 16) or (key != "offset" and int(text) == 0):
        raise FieldReadError(
            path,
            f"{key} is {text or 'missing'}; a whole number above 0 is needed",
            remedy="Correct it with a text editor, or export the map again.",
        )
    return int(text)


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
    _compare(
        path,
        path.name,
        path.stat().st_size,
        offset + points * lines * channels * count_bytes,
        f"{points} x {lines} px, {channels} channels of {count_bytes} bytes, from byte {offset} on",
        "its header",
    )


def _compare(path: Path, name: str, there: int, declared: int, what: str, where: str) -> None:
    if there != declared:
        raise FieldReadError(
            path,
            f"{name} holds {there:,} bytes, and {declared:,} are declared ({what})",
            remedy=f"Copy it again from its source if it was cut off; else correct {where}.",
        )


_CHECKS: Mapping[str, Callable[[Path], None]] = MappingProxyType({"ripple": _check_ripple, "edax": _check_spd})
