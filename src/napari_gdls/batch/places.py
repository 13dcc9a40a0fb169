"""Where each field lies in the mosaic of the section."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Window:
    """A rectangle of the mosaic: rows `top` to `bottom` - 1, columns `left` to `right` - 1."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width; 0 where there is nothing."""
        return max(self.bottom - self.top, 0), max(self.right - self.left, 0)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return 0 in self.shape

    def common(self, other: Window) -> Window:
        """The rectangle that both have."""
        return Window(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )

    def wider(self, by: int) -> Window:
        """With so many pixels more on every side."""
        return Window(self.top - by, self.bottom + by, self.left - by, self.right + by)

    def inside(self, of: Window) -> tuple[slice, slice]:
        """Its rows and columns, counted from the corner of another."""
        rows = slice(self.top - of.top, self.bottom - of.top)
        return rows, slice(self.left - of.left, self.right - of.left)


@dataclass(frozen=True, eq=False)
class SectionPlaces:
    """Where the fields of a section lie, in pixels of its mosaic.

    Attributes
    ----------
    names : tuple of str
        Of the F fields.
    origins : (F, 2) array of int64
        Row and column of the first pixel of each.
    shapes : (F, 2) array of int64
        Height and width of each.
    shape : (int, int)
        Of the mosaic.
    bse_gain : (F,) array of float64
        What BSE levels of each field are multiplied by, to fit those of the others.
    bse_offset : (F,) array of float64
        What is added then, in grey values.
    pixel_size : float or None, um
    source : str
        Where the positions come from, in words.
    residual : (F,) array of float64
        By how many pixels what overlaps was found elsewhere than the origins say; NaN where nothing was compared.
    """

    names: tuple[str, ...]
    origins: npt.NDArray[np.int64]
    shapes: npt.NDArray[np.int64]
    shape: tuple[int, int]
    bse_gain: npt.NDArray[np.float64]
    bse_offset: npt.NDArray[np.float64]
    pixel_size: float | None
    source: str
    residual: npt.NDArray[np.float64]

    def window(self, number: int) -> Window:
        """The rectangle of the mosaic that a field has."""
        (top, left), (height, width) = self.origins[number].tolist(), self.shapes[number].tolist()
        return Window(top, top + height, left, left + width)


def places_of(
    names: tuple[str, ...],
    corners: npt.NDArray[np.float64],
    shapes: npt.NDArray[np.int64],
    *,
    pixel_size: float | None = None,
    source: str = "",
) -> SectionPlaces:
    """Places of fields whose corners are known in pixels, from any origin; levels of BSE are left as they are.

    Parameters
    ----------
    names : tuple of str
    corners : (F, 2) array of float64
        Row and column of the first pixel; rounded.
    shapes : (F, 2) array of int64
    pixel_size : float, optional
        In um.
    source : str
        Where they come from.
    """
    origins = np.rint(corners - corners.min(axis=0)).astype(np.int64)
    extent = (origins + shapes).max(axis=0)
    n = len(names)
    return SectionPlaces(
        names=names,
        origins=origins,
        shapes=shapes,
        shape=(int(extent[0]), int(extent[1])),
        bse_gain=np.ones(n),
        bse_offset=np.zeros(n),
        pixel_size=pixel_size,
        source=source,
        residual=np.full(n, np.nan),
    )
