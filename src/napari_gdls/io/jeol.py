"""Maps of JEOL Analysis Station: .pts, and .asw projects, which name them.

What the headers hold was found out by the authors of open readers (RosettaSciIO's among them), and is compared with
what their readers give in the tests.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, FieldReadError, ReadChoiceError
from napari_gdls.io.contracts import ReadOptions
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.jeol_events import POSITIONS, EventCounts, Events, has_image, most_of_events, read_events
from napari_gdls.io.jeol_images import electron_images_beside
from napari_gdls.io.jeol_tags import Tag, read_tags
from napari_gdls.io.limits import member, require_memory, require_plausible_energies
from napari_gdls.io.map_contents import FileContents, MapImage, SpectralMap
from napari_gdls.io.map_files import MapFileReader, header_of

_PTS_MAGIC = b"\x30\x01\0\0PTTDFILE"
_ASW_MAGIC = bytes(12)
"""The first 12 bytes of a project; then its tree."""
_HEADER = slice(12, 36)
"""Six numbers of 4 bytes: two unknown, place and length of the tree, place and length of the events."""
_IMAGE = "electron image"
"""Title of the image among the events."""
_SKIPPED = 12
"""Bytes between the place that is given for the tree and the tree."""
_LONGEST_PROJECT = 64 * 1024**2  # bytes; real ones have 10 kB
_MOST_MAPS = 1000  # of a project
_TRANSMISSION_FROM = 30.0
"""keV; beams of scanning microscopes have no more."""


class JeolReader(MapFileReader):
    """JEOL .pts and .asw."""

    name = "jeol"
    title = "JEOL .pts, .asw"
    endings = (".pts", ".asw")

    def sniff(self, path: Path) -> bool:
        """Whether a file begins as maps do, or is called .asw and begins as projects do."""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(len(_PTS_MAGIC))
        return head == _PTS_MAGIC or (head == _ASW_MAGIC and path.suffix.lower() == ".asw")

    @contextmanager
    def contents(self, path: Path, options: ReadOptions) -> Iterator[FileContents]:
        """Maps and electron images; raises `FieldReadError`."""
        if path.suffix.lower() == ".asw":
            yield _project(path, options)
        else:
            found, more, _ = _read_map(path, options.memory_limit)
            yield FileContents(tuple(more), (found,))

    def header(self, path: Path, options: ReadOptions) -> FieldHeader:
        """What is known of the field from the tree of tags, without its events."""
        file = path
        if path.suffix.lower() == ".asw":
            files = _maps_of_project(path)
            wanted = options.dataset
            meant = [each for i, each in enumerate(files) if wanted in (None, i, each.name)]
            file = meant[0] if len(meant) == 1 else path
        if file == path and (path.suffix.lower() == ".asw" or options.dataset not in (None, 0, path.name)):
            return super().header(path, options)  # says what there is to choose
        head = _read_head(file)
        no_counts = sp.csr_array((math.prod(head.size), POSITIONS), dtype=np.uint16)
        images = [MapImage(_IMAGE, np.zeros(head.size, np.uint32))] if has_image(head.words) else []
        images += [MapImage(title, pixels) for title, pixels in electron_images_beside(file, options.memory_limit)]
        contents = FileContents(tuple(images), (_map(file, head, no_counts),))
        found = header_of(file, self.title, contents, replace(options, dataset=None))
        needed = found.bytes_to_read + most_of_events(len(head.words), head.size)
        return replace(found, path=os.fspath(path), bytes_to_read=needed)


JEOL_READER = JeolReader()


def _project(path: Path, options: ReadOptions) -> FileContents:
    """All maps of a project, or the one that is called by its name; images are those of the map that is chosen."""
    files = _maps_of_project(path)
    if isinstance(options.dataset, str):
        files = [file for file in files if file.name == options.dataset] or files
    chosen = options.dataset if isinstance(options.dataset, int) else 0 if len(files) == 1 else None
    maps: list[SpectralMap] = []
    images: tuple[MapImage, ...] = ()
    left = options.memory_limit
    for number, file in enumerate(files):
        found, more, events = _read_map(file, left)
        left = max(left - events.spectra.data.nbytes - events.spectra.indices.nbytes, 1)
        maps.append(found)
        if number == chosen:
            images = tuple(more)
    return FileContents(images, tuple(maps), "" if files else "its project names no .pts file")


@dataclass(frozen=True, eq=False)
class _Head:
    """What stands in a .pts file before its events, and these, not looked at yet."""

    tree: Tag
    measured: Tag
    size: tuple[int, int]
    words: npt.NDArray[np.uint16]


def _read_head(path: Path) -> _Head:
    if path.stat().st_size <= _HEADER.stop:
        raise FieldReadError(path, "is cut off in its header", remedy="Copy it again from its source.")
    data = np.memmap(path, np.uint8, "r")
    if bytes(data[: len(_PTS_MAGIC)]) != _PTS_MAGIC:
        raise FieldReadError(path, "is no JEOL .pts file, or damaged", remedy="Copy it again from its source.")
    _, _, tree_at, _, events_at, events_length = data[_HEADER].view("<u4").tolist()
    # Versions differ in what they count: the events, or all bytes of the file.
    if events_at > len(data) or events_length not in (len(data), len(data) - events_at):
        raise FieldReadError(
            path,
            f"holds {len(data):,} bytes, and declares {events_length:,} of events from byte {events_at:,} on",
            remedy="Copy it again from its source; if it is whole there, please report it.",
        )
    tree = read_tags(path, data[:events_at], tree_at + _SKIPPED)
    measured = tree.at("PTTD Data", "AnalyzableMap MeasData") or Tag()
    size = _size(path, measured)
    words = data[events_at : events_at + (len(data) - events_at) // 2 * 2].view("<u2")
    if (len(data) - events_at) % 2:
        raise FieldReadError(path, "ends in half an event", remedy="Copy it again from its source.")
    return _Head(tree, measured, size, words)


def _map(path: Path, head: _Head, spectra: sp.csr_array) -> SpectralMap:
    """The map of a file, with these counts."""
    tree, measured, size = head.tree, head.measured, head.size
    energy, refused = _energy(path, tree, measured)
    page = (tree.at("PTTD Param", "Params") or Tag()).page("PARAMPAGE0", "SEM")
    beam = measured.number("MeasCond", "AccKV")
    return SpectralMap(
        title=path.name,
        counts=EventCounts(spectra, size),
        energy=energy,
        pixel_size=_pixel_size(page, measured, size[1]),
        beam_energy=beam if beam and beam > 0 else None,
        acquisition=_acquisition(page, measured, beam),
        refused=refused,
    )


def _read_map(path: Path, limit: int) -> tuple[SpectralMap, list[MapImage], Events]:
    head = _read_head(path)
    events = read_events(path, head.words, head.size, limit)
    found = replace(
        _map(path, head, events.spectra),
        notes=_sweeps(path, head.measured, events.n_sweeps, events.stopped_at, head.size),
        valid=_measured(head.size, events),
    )
    images = [] if events.image is None else [MapImage(_IMAGE, events.image)]
    images += [MapImage(title, pixels) for title, pixels in electron_images_beside(path, limit)]
    return found, images, events


def _size(path: Path, measured: Tag) -> tuple[int, int]:
    width, sign, height = measured.text("Meas Cond", "Pixels").partition("x")
    if not sign or not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise FieldReadError(path, "does not say how many pixels its map has", remedy="Copy it again from its source.")
    if not (0 < len(width) <= 5 and 0 < len(height) <= 5 and int(width) and int(height)):
        raise FieldReadError(path, f"declares a map of {width} x {height} px", remedy="Copy it again from its source.")
    return int(height), int(width)


def _measured(size: tuple[int, int], events: Events) -> npt.NDArray[np.bool_] | None:
    """Rows that a first and only sweep reached, but for the last one, where it was stopped."""
    if events.n_sweeps > 1 or events.stopped_at is None:
        return None
    reached = np.zeros(size, np.bool_)
    reached[: max(events.stopped_at, 1)] = True
    return reached


def _sweeps(path: Path, measured: Tag, n_sweeps: int, stopped_at: int | None, size: tuple[int, int]) -> tuple[str, ...]:
    declared = measured.number("Doc", "Sweep")
    # A sweep that was interrupted is counted by some versions, and not by others.
    if declared is not None and n_sweeps not in {declared, declared + (stopped_at is not None)}:
        raise FieldReadError(
            path,
            f"declares {declared:g} sweeps over the map, and holds {n_sweeps}",
            remedy="Copy it again from its source; if it is whole there, please report it.",
        )
    if stopped_at is None:
        return ()
    where = f"row {stopped_at + 1} of {size[0]}"
    if n_sweeps == 1:
        return (f"the scan was stopped in its first sweep, in {where}; the rest was not measured",)
    return (f"the scan was stopped in sweep {n_sweeps}, in {where}; that sweep is left out",)


def _energy(path: Path, tree: Tag, measured: Tag) -> tuple[EnergyAxis | None, ReadChoiceError | None]:
    page = (tree.at("PTTD Param", "Params") or Tag()).page("PARAMPAGE1", "EDXRF")
    width, first = measured.number("Doc", "CoefA"), measured.number("Doc", "CoefB")
    zero = page.number("Tpl", measured.text("Meas Cond", "Tpl"), "DigZ")
    if width is None or first is None or zero is None:
        return None, ReadChoiceError(
            path, "has no energy calibration", option="energy", remedy="Give it with `energy=`."
        )
    try:
        energy = EnergyAxis(round(1000 * (first - width * zero), 9), round(1000 * width, 9), 4096)
        require_plausible_energies(path, energy, may_be_given=True)
    except ReadChoiceError as error:
        return energy, error
    except FieldError as error:
        return None, ReadChoiceError(path, f"has no calibration of EDS: {error}", option="energy")
    return energy, None


def _pixel_size(page: Tag, measured: Tag, width: int) -> float | None:
    """In um: the screen that the magnification refers to is given in mm."""
    screen, magnification = page.number("ScanSize"), measured.number("MeasCond", "Mag")
    return 1000 * screen / magnification / width if screen and magnification and screen * magnification > 0 else None


def _acquisition(page: Tag, measured: Tag, beam: float | None) -> dict[str, Any]:
    """In the words of HyperSpy."""
    detector = {
        "azimuth_angle": page.number("DirAng"),
        "elevation_angle": page.number("ElevAng"),
        "energy_resolution_MnKa": page.number("MnKaRES"),
        "real_time": measured.number("Doc", "RealTime"),
        "live_time": measured.number("Doc", "LiveTime"),
        "detector_type": page.text("DetT") or None,
    }
    found = {
        "beam_energy": beam,
        "magnification": measured.number("MeasCond", "Mag"),
        "Detector": {"EDS": {key: value for key, value in detector.items() if value is not None}},
    }
    mode = "TEM" if beam is not None and beam > _TRANSMISSION_FROM else "SEM"
    return {mode: {key: value for key, value in found.items() if value is not None}}


def _maps_of_project(path: Path) -> list[Path]:
    """The .pts files that a project names, which lie in folders beside it."""
    require_memory(path, path.stat().st_size, _LONGEST_PROJECT, "a project")
    data = np.fromfile(path, np.uint8)
    if bytes(data[: len(_ASW_MAGIC)]) != _ASW_MAGIC:
        raise FieldReadError(path, "is no JEOL .asw project, or damaged", remedy="Copy it again from its source.")
    tree = read_tags(path, data, len(_ASW_MAGIC))
    files: list[Path] = []
    for sample in _inside(tree.at("SampleInfo")):
        for view in _inside(sample.at("ViewInfo")):
            for entry in _inside(view.at("ViewData")):
                name = PureWindowsPath(entry.text("Filename"))
                if name.suffix.lower() != ".pts":
                    continue
                if name.is_absolute() or ".." in name.parts:
                    raise FieldReadError(path, f"names a file outside of its folder, {name}")
                file = member(path.parent, *name.parts)
                if file is None:
                    raise FieldReadError(
                        path,
                        f"names {name.as_posix()}, which is not there",
                        remedy="Copy the project with its folders, or open the .pts file itself.",
                    )
                files.append(file)
    if len(files) > _MOST_MAPS:
        raise FieldReadError(path, f"names {len(files):,} maps", remedy="Open one of the .pts files itself.")
    return files


def _inside(tag: Tag | None) -> list[Tag]:
    return [] if tag is None else list(tag.inside.values())
