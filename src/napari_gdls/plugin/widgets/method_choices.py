"""The methods of segmentation as the dock offers them: their names, and which parameters each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_gdls.recipe import METHODS, Recipe


@dataclass(frozen=True)
class ThresholdRange:
    """What the slider of a threshold needs.

    Parameters
    ----------
    default : float
        Where the slider stands when the recipe has None.
    maximum : float
    decimals : int
    explanation : str
        One or two sentences.
    without : str
        What None means, as the text of a tick box: "default", or "off".
    advanced : bool
        Shown under "More".
    """

    default: float
    maximum: float
    decimals: int
    explanation: str
    without: str = "default"
    advanced: bool = False


@dataclass(frozen=True, eq=False)
class MethodChoice:
    """One entry of the list of methods.

    Parameters
    ----------
    title : str
    method : str
        One of `napari_gdls.recipe.METHODS`.
    explanation : str
        What it does, in words.
    thresholds : mapping
        Name of a recipe's parameter -> its range.
    parameters : set of str
        Other parameters that the method has.
    keeps_constraints : bool
        Whether links, cuts and fixed measurements can be given to it.
    """

    title: str
    method: str
    explanation: str
    thresholds: Mapping[str, ThresholdRange] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    keeps_constraints: bool = False


_ELSEWHERE = ("device", "batch_size", "beta")

METHOD_CHOICES = tuple(
    MethodChoice(
        row.title,
        name,
        row.help if row.needs_graph else f"{row.help} Has its own constants; there is nothing to set here.",
        {
            each: ThresholdRange(
                threshold.shown,
                threshold.maximum,
                threshold.decimals,
                threshold.help,
                threshold.unset,
                threshold.advanced,
            )
            for each, threshold in row.thresholds.items()
        },
        frozenset(Recipe.parameters_of(name)) - {*row.thresholds, *_ELSEWHERE},
        row.keeps_constraints,
    )
    for name, row in METHODS.items()
)


def choice_of(recipe: Recipe) -> MethodChoice:
    """The entry of the list that a recipe belongs to."""
    return next(choice for choice in METHOD_CHOICES if choice.method == recipe.method)
