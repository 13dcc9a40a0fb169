"""Where the files of a batch are, inside its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIELD_ENDING = ".gdls-field"
"""Of the result of a field."""

KEY_DIGITS = 16
"""Of the key of a task in the name of its result, hexadecimal: chance makes two equal once in 10^19 pairs."""


@dataclass(frozen=True)
class Layout:
    """Files of a batch.

    Attributes
    ----------
    folder : Path
        Of the batch.
    """

    folder: Path

    @property
    def plan(self) -> Path:
        """Fields, recipe and choices of the batch, JSON."""
        return self.folder / "batch.json"

    @property
    def journal(self) -> Path:
        """Folder of what has happened: one file of JSON lines for every process that writes."""
        return self.folder / "journal"

    @property
    def fields(self) -> Path:
        """Folder of the results of the fields."""
        return self.folder / "fields"

    def field(self, name: str, key: str) -> Path:
        """Result of a field under the key of its task."""
        return self.fields / f"{name}.{key[:KEY_DIGITS]}{FIELD_ENDING}"

    @property
    def section(self) -> Path:
        """Folder of what all fields together gave: phases, tables, report."""
        return self.folder / "section"

    @property
    def phases(self) -> Path:
        """The list of phases of all fields, and which phase each part of a field is."""
        return self.section / "phases.gdls-phases"

    @property
    def report(self) -> Path:
        """What all fields together gave, for people."""
        return self.section / "report.html"

    @property
    def mosaic(self) -> Path:
        """The map of the section."""
        return self.folder / "mosaic.ome.zarr"

    @property
    def segments(self) -> Path:
        """Table of all segments of the section."""
        return self.folder / "segments.parquet"
