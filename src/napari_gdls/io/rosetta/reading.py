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

from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.field import Field
from napari_gdls.io import hdf5
from napari_gdls.io.contracts import FieldSummary, FileChoices, ReadOptions
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.limits import require_memory, require_plausible_expansion
from napari_gdls.io.map_contents import FileContents
from napari_gdls.io.map_files import choices_of, field_of, header_of, summary_of
from napari_gdls.io.rosetta.bruker_container import sum_spectra
from napari_gdls.io.rosetta.declared_sizes import require_declared_sizes
from napari_gdls.io.rosetta.formats import RosettaFormat
from napari_gdls.io.rosetta.signals import contents_of
from napari_gdls.io.summed_counts import SummedCounts

_INSTALL = 'Install the optional readers: pip install "napari-gdls[formats]"'


def read_here(kind: RosettaFormat, path: Path, options: ReadOptions) -> Field:
    """Read the field, in this process; see `napari_gdls.io.read_field`."""
    with _whole(kind, path):
        contents = _contents(kind, path, options)
        field = field_of(path, kind.title, contents, options)
        if notes := _notes(contents):
            field.metadata["warnings"] = [*field.metadata.get("warnings", ()), *notes]
        return field


def describe_here(kind: RosettaFormat, path: Path, options: ReadOptions) -> FieldSummary:
    """What is in the file, in this process; counts are given where the spectra fit into the memory limit."""
    with _whole(kind, path):
        contents = _contents(kind, path, options)
        summary = summary_of(path, kind.title, contents, options)
        return replace(summary, warnings=(*summary.warnings, *_notes(contents)))


def choices_here(kind: RosettaFormat, path: Path, options: ReadOptions) -> FileChoices:
    """What can be chosen in the file, in this process: its images in small, and its maps."""
    with _whole(kind, path):
        return choices_of(_contents(kind, path, options))


def header_here(kind: RosettaFormat, path: Path, options: ReadOptions) -> FieldHeader:
    """What is known of the field before its counts are read, in this process."""
    with _whole(kind, path):
        return header_of(path, kind.title, _contents(kind, path, options), options)


@contextmanager
def _whole(kind: RosettaFormat, path: Path) -> Iterator[None]:
    """Turn what comes up when data of a damaged file are first read into the error of reading."""
    try:
        yield
    except (GdlsError, MemoryError):
        raise
    except Exception as error:
        raise _damaged(kind, path, error) from error


def _contents(kind: RosettaFormat, path: Path, options: ReadOptions) -> FileContents:
    signals = _signals(kind, path, options.memory_limit)
    contents = contents_of(path, signals, options.memory_limit, sparse=kind.sparse)
    return _with_sums(path, contents, options.memory_limit) if kind.name == "bruker" else contents


def _with_sums(path: Path, contents: FileContents, limit: int) -> FileContents:
    """The maps of a Bruker file, whose counts are compared with the sum spectra in its description."""
    stated = [spectrum for _, spectrum in sorted(sum_spectra(path, limit).items())]
    if len(stated) != len(contents.maps):
        return contents
    pairs = zip(contents.maps, stated, strict=True)
    return replace(
        contents,
        maps=tuple(replace(found, counts=SummedCounts(found.counts, spectrum, path)) for found, spectrum in pairs),
    )


def _notes(contents: FileContents) -> list[str]:
    """What came up while the counts were read."""
    return [
        found.counts.note for found in contents.maps if isinstance(found.counts, SummedCounts) and found.counts.note
    ]


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
        _require_all_counts(path)
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


def _require_all_counts(path: Path) -> None:
    """Refuse a Velox file of whose spectra parts were never written."""
    import h5py

    with h5py.File(path, "r") as file:
        for kind in ("Data/SpectrumImage", "Data/SpectrumStream", "Data/Spectrum"):
            group = file.get(kind)
            for item in group.values() if isinstance(group, h5py.Group) else ():
                counts = item.get("Data") if isinstance(item, h5py.Group) else None
                if isinstance(counts, h5py.Dataset):
                    hdf5.require_all_chunks(path, counts)


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
            if decompressor.unused_data or file.read(1):
                raise FieldReadError(path, "goes on behind its end", remedy="Copy it again from its source.")
    except (OSError, ValueError, EOFError) as error:
        raise FieldReadError(path, f"is no Phenom .elid file, or damaged: {error}") from None
    # Counts are stored in one byte or more each and unpacked to four; a copy of the stream is held besides.
    require_memory(path, 5 * unpacked, limit, "the file")
