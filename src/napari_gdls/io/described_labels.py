"""A label image with all that is said of its labels: what formats with room for more than numbers write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError

LARGEST_LABEL = 2**32 - 1
"""That is written: what 32 bits hold, in every format."""


@dataclass(frozen=True, eq=False)
class DescribedLabels:
    """A label image and a table of its labels.

    Attributes
    ----------
    name : str
        What the labels are: "segments", "phases".
    labels : (H, W) array of int
        From 0, which is nothing.
    table : mapping of str to (K,) array
        A row for every label that is described, by rising label. The first column is ``label``; the others are as in
        the tables of a result: numbers or text, with their unit in the heading; NaN where nothing is known.
    classes : sequence of K str, optional
        What each label belongs to: the mineral; "" for nothing. None: there are no classes.
    colours : (K, 3) array of float, optional
        sRGB, 0 to 1. None: programs choose them.

    Raises
    ------
    OutputError
        If the labels are no whole numbers from 0 to 4,294,967,295, or the parts do not fit together.
    """

    name: str
    labels: npt.NDArray[Any]
    table: Mapping[str, npt.NDArray[Any]]
    classes: Sequence[str] | None = None
    colours: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        checked_labels(self.name, self.labels)
        lengths = {len(column) for column in self.table.values()}
        lengths |= {len(part) for part in (self.classes, self.colours) if part is not None}
        if next(iter(self.table), None) != "label" or len(lengths) != 1:
            raise OutputError(f"{self.name}: the table of labels has no column 'label', or its columns do not fit.")

    @property
    def values(self) -> npt.NDArray[Any]:
        """The labels that are described, (K,), rising."""
        return self.table["label"]

    def colours_8bit(self) -> list[list[int]] | None:
        """Colours as whole numbers from 0 to 255, K lists of three; None where there are none."""
        if self.colours is None:
            return None
        rounded: list[list[int]] = np.round(255 * np.clip(self.colours, 0, 1)).astype(int).tolist()
        return rounded

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table as JSON has them, without what is not known (NaN)."""
        columns = {heading: values.tolist() for heading, values in self.table.items()}
        return [
            {heading: value for heading, value in zip(columns, row, strict=True) if value == value}
            for row in zip(*columns.values(), strict=True)
        ]


def described_by_titles(name: str, labels: npt.ArrayLike, titles: Mapping[int, str]) -> DescribedLabels:
    """A label image of which nothing is known but what its labels are called, if that.

    Raises
    ------
    OutputError
        As `DescribedLabels`.
    """
    image = checked_labels(name, np.asarray(labels))
    present = np.unique(image)
    present = present[present > 0].astype(np.int64)
    classes = [titles.get(label, "") for label in present.tolist()]
    return DescribedLabels(name, image, {"label": present}, classes if any(classes) else None)


def checked_labels(name: str, labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A label image as it is, if it can be written as one.

    Raises
    ------
    OutputError
        If it is not of shape (H, W), or holds other things than whole numbers from 0 to 4,294,967,295.
    """
    if labels.ndim != 2 or labels.size == 0 or labels.dtype.kind not in "uib":
        raise OutputError(f"{name}: {labels.dtype} of shape {labels.shape} is no label image (height, width).")
    if int(labels.min()) < 0 or int(labels.max()) > LARGEST_LABEL:
        raise OutputError(
            f"{name}: labels run from {labels.min()} to {labels.max()}; 0 to {LARGEST_LABEL:,} can be written."
        )
    return labels
