"""Files that hold images and maps of spectra: what they hold, and the field, the summary and the choices made of it.

A reader says what is in its file, as `FileContents`; everything that does not depend on the format is done here.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Counts, Field
from napari_gdls.io.bse_choice import (
    COUNTS_NOTE,
    NAMED_OR_COUNTS,
    BseImage,
    bse_from_counts,
    choose_bse,
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
from napari_gdls.io.counts_source import CountsSource
from napari_gdls.io.limits import require_plausible_energies
from napari_gdls.io.map_spectra import MapSpectra


@dataclass(frozen=True, eq=False)
class MapImage:
    """An image in a file.

    Attributes
    ----------
    title : str
    pixels : (H, W) array
    note : str
        What the user should know if it is taken, as that it was cropped or resampled; may be empty.
    bse_of : tuple of str
        Titles of the maps whose BSE image it is, where the file says so otherwise than by its title.
    """

    title: str
    pixels: npt.NDArray[Any]
    note: str = ""
    bse_of: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SpectralMap:
    """A map of spectra in a file.

    Attributes
    ----------
    title : str
    counts : CountsSource
    energy : EnergyAxis or None
        None where `refused` says why there is none that can be taken.
    pixel_size : float or None, um
    beam_energy : float or None, keV
    acquisition : dict
        What the file says of the instrument, as plain values.
    notes : tuple of str
        What the user should know.
    measured : str
        What it is a map of, if not of X-rays; such a map is not offered.
    refused : FieldReadError or None
        Why the map cannot be taken as it is. A `ReadChoiceError` of the option "energy" is mended by giving that.
    valid : (H, W) array of bool or None
        Pixels that were measured, where the file says it; None: all. Others get label 0.
    """

    title: str
    counts: CountsSource
    energy: EnergyAxis | None
    pixel_size: float | None = None
    beam_energy: float | None = None
    acquisition: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    measured: str = ""
    refused: FieldReadError | None = None
    valid: npt.NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.counts.shape


@dataclass(frozen=True, eq=False)
class FileContents:
    """What a file holds; the counts may be read as long as the file is open.

    Attributes
    ----------
    images : tuple of MapImage
    maps : tuple of SpectralMap
    others : str
        What else is there, in words, for the message that there is no map of spectra.
    """

    images: tuple[MapImage, ...]
    maps: tuple[SpectralMap, ...]
    others: str = ""


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
    return _field(path, title, contents.images, _chosen_map(path, _maps_of_x_rays(path, contents), options), options)


def summary_of(path: Path, title: str, contents: FileContents, options: ReadOptions) -> FieldSummary:
    """What a file holds, also where `field_of` would ask for a choice; parameters and errors as there."""
    maps = _maps_of_x_rays(path, contents)
    warnings: list[str] = []
    if len(maps) > 1 and options.dataset is None:
        warnings.append("several maps, of which the first is described; choose with `dataset=`")
        maps = maps[:1]
    choices = choices_of(contents)
    infos = tuple(ImageInfo(image.title, image.pixels.shape, str(image.pixels.dtype)) for image in contents.images)
    try:
        chosen = _chosen_map(path, maps, options)
    except ReadChoiceError as error:
        if error.option != "energy" or options.energy is not None:
            raise
        unknown = replace(_map_called(path, maps, options.dataset), energy=None)
        return _outline(path, title, unknown, infos, (*warnings, f"{error.problem}. {error.remedy}"), choices)
    try:
        bse = _bse(path, contents.images, chosen, options)
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
                _index_of_bse(contents.images, found),
                getattr(found.refused, "option", ""),
            )
            for found in contents.maps
        ),
    )


def _maps_of_x_rays(path: Path, contents: FileContents) -> list[SpectralMap]:
    others = sorted({found.measured for found in contents.maps if found.measured})
    maps = [found for found in contents.maps if not found.measured]
    if not maps and others:
        raise FieldReadError(
            path,
            f"holds a map of {' and of '.join(others)}, not of X-rays",
            remedy="Take the file with the EDS map; if this is one, its signal type should be EDS_SEM or EDS_TEM.",
        )
    if not maps:
        raise FieldReadError(
            path,
            f"holds no map of spectra (rows, columns, energy){f'; {contents.others}' if contents.others else ''}",
            remedy="Export the spectrum image itself, with its energy calibration.",
        )
    return maps


def _field(path: Path, title: str, images: Sequence[MapImage], chosen: SpectralMap, options: ReadOptions) -> Field:
    bse = _bse(path, images, chosen, options)
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


def _bse(path: Path, images: Sequence[MapImage], chosen: SpectralMap, options: ReadOptions) -> BseImage | None:
    named = [(image.title, image.pixels) for image in images]
    choice = options.bse
    if choice is None or choice == NAMED_OR_COUNTS:
        said = [
            index
            for index, image in enumerate(images)
            if chosen.title in image.bse_of and image.pixels.shape == chosen.shape[:2]
        ]
        choice = said[0] if len(said) == 1 else choice
    bse = choose_bse(path, choice, named, chosen.shape[:2], options.memory_limit)
    if bse is None:
        return None
    notes = (image.note for image in images if image.pixels is bse.pixels and image.note)
    return replace(bse, note="; ".join([*([bse.note] if bse.note else []), *notes]))


def _index_of_bse(images: Sequence[MapImage], found: SpectralMap) -> int | None:
    """Index of the image that is the BSE image of a map where none is chosen; None where there is no such."""
    try:
        bse = _bse(Path(), images, found, ReadOptions())
    except FieldReadError:
        return None
    return next((i for i, image in enumerate(images) if bse is not None and image.pixels is bse.pixels), None)


def _chosen_map(path: Path, maps: list[SpectralMap], options: ReadOptions) -> SpectralMap:
    chosen = _map_called(path, maps, options.dataset)
    if options.energy is not None:
        given = EnergyAxis(*options.energy, chosen.shape[2])
        require_plausible_energies(path, given, may_be_given=True)
        if chosen.refused is None or getattr(chosen.refused, "option", "") == "energy":
            return replace(chosen, energy=given, refused=None)
    if chosen.refused is not None:
        raise chosen.refused
    return chosen


def _map_called(path: Path, maps: list[SpectralMap], dataset: str | int | None) -> SpectralMap:
    if dataset is None:
        if len(maps) > 1:
            raise ReadChoiceError(
                path, f"holds {len(maps)} maps of spectra", option="dataset", remedy=_map_choice(maps)
            )
        return maps[0]
    if isinstance(dataset, int) and 0 <= dataset < len(maps):
        return maps[dataset]
    titled = [found for found in maps if found.title == dataset]
    if len(titled) != 1:
        raise ReadChoiceError(
            path, f"has {len(titled) or 'no'} maps called {dataset!r}", option="dataset", remedy=_map_choice(maps)
        )
    return titled[0]


def _map_choice(maps: list[SpectralMap]) -> str:
    held = "; ".join(f"{i}: {found.title!r} ({' x '.join(map(str, found.shape))})" for i, found in enumerate(maps))
    return f"Choose with `dataset=`, by name or index. Maps in the file: {held}."


def _height_and_width(pixels: npt.NDArray[Any]) -> tuple[int, int]:
    height, width = pixels.shape
    return int(height), int(width)
