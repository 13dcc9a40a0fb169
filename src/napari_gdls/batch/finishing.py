"""From the results of the fields to the section: one list of phases, names, tables, mosaic, report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_gdls.batch.journal import read_journal
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.mosaic_writing import write_mosaic
from napari_gdls.batch.phase_list import section_phases
from napari_gdls.batch.places import SectionPlaces
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.positions import placed_fields
from napari_gdls.batch.section_fields import section_fields
from napari_gdls.batch.section_names import SectionNames, named_phases
from napari_gdls.batch.section_phases import SectionPhases, write_section_phases
from napari_gdls.batch.section_report import lacking_for_report, write_section_report
from napari_gdls.batch.section_summary import summarized_section
from napari_gdls.batch.section_tables import write_section_tables
from napari_gdls.errors import OutputError
from napari_gdls.progress import Progress


@dataclass(frozen=True, eq=False)
class Section:
    """What all fields of a batch together gave.

    Attributes
    ----------
    phases : SectionPhases
    names : SectionNames
    places : SectionPlaces or None
        None where there is no mosaic.
    files : dict of str to Path
        What is in each file, and where it is.
    """

    phases: SectionPhases
    names: SectionNames
    places: SectionPlaces | None
    files: dict[str, Path]


def finish(layout: Layout, plan: BatchPlan, *, progress: Progress) -> Section:
    """Make the section of all fields that have a result.

    Parameters
    ----------
    layout : Layout
    plan : BatchPlan
    progress : Progress
        Receives every stage; may cancel.

    Returns
    -------
    Section

    Raises
    ------
    FieldReadError
        If a result is damaged; the same batch makes it again.
    OutputError
        If the system refuses.
    """
    results = results_of(layout, plan)
    try:
        layout.section.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{layout.section}: no folder can be made ({error.strerror or error}).") from error
    phases = section_phases(results, plan.recipe, progress=progress)
    write_section_phases(layout.phases, phases)
    files = {"phases of the section": layout.phases}
    names = named_phases(phases, results, plan.section, progress=progress)
    places = None
    if plan.section.mosaic:
        places = placed_fields(plan.inputs, results, plan.section, phases, progress=progress)
    if places is not None:
        mosaic = write_mosaic(
            layout, places, phases, results, names=names.titles, colours=names.colours, progress=progress
        )
        files |= {"mosaic": mosaic.mosaic, "segments": mosaic.segments}
    fields = section_fields(phases, results, progress=progress)
    summary = summarized_section(layout, phases, names, fields, places)
    files |= write_section_tables(layout, plan, summary)
    if plan.section.report and not lacking_for_report():  # which was said before the work
        files["report"] = write_section_report(layout, plan, summary, results, progress=progress)
    return Section(phases, names, places, files)


def results_of(layout: Layout, plan: BatchPlan) -> dict[str, Path]:
    """The results of the fields of a batch that are done, by name, in the order of the batch."""
    journal = read_journal(layout)
    states = ((each.name, journal.of(each.name)) for each in plan.inputs)
    return {name: layout.field(name, state.key) for name, state in states if state.state == "done"}
