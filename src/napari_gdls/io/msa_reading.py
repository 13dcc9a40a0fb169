"""Reading of EMSA/MAS files (ISO 22029), as they are written by instruments and not only as the standard says.

Line ends of all systems, keywords in any case and with a unit ("BEAMKV   -kV"), energies in eV or keV, one or more
columns of counts or pairs of energy and counts, decimal points or commas, with or without a number of points.

References
----------
ISO 22029:2022, Microbeam analysis -- EMSA/MAS standard file format for spectral-data exchange.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import FieldReadError, GdlsWarning
from napari_gdls.io.spectrum import Spectrum, checked_spectrum
from napari_gdls.io.text_numbers import number_in

_EV = {"ev": 1.0, "kev": 1000.0}
"""eV in the units of energy that spectra have."""

_RATES = ("cps", "counts/s", "counts/sec", "counts per second")
"""Units of Y, in lower case, of spectra that were divided by their live time."""

_MOST_CHANNELS = 1_000_000
"""As of `EnergyAxis`; no array is made for more."""

_PLAIN = re.compile(r"[0-9.eE+-]*", re.ASCII)
"""What decimal numbers are made of."""

_COMPOSITION = "#D2STDCMP"
"""Keyword of NIST's DTSA-II for the composition of a standard: name,(O:53.26),(Si:46.74),density."""

_SUMS = (0.5, 1.1)
"""Between which the mass fractions of a standard sum to; elements that EDS does not see may be left out."""


def is_msa(head: bytes) -> bool:
    """Whether a file begins as an EMSA/MAS file."""
    return re.match(rb"(\xef\xbb\xbf)?\s*#\s*FORMAT\s*:.*(EMSA|MAS)", head[:200], re.IGNORECASE) is not None


def read_msa(path: Path, content: bytes) -> Spectrum:
    """The spectrum in an EMSA/MAS file.

    Parameters
    ----------
    path : Path
        For messages.
    content : bytes

    Raises
    ------
    FieldReadError
        If it is no spectrum of X-rays, or damaged.
    """
    text = content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    keywords, data, complete = _parted(text)
    if not data:
        raise FieldReadError(path, "holds keywords of EMSA/MAS, but no spectrum", remedy="Export it again.")
    header = _Header(path, keywords)
    kind = header.text("SIGNALTYPE").upper()
    if kind and not kind.startswith(("EDS", "EDX")):
        raise FieldReadError(
            path, f"is a spectrum of the kind {kind[:20]}, not of X-rays (EDS)", remedy="Give an EDS spectrum."
        )
    pairs = header.text("DATATYPE").upper() == "XY"
    values = _values(path, data, header, pairs)
    if not complete and (header.number("NPOINTS") is None or not text.endswith(("\r", "\n"))):
        raise FieldReadError(
            path, "may be cut short: it lacks the keyword ENDOFDATA at its end", remedy="Copy or export it again."
        )
    counts = values[1::2] if pairs else values
    offset, width = _calibration(header, values[0::2] if pairs else None)
    return checked_spectrum(
        path,
        _as_counts(header, counts),
        offset,
        width,
        beam_energy=header.number("BEAMKV"),
        take_off_angle=header.number("ELEVANGLE"),
        title=header.text("TITLE"),
        live_time=header.number("LIVETIME"),
        composition=_composition(path, header.text(_COMPOSITION)),
    )


class _Header:
    """The keywords of a file, in capitals and without their units."""

    def __init__(self, path: Path, keywords: Mapping[str, str]) -> None:
        self.path = path
        self._keywords = keywords

    def text(self, keyword: str) -> str:
        return self._keywords.get(keyword, "")

    def number(self, keyword: str) -> float | None:
        """The number that a keyword has, also with a unit behind it; None where there is nothing.

        Raises
        ------
        FieldReadError
            If something else stands there.
        """
        text = self.text(keyword)
        if not text:
            return None
        joined = re.sub(r"\s+(?=[eE][+-]?\d)", "", text)  # "2.0 E-06" is written, too
        number = number_in(joined.split()[0].replace(",", "."))
        if number is None:
            raise FieldReadError(self.path, f"{text[:40]!r} is no number", where=f"keyword {keyword}")
        return number

    @property
    def has_decimal_commas(self) -> bool:
        """Whether a number among the keywords is written with a comma."""
        return any(
            re.fullmatch(r"[+-]?\d+,\d+([eE][+-]?\d+)?", self.text(keyword))
            for keyword in ("XPERCHAN", "OFFSET", "BEAMKV", "LIVETIME", "REALTIME", "PROBECUR", "NPOINTS", "NCOLUMNS")
        )


def _parted(text: str) -> tuple[dict[str, str], list[str], bool]:
    """Keywords, lines of data, and whether the end of the data is marked."""
    keywords: dict[str, str] = {}
    data: list[str] = []
    in_data = False
    for line in re.split(r"\r\n|\r|\n", text):
        bare = line.strip()
        if not bare.startswith("#"):
            if in_data and bare:
                data.append(line)
            continue
        keyword, _, value = line.lstrip()[1:].partition(":")
        name = next(iter(keyword.upper().partition("-")[0].split()), "")  # behind "-" or a blank stands the unit
        if name == "ENDOFDATA":
            return keywords, data, True
        if name == "SPECTRUM":
            in_data = True
        elif name in keywords and name in ("TITLE", "COMMENT"):  # the two that may have several lines
            keywords[name] += value.rstrip()
        else:
            keywords.setdefault(name, value.strip())
    return keywords, data, False


def _values(path: Path, data: list[str], header: _Header, pairs: bool) -> npt.NDArray[np.float64]:
    """All numbers of the data, as many as there should be."""
    points, columns = header.number("NPOINTS"), header.number("NCOLUMNS") or 1
    wanted = None if points is None else points * (1 + pairs)
    tokens, parts = _tokens(data)
    # "1,2" is one number or two: as many as there should be, or else as the keywords write theirs.
    as_decimals = len(tokens) == wanted if wanted in (len(tokens), len(parts)) else header.has_decimal_commas
    if as_decimals:
        parts = [token.replace(",", ".") for token in tokens]
    if len(parts) > 2 * _MOST_CHANNELS:
        raise FieldReadError(path, f"holds {len(parts):,} numbers, which no spectrum has")
    found = _numbers(path, parts)
    # The last line is filled up with zeros where it has room.
    if wanted is not None and 0 < len(found) - wanted < columns * (1 + pairs) and not found[int(wanted) :].any():
        found = found[: int(wanted)]
    if (wanted is not None and len(found) != wanted) or len(found) % (1 + pairs):
        said = f"{wanted:,.0f}" if wanted is not None else "an even number of them"
        raise FieldReadError(
            path,
            f"holds {len(found):,} numbers where it should hold {said}",
            where="spectrum",
            remedy="It is damaged or cut short; copy or export it again.",
        )
    return found


def _tokens(data: list[str]) -> tuple[list[str], list[str]]:
    """What stands between blanks and semicolons, and between these and commas."""
    text = "\n".join(data)
    if ";" not in text and not re.search(r",(?=\S)", text):  # the usual case: commas at the end of numbers, or none
        parts = text.replace(",", " ").split()
        return parts, parts
    tokens = [token.strip(",;") for line in data for token in re.split(r"[\s;]+|,(?=\s)|,$", line.strip())]
    tokens = [token for token in tokens if token]
    return tokens, [part for token in tokens for part in token.split(",") if part]


def _numbers(path: Path, parts: list[str]) -> npt.NDArray[np.float64]:
    if _PLAIN.fullmatch(
        "".join(parts)
    ):  # the usual case, some times faster: nothing that only Python takes for numbers
        try:
            found = np.array(list(map(float, parts)), dtype=np.float64)
        except ValueError:
            pass
        else:
            if np.isfinite(found).all():
                return found
    values = [number_in(part) for part in parts]
    for part, value in zip(parts, values, strict=True):
        if value is None:
            raise FieldReadError(path, f"{part[:40]!r} is no number", where="spectrum", remedy="Export it again.")
    return np.array(values, dtype=np.float64)


def _calibration(header: _Header, energies: npt.NDArray[np.float64] | None) -> tuple[float, float]:
    """Energy of the first channel and width of the channels, eV."""
    unit = header.text("XUNITS").lower() or ("kev" if "kev" in header.text("XLABEL").lower() else "ev")
    if unit not in _EV:
        raise FieldReadError(header.path, f"has energies in {unit[:20]!r}; eV or keV are read", where="keyword XUNITS")
    width, offset, zero = (header.number(keyword) for keyword in ("XPERCHAN", "OFFSET", "CHOFFSET"))
    if offset is None and zero is not None and width is not None:
        offset = -zero * width  # by the standard CHOFFSET is the channel at zero; beside OFFSET it says nothing new
    if energies is not None:
        offset, width = _linear(header.path, energies, offset, width)
    if offset is None or width is None:
        missing = " and ".join(name for name, value in (("OFFSET", offset), ("XPERCHAN", width)) if value is None)
        raise FieldReadError(header.path, f"has no energy calibration: the keyword {missing} is missing")
    return offset * _EV[unit], width * _EV[unit]


def _linear(
    path: Path, energies: npt.NDArray[np.float64], offset: float | None, width: float | None
) -> tuple[float, float]:
    """Linear calibration of energies that are listed channel by channel, rounded perhaps; keywords are finer."""
    if len(energies) < 2:
        raise FieldReadError(path, "is a spectrum of one channel", where="spectrum")
    step = float(energies[-1] - energies[0]) / (len(energies) - 1)
    for first, each in ((offset, width), (float(energies[0]), step)):
        if first is None or not each or each < 0:
            continue
        if np.abs(first + each * np.arange(len(energies)) - energies).max() < 0.5 * each:
            return first, each
    raise FieldReadError(path, "lists energies that are not evenly spaced, which no EDS spectrum has", where="spectrum")


def _as_counts(header: _Header, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Counts, also where the file gives them by the second: errors are those of counts."""
    if header.text("YUNITS").lower() not in _RATES:
        return values
    live_time = header.number("LIVETIME")
    if not live_time:
        raise FieldReadError(
            header.path,
            "gives counts per second and no live time, so that the counts are not known",
            where="keywords YUNITS and LIVETIME",
            remedy="Export the spectrum in counts.",
        )
    return values * live_time


def _composition(path: Path, text: str) -> dict[str, float] | None:
    """Mass fractions of a standard; None with a warning where they cannot be read."""
    if not text:
        return None
    entries = re.findall(r"\(([^():]*):([^()]*)\)", text)
    fractions = {symbol.strip(): number_in(percent) for symbol, percent in entries}
    known = {symbol: value / 100 for symbol, value in fractions.items() if value is not None and symbol in SYMBOLS}
    low, high = _SUMS
    if (
        len(known) != len(entries)
        or not low <= sum(known.values()) <= high
        or any(value < 0 for value in known.values())
    ):
        warnings.warn(
            f"{path}: the composition {text[:60]!r} is none in percent of mass and was left out.",
            GdlsWarning,
            stacklevel=4,
        )
        return None
    return known
