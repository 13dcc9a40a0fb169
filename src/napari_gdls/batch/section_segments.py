"""The table of all segments of a section, summed tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_results import SURE, FieldResult
from napari_gdls.batch.places import SectionPlaces, Window

_NO_CONFIDENCE = np.zeros((1, 1), dtype=np.uint8)
"""Stands for the image of confidences of a field that has none."""


class SegmentSums:
    """Sums over the pixels and measurements of each of S segments.

    Parameters
    ----------
    n_segments : int
    """

    def __init__(self, n_segments: int) -> None:
        n = n_segments + 1
        self._area = np.zeros(n, dtype=np.int64)
        self._sums = np.zeros((n, 4))
        """Of rows, columns, BSE, confidence."""
        self._box = np.full((n, 4), -1, dtype=np.int64)
        """First row, first column, last row, last column; -1 before there is a pixel."""
        self._at_border = np.zeros(n, dtype=np.bool_)
        self._fields = np.zeros(n, dtype=np.int64)
        self._measurements = np.zeros(n, dtype=np.int64)
        self._counts = np.zeros(n)
        self._has_confidence = False

    def add(
        self,
        window: Window,
        segments: npt.NDArray[np.uint32],
        bse: npt.NDArray[Any],
        confidence: npt.NDArray[np.uint8] | None,
        at_edge: npt.NDArray[np.bool_],
    ) -> None:
        """Add the pixels of a tile.

        Parameters
        ----------
        window : Window
            Where the tile is.
        segments : (h, w) array of uint32
            0: none.
        bse : (h, w) array
        confidence : (h, w) array of uint8, optional
        at_edge : (h, w) array of bool
            Whether there is no field on some side of the pixel.
        """
        self._has_confidence = confidence is not None
        _add_pixels(
            segments,
            bse.astype(np.float64),
            _NO_CONFIDENCE if confidence is None else confidence,
            window.top,
            window.left,
            self._area,
            self._sums,
            self._box,
        )
        self._at_border[np.unique(segments[at_edge])] = True

    def add_measured(self, of_labels: npt.NDArray[np.uint32], result: FieldResult) -> None:
        """Add the measurements of the segments of a field.

        Parameters
        ----------
        of_labels : (K + 1,) array of uint32
            Segment of the section of each label.
        result : FieldResult
        """
        of = of_labels[result.segments["label"].astype(np.int64)]
        np.add.at(self._measurements, of, result.segments["measurements"].astype(np.int64))
        np.add.at(self._counts, of, result.segments["counts"])
        self._fields[np.unique(of)] += 1

    def table(
        self, phases: npt.NDArray[np.int64], names: Sequence[str], places: SectionPlaces
    ) -> dict[str, npt.NDArray[Any]]:
        """One row a segment.

        Parameters
        ----------
        phases : (S,) array of int64
        names : sequence of str
            Of the phases.
        places : SectionPlaces

        Returns
        -------
        dict of str to (S,) array
            ``segment``, as in the mosaic; ``phase``, from 1; ``name``; ``area [px]``, and where the pixel size is known
            ``area [um2]``; ``centroid row [px]``, ``centroid column [px]`` in the mosaic; ``first row [px]``, ``first
            column [px]``, ``last row [px]``, ``last column [px]``; ``fields`` that it lies in; ``at border``, whether
            the fields end at it; ``measurements``; ``counts``; ``mean BSE``; ``mean confidence``. Measurements where
            fields overlap count for both.
        """
        area = np.maximum(self._area[1:], 1)
        mean = self._sums[1:] / area[:, None]
        box = self._box[1:]
        called = np.array([*names, ""], dtype=np.str_)
        table: dict[str, npt.NDArray[Any]] = {
            "segment": np.arange(1, len(area) + 1),
            "phase": phases + 1,
            "name": called[phases],
            "area [px]": self._area[1:],
        }
        if places.pixel_size is not None:
            table["area [um2]"] = self._area[1:] * places.pixel_size**2
        table |= {
            "centroid row [px]": mean[:, 0],
            "centroid column [px]": mean[:, 1],
            "first row [px]": box[:, 0],
            "first column [px]": box[:, 1],
            "last row [px]": box[:, 2],
            "last column [px]": box[:, 3],
            "fields": self._fields[1:],
            "at border": self._at_border[1:],
            "measurements": self._measurements[1:],
            "counts": self._counts[1:],
            "mean BSE": mean[:, 2],
        }
        if self._has_confidence:
            table["mean confidence"] = mean[:, 3] / SURE
        return table


@nb.njit(cache=True, nogil=True)
def _add_pixels(
    segments: npt.NDArray[np.uint32],
    bse: npt.NDArray[np.float64],
    confidence: npt.NDArray[np.uint8],
    top: int,
    left: int,
    area: npt.NDArray[np.int64],
    sums: npt.NDArray[np.float64],
    box: npt.NDArray[np.int64],
) -> None:
    """Add the pixels of a tile to the sums of their segments.

    Relies on segments of 0..S, on arrays of S + 1 rows, on a BSE of the shape of the tile, and on a confidence of it,
    or of a single pixel for none.
    """
    known = confidence.shape == segments.shape
    for i in range(segments.shape[0]):
        for j in range(segments.shape[1]):
            k = segments[i, j]
            if k == 0:
                continue
            row, column = top + i, left + j
            area[k] += 1
            sums[k, 0] += row
            sums[k, 1] += column
            sums[k, 2] += bse[i, j]
            if known:
                sums[k, 3] += confidence[i, j]
            if box[k, 0] < 0:
                box[k, 0], box[k, 1], box[k, 2], box[k, 3] = row, column, row, column
            box[k, 0], box[k, 1] = min(box[k, 0], row), min(box[k, 1], column)
            box[k, 2], box[k, 3] = max(box[k, 2], row), max(box[k, 3], column)
