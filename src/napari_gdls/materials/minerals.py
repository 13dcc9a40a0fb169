"""The project's table of minerals: names, formulas, groups, densities.

The table, `minerals.csv` beside this file, holds rock-forming, ore and accessory minerals, the hydrated and secondary
ones that go with them, and the common intermediate members of solid solutions under their field names. Its columns:

name
    In the spelling of the IMA list; field names and varieties likewise in lower case.
formula
    In the manner of the IMA list, written so that `parse_formula` reads it: charges where an element has several
    (Fe3+; plain Fe and Mn are divalent), ideal end members where the species has one, a typical composition
    otherwise. Every formula of an oxysalt, halide or sulfosalt is electrically neutral.
class, group
    Chemical class; and the group of minerals that share a structure, within which solid solutions are looked for.
density
    In g/cm3, of the formula given, at room conditions; empty where no reliable value is known.
commonness
    1 rock-forming, 2 common accessory, ore or alteration mineral, 3 uncommon, 4 rare.
status
    "IMA" for a species of the IMA list; empty for a field name, a variety or an intermediate member.

"""

from __future__ import annotations

import csv
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

from napari_gdls.errors import GdlsError
from napari_gdls.materials.formula import Formula, parse_formula

_MOST_SUGGESTED = 3  # names that a message suggests
_LEAST_SIMILAR = 0.75  # to what was written, from 0 to 1 (`difflib`): a typing error or two. By eye


class MaterialError(GdlsError, ValueError):
    """A mineral, a series or a material is unknown, or its definition does not hold together."""


@dataclass(frozen=True)
class Mineral:
    """A row of the table; the columns stand at the top of this module.

    Parameters
    ----------
    name : str
    formula : Formula
    chemical_class, group : str
    density : float or None
        In g/cm3.
    commonness : int
        From 1, rock-forming, to 4, rare.
    is_species : bool
        Whether the name is a species of the IMA list.
    """

    name: str
    formula: Formula
    chemical_class: str
    group: str
    density: float | None
    commonness: int
    is_species: bool


@cache
def load_minerals() -> tuple[Mineral, ...]:
    """All minerals of the table, in its order: by class, then by group."""
    text = resources.files(__package__).joinpath("minerals.csv").read_text(encoding="utf-8")
    return tuple(
        Mineral(
            name=row["name"],
            formula=parse_formula(row["formula"]),
            chemical_class=row["class"],
            group=row["group"],
            density=float(row["density"]) if row["density"] else None,
            commonness=int(row["commonness"]),
            is_species=row["status"] == "IMA",
        )
        for row in csv.DictReader(text.splitlines())
    )


def plain_name(name: str) -> str:
    """A name in lower case without accents, hyphens or blanks: how names are compared."""
    letters = unicodedata.normalize("NFKD", name.lower().translate(str.maketrans("øłß", "ols")))
    return "".join(letter for letter in letters if letter.isalnum() or letter == ".")


@cache
def _by_plain_name() -> dict[str, Mineral]:
    return {plain_name(mineral.name): mineral for mineral in load_minerals()}


def known_mineral(name: str) -> Mineral | None:
    """The mineral of a name, as `find_mineral`; None where the table does not hold it."""
    return _by_plain_name().get(plain_name(name))


def find_mineral(name: str) -> Mineral:
    """The mineral of a name; case, accents, hyphens and blanks do not matter.

    Raises
    ------
    MaterialError
        If the table does not hold it; names that are close are suggested.
    """
    found = known_mineral(name)
    if found is None:
        raise MaterialError(f"no mineral {name!r} in the table.{suggestion(name, [m.name for m in load_minerals()])}")
    return found


def suggestion(name: str, known: list[str]) -> str:
    """A sentence that names what the user may have meant, or nothing."""
    import difflib

    by_plain = {plain_name(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(plain_name(name), list(by_plain), n=_MOST_SUGGESTED, cutoff=_LEAST_SIMILAR)
    return f" Did you mean {', '.join(by_plain[match] for match in close)}?" if close else ""
