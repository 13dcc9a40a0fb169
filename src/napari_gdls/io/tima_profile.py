"""Profiles of TIMA measurements: what was aimed at, and the sizes of pixels and steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldError, FieldReadError
from napari_gdls.field import Field
from napari_gdls.field.geometry import checked_sampling_distance
from napari_gdls.io.limits import member, read_bounded, require_short
from napari_gdls.io.text_numbers import number_in

_MAX_PROFILE_BYTES = 1024**2
"""Longest profile that is parsed; the public one has 3 kB."""
_MOST = 1e12
"""Of any number in a profile, whatever its unit: more is damage."""
# Names under which profiles may give the energy of the beam; the public one does not give it. Over 100 it is in volts.
_BEAM_NAMES = ("BeamEnergy", "AcceleratingVoltage", "HV")


@dataclass(frozen=True)
class TimaProfile:
    """What a measurement profile says; None where it does not.

    Attributes
    ----------
    pixel_spacing : float or None, um
    dot_spacing : float or None, um
        Distance of neighbouring measurements.
    x_ray_count : float or None
        Counts per spectrum that the measurement aimed at.
    beam_energy : float or None, keV
    file : Path or None
        Where it was read.
    """

    pixel_spacing: float | None = None
    dot_spacing: float | None = None
    x_ray_count: float | None = None
    beam_energy: float | None = None
    file: Path | None = None

    def sampling_distance(self, locations: npt.NDArray[np.int64], shape: tuple[int, int]) -> float | None:
        """Distance of neighbouring measurements in px, None where it is not known.

        Raises
        ------
        FieldReadError
            If it does not fit the image.
        """
        if self.file is None or not self.pixel_spacing or not self.dot_spacing:
            return None
        try:
            return checked_sampling_distance(self.dot_spacing / self.pixel_spacing, locations, np.ones(shape, bool))
        except FieldError as error:
            raise FieldReadError(
                self.file, f"PixelSpacing {self.pixel_spacing:g} and DotSpacing {self.dot_spacing:g} cannot be: {error}"
            ) from None


def read_profile(folder: Path) -> TimaProfile:
    """The profile of a field folder: ``profile.xml`` in it, or ``../configuration/profile.xml``; empty without either.

    Raises
    ------
    FieldReadError
        If it is no XML, or a value is no positive number.
    """
    root = folder.resolve().parent
    file = member(folder, "profile.xml", root=root) or member(root, "configuration", "profile.xml")
    if file is None:
        return TimaProfile()
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    require_short(file, _MAX_PROFILE_BYTES, "a profile")
    try:
        tree = fromstring(read_bounded(file, _MAX_PROFILE_BYTES, "the profile"))
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise FieldReadError(
            file, f"is no XML, or a harmful one: {error}", remedy="Copy it again from the instrument."
        ) from None
    texts: dict[str, str] = {}
    for element in tree.iter():
        name = str(element.tag).rpartition("}")[2]
        texts.setdefault(name, (element.text or "").strip())
    beam = next((number for name in _BEAM_NAMES if (number := _positive(file, texts, name))), None)
    return TimaProfile(
        pixel_spacing=_positive(file, texts, "PixelSpacing"),
        dot_spacing=_positive(file, texts, "DotSpacing"),
        x_ray_count=_positive(file, texts, "XRayCount"),
        beam_energy=beam / 1000 if beam and beam > 100 else beam,
        file=file,
    )


def profile_xml(field: Field, x_ray_count: float | None) -> str:
    """The profile of a field as XML; `x_ray_count` is the counts per spectrum that the measurement aimed at."""
    values: dict[str, float | None] = {
        "PixelSpacing": field.pixel_size,
        "DotSpacing": field.pixel_size and field.pixel_size * field.sampling_distance,
        "XRayCount": x_ray_count,
        "BeamEnergy": field.beam_energy,
    }
    lines = [f"        <{name}>{value!r}</{name}>\n" for name, value in values.items() if value]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<JobProfile>\n    <AcquisitionProfile>\n'
        + "".join(lines)
        + "    </AcquisitionProfile>\n</JobProfile>\n"
    )


def _positive(file: Path, texts: dict[str, str], name: str) -> float | None:
    """The number in an element; None when it is absent, empty or zero, as unused settings are."""
    text = texts.get(name, "")
    if not text:
        return None
    number = number_in(text)
    if number is None or not 0 <= number < _MOST:
        raise FieldReadError(file, f"{name} is {text[:40]!r}; a positive number is needed", where=name)
    return number or None
