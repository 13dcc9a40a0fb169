"""What is known of a phase as a name for tables, legends and tooltips."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from napari_gdls.segmentation.names import BY_MEASUREMENT, UNKNOWN, PhaseName

if TYPE_CHECKING:
    from napari_gdls.mineralogy.composition import Composition
    from napari_gdls.mineralogy.identification import Identification
    from napari_gdls.mineralogy.structural_formulas import StructuralFormula

_MOST_CANDIDATES = 4
"""That a tooltip lists."""

_LEAST_PROBABILITY = 0.005
"""Of candidates that are listed: less would be shown as 0.00."""


def phase_name(
    name: str,
    probability: float | None,
    identification: Identification,
    composition: Composition,
    formula: StructuralFormula | None,
    reason: str,
) -> PhaseName:
    """A name with what tables and tooltips show beside it.

    Parameters
    ----------
    name : str
    probability : float or None
    identification : Identification
        That the name comes from; its first candidate need not have the name, as with mixtures.
    composition : Composition
        Of what was measured.
    formula : StructuralFormula or None
    reason : str
        A sentence, or "".
    """
    best = identification.best
    named = best.name == name and name != UNKNOWN
    lines = [reason] if reason else []
    lines += [_candidates(identification)]
    if named and best.cannot_be_told_from:
        lines.append(f"Not to be told from: {', '.join(best.cannot_be_told_from)}")
    lines += [
        f"{c.name} {c.value:.2f} ± {c.error:.2f} (95 %: {c.low:.2f} to {c.high:.2f})"
        for c in identification.coordinates
    ]
    if formula is not None:
        lines.append(formula.text)
    lines.append(composition_in_words(composition))
    return PhaseName(
        name=name,
        probability=probability,
        source=BY_MEASUREMENT,
        cannot_be_told_from=best.cannot_be_told_from if named else (),
        group=best.group if named else "",
        formula="" if formula is None else formula.text,
        details="\n".join(lines),
        quantities=MappingProxyType(_quantities(identification if named else None, composition, formula)),
    )


def composition_in_words(composition: Composition) -> str:
    """In one line, the most abundant element first: "Si 25.6 ± 0.5, Al 5.2 ± 0.1 wt%"."""
    percent = sorted(composition.mass_percent.items(), key=lambda item: -item[1])
    if not percent:
        return "No element was found beyond doubt."
    amounts = [
        f"{symbol} {value:.{1 if value >= 1 else 2}f} ± {composition.error[symbol]:.1g}" for symbol, value in percent
    ]
    return f"{', '.join(amounts)} wt%"


def _candidates(identification: Identification) -> str:
    shown = [c for c in identification.candidates if c.probability >= _LEAST_PROBABILITY][:_MOST_CANDIDATES]
    return ", ".join(f"{c.name} {c.probability:.2f}" for c in shown)


def _quantities(
    identification: Identification | None, composition: Composition, formula: StructuralFormula | None
) -> dict[str, float]:
    """Columns of the table of minerals: composition, coordinates, formula."""
    out: dict[str, float] = {}
    for symbol, value in composition.mass_percent.items():
        out[f"{symbol} [wt%]"] = value
        out[f"{symbol} error [wt%]"] = composition.error[symbol]
    for oxide, value in composition.oxide_percent.items():
        out[f"{oxide} [wt%]"] = value
    for coordinate in () if identification is None else identification.coordinates:
        out[coordinate.name] = coordinate.value
        out[f"{coordinate.name} error"] = coordinate.error
    if formula is not None:
        for symbol, value in formula.atoms.items():
            out[f"{symbol} [apfu]"] = value
            out[f"{symbol} error [apfu]"] = formula.errors[symbol]
        for member, value in formula.end_members.items():
            out[f"{member} share"] = value
            out[f"{member} share error"] = formula.end_member_errors[member]
    return out
