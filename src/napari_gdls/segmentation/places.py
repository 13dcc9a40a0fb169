"""Places of phases: numbers of phases change from run to run, the grain at a pixel does not."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.checks import checked_whole_number
from napari_gdls.errors import GdlsWarning, RecipeError
from napari_gdls.recipe import NamedPlace
from napari_gdls.segmentation.names import UNNAMED, PhaseName

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


def place_of_phase(segmentation: Segmentation, phase: int) -> tuple[int, int]:
    """Pixel of a measurement deep inside the largest grain of a phase, where another run finds it again.

    The measurement of the phase's largest segment that lies furthest from its border and from that of the image, mixed
    ones only where there are no pure ones; of equally deep ones the most certain, then the first.

    Parameters
    ----------
    segmentation : Segmentation
    phase : int
        From 0.

    Returns
    -------
    row, column : int

    Raises
    ------
    RecipeError
        If the method made no phases, there is no such phase, or it has no measurement.
    """
    from scipy.ndimage import distance_transform_edt

    found = segmentation.grouped
    own = np.flatnonzero(found.labels == checked_whole_number("phase", phase, 0, found.n_phases - 1))
    if len(own) == 0:
        raise RecipeError(f"phase {phase + 1} has no measurement, and so no place.")
    in_own_segment = segmentation.phases[segmentation.measurement_labels[own]] == phase
    own = own[in_own_segment] if in_own_segment.any() else own
    segments = segmentation.measurement_labels[own]
    area = np.bincount(segmentation.labels.ravel(), minlength=segmentation.n_segments + 1)[1:]
    largest = max(np.unique(segments).tolist(), key=lambda segment: (area[segment], -segment))
    own = own[segments == largest]
    pure = found.partner[own] < 0
    own = own[pure] if pure.any() else own
    rows, columns = segmentation.field.locations[own].T
    inside = segmentation.labels == largest + 1
    box = tuple(
        slice(int(where.min()), int(where.max()) + 1) for where in (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    )
    depth = distance_transform_edt(np.pad(inside[box], 1))[rows - box[0].start + 1, columns - box[1].start + 1]
    best = own[np.lexsort((own, -found.confidence[own], -depth))[0]]
    row, column = segmentation.field.locations[best].tolist()
    return row, column


def phase_at(segmentation: Segmentation, row: int, column: int) -> int | None:
    """Phase, from 0, of the measurement nearest to a pixel; None outside of the field.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    found, field = segmentation.grouped, segmentation.field
    if not (0 <= row < field.shape[0] and 0 <= column < field.shape[1]):
        return None
    offsets = field.locations.astype(np.int64) - (row, column)
    return int(found.labels[np.argmin((offsets**2).sum(axis=1))])


def names_at_places(segmentation: Segmentation, *, warns: bool = True) -> tuple[PhaseName, ...]:
    """Names of the phases by what the recipe says of places; () where it says nothing.

    Parameters
    ----------
    segmentation : Segmentation
    warns : bool
        Whether it warns. Not where results follow each other while a slider is moved.

    Warns
    -----
    GdlsWarning
        If a place lies outside of the field, or several with different names in one phase, where the first counts; or
        the method makes no phases, which cannot be named then.
    """
    places = segmentation.recipe.names
    say = _warn if warns else _say_nothing
    if not places:
        return ()
    if not segmentation.has_phases:
        say(f"the method {segmentation.recipe.method!r} makes no phases, so the names given by hand name none.")
        return ()
    first: dict[int, NamedPlace] = {}
    for place in places:
        phase = phase_at(segmentation, place.row, place.column)
        if phase is None:
            height, width = segmentation.field.shape
            say(
                f"the place of the name {place.name!r}, row {place.row} and column {place.column}, lies outside of the "
                f"field of {height} x {width} px; it names nothing here."
            )
        elif first.setdefault(phase, place).name != place.name:
            say(
                f"phase {phase + 1} has two names by hand, {first[phase].name!r} at row {first[phase].row}, column "
                f"{first[phase].column} and {place.name!r} at row {place.row}, column {place.column}: it is called "
                f"{first[phase].name!r}. Rename it, or make more phases (a smaller tau_z)."
            )
    return tuple(UNNAMED.called(first[k].name) if k in first else UNNAMED for k in range(segmentation.n_phases))


def without_places_in(segmentation: Segmentation, phase: int) -> tuple[NamedPlace, ...]:
    """The places of the recipe that name other phases than this one."""
    return tuple(
        place for place in segmentation.recipe.names if phase_at(segmentation, place.row, place.column) != phase
    )


def _say_nothing(message: str) -> None:
    """Where nobody wants to know."""


def _warn(message: str) -> None:
    warnings.warn(message[0].upper() + message[1:], GdlsWarning, stacklevel=3)
