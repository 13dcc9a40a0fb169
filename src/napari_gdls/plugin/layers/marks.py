"""Marks of what was cut and linked by hand, over the map."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Sequence
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

    from napari_gdls.field import Field
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
_WIDTH = 0.6
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
    defer : callable, optional
        Calls a function a little later, after what was asked for; drawing waits for it, so that no gesture waits for
        drawing. None: at once.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        session: Session,
        defer: Callable[[Callable[[], None]], None] = lambda function: function(),
    ) -> None:
        self._defer = defer
        self._waits = False
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._wanted = True
        self._shown: tuple[Mark, ...] = ()
        for signal in (session.edits_changed, session.chosen_changed):
            signal.connect(self._on_change)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.ndisplay.connect(lambda event: self._on_change())
        self._show()

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
        if (state is None or state is self._session.chosen) and not self._waits:
            self._waits = True
            self._defer(self._show)

    def _show(self) -> None:
        self._waits = False
        chosen, viewer = self._session.chosen, self._viewer()
        if viewer is None:
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
            _move_to(layer, chosen.field)
        if marks != self._shown:
            _draw(layer, self._shown, marks, _WIDTH * spacing)
            self._shown = marks


def _move_to(layer: Shapes, field: Field) -> None:
    """Let the layer lie over a field; nothing is set that is so already, since napari draws anew for everything."""
    look = {"scale": (1.0, 1.0), "units": ("pixel", "pixel"), **scale_and_units(field)}
    name = f"{layer_title(field)}: marks"
    if layer.name != name:
        layer.name = name
    if tuple(layer.scale) != look["scale"]:
        layer.scale, layer.units = look["scale"], look["units"]


def _draw(layer: Shapes, before: Sequence[Mark], marks: Sequence[Mark], width: float) -> None:
    """Draw marks where others are; those that stay are not drawn anew where they come first, as they mostly do."""
    common = next(
        (k for k, (a, b) in enumerate(zip(before, marks, strict=False)) if a != b), min(len(before), len(marks))
    )
    layer.editable = True
    if len(before) > common:
        layer.remove(list(range(common, len(before))))
    if len(marks) > common:
        layer.add(
            [np.asarray(mark.line) for mark in marks[common:]],
            shape_type="path",
            edge_width=width,
            edge_color=[JOIN_COLOUR if mark.joins else PART_COLOUR for mark in marks[common:]],
            face_color="transparent",
        )
    layer.selected_data = set()
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
