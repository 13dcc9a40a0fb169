"""Maps in HDF5 files of any layout: stacks of PyMca and NeXus by what they say of themselves, others by their path."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.io.contracts import FieldSummary, FileChoices, ReadOptions
from napari_gdls.io.hdf5_axes import Axes, axes_of, beside
from napari_gdls.io.hdf5_counts import Hdf5Counts, unwritten, whole_shape
from napari_gdls.io.hdf5_tree import data_sets, is_hdf5, opened
from napari_gdls.io.limits import require_memory
from napari_gdls.io.map_contents import FileContents, MapImage, SpectralMap
from napari_gdls.io.map_files import MapFileReader, choices_of
from napari_gdls.io.rosetta.signals import as_map

if TYPE_CHECKING:
    import h5py

PREFIX = "h5:"
"""Before the path of a data set, where it is chosen as the map."""

_FEWEST_CHANNELS = 5
"""Data with fewer values along their last axis are images in colour, vectors or tensors."""
_MOST_IMAGES = 64
"""Images that are offered; results of other programs hold hundreds of maps in the frame of the spectra."""
_MOST_NAMED = 8  # data sets that a message names
_AXIS = re.compile(r"(.+)@([012])")
_UNEVEN_TIMES = 0.01
"""Part by which live times may differ before the user is told: spectra of other times have other counts."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A data set of three axes by what chooses it, and what is said of them; or why that cannot be understood."""

    title: str
    place: str
    data: h5py.Dataset
    axes: Axes | None
    problem: FieldReadError | None = None

    @property
    def told(self) -> bool:
        """Whether the file says that these are spectra, even if not in a way that can be understood."""
        return self.axes is None or self.axes.told


class Hdf5Reader(MapFileReader):
    """PyMca and NeXus stacks, and any data set of three axes."""

    name = "hdf5"
    title = "HDF5 (PyMca, NeXus, any data set of three axes)"
    endings = (".h5", ".hdf5", ".hdf", ".nxs")

    def sniff(self, path: Path) -> bool:
        """Whether a file is HDF5 and named so, or holds numbers along three axes; other readers are asked first."""
        if not is_hdf5(path):
            return False
        if path.name.lower().endswith(self.endings):
            return True
        try:
            with opened(path, self.title) as file:
                return any(_is_cube(data) for _, data in data_sets(path, file))
        except FieldReadError:
            return False

    @contextmanager
    def contents(self, path: Path, options: ReadOptions) -> Iterator[FileContents]:
        """Images and maps of a file, as long as it is open; raises `FieldReadError`.

        Data sets that say of themselves that they are spectra come first. A single one is the map if none is chosen.
        """
        with opened(path, self.title) as file:
            found = list(data_sets(path, file))
            if isinstance(options.dataset, str):
                candidates = [_chosen(path, file, found, options.dataset)]
            else:
                candidates = _candidates(path, file, found)
                told = [each for each in candidates if each.told]
                if options.dataset is None and len(told) == 1:
                    candidates = told
            yield _contents(path, file, found, candidates, options)

    def describe(self, path: Path, options: ReadOptions) -> FieldSummary:
        """What is in the file; where no map has a calibration, the data sets that could be one, and what each lacks."""
        try:
            return super().describe(path, options)
        except ReadChoiceError as error:
            if error.option != "energy" or options.energy is not None:
                raise
            maps = self.choices(path, options).maps
        lacks = [f"{each.title} ({' x '.join(map(str, each.shape))}): {each.problem or 'can be read'}" for each in maps]
        choice = "choose the map with `dataset=`, and give its calibration with `energy=`"
        return FieldSummary(os.fspath(path), self.title, warnings=(*lacks, choice))

    def choices(self, path: Path, options: ReadOptions) -> FileChoices:
        """Every data set that could be the map, also where one of them would be read without a choice."""
        with opened(path, self.title) as file:
            found = list(data_sets(path, file))
            return choices_of(_contents(path, file, found, _candidates(path, file, found), options))


HDF5_READER = Hdf5Reader()


def is_path_in_hdf5(path: Path, dataset: str | int | None) -> bool:
    """Whether a choice is the path of a data set in a file of HDF5, of whatever layout that is."""
    return isinstance(dataset, str) and dataset.startswith(PREFIX) and is_hdf5(path)


def _is_cube(data: h5py.Dataset) -> bool:
    shape = whole_shape(data)
    return len(shape) == 3 and data.dtype.base.kind in "uif" and min(shape) > 0 and shape[2] >= _FEWEST_CHANNELS


def _candidates(path: Path, file: h5py.File, found: Sequence[tuple[str, h5py.Dataset]]) -> list[_Candidate]:
    """Data sets of three axes, each once, by the path from which most is known of it; spectra come first."""
    import h5py

    by_address: dict[int, _Candidate] = {}
    for place, data in found:
        if not _is_cube(data):
            continue
        address = h5py.h5o.get_info(data.id).addr
        candidate = _candidate(path, file, f"{PREFIX}{place}", place, data)
        known = by_address.get(address)
        if known is None or (candidate.told and not known.told):
            by_address[address] = candidate
    return sorted(by_address.values(), key=lambda each: not each.told)


def _candidate(
    path: Path, file: h5py.File, title: str, place: str, data: h5py.Dataset, spectral: int | None = None
) -> _Candidate:
    try:
        return _Candidate(title, place, data, axes_of(path, file, place, data, spectral))
    except FieldReadError as error:
        return _Candidate(title, place, data, None, error)


def _chosen(path: Path, file: h5py.File, found: Sequence[tuple[str, h5py.Dataset]], dataset: str) -> _Candidate:
    """The data set at a path, with or without the prefix and the axis of the spectra behind it."""
    import h5py

    places = dict(found)
    asked = dataset.removeprefix(PREFIX)
    place, spectral = "/" + asked.strip("/"), None
    with_axis = _AXIS.fullmatch(place)
    if place not in places and with_axis:
        place, spectral = with_axis[1], int(with_axis[2])
    data = places.get(place) or file.get(place)  # another way to a group that has been entered
    if not isinstance(data, h5py.Dataset):
        held = _in_words([(at, item) for at, item in found if _is_cube(item)])
        raise ReadChoiceError(
            path, f"has no data set {asked!r}", option="dataset",
            remedy=f"Choose with `dataset=`: {held}." if held else "It has none of three axes that could be a map.",
        )  # fmt: skip
    shape = whole_shape(data)
    if len(shape) == 3 and data.dtype.base.kind in "uif" and min(shape) > 0:
        return _candidate(path, file, dataset, place, data, spectral)
    size = " x ".join(map(str, shape)) or "a single value"
    problem = f"holds {size} values of the type {data.dtype.base} there, and a map has rows, columns and channels"
    raise ReadChoiceError(path, problem, option="dataset", where=place, remedy=_remedy(shape))


def _remedy(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return (
            f"Where the {shape[0]:,} spectra lie is not known: save them as an array of three axes, in numpy by "
            "reshape(rows, columns, channels), or as a folder of an image and points."
        )
    if len(shape) > 3:
        return "Sum over what is not row, column or channel (frames, detectors), and save that."
    return "Choose a data set of numbers along three axes."


def _contents(
    path: Path,
    file: h5py.File,
    found: Sequence[tuple[str, h5py.Dataset]],
    candidates: Sequence[_Candidate],
    options: ReadOptions,
) -> FileContents:
    maps = tuple(_map(path, file, each) for each in candidates)
    others = [(place, data) for place, data in found if len(whole_shape(data)) > 1 and not _is_cube(data)]
    held = f"it holds {_in_words(others)}" if others else "no data set has more than one axis"
    images = _images(path, found, {each.shape[:2] for each in maps}, options)
    return FileContents(images, maps, held)


def _in_words(held: Sequence[tuple[str, h5py.Dataset]]) -> str:
    named = [f"{PREFIX}{place} ({' x '.join(map(str, whole_shape(data)))})" for place, data in held[:_MOST_NAMED]]
    more = len(held) - len(named)
    return "; ".join([*named, *([f"and {more:,} more"] if more > 0 else [])])


def _map(path: Path, file: h5py.File, candidate: _Candidate) -> SpectralMap:
    title, place, data, axes = candidate.title, candidate.place, candidate.data, candidate.axes
    if axes is None:
        return SpectralMap(title, Hdf5Counts(data), None, refused=candidate.problem)
    counts = Hdf5Counts(data, axes.spectral)
    ordered = [axis for i, axis in enumerate(axes.each) if i != axes.spectral] + [axes.each[axes.spectral]]
    times, time_notes = _live_time(file, place)
    metadata = {"General": {"title": title}, "Acquisition_instrument": times}
    # The counts stay in the file: what a map is, shape and axes say.
    stand_in = np.broadcast_to(np.zeros((), data.dtype.base), counts.shape)
    found = as_map(path, {"data": stand_in, "axes": ordered, "metadata": metadata})
    assert found is not None  # one axis is that of energies
    try:
        missing = unwritten(path, data)
    except FieldReadError as error:
        return replace(found, counts=counts, energy=None, refused=error)
    notes = (*axes.notes, *found.notes, *time_notes, *([missing] if missing else []))
    return replace(found, counts=counts, notes=notes)


def _live_time(file: h5py.File, place: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Mean live time of the spectra in s, as PyMca keeps it beside the data, and a word if they differ."""
    item = beside(file[place.rpartition("/")[0] or "/"], "live_time")
    if item is None or not item.size:
        return {}, ()
    times = np.ravel(item[...]).astype(np.float64)
    times = times[np.isfinite(times) & (times > 0)]
    if not times.size:
        return {}, ()
    low, high = float(times.min()), float(times.max())
    note = f"live times of the spectra differ, {low:.4g} to {high:.4g} s; their counts are taken as they are"
    return {"Detector": {"live_time_s": float(times.mean())}}, (note,) if high > (1 + _UNEVEN_TIMES) * low else ()


def _images(
    path: Path, found: Sequence[tuple[str, h5py.Dataset]], frames: set[tuple[int, ...]], options: ReadOptions
) -> tuple[MapImage, ...]:
    """Images in the frame of a map, titled by their names where these tell them apart."""
    import h5py

    fitting: dict[int, tuple[str, h5py.Dataset]] = {}
    for place, data in found:
        if whole_shape(data) in frames and data.dtype.base.kind in "uif":
            fitting.setdefault(h5py.h5o.get_info(data.id).addr, (place, data))
    names = [place.rsplit("/", 1)[-1] for place, _ in fitting.values()]
    titled = [
        (place if names.count(name) > 1 else name, data)
        for name, (place, data) in zip(names, fitting.values(), strict=True)
    ]
    wanted = [(title, data) for i, (title, data) in enumerate(titled) if i < _MOST_IMAGES or title == options.bse]
    n_bytes = sum(math.prod(data.shape) * data.dtype.itemsize for _, data in wanted)
    require_memory(path, n_bytes, options.memory_limit, "its images")
    return tuple(MapImage(title, np.asarray(data[...], data.dtype.base.newbyteorder("="))) for title, data in wanted)
