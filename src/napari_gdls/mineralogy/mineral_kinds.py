"""Which kind of mineral a group and a name mean, for what depends on the structure: end members and formulas."""

from __future__ import annotations

from napari_gdls.materials.minerals import plain_name

_KIND_OF_GROUP = {
    # Groups of the project's table of minerals.
    "feldspar": "feldspar",
    "feldspathoid": "feldspathoid",
    "olivine": "olivine",
    "pyroxene": "pyroxene",
    "amphibole, calcic": "calcic amphibole",
    "amphibole, sodic-calcic": "calcic amphibole",
    "amphibole, sodic": "sodic amphibole",
    "amphibole, Mg-Fe-Mn-Li": "Mg-Fe-Mn amphibole",
    "mica, trioctahedral": "trioctahedral mica",
    "mica, dioctahedral": "dioctahedral mica",
    "chlorite": "chlorite",
    "serpentine": "serpentine",
    "garnet": "garnet",
    "spinel": "spinel",
    "ilmenite": "ilmenite",
    "hematite": "ilmenite",
    "calcite": "carbonate",
    "aragonite": "aragonite",
    "dolomite": "dolomite",
    "apatite": "apatite",
    "epidote": "epidote",
    "titanite": "titanite",
    "zircon": "zircon",
    "tourmaline": "tourmaline",
    "columbite": "columbite",
    "tapiolite and wodginite": "columbite",
    "wolframite": "wolframite",
    "scheelite": "scheelite",
    "sphalerite": "sphalerite",
    "wurtzite": "sphalerite",
    "tetrahedrite": "tetrahedrite",
    "scapolite": "scapolite",
    "melilite": "melilite",
    "baryte": "baryte",
    # What people call them in libraries of their own.
    "plagioclase": "feldspar",
    "alkali feldspar": "feldspar",
    "K-feldspar": "feldspar",
    "clinopyroxene": "pyroxene",
    "orthopyroxene": "pyroxene",
    "amphibole": "calcic amphibole",
    "hornblende": "calcic amphibole",
    "mica": "trioctahedral mica",
    "biotite": "trioctahedral mica",
    "white mica": "dioctahedral mica",
    "muscovite": "dioctahedral mica",
    "carbonate": "carbonate",
    "Fe-Ti oxide": "ilmenite",
    "clinozoisite": "epidote",
    "tantalite": "columbite",
    "sphene": "titanite",
    "tennantite": "tetrahedrite",
    "fahlore": "tetrahedrite",
}
_PLAIN_KINDS = {plain_name(group): kind for group, kind in _KIND_OF_GROUP.items()}

_KIND_OF_NAME = {
    "biotite": "trioctahedral mica",
    "muscovite": "dioctahedral mica",
    "aegirine": "sodic pyroxene",
    "aegirine-augite": "sodic pyroxene",
    "jadeite": "sodic pyroxene",
    "omphacite": "sodic pyroxene",
    "cordierite": "cordierite",
    "sekaninaite": "cordierite",
    "gold": "electrum",
    "silver": "electrum",
    "electrum": "electrum",
    "dolomite": "dolomite",
    "ankerite": "dolomite",
    "magnetite": "spinel",
    "titanomagnetite": "spinel",
    "ilmenite": "ilmenite",
}
"""Minerals whose kind does not follow from their group."""


def kind_of(group: str, name: str = "") -> str:
    """The kind of a mineral.

    Parameters
    ----------
    group : str
        Its group, as `napari_gdls.materials.Mineral` or a library of one's own says it; case, blanks, hyphens and a
        plural s do not matter.
    name : str
        Its name, which decides where minerals of one group differ.

    Returns
    -------
    str
        "feldspar", "calcic amphibole", ...; "" where no end members or structural formula depend on it.
    """
    if name in _KIND_OF_NAME:
        return _KIND_OF_NAME[name]
    plain = plain_name(group)
    return _PLAIN_KINDS.get(plain) or _PLAIN_KINDS.get(plain.removesuffix("s"), "")
