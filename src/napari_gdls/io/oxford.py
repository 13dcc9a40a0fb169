"""Files of Oxford Instruments, ``.h5oina``: exports of AZtec with maps of spectra, electron images and more.

Oxford Instruments has published the specification (H5OINAFile.md in oinanoanalysis/h5oina); this reader goes by its
format versions 7.0 and 8.0. Spectra are in the files since 7.0 (AZtec 6.2), and only where they were asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.io.contracts import ReadOptions
from napari_gdls.io.hdf5_counts import unwritten
from napari_gdls.io.hdf5_tree import attribute, is_hdf5, opened, plain
from napari_gdls.io.map_contents import FileContents, MapImage, SpectralMap
from napari_gdls.io.map_files import MapFileReader
from napari_gdls.io.oxford_header import COPY_AGAIN, Header
from napari_gdls.io.oxford_images import Frame, images_in_frames
from napari_gdls.io.oxford_spectra import SpectrumRows
from napari_gdls.io.rosetta.signals import as_map

if TYPE_CHECKING:
    import h5py

NEWEST = 8.0
"""Format version that the reader was made for, of AZtec 6.3 (2026)."""

_RANGE_FACTOR = 1.5
"""How far "Energy Range", which is rounded, may lie from the width of all channels; steps between ranges are of 2."""
_SAME_AXIS = 0.25
"""Part of a channel by which the energies of detectors may differ anywhere where their counts are added: a few eV, far
less than the width of a line."""
_BEAMS = (0.1, 400.0)
"""kV, of common electron microscopes."""
_TICK = (
    "Export the map again from AZtec 6.2 or later to .h5oina, and tick the spectra of the EDS data among what is "
    "exported."
)


class OxfordReader(MapFileReader):
    """Oxford Instruments .h5oina."""

    name = "h5oina"
    title = "Oxford Instruments .h5oina"
    endings = (".h5oina",)

    def sniff(self, path: Path) -> bool:
        """Whether a file is HDF5, and says at its root what Oxford's files say there."""
        if not is_hdf5(path):
            return False
        try:
            with opened(path, self.title) as file:
                named = "Index" in file and "Format Version" in file
                return named and "Oxford" in _text(file, "Manufacturer", "Oxford")
        except FieldReadError:  # the ending of the name remains
            return False

    @contextmanager
    def contents(self, path: Path, options: ReadOptions) -> Iterator[FileContents]:
        """Images and maps of a file, as long as it is open; raises `FieldReadError`."""
        with opened(path, self.title) as file:
            names, notes = _slices(path, file), _version_notes(file)
            maps: list[SpectralMap] = []
            images: list[MapImage] = []
            for name in names:
                prefix = f"{name}/" if len(names) > 1 else ""
                found = [_detector(path, group, prefix) for group in _eds_groups(path, file[name])]
                found += _sums(path, found, prefix)
                maps += [replace(detector.map, notes=(*notes, *detector.map.notes)) for detector in found]
                electrons = file[name].get("Electron Image")
                if found and electrons is not None and hasattr(electrons, "keys"):
                    images += images_in_frames(path, electrons, _frames(found), options.memory_limit, prefix)
            yield FileContents(tuple(images), tuple(maps))


OXFORD_READER = OxfordReader()


@dataclass(frozen=True)
class _Detector:
    """The map of a detector, and what its sum with others needs."""

    map: SpectralMap
    frame: Frame
    tables: tuple[h5py.Dataset, ...]


def _text(group: h5py.Group, name: str, default: str) -> str:
    item = group.get(name)
    value = plain(item[()]) if item is not None and getattr(item, "size", 0) == 1 else None
    return default if value is None else str(value)


def _slices(path: Path, file: h5py.File) -> list[str]:
    """Names of the acquisitions in a file."""
    import h5py

    index = file.get("Index")
    if not isinstance(index, h5py.Dataset) or not index.size:
        raise FieldReadError(path, "does not list what it holds", where="/Index", remedy=COPY_AGAIN)
    if str(attribute(index, "Type") or "").strip().lower() == "feature":
        raise FieldReadError(
            path, "holds the particles of a particle analysis, each with a spectrum, and no map",
            remedy="Export a map of the site.",
        )  # fmt: skip
    names = [str(plain(name)) for name in np.ravel(index[()])]
    for name in names:
        if not isinstance(file.get(name), h5py.Group):
            raise FieldReadError(
                path, f"lists an acquisition {name[:40]!r}, and does not hold it", where="/Index", remedy=COPY_AGAIN
            )
    return list(dict.fromkeys(names))


def _version_notes(file: h5py.File) -> tuple[str, ...]:
    said = _text(file, "Format Version", "")
    try:
        version = float(said)
    except ValueError:
        version = math.nan
    if version <= NEWEST:
        return ()
    what = f"is of version {said[:20]!r}" if said else "does not say its version"
    return (f"the file {what}; it was read as {NEWEST:g}, the newest known: check the elements that you know",)


def _eds_groups(path: Path, acquisition: h5py.Group) -> list[h5py.Group]:
    """Groups of the detectors with spectra."""
    import h5py

    groups = {
        name: group
        for name, group in acquisition.items()
        if isinstance(group, h5py.Group) and (name == "EDS" or (name[:3] == "EDS" and name[3:].isdigit()))
    }
    with_spectra = [group for group in groups.values() if group.get("Data/Spectrum") is not None]
    if with_spectra:
        return sorted(with_spectra, key=lambda group: (len(group.name), group.name))
    elements = sorted({
        name
        for group in groups.values()
        for kind in ("Window Integral", "Peak Area", "Composition")
        for name in (group.get(f"Data/{kind}") or ())
    })  # fmt: skip
    held = ", ".join(name for name in acquisition if name not in groups) or "nothing else"
    if elements:
        some = ", ".join(elements[:6]) + (", ..." if len(elements) > 6 else "")
        problem = f"holds maps of elements ({some}), and no spectra"
    elif groups:
        problem = "holds EDS data without spectra"
    else:
        problem = f"holds no EDS data, but {held}"
    raise FieldReadError(path, problem, where=str(acquisition.name), remedy=_TICK)


def _detector(path: Path, group: h5py.Group, prefix: str) -> _Detector:
    """The map that a detector has measured."""
    import h5py

    place, table = str(group.name), group["Data/Spectrum"]
    header_group = group.get("Header")
    if not isinstance(header_group, h5py.Group):
        raise FieldReadError(path, "has spectra without a header", where=place, remedy=COPY_AGAIN)
    header = Header(path, header_group)
    rows, columns = header.cells("Y Cells"), header.cells("X Cells")
    if rows is None or columns is None:
        raise FieldReadError(path, "does not say the size of its map", where=f"{place}/Header", remedy=COPY_AGAIN)
    _check_table(path, table, rows, columns, header.cells("Number Channels"))
    step = header.number("X Step"), header.number("Y Step")
    kv = header.number("Beam Voltage")
    elevation = header.number("Detector Elevation")
    notes = []
    if kv is not None and not _BEAMS[0] <= kv <= _BEAMS[1]:
        notes.append(f"the energy of the beam is left out: the file says {kv:g} kV")
        kv = None
    eds = {} if elevation is None else {"elevation_angle": math.degrees(elevation)}
    signal = {
        "data": np.broadcast_to(np.uint8(0), (rows, columns, table.shape[1])),
        "axes": [
            {"name": "y", "units": "um", "scale": step[1], "offset": 0.0, "size": rows},
            {"name": "x", "units": "um", "scale": step[0], "offset": 0.0, "size": columns},
            {
                "name": "energy", "units": "eV", "scale": header.number("Channel Width"),
                "offset": header.number("Start Channel"), "size": table.shape[1],
            },
        ],
        "metadata": {
            "General": {"title": f"{prefix}{place.rpartition('/')[2]}"},
            "Acquisition_instrument": {"SEM": {"beam_energy": kv, "Detector": {"EDS": eds}}},
        },
    }  # fmt: skip
    found = as_map(path, signal)
    assert found is not None  # there are three axes, one of energy
    valid, about_time = _measured(path, group, rows, columns)
    refused = found.refused or _other_range(path, header, found.energy, place)
    if rows == 1 or columns == 1 or step[1] == 0:
        what = "one spectrum" if rows * columns == 1 else f"a line scan of {rows * columns:,} points"
        refused = FieldReadError(path, f"holds {what}, and no map", where=place, remedy="Export a map.")
    found = replace(
        found,
        counts=SpectrumRows(path, (table,), rows, columns),
        acquisition={**found.acquisition, "Oxford": header.instrument()},
        notes=(*notes, *found.notes, *about_time, *filter(None, [unwritten(path, table)])),
        refused=refused,
        valid=valid,
    )
    offset, size = header.pair("Relative Offset") or (0.0, 0.0), header.pair("Relative Size") or (1.0, 1.0)
    return _Detector(found, Frame((rows, columns), offset, size, step), (table,))


def _check_table(path: Path, table: Any, rows: int, columns: int, channels: int | None) -> None:
    """Refuse spectra that are not of the size that the header says, or no counts."""
    import h5py

    if not isinstance(table, h5py.Dataset) or len(table.shape or ()) != 2 or table.dtype.kind not in "iu":
        what = f"{table.dtype} of the shape {table.shape}" if isinstance(table, h5py.Dataset) else "a group"
        raise FieldReadError(
            path, f"holds spectra as {what}; whole numbers of pixels x channels are needed",
            where=str(table.name), remedy=COPY_AGAIN,
        )  # fmt: skip
    n_spectra, n_channels = table.shape
    if n_spectra != rows * columns:
        raise FieldReadError(
            path, f"declares {rows:,} x {columns:,} pixels, {rows * columns:,} spectra, and holds {n_spectra:,}",
            where=str(table.name), remedy=COPY_AGAIN,
        )  # fmt: skip
    if (channels is not None and channels != n_channels) or not n_channels:
        raise FieldReadError(
            path, f"declares {channels or 0:,} channels, and its spectra have {n_channels:,}",
            where=str(table.name), remedy=COPY_AGAIN,
        )  # fmt: skip


def _measured(
    path: Path, group: h5py.Group, rows: int, columns: int
) -> tuple[npt.NDArray[np.bool_] | None, tuple[str, ...]]:
    """Pixels inside of the area that was measured, whose live time is a number; and what the user should know."""
    import h5py

    live = group.get("Data/Live Time")
    if live is None:
        return None, ("the file holds no live times, and so does not say which pixels were measured",)
    if not isinstance(live, h5py.Dataset) or live.size != rows * columns or live.dtype.kind not in "fiu":
        what = f"{live.size:,} live times" if isinstance(live, h5py.Dataset) else "live times of another kind"
        raise FieldReadError(
            path, f"holds {what} for {rows * columns:,} pixels", where=str(live.name), remedy=COPY_AGAIN
        )
    outside = np.isnan(np.asarray(live[()]).reshape(rows, columns))
    if not outside.any():
        return None, ()
    return ~outside, (f"{int(outside.sum()):,} pixels lie outside of the area that was measured",)


def _other_range(path: Path, header: Header, energy: EnergyAxis | None, place: str) -> ReadChoiceError | None:
    """Why a calibration cannot be taken that contradicts the energy range, which is in keV."""
    kev = header.number("Energy Range")
    if energy is None or kev is None or kev <= 0:
        return None
    covered = energy.width * energy.size / 1000
    if 1 / _RANGE_FACTOR <= covered / kev <= _RANGE_FACTOR:
        return None
    return ReadChoiceError(
        path, f"declares an energy range of {kev:g} keV, and its channels cover {covered:.4g} keV", option="energy",
        where=f"{place}/Header", remedy="Look up the calibration in AZtec, and give it with `energy=`.",
    )  # fmt: skip


def _sums(path: Path, detectors: list[_Detector], prefix: str) -> list[_Detector]:
    """The sum of all detectors as a map of its own, where they measured the same pixels at the same energies."""
    maps = [detector.map for detector in detectors]
    axes = [found.energy for found in maps if found.energy is not None and found.refused is None]
    if len(detectors) < 2 or len(axes) < len(detectors):
        return []
    first = detectors[0]
    if any(d.frame != first.frame or d.map.shape != first.map.shape for d in detectors):
        return []
    ends = np.array([axis.centers[[0, -1]] for axis in axes])
    if np.ptp(ends, axis=0).max() > _SAME_AXIS * axes[0].width:
        return []
    offset, top = ends.mean(axis=0)
    axis = EnergyAxis(offset, (top - offset) / (axes[0].size - 1) if axes[0].size > 1 else axes[0].width, axes[0].size)
    valid = [found.valid for found in maps if found.valid is not None]
    tables = tuple(table for detector in detectors for table in detector.tables)
    found = replace(
        first.map,
        title=prefix + " + ".join(found.title.removeprefix(prefix) for found in maps),
        counts=SpectrumRows(path, tables, *first.frame.shape),
        energy=axis,
        acquisition={found.title: found.acquisition for found in maps},
        notes=tuple(dict.fromkeys(note for found in maps for note in found.notes)),
        valid=np.logical_and.reduce(valid) if valid else None,
    )
    return [_Detector(found, first.frame, tables)]


def _frames(detectors: list[_Detector]) -> list[tuple[Frame, tuple[str, ...]]]:
    """Frames of the maps, and the titles of those in each."""
    found: dict[Frame, tuple[str, ...]] = {}
    for detector in detectors:
        found[detector.frame] = (*found.get(detector.frame, ()), detector.map.title)
    return list(found.items())
