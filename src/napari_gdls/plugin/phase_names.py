"""Names of phases in what is shown: those that were measured, those given by hand, and the edits that give them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_gdls.plugin.edit_history import Naming
from napari_gdls.recipe.named_places import checked_name
from napari_gdls.segmentation import phase_at, place_of_phase
from napari_gdls.segmentation.names import with_those_by_hand
from napari_gdls.segmentation.places import names_at_places

if TYPE_CHECKING:
    from napari_gdls.recipe import NamedPlace
    from napari_gdls.segmentation.names import PhaseName
    from napari_gdls.segmentation.result import Segmentation


def with_measured_names(segmentation: Segmentation, names: Sequence[PhaseName]) -> Segmentation:
    """A segmentation with the names that were measured for its phases; those by hand stay.

    Parameters
    ----------
    segmentation : Segmentation
        With phases.
    names : sequence of P PhaseName, or of none
    """
    if not names:
        return segmentation
    named = segmentation.with_names(names)
    return segmentation if named.names == segmentation.names else named


def with_names_by_hand(segmentation: Segmentation, places: tuple[NamedPlace, ...]) -> Segmentation:
    """A segmentation with these names by hand, which its recipe has then, too.

    Parameters
    ----------
    segmentation : Segmentation
        With phases; nobody has named any by hand.
    places : tuple of NamedPlace
        As for `Recipe.names`; of several in one phase the first counts.
    """
    if places == segmentation.recipe.names and not places:
        return segmentation
    asked = dataclasses.replace(segmentation, recipe=segmentation.recipe.replace(names=places))
    by_hand = names_at_places(asked, warns=False)
    return dataclasses.replace(asked, names=with_those_by_hand(asked.names, by_hand))


def namings(segmentation: Segmentation, phase: int, name: str) -> tuple[Naming, ...]:
    """What a hand does that gives a phase another name.

    Parameters
    ----------
    segmentation : Segmentation
        With phases; its recipe has the names by hand that there are.
    phase : int
        From 0.
    name : str
        "" takes a name by hand back.

    Returns
    -------
    tuple of Naming
        None where the phase has this name by hand, or shall lose one that it has not. A place in the phase that has a
        name gets the new one, and others there lose theirs, which would stand against it.

    Raises
    ------
    RecipeError
        If the name cannot be one.
    """
    text = checked_name(name) if name.strip() else ""
    names = segmentation.names
    if text == (names[phase].name if names and names[phase].is_by_hand else ""):
        return ()
    places = [place for place in segmentation.recipe.names if phase_at(segmentation, place.row, place.column) == phase]
    if not places:
        return (Naming(*place_of_phase(segmentation, phase), text),)
    first, *others = places
    return (Naming(first.row, first.column, text), *(Naming(place.row, place.column, "") for place in others))


def uncorrected(segmentation: Segmentation) -> Segmentation:
    """What a run found before anything was corrected and named by hand."""
    run = segmentation if segmentation.uncorrected is None else segmentation.uncorrected
    if not (run.names or run.recipe.names or run.recipe.corrections):
        return run
    return dataclasses.replace(run, names=(), recipe=run.recipe.replace(names=(), corrections=()))
