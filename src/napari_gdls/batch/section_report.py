"""The report of a section: one HTML file that shows all of it, and needs nothing else."""

from __future__ import annotations

import base64
import io
import os
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.layout import Layout
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.section_composition import LEAST_FIELDS
from napari_gdls.batch.section_figures import (
    MOST_CURVES,
    composition_figure,
    fields_needed_figure,
    instrument_figure,
    shares_figure,
)
from napari_gdls.batch.section_overview import MOST_SHOWN, overview_step, section_overview
from napari_gdls.batch.section_summary import BLOCK, SectionSummary, positions_of
from napari_gdls.batch.section_tables import table_of_fields_needed, table_of_set_aside
from napari_gdls.errors import GdlsError
from napari_gdls.io.atomic import write_text
from napari_gdls.progress import Progress, silent
from napari_gdls.segmentation.names import UNKNOWN
from napari_gdls.segmentation.tables import hexadecimal

MOST_ROWS = 40
"""Of a table in the report; the CSV files have all."""

_MOST_LEGEND = 24
"""Phases in the legend of the map; smaller ones are hardly seen there."""

_MOST_NAMED = 8
"""Fields that a warning lists."""

_LEVEL = 0.10
"""Part by which counts or BSE of the same phases may differ before it is said: compositions, which rest on the shape of
spectra, bear more; grey values that rules ask for do not."""

_SHIFT = 5.0
"""eV at 6 keV, likewise: half a usual channel; lines of neighbours in the list of elements lie 50 eV apart and more."""

_REFERENCE = 6000.0
"""eV; where the shift of the energy axis is quoted, as for the drift within a field."""

_UNKNOWN_SHARE = 5.0
"""Percent of the area without a name from which on it is said."""

Table = dict[str, npt.NDArray[Any]]


def lacking_for_report() -> str:
    """What keeps a report from being written, with what to do; "" where nothing does."""
    lacking = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if not lacking:
        return ""
    return f"no report: {' and '.join(lacking)} not installed; pip install 'napari-gdls[report]'."


def write_section_report(
    layout: Layout,
    plan: BatchPlan,
    section: SectionSummary,
    results: Mapping[str, Path],
    *,
    progress: Progress | None = None,
) -> Path:
    """Write the report of a section as ``report.html``, atomically; equal sections give equal files.

    It shows the map, the composition with its errors, how many fields it takes, the fields one by one, how the
    instrument stood, and what calls for somebody. Pictures are in the file; it links to nothing.

    Parameters
    ----------
    layout : Layout
    plan : BatchPlan
    section : SectionSummary
    results : mapping of str to Path
        Results of the fields, by name: their labels are read one at a time for the map.
    progress : Progress, optional
        Receives "report"; may cancel.

    Returns
    -------
    Path

    Raises
    ------
    GdlsError
        If jinja2 or matplotlib is not installed (`lacking_for_report` says so before the work).
    FieldReadError
        If a result is damaged.
    OutputError
        If the system refuses.
    """
    lacking = lacking_for_report()
    if lacking:
        raise GdlsError(lacking)
    from jinja2 import Environment, StrictUndefined

    source = files("napari_gdls.batch").joinpath("section_report.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False).from_string(source)
    positions = positions_of(plan, section)
    known = np.isfinite(positions).all() and section.places is not None and section.places.pixel_size is not None
    pixel = section.places.pixel_size if known and section.places is not None else None
    overview = section_overview(
        section.phases, results, section.names.colours, section.places, progress=progress or silent
    )
    needed = table_of_fields_needed(section)
    path = layout.report
    values = {
        "title": layout.folder.name,
        "program": f"napari-gdls {plan.version}",
        "source": _source(plan),
        "facts": _facts(plan, section),
        "warnings": warnings_of(plan, section),
        "map": _png(overview),
        "map_words": _map_words(section),
        "composition_words": _composition_words(section),
        "phases": _phase_rows(section),
        "rest": f"{np.sort(section.composition.percent)[::-1][MOST_ROWS:].sum():.2g}",
        "most_rows": MOST_ROWS,
        "most_legend": _MOST_LEGEND,
        "least_fields": LEAST_FIELDS,
        "composition": _encoded(composition_figure(section)),
        "needed": _encoded(fields_needed_figure(section)),
        "needed_headings": [heading for heading in needed if heading.startswith("fields for")],
        "needed_rows": _needed_rows(needed),
        "shares": _encoded(shares_figure(section, positions / pixel if pixel else None)),
        "has_positions": pixel is not None,
        "instrument": _encoded(instrument_figure(section)),
        "set_aside": _rows_of(table_of_set_aside(plan, section.journal)),
        "recipe": plan.recipe.to_json(),
    }
    write_text(path, template.render(values))
    return path


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _png(image: npt.NDArray[np.uint8]) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image).save(out, format="PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def _source(plan: BatchPlan) -> str:
    folders = sorted({os.fspath(each.path.parent) for each in plan.inputs})
    return folders[0] if len(folders) == 1 else f"fields of {len(folders):,} folders"


def _facts(plan: BatchPlan, section: SectionSummary) -> list[tuple[str, str]]:
    fields, places = section.fields, section.places
    done = f"{len(fields.names):,}" + (f" of {len(plan.inputs):,}" if len(plan.inputs) > len(fields.names) else "")
    facts = [
        (done, "fields"),
        (f"{fields.measurements.sum():,}", "measurements"),
        (f"{section.phases.n_phases:,}", "phases"),
        (f"{fields.segments.sum():,}", "segments, each field for itself"),
    ]
    if places is not None:
        facts.append((f"{places.shape[1]:,} x {places.shape[0]:,}", "pixels of the mosaic"))
        if places.pixel_size is not None:
            width, height = (side * places.pixel_size / 1000 for side in reversed(places.shape))
            facts.append((f"{width:.3g} x {height:.3g} mm", "of the section"))
    if fields.beam_energy is not None:
        facts.append((f"{fields.beam_energy:g} keV", "beam"))
    return facts


def _map_words(section: SectionSummary) -> str:
    places = section.places
    if places is not None:
        step = overview_step(places)
        words = f"One pixel in {step} in each direction." if step > 1 else "All pixels."
        return f"{words} Positions from {places.source}." if places.source else words
    n = len(section.fields.names)
    some = f"the first {MOST_SHOWN:,} of {n:,} fields" if n > MOST_SHOWN else "the fields"
    return f"The positions of the fields are not known: {some} side by side, in their order."


def _composition_words(section: SectionSummary) -> str:
    composition = section.composition
    words = (
        "Counting error: how sure the share is in the area that was measured. Sampling error: how sure it is in the "
        "rock, of which the fields are samples; it is found from how much fields differ, and holds the counting error. "
    )
    if not np.isfinite(composition.error).any():
        return f"{words}With {composition.n_fields:,} fields there are too few for it: {LEAST_FIELDS} are needed."
    if composition.n_blocks < composition.n_fields:
        words += (
            f"Neighbouring fields resemble each other, and blocks of {BLOCK} x {BLOCK} fields were resampled "
            f"({composition.n_blocks:,} of them). "
        )
    else:
        words += "Fields were resampled one by one, as if neighbours were not more alike than others. "
    return f"{words}A dash: the phase occurs in fewer than {LEAST_FIELDS} fields, or mostly in two: too few to tell."


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def _phase_rows(section: SectionSummary) -> list[dict[str, str]]:
    """Rows of the table of phases, the largest first."""
    composition, names = section.composition, section.names
    rows = []
    segments = section.fields.segments.sum(axis=0)
    for k in np.argsort(-composition.percent, kind="stable").tolist():
        percent, name = float(composition.percent[k]), names.names[k]
        digits = 2 if percent >= 0.1 else 3
        low, high = float(composition.low[k]), float(composition.high[k])
        mixture = section.phases.intergrown[k] and "mixture" not in names.titles[k]
        rows.append(
            {
                "phase": str(k + 1),
                "name": f"{names.titles[k]}{name.doubt}{' (fine-grained mixture)' if mixture else ''}",
                "formula": name.formula,
                "probability": "" if name.probability is None else f"{name.probability:.2f}",
                "area": _number(percent, digits),
                "counting": _number(float(composition.counting_error[k]), digits),
                "sampling": _number(float(composition.sampling_error[k]), digits),
                "interval": f"{low:.{digits}f} to {high:.{digits}f}" if np.isfinite(low) else "-",
                "fields": f"{composition.in_fields[k]:,}",
                "segments": f"{segments[k]:,}",
                "colour": hexadecimal(names.colours[k]),
            }
        )
    return rows


def _needed_rows(table: Table) -> list[dict[str, Any]]:
    """Rows of the main phases of which the spread is known."""
    headings = [heading for heading in table if heading.startswith("fields for")]
    order = [
        k
        for k in np.argsort(-table["area [%]"], kind="stable").tolist()
        if np.isfinite(table["spread between fields [%]"][k])
    ]
    return [
        {
            "name": str(table["name"][k]),
            "area": f"{table['area [%]'][k]:.2f}",
            "numbers": [f"{table[heading][k]:,.0f}" for heading in headings],
        }
        for k in order[:MOST_CURVES]
    ]


def _rows_of(set_aside: Table) -> list[dict[str, str]]:
    return [
        {"name": str(name), "error": str(error)}
        for name, error in zip(set_aside["field"], set_aside["error"], strict=True)
    ]


def warnings_of(plan: BatchPlan, section: SectionSummary) -> list[str]:
    """What somebody should look at in a section, a sentence each.

    Parameters
    ----------
    plan : BatchPlan
    section : SectionSummary
    """
    fields, names, percent = section.fields, section.names, section.composition.percent
    lines = []
    missing = [each.name for each in plan.inputs if each.name not in set(fields.names)]
    if missing:
        lines.append(f"Not in this report, since they have no result: {_listed(missing)}.")
    for what, odd in (
        (
            f"Counts of the same phases differ by more than {100 * _LEVEL:.0f} %",
            np.abs(fields.count_level - 1) > _LEVEL,
        ),
        (f"BSE of the same phases differs by more than {100 * _LEVEL:.0f} %", np.abs(fields.bse_level - 1) > _LEVEL),
        (
            f"X-ray lines at 6 keV are shifted by more than {_SHIFT:g} eV",
            np.abs(fields.offset + fields.gain * _REFERENCE) > _SHIFT,
        ),
    ):
        if odd.any():
            lines.append(f"{what}: {_listed([fields.names[k] for k in np.flatnonzero(odd).tolist()])}.")
    if names.rows:
        unknown = sum(float(percent[k]) for k, name in enumerate(names.names) if name.name == UNKNOWN)
        if unknown > _UNKNOWN_SHARE:
            lines.append(f"{unknown:.1f} % of the area is of phases that are none of the known minerals.")
        times = Counter(name.name for name in names.names if name.name and name.name != UNKNOWN)
        several = [f"{name} ({number})" for name, number in times.most_common() if number > 1]
        if several:
            lines.append(f"Phases that share a name may differ in composition, or be one: {_listed(several)}.")
    if not np.isfinite(section.composition.error).any():
        lines.append(f"There are too few fields for a sampling error; {LEAST_FIELDS} with a phase are needed.")
    return lines


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
