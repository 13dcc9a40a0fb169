"""From the results of the fields to the section: one list of phases, names, tables, mosaic, report."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.journal import Journal, read_journal
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.mosaic_writing import write_mosaic
from napari_gdls.batch.phase_list import section_phases
from napari_gdls.batch.places import SectionPlaces
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.positions import placed_fields
from napari_gdls.batch.running import has_result, known_key
from napari_gdls.batch.section_fields import section_fields
from napari_gdls.batch.section_names import SectionNames, named_phases
from napari_gdls.batch.section_phases import SectionPhases, write_section_phases
from napari_gdls.batch.section_report import lacking_for_report, write_section_report
from napari_gdls.batch.section_summary import summarized_section
from napari_gdls.batch.section_tables import write_section_tables
from napari_gdls.batch.task_keys import InputFiles, key_of
from napari_gdls.batch.tasks import is_whole
from napari_gdls.errors import FieldReadError, OutputError
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


def finish(layout: Layout, plan: BatchPlan, set_aside: Collection[str] = (), *, progress: Progress) -> Section:
    """Make the section of the results of all fields but those that are set aside.

    Parameters
    ----------
    layout : Layout
    plan : BatchPlan
    set_aside : collection of str
        Names of fields.
    progress : Progress
        Receives every stage; may cancel.

    Returns
    -------
    Section

    Raises
    ------
    FieldReadError
        If a result is missing or damaged; a damaged one is removed, so that the same batch makes it again.
    OutputError
        If the system refuses.
    """
    results = results_of(layout, plan, set_aside)
    try:
        return _finished(layout, plan, results, progress)
    except FieldReadError as error:
        damaged = [path for path in results.values() if os.fspath(path) == error.path and not is_whole(path)]
        for path in damaged:
            path.unlink(missing_ok=True)
        if not damaged:
            raise
        raise FieldReadError(
            error.path,
            error.problem,
            where=error.where,
            remedy="It has been removed; the same command makes it again, and goes on.",
        ) from error


def _finished(layout: Layout, plan: BatchPlan, results: dict[str, Path], progress: Progress) -> Section:
    try:
        layout.section.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{layout.section}: no folder can be made ({error.strerror or error}).") from error
    phases = section_phases(results, plan.recipe, progress=progress)
    write_section_phases(layout.phases, phases)
    files = {"phases of the section": layout.phases}
    fields = section_fields(phases, results, progress=progress)
    names = named_phases(phases, fields, plan.section, progress=progress)
    places = None
    if plan.section.mosaic:
        places = placed_fields(plan.inputs, results, plan.section, phases, progress=progress)
    if places is not None:
        mosaic = write_mosaic(
            layout, places, phases, results, names=names.titles, colours=names.colours, progress=progress
        )
        files |= {"mosaic": mosaic.mosaic, "segments": mosaic.segments}
    summary = summarized_section(layout, phases, names, fields, places)
    files |= write_section_tables(layout, plan, summary)
    if plan.section.report and not lacking_for_report():  # which was said before the work
        files["report"] = write_section_report(layout, plan, summary, results, progress=progress)
    return Section(phases, names, places, files)


def results_of(layout: Layout, plan: BatchPlan, set_aside: Collection[str] = ()) -> dict[str, Path]:
    """The results of all fields of a batch but those that are set aside, by name, in the order of the batch.

    Raises
    ------
    FieldReadError
        If one is missing.
    """
    journal, files = read_journal(layout), InputFiles()
    found = {}
    for each in plan.inputs:
        if each.name not in set_aside:
            found[each.name] = layout.field(each.name, _key_of_result(each, layout, plan, journal, files))
    return found


def _key_of_result(each: FieldInput, layout: Layout, plan: BatchPlan, journal: Journal, files: InputFiles) -> str:
    """Key of the result of a field that is done, whichever computer's names for its file the journal has."""
    known = known_key(each, plan, journal, files)
    recipe = plan.recipe.to_json()
    made = journal.made.get(each.name, {})
    keys = [known] if known else [key for key in made if key_of(made[key].digest, recipe, plan.reading) == key]
    for key in keys:
        if has_result(each.name, key, layout, journal):
            return key
    raise FieldReadError(
        layout.fields, f"the result of field {each.name} is missing", remedy="The same command makes it again."
    )
