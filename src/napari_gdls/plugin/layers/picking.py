"""What lies under the mouse: segment, phase and measurement; clicks on the map select it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_gdls.plugin.field_state import FieldState
from napari_gdls.plugin.layers.metadata import layer_field

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.plugin.session import Session

CLICK = 4.0
"""Pixels of the screen that the mouse may move while it clicks; as far as hands tremble, chosen."""
_REACH = 2.0
"""Sampling distances within which a measurement is looked for: every pixel between measurements has one."""


@dataclass(frozen=True, eq=False)
class Picked:
    """What lies at a pixel.

    Attributes
    ----------
    state : FieldState
        Of the field.
    row, column : int
        The pixel.
    measurement : int or None
        The nearest measurement, from 0; None where none is within two sampling distances.
    segment : int
        Label of the segment that is shown there, from 1; 0 where there is none.
    phase : int or None
        Its phase, from 0; None where there is no segment.
    """

    state: FieldState
    row: int
    column: int
    measurement: int | None
    segment: int
    phase: int | None


def picked_at(state: FieldState, row: float, column: float) -> Picked | None:
    """What lies at a place of a field, in what is shown of it.

    Parameters
    ----------
    state : FieldState
    row, column : float
        In pixels; centres of pixels are whole numbers.

    Returns
    -------
    Picked or None
        None outside of the image.
    """
    height, width = state.field.shape
    r, c = int(np.floor(row + 0.5)), int(np.floor(column + 0.5))
    if not (0 <= r < height and 0 <= c < width):
        return None
    segment, phase = 0, None
    if state.shown is not None:
        segmentation = state.shown.segmentation
        segment = int(segmentation.labels[r, c])
        phase = int(segmentation.phases[segment - 1]) if segment else None
    return Picked(state, r, c, nearest_measurement(state.field, r, c), segment, phase)


def nearest_measurement(field: Field, row: float, column: float) -> int | None:
    """The measurement nearest to a place, from 0; None where none is within two sampling distances.

    Of several at one distance the first. Takes microseconds, as measurements lie in raster order.

    Parameters
    ----------
    field : Field
    row, column : float
        In pixels.
    """
    reach = _REACH * field.sampling_distance
    rows = field.locations[:, 0]
    first, last = np.searchsorted(rows, [np.ceil(row - reach), np.floor(row + reach) + 1])
    near = field.locations[first:last] - (row, column)
    squared = np.einsum("ij,ij->i", near, near)
    if not len(squared) or squared.min() > reach**2:
        return None
    return int(first + squared.argmin())


class Picking:
    """Selects by clicks on the map of a viewer, and says what the mouse is over.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    session : Session
    may_pick : callable
        Whether clicks select now: not while a tool draws.

    Attributes
    ----------
    clicked : Signal(Picked)
        Something was clicked, and is selected.
    hovered : Signal(object)
        The mouse is over another `Picked`, or over no field (None); only while `following`.
    following : bool
        Whether `hovered` is emitted.
    """

    clicked = Signal(Picked, description="Something was clicked, and is selected.")
    hovered = Signal(object, description="The mouse is over something else.")

    def __init__(self, viewer: napari.Viewer, session: Session, may_pick: Callable[[], bool]) -> None:
        self.following = False
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._may_pick = may_pick
        self._last: Picked | None = None
        viewer.mouse_drag_callbacks.append(self._on_drag)
        viewer.mouse_move_callbacks.append(self._on_move)

    def at(self, position: Any) -> Picked | None:
        """What lies at a position of the world, in the chosen field; None where that is not, or in the 3-D view.

        Parameters
        ----------
        position : sequence of float
            As mouse events and the cursor of a viewer have it.
        """
        state, viewer = self._session.chosen, self._viewer()
        if state is None or viewer is None or viewer.dims.ndisplay != 2:
            return None
        layer = next((layer for layer in viewer.layers if layer_field(layer) is state.field and layer.ndim == 2), None)
        if layer is None:
            return None
        row, column = layer.world_to_data(tuple(position)[-2:])
        return picked_at(state, float(row), float(column))

    def select(self, picked: Picked, *, add: bool = False) -> None:
        """Select what lies at a pixel.

        Parameters
        ----------
        picked : Picked
        add : bool
            Keep what is selected, and take the segment off where it is selected already.
        """
        state = picked.state
        measurements = set() if picked.measurement is None else {picked.measurement}
        if not picked.segment:
            if not add:
                self._session.select(state, segments=(), phases=(), measurements=measurements)
            return
        segments = {picked.segment}
        if add:
            segments ^= state.selected_segments
            measurements ^= state.selected_measurements
        assert state.shown is not None  # or there would be no segment
        phases = {int(state.shown.segmentation.phases[label - 1]) for label in segments}
        self._session.select(state, segments=segments, phases=phases, measurements=measurements)

    def _free(self) -> bool:
        """Whether a click on the map is not for a tool, of this plugin or of napari."""
        viewer = self._viewer()
        active = None if viewer is None else viewer.layers.selection.active
        return self._may_pick() and str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"

    def _on_drag(self, viewer: Any, event: Any) -> Iterator[None]:
        """Follow the mouse from press to release; for napari."""
        if event.button != 1 or not self._free():
            return
        start, position, modifiers = np.array(event.pos), tuple(event.position), tuple(event.modifiers)
        farthest = 0.0
        yield
        while event.type == "mouse_move":
            farthest = max(farthest, float(np.hypot(*(np.asarray(event.pos) - start))))
            yield
        if farthest > CLICK or {"Control", "Alt"} & set(modifiers):
            return
        picked = self.at(position)
        if picked is not None:
            self.select(picked, add="Shift" in modifiers)
            self.clicked.emit(picked)

    def _on_move(self, viewer: Any, event: Any) -> None:
        if not self.following:
            return
        picked, last = self.at(event.position), self._last
        if (picked is None) == (last is None) and (
            picked is None
            or last is None
            or (
                picked.state is last.state
                and (picked.measurement, picked.segment, picked.phase) == (last.measurement, last.segment, last.phase)
            )
        ):
            return
        self._last = picked
        self.hovered.emit(picked)
