"""The native store as one of the formats that fields are read from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from napari_gdls.field import Field
from napari_gdls.field.gain import as_counts
from napari_gdls.io.contracts import FieldSummary, FileChoices, ReadOptions, summarise
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.store import STORE_ENDINGS, is_store, opened_store, read_field_store
from napari_gdls.io.stored_counts import counts_dtype


@dataclass(frozen=True)
class StoreReader:
    """The native store as a `napari_gdls.io.contracts.FieldReader`."""

    name: str = "store"
    title: str = "napari-gdls store"
    endings: tuple[str, ...] = STORE_ENDINGS
    leaves_open: tuple[str, ...] = ("gain",)

    def sniff(self, path: Path) -> bool:
        """Whether the path holds a store, judged by its content."""
        return is_store(path)

    def read(self, path: Path, options: ReadOptions) -> Field:
        """Read the field."""
        field = read_field_store(path, memory_limit=options.memory_limit)
        if options.gain is None or options.gain == 1:
            return field
        divided = field.with_spectra(as_counts(field.spectra, options.gain))
        divided.gain = field.gain * options.gain
        return divided

    def header(self, path: Path, options: ReadOptions) -> FieldHeader:
        """What its attributes and the heads of its arrays say; only what is read of it is compared with its sum."""
        with opened_store(path, options.memory_limit, at_once=False) as store:
            found = store.header(self.title)
            return found if options.gain is None else replace(found, gain=(found.gain or 1.0) * options.gain)

    def choices(self, path: Path, options: ReadOptions) -> FileChoices:
        """Nothing: a store holds one field."""
        return FileChoices()

    def describe(self, path: Path, options: ReadOptions) -> FieldSummary:
        """What the store holds."""
        if options.gain not in (None, 1):
            return summarise(path, self.title, self.read(path, options))
        with opened_store(path, options.memory_limit) as store:
            summary = summarise(path, self.title, store.field(summed=True))
            return replace(summary, counts_dtype=str(counts_dtype(store.files)))


STORE_READER = StoreReader()
