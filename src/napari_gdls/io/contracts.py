"""What a format reader offers, and what is known of a file without segmenting it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.field import Field
from napari_gdls.field.gain import gain_in_words
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.limits import DEFAULT_MEMORY_LIMIT

LOW_COUNTS = 800.0
"""Spectra with this many counts or fewer are called low when the aim of the measurement is not known.

The paper's authors leave such spectra out; here they are flagged and kept.
"""

LOW_COUNT_SHARE = 0.8
"""Share of the counts that the measurement aimed at, where that is known, below which a spectrum is called low."""

THUMBNAIL = 128
"""Pixels of the longer side of a thumbnail at most: as large as a list of images shows it."""

_PERCENTILES = (5, 25, 50, 75, 95)  # of the counts, in a summary of a field


MAP_OPTIONS = ("dataset", "bse", "energy", "gain")
"""Options of reading that files of other programs leave open; see `ReadOptions`."""


@dataclass(frozen=True)
class ReadOptions:
    """How a file is to be read.

    Attributes
    ----------
    memory_limit : int
        Most bytes that reading may take.
    bse : str, int, path-like or None
        Which image is the BSE image: its name or index in the file, the path of an image file, or "counts" for the map
        of total counts. None: the one that the file calls so.
    dataset : str, int or None
        Which map to take from a file that holds several, by title or index.
    gain : float or None
        Value of one count in the spectra; see `Field`. None: found.
    energy : (float, float) or None
        Energy of the first channel and width of a channel, in eV, in place of the calibration of the file. None: as the
        file says.
    beam_energy : float or None
        Energy of the beam in keV, in place of that of the file. None: as the file says.
    """

    memory_limit: int = DEFAULT_MEMORY_LIMIT
    bse: str | int | os.PathLike[str] | None = None
    dataset: str | int | None = None
    gain: float | None = None
    energy: tuple[float, float] | None = None
    beam_energy: float | None = None


@dataclass(frozen=True, eq=False)
class ImageChoice:
    """An image that could be the BSE image of a field.

    Attributes
    ----------
    index : int
        What `ReadOptions.bse` calls it.
    title : str
    shape : (int, int)
        Height and width in pixels.
    thumbnail : (h, w) array of uint8
        Of `THUMBNAIL` pixels at most.
    """

    index: int
    title: str
    shape: tuple[int, int]
    thumbnail: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class MapChoice:
    """A map of spectra in a file.

    Attributes
    ----------
    index : int or None
        What `ReadOptions.dataset` calls it; None: it is no map of X-rays, and cannot be chosen.
    title : str
    shape : (int, int, int)
        Height, width, channels.
    kind : str
        What was measured, for people.
    energy : (float, float) or None
        Energy of the first channel and width of a channel in eV; None where the file does not say.
    problem : str
        Why it cannot be taken as it is; "" if it can.
    bse : int or None
        Index of the image that is taken as its BSE image where none is chosen; None where the file does not tell.
    mended_by : str
        Argument of `napari_gdls.read_field` that mends the problem; "" where none does.
    """

    index: int | None
    title: str
    shape: tuple[int, int, int]
    kind: str
    energy: tuple[float, float] | None
    problem: str = ""
    bse: int | None = None
    mended_by: str = ""


@dataclass(frozen=True, eq=False)
class FileChoices:
    """What can be chosen in a file; nothing in formats that leave no choice.

    Attributes
    ----------
    images : tuple of ImageChoice
    maps : tuple of MapChoice
    """

    images: tuple[ImageChoice, ...] = ()
    maps: tuple[MapChoice, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        images = [{**vars(image), "thumbnail": image.thumbnail.tolist()} for image in self.images]
        return {"images": images, "maps": [dict(vars(each)) for each in self.maps]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FileChoices:
        """What `to_dict` gave, also after a way through JSON."""
        images = (
            ImageChoice(
                **{**image, "shape": tuple(image["shape"]), "thumbnail": np.array(image["thumbnail"], np.uint8)}
            )
            for image in values["images"]
        )
        maps = (
            MapChoice(**{**each, "shape": tuple(each["shape"]), "energy": each["energy"] and tuple(each["energy"])})
            for each in values["maps"]
        )
        return cls(tuple(images), tuple(maps))


class FieldReader(Protocol):
    """A format. `napari_gdls.io.registry` asks its readers in turn."""

    @property
    def name(self) -> str:
        """Short name, for ``read_field(..., reader=name)``."""

    @property
    def title(self) -> str:
        """Name of the format, for people."""

    @property
    def endings(self) -> tuple[str, ...]:
        """Lower-case endings of file names, with the dot; empty for folders that are known by their content."""

    @property
    def leaves_open(self) -> tuple[str, ...]:
        """Which of `MAP_OPTIONS` have a meaning for its files; others are refused before `read` and `describe`."""

    def sniff(self, path: Path) -> bool:
        """Whether the content of `path`, a file or folder, is of this format. Reads a few bytes; raises nothing."""

    def read(self, path: Path, options: ReadOptions) -> Field:
        """Read the field; raises `FieldReadError`, or `FieldError` when the parts do not fit together."""

    def describe(self, path: Path, options: ReadOptions) -> FieldSummary:
        """What the file holds, also when `read` would ask for a choice; raises as `read`."""

    def header(self, path: Path, options: ReadOptions) -> FieldHeader:
        """What is known of the field before its counts are read; raises as `read` for all that is wrong with it."""

    def choices(self, path: Path, options: ReadOptions) -> FileChoices:
        """What can be chosen in the file; raises as `read` where nothing can be read at all."""


@dataclass(frozen=True)
class ImageInfo:
    """An image in a file: title, shape in pixels, dtype."""

    title: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class FieldSummary:
    """What a file holds; None where it does not say or it was not worked out.

    Attributes
    ----------
    path : str
    format : str
    images : tuple of ImageInfo
    shape : (int, int) or None
        Height and width of the field, in pixels.
    n_measurements : int or None
    counts_dtype : str or None
    energy : EnergyAxis or None
    sampling_distance : float or None, px
    pixel_size : float or None, um
    beam_energy : float or None, keV
    counts : dict of int to float, or None
        Percentiles of the counts of a spectrum above 50 eV.
    low_counts : (int, float) or None
        How many spectra have at most so many counts; they are kept.
    n_unmeasured : int
        Spectra without a count that were not measured; their pixels are invalid.
    artefacts : tuple of str
        Symbols of elements that are no part of the specimen, where the file names such.
    warnings : tuple of str
        With arguments in the notation of `napari_gdls.argument_words`.
    choices : FileChoices or None
        What can be chosen in the file; None in formats that leave no choice.
    """

    path: str
    format: str
    images: tuple[ImageInfo, ...] = ()
    shape: tuple[int, int] | None = None
    n_measurements: int | None = None
    counts_dtype: str | None = None
    energy: EnergyAxis | None = None
    sampling_distance: float | None = None
    pixel_size: float | None = None
    beam_energy: float | None = None
    counts: dict[int, float] | None = None
    low_counts: tuple[int, float] | None = None
    n_unmeasured: int = 0
    artefacts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    choices: FileChoices | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = dataclasses.asdict(dataclasses.replace(self, choices=None))
        return plain | {"choices": None if self.choices is None else self.choices.to_dict()}

    def __str__(self) -> str:
        return "\n".join(f"{heading + ':':<20} {text}" for heading, text in self.rows())

    def rows(self) -> list[tuple[str, str]]:
        """Pairs of heading and text, for a table; unknown values read "not in the file"."""
        unknown = "not in the file"
        axis = self.energy
        rows = [("file", self.path), ("format", self.format)]
        rows += _image_rows(self.images, self.choices)
        rows += [] if self.choices is None else [_map_row(each) for each in self.choices.maps]
        if self.shape and self.n_measurements is not None:
            dense = self.sampling_distance == 1 or self.n_measurements == self.shape[0] * self.shape[1]
            kind = "one per pixel" if dense else f"every {self.sampling_distance or float('nan'):.3g} px"
            rows.append(("spectra", f"{self.n_measurements:,}, {kind}, {self.counts_dtype}"))
        if axis:
            top = axis.offset + axis.width * (axis.size - 1)
            rows.append(("energy", f"{axis.size} channels of {axis.width:g} eV, {axis.offset:g} to {top:g} eV"))
        rows.append(("pixel size", f"{self.pixel_size:.4g} um" if self.pixel_size else unknown))
        rows.append(("beam energy", f"{self.beam_energy:g} keV" if self.beam_energy else unknown))
        if self.counts:
            spread = ", ".join(f"{value:,.0f} ({percent} %)" for percent, value in self.counts.items())
            rows.append(("counts per spectrum", spread))
        if self.low_counts:
            rows.append(
                ("low counts", f"{self.low_counts[0]:,} spectra with {self.low_counts[1]:g} counts or fewer, kept")
            )
        if self.n_unmeasured:
            share = 100 * self.n_unmeasured / (self.n_unmeasured + (self.n_measurements or 0))
            rows.append(
                ("not measured", f"{self.n_unmeasured:,} pixels ({share:.2g} %) hold no count; they get label 0")
            )
        if self.artefacts:
            rows.append(("artefacts", f"{', '.join(self.artefacts)}: no part of the specimen"))
        rows += [("warning", text) for text in self.warnings]
        rows += [] if self.choices is None else [("to choose", _TO_CHOOSE)]
        return rows


_TO_CHOOSE = (
    "the map by `dataset=`, the BSE image by `bse=` (number or name of an image, an image file, or `bse='counts'`), "
    "the calibration by `energy=(FIRST, WIDTH)` in eV, the value of one count by `gain=`, the "
    "beam by `beam_energy=` in keV"
)


def _image_rows(images: tuple[ImageInfo, ...], choices: FileChoices | None) -> list[tuple[str, str]]:
    taken = set() if choices is None else {each.bse for each in choices.maps if each.index is not None}
    rows = []
    for number, image in enumerate(images):
        text = f"{image.title!r}, {' x '.join(map(str, image.shape))} px, {image.dtype}"
        heading = "image" if choices is None else f"image {number}"
        rows.append((heading, f"{text}, taken for the BSE image unless another is chosen" if number in taken else text))
    return rows


def _map_row(found: MapChoice) -> tuple[str, str]:
    height, width, channels = found.shape
    axis = "" if found.energy is None else f" of {found.energy[1]:g} eV from {found.energy[0]:g} eV"
    text = f"{found.title!r}, {height} x {width} px, {channels} channels{axis}, {found.kind}"
    if found.index is None:
        return "no map of X-rays", text
    return f"map {found.index}", f"{text}; {found.problem}" if found.problem else text


def summarise(path: Path, title: str, field: Field, images: tuple[ImageInfo, ...] = ()) -> FieldSummary:
    """Summary of a field that has been read.

    Parameters
    ----------
    path : Path
    title : str
        Name of the format.
    field : Field
        ``metadata["low_counts"]`` and ``metadata["warnings"]`` are shown where a reader has put them there.
    images : tuple of ImageInfo
        Images in the file. Empty: the BSE image of the field.
    """
    low = field.metadata.get("low_counts", {})
    threshold = float(low.get("threshold", LOW_COUNTS))
    n_low = int(low["number"]) if "number" in low else int(np.count_nonzero(field.total_counts <= threshold))
    return FieldSummary(
        path=os.fspath(path),
        format=title,
        images=images or (ImageInfo("BSE", field.shape, str(field.bse.dtype)),),
        shape=field.shape,
        n_measurements=field.n_measurements,
        counts_dtype=str(field.spectra.dtype),
        energy=field.energy,
        sampling_distance=field.sampling_distance,
        pixel_size=field.pixel_size,
        beam_energy=field.beam_energy,
        counts={q: float(np.percentile(field.total_counts, q)) for q in _PERCENTILES},
        low_counts=(n_low, threshold),
        n_unmeasured=len(field.unmeasured),
        artefacts=field.artefacts,
        warnings=(
            *map(str, field.metadata.get("warnings", ())),
            *([gain_in_words(field.gain)] if field.gain != 1 else []),
        ),
    )


def thumbnail_of(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """A small grey image of an image, (H, W), from its darkest to its brightest pixel; NaN is black."""
    step = max(1, -(-max(pixels.shape) // THUMBNAIL))
    small = np.nan_to_num(pixels[::step, ::step].astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(small.min(initial=0.0)), float(small.max(initial=0.0))
    if small.size and high > low:
        low = float(small.min())
        small = (small - low) / max(high - low, np.finfo(np.float64).tiny)
    return (255 * np.clip(small, 0.0, 1.0)).astype(np.uint8)
