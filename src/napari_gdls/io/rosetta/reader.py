"""Formats of Bruker, EDAX, JEOL, Thermo Fisher, Phenom and HyperSpy, read through RosettaSciIO (optional extra)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_gdls.field import Field
from napari_gdls.io.contracts import MAP_OPTIONS, FieldSummary, FileChoices, ReadOptions
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.rosetta import reading
from napari_gdls.io.rosetta.declared_sizes import require_declared_sizes
from napari_gdls.io.rosetta.formats import ROSETTA_FORMATS, RosettaFormat
from napari_gdls.io.rosetta.process import choices_apart, describe_apart, header_apart, read_apart


@dataclass(frozen=True)
class RosettaReader:
    """A `napari_gdls.io.contracts.FieldReader` for one of `ROSETTA_FORMATS`.

    Formats whose readers run compiled code that trusts the file are read in a process of their own.
    """

    kind: RosettaFormat

    @property
    def name(self) -> str:
        """Short name, for ``read_field(..., reader=name)``."""
        return self.kind.name

    @property
    def title(self) -> str:
        """Name of the format, for people."""
        return self.kind.title

    @property
    def endings(self) -> tuple[str, ...]:
        """Lower-case endings of file names."""
        return self.kind.endings

    @property
    def leaves_open(self) -> tuple[str, ...]:
        """Which options of reading have a meaning for its files."""
        return MAP_OPTIONS

    def sniff(self, path: Path) -> bool:
        """Whether the file begins as this format does and is named so: several formats share their first bytes."""
        magic = self.kind.magic
        if not magic or not path.is_file() or not path.name.lower().endswith(self.kind.endings):
            return False
        try:
            with path.open("rb") as file:
                return file.read(len(magic)) == magic
        except OSError:
            return False

    def read(self, path: Path, options: ReadOptions) -> Field:
        """Read the field; see `napari_gdls.io.read_field`."""
        self._check(path)
        return (read_apart if self.kind.compiled else reading.read_here)(self.kind, path, options)

    def header(self, path: Path, options: ReadOptions) -> FieldHeader:
        """What is known of the field before its counts are read."""
        self._check(path)
        return (header_apart if self.kind.compiled else reading.header_here)(self.kind, path, options)

    def choices(self, path: Path, options: ReadOptions) -> FileChoices:
        """What can be chosen in the file."""
        self._check(path)
        return (choices_apart if self.kind.compiled else reading.choices_here)(self.kind, path, options)

    def describe(self, path: Path, options: ReadOptions) -> FieldSummary:
        """What is in the file; counts are given where the spectra fit into the memory limit."""
        self._check(path)
        return (describe_apart if self.kind.compiled else reading.describe_here)(self.kind, path, options)

    def _check(self, path: Path) -> None:
        """What is seen in no time, before a process is started."""
        reading.require_installed(self.kind, path)
        require_declared_sizes(self.kind.name, path)


ROSETTA_READERS = tuple(RosettaReader(kind) for kind in ROSETTA_FORMATS)
"""One for each format, in the order of the table."""
