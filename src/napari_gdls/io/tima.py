"""TESCAN TIMA field folders: BSE image, spectra, mask of the measured pixels, and the profile of the measurement.

A measurement holds one folder per field with ``bse.png``, ``xray.map`` (or ``xray.map.gz``) and, for fields measured at
some pixels only, ``pixelmask.png``; its profile is ``configuration/profile.xml`` beside the field folders, or
``profile.xml`` in the field folder. Real spectra files cannot be had publicly: the format is known from the reader that
the paper's authors published with their code, and the energy of a channel, ``i * 10 eV``, from the same source.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.field import Field
from napari_gdls.field.counts import total_counts
from napari_gdls.io.atomic import atomic_folder
from napari_gdls.io.contracts import (
    LOW_COUNT_SHARE,
    LOW_COUNTS,
    FieldSummary,
    FileChoices,
    ImageInfo,
    ReadOptions,
    summarise,
)
from napari_gdls.io.headers import FieldHeader, size_on_disk
from napari_gdls.io.images import png_bytes, read_image
from napari_gdls.io.limits import (
    TooLargeError,
    checked_memory_limit,
    existing_path,
    member,
)
from napari_gdls.io.png_images import png_header
from napari_gdls.io.sparse_spectra import most_to_read
from napari_gdls.io.tima_map import PackedCounts, compressed_map, encode_map, is_map, read_map, read_map_header
from napari_gdls.io.tima_profile import profile_xml, read_profile

CHANNEL_WIDTH = 10.0
"""Width of a channel of a TIMA map, in eV; channel i is centred at i times this."""

MAP_NAMES = ("xray.map", "xray.map.gz")
"""Names of the file of spectra in the folder of a field."""


def read_tima_field(
    path: str | os.PathLike[str],
    *,
    memory_limit: int | None = None,
    low_counts: float | None = None,
    gain: float | None = None,
) -> Field:
    """Read a TIMA field.

    Parameters
    ----------
    path : path-like
        The field folder, or the ``xray.map`` (``.gz``) in it.
    memory_limit : int, optional
        Most bytes that reading may take. None: 4 GiB.
    low_counts : float, optional
        Spectra with at most so many counts are flagged. None: 80 % of the ``XRayCount`` of the profile, or 800 without.
    gain : float, optional
        Value of one count in the spectra. None: found.

    Returns
    -------
    Field
        With every spectrum of the file. ``metadata["low_counts"]`` is a map of ``threshold``, ``number`` and ``mask``,
        an (N,) array of bool.

    Raises
    ------
    FieldReadError
        If a part is missing, damaged, leads out of the folder of the measurement, or does not fit the others.
    """
    folder, map_file = _parts(existing_path(path))
    limit = checked_memory_limit(memory_limit)
    bse_file = _required(folder, "bse.png")
    shape = png_header(bse_file)[:2]
    mask_file = member(folder, "pixelmask.png", root=folder.resolve().parent)
    measured = _measured_pixels(mask_file, shape, limit)
    header = read_map_header(map_file)
    _check_number(map_file, header.n_spectra, measured, shape)
    bse = read_image(bse_file, limit)
    if bse.dtype not in (np.uint8, np.uint16):
        raise FieldReadError(bse_file, f"has {bse.dtype} pixels; a BSE image of 8 or 16 bits is needed")
    profile = read_profile(folder)
    _, spectra = read_map(map_file, limit)
    dense = measured is None
    locations = np.argwhere(np.ones(shape, bool) if measured is None else measured)
    distance = 1.0 if dense else profile.sampling_distance(locations, shape)
    if low_counts is None:
        low_counts = LOW_COUNTS if profile.x_ray_count is None else LOW_COUNT_SHARE * profile.x_ray_count
    field = Field(
        bse,
        spectra,
        locations,
        EnergyAxis(0.0, CHANNEL_WIDTH, header.n_channels),
        sampling_distance=distance,
        pixel_size=profile.pixel_spacing,
        beam_energy=profile.beam_energy,
        gain=gain,
        name=folder.resolve().name,
        metadata={
            "format": TimaReader.title,
            "file": map_file.name,
            "bse_image": "bse.png",
            "x_ray_count": profile.x_ray_count,
            "map_header": header.records,
        },
    )
    is_low = total_counts(field.spectra) <= low_counts
    field.metadata["low_counts"] = {"threshold": float(low_counts), "number": int(is_low.sum()), "mask": is_low}
    return field


def write_tima_field(
    folder: str | os.PathLike[str],
    field: Field,
    *,
    compress: bool = False,
    x_ray_count: float | None = None,
    overwrite: bool = False,
) -> None:
    """Write a field as a TIMA field folder, atomically.

    Parameters
    ----------
    folder : path-like
        Folder to be made. The profile is written into it, so that it stands alone.
    field : Field
        With a BSE image of 8 or 16 bits, whole counts, and channels of 10 eV from 0 eV.
    compress : bool
        Whether to write ``xray.map.gz``.
    x_ray_count : float, optional
        Counts per spectrum that the measurement aimed at, for the profile.
    overwrite : bool
        Whether an existing folder may be replaced.

    Raises
    ------
    OutputError
        If the format cannot hold the field, or the system refuses.
    """
    if field.bse.dtype not in (np.uint8, np.uint16):
        raise OutputError(f"a TIMA field has a BSE image of 8 or 16 bits, not {field.bse.dtype}; scale it first.")
    if (field.energy.offset, field.energy.width) != (0.0, CHANNEL_WIDTH):
        raise OutputError("a TIMA field has channels of 10 eV from 0 eV; rebin the spectra first (Field.rebinned).")
    if not field.valid.all():
        raise OutputError("a TIMA field has no specimen mask; write the native store to keep it.")
    dense = field.is_dense
    data = encode_map(field.spectra[:], field.shape if dense else (1, field.n_measurements))
    measured = field.to_map(np.ones(field.n_measurements, bool), fill=False)
    with atomic_folder(folder, overwrite=overwrite) as target:
        target.joinpath("bse.png").write_bytes(png_bytes(field.bse))
        target.joinpath("xray.map.gz" if compress else "xray.map").write_bytes(
            compressed_map(data) if compress else data
        )
        if not dense:
            target.joinpath("pixelmask.png").write_bytes(png_bytes(measured.astype(np.uint8) * np.uint8(255)))
        target.joinpath("profile.xml").write_text(profile_xml(field, x_ray_count), encoding="utf-8")


def _parts(path: Path) -> tuple[Path, Path]:
    """The field folder and its spectra file."""
    if not path.is_dir():
        folder = path.parent
        return folder, _required(folder, path.name)
    for name in MAP_NAMES:
        found = member(path, name, root=path.resolve().parent)
        if found is not None:
            return path, found
    raise FieldReadError(
        path, "holds no xray.map", remedy="Give the folder of one field, with bse.png and xray.map in it."
    )


def _required(folder: Path, name: str) -> Path:
    file = member(folder, name, root=folder.resolve().parent)
    if file is None:
        raise FieldReadError(folder, f"is incomplete: {name} is missing", remedy="Copy the whole folder of the field.")
    return file


def _measured_pixels(mask_file: Path | None, shape: tuple[int, int], limit: int) -> npt.NDArray[np.bool_] | None:
    if mask_file is None:
        return None
    _require_frame(mask_file, shape)
    return np.asarray(read_image(mask_file, limit) > 0)


def _require_frame(mask_file: Path, shape: tuple[int, int]) -> None:
    found = png_header(mask_file)[:2]
    if found != shape:
        raise FieldReadError(mask_file, f"has {found} pixels, the BSE image {shape}", remedy="Copy the whole field.")


def _check_number(path: Path, n_spectra: int, measured: npt.NDArray[np.bool_] | None, shape: tuple[int, int]) -> None:
    expected = shape[0] * shape[1] if measured is None else int(np.count_nonzero(measured))
    if n_spectra != expected:
        source = "the BSE image has that many pixels" if measured is None else "pixelmask.png marks that many pixels"
        raise FieldReadError(
            path,
            f"holds {n_spectra:,} spectra where {expected:,} are needed ({source})",
            remedy="Copy the whole folder of the field; its files belong together.",
        )


@dataclass(frozen=True)
class TimaReader:
    """TIMA field folders as a `napari_gdls.io.contracts.FieldReader`."""

    name: str = "tima"
    title: str = "TESCAN TIMA field"
    endings: tuple[str, ...] = ("xray.map", "xray.map.gz")
    leaves_open: tuple[str, ...] = ("gain",)

    def sniff(self, path: Path) -> bool:
        """Whether it is a folder with a BSE image and a spectra file, or such a spectra file."""
        if path.is_dir():
            return (path / "bse.png").is_file() and any((path / name).is_file() for name in MAP_NAMES)
        return is_map(path)

    def read(self, path: Path, options: ReadOptions) -> Field:
        """Read the field; the format has one BSE image and one map."""
        return read_tima_field(path, memory_limit=options.memory_limit, gain=options.gain)

    def choices(self, path: Path, options: ReadOptions) -> FileChoices:
        """Nothing: a folder holds one field."""
        return FileChoices()

    def header(self, path: Path, options: ReadOptions) -> FieldHeader:
        """What is known of the field from the heads of its files, and the profile."""
        folder, map_file = _parts(path)
        bse_file = _required(folder, "bse.png")
        height, width, bits = png_header(bse_file)
        mask_file = member(folder, "pixelmask.png", root=folder.resolve().parent)
        head = read_map_header(map_file)
        if mask_file is None:
            _check_number(map_file, head.n_spectra, None, (height, width))
        else:
            _require_frame(mask_file, (height, width))
        profile = read_profile(folder)
        held, needed = most_to_read(
            PackedCounts(head, np.zeros(0, np.uint8)), head.n_spectra, options.memory_limit, head.payload_bytes
        )
        files = [bse_file, map_file, *([] if mask_file is None else [mask_file])]
        return FieldHeader(
            path=os.fspath(path),
            format=self.title,
            shape=(height, width),
            n_measurements=head.n_spectra,
            counts_dtype=str(head.counts_dtype),
            energy=EnergyAxis(0.0, CHANNEL_WIDTH, head.n_channels),
            pixel_size=profile.pixel_spacing,
            beam_energy=profile.beam_energy,
            gain=options.gain,
            stored_bytes=size_on_disk(*files),
            bse_bytes=height * width * max(bits // 8, 1),
            spectra_bytes=held,
            bytes_to_read=needed,
        )

    def describe(self, path: Path, options: ReadOptions) -> FieldSummary:
        """What the field holds; without its counts when it needs more than the memory limit."""
        folder, map_file = _parts(path)
        header = read_map_header(map_file)
        height, width, bits = png_header(_required(folder, "bse.png"))
        images = (ImageInfo("bse.png", (height, width), f"uint{bits}"),)
        profile = read_profile(folder)
        try:
            return summarise(path, self.title, self.read(path, options), images)
        except TooLargeError as error:
            return FieldSummary(
                path=os.fspath(path),
                format=self.title,
                images=images,
                shape=(height, width),
                n_measurements=header.n_spectra,
                counts_dtype=str(header.counts_dtype),
                energy=EnergyAxis(0.0, CHANNEL_WIDTH, header.n_channels),
                pixel_size=profile.pixel_spacing,
                beam_energy=profile.beam_energy,
                warnings=(f"{error.problem}. {error.remedy}",),
            )


TIMA_READER = TimaReader()
