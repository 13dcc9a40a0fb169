"""What a file with images and maps of spectra holds, and which of these a choice means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.io.bse_choice import NAMED_OR_COUNTS, BseImage, choose_bse
from napari_gdls.io.contracts import ReadOptions
from napari_gdls.io.counts_source import CountsSource
from napari_gdls.io.limits import require_plausible_energies


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


def maps_of_x_rays(path: Path, contents: FileContents) -> list[SpectralMap]:
    """The maps that can be a field.

    Raises
    ------
    FieldReadError
        If there is none.
    """
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


def bse_of(path: Path, images: Sequence[MapImage], chosen: SpectralMap, options: ReadOptions) -> BseImage | None:
    """The BSE image of a map, by choice or by what the file says; None for the map of total counts.

    Raises
    ------
    FieldReadError
        As `choose_bse`.
    """
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


def index_of_bse(images: Sequence[MapImage], found: SpectralMap) -> int | None:
    """Index of the image that is the BSE image of a map where none is chosen; None where there is no such."""
    try:
        bse = bse_of(Path(), images, found, ReadOptions())
    except FieldReadError:
        return None
    return next((i for i, image in enumerate(images) if bse is not None and image.pixels is bse.pixels), None)


def chosen_map(path: Path, maps: list[SpectralMap], options: ReadOptions) -> SpectralMap:
    """The map that is meant, with the energy axis that was given for it.

    Raises
    ------
    FieldReadError
        If it cannot be taken as it is; a `ReadChoiceError` where a choice is needed.
    """
    chosen = map_called(path, maps, options.dataset)
    if options.energy is not None:
        given = EnergyAxis(*options.energy, chosen.shape[2])
        require_plausible_energies(path, given, may_be_given=True)
        if chosen.refused is None or getattr(chosen.refused, "option", "") == "energy":
            return replace(chosen, energy=given, refused=None)
    if chosen.refused is not None:
        raise chosen.refused
    return chosen


def map_called(path: Path, maps: list[SpectralMap], dataset: str | int | None) -> SpectralMap:
    """The map of a name or number, or the only one.

    Raises
    ------
    ReadChoiceError
        If there is no such, or several and none was chosen.
    """
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
