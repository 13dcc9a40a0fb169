"""Structural formulas of minerals from compositions: atoms per formula unit, Fe3+, end members, with errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_gdls.mineralogy.cation_numbers import HALOGENS, Atoms, drawn_moles, on_basis
from napari_gdls.mineralogy.end_members import end_member_shares
from napari_gdls.mineralogy.formula_choice import AnionRule, rule_of
from napari_gdls.mineralogy.formula_doubts import assumed_mineral, doubts_about, doubts_about_anions
from napari_gdls.mineralogy.formula_rules import FormulaRule
from napari_gdls.mineralogy.formula_text import formula_text, plain_text


@dataclass(frozen=True)
class StructuralFormula:
    """The structural formula of a mineral.

    Attributes
    ----------
    kind : str
        By whose rule it was calculated: "feldspar", "calcic amphibole", or the name of the mineral as whose formula it
        was scaled.
    atoms : dict of str to float
        Atoms per formula unit of the elements measured; iron stands as "Fe2+" and "Fe3+".
    errors : dict of str to float
        Their standard errors.
    end_members : dict of str to float
        Shares in moles, summing to 1, by short names (`END_MEMBERS`; spinels by the names of the minerals). Empty for
        kinds that have none here.
    end_member_errors : dict of str to float
        Standard errors.
    basis : float
        Oxygens per formula unit, two OH, F or Cl counting for one. 0 for sulfides, arsenides and alloys, which are
        scaled to their anions or to all their atoms.
    text : str
        "(Na0.60Ca0.38K0.02)(Al1.38Si2.62)O8": sites from those of the largest cations to those of the smallest.
    total_cations, total_error : float
        Their number for the oxygens, before any scaling to an ideal number; with all iron as Fe2+ where it is divided
        later. The check of an analysis. Of sulfides: the metals.
    doubts : tuple of str
        Sentences: what speaks against the formula, and what was assumed that EDS does not see.
    """

    kind: str
    atoms: dict[str, float]
    errors: dict[str, float]
    end_members: dict[str, float]
    end_member_errors: dict[str, float]
    basis: float
    text: str
    total_cations: float
    total_error: float
    doubts: tuple[str, ...]


def structural_formula(
    mass_percent: Mapping[str, float], error: Mapping[str, float], group: str, *, name: str = ""
) -> StructuralFormula | None:
    """The structural formula that a composition has as a mineral of a group.

    Parameters
    ----------
    mass_percent : mapping of str to float
        Element -> percent of mass; any other unit of mass does as well. H, Li, Be, B, C, N and O take no part: the
        oxygens follow from the charges of the cations.
    error : mapping of str to float
        Standard errors, in the same unit; 0 for elements that it does not hold.
    group : str
        Mineral group, as in `Candidate.group`.
    name : str
        Mineral; decides where minerals of a group are built differently, and is needed for groups without a rule of
        their own.

    Returns
    -------
    StructuralFormula or None
        None where neither group nor mineral is known, or nothing in the composition can stand in a formula.

    Raises
    ------
    CompositionError
        If a symbol is no element.
    RecipeError
        If a mass or an error is negative or not finite.

    Notes
    -----
    Basis of each kind of mineral, and what iron is taken as:

    ======================  ===================================  =========================================
    kind                    basis                                iron
    ======================  ===================================  =========================================
    feldspar                8 O                                  Fe3+
    pyroxene                6 O, 4 cations                       by charge balance
    amphibole               23 O, 13 cations without Ca, Na, K   by charge balance
    amphibole, Mg-Fe-Mn     23 O, 15 cations without Na, K       by charge balance
    mica; chlorite          11 O; 14 O                           Fe2+
    garnet                  12 O, 8 cations                      by charge balance
    olivine                 4 O                                  Fe2+
    spinel                  4 O, 3 cations                       by charge balance
    ilmenite, hematite      3 O, 2 cations                       by charge balance
    epidote                 12.5 O, 8 cations                    by charge balance
    carbonate               1 cation; dolomite 2                 Fe2+
    apatite                 12.5 O                               Fe2+
    titanite; zircon        3 cations; 2 cations                 Fe3+
    tourmaline              15 cations without Na, Ca, K         Fe2+
    scapolite               12 Si + Al                           Fe3+
    cordierite; melilite    18 O; 7 O                            Fe2+
    other oxygen compounds  as many charges as the formula of    as there
                            the mineral in the table has
    sulfides, arsenides     as many S, Se, Te (As) as there
    alloys                  as many atoms as there
    ======================  ===================================  =========================================

    Charge balance: Droop (1987, Mineral. Mag. 51:431). Manganese is Mn3+ where iron alone does not balance the charges.
    A mineral that is not built as the others of its group (spodumene, whose Li EDS does not see; pseudorutile among
    the ilmenites) is scaled by its own formula in the table.

    Errors are standard deviations over 2,000 compositions that are drawn within the errors of the masses, each taken
    as independent: that the percents sum to 100 needs no correlation of them, since formulas do not depend on their
    sum. They are the same in every run.

    Examples
    --------
    >>> albite = {"Na": 8.77, "Al": 10.29, "Si": 32.13, "O": 48.81}
    >>> structural_formula(albite, {"Na": 0.4, "Al": 0.3, "Si": 0.6}, "feldspar").text
    'Na(AlSi3)O8'
    """
    chosen = rule_of(group, name)
    if chosen is None:
        return None
    kind, rule, assumed = chosen
    moles = drawn_moles(mass_percent, error)
    if not any(symbol not in HALOGENS for symbol in moles):
        return None
    if isinstance(rule, AnionRule):
        return _of_anions(kind, rule, moles, assumed)
    return _of_oxygens(kind, rule, moles, assumed)


def _of_oxygens(kind: str, rule: FormulaRule, moles: Atoms, assumed: bool) -> StructuralFormula:
    scaled = on_basis(moles, rule)
    shares = end_member_shares(kind, scaled.atoms)
    measured = {symbol: float(number[0]) for symbol, number in scaled.atoms.items()}
    halogens = {symbol: number for symbol, number in measured.items() if symbol in HALOGENS}
    cations = {symbol: number for symbol, number in measured.items() if symbol not in HALOGENS}
    return StructuralFormula(
        kind,
        measured,
        _deviations(scaled.atoms),
        {name: float(share[0]) for name, share in shares.items()},
        _deviations(shares),
        rule.oxygens,
        formula_text(cations, halogens, rule),
        float(scaled.total[0]),
        float(scaled.total.std()),
        (*doubts_about(kind, rule, scaled, shares), *assumed_mineral(rule.mineral, assumed)),
    )


def _of_anions(kind: str, rule: AnionRule, moles: Atoms, assumed: bool) -> StructuralFormula | None:
    counted = [symbol for symbol in moles if symbol in rule.anions or not rule.anions]
    if not counted:
        return None
    whole = np.sum([moles[symbol] for symbol in counted], axis=0)
    atoms = {symbol: number * rule.number / np.maximum(whole, np.finfo(float).tiny) for symbol, number in moles.items()}
    metals = {symbol: number for symbol, number in atoms.items() if symbol not in rule.anions}
    total = np.sum([np.zeros_like(whole), *metals.values()], axis=0)
    measured = {symbol: float(number[0]) for symbol, number in atoms.items()}
    return StructuralFormula(
        kind,
        measured,
        _deviations(atoms),
        {},
        {},
        0.0,
        plain_text(
            {symbol: measured[symbol] for symbol in metals},
            {symbol: measured[symbol] for symbol in measured if symbol not in metals},
        ),
        float(total[0]),
        float(total.std()),
        doubts_about_anions(rule, total, assumed),
    )


def _deviations(drawn: Atoms) -> dict[str, float]:
    return {name: float(values.std()) for name, values in drawn.items()}
