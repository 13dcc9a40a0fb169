"""Signals as RosettaSciIO gives them, told apart into images and maps of spectra, in the units of this package."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import ReadChoiceError
from napari_gdls.io.counts_source import ArrayCounts, DaskCounts
from napari_gdls.io.limits import require_memory, require_plausible_energies
from napari_gdls.io.map_files import MapImage, SpectralMap
from napari_gdls.io.text_numbers import number_in

_TO_EV = {"ev": 1.0, "kev": 1000.0}
_TO_UM = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "å": 1e-4, "pm": 1e-6}
"""eV and um in the units that files state, by their names in lower case."""

_CATHODOLUMINESCENCE = "cathodoluminescence (CL)"
_OTHER_SIGNALS = {
    "EELS": "electron energy losses (EELS)",
    "CL": _CATHODOLUMINESCENCE,
    "CLSEM": _CATHODOLUMINESCENCE,
    "CLSTEM": _CATHODOLUMINESCENCE,
    "EBSD": "diffraction patterns (EBSD)",
}
"""By the signal types of HyperSpy and its extensions."""


def as_image(path: Path, signal: Mapping[str, Any], limit: int) -> MapImage | None:
    """The image in a signal, the mean of its frames if it has several; None when it holds something else.

    Raises
    ------
    FieldReadError
        If the image needs more than `limit` bytes.
    """
    data, axes = signal["data"], signal["axes"]
    if data.ndim not in (2, 3) or data.dtype.kind not in "uif" or any(_is_energy(axis) for axis in axes):
        return None
    if data.ndim == 3 and not _is_frames(axes[0]):
        return None
    require_memory(path, 2 * math.prod(data.shape) * data.dtype.itemsize, limit, "an image")
    pixels = np.asarray(data)
    return MapImage(_title(signal), pixels if pixels.ndim == 2 else pixels.mean(axis=0, dtype=np.float32))


def as_map(path: Path, signal: Mapping[str, Any], *, sparse: bool = False) -> SpectralMap | None:
    """The map of spectra in a signal; None when it holds something else.

    Parameters
    ----------
    path : Path
    signal : mapping
    sparse : bool
        Whether lazy data are sparse inside.
    """
    data, axes = signal["data"], signal["axes"]
    if data.ndim != 3 or len(axes) != 3 or data.dtype.kind not in "uif":
        return None
    energies = [i for i, axis in enumerate(axes) if _is_energy(axis)]
    if len(energies) != 1:
        return None
    (last,) = energies
    rows, columns = (axis for i, axis in enumerate(axes) if i != last)
    counts = data if last == 2 else data.transpose([i for i in range(3) if i != last] + [last])
    size, notes = _pixel_size(rows, columns)
    measured = _measured(signal)
    instrument = _plain(signal.get("metadata", {}).get("Acquisition_instrument") or {})
    energy, refused = _energy(path, signal, axes[last], plausible=not measured)
    return SpectralMap(
        title=_title(signal),
        counts=ArrayCounts(counts) if isinstance(counts, np.ndarray) else DaskCounts(counts, sparse),
        energy=energy,
        pixel_size=size,
        beam_energy=_beam_energy(signal, instrument),
        acquisition=instrument,
        notes=notes,
        measured=measured,
        refused=refused,
    )


def _beam_energy(signal: Mapping[str, Any], instrument: Mapping[str, Any]) -> float | None:
    """Energy of the beam in keV, from where RosettaSciIO puts it, or where the formats of FEI leave it, in volts."""
    known: list[tuple[Any, tuple[str, ...], float]] = [(part, ("beam_energy",), 1.0) for part in instrument.values()]
    original = signal.get("original_metadata", {})
    known.append((original, ("Optics", "AccelerationVoltage"), 1e-3))  # Velox
    known.append((original, ("acquisition", "scan", "detectors", "EDS", "high_tension"), 1e-3))  # Phenom
    for tree, keys, to_kev in known:
        for key in keys:
            tree = tree.get(key) if isinstance(tree, Mapping) else None
        value = _number(tree)
        if value is not None and value > 0:
            return value * to_kev
    return None


def _title(signal: Mapping[str, Any]) -> str:
    return str(signal.get("metadata", {}).get("General", {}).get("title") or "untitled")


def _measured(signal: Mapping[str, Any]) -> str:
    """What a signal measures; "" for X-rays, and where the file does not say."""
    kind = str(signal.get("metadata", {}).get("Signal", {}).get("signal_type") or "").strip()
    if not kind or kind.upper().startswith("EDS"):
        return ""
    return _OTHER_SIGNALS.get(kind.upper(), f"the signal type {kind!r}")


def _is_energy(axis: Mapping[str, Any]) -> bool:
    return _unit(axis) in _TO_EV or "energy" in str(axis.get("name", "")).lower() or axis.get("name") == "depth"


def _is_frames(axis: Mapping[str, Any]) -> bool:
    return _unit(axis) not in _TO_UM


def _unit(axis: Mapping[str, Any]) -> str:
    return str(axis.get("units") or "").strip().lower()


def _energy(
    path: Path, signal: Mapping[str, Any], axis: Mapping[str, Any], *, plausible: bool
) -> tuple[EnergyAxis | None, ReadChoiceError | None]:
    """The energy axis where there is one, and why it cannot be taken as it is."""
    unit = _unit(axis)
    if unit not in _TO_EV and "ev-per-chan" in signal.get("original_metadata", {}):
        unit = "ev"  # the one calibration that Ripple files have names its unit in the key
    width, offset = _number(axis.get("scale")), _number(axis.get("offset"))
    if unit not in _TO_EV or width is None or offset is None or width <= 0:
        return None, ReadChoiceError(
            path,
            "has no energy calibration: the unit of the energy axis is "
            f"{axis.get('units') or 'missing'}, its channel width {axis.get('scale')}",
            option="energy",
            remedy="Give it with the option energy, or export it with its calibration (for .rpl: depth-scale, "
            "depth-origin and depth-units, eV or keV).",
        )
    # Rounded to 1e-9 eV, so that 0.010001 keV is 10.001 eV and not its neighbour.
    found = EnergyAxis(round(offset * _TO_EV[unit], 9), round(width * _TO_EV[unit], 9), int(axis["size"]))
    if plausible:
        try:
            require_plausible_energies(path, found, may_be_given=True)
        except ReadChoiceError as error:
            return found, error
    return found, None


def _pixel_size(rows: Mapping[str, Any], columns: Mapping[str, Any]) -> tuple[float | None, tuple[str, ...]]:
    sizes = []
    for axis in (rows, columns):
        scale = _number(axis.get("scale"))
        if _unit(axis) not in _TO_UM or not scale:
            return None, ()
        sizes.append(abs(scale) * _TO_UM[_unit(axis)])
    high, wide = sizes
    if abs(high - wide) <= 1e-3 * max(sizes):
        return round(wide, 12), ()
    note = f"pixels are {wide:.4g} um wide and {high:.4g} um high; their geometric mean is taken as the pixel size"
    return math.sqrt(high * wide), (note,)


def _number(value: Any) -> float | None:
    if isinstance(value, str | bytes):
        return number_in(value.decode(errors="replace") if isinstance(value, bytes) else value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _plain(value: Any, depth: int = 0) -> Any:
    """Text, numbers and maps of them; other things are left out."""
    if isinstance(value, Mapping) and depth < 8:
        return {str(key): plain for key, item in value.items() if (plain := _plain(item, depth + 1)) is not None}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None
