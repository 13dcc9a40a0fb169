"""What a file may ask for: sizes are checked before anything is allocated, and paths before they are opened."""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path

from napari_gdls.checks import checked_number, shown
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, ReadChoiceError, RecipeError

GIB = 1024**3
"""Bytes of the unit in which people give memory."""

DEFAULT_MEMORY_LIMIT = 4 * GIB
"""Memory (bytes) that one field may take while it is read, unless the caller says otherwise: 4 GiB."""

CHANNEL_WIDTHS = (1.0, 100.0)
"""eV. Detectors have channels of 2.5 to 40 eV; binning of spectra makes them wider."""

LEAST_TOP, MOST_TOP = 100.0, 100_000.0
"""Energies (eV) between which the last channel lies: beyond the K line of the lightest element that EDS sees, Li at
54 eV, and no further than silicon and germanium detectors count."""

SAFE_BYTES = 256 * 1024**2
"""Decompressed sizes up to this many bytes are never refused for their compression ratio."""

MAX_EXPANSION = 200
"""Larger data that claim to expand more than this from their compressed form are refused.

Deflate cannot exceed 1,032; BSE images and X-ray maps reach 2 to 50.
"""


DEFLATE_EXPANSION = 1032
"""Bytes that one byte of deflate can stand for at most: a repetition of 258 bytes takes two bits (RFC 1951)."""


def format_bytes(n_bytes: float) -> str:
    """Size in the largest binary unit that keeps it at or above 1: ``1.5 GiB``."""
    size = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def checked_memory_limit(limit: int | None) -> int:
    """`limit`, or `DEFAULT_MEMORY_LIMIT` for None.

    Raises
    ------
    RecipeError
        If `limit` is no positive, finite number of bytes.
    """
    if limit is None:
        return DEFAULT_MEMORY_LIMIT
    return max(int(checked_number("memory_limit", limit, "in bytes", positive=True)), 1)


class TooLargeError(ReadChoiceError):
    """Reading needs more memory than it may take.

    Parameters
    ----------
    path, problem, where, remedy
        As in `FieldReadError`.
    """

    def __init__(self, path: str | os.PathLike[str], problem: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(path, problem, option="memory_limit", where=where, remedy=remedy)


def require_memory(path: str | os.PathLike[str], needed: int, limit: int, what: str) -> None:
    """Refuse `what` when it needs more than `limit` bytes.

    Raises
    ------
    TooLargeError
    """
    if needed > limit:
        raise TooLargeError(
            path,
            f"{what} would take {format_bytes(needed)} of memory; the memory limit is {format_bytes(limit)}",
            remedy=f"If you trust the file and have the memory, give `memory_limit={with_room(needed)}`.",
        )


def with_room(needed: int) -> int:
    """A quarter more than needed (bytes), in whole hundredths of a GiB: an even number wherever it is shown."""
    return math.ceil(math.ceil(1.25 * needed / 2**30 * 100) / 100 * 2**30)


def require_plausible_expansion(path: str | os.PathLike[str], declared: int, compressed: int, what: str) -> None:
    """Refuse compressed data that claim to become unbelievably large ("decompression bombs").

    Raises
    ------
    FieldReadError
    """
    if declared > max(SAFE_BYTES, MAX_EXPANSION * compressed):
        raise FieldReadError(
            path,
            f"{what} would expand from {format_bytes(compressed)} to {format_bytes(declared)}, "
            f"more than {MAX_EXPANSION} times; this is a damaged or malicious file",
            remedy="Export it again from the instrument.",
        )


def require_packed_bytes(path: str | os.PathLike[str], declared: int, stored: int, most: int, what: str) -> None:
    """Refuse data that declare more than their bytes could ever unpack to: they are cut short.

    Parameters
    ----------
    path : path-like
    declared, stored : int
        Bytes unpacked and packed.
    most : int
        Largest factor between them that the packing can reach.
    what : str
        What it is, for the message: "PNG image".

    Raises
    ------
    FieldReadError
    """
    if declared > most * stored:
        raise FieldReadError(
            path,
            f"is a {what} that was cut short or damaged: it declares {format_bytes(declared)} and holds "
            f"{format_bytes(stored)}, which cannot be so much",
            remedy="Export or copy it again.",
        )


def require_plausible_energies(path: str | os.PathLike[str], energy: EnergyAxis, *, may_be_given: bool = False) -> None:
    """Refuse an energy axis that no EDS detector has: eV called keV, a wavelength, channels without calibration.

    Parameters
    ----------
    path : path-like
        Of the file, for the message.
    energy : EnergyAxis
    may_be_given : bool
        Whether whoever reads the file can give another.

    Raises
    ------
    FieldReadError
        Where it can be given, a `ReadChoiceError`.
    """
    low, high = CHANNEL_WIDTHS
    top = energy.offset + energy.width * (energy.size - 1)
    if low <= energy.width <= high and LEAST_TOP <= top <= MOST_TOP and abs(energy.offset) <= MOST_TOP:
        return
    problem = (
        f"its energy axis is no calibration of EDS: {energy.size} channels of {energy.width:g} eV, "
        f"{energy.offset:g} to {top:g} eV"
    )
    usual = (
        f"Channels of {low:g} to {high:g} eV that end between {LEAST_TOP / 1000:g} and {MOST_TOP / 1000:g} keV are "
        "read; check whether eV and keV are mixed up, and "
    )
    if may_be_given:
        remedy = f"{usual}give the calibration with `energy=`, or correct it in the file."
        raise ReadChoiceError(path, problem, option="energy", remedy=remedy)
    raise FieldReadError(path, problem, remedy=f"{usual}correct the calibration in the file.")


def checked_energy(energy: object) -> tuple[float, float] | None:
    """Energy of the first channel and width of a channel, in eV; or None.

    Raises
    ------
    RecipeError
        If it is something else. Whether a detector can have it is asked when the number of channels is known.
    """
    if energy is None:
        return None
    if not isinstance(energy, list | tuple) or len(energy) != 2:
        raise RecipeError(f"energy is {shown(energy)}; the first channel and the width of one, both in eV, are needed.")
    first, width = energy
    first = checked_number("energy of the first channel", first, "in eV", lowest=-math.inf)
    return first, checked_number("width of a channel", width, "in eV", positive=True)


def checked_beam_energy(beam_energy: float | None) -> float | None:
    """Energy of the beam in keV, or None.

    Raises
    ------
    RecipeError
        If it is no positive, finite number. Whether a microscope can have it is asked where the field is made.
    """
    return None if beam_energy is None else checked_number("beam_energy", beam_energy, "in keV", positive=True)


def existing_path(path: str | os.PathLike[str]) -> Path:
    """The path, after checking that it names something that exists.

    Raises
    ------
    FieldReadError
        If the name is empty or holds a NUL character, or no file or folder that can be reached stands there.
    """
    name = os.fspath(path)
    if not name or "\0" in name:
        raise FieldReadError(
            name.replace("\0", "\\0"), "no valid file name", remedy="Names are not empty and hold no NUL."
        )
    try:
        mode = Path(name).stat().st_mode
    except FileNotFoundError:
        raise FieldReadError(name, "does not exist", remedy="Check the spelling and the folder.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FieldReadError(name, f"cannot be opened: {reason}") from None
    # A pipe or a device would be waited for without end.
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise FieldReadError(name, "is neither a file nor a folder")
    return Path(name)


def member(folder: Path, *parts: str, root: Path | None = None) -> Path | None:
    """A file inside a folder, or None when it is not there.

    Parameters
    ----------
    folder : Path
    *parts : str
        Path of the file relative to `folder`.
    root : Path, optional
        Folder that the file must stay in once links are followed. None: `folder`.

    Raises
    ------
    FieldReadError
        If the file is a link that leads out of `root`, or is no regular file.
    """
    path = folder.joinpath(*parts)
    if not os.path.lexists(path):
        return None
    base = (folder if root is None else root).resolve()
    if not path.resolve().is_relative_to(base):
        raise FieldReadError(path, "is a link that leads out of its folder", remedy="Replace it by a copy of the file.")
    if not path.is_file():
        raise FieldReadError(path, "is no regular file")
    return path


def require_short(path: Path, most: int, what: str) -> None:
    """Refuse a text that is far longer than those of its kind: parsing it would take minutes, and give nothing.

    Parameters
    ----------
    path : Path
    most : int
        Bytes.
    what : str
        Kind of the text, in words.

    Raises
    ------
    FieldReadError
    """
    size = path.stat().st_size
    if size > most:
        raise FieldReadError(
            path,
            f"is {format_bytes(size)} long; {what} has {format_bytes(most)} at most",
            remedy="Copy it again from its source.",
        )


def read_bounded(path: Path, limit: int, what: str) -> bytes:
    """All bytes of a file, unless it is larger than `limit`.

    Raises
    ------
    FieldReadError
    """
    try:
        with path.open("rb") as file:
            require_memory(path, os.fstat(file.fileno()).st_size, limit, what)
            data = file.read(limit + 1)
    except OSError as error:
        raise FieldReadError(path, f"cannot be read: {error.strerror or error}") from None
    require_memory(path, len(data), limit, what)
    return data
