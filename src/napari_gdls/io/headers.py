"""What is known of a field before its counts are read: whether fields go together, and how much memory they take."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_gdls.energy import EnergyAxis


@dataclass(frozen=True)
class FieldHeader:
    """What a file says of its field, and what the field takes at most.

    Attributes
    ----------
    path : str
    format : str
        Name of the format, for people.
    shape : (int, int)
        Height and width of the field in pixels.
    n_measurements : int
        Spectra at most: those that turn out not to have been measured are left out when it is read.
    counts_dtype : str
        Of the counts as they are stored.
    energy : EnergyAxis
    pixel_size : float or None, um
    beam_energy : float or None, keV
    gain : float or None
        Value of one count, where it is given or known; None: it is found when the counts are read.
    stored_bytes : int
        Of the files that it is read from.
    bse_bytes : int
        Of the BSE image in memory.
    spectra_bytes : int
        Of the spectra in memory, at most; those that are large are put on disk.
    bytes_to_read : int
        Of memory that reading it takes at most, besides the program.
    """

    path: str
    format: str
    shape: tuple[int, int]
    n_measurements: int
    counts_dtype: str
    energy: EnergyAxis
    pixel_size: float | None
    beam_energy: float | None
    gain: float | None
    stored_bytes: int
    bse_bytes: int
    spectra_bytes: int
    bytes_to_read: int

    @property
    def channels(self) -> int:
        """Number of channels of the spectra."""
        return self.energy.size

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FieldHeader:
        """What `to_dict` gave, also after a way through JSON."""
        return cls(**{**values, "shape": tuple(values["shape"]), "energy": EnergyAxis(**values["energy"])})


def size_on_disk(*paths: Path) -> int:
    """Bytes of files, and of all files in folders."""
    return sum(
        path.stat().st_size
        if path.is_file()
        else sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
        for path in paths
    )
