"""Signals as RosettaSciIO and HyperSpy give them: told apart into images and maps, in the units of this package."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, FieldReadError, ReadChoiceError
from napari_gdls.io.counts_source import ArrayCounts, CountsSource, DaskCounts
from napari_gdls.io.limits import require_memory, require_plausible_energies
from napari_gdls.io.map_contents import FileContents, MapImage, SpectralMap
from napari_gdls.io.rosetta.axes import (
    TO_EV,
    TO_UM,
    Axis,
    calibration,
    is_uneven,
    is_wavelength,
    number_of,
    pixel_size,
    spectral_axis,
    unit_of,
)

_ENERGY_LOSSES = "electron energy losses (EELS)"
_CATHODOLUMINESCENCE = "cathodoluminescence (CL)"
_OTHER_SIGNALS = {
    "EELS": _ENERGY_LOSSES,
    "CL": _CATHODOLUMINESCENCE,
    "CLSEM": _CATHODOLUMINESCENCE,
    "CLSTEM": _CATHODOLUMINESCENCE,
    "CL_SEM": _CATHODOLUMINESCENCE,
    "CL_STEM": _CATHODOLUMINESCENCE,
    "EBSD": "diffraction patterns (EBSD)",
}
"""By the signal types of HyperSpy and its extensions."""


def contents_of(path: Path, signals: Sequence[Mapping[str, Any]], limit: int, *, sparse: bool = False) -> FileContents:
    """What the signals of a file are.

    Parameters
    ----------
    path : Path
        For messages.
    signals : sequence of mapping
        With "data", "axes", "metadata" and "original_metadata".
    limit : int
        Most bytes that an image may take.
    sparse : bool
        Whether lazy data are sparse inside.

    Raises
    ------
    FieldReadError
        If axes or metadata make no sense.
    """
    images, maps, others = [], [], []
    try:
        for signal in signals:
            image, found = as_image(path, signal, limit), as_map(path, signal, sparse=sparse)
            if image is not None:
                images.append(image)
            elif found is not None:
                maps.append(found)
            else:
                others.append(in_words(signal))
    except FieldReadError:
        raise
    except Exception as error:  # what a damaged file leaves in axes and metadata is not to be foreseen
        raise FieldReadError(path, f"its axes or metadata cannot be understood: {error!r}") from error
    held = f"it holds {'; '.join(dict.fromkeys(others)) or 'images alone'}"
    return FileContents(tuple(images), tuple(maps), held)


def as_image(path: Path, signal: Mapping[str, Any], limit: int) -> MapImage | None:
    """The image in a signal, the mean of its frames if it has several; None when it holds something else.

    Raises
    ------
    FieldReadError
        If the image needs more than `limit` bytes.
    """
    data, axes = signal["data"], signal["axes"]
    if data.ndim not in (2, 3) or data.dtype.kind not in "uif" or spectral_axis(axes) is not None:
        return None
    if data.ndim == 3 and unit_of(axes[0]) in TO_UM:  # a volume, and no frames
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
    last = spectral_axis(axes)
    if last is None:
        return None
    rows, columns = (axis for i, axis in enumerate(axes) if i != last)
    size, notes = pixel_size(rows, columns)
    measured = _measured(signal, axes[last])
    instrument = _plain(signal.get("metadata", {}).get("Acquisition_instrument") or {})
    energy, refused = _energy(path, axes[last], plausible=not measured)
    return SpectralMap(
        title=_title(signal),
        counts=_counts(data, last, sparse=sparse),
        energy=energy,
        pixel_size=size,
        beam_energy=_beam_energy(signal, instrument),
        acquisition=instrument,
        notes=notes,
        measured=measured,
        refused=refused,
    )


def _beam_energy(signal: Mapping[str, Any], instrument: Mapping[str, Any]) -> float | None:
    """Energy of the beam in keV, from where RosettaSciIO puts it, or where formats leave it, mostly in volts."""
    known: list[tuple[Any, tuple[str, ...], float]] = [(part, ("beam_energy",), 1.0) for part in instrument.values()]
    original = signal.get("original_metadata", {})
    known.append((original, ("Optics", "AccelerationVoltage"), 1e-3))  # Velox
    known.append((original, ("acquisition", "scan", "detectors", "EDS", "high_tension"), 1e-3))  # Phenom
    tags = ("ImageList", "TagGroup0", "ImageTags", "Microscope Info", "Voltage")
    known.append((original, tags, 1e-3))  # DigitalMicrograph
    known.append((original, ("ObjectInfo", "ExperimentalDescription", "High_tension_kV"), 1.0))  # TIA
    for tree, keys, to_kev in known:
        for key in keys:
            tree = tree.get(key) if isinstance(tree, Mapping) else None
        value = number_of(tree)
        if value is not None and value > 0:
            return value * to_kev
    return None


def _title(signal: Mapping[str, Any]) -> str:
    return str(signal.get("metadata", {}).get("General", {}).get("title") or "untitled")


@dataclass(frozen=True, eq=False)
class _SpectraLast:
    """An array of three axes that is sliced by rows of pixels, and gives the spectra along the last one."""

    data: Any
    spectral: int

    @property
    def shape(self) -> tuple[int, ...]:
        shape = list(self.data.shape)
        shape.append(shape.pop(self.spectral))
        return tuple(shape)

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    def __getitem__(self, rows: slice) -> Any:
        at = [slice(None)] * 3
        at[0 if self.spectral else 1] = rows
        return np.moveaxis(self.data[tuple(at)], self.spectral, 2)


def _counts(data: Any, spectral: int, *, sparse: bool) -> CountsSource:
    if hasattr(data, "dask"):
        return DaskCounts(data.transpose([i for i in range(3) if i != spectral] + [spectral]), sparse)
    return ArrayCounts(data if spectral == 2 else _SpectraLast(data, spectral))


def in_words(signal: Mapping[str, Any]) -> str:
    """What a signal is that is neither an image nor a map, and what would make it one."""
    data, axes = signal["data"], signal["axes"]
    shape = " x ".join(map(str, np.shape(data)))
    if data.dtype.kind not in "uif":
        kinds = {"c": "complex numbers", "b": "values of one bit", "V": "records of several values"}
        return f"an array of {kinds.get(data.dtype.kind, str(data.dtype))} ({shape})"
    last = spectral_axis(axes) if len(axes) == data.ndim else None
    if last is None:
        return f"an array without an axis of energies ({shape}): name its axes and give their units"
    if data.ndim == 1:
        return f"one spectrum of {shape} channels"
    rest = [n for i, n in enumerate(np.shape(data)) if i != last]
    if data.ndim == 2:
        return f"a line of {rest[0]} spectra"
    frames = " x ".join(map(str, rest[:-2]))
    size = f"{rest[-2]} x {rest[-1]} px with {np.shape(data)[last]} channels"
    return f"a stack of {frames} frames of {size}: sum the frames, and save the map that this gives"


def _measured(signal: Mapping[str, Any], axis: Axis) -> str:
    """What a signal measures; "" for X-rays, and where the file does not say."""
    kind = str(signal.get("metadata", {}).get("Signal", {}).get("signal_type") or "").strip()
    if kind.upper().startswith("EDS"):
        return ""
    if kind:
        return _OTHER_SIGNALS.get(kind.upper(), f"the signal type {kind!r}")
    if "loss" in str(axis.get("name", "")).lower():
        return _ENERGY_LOSSES
    return "light (spectra over wavelengths)" if is_wavelength(axis) or unit_of(axis) in TO_UM else ""


def _energy(path: Path, axis: Axis, *, plausible: bool) -> tuple[EnergyAxis | None, FieldReadError | None]:
    """The energy axis where there is one, and why it cannot be taken as it is."""
    if is_uneven(axis):
        return None, FieldReadError(
            path,
            "has channels of different widths: its energy axis is not evenly spaced",
            remedy="Interpolate the spectra to even channels, and save that.",
        )
    to_ev, found = TO_EV.get(unit_of(axis)), calibration(axis)
    if to_ev is None or found is None or found[1] <= 0:
        width = axis.get("scale") if found is None else found[1]
        return None, ReadChoiceError(
            path,
            "has no energy calibration: the unit of the energy axis is "
            f"{axis.get('units') or 'missing'}, its channel width {width}",
            option="energy",
            remedy="Give it with `energy=`, or export the map with its calibration.",
        )
    # Rounded to 1e-9 eV, so that 0.010001 keV is 10.001 eV and not its neighbour.
    try:
        energy = EnergyAxis(round(found[0] * to_ev, 9), round(found[1] * to_ev, 9), int(axis["size"]))
    except FieldError as error:
        return None, ReadChoiceError(path, f"has no calibration of EDS: {error}", option="energy")
    if plausible:
        try:
            require_plausible_energies(path, energy, may_be_given=True)
        except ReadChoiceError as error:
            return energy, error
    return energy, None


def _plain(value: Any, depth: int = 0) -> Any:
    """Text, numbers and maps of them; other things are left out."""
    if isinstance(value, Mapping) and depth < 8:
        return {str(key): plain for key, item in value.items() if (plain := _plain(item, depth + 1)) is not None}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None
