"""The figures of the report of a section, as SVG drawings; equal sections give equal ones."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.section_composition import LEAST_FIELDS, half_width_of, subsampled_half_widths
from napari_gdls.batch.section_summary import SectionSummary

MOST_BARS = 20
"""Phases in the chart of the composition; a page is full then."""

MOST_CURVES = 8
"""Phases in the figure of fields needed, and of maps of their shares: more lines are not told apart."""

_LONGEST_TITLE = 40
"""Characters of the name of a phase in a figure; longer ones are cut."""

_SUBSETS = np.array([0.1, 0.2, 0.4, 0.7])
"""Parts of all fields for which subsets of them check the curves."""

_DOT = 9.0
"""Area of a dot of a field, in points squared; by eye."""

_DARKER = 0.85
"""By which colours of phases are multiplied where they are thin lines on white; by eye."""

_STYLE: Any = {
    "svg.hashsalt": "napari-gdls",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#667",
    "axes.axisbelow": True,
}


def drawn(figure: Any) -> str:
    """A figure as the text of an SVG drawing, without a date."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, dpi=160)
    return out.getvalue()


def _title(section: SectionSummary, phase: int) -> str:
    title = section.names.titles[phase]
    cut = title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"
    return cut.replace("$", r"\$")  # matplotlib takes what stands between two of them for a formula


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def composition_figure(section: SectionSummary) -> str:
    """Bars of the area of the main phases with their 95 % intervals, and a second mark for counting alone."""
    from matplotlib import rc_context

    composition = section.composition
    chosen = np.argsort(-composition.percent, kind="stable")[:MOST_BARS]
    percent = composition.percent[chosen]
    with rc_context(_STYLE):
        figure = _figure(8, 0.6 + 0.27 * len(chosen))
        axes = figure.subplots()
        y = np.arange(len(chosen))
        axes.barh(y, percent, color=section.names.colours[chosen], edgecolor="#556", linewidth=0.5, height=0.72)
        known = np.isfinite(composition.low[chosen])
        reach = np.stack([percent - composition.low[chosen], composition.high[chosen] - percent])[:, known]
        axes.errorbar(
            percent[known], y[known], xerr=np.maximum(reach, 0), fmt="none", ecolor="#223", elinewidth=1.2, capsize=3,
            label="95 %, for the rock",
        )  # fmt: skip
        axes.errorbar(
            percent, y + 0.22, xerr=1.96 * composition.counting_error[chosen], fmt="none", ecolor="#c33",
            elinewidth=2.5, label="95 %, counting alone",
        )  # fmt: skip
        axes.set_yticks(y, [_title(section, k) for k in chosen.tolist()])
        axes.invert_yaxis()
        axes.set_xlabel("area, %")
        axes.set_xlim(left=0)
        axes.grid(axis="x", alpha=0.3)
        axes.legend(loc="lower right", frameon=False)
        return drawn(figure)


def fields_needed_figure(section: SectionSummary) -> str:
    """Half-width of the 95 % interval over the number of fields, for the main phases; "" where nothing is known."""
    from matplotlib import rc_context

    composition = section.composition
    order = np.argsort(-composition.percent, kind="stable")
    chosen = [k for k in order.tolist() if np.isfinite(composition.spread[k])][:MOST_CURVES]
    if not chosen:
        return ""
    n_fields = composition.n_fields
    n = np.unique(np.round(np.geomspace(LEAST_FIELDS, max(20 * n_fields, 100), 60)))
    sizes = np.unique(np.round(_SUBSETS * n_fields).astype(np.int64))
    sizes = sizes[(sizes >= LEAST_FIELDS) & (sizes < n_fields)]
    tried = subsampled_half_widths(section.fields.points, sizes)
    with rc_context(_STYLE):
        figure = _figure(8, 4.2)
        axes = figure.subplots()
        for k in chosen:
            colour = section.names.colours[k] * _DARKER
            axes.loglog(n, half_width_of(composition.spread[k], n), color=colour, lw=1.6, label=_title(section, k))
            axes.plot(sizes, tried[:, k], "o", color=colour, ms=3.5)
        axes.axvline(n_fields, color="#667", ls=":", lw=1)
        axes.annotate(
            f"{n_fields:,} fields", (n_fields, 1), xycoords=("data", "axes fraction"), xytext=(4, -10),
            textcoords="offset points", color="#556",
        )  # fmt: skip
        axes.set(xlabel="number of fields", ylabel="half-width of the 95 % interval, % of the area")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(which="both", alpha=0.2)
        figure.legend(loc="outside right upper", frameon=False)
        return drawn(figure)


def shares_figure(section: SectionSummary, positions: npt.NDArray[np.float64] | None) -> str:
    """Share of each main phase in every field: as maps where positions are known, else in the order of the fields.

    Parameters
    ----------
    section : SectionSummary
    positions : (F, 2) array, or None
        Centres of the fields downwards and to the right, in any unit.
    """
    from matplotlib import rc_context

    points = section.fields.points
    share = 100 * points / np.maximum(points.sum(axis=1, keepdims=True), 1)
    chosen = np.argsort(-section.composition.percent, kind="stable")[:MOST_CURVES].tolist()
    columns = min(len(chosen), 4)
    rows = -(-len(chosen) // columns)
    with rc_context(_STYLE):
        figure = _figure(8, 2.2 * rows)
        panels = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
        for panel, k in zip(panels, chosen, strict=False):
            panel.set_title(_title(section, k), fontsize=8)
            if positions is None:
                panel.plot(
                    np.arange(1, len(share) + 1), share[:, k], ".", ms=2.5, color=section.names.colours[k] * _DARKER
                )
                panel.set_ylim(bottom=0)
                continue
            _map_of_fields(figure, panel, positions, section.fields.shapes, share[:, k])
        for panel in panels[len(chosen) :]:
            panel.set_visible(False)
        return drawn(figure)


def _map_of_fields(
    figure: Any, panel: Any, positions: npt.NDArray[np.float64], shapes: npt.NDArray[np.int64], value: Any
) -> None:
    """Each field as a rectangle in the colour of its value."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    patches = [Rectangle((x - w / 2, y - h / 2), w, h) for (y, x), (h, w) in zip(positions, shapes, strict=True)]
    drawn_fields = PatchCollection(patches, cmap="viridis", linewidth=0, rasterized=True)
    drawn_fields.set_array(np.asarray(value))
    panel.add_collection(drawn_fields)
    panel.set_aspect("equal")
    low, high = (positions - shapes / 2).min(axis=0), (positions + shapes / 2).max(axis=0)
    panel.set(xlim=(low[1], high[1]), ylim=(high[0], low[0]), xticks=[], yticks=[])
    panel.spines[:].set_visible(False)
    figure.colorbar(drawn_fields, ax=panel, shrink=0.8, pad=0.02)


def instrument_figure(section: SectionSummary) -> str:
    """How the instrument stood from field to field: counts, BSE, offset and gain of the energy axis."""
    from matplotlib import rc_context

    fields = section.fields
    panels_of = {
        "counts of the same phases,\n1: as in the section": fields.count_level,
        "BSE of the same phases,\n1: as in the section": fields.bse_level,
        "energy offset, eV": fields.offset,
        "energy gain, %": 100 * fields.gain,
    }
    with rc_context(_STYLE):
        figure = _figure(8, 3.6)
        panels = figure.subplots(2, 2, sharex=True).ravel()
        for panel, (title, values) in zip(panels, panels_of.items(), strict=True):
            panel.scatter(np.arange(1, len(values) + 1), values, s=_DOT, color="#357", linewidth=0, rasterized=True)
            panel.axhline(1 if "1:" in title else 0, color="#889", lw=0.8)
            panel.set_ylabel(title, fontsize=8)
            panel.grid(alpha=0.25)
            panel.ticklabel_format(axis="y", useOffset=False)
        for panel in panels[2:]:
            panel.set_xlabel("fields, in the order of the batch")
        return drawn(figure)
