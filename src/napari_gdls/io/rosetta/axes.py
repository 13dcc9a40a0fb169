"""Axes as RosettaSciIO and HyperSpy give them: which one is the energy, what their units are, whether they are even."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_gdls.io.text_numbers import number_in

Axis = Mapping[str, Any]
"""Name, units, size, scale and offset of an axis, and whether one navigates along it; or its positions, as "axis"."""

TO_EV = {
    **dict.fromkeys(("ev", "electronvolt", "electronvolts"), 1.0),
    **dict.fromkeys(("kev", "kiloelectronvolt", "kiloelectronvolts"), 1000.0),
}
"""eV in the units of energy that files state, by their names as `unit_of` gives them."""

_PREFIXES = {
    ("", ""): 1e6,
    ("c", "centi"): 1e4,
    ("m", "milli"): 1e3,
    ("μ", "micro"): 1.0,
    ("u", "micro"): 1.0,
    ("mu", "micro"): 1.0,
    ("n", "nano"): 1e-3,
    ("p", "pico"): 1e-6,
}
"""um in a metre with these prefixes of the SI, short and in full."""
_METRES = ("meter", "metre", "meters", "metres")

TO_UM = {
    **{f"{short}m": size for (short, _), size in _PREFIXES.items()},
    **{f"{full}{metre}": size for (_, full), size in _PREFIXES.items() for metre in _METRES},
    **dict.fromkeys(("micron", "microns"), 1.0),
    **dict.fromkeys(("å", "angstrom", "angstroms", "ångström", "ångstrom"), 1e-4),
}
"""um in the units of length that files state, by their names as `unit_of` gives them."""

_NO_UNIT = frozenset(
    ("<undefined>", "undefined", "none", "channel", "channels", "points", "px", "pix", "pixel", "pixels")
)
"""What stands for a unit where there is none."""

_UNEVEN = 0.01
"""Share of a channel that positions may lie off an even axis: those in single precision do by a thousandth."""


def unit_of(axis: Axis) -> str:
    """The unit of an axis without case, spaces, brackets and what marks up a mu; "" where it has none."""
    text = str(axis.get("units") or "").casefold()
    for sign in (" ", "[", "]", "(", ")", "$", "\\", "&", ";", "{", "}"):
        text = text.replace(sign, "")
    return "" if text in _NO_UNIT else text


def spectral_axis(axes: Sequence[Axis]) -> int | None:
    """Which axis the spectra lie along: by unit or name, else the only one that does not navigate.

    None where no axis, or more than one, could be it.
    """
    for tells in (is_energy, is_wavelength, _is_of_signal):
        found = [i for i, axis in enumerate(axes) if tells(axis)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def is_energy(axis: Axis) -> bool:
    """Whether unit or name of an axis say that it is one of energies."""
    return unit_of(axis) in TO_EV or "energy" in str(axis.get("name", "")).lower()


def is_wavelength(axis: Axis) -> bool:
    """Whether the name of an axis says that it is one of wavelengths."""
    return "wavelength" in str(axis.get("name", "")).lower()


def _is_of_signal(axis: Axis) -> bool:
    return axis.get("navigate") is False


def calibration(axis: Axis) -> tuple[float, float] | None:
    """First position and step of an axis in its unit; None where it has none, or its positions are not even."""
    positions = axis.get("axis")
    if positions is None:
        offset, scale = number_of(axis.get("offset")), number_of(axis.get("scale"))
        return None if offset is None or scale is None else (offset, scale)
    places = np.asarray(positions, np.float64).ravel()
    if places.size < 2 or not np.isfinite(places).all():
        return None
    step = float(places[-1] - places[0]) / (places.size - 1)
    even = places[0] + step * np.arange(places.size)
    return (float(places[0]), step) if np.abs(places - even).max() <= _UNEVEN * abs(step) else None


def is_uneven(axis: Axis) -> bool:
    """Whether an axis has positions of its own that are not evenly spaced, or a formula for them."""
    return (axis.get("axis") is not None or axis.get("expression") is not None) and calibration(axis) is None


def pixel_size(rows: Axis, columns: Axis) -> tuple[float | None, tuple[str, ...]]:
    """Size of a pixel in um where the axes say it, and what the user should know of it."""
    sizes = []
    for axis in (rows, columns):
        unit, found = unit_of(axis), calibration(axis)
        if not unit or found is None or not found[1]:
            return None, ()
        if unit not in TO_UM:
            step = f"{abs(found[1]):g} {str(axis.get('units')).strip()!r}"
            return None, (f"the pixel size is left out: its unit is not known ({step}); um, nm, mm are",)
        sizes.append(abs(found[1]) * TO_UM[unit])
    high, wide = sizes
    if abs(high - wide) <= 1e-3 * max(sizes):
        return round(wide, 12), ()
    note = f"pixels are {wide:.4g} um wide and {high:.4g} um high; their geometric mean is taken as the pixel size"
    return math.sqrt(high * wide), (note,)


def number_of(value: Any) -> float | None:
    """A finite number out of metadata; None for anything else."""
    if isinstance(value, str | bytes):
        return number_in(value.decode(errors="replace") if isinstance(value, bytes) else value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
