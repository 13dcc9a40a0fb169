"""Shares of end members from atoms per formula unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from napari_gdls.materials.minerals import find_mineral
from napari_gdls.mineralogy.cation_numbers import HALOGENS, Atoms, FloatArray
from napari_gdls.mineralogy.formula_rules import RARE_EARTHS

END_MEMBERS: Mapping[str, Mapping[str, str]] = {
    "feldspar": {"An": "anorthite", "Ab": "albite", "Or": "orthoclase", "Cn": "celsian", "Slw": "slawsonite"},
    "pyroxene": {
        "En": "enstatite", "Fs": "ferrosilite", "Wo": "wollastonite", "Jd": "jadeite", "Ae": "aegirine",
        "Ko": "kosmochlor", "CaTs": "kushiroite", "Ess": "esseneite",
    },
    "garnet": {
        "Alm": "almandine", "Prp": "pyrope", "Grs": "grossular", "Sps": "spessartine", "Adr": "andradite",
        "Uv": "uvarovite", "Gdm": "goldmanite", "Knr": "knorringite", "Cld": "calderite", "Mor": "morimotoite",
        "Sch": "schorlomite",
    },
    "olivine": {
        "Fo": "forsterite", "Fa": "fayalite", "Tep": "tephroite", "Lib": "liebenbergite", "Mtc": "monticellite",
        "Kir": "kirschsteinite", "Glc": "glaucochroite", "Ca-Ol": "calcio-olivine",
    },
    "ilmenite": {
        "Ilm": "ilmenite", "Gk": "geikielite", "Pph": "pyrophanite", "Ecd": "ecandrewsite", "Hem": "hematite",
        "Crn": "corundum", "Esk": "eskolaite", "Krl": "karelianite", "Bxb": "bixbyite-(Mn)",
    },
    "carbonate": {
        "Cal": "calcite", "Mgs": "magnesite", "Sd": "siderite", "Rds": "rhodochrosite", "Smt": "smithsonite",
        "Str": "strontianite", "Wth": "witherite", "Cer": "cerussite",
    },
    "epidote": {"Czo": "clinozoisite", "Ep": "epidote", "Pie": "piemontite", "Aln": "allanite-(Ce)"},
    "zircon": {"Zrn": "zircon", "Hfn": "hafnon", "Thr": "thorite", "Cof": "coffinite"},
    "chlorite": {"Clc": "clinochlore", "Chm": "chamosite", "Pnn": "pennantite", "Nim": "nimite"},
    "melilite": {"Ak": "åkermanite", "Gh": "gehlenite", "Sme": "alumoåkermanite", "Hds": "hardystonite"},
}  # fmt: skip
"""Minerals of the table by the short names of `end_member_shares`. Those of spinel have their full names."""

COUNTED_AS: Mapping[str, frozenset[str]] = {
    "pyroxene": frozenset({"Mn", "K"}),
    "feldspar": frozenset({"Fe"}),
    "melilite": frozenset({"K"}),
    "epidote": frozenset(RARE_EARTHS) | {"Sr", "Mg"},
    "zircon": frozenset(RARE_EARTHS) | {"P"},
}
"""Elements that count for another of their site: Mn for Fe2+ in Fs, K for Na, Fe3+ for Al, any rare earth for Ce."""

_SPINELS = {
    ("Al", "Mg"): "spinel", ("Al", "Fe2+"): "hercynite", ("Al", "Mn"): "galaxite", ("Al", "Zn"): "gahnite",
    ("Cr", "Mg"): "magnesiochromite", ("Cr", "Fe2+"): "chromite", ("Cr", "Mn"): "manganochromite",
    ("Cr", "Zn"): "zincochromite", ("Cr", "Ni"): "nichromite", ("Cr", "Co"): "cochromite",
    ("Fe3+", "Mg"): "magnesioferrite", ("Fe3+", "Fe2+"): "magnetite", ("Fe3+", "Mn"): "jacobsite",
    ("Fe3+", "Zn"): "franklinite", ("Fe3+", "Ni"): "trevorite", ("Fe3+", "Cu"): "cuprospinel",
    ("V", "Fe2+"): "coulsonite", ("V", "Mg"): "magnesiocoulsonite", ("V", "Mn"): "vuorelainenite",
    ("Mn3+", "Mn"): "hausmannite", ("Mn3+", "Zn"): "hetaerolite",
    ("Ti", "Fe2+"): "ulvöspinel", ("Ti", "Mg"): "qandilite",
}  # fmt: skip
"""Spinel minerals by the cation on the sites of three charges (Ti with a second divalent one) and the divalent one."""

LEAST_SHARE = 5e-4
"""Shares below are left out: half of the last digit that is shown, 0.1 %."""


MOST_LEFT_OUT = 0.3
"""Atoms per formula unit of elements that no end member holds, above which shares of end members mean nothing."""


def end_member_shares(kind: str, atoms: Atoms) -> dict[str, FloatArray]:
    """Shares of end members.

    Parameters
    ----------
    kind : str
        See `mineral_kinds.kind_of`.
    atoms : dict of str to (n,) float64
        Atoms per formula unit, of n compositions.

    Returns
    -------
    dict of str to (n,) float64
        In moles, summing to 1; without those that have less than 0.05 % in the first composition. Empty for kinds
        without end members.

    Notes
    -----
    What is not given by one element alone is put together in a fixed order, as is usual. Pyroxene: Na takes Al first
    (jadeite), then Fe3+ (aegirine), Cr; what is left of octahedral Al is CaTs, of Fe3+ esseneite (after Cawthorn and
    Collerson 1974, Am. Mineral. 59:1203); En, Fs, Wo are what is left of Mg, Fe2+ + Mn and Ca. Garnet: Ca takes Ti
    (schorlomite with Al or Fe3+ beside Si, else morimotoite), Cr, V and Fe3+ first, Al last. Spinel: every pair of
    cations has the product of their shares on their sites.
    """
    if kind not in _CALCULATED or sum(float(atoms[s][0]) for s in left_out(kind, atoms)) > MOST_LEFT_OUT:
        return {}
    zero = np.zeros_like(next(iter(atoms.values())))
    amounts = {name: amount for name, amount in _CALCULATED[kind](_Numbers(atoms, zero)).items() if amount.max() > 0}
    if not amounts:
        return {}
    total = np.maximum(np.sum(list(amounts.values()), axis=0), np.finfo(float).tiny)
    shares = {name: amount / total for name, amount in amounts.items()}
    kept = {name: share for name, share in shares.items() if share[0] >= LEAST_SHARE}
    whole = np.maximum(np.sum(list(kept.values()), axis=0), np.finfo(float).tiny) if kept else zero
    return {name: share / whole for name, share in kept.items()}


def left_out(kind: str, atoms: Atoms) -> list[str]:
    """Elements that no end member of a kind holds; none for kinds without a list of end members."""
    if kind not in END_MEMBERS:
        return []
    inside = {symbol for name in END_MEMBERS[kind].values() for symbol in find_mineral(name).formula.atoms}
    inside |= COUNTED_AS.get(kind, frozenset())
    return [symbol for symbol in atoms if symbol.rstrip("+123") not in inside and symbol not in HALOGENS]


class _Numbers:
    """Atoms of elements, zeros where there are none."""

    def __init__(self, atoms: Atoms, zero: FloatArray) -> None:
        self.atoms = atoms
        self.zero = zero

    def __getitem__(self, symbols: str) -> FloatArray:
        """Sum of one or several elements: "Fe2+ Mn"."""
        return np.asarray(np.sum([self.atoms.get(symbol, self.zero) for symbol in symbols.split()], axis=0))


def _less(amount: FloatArray, taken: FloatArray) -> FloatArray:
    return np.maximum(amount - taken, 0.0)


def _feldspar(n: _Numbers) -> dict[str, FloatArray]:
    return {"An": n["Ca"], "Ab": n["Na"], "Or": n["K"], "Cn": n["Ba"], "Slw": n["Sr"]}


def _pyroxene(n: _Numbers) -> dict[str, FloatArray]:
    tetrahedral = np.clip(2 - n["Si"], 0, n["Al"])
    octahedral, ferric, sodium = n["Al"] - tetrahedral, n["Fe3+"], n["Na K"]
    tetrahedral_ferric = np.clip(2 - n["Si"] - tetrahedral, 0, ferric)
    ferric = ferric - tetrahedral_ferric
    out = {"Jd": np.minimum(octahedral, sodium)}
    octahedral, sodium = octahedral - out["Jd"], sodium - out["Jd"]
    out["Ae"] = np.minimum(ferric, sodium)
    ferric, sodium = ferric - out["Ae"], sodium - out["Ae"]
    out["Ko"] = np.minimum(n["Cr"], sodium)
    calcium = n["Ca"]
    out["CaTs"] = np.minimum(octahedral, calcium)
    calcium = calcium - out["CaTs"]
    out["Ess"] = np.minimum(ferric, calcium)
    calcium = calcium - out["Ess"]
    return out | {"En": n["Mg"] / 2, "Fs": n["Fe2+ Mn"] / 2, "Wo": calcium / 2}


def _garnet(n: _Numbers) -> dict[str, FloatArray]:
    tetrahedral = np.clip(3 - n["Si"], 0, None)
    t_aluminium = np.minimum(tetrahedral, n["Al"])
    t_ferric = np.minimum(tetrahedral - t_aluminium, n["Fe3+"])
    ferric, titanium = n["Fe3+"] - t_ferric, n["Ti"]
    sch = np.minimum((t_aluminium + t_ferric) / 2, titanium / 2)
    mor = titanium - 2 * sch
    iron = _less(n["Fe2+"], mor)  # beside Ti on the octahedral site
    calcium, magnesium, manganese = n["Ca"], n["Mg"], n["Mn"]
    left = calcium / 3
    out: dict[str, FloatArray] = {"Sch": sch, "Mor": np.minimum(mor, _less(left, sch))}
    left = _less(left, out["Sch"] + out["Mor"])
    chromium, vanadium, ferric = n["Cr"] / 2, n["V"] / 2, ferric / 2
    for name, trivalent in (("Uv", chromium), ("Gdm", vanadium), ("Adr", ferric)):
        out[name] = np.minimum(trivalent, left)
        left = left - out[name]
    out["Grs"] = left
    out["Knr"] = np.minimum(chromium - out["Uv"], magnesium / 3)
    out["Cld"] = np.minimum(ferric - out["Adr"], manganese / 3)
    return out | {"Prp": magnesium / 3 - out["Knr"], "Sps": manganese / 3 - out["Cld"], "Alm": iron / 3}


def _olivine(n: _Numbers) -> dict[str, FloatArray]:
    beside = np.maximum(n["Mg Fe2+ Mn Ni"], np.finfo(float).tiny)
    pure = _less(n["Ca"], beside) / 2  # Ca beyond one in two sites
    mixed = (n["Ca"] - 2 * pure) / beside  # Ca for each other cation, 1 at most

    def divided(symbol: str) -> tuple[FloatArray, FloatArray]:
        with_calcium = n[symbol] * mixed
        return with_calcium, (n[symbol] - with_calcium) / 2

    (mtc, fo), (kir, fa), (glc, tep) = divided("Mg"), divided("Fe2+"), divided("Mn")
    return {"Fo": fo, "Fa": fa, "Tep": tep, "Lib": n["Ni"] / 2, "Mtc": mtc, "Kir": kir, "Glc": glc, "Ca-Ol": pure}


def _spinel(n: _Numbers) -> dict[str, FloatArray]:
    pairs = {high: n[high] / (1 if high == "Ti" else 2) for high in ("Al", "Cr", "Fe3+", "V", "Mn3+", "Ti")}
    divalent = {low: n[low] for low in ("Mg", "Fe2+", "Mn", "Zn", "Ni", "Co", "Cu")}
    all_pairs = np.maximum(np.sum(list(pairs.values()), axis=0), np.finfo(float).tiny)
    all_divalent = np.maximum(np.sum(list(divalent.values()), axis=0), np.finfo(float).tiny)
    return {
        _SPINELS.get((high, low), f"{high}-{low} spinel"): pairs[high] / all_pairs * divalent[low] / all_divalent
        for high in pairs
        for low in divalent
    }


def _ilmenite(n: _Numbers) -> dict[str, FloatArray]:
    return {
        "Ilm": n["Fe2+"], "Gk": n["Mg"], "Pph": n["Mn"], "Ecd": n["Zn"], "Hem": n["Fe3+"] / 2, "Crn": n["Al"] / 2,
        "Esk": n["Cr"] / 2, "Krl": n["V"] / 2, "Bxb": n["Mn3+"] / 2,
    }  # fmt: skip


def _carbonate(n: _Numbers) -> dict[str, FloatArray]:
    return {
        "Cal": n["Ca"], "Mgs": n["Mg"], "Sd": n["Fe2+"], "Rds": n["Mn"], "Smt": n["Zn"], "Str": n["Sr"],
        "Wth": n["Ba"], "Cer": n["Pb"],
    }  # fmt: skip


def _epidote(n: _Numbers) -> dict[str, FloatArray]:
    allanite = np.clip(n[" ".join(RARE_EARTHS)], 0, 1)
    epidote, piemontite = np.clip(n["Fe3+"], 0, 1), np.clip(n["Mn3+"], 0, 1)
    return {
        "Aln": allanite, "Ep": epidote, "Pie": piemontite,
        "Czo": np.maximum(1 - allanite - epidote - piemontite, 0.0),
    }  # fmt: skip


def _zircon(n: _Numbers) -> dict[str, FloatArray]:
    return {"Zrn": n["Zr"], "Hfn": n["Hf"], "Thr": n["Th"], "Cof": n["U"]}


def _chlorite(n: _Numbers) -> dict[str, FloatArray]:
    return {"Clc": n["Mg"], "Chm": n["Fe2+"], "Pnn": n["Mn"], "Nim": n["Ni"]}


def _melilite(n: _Numbers) -> dict[str, FloatArray]:
    sodium, zinc = n["Na K"], n["Zn"]
    return {"Ak": n["Mg"], "Sme": sodium, "Hds": zinc, "Gh": _less(n["Al"], sodium) / 2}


_CALCULATED: Mapping[str, Callable[[_Numbers], dict[str, FloatArray]]] = {
    "feldspar": _feldspar, "pyroxene": _pyroxene,
    "sodic pyroxene": _pyroxene, "garnet": _garnet, "olivine": _olivine, "spinel": _spinel,
    "ilmenite": _ilmenite, "carbonate": _carbonate, "dolomite": _carbonate, "aragonite": _carbonate,
    "epidote": _epidote, "zircon": _zircon, "chlorite": _chlorite, "melilite": _melilite,
}  # fmt: skip
