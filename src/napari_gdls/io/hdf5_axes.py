"""What an HDF5 file says of the axes of a data set of three: which one the spectra lie along, energies, places.

Ways of saying it that are understood, in this order: NeXus (``@axes`` of a group NXdata or of the data set itself, with
``@units`` of the data sets that it names), dimension scales and labels of HDF5, a data set of energies beside the data,
``calibration`` and ``channels`` as in the stacks of PyMca ("HDF5 XRF Stack"), and ``@interpretation`` of NeXus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, FieldReadError
from napari_gdls.io.hdf5_counts import whole_shape
from napari_gdls.io.hdf5_tree import attribute, number, plain, text_attribute
from napari_gdls.io.limits import require_plausible_energies
from napari_gdls.io.rosetta.axes import calibration, is_energy, unit_of

if TYPE_CHECKING:
    import h5py

_CHANNELS = re.compile(r"chan|mca|spectr", re.IGNORECASE)
_LAST = 2  # number of the last of three axes, along which spectra lie unless the file says otherwise
_UNSAID = (
    "the file does not say which axis of {place} the spectra lie along; the last one is taken, and the others for rows "
    "and columns"
)
_AS_MANY = "the spectra are taken to lie along axis {axis} of {place}, which has as many values as {name!r} beside it"


@dataclass(frozen=True, eq=False)
class Axes:
    """The axes of a data set.

    Attributes
    ----------
    each : list of dict
        Name, units, size and, where known, positions ("axis") or "offset" and "scale", as in
        `napari_gdls.io.rosetta.axes`.
    spectral : int
        The axis along which the spectra lie.
    told : bool
        Whether the file says so, and with that, that these are spectra.
    notes : tuple of str
        What the user should know.
    """

    each: list[dict[str, Any]]
    spectral: int
    told: bool
    notes: tuple[str, ...] = ()


def axes_of(path: Path, file: h5py.File, place: str, data: h5py.Dataset, spectral: int | None = None) -> Axes:
    """The axes of a data set.

    Parameters
    ----------
    path : Path
        For messages.
    file : h5py.File
    place : str
        Path of the data set in the file, by which its neighbours are found: links lead to it from several groups.
    data : h5py.Dataset
        Of three axes.
    spectral : int, optional
        The axis along which the spectra lie, if the user says it.

    Raises
    ------
    FieldReadError
        If axes have other lengths than the data, or more than one of them is an axis of energies.
    """
    shape = whole_shape(data)
    group = file[place.rpartition("/")[0] or "/"]
    each = [_axis(path, group, data, name, i, shape[i]) for i, name in enumerate(_names(group, place, data))]
    energies = [i for i, axis in enumerate(each) if is_energy(axis)]
    if spectral is None and len(energies) > 1:
        names = " and ".join(str(each[i]["name"]) for i in energies)
        raise FieldReadError(
            path, f"has {len(energies)} axes of energies, {names}; a map has one, and two of pixels", where=place
        )
    found, told = (energies[0], True) if energies else (None, False)
    notes = []
    listed = None if energies else _energies_beside(group, place, shape, spectral)
    if listed is not None:
        found, told = listed[0], True
        each[found] |= listed[1]
        if found != _LAST or shape.count(shape[found]) > 1:
            notes.append(_AS_MANY.format(axis=found, place=place, name=listed[1]["name"]))
    of_channels = _calibration(path, group, shape, _LAST if found is None else found)
    if of_channels is not None and not energies and listed is None:
        found, told = _LAST if spectral is None else spectral, True
        each[found] |= of_channels
    interpretation = (text_attribute(data, "interpretation") or text_attribute(group, "interpretation")).lower()
    if found is None and interpretation in ("spectrum", "image"):
        found, told = (_LAST, True) if interpretation == "spectrum" else (0, False)
    named = [i for i, axis in enumerate(each) if _CHANNELS.search(str(axis["name"]))]
    if found is None and len(named) == 1:
        found, told = named[0], True
    if spectral is not None:
        if found != spectral and energies:
            raise FieldReadError(path, f"says that the spectra lie along axis {found}, not {spectral}", where=place)
        found, told = spectral, True
    elif found is None:
        found = _LAST
        notes.append(_UNSAID.format(place=place))
    for i, axis in enumerate(each):
        axis["navigate"] = i != found
    if not is_energy(each[found]):
        each[found]["name"] = "energy"
    unit = _only_plausible_unit(path, each[found])
    if unit:
        each[found]["units"] = unit
        notes.append(f"the unit of the energies is not in the file; {unit} is taken, the only one that makes sense")
    return Axes(each, found, told, tuple(notes))


def beside(group: h5py.Group, name: str) -> h5py.Dataset | None:
    """A data set of numbers beside the data, or in a group ``info`` there, as PyMca has it; its name without case."""
    for held in (group, group.get("info")):
        for key in held if hasattr(held, "keys") else ():
            if key.lower() == name and _is_numbers(held.get(key)):
                return held[key]
    return None


def _is_numbers(item: Any) -> bool:
    return getattr(getattr(item, "dtype", None), "kind", "") in ("u", "i", "f") and bool(item.shape is not None)


def _names(group: h5py.Group, place: str, data: h5py.Dataset) -> list[str]:
    """Names of the axes; "" for those without."""
    names = attribute(data, "axes")
    if names is None and text_attribute(group, "signal") in ("", place.rsplit("/", 1)[-1]):
        names = attribute(group, "axes")
    if isinstance(names, str):
        names = re.split(r"[:,]", names.strip("[] "))
    if not isinstance(names, list) or len(names) != len(whole_shape(data)):
        return [""] * len(whole_shape(data))
    return ["" if str(name).strip() == "." else str(name).strip() for name in names]


def _axis(path: Path, group: h5py.Group, data: h5py.Dataset, name: str, index: int, size: int) -> dict[str, Any]:
    positions = group.get(name) if name else None
    if positions is None and not name and index < len(data.dims):
        dimension = data.dims[index]
        name = dimension.label
        positions = dimension[0] if len(dimension) else None
        if positions is not None and not name:
            name = str(positions.name).rsplit("/", 1)[-1]
    axis: dict[str, Any] = {"name": name, "size": size}
    if not _is_numbers(positions) or positions is None or len(positions.shape) != 1:
        return axis
    if positions.shape[0] not in (size, size + 1):
        raise FieldReadError(
            path, f"has {positions.shape[0]} positions for the {size} values along an axis", where=str(positions.name),
            remedy="Copy it again from its source, or save it again.",
        )  # fmt: skip
    return axis | _placed(positions, size)


def _placed(positions: h5py.Dataset, size: int) -> dict[str, Any]:
    """Positions, or the middles between edges of which there is one more, and their unit."""
    places: npt.NDArray[np.float64] = np.asarray(positions[...], np.float64)
    if len(places) == size + 1:
        places = (places[1:] + places[:-1]) / 2
    return {"axis": places, "units": text_attribute(positions, "units", "unit")}


def _energies_beside(
    group: h5py.Group, place: str, shape: tuple[int, ...], spectral: int | None
) -> tuple[int, dict[str, Any]] | None:
    """An axis with as many values as there are energies beside the data, and these; None where nothing fits."""
    for name in group:
        item = group.get(name)
        if "energ" not in name.lower() or not _is_numbers(item) or len(item.shape) != 1 or place.endswith(f"/{name}"):
            continue
        fits = [i for i, size in enumerate(shape) if size == item.shape[0] and spectral in (None, i)]
        if fits:
            return fits[-1], {"name": name} | _placed(item, shape[fits[-1]])
    return None


def _calibration(path: Path, group: h5py.Group, shape: tuple[int, ...], spectral: int) -> dict[str, Any] | None:
    """Positions by ``calibration``, [a, b] or [a, b, c] of a + b x + c x^2, of the numbers in ``channels``."""
    item, channels = beside(group, "calibration"), beside(group, "channels")
    if item is None or item.size not in (2, 3):
        return None
    factors = [number(plain(value)) for value in np.ravel(item[...])]
    numbers = np.arange(shape[spectral], dtype=np.float64)
    if channels is not None and channels.size != 1:
        if channels.size != shape[spectral]:
            raise FieldReadError(
                path, f"numbers {channels.size} channels, and its spectra have {shape[spectral]}",
                where=str(channels.name), remedy="Copy it again from its source, or save it again.",
            )  # fmt: skip
        numbers = np.ravel(channels[...]).astype(np.float64)
    if None in factors:
        return None
    positions = np.polynomial.polynomial.polyval(numbers, np.array(factors, np.float64))
    unit = text_attribute(item, "units", "unit")
    if factors[:2] == [0.0, 1.0] and not any(factors[2:]) and not unit:
        return {"name": "channels"}  # what stands where no calibration was made
    return {"name": "energy", "axis": positions, "units": unit}


def _only_plausible_unit(path: Path, axis: dict[str, Any]) -> str:
    """Unit, eV or keV, if the axis has no unit and only one of them makes it one of EDS; "" otherwise."""
    found = calibration(axis)
    if unit_of(axis) or found is None or found[1] <= 0 or found[1] == 1:  # steps of 1 are numbers of channels
        return ""
    fits = []
    for unit, to_ev in (("eV", 1.0), ("keV", 1000.0)):
        try:
            energy = EnergyAxis(found[0] * to_ev, found[1] * to_ev, axis["size"])
            require_plausible_energies(path, energy)
        except (FieldError, FieldReadError):
            continue
        fits.append(unit)
    return fits[0] if len(fits) == 1 else ""
