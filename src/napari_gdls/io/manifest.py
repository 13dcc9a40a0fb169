"""Which files belong together: the manifest of a set that one run has written, put there last.

A run writes several files, each whole or not at all; a run that is killed between two of them leaves files of two runs
side by side. The manifest names every file with its SHA-256, and is written when all of them are there. So a set whose
files do not fit its manifest, or that has none, is not of one run. A folder counts as one file: its digest is that of
what ``sha256sum`` prints for all files in it, by their path inside of it, in the order of these paths.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from napari_gdls._version import __version__
from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.io.atomic import write_text

ENDING = ".manifest.json"

_VERSION = 1  # of the format of manifests
_LARGEST = 1 << 20
"""Bytes of a manifest; that of a run has two thousand."""


def write_manifest(path: str | os.PathLike[str], files: Mapping[str, Path], recipe: Mapping[str, Any]) -> None:
    """Write the manifest of a set of files, atomically.

    Parameters
    ----------
    path : path-like
    files : map of str to Path
        What is in each file, and where it is: beside the manifest.
    recipe : mapping
        Parameters of the run, as JSON has them.

    Raises
    ------
    OutputError
        If one of the files has gone, or the system refuses.
    """
    try:
        entries = [
            {"content": content, "name": file.name, "bytes": _size(file), "sha256": _digest(file)}
            for content, file in files.items()
        ]
    except OSError as error:
        raise OutputError(
            f"{error.filename}: written, but cannot be read again ({error.strerror}). Has another program moved it?"
        ) from None
    manifest = {
        "manifest_version": _VERSION,
        "program": f"napari-gdls {__version__}",
        "recipe": dict(recipe),
        "files": entries,
    }
    write_text(path, json.dumps(manifest, indent=2) + "\n")


def manifest_of(file: str | os.PathLike[str]) -> Path | None:
    """The manifest that a file of results belongs to, beside it: itself, if it is one; None if there is none."""
    path = Path(file)
    if path.name.endswith(ENDING):
        return path
    if not path.exists():
        return None
    for manifest in sorted(path.parent.glob(f"*{ENDING}")):
        try:
            if any(entry["name"] == path.name for entry in _entries(manifest)):
                return manifest
        except FieldReadError:  # of something else
            continue
    return None


def remove_set(manifest: Path, names: Collection[str]) -> None:
    """Remove a manifest, and some of the files that it names, as far as they are still those that were written.

    Parameters
    ----------
    manifest : Path
        Nothing happens if it is not there.
    names : collection of str
        Names of files that go with it; others stay.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    try:
        named = [entry for entry in _entries(manifest) if entry["name"] in names]
        members = [manifest.with_name(entry["name"]) for entry in named if _is_there(manifest, entry)]
    except FieldReadError:
        members = []
    try:
        for file in (manifest, *members):  # the manifest first: without it the others are no whole set
            if file.is_dir():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{error.filename}: cannot be replaced ({error.strerror}).") from None


def faults_of_set(manifest: str | os.PathLike[str]) -> tuple[str, ...]:
    """What is wrong with the set of files that a manifest names: one text for each fault, none if it is whole.

    Raises
    ------
    FieldReadError
        If the manifest is not there or cannot be understood.
    """
    path = Path(manifest)
    return _faults(path, _entries(path))


def files_of_set(manifest: str | os.PathLike[str]) -> dict[str, Path]:
    """What is in each file that a manifest names, and where it is.

    Raises
    ------
    FieldReadError
        If it cannot be understood.
    """
    path = Path(manifest)
    return {str(entry["content"]): path.with_name(entry["name"]) for entry in _entries(path)}


def _faults(manifest: Path, entries: list[dict[str, Any]]) -> tuple[str, ...]:
    faults = []
    for entry in entries:
        file = manifest.with_name(entry["name"])
        if not file.exists():
            faults.append(f"{file}: is missing; {manifest.name} names it.")
        elif not _is_there(manifest, entry):
            faults.append(f"{file}: is not the file that {manifest.name} names: of another run, or changed since.")
    return tuple(faults)


def _is_there(manifest: Path, entry: Mapping[str, Any]) -> bool:
    """Whether the file of an entry is there, as it was written."""
    file = manifest.with_name(entry["name"])
    try:
        return file.exists() and _size(file) == entry["bytes"] and _digest(file) == entry["sha256"]
    except OSError:
        return False


def _entries(manifest: Path) -> list[dict[str, Any]]:
    damaged = FieldReadError(manifest, "is no manifest of results, or damaged", remedy="Run the segmentation again.")
    try:
        if manifest.stat().st_size > _LARGEST:
            raise damaged
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise damaged from None
    entries = content.get("files") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
        raise damaged
    return entries


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    name = entry.get("name")
    # A plain name: what it names lies beside the manifest and nowhere else.
    is_plain = isinstance(name, str) and name == os.path.basename(name) and name not in ("", ".", "..")  # noqa: PTH119
    return is_plain and {"content", "bytes", "sha256"} <= entry.keys()


def _digest(file: Path) -> str:
    if not file.is_dir():
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    sums = (f"{_digest(each)}  {each.relative_to(file).as_posix()}\n" for each in _files_in(file))
    return hashlib.sha256("".join(sums).encode("utf-8", "surrogateescape")).hexdigest()


def _size(file: Path) -> int:
    return sum(each.stat().st_size for each in (_files_in(file) if file.is_dir() else [file]))


def _files_in(folder: Path) -> list[Path]:
    return sorted((each for each in folder.rglob("*") if each.is_file()), key=lambda each: each.as_posix())
