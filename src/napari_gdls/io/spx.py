"""Single spectra of Bruker's Esprit (``.spx``): XML with the counts as text and a header of each part.

The counts stand in ``Channels``; ``CalibAbs`` and ``CalibLin`` are energy of the first channel and width of a channel
in keV, ``PrimaryEnergy`` the beam energy in keV, ``ElevationAngle`` the take-off angle in degrees, ``LifeTime`` the
live time in ms: as those understood the format who have read it before (RosettaSciIO; NIST's NeXLSpectrum).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.errors import FieldReadError
from napari_gdls.io.spectrum import Spectrum, checked_spectrum
from napari_gdls.io.text_numbers import number_in

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_EV_PER_KEV = 1000.0  # of energies
_S_PER_MS = 1e-3  # of times


def is_spx(head: bytes) -> bool:
    """Whether a file begins as one of Esprit's spectra."""
    return b"<TRTSpectrum" in head or b'Type="TRTSpectrum"' in head


def read_spx(path: Path, content: bytes) -> Spectrum:
    """The spectrum in a file of Esprit.

    Parameters
    ----------
    path : Path
        For messages.
    content : bytes

    Raises
    ------
    FieldReadError
        If it is damaged, holds several spectra, or one that was not excited by electrons.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise FieldReadError(path, f"is no XML that can be read ({error})", remedy="Export it again.") from None
    spectra = [part for part in root.iter("ClassInstance") if part.get("Type") == "TRTSpectrum"]
    if len(spectra) != 1:
        raise FieldReadError(
            path, f"holds {len(spectra)} spectra; one is read", remedy="Export each spectrum to a file of its own."
        )
    spectrum = spectra[0]
    if _part(spectrum, "TRTXrfHeader") is not None:
        raise FieldReadError(path, "was excited by X-rays (XRF), not by electrons", remedy="Give an EDS spectrum.")
    offset = _number(path, _part(spectrum, "TRTSpectrumHeader"), "CalibAbs")
    width = _number(path, _part(spectrum, "TRTSpectrumHeader"), "CalibLin")
    if offset is None or width is None:
        raise FieldReadError(path, "has no energy calibration (CalibAbs and CalibLin)")
    live_time = _number(path, _part(spectrum, "TRTSpectrumHardwareHeader"), "LifeTime")
    channels = (spectrum.findtext("Channels") or "").replace(",", " ").split()
    counts = [number_in(text) for text in channels]
    if not counts or None in counts:
        raise FieldReadError(path, "has no counts, or what is none among them", where="Channels")
    return checked_spectrum(
        path,
        np.array(counts, dtype=np.float64),
        offset * _EV_PER_KEV,
        width * _EV_PER_KEV,
        beam_energy=_number(path, _part(spectrum, "TRTESMAHeader"), "PrimaryEnergy"),
        take_off_angle=_number(path, _part(spectrum, "TRTESMAHeader"), "ElevationAngle"),
        title=spectrum.get("Name", ""),
        live_time=None if live_time is None else live_time * _S_PER_MS,
    )


def _part(spectrum: Element, kind: str) -> Element | None:
    """The header of a kind, wherever in the spectrum it stands."""
    return next((part for part in spectrum.iter("ClassInstance") if part.get("Type") == kind), None)


def _number(path: Path, header: Element | None, name: str) -> float | None:
    """A number of a header; None where there is none."""
    text = "" if header is None else (header.findtext(name) or "").strip()
    if not text:
        return None
    number = number_in(text.replace(",", "."))
    if number is None:
        raise FieldReadError(path, f"{text[:40]!r} is no number", where=name)
    return number
