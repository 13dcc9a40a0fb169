"""Keys, strokes and paint of the layers of results: what connects them with the tools of their viewer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer, Shapes
from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer

from napari_gdls.plugin.docks import DOCKS, open_dock
from napari_gdls.plugin.gestures import stroke_meaning as meaning
from napari_gdls.plugin.gestures.grain_actions import GrainActions
from napari_gdls.plugin.gestures.grain_tools import GrainTools
from napari_gdls.plugin.gestures.tools import TOOLS
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation, set_taken_labels, taken_labels
from napari_gdls.plugin.shortcuts import bind_keys
from napari_gdls.recipe import Join

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.session import Session


class LayerKeys:
    """Gives the layers of results in a viewer their tools, their keys, and turns paint and drawn edges to corrections.

    It works whether docks are open or not.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    session : Session

    Attributes
    ----------
    tools : GrainTools
    actions : GrainActions
    commands : dict of str to function
        What keys of `napari_gdls.plugin.shortcuts` can do, by name.
    """

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self.tools = GrainTools(viewer, session)
        self.actions = GrainActions(self.tools)
        self.commands = self._made_commands()
        self._attached: weakref.WeakSet[Layer] = weakref.WeakSet()
        viewer.layers.events.inserted.connect(self._on_inserted)
        for layer in viewer.layers:
            self._attach(layer)

    def _made_commands(self) -> dict[str, Callable[[Any], Any]]:
        tools, actions = self.tools, self.actions
        commands: dict[str, Callable[[Any], Any]] = {name: _chooses(tools, name) for name in TOOLS}

        def step(change: int) -> Callable[[Labels], None]:
            def apply(layer: Labels) -> None:
                if str(layer.mode) in ("paint", "erase"):
                    layer.brush_size = max(1, layer.brush_size + change)
                else:
                    actions.next_phase(change)

            return apply

        def give_up(layer: Labels) -> None:
            if str(layer.mode) == "polygon":
                _napari_gives_up(layer)
            else:
                tools.give_up()

        def move(layer: Labels) -> Iterator[None]:
            mode, pans = layer.mode, layer.mouse_pan
            if str(mode) == "pan_zoom":
                layer.mouse_pan = True
                yield
                layer.mouse_pan = pans
            else:
                tools_name = tools.name
                layer.mode = "pan_zoom"
                yield
                layer.mode = mode
                if tools.name != tools_name:
                    tools.choose(tools_name)

        return commands | {
            "merge_selected": lambda layer: actions.merge_selected(),
            "fill_holes": lambda layer: actions.fill_holes(),
            "grow": lambda layer: actions.grow(),
            "shrink": lambda layer: actions.shrink(),
            "previous_phase": step(-1),
            "next_phase": step(+1),
            "undo": lambda layer: actions.undo(),
            "redo": lambda layer: actions.redo(),
            "cut_selected": actions.cut_selected,
            "join_selected": actions.join_selected,
            "give_up": give_up,
            "move": move,
            "spectrum": lambda layer: self._open("spectrum"),
        }

    def _open(self, key: str) -> None:
        viewer = self._viewer()
        if viewer is not None and key in DOCKS:
            open_dock(viewer, key)

    def _on_inserted(self, event: Any) -> None:
        self._attach(event.value)

    def _attach(self, layer: Layer) -> None:
        role = layer_role(layer)
        if layer in self._attached or not role:
            return
        self._attached.add(layer)
        bind_keys(layer, role, self.commands)
        known = weakref.ref(layer)
        if isinstance(layer, Labels) and role == "segments":
            layer.events.paint.connect(lambda event: self._on_paint(known()))
        elif isinstance(layer, Shapes) and role == "graph":
            layer.events.data.connect(lambda event: self._on_edges(known(), event))

    def _on_paint(self, layer: Labels | None) -> None:
        """Take what was painted as corrections, when the mouse is released."""
        if layer is None or layer_segmentation(layer) is None or (known := self.tools.corrected_of(layer)) is None:
            return
        state, segmentation = known
        before = taken_labels(layer)
        after = np.asarray(layer.data)
        paints = meaning.painted(segmentation, before, after, whole=str(layer.mode) == "fill")
        if paints:
            set_taken_labels(layer, after.copy())
            self.tools.paint(state, paints)
        else:
            layer.data = before.astype(after.dtype)
            show_info(
                "Erasing corrects nothing, as every measurement is of some grain; paint another grain over it."
                if str(layer.mode) == "erase" or layer.selected_label == 0
                else "No measurement lies there; nothing was changed."
            )

    def _on_edges(self, layer: Shapes | None, event: Any) -> None:
        """Take a line that was drawn as a link of its ends, and put the layer back as it was."""
        if layer is None or str(event.action) != "added" or str(layer.mode) != "add_line":
            return
        known = weakref.ref(layer)
        QTimer.singleShot(0, lambda: self._take_drawn(known()))  # napari is still in the middle of drawing it

    def _take_drawn(self, layer: Shapes | None) -> None:
        shown = None if layer is None else layer_segmentation(layer)
        if layer is None or shown is None:
            return
        last = layer.nshapes - 1
        ends = layer.features[["u", "v"]].to_numpy(dtype=np.int64)[last]
        layer.selected_data = set()
        layer.remove([last])
        if (known := self.tools.corrected_of(layer)) is None:
            return
        if not self.tools.do(known[0], Join(meaning.places(shown, ends)) if ends.min() >= 0 else None):
            show_info("The line begins and ends at one measurement; draw it from one to another.")


def _chooses(tools: GrainTools, name: str) -> Callable[[Any], None]:
    return lambda layer: tools.choose(name)


def _napari_gives_up(layer: Labels) -> None:
    """What napari's own key does for a polygon that is being drawn."""
    from napari.layers.labels._labels_key_bindings import reset_polygon

    reset_polygon(layer)
