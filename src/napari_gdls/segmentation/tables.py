"""Tables of segments, of phases, and of the phases that could be one: the same columns in files and in napari."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldError
from napari_gdls.field import Field
from napari_gdls.segmentation.names import UNNAMED, PhaseName

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


def segment_table(
    labels: npt.ArrayLike,
    field: Field,
    measurement_labels: npt.ArrayLike | None = None,
    *,
    phases: npt.ArrayLike | None = None,
    names: Sequence[str] | None = None,
    confidence: npt.ArrayLike | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """Table of segments.

    Parameters
    ----------
    labels : (H, W) array of int
        Segments from 1; 0 takes no part.
    field : Field
    measurement_labels : (N,) array of int, optional
        Segment of every measurement, from 0 (label - 1). None: by the label at the measurement's pixel, which follows
        corrections by hand.
    phases : (K,) array of int, optional
        Phase of each segment, from 0; that of label k stands at k - 1. None: there are none, and no such column.
    names : sequence of P str, optional
        Name of each phase. None: they have none, and no such column.
    confidence : (H, W) array of float, optional
        Probability of each pixel's phase. None: it is not known, and there is no such column.

    Returns
    -------
    dict of str to (K,) array
        One row per label that occurs, by rising label. ``label``; ``phase``, counted from 1, 0 for labels that have
        been added since; ``name`` of the phase; ``area [px]`` and, when the pixel size is known, ``area [um2]``;
        ``centroid row [px]``, ``centroid column [px]``; ``measurements``; ``counts`` (X-ray counts of the cumulative
        spectrum above 50 eV); ``mean BSE``; ``mean confidence``.

    Raises
    ------
    FieldError
        If labels, field, phases and confidence do not fit.
    """
    image = np.asarray(labels)
    if image.shape != field.shape or image.dtype.kind not in "ui":
        raise FieldError(
            f"labels are {image.dtype} of shape {image.shape}; whole numbers of shape {field.shape} are needed."
        )
    if image.min() < 0:
        raise FieldError(f"labels go down to {image.min()}; they must be 0 (nothing) or more.")
    sure = None if confidence is None else np.asarray(confidence, dtype=np.float64)
    if sure is not None and sure.shape != field.shape:
        raise FieldError(f"the confidence has shape {sure.shape} and the field {field.shape}; they must agree.")
    present, inverse = _numbered(image)
    if measurement_labels is None:
        group = inverse[field.locations[:, 0], field.locations[:, 1]]
    else:
        given = np.asarray(measurement_labels) + 1
        if given.shape != (field.n_measurements,):
            raise FieldError(f"{given.shape} measurement labels for {field.n_measurements} measurements.")
        group = np.searchsorted(present, given).clip(max=len(present) - 1)
        group = np.where(present[group] == given, group, -1)
    member = group >= 0
    area, *sums = _sums_over_pixels(
        inverse, field.bse.astype(np.float64), np.zeros((1, 1)) if sure is None else sure, len(present)
    )
    row, column, bse, confident = (total / np.maximum(area, 1) for total in sums)
    table: dict[str, npt.NDArray[Any]] = {"label": present}
    if phases is not None:
        table["phase"] = _phase_of(present, np.asarray(phases))
        if names is not None:
            table["name"] = np.array(["", *names], dtype=np.str_)[table["phase"]]
    table["area [px]"] = area
    if field.pixel_size is not None:
        table["area [um2]"] = area * field.pixel_size**2
    table["centroid row [px]"] = row
    table["centroid column [px]"] = column
    table["measurements"] = np.bincount(group[member], minlength=len(present))
    table["counts"] = np.bincount(group[member], weights=field.total_counts[member], minlength=len(present))
    table["mean BSE"] = bse
    if sure is not None:
        table["mean confidence"] = confident
    return {name: column[present > 0] for name, column in table.items()}


def _numbered(image: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Labels that occur, rising, and for each pixel which of them it has."""
    largest = int(image.max())
    if largest > image.size:  # labels with so large gaps that there is no room to count
        present, inverse = np.unique(image, return_inverse=True)
        return present, inverse.reshape(image.shape)
    occurs = np.bincount(image.ravel(), minlength=1) > 0
    return np.flatnonzero(occurs).astype(image.dtype), (np.cumsum(occurs) - 1)[image]


@nb.njit(cache=True, nogil=True)
def _sums_over_pixels(
    number: npt.NDArray[np.int64], bse: npt.NDArray[np.float64], sure: npt.NDArray[np.float64], n: int
) -> tuple[
    npt.NDArray[np.int64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
]:
    """Number of pixels of each of n labels, and sums of their rows, columns, BSE and confidence.

    Relies on numbers of 0..n - 1, on a BSE image of their shape, and on a confidence of it, or of a single pixel for
    none.
    """
    area, rows, columns = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n)
    total, confident = np.zeros(n), np.zeros(n)
    has_confidence = sure.shape == number.shape
    for y in range(number.shape[0]):
        for x in range(number.shape[1]):
            k = number[y, x]
            area[k] += 1
            rows[k] += y
            columns[k] += x
            total[k] += bse[y, x]
            if has_confidence:
                confident[k] += sure[y, x]
    return area, rows, columns, total, confident


def phase_table(
    segmentation: Segmentation, *, of_phases: npt.NDArray[np.float64] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Table of phases.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that makes phases.
    of_phases : (P, 3) array, optional
        The colours that they are shown in. None: `Segmentation.phase_colours`.

    Returns
    -------
    dict of str to (P,) array
        One row per phase. ``phase``, counted from 1 as in `Segmentation.phase_map`; where phases are named ``name``,
        its ``probability`` (NaN for names by hand), ``not to be told from``, what the name stands for as well, joined
        by "; ", and the mineral ``group``; ``area [%]`` and its standard error
        ``error [%]``, see `napari_gdls.phases.modal`; ``segments``; ``measurements``, mixed ones counted for their
        first phase; ``counts``, X-ray counts above 50 eV of these; ``mean BSE``, of the measurements inside grains;
        ``fine-grained``, whether it is a mixture of grains too small to be told apart; ``colour``, as in picture and
        dock, sRGB as "#rrggbb".

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    modal = segmentation.modal
    found = segmentation.measurement_phases
    assert found is not None  # or there would be no modal composition
    field, n = segmentation.field, found.n_phases
    colours = segmentation.phase_colours if of_phases is None else of_phases
    return {
        "phase": np.arange(1, n + 1),
        **columns_of_names(segmentation.names),
        "area [%]": modal.percent,
        "error [%]": modal.error,
        "segments": np.bincount(segmentation.phases, minlength=n),
        "measurements": np.bincount(found.labels, minlength=n),
        "counts": np.bincount(found.labels, weights=field.total_counts, minlength=n).astype(np.int64),
        "mean BSE": found.pool.bse * field.bse_full_scale,
        "fine-grained": found.intergrown,
        "colour": np.array([hexadecimal(colour) for colour in colours], dtype=np.str_),
    }


def mineral_table(segmentation: Segmentation) -> dict[str, npt.NDArray[Any]]:
    """Table of what the phases are and what is in them.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that makes phases.

    Returns
    -------
    dict of str to (P,) array
        One row per phase: ``phase``, counted from 1; ``name``, ``probability`` (NaN where there is none); ``source``
        of the name ("measured", "hand", "scheme"); ``not to be told from``; ``group``; ``formula``; and all quantities
        that any phase has, by their names with units (``Si [wt%]``, ``Si error [wt%]``, ``An``), NaN for other phases.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    return table_of_names(segmentation.names or (UNNAMED,) * segmentation.grouped.n_phases)


def table_of_names(names: Sequence[PhaseName]) -> dict[str, npt.NDArray[Any]]:
    """The table of `mineral_table` for P phases of which the names are known."""
    table: dict[str, npt.NDArray[Any]] = {
        "phase": np.arange(1, len(names) + 1),
        **columns_of_names(names),
        "source": np.array([name.source for name in names], dtype=np.str_),
        "formula": np.array([name.formula for name in names], dtype=np.str_),
    }
    for quantity in dict.fromkeys(quantity for name in names for quantity in name.quantities):
        if quantity not in table:
            table[quantity] = np.array([name.quantities.get(quantity, math.nan) for name in names], dtype=np.float64)
    return table


def phase_merge_table(segmentation: Segmentation) -> dict[str, npt.NDArray[Any]]:
    """Table of the phases that could be one, those that differ least first.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that makes phases.

    Returns
    -------
    dict of str to (P - 1,) array
        ``first phases`` and ``second phases``, counted from 1, such as "2 5" for two that an earlier row has made one;
        ``difference``, by how much they differ, on the scale of tau_z; ``significance``, how sure it is that they do:
        x for a probability of error of less than exp(-x). At or below that of the recipe it may be chance.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    merges = segmentation.merges
    return {
        "first phases": np.array([_listed(merge.first) for merge in merges], dtype=np.str_),
        "second phases": np.array([_listed(merge.second) for merge in merges], dtype=np.str_),
        "difference": np.array([merge.difference for merge in merges], dtype=np.float64),
        "significance": np.array([merge.significance for merge in merges], dtype=np.float64),
    }


def columns_of_names(names: Sequence[PhaseName]) -> dict[str, npt.NDArray[Any]]:
    """Columns that tell what phases are called: none where there are no names; see `phase_table`."""
    if not names:
        return {}
    return {
        "name": np.array([name.name for name in names], dtype=np.str_),
        "probability": np.array([math.nan if name.probability is None else name.probability for name in names]),
        "not to be told from": np.array(["; ".join(name.cannot_be_told_from) for name in names], dtype=np.str_),
        "group": np.array([name.group for name in names], dtype=np.str_),
    }


def _phase_of(labels: npt.NDArray[Any], phases: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if phases.ndim != 1 or phases.dtype.kind not in "ui":
        raise FieldError(f"phases are {phases.dtype} of shape {phases.shape}; one whole number a segment is needed.")
    known = (labels > 0) & (labels <= len(phases))
    out = np.zeros(len(labels), dtype=np.int64)
    out[known] = phases[labels[known].astype(np.int64) - 1] + 1
    return out


def hexadecimal(colour: npt.NDArray[np.float64]) -> str:
    """A colour, (3,) sRGB from 0 to 1, as "#rrggbb"."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


def _listed(phases: tuple[int, ...]) -> str:
    return " ".join(str(phase + 1) for phase in phases)
