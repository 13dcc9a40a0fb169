"""All that is known of a section when its phases are found: what its tables and its report show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.journal import Journal, read_journal
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.places import SectionPlaces
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.section_composition import SectionComposition, section_composition
from napari_gdls.batch.section_fields import SectionFields
from napari_gdls.batch.section_names import SectionNames
from napari_gdls.batch.section_phases import SectionPhases

BLOCK = 2
"""Fields along each side of a block of neighbours, which are drawn together: most of what makes fields of one section
resemble each other (layers, veins, large grains) reaches into the next field."""

LEAST_BLOCKS = 20
"""Blocks that must be there for that: from as many on, intervals hold the truth as often as they say."""


@dataclass(frozen=True, eq=False)
class SectionSummary:
    """What tables and report of a section show.

    Attributes
    ----------
    phases : SectionPhases
    names : SectionNames
    fields : SectionFields
        Of those that are done.
    composition : SectionComposition
    places : SectionPlaces or None
    journal : Journal
    """

    phases: SectionPhases
    names: SectionNames
    fields: SectionFields
    composition: SectionComposition
    places: SectionPlaces | None
    journal: Journal


def summarized_section(
    layout: Layout, phases: SectionPhases, names: SectionNames, fields: SectionFields, places: SectionPlaces | None
) -> SectionSummary:
    """Put together what tables and report show.

    Parameters
    ----------
    layout : Layout
    phases : SectionPhases
    names : SectionNames
    fields : SectionFields
    places : SectionPlaces or None
        Where fields lie: neighbours are taken together, see `section_composition`.
    """
    composition = section_composition(fields.points, fields.doubt, blocks_of(fields.names, places))
    return SectionSummary(phases, names, fields, composition, places, read_journal(layout))


def blocks_of(names: tuple[str, ...], places: SectionPlaces | None) -> npt.NDArray[np.int64] | None:
    """Which fields lie together in blocks of 2 x 2 fields; None where that is not known, or blocks are too few.

    Parameters
    ----------
    names : tuple of F str
    places : SectionPlaces or None

    Returns
    -------
    (F,) array of int64, or None
    """
    if places is None or not set(names) <= set(places.names):
        return None
    row = {name: k for k, name in enumerate(places.names)}
    order = np.array([row[name] for name in names], dtype=np.int64)
    cell = places.origins[order] // (BLOCK * np.median(places.shapes, axis=0)).astype(np.int64)
    number = np.unique(cell, axis=0, return_inverse=True)[1].ravel()
    return number.astype(np.int64) if number.max() + 1 >= LEAST_BLOCKS else None


def positions_of(plan: BatchPlan, section: SectionSummary) -> npt.NDArray[np.float64]:
    """Centres of the fields that are done, downwards and to the right: in the mosaic, or as they were given.

    Parameters
    ----------
    plan : BatchPlan
    section : SectionSummary

    Returns
    -------
    (F, 2) array of float64
        In um; NaN where they are not known.
    """
    known: dict[str, tuple[float, float]] = {
        each.name: each.position for each in plan.inputs if each.position is not None
    }
    places = section.places
    if places is not None and places.pixel_size is not None:
        centres = (places.origins + places.shapes / 2) * places.pixel_size
        known |= {name: (float(y), float(x)) for name, (y, x) in zip(places.names, centres, strict=True)}
    unknown = (np.nan, np.nan)
    return np.array([known.get(name, unknown) for name in section.fields.names], dtype=np.float64).reshape(-1, 2)
