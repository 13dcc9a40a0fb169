"""The tables of a section: its phases and minerals, every field, what each is made of, how many fields it takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.journal import Journal
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.section_composition import fields_needed
from napari_gdls.batch.section_summary import SectionSummary, positions_of
from napari_gdls.io.atomic import atomic_folder
from napari_gdls.io.file_names import file_stems
from napari_gdls.io.msa import write_msa
from napari_gdls.io.tables import write_table
from napari_gdls.segmentation.tables import columns_of_names, hexadecimal, table_of_names

HALF_WIDTHS = (1.0, 0.5, 0.2)
"""Percent of the area, for which the number of fields is told."""

RELATIVE_HALF_WIDTHS = (0.10, 0.05)
"""Likewise, as parts of the share of a phase."""

Table = dict[str, npt.NDArray[Any]]


def write_section_tables(layout: Layout, plan: BatchPlan, section: SectionSummary) -> dict[str, Path]:
    """Write the tables of a section as CSV files, and the spectra of its phases; each atomically, equal ones alike.

    Parameters
    ----------
    layout : Layout
    plan : BatchPlan
    section : SectionSummary

    Returns
    -------
    dict of str to Path
        What is in each file, and where it is.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    tables = {
        "phases": section_phase_table(section),
        **({"minerals": table_of_names(section.names.names)} if section.names.rows else {}),
        "composition of fields": composition_of_fields(plan, section),
        "fields": table_of_fields(plan, section),
        "fields needed": table_of_fields_needed(section),
        "set aside": table_of_set_aside(plan, section.journal),
    }
    files = {what: layout.section / f"{what.replace(' ', '_')}.csv" for what in tables}
    for what, table in tables.items():
        write_table(files[what], table)
    spectra = layout.section / "spectra"
    _write_spectra(spectra, section)
    return {**files, "spectra of the phases": spectra}


def section_phase_table(section: SectionSummary) -> Table:
    """Table of the phases of a section.

    Parameters
    ----------
    section : SectionSummary

    Returns
    -------
    dict of str to (G,) array
        Columns as in `napari_gdls.segmentation.tables.phase_table`, but for ``counting error [%]``,
        ``sampling error [%]``, ``error [%]`` (the larger), ``95 % from [%]`` and ``95 % to [%]``, see
        `SectionComposition`; ``in fields``, how many fields the phase occurs in; and ``segments``, of which those at
        borders of fields count in each. ``mean BSE`` is empty where the fields have BSE images of different kinds.
    """
    phases, fields, composition = section.phases, section.fields, section.composition
    scale = np.unique(fields.full_scale)
    return {
        "phase": np.arange(1, phases.n_phases + 1),
        **columns_of_names(section.names.names if section.names.rows else ()),
        "area [%]": composition.percent,
        "counting error [%]": composition.counting_error,
        "sampling error [%]": composition.sampling_error,
        "error [%]": composition.error,
        "95 % from [%]": composition.low,
        "95 % to [%]": composition.high,
        "in fields": composition.in_fields,
        "segments": fields.segments.sum(axis=0),
        "measurements": fields.points.sum(axis=0),
        "counts": fields.counts.sum(axis=0).astype(np.int64),
        "mean BSE": phases.pool.bse * (float(scale[0]) if len(scale) == 1 else np.nan),
        "fine-grained": phases.intergrown,
        "colour": np.array([hexadecimal(colour) for colour in section.names.colours], dtype=np.str_),
    }


def composition_of_fields(plan: BatchPlan, section: SectionSummary) -> Table:
    """Table of what each field is made of: a row a field that is done, a column a phase, in percent of its area.

    Parameters
    ----------
    plan : BatchPlan
    section : SectionSummary

    Returns
    -------
    dict of str to (F,) array
        ``field``; ``y [um]`` and ``x [um]`` of its centre, where they are known; ``measurements``; and
        ``3 quartz [%]`` for every phase.
    """
    fields = section.fields
    y, x = positions_of(plan, section).T
    share = 100 * fields.points / np.maximum(fields.points.sum(axis=1, keepdims=True), 1e-300)
    return {
        "field": np.array(fields.names, dtype=np.str_),
        "y [um]": y,
        "x [um]": x,
        "measurements": fields.measurements,
        **{f"{k + 1} {title} [%]": share[:, k] for k, title in enumerate(section.names.titles)},
    }


def table_of_fields(plan: BatchPlan, section: SectionSummary) -> Table:
    """Table of all fields of a batch: how they fared, and how the instrument stood.

    Parameters
    ----------
    plan : BatchPlan
    section : SectionSummary

    Returns
    -------
    dict of str to (F,) array
        In the order of the batch: ``field``, ``file``, ``state``, ``seconds``, ``peak memory [MiB]``, ``error``; and
        for those that are done ``measurements``, ``phases``, ``counts per measurement``, and against the whole section
        ``count level`` and ``BSE level`` (of the same phases, 1 where nothing has changed), ``energy offset [eV]``,
        ``energy gain [%]``, and ``over-dispersion``.
    """
    fields = section.fields
    states = [section.journal.of(each.name) for each in plan.inputs]
    row = {name: k for k, name in enumerate(fields.names)}
    where = np.array([row.get(each.name, -1) for each in plan.inputs], dtype=np.int64)

    def of_done(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.concatenate([values, [np.nan]])[where]

    return {
        "field": np.array([each.name for each in plan.inputs], dtype=np.str_),
        "file": np.array([os.fspath(each.path) for each in plan.inputs], dtype=np.str_),
        "state": np.array([state.state for state in states], dtype=np.str_),
        "seconds": np.array([np.nan if state.seconds is None else state.seconds for state in states]),
        "peak memory [MiB]": np.array([np.nan if state.peak is None else state.peak / 2**20 for state in states]),
        "error": np.array([state.error for state in states], dtype=np.str_),
        "measurements": of_done(fields.measurements),
        "phases": of_done((fields.points > 0).sum(axis=1)),
        "counts per measurement": of_done(fields.counts_each),
        "count level": of_done(fields.count_level),
        "BSE level": of_done(fields.bse_level),
        "energy offset [eV]": of_done(fields.offset),
        "energy gain [%]": of_done(100 * fields.gain),
        "over-dispersion": of_done(fields.over_dispersion),
    }


def table_of_fields_needed(section: SectionSummary) -> Table:
    """Table of how many fields like these a 95 % interval of a half-width takes.

    Parameters
    ----------
    section : SectionSummary

    Returns
    -------
    dict of str to (G,) array
        ``phase``, ``name``, ``area [%]``, ``spread between fields [%]`` (the error of one field), ``half-width [%]`` of
        the fields that there are, ``fields for +-1 %`` of the area, and ``fields for +-5 % of it``, of the share of the
        phase. Empty where a phase occurs in too few fields to tell.
    """
    composition = section.composition
    spread, percent = composition.spread, composition.percent
    return {
        "phase": np.arange(1, len(percent) + 1),
        "name": np.array(section.names.titles, dtype=np.str_),
        "area [%]": percent,
        "spread between fields [%]": spread,
        "half-width [%]": (composition.high - composition.low) / 2,
        **{f"fields for +-{x:g} %": fields_needed(spread, x) for x in HALF_WIDTHS},
        **{f"fields for +-{100 * x:g} % of it": fields_needed(spread, x * percent) for x in RELATIVE_HALF_WIDTHS},
    }


def table_of_set_aside(plan: BatchPlan, journal: Journal) -> Table:
    """Table of the fields that were set aside: ``field``, ``file``, ``tries``, ``error``; no row where there are none.

    Parameters
    ----------
    plan : BatchPlan
    journal : Journal
    """
    found = [(each, journal.of(each.name)) for each in plan.inputs]
    found = [(each, state) for each, state in found if state.state == "set aside"]
    return {
        "field": np.array([each.name for each, _ in found], dtype=np.str_),
        "file": np.array([os.fspath(each.path) for each, _ in found], dtype=np.str_),
        "tries": np.array([state.tries for _, state in found], dtype=np.int64),
        "error": np.array([state.error for _, state in found], dtype=np.str_),
    }


def _write_spectra(path: Path, section: SectionSummary) -> None:
    """Write a folder with the summed spectrum of each phase as EMSA/MAS, called after it."""
    phases, titles = section.phases, section.names.titles
    digits = len(str(len(titles)))
    stems = file_stems(f"{phase:0{digits}d} {title}" for phase, title in enumerate(titles, start=1))
    with atomic_folder(path, overwrite=True) as folder:
        for phase, stem in enumerate(stems.values()):
            write_msa(
                folder / f"{stem}.msa",
                phases.spectra[phase],
                phases.energy,
                title=titles[phase],
                beam_energy=section.fields.beam_energy,
                comments=[
                    f"Phase {phase + 1} of a section, the sum of {phases.pool.size[phase]} measurements in "
                    f"{section.composition.in_fields[phase]} fields."
                ],
            )
