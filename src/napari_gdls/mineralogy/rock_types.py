"""Which minerals are likely in which rock: the table `rock_types.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources

from napari_gdls.materials import Material, MaterialError, Materials
from napari_gdls.materials.minerals import plain_name


@dataclass(frozen=True)
class RockType:
    """Minerals that are likely in a rock.

    Parameters
    ----------
    name : str
    groups : frozenset of str
        Mineral groups, all of whose members belong to the rock; "mica" stands for "mica, trioctahedral" as well.
    minerals : tuple of str
        Further minerals and substances, by name.
    """

    name: str
    groups: frozenset[str]
    minerals: tuple[str, ...]

    def likely(self, materials: Materials) -> frozenset[int]:
        """Indices of the materials that are likely; members of solid solutions by their group alone."""
        named = set()
        for name in self.minerals:
            with suppress(MaterialError):  # a library of one's own need not hold it
                named.add(materials.index(name))
        return frozenset(
            index for index, material in enumerate(materials) if index in named or in_groups(material, self.groups)
        )


@cache
def rock_types() -> dict[str, RockType]:
    """All rock types of the table by name, in its order."""
    text = resources.files(__package__).joinpath("rock_types.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)
    result = {}
    for name, entry in entries.items():
        source = entries[entry["like"]] if "like" in entry else entry
        result[name] = RockType(name, frozenset(source["groups"]), tuple(source["minerals"]))
    return result


def find_rock_type(name: str) -> RockType | None:
    """The rock type of a name; case, hyphens and blanks do not matter. None where there is none."""
    return next((rock for known, rock in rock_types().items() if plain_name(known) == plain_name(name)), None)


def in_groups(material: Material, groups: Collection[str]) -> bool:
    """Whether a material is of one of some groups; "mica" stands for "mica, trioctahedral" as well."""
    return material.group in groups or material.group.split(",")[0] in groups
