"""The session of each viewer: it follows the layers, and the layers follow what it shows."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.deriving import Deriving
from napari_gdls.plugin.docks import open_dock
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_state import FieldState, same_phases
from napari_gdls.plugin.fields_in_sight import FieldsInSight
from napari_gdls.plugin.gestures.layer_keys import LayerKeys
from napari_gdls.plugin.graph_on_demand import GraphOnDemand
from napari_gdls.plugin.layer_steps import LayerSteps
from napari_gdls.plugin.layers.contents import LayerContents
from napari_gdls.plugin.layers.marks import MarksLayer
from napari_gdls.plugin.layers.measurement_selection import MeasurementSelectionLayer
from napari_gdls.plugin.layers.metadata import has_taken_labels, layer_field, layer_role, layers_of
from napari_gdls.plugin.layers.picking import Picked, Picking
from napari_gdls.plugin.layers.placing import is_being_painted, placing, rename_layers, updating
from napari_gdls.plugin.layers.saved import take_saved
from napari_gdls.plugin.map_display import MapDisplay
from napari_gdls.plugin.phase_naming import PhaseNaming
from napari_gdls.plugin.session import Session

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.plugin.edit_history import EditHistory
    from napari_gdls.plugin.saved_session import SavedSession
    from napari_gdls.segmentation.result import Segmentation


_STROKE = 50
"""Milliseconds until it is looked again whether a stroke of the brush has ended, so that a result may come."""


class ViewerSession:
    """A session tied to a viewer.

    Fields are open as long as a layer carries them. Results that the session wants derived from a run, by what was done
    by hand, are computed beside the window, and shown by the layers of the run.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.

    Attributes
    ----------
    session : Session
    in_sight : FieldsInSight
        Shows the layers of the chosen field alone.
    graphs : GraphOnDemand
        Builds graphs when they are looked at.
    steps : LayerSteps
        Puts results into the layers; whoever does so does it through this.
    display : MapDisplay
        Outlines what is selected, and leaves out what is hidden.
    keys : LayerKeys
        Tools and keys of the layers.
    picking : Picking
        Selects what is clicked on the map.
    marks : MarksLayer
        Shows what was cut and linked by hand.
    selected_measurements : MeasurementSelectionLayer
        Shows the selected measurements on the map.
    naming : PhaseNaming
        Names the phases of what the session shows.
    spectrum_opened : bool
        Whether the dock of spectra has been open; the first click on a segment opens it, and no other.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self.session = Session()
        self.keys = LayerKeys(viewer, self.session)
        tools = self.keys.tools
        self.picking = Picking(viewer, self.session, lambda: not tools.tool.draws)
        self.spectrum_opened = False
        self.picking.clicked.connect(self._on_clicked)
        self.marks = MarksLayer(viewer, self.session, lambda function: QTimer.singleShot(0, function))
        self.selected_measurements = MeasurementSelectionLayer(viewer, self.session)
        self.naming = PhaseNaming(self.session)
        self._viewer = weakref.ref(viewer)
        self._held: weakref.WeakKeyDictionary[FieldState, tuple[Segmentation, LayerContents]] = (
            weakref.WeakKeyDictionary()
        )
        self._unplaced: weakref.WeakKeyDictionary[FieldState, LayerContents] = weakref.WeakKeyDictionary()
        self._work: weakref.WeakKeyDictionary[FieldState, Deriving] = weakref.WeakKeyDictionary()
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._on_layers)
        self.session.wanted_changed.connect(self._on_wanted)
        self._on_layers()
        self.in_sight = FieldsInSight(viewer, self.session)
        self.graphs = GraphOnDemand(viewer)
        self.steps = LayerSteps()
        self.display = MapDisplay(viewer, self.session, self.steps)

    @property
    def busy(self) -> bool:
        """Whether another result is under way."""
        waiting = bool(self._held) or bool(self._unplaced) or self.steps.pending
        return waiting or any(work.busy for work in self._work.values())

    def _on_clicked(self, picked: Picked) -> None:
        viewer = self._viewer()
        if viewer is not None and picked.segment and not self.spectrum_opened:
            self.spectrum_opened = True
            # Not now: napari is still in the middle of the click.
            QTimer.singleShot(0, lambda: open_dock(viewer, "spectrum"))

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
        for layer in viewer.layers:
            if (found := take_saved(layer)) is not None:
                self._restore(*found)

    def _restore(self, saved: SavedSession, contents: LayerContents) -> None:
        field = saved.shown.field
        state = self.session.state_of(field)
        if state is not None:
            self._unplaced[state] = contents
            QTimer.singleShot(0, self._place)  # not now: napari is still in the middle of adding a layer
            self.session.restore(field, saved, contents.result)

    def _place(self) -> None:
        viewer = self._viewer()
        while viewer is not None and self._unplaced:
            state, contents = self._unplaced.popitem()
            if state in self.session.states:
                self.steps.begin(placing(viewer, contents, graph_later=True))

    def _on_wanted(self, state: FieldState) -> None:
        self._held.pop(state, None)
        if state.run is None:
            return
        work = self._work.get(state)
        if work is None or work.run is not state.run:
            if work is not None:
                work.drop()
            work = self._work[state] = Deriving(state.run, state.named)
            work.derived.connect(self._on_derived)
            work.failed.connect(self._on_failure)
        work.ask(state.tau_z, state.history, state.minerals, state.colours)

    def _on_derived(self, run: Segmentation, contents: LayerContents) -> None:
        result = contents.result
        viewer, state = self._viewer(), self.session.state_of(run.field)
        if viewer is None or state is None or state.run is not run or state.shown is None:
            return  # the field was closed, or run again
        if state in self._unplaced:
            self._unplaced[state] = contents
            self.session.show(state, result)
            return
        before = state.shown.segmentation
        painted = any(map(has_taken_labels, layers_of(viewer, run.field, "segments")))
        if before is result.segmentation and state.shown.minerals is result.minerals and not painted:
            return
        self._held.pop(state, None)
        if is_being_painted(viewer, run.field):
            # The stroke under way would be lost: the result waits for its end, and is dropped if paint makes another.
            self._held[state] = (run, contents)
            QTimer.singleShot(_STROKE, self._show_held)
            return
        self.steps.finish()
        same_colours = before.colours_by_hand == result.segmentation.colours_by_hand
        if same_colours and same_phases(before, result.segmentation) and not painted:
            rename_layers(viewer, contents, before)
        else:
            self.steps.begin(updating(viewer, contents, before))
        self.session.show(state, result)

    def _show_held(self) -> None:
        for held in tuple(self._held.values()):
            self._on_derived(*held)

    def _on_failure(self, run: Segmentation, history: EditHistory, error: Exception) -> None:
        """Say it, and take back what cannot be done."""
        show_failure(error)
        state = self.session.state_of(run.field)
        if isinstance(error, GdlsError) and state is not None and state.run is run and state.history is history:
            self.session.undo(state)


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
