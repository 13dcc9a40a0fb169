"""Files that hold images and maps of spectra: what they hold, and the field, the summary and the choices made of it.

A reader says what is in its file, as `FileContents`; everything that does not depend on the format is done here.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Counts, Field
from napari_gdls.io.bse_choice import (
    COUNTS_NOTE,
    BseImage,
    bse_from_counts,
)
from napari_gdls.io.contracts import (
    MAP_OPTIONS,
    FieldReader,
    FieldSummary,
    FileChoices,
    ImageChoice,
    ImageInfo,
    MapChoice,
    ReadOptions,
    summarise,
    thumbnail_of,
)
from napari_gdls.io.headers import FieldHeader, size_on_disk
from napari_gdls.io.map_contents import (
    FileContents,
    MapImage,
    SpectralMap,
    bse_of,
    chosen_map,
    index_of_bse,
    map_called,
    maps_of_x_rays,
)
from napari_gdls.io.map_spectra import MapSpectra
from napari_gdls.io.sparse_spectra import most_to_read


class MapFileReader(FieldReader):
    """A `FieldReader` of a format whose files hold images and maps: a subclass says what is in a file."""

    @property
    def leaves_open(self) -> tuple[str, ...]:
        """Which options of reading have a meaning for its files."""
        return MAP_OPTIONS

    @abstractmethod
    def contents(self, path: Path, options: ReadOptions) -> AbstractContextManager[FileContents]:
        """What is in the file, for as long as it is open; raises `FieldReadError`. `field_of` sees to `options`."""

    def read(self, path: Path, options: ReadOptions) -> Field:
        """Read the field; see `napari_gdls.io.read_field`."""
        with self.contents(path, options) as found:
            return field_of(path, self.title, found, options)

    def describe(self, path: Path, options: ReadOptions) -> FieldSummary:
        """What is in the file; counts are given where the spectra fit into the memory limit."""
        with self.contents(path, options) as found:
            return summary_of(path, self.title, found, options)

    def header(self, path: Path, options: ReadOptions) -> FieldHeader:
        """What is known of the field before its counts are read."""
        with self.contents(path, options) as found:
            return header_of(path, self.title, found, options)

    def choices(self, path: Path, options: ReadOptions) -> FileChoices:
        """What can be chosen in the file."""
        with self.contents(path, options) as found:
            return choices_of(found)


def field_of(path: Path, title: str, contents: FileContents, options: ReadOptions) -> Field:
    """The field in a file.

    Parameters
    ----------
    path : Path
    title : str
        Name of the format.
    contents : FileContents
    options : ReadOptions

    Raises
    ------
    FieldReadError
        If there is no map of X-rays, it cannot be taken as it is, or needs more memory than it may; a
        `ReadChoiceError` where a choice is needed.
    """
    return _field(path, title, contents.images, chosen_map(path, maps_of_x_rays(path, contents), options), options)


def summary_of(path: Path, title: str, contents: FileContents, options: ReadOptions) -> FieldSummary:
    """What a file holds, also where `field_of` would ask for a choice; parameters and errors as there."""
    maps = maps_of_x_rays(path, contents)
    warnings: list[str] = []
    if len(maps) > 1 and options.dataset is None:
        warnings.append("several maps, of which the first is described; choose with `dataset=`")
        maps = maps[:1]
    choices = choices_of(contents)
    infos = tuple(ImageInfo(image.title, image.pixels.shape, str(image.pixels.dtype)) for image in contents.images)
    try:
        chosen = chosen_map(path, maps, options)
    except ReadChoiceError as error:
        if error.option != "energy" or options.energy is not None:
            raise
        unknown = replace(map_called(path, maps, options.dataset), energy=None)
        return _outline(path, title, unknown, infos, (*warnings, f"{error.problem}. {error.remedy}"), choices)
    try:
        bse = bse_of(path, contents.images, chosen, options)
    except FieldReadError:
        if options.bse is not None:
            raise
        warnings.append("which image is the BSE image is not said; choose with `bse=`")
    else:
        warnings += [bse.note] if bse is not None and bse.note else []
    try:
        summary = _summary(path, title, contents.images, chosen, options, infos)
    except FieldReadError as error:
        return _outline(path, title, chosen, infos, (*warnings, error.problem), choices)
    said = (text for text in summary.warnings if text != COUNTS_NOTE)  # nobody has chosen them
    return replace(summary, images=infos, warnings=(*warnings, *said), choices=choices)


def _outline(
    path: Path,
    title: str,
    chosen: SpectralMap,
    images: tuple[ImageInfo, ...],
    warnings: tuple[str, ...],
    choices: FileChoices,
) -> FieldSummary:
    """What is known of a map without its counts."""
    height, width, _ = chosen.shape
    return FieldSummary(
        path=os.fspath(path),
        format=title,
        images=images,
        shape=(height, width),
        n_measurements=height * width,
        counts_dtype=str(chosen.counts.dtype),
        energy=chosen.energy,
        sampling_distance=1.0,
        pixel_size=chosen.pixel_size,
        beam_energy=chosen.beam_energy,
        warnings=(*warnings, *chosen.notes),
        choices=choices,
    )


def header_of(path: Path, title: str, contents: FileContents, options: ReadOptions) -> FieldHeader:
    """What is known of the field in a file before its counts are read; parameters and errors as `field_of`."""
    chosen = chosen_map(path, maps_of_x_rays(path, contents), options)
    bse = bse_of(path, contents.images, chosen, options)
    assert chosen.energy is not None  # else it is refused
    height, width, _ = chosen.shape
    n = height * width if chosen.valid is None else int(np.count_nonzero(chosen.valid))
    taken = sum(image.pixels.nbytes for image in contents.images)
    held, needed = most_to_read(chosen.counts, n, options.memory_limit, taken)
    return FieldHeader(
        path=os.fspath(path),
        format=title,
        shape=(height, width),
        n_measurements=n,
        counts_dtype=str(chosen.counts.dtype),
        energy=chosen.energy,
        pixel_size=chosen.pixel_size,
        beam_energy=chosen.beam_energy,
        gain=options.gain,
        stored_bytes=size_on_disk(path),
        bse_bytes=height * width * (4 if bse is None else bse.pixels.itemsize),
        spectra_bytes=held,
        bytes_to_read=needed,
    )


def choices_of(contents: FileContents) -> FileChoices:
    """What can be chosen in a file: its images in small, and its maps."""
    number = iter(range(len(contents.maps)))
    return FileChoices(
        tuple(
            ImageChoice(index, image.title, _height_and_width(image.pixels), thumbnail_of(image.pixels))
            for index, image in enumerate(contents.images)
        ),
        tuple(
            MapChoice(
                None if found.measured else next(number),
                found.title,
                found.shape,
                found.measured or "X-rays (EDS)",
                None if found.energy is None else (found.energy.offset, found.energy.width),
                "" if found.refused is None else found.refused.problem,
                index_of_bse(contents.images, found),
                getattr(found.refused, "option", ""),
            )
            for found in contents.maps
        ),
    )


def _field(path: Path, title: str, images: Sequence[MapImage], chosen: SpectralMap, options: ReadOptions) -> Field:
    bse = bse_of(path, images, chosen, options)
    found = _spectra(path, images, chosen, options)
    return _field_with(path, title, chosen, bse, found, found.spectra(), options.gain)


def _summary(
    path: Path,
    title: str,
    images: Sequence[MapImage],
    chosen: SpectralMap,
    options: ReadOptions,
    infos: tuple[ImageInfo, ...],
) -> FieldSummary:
    """Summary of the field; of counts as they come from a detector, no spectrum is kept."""
    found = _spectra(path, images, chosen, options)
    # Which image is the BSE image does not matter to the counts, so the description needs no choice.
    sums = found.stand_in()
    if sums is not None and options.gain in (None, 1):
        field = _field_with(path, title, chosen, None, found, sums, 1.0)
        if options.gain == 1 or found.are_counts(field.input_order):
            return replace(summarise(path, title, field, infos), counts_dtype=str(found.dtype))
    return summarise(path, title, _field_with(path, title, chosen, None, found, found.spectra(), options.gain), infos)


def _spectra(path: Path, images: Sequence[MapImage], chosen: SpectralMap, options: ReadOptions) -> MapSpectra:
    assert chosen.energy is not None  # else it is refused
    taken = sum(image.pixels.nbytes for image in images)
    return MapSpectra(path, chosen.counts, chosen.energy, chosen.valid, options.memory_limit, taken)


def _field_with(
    path: Path,
    title: str,
    chosen: SpectralMap,
    bse: BseImage | None,
    found: MapSpectra,
    spectra: Counts,
    gain: float | None,
) -> Field:
    assert chosen.energy is not None  # else it is refused
    if bse is None:
        bse = bse_from_counts(found.total_counts_map())
    notes = [*chosen.notes, *([bse.note] if bse.note else []), *found.notes]
    return Field(
        bse.pixels,
        spectra,
        found.locations,
        chosen.energy,
        sampling_distance=1.0,
        pixel_size=chosen.pixel_size,
        beam_energy=chosen.beam_energy,
        valid=found.valid,
        bse_full_scale=bse.full_scale,
        gain=gain,
        name=path.stem,
        metadata={
            "format": title,
            "file": path.name,
            "dataset": chosen.title,
            "bse_image": bse.title,
            "acquisition": chosen.acquisition,
            **({"warnings": notes} if notes else {}),
        },
    )


def _height_and_width(pixels: npt.NDArray[Any]) -> tuple[int, int]:
    height, width = pixels.shape
    return int(height), int(width)
