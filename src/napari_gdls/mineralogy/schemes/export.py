"""A scheme made of phases whose names and compositions are known."""

from __future__ import annotations

from collections.abc import Sequence

from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.schemes.quantities import MASS, parse_quantity
from napari_gdls.mineralogy.schemes.scheme import BEST, Condition, Scheme, SchemeClass
from napari_gdls.mineralogy.schemes.scheme_errors import SchemeError
from napari_gdls.segmentation.names import UNKNOWN

_ERRORS = 3.0
"""Standard errors by which ranges reach beyond the compositions they are of."""

_LEAST_REACH = 1.0
"""Percent of mass by which they reach beyond them at the least: natural minerals vary as much from grain to grain."""


def scheme_of(rows: Sequence[tuple[str, str, str, Composition]], *, name: str = "exported scheme") -> Scheme:
    """Make rules that give phases the names that they have.

    Each name becomes a class with a range of every element of any of the phases, in percent of mass: from the least to
    the most of its phases, and three standard errors, or 1 %, beyond. Where an element was not found, the range ends at
    its detection limit.

    Parameters
    ----------
    rows : sequence of (name, group, colour, Composition)
        One for each phase; those without a name and unknown ones are left out. Colours as "#rrggbb", or "".
    name : str
        Of the scheme.

    Returns
    -------
    Scheme
        Where several classes hold, the one whose ranges' middles are nearest is taken.

    Raises
    ------
    SchemeError
        If no phase has a name.
    """
    named = [row for row in rows if row[0] and row[0] != UNKNOWN]
    if not named:
        raise SchemeError("there is no named phase to make a scheme of; name some, by hand or by `identify`.")
    symbols = list(dict.fromkeys(symbol for row in named for symbol in row[3].mass_percent))
    kinds: dict[str, list[tuple[str, str, str, Composition]]] = {}
    for row in named:
        kinds.setdefault(row[0].casefold(), []).append(row)
    classes = []
    for phases in kinds.values():
        compositions = [phase[3] for phase in phases]
        conditions = tuple(_range(symbol, compositions) for symbol in symbols)
        group = next((phase[1] for phase in phases if phase[1]), "")
        colour = next((phase[2] for phase in phases if phase[2]), "")
        classes.append(SchemeClass(phases[0][0], group, colour, conditions=conditions))
    return Scheme(name, "Ranges around the compositions of named phases.", BEST, tuple(classes))


def _range(symbol: str, compositions: Sequence[Composition]) -> Condition:
    lows, highs = [], []
    for found in compositions:
        percent = found.mass_percent.get(symbol, 0.0)
        reach = _ERRORS * found.error[symbol] if percent > 0 else found.detection_limit.get(symbol, 0.0)
        reach = max(reach, _LEAST_REACH)
        lows.append(percent - reach)
        highs.append(percent + reach)
    low, high = max(0.0, round(min(lows), 2)), min(100.0, round(max(highs), 2))
    return Condition(parse_quantity(f"{symbol} [{MASS}]"), low, high)
