"""Ripple files of NIST's Lispix: a header in text (.rpl) beside the bare counts (.raw).

Keys that Lispix has itself are those of sizes and ``ev-per-chan`` (NIST, Lispix: "Ripple file format"); calibrations of
all axes, the energy of the beam and the like were added by HyperSpy ("Ripple" in the documentation of RosettaSciIO).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.io.contracts import ReadOptions
from napari_gdls.io.declared_bytes import require_bytes
from napari_gdls.io.map_contents import FileContents
from napari_gdls.io.map_files import MapFileReader
from napari_gdls.io.rosetta.axes import TO_EV, unit_of
from napari_gdls.io.rosetta.signals import as_map
from napari_gdls.io.text_numbers import number_in

_LONGEST_HEADER = 1 << 20
"""Bytes of an .rpl file; real ones have a kilobyte."""
_MOST_DIGITS = 15
"""Of a size: more than any file system holds."""

_KINDS = {"unsigned": "u", "signed": "i", "float": "f"}
_ORDERS = {"little-endian": "<", "big-endian": ">", "dont-care": "<"}
"""In the letters of numpy."""
_LENGTHS = {"u": (1, 2, 4, 8), "i": (1, 2, 4, 8), "f": (2, 4, 8)}
"""Bytes that a count may have."""

_DETECTOR = {
    "elevation-angle": "elevation_angle",
    "azimuth-angle": "azimuth_angle",
    "energy-resolution": "energy_resolution_MnKa",
    "detector-peak-width-ev": "energy_resolution_MnKa",
    "live-time": "live_time",
}
"""Keys of the header, and what HyperSpy calls them in its metadata."""

_FROM_ZERO = (
    "the file gives the width of its channels and not where they begin; the first one is taken to be at 0 eV. Maps of "
    "some makers begin near -200 or -470 eV: look whether peaks lie where they should, else give `energy=`"
)
_NO_END = "the last line of the .rpl has no end; look whether the file was cut off there"
_NO_ORDER = "the file does not say in which order the bytes of a count are; little-endian is taken"


class RippleReader(MapFileReader):
    """Ripple .rpl with .raw."""

    name = "ripple"
    title = "Ripple .rpl with .raw"
    endings = (".rpl",)

    def sniff(self, path: Path) -> bool:
        """False: its header has no mark of its own, and goes by its name."""
        return False

    @contextmanager
    def contents(self, path: Path, options: ReadOptions) -> Iterator[FileContents]:
        """The map; raises `FieldReadError`."""
        header, ends = _read_header(path)
        counts, notes = _counts(path, header)
        axes, more = _axes(path, header, counts)
        metadata = {
            "General": {"title": header.get("title", "")},
            "Signal": {"signal_type": header.get("signal", "")},
            "Acquisition_instrument": _instrument(path, header),
        }
        found = as_map(path, {"data": counts, "axes": axes, "metadata": metadata, "original_metadata": {}})
        assert found is not None  # three axes, one of them of channels
        try:
            yield FileContents((), (replace(found, notes=(*notes, *more, *ends, *found.notes)),))
        except (GdlsError, MemoryError):
            raise
        except OSError as error:  # the memory map, on a drive that went away
            raise FieldReadError(path, f"its .raw cannot be read: {error.strerror or error}") from error


RIPPLE_READER = RippleReader()


@dataclass(frozen=True)
class _Layout:
    width: int
    height: int
    depth: int
    offset: int
    dtype: np.dtype[Any]
    by_image: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the counts as they lie in the file."""
        return (self.depth, self.height, self.width) if self.by_image else (self.height, self.width, self.depth)


def _read_header(path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Values by key, and what the user should know."""
    with path.open("rb") as file:
        data = file.read(_LONGEST_HEADER + 1)
    if len(data) > _LONGEST_HEADER or b"\0" in data:
        raise FieldReadError(path, "is no .rpl header, which is a short text", remedy="Give the .rpl, not the .raw.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    header: dict[str, str] = {}
    for line in text.splitlines():
        # INCA writes "(MLX:: key : value)"; others leave out the tab, or write a colon for it.
        plain = line.split(";")[0].replace("(MLX::", " ").strip()
        parts = re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*)\s*[\s:=]\s*(.*?)\)?", plain)
        if parts is None:
            continue
        key, value = parts[1].lower(), parts[2].strip()
        if header.setdefault(key, value) != value:
            raise FieldReadError(
                path, f"gives {key} twice, as {header[key]!r} and {value!r}", remedy="Correct it with a text editor."
            )
    return header, () if text.endswith(("\n", "\r", ")")) else (_NO_END,)


def _layout(path: Path, header: Mapping[str, str]) -> tuple[_Layout, tuple[str, ...]]:
    width, height, depth, length = (_whole(path, header, key) for key in ("width", "height", "depth", "data-length"))
    kind = _KINDS[_one_of(path, header, "data-type", tuple(_KINDS))]
    order = header.get("byte-order", "").lower() or "dont-care"
    order = _one_of(path, {"byte-order": order}, "byte-order", tuple(_ORDERS))
    by = _one_of(path, header, "record-by", ("vector", "image", "dont-care"))
    if length not in _LENGTHS[kind]:
        raise FieldReadError(
            path,
            f"declares {header['data-type']} counts of {length} bytes",
            where="data-type and data-length",
            remedy="Correct it with a text editor, or export the map again.",
        )
    if by == "dont-care" and depth > 1:
        raise FieldReadError(
            path,
            f"does not say whether its .raw holds spectrum after spectrum (vector) or image after image ({depth} of "
            f"{width} x {height} px)",
            where="record-by",
            remedy="Write vector or image there, with a text editor.",
        )
    # The order of one byte has no meaning, whatever a file says of it.
    dtype = np.dtype(f"{_ORDERS[order]}{kind}{length}")
    notes = (_NO_ORDER,) if order == "dont-care" and length > 1 else ()
    return _Layout(width, height, depth, _whole(path, header, "offset"), dtype, by == "image"), notes


def _counts(path: Path, header: Mapping[str, str]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    layout, notes = _layout(path, header)
    raw = _raw_beside(path)
    size = layout.dtype.itemsize
    require_bytes(
        path,
        raw.name,
        raw.stat().st_size,
        layout.offset + layout.width * layout.height * layout.depth * size,
        f"{layout.width} x {layout.height} px, {layout.depth} channels of {size} bytes"
        + (f", from byte {layout.offset} on" if layout.offset else ""),
        "width, height, depth, data-length and offset",
    )
    return np.memmap(raw, layout.dtype, "r", layout.offset, layout.shape), notes


def _raw_beside(path: Path) -> Path:
    wanted = f"{path.stem}.raw"
    if path.with_suffix(".raw").is_file():
        return path.with_suffix(".raw")
    for file in sorted(path.parent.iterdir()):
        if file.name.lower() == wanted.lower() and file.is_file():
            return file
    raise FieldReadError(path, f"{wanted} is not beside it", remedy="Copy both files into one folder.")


def _axes(
    path: Path, header: Mapping[str, str], counts: npt.NDArray[Any]
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Axes as the counts have them, and what the user should know of the energies."""
    axes: dict[str, dict[str, Any]] = {
        name: {
            "name": name,
            "units": header.get(f"{name}-units", ""),
            "scale": _number(path, header, f"{name}-scale"),
            "offset": _number(path, header, f"{name}-origin") or 0.0,
            "navigate": name != "depth",
        }
        for name in ("height", "width", "depth")
    }
    energies = axes["depth"]
    notes: tuple[str, ...] = ()
    per_channel = _number(path, header, "ev-per-chan") or None  # HyperSpy writes 0 for calibrations in keV
    to_ev = TO_EV.get(unit_of(energies))
    if to_ev is not None and energies["scale"]:
        if per_channel is not None and abs(per_channel - energies["scale"] * to_ev) > 0.5:  # HyperSpy rounds it to eV
            notes = (
                f"ev-per-chan is {per_channel:g} eV and depth-scale {energies['scale'] * to_ev:g} eV; the latter is "
                "taken",
            )
    elif per_channel is not None and to_ev is not None:
        energies["scale"] = per_channel / to_ev
        notes = () if "depth-origin" in header else (_FROM_ZERO,)
    elif per_channel is not None and not unit_of(energies):
        known = energies["scale"] == per_channel and "depth-origin" in header
        energies.update(units="eV", scale=per_channel, offset=energies["offset"] if known else 0.0)
        notes = () if known else (_FROM_ZERO,)
    order = (
        ("depth", "height", "width") if header.get("record-by", "").lower() == "image" else ("height", "width", "depth")
    )
    for name, size in zip(order, counts.shape, strict=True):
        axes[name]["size"] = size
    return [axes[name] for name in order], notes


def _instrument(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    detector = {name: value for key, name in _DETECTOR.items() if (value := _number(path, header, key)) is not None}
    beam = _number(path, header, "beam-energy")
    found: dict[str, Any] = {} if beam is None else {"beam_energy": beam}
    if detector:
        found["Detector"] = {"EDS": detector}
    return {"TEM": found} if found else {}  # as RosettaSciIO has it, whatever the microscope


def _number(path: Path, header: Mapping[str, str], key: str) -> float | None:
    """The number of a key, None where it is not there; a comma for the point is read as such."""
    text = header.get(key, "")
    if not text:
        return None
    number = number_in(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    if number is None:
        raise FieldReadError(
            path, f"{key} is {text!r}, no number", remedy="Correct it with a text editor, or export the map again."
        )
    return number


def _whole(path: Path, header: Mapping[str, str], key: str) -> int:
    text = header.get(key, "0" if key == "offset" else "")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS) or (key != "offset" and int(text) == 0):
        raise FieldReadError(
            path,
            f"{key} is {text or 'missing'}; a whole number above 0 is needed",
            remedy="Correct it with a text editor, or export the map again.",
        )
    return int(text)


def _one_of(path: Path, header: Mapping[str, str], key: str, known: tuple[str, ...]) -> str:
    text = header.get(key, "").lower()
    if text not in known:
        raise FieldReadError(
            path,
            f"{key} is {text or 'missing'}; there are {', '.join(known)}",
            remedy="Correct it with a text editor, or export the map again.",
        )
    return text
