"""The fields of a mosaic, a few in memory at a time, and which of them each pixel of the mosaic belongs to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_results import IMAGES, FieldResult, read_field_result
from napari_gdls.batch.places import SectionPlaces, Window
from napari_gdls.batch.section_phases import SectionPhases

_HELD = 256 * 1024**2
"""Bytes of fields that are kept in memory, those that were used last: a row of two hundred fields of 500 x 500 px."""


class HeldResults:
    """Results of fields with some of their images; those that were used last are kept in memory.

    Parameters
    ----------
    paths : sequence of Path
    images : collection of str
        Which; see `napari_gdls.batch.field_results.read_field_result`.
    """

    def __init__(self, paths: Sequence[Path], images: Collection[str] = IMAGES) -> None:
        self._paths, self._images = paths, images
        self._held: OrderedDict[int, FieldResult] = OrderedDict()
        self._bytes = 0

    def __getitem__(self, number: int) -> FieldResult:
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        found = read_field_result(self._paths[number], images=self._images)
        self._held[number] = found
        self._bytes += _bytes_of(found)
        while self._bytes > _HELD and len(self._held) > 1:
            self._bytes -= _bytes_of(self._held.popitem(last=False)[1])
        return found

    def bse_and_valid(self, number: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """BSE image of a field, and which of its pixels are valid; both must be among the images."""
        found = self[number]
        assert found.bse is not None
        assert found.valid is not None
        return found.bse, found.valid


class MosaicFields:
    """The fields of a mosaic, in the order of their places.

    Parameters
    ----------
    places : SectionPlaces
    phases : SectionPhases
    results : mapping of str to Path
        Results of the fields, by name.
    """

    def __init__(self, places: SectionPlaces, phases: SectionPhases, results: Mapping[str, Path]) -> None:
        self.places = places
        self._of_parts = phases.of_parts
        self._results = HeldResults([results[name] for name in places.names])
        corners, ends = places.origins, places.origins + places.shapes
        self.windows = [places.window(number) for number in range(len(places.names))]
        self._corners, self._ends = corners, ends
        self._centres = (corners + ends) / 2

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, number: int) -> FieldResult:
        """The result of a field, with its images."""
        return self._results[number]

    def phase_of_segments(self, number: int) -> npt.NDArray[np.int64]:
        """Phase of the section of each segment of a field, (K,)."""
        found = self[number]
        return np.asarray(self._of_parts[found.name][found.part_of_segment])

    def within(self, window: Window) -> npt.NDArray[np.int64]:
        """Numbers of the fields that have pixels in a rectangle."""
        reach = np.array([[window.top, window.left], [window.bottom, window.right]])
        return np.flatnonzero(((self._corners < reach[1]) & (self._ends > reach[0])).all(axis=1))

    def owners(self, window: Window) -> npt.NDArray[np.int64]:
        """Number of the field that each pixel of a rectangle belongs to, -1 for none: that with the nearest centre.

        Of two that are as near the first one.
        """
        owner = np.full(window.shape, -1, dtype=np.int64)
        least = np.full(window.shape, np.inf)
        for number in self.within(window):
            part = window.common(self.windows[number])
            rows = np.arange(part.top, part.bottom) + 0.5 - self._centres[number, 0]
            columns = np.arange(part.left, part.right) + 0.5 - self._centres[number, 1]
            distance = rows[:, None] ** 2 + columns[None, :] ** 2
            place = part.inside(window)
            nearer = distance < least[place]
            least[place] = np.where(nearer, distance, least[place])
            owner[place] = np.where(nearer, number, owner[place])
        return owner

    def neighbours(self) -> Iterator[tuple[int, int, Window]]:
        """Pairs of fields that touch or overlap, the first one before the second, with the rectangle where they do."""
        for first, window in enumerate(self.windows):
            near = self.within(window.wider(1))
            for second in near[near > first].tolist():
                common = window.wider(1).common(self.windows[second].wider(1))
                yield first, second, common


def _bytes_of(result: FieldResult) -> int:
    images = (result.labels, result.confidence, result.bse, result.valid)
    return sum(image.nbytes for image in images if image is not None) + result.parts.spectra.nbytes
