"""What is selected, outlined on the map: an image that is transparent where nothing is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.utils.colormaps import Colormap

from napari_gdls.plugin.layers.appearance import layer_name, scale_and_units
from napari_gdls.plugin.layers.metadata import METADATA_KEY

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.segmentation.result import Segmentation

SELECTION = "selection"
"""Role of the layer. It carries no field: it is of no use without the others, and goes from field to field."""
_LIGHT, _DARK = 1, 2
"""Values of pixels of an outline: a white line, and a black one around it, so that it is seen on any ground."""
_COLORMAP = Colormap([[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]], controls=[0, 0.5, 1], name="selection")
"""Of `_LIGHT` and `_DARK`, from 0 to the larger one: nothing, white, black."""


def outline_of_segments(
    labels: npt.NDArray[np.integer], chosen: Iterable[int], width: int = 1, detail: int = 1
) -> npt.NDArray[np.uint8]:
    """Outline around segments, outside of them, where nothing of them is covered.

    Parameters
    ----------
    labels : (H, W) array of int
        Segments from 1; 0 is none.
    chosen : iterable of int
        Labels; those that are not there are passed over.
    width : int
        Of the line, in pixels of the picture.
    detail : int
        Pixels of the picture along a pixel of the labels.

    Returns
    -------
    (H * detail, W * detail) array of uint8
        0 where there is none, 1 for the inner line, 2 for the outer one.
    """
    picture = np.zeros((labels.shape[0] * detail, labels.shape[1] * detail), dtype=np.uint8)
    known = np.fromiter((int(label) for label in chosen), dtype=np.int64)
    known = known[known > 0]
    if len(known) == 0:
        return picture
    is_chosen = np.zeros(max(int(labels.max(initial=0)), int(known.max())) + 1, dtype=bool)
    is_chosen[known] = True
    inside = is_chosen[labels]
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) == 0:
        return picture
    margin = -(-2 * width // detail)
    box = (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )
    part = _enlarged(inside[box], detail)
    drawn = picture[tuple(slice(side.start * detail, side.stop * detail) for side in box)]
    light = _grown(part, width)
    dark = _grown(light, width)
    drawn[dark & ~light] = _DARK
    drawn[light & ~part] = _LIGHT
    return picture


def highlight(
    segmentation: Segmentation,
    *,
    segments: Iterable[int] = (),
    phases: Iterable[int] = (),
    width: int = 1,
    detail: int = 1,
) -> npt.NDArray[np.uint8] | None:
    """Outlines of the selected segments; of the selected phases where no segments are; None where nothing is.

    Selected measurements have a layer of their own; see `napari_gdls.plugin.layers.measurement_selection`.

    Parameters
    ----------
    segmentation : Segmentation
    segments : iterable of int
        Labels, from 1.
    phases : iterable of int
        From 0.
    width, detail : int
        As in `outline_of_segments`.
    """
    labels = list(segments)
    if not labels:
        of_phases = np.isin(segmentation.phases, np.fromiter(phases, dtype=np.int64))
        labels = (np.flatnonzero(of_phases) + 1).tolist()
    return outline_of_segments(segmentation.labels, labels, width, detail) if labels else None


def highlight_layer(field: Field, picture: npt.NDArray[np.uint8]) -> Image:
    """A layer that shows such a picture."""
    return Image(
        picture,
        name=layer_name(field, "selection"),
        colormap=_COLORMAP,
        contrast_limits=(0, _DARK),
        interpolation2d="nearest",
        metadata={METADATA_KEY: {"role": SELECTION}},
        **_place(field, picture),
    )


def show_highlight(layer: Image, field: Field, picture: npt.NDArray[np.uint8]) -> None:
    """Let the layer show another picture, be it of another field."""
    place = _place(field, picture)
    layer.name = layer_name(field, "selection")
    layer.data = picture
    layer.scale, layer.translate, layer.units = place["scale"], place["translate"], place["units"]


def _place(field: Field, picture: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """Scale, units and shift of a picture that has more pixels than its field."""
    known = {"scale": (1.0, 1.0), "units": ("pixel", "pixel"), **scale_and_units(field)}
    pixel = known["scale"][0]
    size = pixel * field.shape[0] / picture.shape[0]
    shift = (size - pixel) / 2  # centres of pixels lie on whole numbers
    return {"scale": (size, size), "translate": (shift, shift), "units": known["units"]}


def _enlarged(picture: npt.NDArray[Any], detail: int) -> npt.NDArray[Any]:
    return picture if detail == 1 else picture.repeat(detail, axis=0).repeat(detail, axis=1)


def _grown(mask: npt.NDArray[np.bool_], steps: int) -> npt.NDArray[np.bool_]:
    """A mask with the pixels around it, across corners at every other step: nearly a disc."""
    grown = mask
    for step in range(steps):
        last, grown = grown, grown.copy()
        grown[1:] |= last[:-1]
        grown[:-1] |= last[1:]
        if step % 2:
            last = grown.copy()
        grown[:, 1:] |= last[:, :-1]
        grown[:, :-1] |= last[:, 1:]
    return grown
