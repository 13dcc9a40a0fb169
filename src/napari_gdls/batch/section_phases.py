"""One list of phases for all fields: which phase of the section each part of a field is, and its file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.stored_values import read_values, write_values
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.phases.sums import Pool

_KIND, VERSION = "gdls-section-phases", 1
"""Of the format."""


@dataclass(frozen=True, eq=False)
class SectionPhases:
    """The phases of a section.

    Attributes
    ----------
    pool : Pool
        Sums of the interior measurements of each phase over all fields, (G, ...); the phase that most measurements
        have is phase 0.
    spectra : (G, D) array of float64
        Summed counts of the same measurements, on `energy`.
    energy : EnergyAxis
    inside : (G,) array of bool
        Whether these measurements lie inside grains.
    intergrown : (G,) array of bool
        Whether a phase is a fine-grained mixture.
    borders : (G, G) array of int64
        Pairs of neighbouring measurements of two phases.
    points : (G,) array of float64
        Measurements that count for each, mixed ones by their share of counts.
    of_parts : mapping of str to (P,) array of int64
        By name of a field, the phase of each of its parts.
    """

    pool: Pool
    spectra: npt.NDArray[np.float64]
    energy: EnergyAxis
    inside: npt.NDArray[np.bool_]
    intergrown: npt.NDArray[np.bool_]
    borders: npt.NDArray[np.int64]
    points: npt.NDArray[np.float64]
    of_parts: Mapping[str, npt.NDArray[np.int64]]

    @property
    def n_phases(self) -> int:
        """Number of phases, G."""
        return len(self.pool)


def write_section_phases(path: str | os.PathLike[str], phases: SectionPhases) -> None:
    """Write the phases of a section, atomically.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    names = list(phases.of_parts)
    parts = [phases.of_parts[name] for name in names]
    values = {
        "pool": vars(phases.pool),
        "spectra": phases.spectra,
        "energy": vars(phases.energy),
        "inside": phases.inside,
        "intergrown": phases.intergrown,
        "borders": phases.borders,
        "points": phases.points,
        "fields": names,
        "parts": np.array([len(each) for each in parts], dtype=np.int64),
        "of_parts": np.concatenate([*parts, np.empty(0, dtype=np.int64)]).astype(np.int64),
    }
    write_values(path, _KIND, VERSION, values)


def read_section_phases(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> SectionPhases:
    """Read the phases of a section.

    Raises
    ------
    FieldReadError
        If the file holds none, is damaged, or comes from a later version.
    """
    values = read_values(path, _KIND, VERSION, memory_limit=memory_limit)
    try:
        ends = np.cumsum(values["parts"])[:-1]
        return SectionPhases(
            pool=Pool(**values["pool"]),
            spectra=values["spectra"],
            energy=EnergyAxis(**values["energy"]),
            inside=values["inside"],
            intergrown=values["intergrown"],
            borders=values["borders"],
            points=values["points"],
            of_parts=dict(zip(values["fields"], np.split(values["of_parts"], ends), strict=True)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FieldReadError(path, f"holds no phases of a section: {error}") from error
