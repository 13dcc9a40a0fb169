"""Materials in a fixed order: names, compositions, the families they form and which of them look alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.materials.confusability import CONFUSABLE_BELOW, merge_confusable, separation
from napari_gdls.materials.minerals import MaterialError, plain_name, suggestion

MEMBER = 5
"""Commonness of members of series that have no name of their own: after the rarest mineral."""


@dataclass(frozen=True)
class Material:
    """A composition with a name.

    Parameters
    ----------
    name : str
    mass_fractions : mapping
        Element -> mass fraction; they sum to 1. Hydrogen, helium and lithium are in it.
    group : str
        Mineral group, or the kind of a substance.
    source : {"mineral", "series", "glass", "alloy", "other"}
    formula : str
        As the tables state it; for members of series, atoms per formula unit.
    density : float or None
        In g/cm3.
    commonness : int
        1 rock-forming to 4 rare; `MEMBER` for members of series.
    synonyms : tuple of str
        Other minerals and substances of the same composition: polymorphs, for one.
    """

    name: str
    mass_fractions: Mapping[str, float]
    group: str
    source: str
    formula: str
    density: float | None = None
    commonness: int = MEMBER
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Members of a solid solution along one mixing line.

    Parameters
    ----------
    name : str
    members : tuple of int
        Indices into the materials, in order along the line; two or more, none twice.
    positions : tuple of float
        Where the members lie on the line, from 0 to 1.
    """

    name: str
    members: tuple[int, ...]
    positions: tuple[float, ...]


@dataclass(frozen=True)
class Confusable:
    """A material that a number of counts does not tell from another one.

    Parameters
    ----------
    index : int
    name : str
    separation : float
        N (1 - BC), see `confusability`; below `CONFUSABLE_BELOW`.
    synonyms : tuple of str
        Minerals of the same composition, which no number of counts tells apart.
    """

    index: int
    name: str
    separation: float
    synonyms: tuple[str, ...]


class Materials(Sequence[Material]):
    """The materials in a fixed order, as a sequence, and the families that they form.

    Parameters
    ----------
    materials : sequence of Material
        Their names differ.
    families : sequence of Family

    Raises
    ------
    MaterialError
        If two materials have one name.
    """

    def __init__(self, materials: Sequence[Material], families: Sequence[Family] = ()) -> None:
        self._materials = tuple(materials)
        self._families = tuple(families)
        self._index: dict[str, int] = {}
        for index, material in enumerate(self._materials):
            if self._index.setdefault(_key(material), index) != index:
                raise MaterialError(f"two materials have the name {material.name!r}.")
        for index, material in enumerate(self._materials):
            for synonym in material.synonyms:
                self._index.setdefault(plain_name(synonym), index)
        self._compositions = np.zeros((len(self), N_ELEMENTS))
        for row, material in zip(self._compositions, self._materials, strict=True):
            for element, fraction in material.mass_fractions.items():
                row[SYMBOLS.index(element)] = fraction
        self._compositions.flags.writeable = False

    def __len__(self) -> int:
        return len(self._materials)

    @overload
    def __getitem__(self, index: int) -> Material: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Material, ...]: ...
    def __getitem__(self, index: int | slice) -> Material | tuple[Material, ...]:
        return self._materials[index]

    def __repr__(self) -> str:
        return f"<Materials: {len(self)} in {len(self._families)} families, {self.hash[:12]}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(material.name for material in self._materials)

    @property
    def compositions(self) -> npt.NDArray[np.float64]:
        """Mass fractions, shape (n, 94), columns H to Pu; read-only."""
        return self._compositions

    def families(self) -> tuple[Family, ...]:
        """Solid solutions as ordered lists of members along mixing lines."""
        return self._families

    @property
    def commonness_order(self) -> npt.NDArray[np.int64]:
        """Indices from the most common to the rarest, equal ones in order: how `merge_confusable` picks leaders."""
        return np.argsort([material.commonness for material in self._materials], kind="stable")

    @property
    def hash(self) -> str:
        """SHA-256 over names, compositions (to 1e-6) and families, in hexadecimal: tells lists of materials apart."""
        digest = hashlib.sha256()
        for material in self._materials:
            parts = (f"{element}{round(1e6 * x)}" for element, x in sorted(material.mass_fractions.items()))
            digest.update(f"{material.name}\t{' '.join(parts)}\n".encode())
        for family in self._families:
            digest.update(f"{family.name}\t{family.members}\n".encode())
        return digest.hexdigest()

    def index(self, name: str, start: int = 0, stop: int | None = None) -> int:
        """Index of the material of a name or synonym; case, accents, hyphens and blanks do not matter.

        Raises
        ------
        MaterialError
            If there is none; names that are close are suggested.
        """
        found = self._index.get(name.lower(), self._index.get(plain_name(name)))
        if found is None:
            known = [material.name for material in self._materials if material.source != "series"]
            raise MaterialError(f"no material {name!r}.{suggestion(name, known)}")
        return found

    def merge_confusable(self, spectra: npt.ArrayLike, counts: float) -> npt.NDArray[np.int64]:
        """Group the materials that cannot be told apart; the most common mineral leads each group.

        Parameters
        ----------
        spectra : (n, D) array
            Ideal spectra of the materials, in order.
        counts : float
            Counts per spectrum.

        Returns
        -------
        (n,) int64
            Index of the leader of each material, see `confusability.merge_confusable`.

        Raises
        ------
        MaterialError
            If spectra or counts are not as described.
        """
        self._check_rows(spectra)
        return merge_confusable(spectra, counts, order=self.commonness_order)

    def confusable_with(self, name: str, spectra: npt.ArrayLike, counts: float) -> list[Confusable]:
        """The materials that cannot be told from one at a number of counts.

        Parameters
        ----------
        name : str
            Name or synonym.
        spectra : (n, D) array
            Ideal spectra of the materials, in order.
        counts : float
            Counts per spectrum.

        Returns
        -------
        list of Confusable
            The most similar first; minerals and substances before members of series of equal separation.

        Raises
        ------
        MaterialError
            If there is no such material, or spectra or counts are not as described.
        """
        index = self.index(name)
        self._check_rows(spectra)
        values = separation(spectra, index, counts)
        found = [i for i in np.flatnonzero(values < CONFUSABLE_BELOW).tolist() if i != index]
        found.sort(key=lambda i: (values[i], self[i].commonness))
        return [Confusable(i, self[i].name, float(values[i]), self[i].synonyms) for i in found]

    def _check_rows(self, spectra: npt.ArrayLike) -> None:
        shape = np.shape(spectra)
        if len(shape) != 2 or shape[0] != len(self):
            raise MaterialError(
                f"spectra have the shape {shape}; one row for each of the {len(self)} materials is needed."
            )


def _key(material: Material) -> str:
    """What a material is looked up by. In the names of members of series every sign counts."""
    return material.name.lower() if material.source == "series" else plain_name(material.name)
