"""Names of the phases of what is shown of a run: those that were measured, and those given by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.plugin.field_state import partition_of
from napari_gdls.segmentation import phase_at, place_of_phase

if TYPE_CHECKING:
    from napari_gdls.mineralogy.phase_table import PhaseTable
    from napari_gdls.recipe import NamedPlace
    from napari_gdls.segmentation.result import Segmentation


def derived(
    by_hand: Segmentation, tau_z: float, minerals: Mapping[bytes, PhaseTable]
) -> tuple[Segmentation, PhaseTable | None]:
    """What is shown of a run: with all that was done by hand, at a larger tau_z, with the names that were measured.

    Parameters
    ----------
    by_hand : Segmentation
        The run with all that was done by hand.
    tau_z : float
        No larger than that of the run: as it is.
    minerals : mapping
        What is known, by partition.

    Returns
    -------
    Segmentation, PhaseTable or None
        Phases taken together whose names nobody has measured yet have those that they keep by the rules of
        `Segmentation.with_phases_merged`.
    """
    shown = with_measured_names(by_hand, minerals.get(partition_of(by_hand)))
    lowest = by_hand.recipe.tau_z
    if lowest is not None and tau_z > lowest:
        shown = shown.coarsened(tau_z)
    measured = minerals.get(partition_of(shown))
    return with_measured_names(shown, measured), measured


def with_measured_names(segmentation: Segmentation, minerals: PhaseTable | None) -> Segmentation:
    """A segmentation with the names that were measured for its phases; those by hand stay.

    Parameters
    ----------
    segmentation : Segmentation
        With phases.
    minerals : PhaseTable or None
        Of a segmentation of the same partition. None: nothing is known.
    """
    if minerals is None:
        return segmentation
    named = segmentation.with_names(minerals.names)
    return segmentation if named.names == segmentation.names else named


def renamed_by_hand(
    by_hand: Segmentation, shown: Segmentation, phase: int, name: str, places: tuple[NamedPlace, ...]
) -> Segmentation:
    """The run with all that was done by hand, and with another name for a phase of what is shown of it.

    Parameters
    ----------
    by_hand : Segmentation
        The run with all that was done by hand so far.
    shown : Segmentation
        Derived from it: some of its phases are one.
    phase : int
        Of `shown`, from 0.
    name : str
        "" takes a name by hand back.
    places : tuple of NamedPlace
        Names by hand for the next run; the recipe of what is returned has them, changed likewise.

    Returns
    -------
    Segmentation
        Of the phases of `by_hand` that are this one in `shown`, the one deepest inside has the name. Others have none
        by hand any more: it would stand against this one.

    Raises
    ------
    RecipeError
        If the name cannot be one.
    """
    named = dataclasses.replace(by_hand, recipe=by_hand.recipe.replace(names=places))
    inside = shown.grouped.labels == phase
    for part in np.unique(by_hand.grouped.labels[inside]).tolist():
        if named.names and named.names[part].is_by_hand:
            named = named.renamed(part, "")
    if not name:
        return named
    deepest = phase_at(by_hand, *place_of_phase(shown, phase))
    assert deepest is not None  # the place of a measurement lies in the field
    return named.renamed(deepest, name)
