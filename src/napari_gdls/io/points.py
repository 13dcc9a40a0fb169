"""Folders of points: a BSE image, and spectra that were measured at some of its pixels.

``bse.png`` (or .tif, .jpg, .bmp), and either ``points.csv`` with a file of each spectrum, or ``spectra.npz``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.field import Field
from napari_gdls.io.bse_choice import BseImage, bse_of_file
from napari_gdls.io.contracts import (
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
from napari_gdls.io.images import IMAGE_ENDINGS
from napari_gdls.io.limits import member, require_memory, require_plausible_energies
from napari_gdls.io.points_archive import ArchivedPoints, PointsOutline, read_archive, read_archive_outline
from napari_gdls.io.points_table import Point, read_points
from napari_gdls.io.spectrum import Spectrum
from napari_gdls.io.spectrum_files import read_spectrum

TABLE = "points.csv"
"""Name of the table of points."""
ARCHIVE = "spectra.npz"
"""Name of the file with all spectra."""

_HEAD = 200
"""Bytes of a table that its first line, with the names of the columns, stands in."""

_SAME_AXIS = 0.1
"""Channels by which the axes of two spectra may differ anywhere, as where a program rounds them: a tenth of a channel
is about 1 eV, below what peaks are placed by."""


@dataclass(frozen=True)
class PointsReader:
    """Folders of points as a `napari_gdls.io.contracts.FieldReader`."""

    name: str = "points"
    title: str = "Image and points"
    endings: tuple[str, ...] = ()
    leaves_open: tuple[str, ...] = ("bse", "energy", "gain")

    def sniff(self, path: Path) -> bool:
        """Whether it is a folder with a table of points or a file of their spectra, or one of these two."""
        if path.is_dir():
            return (path / ARCHIVE).is_file() or ((path / TABLE).is_file() and _is_table(path / TABLE))
        name = path.name.lower()
        return path.is_file() and (name == ARCHIVE or (name == TABLE and _is_table(path)))

    def read(self, path: Path, options: ReadOptions) -> Field:
        """Read the field; raises `FieldReadError` with the file, and the line, that is wrong."""
        folder, points, bse, found = _contents(path, options)
        energy = found.energy if options.energy is None else EnergyAxis(*options.energy, found.energy.size)
        require_plausible_energies(points, energy, may_be_given=True)
        return Field(
            bse.pixels,
            found.counts,
            found.locations,
            energy,
            pixel_size=found.pixel_size,
            beam_energy=found.beam_energy if options.beam_energy is None else options.beam_energy,
            bse_full_scale=bse.full_scale,
            gain=options.gain,
            name=folder.resolve().name,
            metadata={
                "format": self.title,
                "file": points.name,
                "bse_image": bse.title,
                **({"live_times": found.live_times} if found.live_times is not None else {}),
                **({"warnings": [bse.note]} if bse.note else {}),
            },
        )

    def describe(self, path: Path, options: ReadOptions) -> FieldSummary:
        """What the field holds; raises as `read`."""
        field = self.read(path, options)
        images = (ImageInfo(field.metadata["bse_image"], field.shape, str(field.bse.dtype)),)
        return summarise(path, self.title, field, images)

    def header(self, path: Path, options: ReadOptions) -> FieldHeader:
        """What is known of the field from its image, its table and the first spectrum, or the heads of the arrays."""
        folder, points = _parts(path)
        bse = _bse(folder, options)
        if points.name.lower() == ARCHIVE:
            outline = read_archive_outline(points, options.memory_limit)
            files = [points]
        else:
            outline, files = _table_outline(folder, points, bse, options.memory_limit)
        energy = outline.energy if options.energy is None else EnergyAxis(*options.energy, outline.energy.size)
        require_plausible_energies(points, energy, may_be_given=True)
        n_bytes = outline.n_spectra * energy.size * outline.dtype.itemsize
        return FieldHeader(
            path=os.fspath(path),
            format=self.title,
            shape=_shape(bse),
            n_measurements=outline.n_spectra,
            counts_dtype=str(outline.dtype),
            energy=energy,
            pixel_size=outline.pixel_size,
            beam_energy=outline.beam_energy if options.beam_energy is None else options.beam_energy,
            gain=options.gain,
            stored_bytes=size_on_disk(*files),
            bse_bytes=bse.pixels.nbytes,
            spectra_bytes=n_bytes,
            bytes_to_read=3 * n_bytes,  # as they are, and where the field keeps them in another form
        )

    def choices(self, path: Path, options: ReadOptions) -> FileChoices:
        """The image, and the spectra with their energy axis, which may be given anew."""
        _, points, bse, found = _contents(path, options)
        try:
            require_plausible_energies(points, found.energy)
            problem = ""
        except FieldReadError as error:
            problem = error.problem
        shape = _shape(bse)
        energy = (found.energy.offset, found.energy.width)
        spectra = MapChoice(0, points.name, (*shape, found.energy.size), "X-rays (EDS)", energy, problem, 0)
        return FileChoices((ImageChoice(0, bse.title, shape, thumbnail_of(bse.pixels)),), (spectra,))


POINTS_READER = PointsReader()


def _is_table(path: Path) -> bool:
    """Whether a table begins as one of spectra: programs write points of other kinds under the same name, too."""
    with path.open("rb") as file:
        head = file.read(_HEAD).lower().replace(b"\0", b"")  # UTF-16, too
    return b"spectrum" in head or (b"row" in head and b"column" in head)


def _parts(path: Path) -> tuple[Path, Path]:
    """The folder, and its table or file of spectra."""
    if not path.is_dir():
        return path.parent, path
    there = [file for name in (TABLE, ARCHIVE) if (file := member(path, name)) is not None]
    if len(there) == 1:
        return path, there[0]
    if there:
        raise FieldReadError(path, f"holds {TABLE} and {ARCHIVE}", remedy="Open the one that is meant by its name.")
    raise FieldReadError(path, f"holds neither {TABLE} nor {ARCHIVE}", remedy="Give the folder of image and points.")


def _contents(path: Path, options: ReadOptions) -> tuple[Path, Path, BseImage, ArchivedPoints]:
    """Folder, table or file of spectra, the image, and the points."""
    folder, points = _parts(path)
    bse = _bse(folder, options)
    if points.name.lower() == ARCHIVE:
        found = read_archive(points, _shape(bse), options.memory_limit)
    else:
        found = _measured(folder, points, read_points(points, _shape(bse)), options.memory_limit)
    _require_counts(points, found.counts)
    return folder, points, bse, found


def _bse(folder: Path, options: ReadOptions) -> BseImage:
    names = sorted(
        file.name
        for file in folder.iterdir()
        if file.stem.lower() == "bse" and file.suffix.lower() in IMAGE_ENDINGS and file.is_file()
    )
    choice = names[0] if options.bse == 0 and len(names) == 1 else options.bse
    if choice is not None:
        given = [] if isinstance(choice, int) else [file for file in (folder / choice, Path(choice)) if file.is_file()]
        if not given:
            said = repr(choice) if isinstance(choice, int) else repr(os.fspath(choice))
            held = f"; it holds {', '.join(names)}" if names else ""
            raise FieldReadError(
                folder,
                f"has no image {said}, nor is there such a file{held}",
                remedy="Points need an image around them: choose the file of one.",
            )
        return bse_of_file(given[0], options.memory_limit)
    if len(names) == 1:
        file = member(folder, names[0], root=folder.resolve().parent)
        assert file is not None  # it is listed
        return bse_of_file(file, options.memory_limit)
    problem = f"holds {len(names)} BSE images, {', '.join(names)}" if names else "holds no BSE image (bse.png, bse.tif)"
    raise FieldReadError(folder, problem, remedy="Put the one BSE image into the folder, as bse.png or bse.tif.")


def _shape(bse: BseImage) -> tuple[int, int]:
    return bse.pixels.shape[0], bse.pixels.shape[1]


def _measured(folder: Path, table: Path, points: list[Point], limit: int) -> ArchivedPoints:
    """The spectra that a table names."""
    files = [_spectrum_file(folder, table, point) for point in points]
    first = read_spectrum(files[0])
    require_memory(table, 2 * 4 * len(files) * first.energy.size, limit, "the spectra")
    counts: npt.NDArray[Any] = np.zeros((len(files), first.energy.size), np.uint32)
    times = np.full(len(files), np.nan)
    beam, beam_file = first.beam_energy, files[0]
    for index, (file, point) in enumerate(zip(files, points, strict=True)):
        spectrum = first if index == 0 else read_spectrum(file)
        _require_same_axis(files[0], first, file, spectrum)
        if beam is None:
            beam, beam_file = spectrum.beam_energy, file
        elif spectrum.beam_energy not in (None, beam):
            raise FieldReadError(
                file,
                f"was measured at {spectrum.beam_energy:g} kV and {beam_file.name} at {beam:g} kV",
                where=f"{table.name}, line {point.line}",
                remedy="Spectra of one field need one beam energy: keep those of one.",
            )
        if (spectrum.counts < 0).any():
            raise FieldReadError(
                file,
                "holds negative counts, so it is a difference and was not measured",
                where=f"{table.name}, line {point.line}",
                remedy="Export the spectrum without subtracting a background.",
            )
        if counts.dtype.kind == "u" and not _fits(spectrum.counts):
            counts = counts.astype(np.float64)
        counts[index] = spectrum.counts
        seconds = point.live_time if point.live_time is not None else spectrum.live_time
        times[index] = np.nan if seconds is None else seconds
    locations = np.array([(point.row, point.column) for point in points], dtype=np.int64)
    if counts.dtype.kind == "u":
        counts = counts.astype(np.min_scalar_type(int(counts.max(initial=0))))
    live_times = None if np.isnan(times).all() else times
    return ArchivedPoints(counts, locations, first.energy, None, beam, live_times)


def _table_outline(folder: Path, table: Path, bse: BseImage, limit: int) -> tuple[PointsOutline, list[Path]]:
    """What the first of the spectra that a table names says of all."""
    points = read_points(table, _shape(bse))
    files = [_spectrum_file(folder, table, point) for point in points]
    first = read_spectrum(files[0])
    # Counts take up to 8 bytes, where they are no whole numbers.
    outline = PointsOutline(len(files), np.dtype(np.float64), first.energy, None, first.beam_energy)
    require_memory(table, 2 * 4 * len(files) * first.energy.size, limit, "the spectra")
    return outline, [table, *files]


def _fits(counts: npt.NDArray[np.float64]) -> bool:
    """Whether counts are whole numbers that 32 bits hold."""
    return bool(counts.max(initial=0) < 2**32 and np.array_equal(counts, np.floor(counts)))


def _spectrum_file(folder: Path, table: Path, point: Point) -> Path:
    file = member(folder, *point.spectrum.split("/"))
    if file is None:
        raise FieldReadError(
            table, f"names the spectrum {point.spectrum!r}, which is not in the folder", where=f"line {point.line}",
            remedy="Copy all spectra into the folder, or remove the line.",
        )  # fmt: skip
    return file


def _require_same_axis(first_file: Path, first: Spectrum, file: Path, spectrum: Spectrum) -> None:
    one, other = first.energy, spectrum.energy
    ends = (other.offset - one.offset, other.offset - one.offset + (other.width - one.width) * (one.size - 1))
    if one.size == other.size and max(map(abs, ends)) <= _SAME_AXIS * one.width:
        return
    raise FieldReadError(
        file,
        f"has {other.size} channels of {other.width:g} eV from {other.offset:g} eV, and {first_file.name} "
        f"{one.size} of {one.width:g} eV from {one.offset:g} eV",
        remedy="All spectra of a field need one energy axis: export them with the same settings.",
    )


def _require_counts(file: Path, counts: npt.NDArray[Any]) -> None:
    """Refuse counts that are no numbers, with the spectrum that has them."""
    if counts.dtype.kind != "f" or np.isfinite(counts).all():
        return
    spectrum, channel = np.argwhere(~np.isfinite(counts))[0]
    raise FieldReadError(
        file, f"its counts are {counts[spectrum, channel]} in spectrum {spectrum}, channel {channel}",
        remedy="Leave out spectra that were not measured.",
    )  # fmt: skip
