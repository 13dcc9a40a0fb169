"""Declared sizes beside the bytes that are there, before any work: wrong ones would shift or shear the map."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from napari_gdls.errors import FieldReadError
from napari_gdls.io.declared_bytes import require_bytes

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


_CHECKS: Mapping[str, Callable[[Path], None]] = MappingProxyType({"edax": _check_spd})
