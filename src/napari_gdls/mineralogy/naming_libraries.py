"""What spectra are named by: the materials of the project, narrowed to a rock type, or a library of the user."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import shown
from napari_gdls.materials import MaterialError, Materials, load_materials
from napari_gdls.materials.minerals import suggestion
from napari_gdls.mineralogy.commonness import NARROWED, log_priors, seen_fractions, species_of
from napari_gdls.mineralogy.library_file import read_library_file
from napari_gdls.mineralogy.rock_types import find_rock_type, in_groups, rock_types


@dataclass(frozen=True, eq=False)
class NamingLibrary:
    """Materials that a spectrum can be named by, and how likely each is before the spectrum is seen.

    Attributes
    ----------
    materials : Materials
    fractions : (n, 94) float64
        Their mass fractions without H, He, Li, Be and B, which EDS does not see.
    log_prior : (n,) float64
        Logarithm of how likely each is; minus infinity for what is ruled out.
    species : (n,) int64
        Index of the named material that each counts for.
    hydrous : (n,) bool
        Whether a material holds hydrogen.
    title : str
        For people: "all materials", "granite", the name of a file.
    colours : mapping of str to str
        By name, "#rrggbb", where the file of a user gives them.
    """

    materials: Materials
    fractions: npt.NDArray[np.float64]
    log_prior: npt.NDArray[np.float64]
    species: npt.NDArray[np.int64]
    hydrous: npt.NDArray[np.bool_]
    title: str
    colours: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __repr__(self) -> str:
        return f"<NamingLibrary {self.title!r}: {np.isfinite(self.log_prior).sum()} materials>"


LibrarySpec: TypeAlias = "str | os.PathLike[str] | Iterable[str] | NamingLibrary | None"
"""What `naming_library` takes."""

_FILES = (".csv", ".tsv", ".txt")
"""Endings of files of users."""


def naming_library(spec: LibrarySpec = None, *, exclusive: bool = False) -> NamingLibrary:
    """The library that spectra are named by.

    Parameters
    ----------
    spec : optional
        None: all materials of the project. A path of a CSV file: the materials in it alone (see
        `napari_gdls.mineralogy.library_file` for its columns). The name of a rock type ("granite"), of a mineral, of a
        mineral group, or several of them: all materials, those that are named first. A `NamingLibrary`: itself.
    exclusive : bool
        Whether what a rock type or a list of names does not hold is ruled out, rather than as unlikely as a rare
        mineral.

    Returns
    -------
    NamingLibrary

    Raises
    ------
    MaterialError
        If a name is not known (close ones are suggested), or a file cannot be read (with file and line).

    Examples
    --------
    >>> naming_library("granite").title
    'granite'
    """
    if spec is None:
        return _all_materials()
    if isinstance(spec, NamingLibrary):
        return spec
    if isinstance(spec, os.PathLike) or (isinstance(spec, str) and _is_file(spec)):
        return _from_file(spec)
    names = [spec] if isinstance(spec, str) else list(spec)
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise MaterialError(
            f"library is {shown(spec)}; names of rock types or minerals, or the path of a CSV file, are needed."
        )
    return _narrowed(tuple(name.strip() for name in names), bool(exclusive))


def library_of(materials: Materials, title: str, colours: Mapping[str, str] | None = None) -> NamingLibrary:
    """A library of materials with the prior of their commonness."""
    species = species_of(materials)
    return NamingLibrary(
        materials=materials,
        fractions=_read_only(seen_fractions(materials)),
        log_prior=_read_only(log_priors(materials, species)),
        species=_read_only(species),
        hydrous=_read_only(materials.compositions[:, 0] > 0),
        title=title,
        colours=MappingProxyType(dict(colours or {})),
    )


@cache
def _all_materials() -> NamingLibrary:
    return library_of(load_materials(), "all materials")


def _is_file(name: str) -> bool:
    return name.lower().endswith(_FILES) or any(part in name for part in ("/", os.sep)) or Path(name).is_file()


def _from_file(path: str | os.PathLike[str]) -> NamingLibrary:
    content = read_library_file(path)
    return library_of(content.materials, Path(path).name, content.colours)


@cache
def _narrowed(names: tuple[str, ...], exclusive: bool) -> NamingLibrary:
    everything = _all_materials()
    likely = np.zeros(len(everything.materials), dtype=bool)
    for name in names:
        likely[_named(name, everything)] = True
    outside = -np.inf if exclusive else NARROWED
    log_prior = np.where(likely, everything.log_prior, everything.log_prior + outside)
    return replace(everything, log_prior=_read_only(log_prior), title=", ".join(names))


def _named(name: str, library: NamingLibrary) -> npt.NDArray[np.int64]:
    """Indices of the materials that a name stands for: a rock type, a mineral with its solid solutions, or a group."""
    rock = find_rock_type(name)
    if rock is not None:
        found = rock.likely(library.materials)
    else:
        groups = {material.group for material in library.materials} - {""}
        plain = {group.split(",")[0] for group in groups} | groups
        try:
            found = frozenset({library.materials.index(name)})
        except MaterialError as error:
            if name.lower() not in plain:
                known = [*rock_types(), *(m.name for m in library.materials if m.source != "series"), *sorted(plain)]
                raise MaterialError(
                    f"{name!r} is no rock type, mineral or mineral group.{suggestion(name, known)} Rock types are "
                    f"{', '.join(rock_types())}; a file of your own ends in .csv."
                ) from error
            found = frozenset(
                index for index, material in enumerate(library.materials) if in_groups(material, (name.lower(),))
            )
    members = np.array(sorted(found), dtype=np.int64)
    return np.union1d(members, np.flatnonzero(np.isin(library.species, members)))


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array
