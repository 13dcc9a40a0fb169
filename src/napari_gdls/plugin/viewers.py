"""The session of each viewer: it follows the layers, and the layers follow what it shows."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.layers.contents import LayerContents, contents_of_merged
from napari_gdls.plugin.layers.metadata import layer_field, layer_role
from napari_gdls.plugin.layers.placing import update_layers
from napari_gdls.plugin.session import FieldState, Result, Session
from napari_gdls.plugin.task import Latest

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.progress import Progress


class ViewerSession:
    """A session tied to a viewer.

    Fields are open as long as a layer carries them. Results that the session wants derived from a run, by merging
    phases, are computed beside the window, and shown by the layers of the run.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.

    Attributes
    ----------
    session : Session
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self.session = Session()
        self._viewer = weakref.ref(viewer)
        self._latest = Latest()
        self._latest.succeeded.connect(self._on_derived)
        self._latest.failed.connect(show_failure)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._on_layers)
        self.session.wanted_changed.connect(self._on_wanted)
        self._on_layers()

    @property
    def busy(self) -> bool:
        """Whether another result is under way."""
        return self._latest.busy

    def _on_layers(self, event: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        titles: dict[int, tuple[Field, str]] = {}
        for layer in viewer.layers:
            field = layer_field(layer)
            if field is not None and (id(field) not in titles or layer_role(layer) == "bse"):
                titles[id(field)] = (field, field.name or layer.name)
        self.session.set_fields(list(titles.values()))

    def _on_wanted(self, state: FieldState) -> None:
        run, merged, tau_z = state.run, state.merged_by_hand, state.tau_z
        if run is None or merged is None:
            return
        lowest = merged.recipe.tau_z

        def derived(progress: Progress) -> tuple[Result, LayerContents]:
            wanted = merged if lowest is None or tau_z <= lowest else merged.coarsened(tau_z)
            return run, contents_of_merged(wanted, progress)

        self._latest.ask(derived)

    def _on_derived(self, derived: tuple[Result, LayerContents]) -> None:
        run, contents = derived
        viewer, state = self._viewer(), self.session.state_of(contents.result.segmentation.field)
        if viewer is None or state is None or state.run is not run:
            return  # the field was closed, or run again
        if state.shown is None or state.shown.segmentation is not contents.result.segmentation:
            update_layers(viewer, contents)
            self.session.show(state, contents.result)


_of_viewers: weakref.WeakKeyDictionary[napari.Viewer, ViewerSession] = weakref.WeakKeyDictionary()


def viewer_session(viewer: napari.Viewer) -> ViewerSession:
    """The session of a viewer, the same one as long as the viewer lives.

    Parameters
    ----------
    viewer : napari.Viewer
        Or the stand-in for it that napari gives to plugins.
    """
    known = getattr(viewer, "__wrapped__", viewer)
    if known not in _of_viewers:
        _of_viewers[known] = ViewerSession(known)
    return _of_viewers[known]
