"""Marks of what was cut and linked by hand, over the map."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Shapes

from napari_gdls.plugin.layers.appearance import layer_title, scale_and_units
from napari_gdls.plugin.layers.metadata import METADATA_KEY, layer_role
from napari_gdls.recipe import Correction, Cut, Join, Split

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.edit_history import Edit
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.session import Session

PART_COLOUR = "#ff5a4f"
"""Red, of strokes and marks that part grains; it differs from `JOIN_COLOUR` in lightness, too. Chosen by eye."""
JOIN_COLOUR = "#5be38b"
"""Green, of those that join grains; likewise."""
MOST_MARKS = 300
"""Lines of marks; those of the latest edits. napari takes 0.3 ms for each whenever they change."""
_DASHES = 6
"""Dashes of a link, at most: so links differ from cuts without colours, and long ones take no more lines."""
_DASH = 2.0
"""Least length of a dash, in sampling distances; shorter links are drawn through."""
_WIDTH = 0.35
"""Of marks, in sampling distances; chosen by eye: seen on the whole map, and grains are seen between them."""


@dataclass(frozen=True)
class Mark:
    """A line over the map.

    Parameters
    ----------
    joins : bool
        Whether it joins or parts.
    line : tuple of (float, float)
        Vertices, rows and columns in pixels.
    """

    joins: bool
    line: tuple[tuple[float, float], ...]


def marks_of(edits: Iterable[Edit], spacing: float) -> list[Mark]:
    """Marks of edits, in their order: strokes and cuts, and links as dashes from place to place.

    Parameters
    ----------
    edits : iterable of Edit
    spacing : float
        Distance of neighbouring measurements, in pixels.
    """
    return [mark for edit in edits if isinstance(edit, Correction) for mark in _marks(edit, spacing)]


class MarksLayer:
    """A Shapes layer with the marks of the chosen field of a viewer; it comes with the first mark.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    session : Session
    """

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._wanted = True
        self._shown: tuple[Mark, ...] = ()
        for signal in (session.edits_changed, session.chosen_changed):
            signal.connect(self._on_change)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.ndisplay.connect(lambda event: self._on_change())
        self._on_change()

    @property
    def visible(self) -> bool:
        """Whether marks are shown, as soon as there are any."""
        layer = self.layer
        return self._wanted if layer is None else bool(layer.visible)

    def set_visible(self, visible: bool) -> None:
        """Show or hide the marks."""
        self._wanted = visible
        layer = self.layer
        if layer is not None:
            layer.visible = visible
        else:
            self._on_change()

    @property
    def layer(self) -> Shapes | None:
        """The layer; None where there is none (yet)."""
        viewer = self._viewer()
        layers = [] if viewer is None else [each for each in viewer.layers if layer_role(each) == "marks"]
        return layers[-1] if layers and isinstance(layers[-1], Shapes) else None

    def _on_removed(self, event: Any) -> None:
        if layer_role(event.value) == "marks":  # by the user: it comes back when it is asked for
            self._wanted, self._shown = False, ()

    def _on_change(self, state: FieldState | None = None) -> None:
        chosen, viewer = self._session.chosen, self._viewer()
        if viewer is None or (state is not None and state is not chosen):
            return
        if viewer.dims.ndisplay != 2:
            return  # napari cannot add flat shapes in the 3-D view; marks follow in the flat one
        if chosen is None:
            self._wanted = True  # all layers were removed, not the marks alone
        spacing = 1.0 if chosen is None else chosen.field.sampling_distance
        marks = () if chosen is None else tuple(marks_of(chosen.history.edits, spacing)[-MOST_MARKS:])
        layer = self.layer
        if layer is None:
            if chosen is None or not marks or not self._wanted:
                return
            layer = Shapes(ndim=2, metadata={METADATA_KEY: {"role": "marks"}}, **scale_and_units(chosen.field))
            active = viewer.layers.selection.active
            viewer.add_layer(layer)
            viewer.layers.selection.active = active
            self._shown = ()
        if chosen is not None:
            layer.name = f"{layer_title(chosen.field)}: marks"
            layer.scale = scale_and_units(chosen.field).get("scale", (1.0, 1.0))
            layer.units = scale_and_units(chosen.field).get("units", ("pixel", "pixel"))
        if marks != self._shown:
            _draw(layer, marks, _WIDTH * spacing)
            self._shown = marks


def _draw(layer: Shapes, marks: Sequence[Mark], width: float) -> None:
    layer.editable = True
    lines = [np.asarray(mark.line) for mark in marks]
    layer.selected_data = set()
    layer.data = []
    if lines:
        layer.add(
            lines,
            shape_type="path",
            edge_width=width,
            edge_color=[JOIN_COLOUR if mark.joins else PART_COLOUR for mark in marks],
            face_color="transparent",
        )
    layer.mode = "pan_zoom"
    layer.editable = False


def _marks(correction: Correction, spacing: float) -> Iterable[Mark]:
    if isinstance(correction, Split):
        yield Mark(False, correction.stroke)
    elif isinstance(correction, Cut):
        for pair in correction.pairs:
            yield Mark(False, _across(np.asarray(pair, dtype=np.float64)))
    elif isinstance(correction, Join):
        for a, b in pairwise(correction.places):
            yield from (Mark(True, dash) for dash in _dashes(a, b, spacing))


def _across(pair: npt.NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """A short line across the middle between two places."""
    middle, half = pair.mean(axis=0), (pair[1] - pair[0]) / 2
    turned = np.array([-half[1], half[0]])
    return tuple((float(row), float(column)) for row, column in (middle - turned, middle + turned))


def _dashes(a: Sequence[float], b: Sequence[float], spacing: float) -> Iterable[tuple[tuple[float, float], ...]]:
    n = max(1, min(_DASHES, int(math.dist(a, b) / (2 * _DASH * spacing))))
    start, step = np.asarray(a, dtype=np.float64), np.subtract(b, a)
    for k in range(n):
        ends = [start + step * at / (2 * n - 1) for at in (2 * k, 2 * k + 1)]
        yield tuple((float(row), float(column)) for row, column in ends)
