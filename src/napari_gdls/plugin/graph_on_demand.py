"""Graph layers that are built when they are first shown, beside the window: most users never look at 100,000 edges."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.layers import Layer, Shapes
from napari.utils.notifications import show_info

from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.layers.graph import graph_layers_of
from napari_gdls.plugin.layers.graph_later import bring_heights_up_to_date, heights_are_old, is_unbuilt
from napari_gdls.plugin.layers.metadata import METADATA_KEY, layer_segmentation
from napari_gdls.plugin.layers.placing import replace_layer
from napari_gdls.plugin.task import Task

if TYPE_CHECKING:
    import napari

    from napari_gdls.progress import Progress

_WORTH_SAYING = 20_000
"""Edges from which on it is said that they are being drawn: below, it takes less than half a second."""


class GraphOnDemand:
    """Builds the graph layers of a viewer when they are shown; see `napari_gdls.plugin.layers.graph_later`.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self._tasks: dict[int, Task] = {}
        viewer.layers.events.inserted.connect(self._on_inserted)
        for layer in viewer.layers:
            self._watch(layer)

    @property
    def busy(self) -> bool:
        """Whether a graph is being built."""
        return bool(self._tasks)

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)

    def _watch(self, layer: Layer) -> None:
        if not isinstance(layer, Shapes):
            return
        known = weakref.ref(layer)
        layer.events.visible.connect(lambda event: self._on_visible(known()))
        self._on_visible(layer)

    def _on_visible(self, layer: Shapes | None) -> None:
        if layer is None or not layer.visible:
            return
        if heights_are_old(layer):
            bring_heights_up_to_date(layer)
        segmentation = layer_segmentation(layer)
        if not is_unbuilt(layer) or segmentation is None or id(layer) in self._tasks:
            return

        def build(progress: Progress) -> list[Layer]:
            return graph_layers_of(segmentation)

        if segmentation.graph.n_edges >= _WORTH_SAYING:
            show_info(f"The {segmentation.graph.n_edges:,} edges of the graph are being drawn…")
        task = self._tasks[id(layer)] = Task(build)
        task.succeeded.connect(lambda built: self._on_built(layer, built))
        task.failed.connect(lambda error: self._on_failure(layer, error))
        task.start()

    def _on_built(self, layer: Shapes, built: list[Layer]) -> None:
        self._tasks.pop(id(layer), None)
        viewer = self._viewer()
        if viewer is None or layer not in viewer.layers:
            return  # another graph has taken its place, or the user has deleted it
        for new in built:
            new.visible, new.opacity = layer.visible, layer.opacity
            new.metadata[METADATA_KEY] |= {
                key: value for key, value in layer.metadata[METADATA_KEY].items() if key in ("segmentation", "recipe")
            }
        replace_layer(viewer, layer, built)

    def _on_failure(self, layer: Shapes, error: Exception) -> None:
        self._tasks.pop(id(layer), None)
        layer.visible = False
        show_failure(error)
