"""Tables of separated phases: the same columns in files, on the terminal and in the dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_gdls.overlap.component_number import ComponentEvidence
    from napari_gdls.overlap.decomposition import Decomposition
    from napari_gdls.overlap.separation import Separation
    from napari_gdls.overlap.traces import TraceReport, TraceRow

Table = dict[str, npt.NDArray[Any]]

_MOST_EIGENVALUES = 20
"""Rows of the table of components: beyond, eigenvalues are those of noise in any map that is known."""


def share_table(separation: Separation) -> Table:
    """How much of each grain's mask the matrix gave.

    Returns
    -------
    dict of str to (G,) array
        One row per grain. ``grain``; ``under``, the phases that were subtracted; ``pixels``, of the mask that was
        summed, without intersections; ``share of matrix``, of the mask's counts, 0 to 1; ``low`` and ``high``, its 95 %
        interval; ``confirmed``; ``tie elements`` that it follows from; ``reason``, why it is confirmed, or not.
    """
    grains = separation.grains
    intervals = np.array([separation.intervals[grain] for grain in grains], dtype=np.float64).reshape(-1, 2)
    return {
        "grain": _words(grains),
        "under": _words(" + ".join(separation.under[grain]) for grain in grains),
        "pixels": np.array([np.count_nonzero(separation.masks[grain]) for grain in grains], dtype=np.int64),
        "share of matrix": np.array([separation.factors[grain] for grain in grains], dtype=np.float64),
        "low": intervals[:, 0],
        "high": intervals[:, 1],
        "confirmed": np.array([separation.confirmed[grain] for grain in grains], dtype=bool),
        "tie elements": _words(" ".join(used_ties(separation, grain)) for grain in grains),
        "reason": _words(separation.reasons[grain] for grain in grains),
    }


def used_ties(separation: Separation, grain: str) -> list[str]:
    """Elements that the share of a grain follows from; none where it was given by hand."""
    return [tie.element for tie in separation.ties[grain] if tie.used]


def tie_table(separation: Separation) -> Table:
    """Elements that the matrix has, and the share of the matrix if a grain holds nothing of them.

    Returns
    -------
    dict of str to (n,) array
        ``grain``, ``element``, ``share of matrix`` of the mask's counts and its standard error ``sigma``, and ``used``,
        whether the share was taken from it.
    """
    rows = [(grain, tie) for grain in separation.grains for tie in separation.ties[grain]]
    return {
        "grain": _words(grain for grain, _ in rows),
        "element": _words(tie.element for _, tie in rows),
        "share of matrix": np.array([tie.share for _, tie in rows], dtype=np.float64),
        "sigma": np.array([tie.sigma for _, tie in rows], dtype=np.float64),
        "used": np.array([tie.used for _, tie in rows], dtype=bool),
    }


def trace_table(report: TraceReport) -> Table:
    """Net counts of the elements in the phases.

    Returns
    -------
    dict of str to (n,) array
        ``phase``, ``element``, ``line``; ``net [counts]`` of the pure phase and its standard error ``sigma [counts]``;
        ``significance``, their quotient; ``detection limit [counts]``; ``significance in the box``, of the same net in
        the box, and ``gain`` of the mask over it; ``atomic [%]``, its error and its detection limit, and ``mass [%]``
        with its error, of the elements of the report.
    """
    rows = report.rows

    def numbers(name: str) -> npt.NDArray[np.float64]:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    return {
        "phase": _words(row.phase for row in rows),
        "element": _words(row.element for row in rows),
        "line": _words(row.line for row in rows),
        "net [counts]": numbers("net"),
        "sigma [counts]": numbers("sigma"),
        "significance": numbers("significance"),
        "detection limit [counts]": numbers("detection_limit"),
        "significance in the box": numbers("box_significance"),
        "gain": numbers("gain"),
        "atomic [%]": numbers("atomic_percent"),
        "atomic error [%]": numbers("atomic_percent_error"),
        "atomic detection limit [%]": numbers("detection_limit_atomic_percent"),
        "mass [%]": numbers("mass_percent"),
        "mass error [%]": numbers("mass_percent_error"),
    }


def ratio_table(report: TraceReport, matrix: str) -> Table:
    """Atomic ratios in each phase, and how elements are shared among phases.

    Parameters
    ----------
    report : TraceReport
    matrix : str
        Name of the phase that others are compared with.

    Returns
    -------
    dict of str to (n,) array
        ``quantity``: "atomic ratio" of ``element`` to ``reference element``, the commonest of the phase; or "partition
        coefficient", the mass fraction of ``element`` in ``phase`` over that in ``reference phase``; ``value`` and its
        ``error``, NaN where the reference holds none. Elements above their detection limit in the phase, or in one of
        the two phases.
    """
    by_phase: dict[str, dict[str, TraceRow]] = {}
    for row in report.rows:
        by_phase.setdefault(row.phase, {})[row.element] = row
    rows: list[tuple[str, str, str, str, str, float, float]] = []
    for phase, elements in by_phase.items():
        found = [row for row in elements.values() if row.net > row.detection_limit]
        if found:
            commonest = max(found, key=lambda row: row.atomic_percent).element
            for row in found:
                if row.element != commonest:
                    ratio = report.ratio(row.element, commonest, phase)
                    rows.append(("atomic ratio", row.element, commonest, phase, "", *ratio))
        if phase == matrix:
            continue
        for element, row in elements.items():
            below = by_phase[matrix][element]
            if row.net > row.detection_limit or below.net > below.detection_limit:
                coefficient = report.partition(element, phase, matrix)
                rows.append(("partition coefficient", element, "", phase, matrix, *coefficient))
    headings = ("quantity", "element", "reference element", "phase", "reference phase")
    table: Table = {heading: _words(row[i] for row in rows) for i, heading in enumerate(headings)}
    values = np.array([row[5:] for row in rows], dtype=np.float64).reshape(-1, 2)
    values[~np.isfinite(values).all(axis=1)] = np.nan
    return table | {"value": values[:, 0], "error": values[:, 1]}


def spectrum_table(separation: Separation) -> Table:
    """Spectra of all phases side by side.

    Returns
    -------
    dict of str to (D,) array
        ``energy [eV]`` of the channel centres; and for every phase the counts of its mask, those of the ``pure`` phase,
        and their ``variance``.
    """
    table: Table = {"energy [eV]": separation.field.energy.centers}
    for name in separation.names:
        table[f"{name}, mask [counts]"] = np.asarray(separation.mask_spectra[name], dtype=np.float64)
        table[f"{name}, pure [counts]"] = np.asarray(separation.spectra[name], dtype=np.float64)
        table[f"{name}, variance [counts^2]"] = np.asarray(separation.variances[name], dtype=np.float64)
    return table


def loading_table(decomposition: Decomposition) -> Table:
    """Loading spectra: ``energy [eV]``, and a column for each component, counted from 0."""
    table: Table = {"energy [eV]": decomposition.field.energy.centers}
    return table | {f"component {k}": row for k, row in enumerate(decomposition.loadings)}


def evidence_table(evidence: ComponentEvidence) -> Table:
    """How many components there are.

    Returns
    -------
    dict of str to (n,) array
        ``components``; ``deviance`` of counts that were held out, lowest for the number that was chosen; ``chosen``;
        ``eigenvalue`` of the component of this number, weighted by noise, to be compared with the ``edge`` that pure
        noise has.
    """
    numbers = np.asarray(evidence.n, dtype=np.int64)
    n = max(min(len(evidence.eigenvalues), _MOST_EIGENVALUES), int(numbers.max(initial=0)))
    deviance = np.full(n, np.nan)
    deviance[numbers - 1] = evidence.deviance
    eigenvalues = np.full(n, np.nan)
    eigenvalues[: len(evidence.eigenvalues)] = evidence.eigenvalues[:n]
    counted = np.arange(1, n + 1)
    return {
        "components": counted,
        "deviance": deviance,
        "chosen": counted == evidence.chosen,
        "eigenvalue": eigenvalues,
        "edge": np.full(n, float(evidence.edge)),
    }


def _words(words: Any) -> npt.NDArray[np.str_]:
    return np.array(list(words), dtype=np.str_)
