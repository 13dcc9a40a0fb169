"""Single spectra as EMSA/MAS files, which programs for X-ray analysis and HyperSpy read (ISO 22029)."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from napari_gdls._version import __version__
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import write_bytes

_VERSION = "1.0"
"""Of the format. ISO 22029 has kept what this one requires, and readers that check the version know it."""

_LONGEST = 64
"""Characters of a title or of a line of comment, by the format."""


def write_msa(
    path: str | os.PathLike[str],
    spectrum: npt.ArrayLike,
    energy: EnergyAxis,
    *,
    title: str,
    beam_energy: float | None = None,
    take_off_angle: float | None = None,
    live_time: float | None = None,
    comments: Sequence[str] = (),
    overwrite: bool = True,
) -> None:
    """Write one EDS spectrum as an EMSA/MAS file, atomically.

    The file is ASCII with lines that end in CR LF, one column of counts, and the calibration in eV. Numbers are written
    so that they read back exactly. Date, time and owner, which the format requires to be there, stay empty: equal
    spectra give equal files.

    Parameters
    ----------
    path : path-like
        Ends in ``.msa`` or ``.emsa``.
    spectrum : (D,) array of float
        Counts; may be negative, as differences of spectra are.
    energy : EnergyAxis
        Calibration of the D channels.
    title : str
        At most 64 characters are kept; what is no ASCII is written as near to it as there is.
    beam_energy : float, optional
        In keV.
    take_off_angle : float, optional
        In degrees.
    live_time : float, optional
        In s.
    comments : sequence of str
        Lines of comment, likewise; longer ones are broken.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the spectrum does not fit the axis or holds values that are not finite, the ending is another, or the system
        refuses; what stood at the target is untouched.

    Notes
    -----
    ISO 22029:2022, Microbeam analysis -- EMSA/MAS standard file format for spectral-data exchange; Egerton et al.
    (1991), EMSA Bulletin 21:35.
    """
    name = os.fspath(path)
    if not name.lower().endswith((".msa", ".emsa")):
        raise OutputError(f"{name}: spectra in the EMSA/MAS format are written as .msa or .emsa; choose such a name.")
    counts = np.asarray(spectrum, dtype=np.float64)
    if counts.shape != (energy.size,):
        raise OutputError(f"{name}: a spectrum of shape {counts.shape} does not fit the {energy.size} channels.")
    if not np.isfinite(counts).all():
        raise OutputError(f"{name}: the spectrum holds values that are not finite; nothing was written.")
    keywords = [
        ("FORMAT", "EMSA/MAS Spectral Data File"),
        ("VERSION", _VERSION),
        ("TITLE", _plain(title)[:_LONGEST]),
        ("DATE", ""),
        ("TIME", ""),
        ("OWNER", ""),
        ("NPOINTS", f"{energy.size}"),
        ("NCOLUMNS", "1"),
        ("XUNITS", "eV"),
        ("YUNITS", "counts"),
        ("DATATYPE", "Y"),
        ("XPERCHAN", repr(energy.width)),
        ("OFFSET", repr(energy.offset)),
        ("SIGNALTYPE", "EDS"),
        ("XLABEL", "Energy"),
        ("YLABEL", "X-ray Intensity"),
    ]
    for keyword, value in (("BEAMKV", beam_energy), ("ELEVANGLE", take_off_angle), ("LIVETIME", live_time)):
        if value is not None:
            keywords.append((keyword, repr(float(value))))
    comments = (f"napari-gdls {__version__}", *comments)
    words = [line for comment in comments for line in _lines(_plain(comment))]
    # Readers put the lines of a comment together as they are.
    keywords += [("COMMENT", line if k == 0 else f" {line}") for k, line in enumerate(words)]
    keywords.append(("SPECTRUM", "Spectral Data Starts Here"))
    text = [f"#{keyword:12s}: {value}" for keyword, value in keywords]
    text += [f"{value!r}," for value in counts.tolist()]
    text.append(f"#{'ENDOFDATA':12s}: End Of Data and File")
    write_bytes(path, "".join(f"{line}\r\n" for line in text).encode("ascii"), overwrite=overwrite)


def _plain(text: str) -> str:
    """In printable ASCII, on one line, and without what readers take for the end of a keyword."""
    marks_apart = unicodedata.normalize("NFKD", " ".join(text.split()).replace(": ", ", "))
    without_marks = "".join(character for character in marks_apart if not unicodedata.combining(character))
    return "".join(character if " " <= character <= "~" else "?" for character in without_marks)


def _lines(text: str) -> Iterator[str]:
    """A comment in pieces that are short enough, broken at blanks where there are any."""
    longest = _LONGEST - 1  # a blank comes in front
    while len(text) > longest:
        end = text.rfind(" ", 1, longest + 1)
        yield text[: end if end > 0 else longest]
        text = text[end if end > 0 else longest :].lstrip(" ")
    yield text
