"""Reading through RosettaSciIO, in this process: which signals of a file are images and which are maps of X-rays.

Data are asked for lazily where its reader can do that, so that sizes are known before anything is loaded.
"""

from __future__ import annotations

import bz2
import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import ZERO_PEAK_END
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Counts, Field
from napari_gdls.io import hdf5
from napari_gdls.io.bse_choice import COUNTS, BseImage, bse_from_counts, choose_bse
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
from napari_gdls.io.limits import require_memory, require_plausible_expansion
from napari_gdls.io.rosetta.declared_sizes import require_declared_sizes
from napari_gdls.io.rosetta.formats import RosettaFormat
from napari_gdls.io.rosetta.signals import SignalImage, SignalMap, as_image, as_map, as_map_to_choose
from napari_gdls.io.sparse_spectra import BLOCK_BYTES, collected_in_one_pass, spectra_of_cube

_INSTALL = 'Install the optional readers: pip install "napari-gdls[formats]"'


def read_here(kind: RosettaFormat, path: Path, options: ReadOptions) -> Field:
    """Read the field, in this process; see `napari_gdls.io.read_field`."""
    images, maps = _contents(kind, path, options)
    return _field(kind, path, images, _chosen_map(path, maps, options.dataset), options)


def describe_here(kind: RosettaFormat, path: Path, options: ReadOptions) -> FieldSummary:
    """What is in the file, in this process; counts are given where the spectra fit into the memory limit."""
    images, maps = _contents(kind, path, options)
    warnings: list[str] = []
    if len(maps) > 1 and options.dataset is None:
        warnings.append(f"several maps, of which the first is described; {_map_choice(maps)}")
        maps = maps[:1]
    chosen = _chosen_map(path, maps, options.dataset)
    infos = tuple(ImageInfo(image.title, image.pixels.shape, str(image.pixels.dtype)) for image in images)
    try:
        _bse(path, images, chosen, options)
    except FieldReadError as error:
        warnings.append(f"{error.problem}. {error.remedy}")
    try:
        # Which image is the BSE image does not matter to the counts, so the description needs no choice.
        field = _field(kind, path, images, chosen, replace(options, bse=COUNTS))
    except FieldReadError as error:
        height, width, _ = chosen.shape
        return FieldSummary(
            path=os.fspath(path),
            format=kind.title,
            images=infos,
            shape=(height, width),
            n_measurements=height * width,
            counts_dtype=str(chosen.counts.dtype),
            energy=chosen.energy,
            sampling_distance=1.0,
            pixel_size=chosen.pixel_size,
            beam_energy=chosen.beam_energy,
            warnings=(*warnings, *chosen.notes, error.problem),
        )
    summary = summarise(path, kind.title, field, infos)
    return replace(summary, images=infos, warnings=(*warnings, *chosen.notes))


def choices_here(kind: RosettaFormat, path: Path, options: ReadOptions) -> FileChoices:
    """What can be chosen in the file, in this process: its images in small, and its maps."""
    signals = _signals(kind, path, options.memory_limit)
    with _understood(path):
        images = [image for signal in signals if (image := as_image(path, signal, options.memory_limit))]
        maps = [found for signal in signals if (found := as_map_to_choose(path, signal))]
    number = iter(range(len(maps)))
    return FileChoices(
        tuple(
            ImageChoice(index, image.title, _height_and_width(image.pixels), thumbnail_of(image.pixels))
            for index, image in enumerate(images)
        ),
        tuple(
            MapChoice(
                None if found.measured else next(number),
                found.title,
                found.shape,
                found.measured or "X-rays (EDS)",
                energy,
                problem,
            )
            for found, energy, problem in maps
        ),
    )


def _height_and_width(pixels: npt.NDArray[Any]) -> tuple[int, int]:
    height, width = pixels.shape
    return int(height), int(width)


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Turn what a damaged file leaves in axes and metadata, which is not to be foreseen, into the error of reading."""
    try:
        yield
    except FieldReadError:
        raise
    except Exception as error:
        raise FieldReadError(path, f"its axes or metadata cannot be understood: {error!r}") from error


def _contents(kind: RosettaFormat, path: Path, options: ReadOptions) -> tuple[list[SignalImage], list[SignalMap]]:
    signals = _signals(kind, path, options.memory_limit)
    with _understood(path):
        images = [image for signal in signals if (image := as_image(path, signal, options.memory_limit))]
        maps = [found for signal in signals if (found := as_map(path, signal, options.energy))]
    others = sorted({found.measured for found in maps if found.measured})
    maps = [found for found in maps if not found.measured]
    if not maps and others:
        raise FieldReadError(
            path,
            f"holds a map of {' and of '.join(others)}, not of X-rays",
            remedy="Take the file with the EDS map; if this is one, its signal type should be EDS_SEM or EDS_TEM.",
        )
    if not maps:
        shapes = ", ".join(str(tuple(np.shape(signal["data"]))) for signal in signals) or "none"
        raise FieldReadError(
            path,
            f"holds no map of spectra (rows, columns, energy); its data have the shapes {shapes}",
            remedy="Export the spectrum image itself, with its energy calibration.",
        )
    return images, maps


def require_installed(kind: RosettaFormat, path: Path) -> None:
    """Refuse the file where the optional package is missing."""
    if importlib.util.find_spec("rsciio") is None:
        raise FieldReadError(
            path, f"{kind.title} files are read by RosettaSciIO, which is not installed", remedy=_INSTALL
        )


def _signals(kind: RosettaFormat, path: Path, limit: int) -> list[dict[str, Any]]:
    require_installed(kind, path)
    require_declared_sizes(kind.name, path)
    if kind.magic == hdf5.MAGIC:
        hdf5.require_self_contained(path)
    if kind.name == "phenom":
        _require_whole_bzip2(path, limit)
    arguments = {**kind.keywords, **({"lazy": True} if kind.lazy else {})}
    try:
        reader = importlib.import_module(f"rsciio.{kind.name}")
        signals = reader.file_reader(os.fspath(path), **arguments)
    except Exception as error:  # a dozen classes are known to come out of damaged files
        raise _damaged(kind, path, error) from error
    if not isinstance(signals, list) or not all(isinstance(s, dict) and {"data", "axes"} <= s.keys() for s in signals):
        raise FieldReadError(path, f"is damaged, or no {kind.title} file")
    return signals


def _bse(path: Path, images: list[SignalImage], chosen: SignalMap, options: ReadOptions) -> BseImage | None:
    named = [(image.title, image.pixels) for image in images]
    return choose_bse(path, options.bse, named, chosen.shape[:2], options.memory_limit)


def _field(
    kind: RosettaFormat, path: Path, images: list[SignalImage], chosen: SignalMap, options: ReadOptions
) -> Field:
    height, width, _ = chosen.shape
    bse = _bse(path, images, chosen, options)
    spectra = _spectra(kind, path, chosen, options.memory_limit)
    if bse is None:
        above = chosen.energy.index(ZERO_PEAK_END) + 1
        bse = bse_from_counts(np.asarray(spectra[:, max(above, 0) :].sum(axis=1)).reshape(height, width))
    notes = [*chosen.notes, *([bse.note] if bse.note else [])]
    return Field(
        bse.pixels,
        spectra,
        np.indices((height, width)).reshape(2, -1).T,
        chosen.energy,
        sampling_distance=1.0,
        pixel_size=chosen.pixel_size,
        beam_energy=chosen.beam_energy,
        bse_full_scale=bse.full_scale,
        gain=options.gain,
        name=path.stem,
        metadata={
            "format": kind.title,
            "file": path.name,
            "dataset": chosen.title,
            "bse_image": bse.title,
            "acquisition": chosen.acquisition,
            **({"warnings": notes} if notes else {}),
        },
    )


def _spectra(kind: RosettaFormat, path: Path, chosen: SignalMap, limit: int) -> Counts:
    height, width, channels = chosen.shape
    n_bytes = height * width * channels * chosen.counts.dtype.itemsize
    try:
        if isinstance(chosen.counts, np.ndarray):
            return spectra_of_cube(chosen.counts)
        if len(chosen.counts.chunks[0]) == 1 and not kind.sparse:
            # One chunk is unpacked as a whole, however little of it is asked for.
            require_memory(path, n_bytes + n_bytes // 2, limit, "the spectra")
            return spectra_of_cube(np.asarray(chosen.counts.compute(scheduler="synchronous")))
        return collected_in_one_pass(_row_blocks(chosen.counts), (height * width, channels), path, limit)
    except FieldReadError:
        raise
    except Exception as error:  # data are first read here, so the errors of `_signals` come up again
        raise _damaged(kind, path, error) from error


def _damaged(kind: RosettaFormat, path: Path, error: Exception) -> FieldReadError:
    if isinstance(error, ImportError):
        return FieldReadError(
            path, f"{kind.title} files need a package that is not installed: {error}", remedy=_INSTALL
        )
    reason = " ".join(str(error).split())[:300] or "no reason given"
    return FieldReadError(
        path,
        f"cannot be read as {kind.title} ({type(error).__name__}: {reason})",
        remedy="The file may be damaged: copy it again from its source, or export it in another format.",
    )


def _row_blocks(counts: Any) -> Iterator[npt.NDArray[Any]]:
    """Rows of a lazy cube as (n, D) arrays, cut at the borders of its chunks and where these are large."""
    _, width, channels = counts.shape
    most = max(BLOCK_BYTES // max(width * channels * counts.dtype.itemsize, 1), 1)
    first = 0
    for n_rows in counts.chunks[0]:
        for row in range(first, first + n_rows, most):
            block = counts[row : min(row + most, first + n_rows)].compute(scheduler="synchronous")
            yield np.asarray(block).reshape(-1, channels)
        first += n_rows


def _chosen_map(path: Path, maps: list[SignalMap], dataset: str | int | None) -> SignalMap:
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


def _map_choice(maps: list[SignalMap]) -> str:
    held = "; ".join(f"{i}: {found.title!r} ({' x '.join(map(str, found.shape))})" for i, found in enumerate(maps))
    return f"Choose with the option dataset, by name or index. Maps in the file: {held}."


def _require_whole_bzip2(path: Path, limit: int) -> None:
    """Refuse .elid files that are cut off or grow out of bounds: their reader would wait for the rest forever."""
    size = path.stat().st_size
    unpacked = 0
    decompressor = bz2.BZ2Decompressor()
    try:
        with path.open("rb") as file:
            while not decompressor.eof:
                block = file.read(1 << 16) if decompressor.needs_input else b""
                if decompressor.needs_input and not block:
                    raise FieldReadError(path, "is cut off", remedy="Copy it again from its source.")
                unpacked += len(decompressor.decompress(block, 1 << 22))
                require_plausible_expansion(path, unpacked, size, "the file")
    except (OSError, ValueError, EOFError) as error:
        raise FieldReadError(path, f"is no Phenom .elid file, or damaged: {error}") from None
    # Counts are stored in one byte or more each and unpacked to four; a copy of the stream is held besides.
    require_memory(path, 5 * unpacked, limit, "the file")
