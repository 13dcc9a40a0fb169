"""Many fields through one recipe to one section: the whole of it in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_gdls.batch.checking import checked_fields
from napari_gdls.batch.driver_lock import driving
from napari_gdls.batch.finishing import Section, finish
from napari_gdls.batch.inputs import FieldInput, found_inputs, require_different_names
from napari_gdls.batch.journal import FieldState, read_journal
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.plan import BatchPlan, write_plan
from napari_gdls.batch.running import Report, run_map
from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.batch.section_report import lacking_for_report
from napari_gdls.batch.target import require_target
from napari_gdls.batch.task_memory import choose_workers, require_room_in
from napari_gdls.batch.workers import local_workers, memory_of_workers, require_distributed, workers_of
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch as it stands.

    Attributes
    ----------
    folder : Path
    plan : BatchPlan
    fields : dict of str to FieldState
        By name, of all fields of the batch.
    set_aside : tuple of str
        Names of fields that were tried three times and failed.
    section : Section or None
        What all fields together gave; None where only a share was worked on.
    """

    folder: Path
    plan: BatchPlan
    fields: dict[str, FieldState]
    set_aside: tuple[str, ...]
    section: Section | None


def segment_many(
    inputs: Iterable[str | os.PathLike[str] | FieldInput],
    out: str | os.PathLike[str],
    recipe: Recipe | None = None,
    *,
    scheduler: str | None = None,
    scheduler_file: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    only: tuple[int, int] | None = None,
    reading: dict[str, Any] | None = None,
    section: SectionChoices | None = None,
    report: Report | None = None,
    convert: bool = False,
    leave_out: bool = False,
    overwrite: bool = False,
    retry: bool = False,
    announce: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
) -> Batch:
    """Segment many fields by one recipe, and put them together to one section with one list of phases.

    What is done stays done: the same call goes on where an earlier one was stopped, whatever stopped it. Fields that
    fail three times are set aside, and do not keep the others from ending.

    Parameters
    ----------
    inputs : iterable of path-like or FieldInput
        Files, folders, patterns such as ``"day1/*.bcf"``, and tables (CSV) of them; see `field_inputs`.
    out : path-like
        Folder of the batch; it is made.
    recipe : Recipe, optional
        For all fields. None: the defaults.
    scheduler : str, optional
        Address of a running dask scheduler. None: new processes of this computer.
    scheduler_file : path-like, optional
        File that a scheduler has written its address to.
    workers : int, optional
        Number of processes of this computer. None: by its cores and its memory.
    only : (int, int), optional
        I and N: the Ith of N shares of the fields, without the section. A call without it finishes what all shares
        made.
    reading : dict, optional
        Arguments of `napari_gdls.read_field` for all fields.
    section : SectionChoices, optional
        What is made of the fields together.
    report : callable, optional
        Receives a `MapProgress` at every change and twice a second.
    convert : bool
        Whether fields on other energy axes are taken, too; see `napari_gdls.batch.checking.checked_fields`.
    leave_out : bool
        Whether fields that cannot be read, or were measured otherwise than most, are left out instead of refused.
    overwrite : bool
        Whether another batch in the folder may be replaced: other fields, another recipe.
    retry : bool
        Whether fields that an earlier call has set aside are tried again. Those whose file has changed are in any case.
    announce : callable
        Receives lines that tell what is about to be done, and where it can be watched.
    progress : Progress, optional
        Receives the stages of the section; may cancel.

    Returns
    -------
    Batch

    Raises
    ------
    GdlsError
        If an input is no field, fields do not go together, another process works on this batch, or dask.distributed is
        not installed.
    OutputError
        If the system refuses what is to be written, or another batch is in the folder.

    Examples
    --------
    >>> import napari_gdls as gdls
    >>> batch = gdls.segment_many(["section 7/*.bcf"], "section 7 minerals")  # doctest: +SKIP
    """
    require_distributed()
    given = list(inputs)
    known = [each for each in given if isinstance(each, FieldInput)]
    found = found_inputs(*(each for each in given if not isinstance(each, FieldInput)))
    fields = (*known, *found.fields)
    require_different_names(fields)
    if found.skipped:
        count = "1 file" if found.skipped == 1 else f"{found.skipped:,} files"
        announce(f"passed over, as no field: {count} in the folders")
    checked = checked_fields(fields, reading=reading, convert=convert, leave_out=leave_out, progress=progress)
    for note in (*checked.notes, *checked.left_out_in_words()):
        announce(note)
    plan = BatchPlan(checked.inputs, recipe or Recipe(), dict(reading or {}), section or SectionChoices())
    if plan.section.report and only is None and (lacking := lacking_for_report()):
        announce(lacking)
    layout = Layout(Path(out).absolute())
    require_target(layout, plan, checked.headers, overwrite=overwrite)
    share = "all" if only is None else f"{only[0]}-of-{only[1]}"
    with driving(layout, share):
        write_plan(layout, plan)
        scheduler_path = None if scheduler_file is None else os.fspath(scheduler_file)
        if scheduler is not None or scheduler_path is not None:
            client_of: AbstractContextManager[Any] = workers_of(scheduler, scheduler_path)
        else:
            here = choose_workers(checked.headers, plan.recipe, workers=workers)
            announce(f"{len(plan.inputs):,} fields on {here} of this computer")
            client_of = local_workers(here)
        with client_of as client:
            if scheduler is not None or scheduler_path is not None:
                require_room_in(checked.headers, plan.recipe, memory_of_workers(client))
            announce(f"watch: napari-gdls batch status {layout.folder} --watch, or {client.dashboard_link}")
            set_aside = run_map(plan, layout, client, only=only, retry=retry, report=report or (lambda _: None))
        made = None if only is not None else finish(layout, plan, set_aside, progress=progress or silent)
    journal = read_journal(layout)
    states = {each.name: journal.of(each.name) for each in plan.inputs}
    return Batch(layout.folder, plan, states, set_aside, made)
