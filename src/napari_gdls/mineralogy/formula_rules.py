"""How the structural formula of each kind of mineral is calculated: its basis, its iron, its sites, what to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FERROUS, FERRIC, BALANCED = "ferrous", "ferric", "balanced"
"""What iron is taken as: all Fe2+, all Fe3+, or divided so that charges and the number of cations both hold."""


@dataclass(frozen=True)
class Site:
    """A place in the structure.

    Parameters
    ----------
    takes : tuple of str
        Cations that it is filled with, in this order.
    room : float or None
        Atoms per formula unit that it takes; None: any number.
    """

    takes: tuple[str, ...]
    room: float | None = None


@dataclass(frozen=True)
class FormulaRule:
    """How a structural formula is calculated.

    Parameters
    ----------
    mineral : str
        What it is called in sentences.
    oxygens : float
        Half the charge of the cations of a formula unit: oxygens, with two OH, F or Cl for one.
    cations : float or None
        Their ideal number, of those that are `counted`; None where sites may be empty.
    iron : str
        `FERROUS`, `FERRIC` or `BALANCED`.
    sites : tuple of Site
        In the order of filling; formulas are written from the last to the first.
    anions : str
        How a formula ends, with {O} for the oxygens that OH, F and Cl leave, and {Z} for these.
    uncounted : tuple of str
        Cations that do not count for `cations`.
    on_cations : bool
        Whether the formula is scaled to the number of cations rather than to the oxygens.
    hydroxyl : float
        OH, F and Cl together.
    needed : mapping
        Element -> least and largest atoms per formula unit of a mineral of this kind.
    unseen : str
        What EDS does not see of it: "B and Li".
    charges : mapping
        Element -> charge, where it is not `materials.formula.USUAL_CHARGES`.
    iron_from : str
        Name of the condition that divides the iron, for the sentence about it.
    """

    mineral: str
    oxygens: float
    cations: float | None
    iron: str
    sites: tuple[Site, ...]
    anions: str
    needed: Mapping[str, tuple[float, float]]
    uncounted: tuple[str, ...] = ()
    on_cations: bool = False
    hydroxyl: float = 0.0
    unseen: str = ""
    charges: Mapping[str, float] = field(default_factory=dict)
    iron_from: str = ""


def _site(takes: str, room: float | None = None) -> Site:
    return Site(tuple(takes.split()), room)


_OCTAHEDRAL = "Al Ti Cr V Fe3+ Mn3+ Mg Ni Co Zn Fe2+ Mn"
_RARE_EARTHS = "Y La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Th U"
_DIVALENT = "Mg Fe2+ Mn Zn Ni Co Cu"
_AMPHIBOLE_SITES = (
    _site("Si Al", 8), _site(_OCTAHEDRAL, 5), _site(f"{_OCTAHEDRAL} Ca Sr Na", 2), _site("Na K Ca Ba Sr"),
)  # fmt: skip


def _amphibole(mineral: str, cations: float, uncounted: str, iron_from: str) -> FormulaRule:
    return FormulaRule(
        mineral, 23, cations, BALANCED, _AMPHIBOLE_SITES, "O22{Z}", {"Si": (5.5, 8.05)}, tuple(uncounted.split()),
        hydroxyl=2, iron_from=iron_from,
    )  # fmt: skip


def _mica(mineral: str, silicon: tuple[float, float], room: float) -> FormulaRule:
    return FormulaRule(
        mineral, 11, None, FERROUS, (_site("Si Al", 4), _site(_OCTAHEDRAL, room), _site("K Na Ca Ba Rb Cs Sr")),
        "O10{Z}",
        {"Si": silicon, "Al": (0.0, 3.2)}, hydroxyl=2,
    )  # fmt: skip


def _carbonate(mineral: str, cations: int) -> FormulaRule:
    ending = "CO3" if cations == 1 else f"(CO3){cations}"
    return FormulaRule(
        mineral,
        cations,
        cations,
        FERROUS,
        (_site(f"Ca {_DIVALENT} Sr Ba Pb Na Cd {_RARE_EARTHS}"),),
        ending,
        {},
        on_cations=True,
        unseen="C",
    )


_PYROXENE = FormulaRule(
    "pyroxene", 6, 4, BALANCED,
    (_site("Si Al Fe3+", 2), _site(_OCTAHEDRAL, 1), _site(f"Ca Na K {_DIVALENT}")), "O6", {"Si": (0.97, 2.03)},
    charges={"V": 3}, iron_from="four cations for six oxygens",
)  # fmt: skip

RULES: Mapping[str, FormulaRule] = {
    "feldspar": FormulaRule(
        "feldspar", 8, 5, FERRIC, (_site("P Si Al Fe3+ Ti", 4), _site("Na K Ca Ba Sr Rb Cs Mg Mn")),
        "O8", {"Si": (1.95, 3.05), "Al": (0.95, 2.05)}
    ),
    "pyroxene": _PYROXENE,
    "sodic pyroxene": _PYROXENE,
    "calcic amphibole": _amphibole("amphibole", 13, "Ca Sr Na K", "13 cations without Ca, Na and K for 23 oxygens"),
    "sodic amphibole": _amphibole("amphibole", 13, "Ca Sr Na K", "13 cations without Ca, Na and K for 23 oxygens"),
    "Mg-Fe-Mn amphibole": _amphibole("amphibole", 15, "Na K", "15 cations without Na and K for 23 oxygens"),
    "trioctahedral mica": _mica("mica", (0.97, 3.3), 3),
    "dioctahedral mica": _mica("mica", (1.9, 4.05), 3),
    "chlorite": FormulaRule(
        "chlorite", 14, 10, FERROUS, (_site("Si Al", 4), _site(_OCTAHEDRAL)),
        "O10{Z}", {"Si": (2.2, 3.6), "Al": (0.8, 5.4)},
        hydroxyl=8,
    ),
    "garnet": FormulaRule(
        "garnet", 12, 8, BALANCED,
        (_site("Si Al Fe3+", 3), _site("Al Ti Zr Sn Sc Cr V Mn3+ Fe3+", 2),
        _site(f"Ca {_DIVALENT} Na {_RARE_EARTHS}")), "O12", {"Si": (0.9, 3.05)},
        charges={"V": 3}, iron_from="eight cations for twelve oxygens",
    ),
    "olivine": FormulaRule("olivine", 4, 3, FERROUS, (_site("Si", 1), _site(f"{_DIVALENT} Ca Cr")),
    "O4", {"Si": (0.97, 1.03)}),
    "spinel": FormulaRule(
        "spinel", 4, 3, BALANCED, (_site("Al Cr V Fe3+ Mn3+ Ti Si Ge"), _site(f"{_DIVALENT} Ca")),
        "O4", {"Si": (0.0, 0.05)},
        charges={"V": 3}, iron_from="three cations for four oxygens",
    ),
    "ilmenite": FormulaRule(
        "ilmenite or hematite", 3, 2, BALANCED, (_site("Ti Al Cr V Mn3+ Fe3+ Nb Sn"), _site(f"{_DIVALENT} Ca")), "O3",
        {"Si": (0.0, 0.05)}, charges={"V": 3}, iron_from="two cations for three oxygens",
    ),
    "carbonate": _carbonate("carbonate", 1),
    "aragonite": _carbonate("carbonate", 1),
    "dolomite": _carbonate("carbonate", 2),
    "apatite": FormulaRule(
        "apatite", 12.5, 8, FERROUS, (_site("P As V Si S", 3), _site(f"Ca Sr Ba Pb {_DIVALENT} Na {_RARE_EARTHS}")),
        "O12{Z}", {}, hydroxyl=1
    ),
    "epidote": FormulaRule(
        "epidote", 12.5, 8, BALANCED,
        (_site("Si Al", 3), _site(_OCTAHEDRAL, 3), _site(f"Ca Sr Pb Ba Na Mn Fe2+ {_RARE_EARTHS}")),
        "O12{Z}", {"Si": (2.8, 3.08), "Al": (0.7, 3.15)},
        hydroxyl=1, charges={"V": 3}, iron_from="eight cations for 12.5 oxygens",
    ),
    "titanite": FormulaRule(
        "titanite", 5, 3, FERRIC, (_site("Si", 1), _site("Ti Al Fe3+ Sn Nb Ta Zr V Cr", 1),
        _site(f"Ca Na Sr Mn {_RARE_EARTHS}")), "O5{Z}",
        {"Si": (0.95, 1.05)}, on_cations=True,
    ),
    "zircon": FormulaRule(
        "zircon", 4, 2, FERRIC, (_site("Si P", 1), _site(f"Zr Hf Ca Fe3+ {_RARE_EARTHS}")),
        "O4", {"Si": (0.6, 1.03)}, on_cations=True,
    ),
    "tourmaline": FormulaRule(
        # (BO3)3 has 9 of the charges; 15 cations in T, Z and Y as Henry and Dutrow (1996, Rev. Mineral. 33:503).
        "tourmaline", 24.5, 15, FERROUS,
        (_site("Si Al", 6), _site("Al Cr V Fe3+ Mg", 6), _site(f"{_OCTAHEDRAL} Cu", 3), _site("Na Ca K Sr Pb")),
        "(BO3)3O18{Z}", {"Si": (5.4, 6.3), "Al": (4.0, 9.2)}, ("Na", "Ca", "K", "Sr", "Pb"), on_cations=True,
        hydroxyl=4, unseen="B and Li",
    ),
    "cordierite": FormulaRule(
        "cordierite", 18, 11, FERROUS, (_site("Si Al", 9), _site(f"{_DIVALENT} Na K Ca")),
        "O18", {"Si": (4.7, 5.2), "Al": (3.6, 4.2)}
    ),
    "scapolite": FormulaRule(
        "scapolite", 24, 12, FERRIC, (_site("Si Al Fe3+", 12), _site("Na Ca K Sr Ba")), "O24",
        {"Si": (5.8, 9.3), "Al": (2.8, 6.2)}, ("Na", "Ca", "K", "Sr", "Ba"), on_cations=True, unseen="C",
    ),
    "melilite": FormulaRule(
        "melilite", 7, 5, FERROUS, (_site("Si Al", 2), _site("Al Mg Zn Fe2+ Mn", 1), _site("Ca Na K Sr")), "O7",
        {"Si": (0.95, 2.03)},
    ),
}  # fmt: skip
"""Rules by kind (`mineral_kinds.kind_of`).

Iron: Droop (1987, Mineral. Mag. 51:431) where it is divided. Feldspar, titanite and zircon hold Fe3+; in olivine, mica,
chlorite, tourmaline and carbonates the method cannot tell, and all of it stands as Fe2+. Amphiboles: the choices of
Leake et al. (1997, Am. Mineral. 82:1019), 13 cations without Ca, Na and K for calcic and sodic ones, 15 without Na and
K for those of Mg, Fe and Mn; each is one limit of what is possible. Ranges of `needed`: end members, with room for what
rounding and small substitutions do.
"""

RARE_EARTHS = tuple(_RARE_EARTHS.split())
"""Y, the lanthanides that EDS finds, Th and U: what makes an epidote an allanite."""
