"""What a task depends on: the files of its input, their digest, and the key that all of it makes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_gdls._version import __version__
from napari_gdls.batch.journal import Journal, stamp_of
from napari_gdls.batch.layout import FIELD_ENDING

RESULT_VERSION = 1
"""Of what tasks make: another one where equal inputs give other results though the package has the same version."""

_BLOCK = 1 << 20
"""Bytes that are read at a time for a digest; a choice."""


class InputFiles:
    """The files that fields are read from; each folder is listed once, so that it takes seconds for ten thousand."""

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, list[str]]] = {}

    def of(self, path: Path, reading: Mapping[str, Any]) -> list[Path]:
        """The files of a field, as far as can be told without reading them.

        Those of a folder, with the profile of TIMA beside it; or the file with those beside it that have its name and
        another ending, as some formats spread over several; and an image that was chosen.

        Parameters
        ----------
        path : Path
        reading : mapping
            Arguments of `napari_gdls.read_field`.

        Raises
        ------
        OSError
            If the folder cannot be read.
        """
        if path.is_dir():
            files = sorted((each for each in path.rglob("*") if each.is_file()), key=lambda each: each.as_posix())
            files += [each for each in [path.parent / "configuration" / "profile.xml"] if each.is_file()]
        else:
            beside = self._by_stem(path.parent).get(_stem(path.name), [])
            files = sorted({path, *(path.parent / name for name in beside)}, key=lambda each: each.as_posix())
        image = reading.get("bse")
        if isinstance(image, str | os.PathLike) and Path(image).is_file():
            files.append(Path(image))
        return files

    def known_digest(self, path: Path, reading: Mapping[str, Any], journal: Journal) -> str:
        """The digest of an input, if the journal knows it and its files have not changed since; else ""."""
        try:
            return journal.digests.get(stamp_of(self.of(path, reading)), "")
        except OSError:
            return ""

    def _by_stem(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listed:
            found: dict[str, list[str]] = {}
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not entry.name.endswith(FIELD_ENDING) and entry.is_file():
                        found.setdefault(_stem(entry.name), []).append(entry.name)
            self._listed[folder] = found
        return self._listed[folder]


def _stem(name: str) -> str:
    return name.partition(".")[0]


def digest_of(files: list[Path]) -> str:
    """SHA-256 of the names and bytes of files, hexadecimal.

    Raises
    ------
    OSError
        If one cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def key_of(digest: str, recipe: str, reading: Mapping[str, Any]) -> str:
    """Key of a task.

    Parameters
    ----------
    digest : str
        Of the input.
    recipe : str
        As JSON.
    reading : dict
        Arguments of `napari_gdls.read_field`; the memory limit, which changes no result, is left out.
    """
    chosen = {name: value for name, value in reading.items() if name != "memory_limit"}
    values = [digest, json.loads(recipe), chosen, __version__, RESULT_VERSION]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=os.fspath).encode()).hexdigest()
