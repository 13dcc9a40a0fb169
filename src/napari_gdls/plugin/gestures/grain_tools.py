"""Tools on the layers of segments: strokes and clicks of the mouse that correct grains at once."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer
from napari.utils.notifications import show_info
from psygnal import Signal

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_state import FieldState
from napari_gdls.plugin.gestures import stroke_meaning as meaning
from napari_gdls.plugin.gestures.edit_words import EditWords, grain_words, grains_in_words
from napari_gdls.plugin.gestures.stroke_line import StrokeLine, canvas_of
from napari_gdls.plugin.gestures.strokes import Stroke, crossed_labels
from napari_gdls.plugin.gestures.tools import TOOLS, Tool
from napari_gdls.plugin.layers.metadata import layer_field, layer_role, layers_of
from napari_gdls.plugin.layers.picking import CLICK
from napari_gdls.plugin.session import Session
from napari_gdls.recipe import Correction, Paint, Place
from napari_gdls.segmentation import phase_at, place_of_phase, place_of_segment

if TYPE_CHECKING:
    import napari

    from napari_gdls.segmentation.result import Segmentation


class GrainTools:
    """Which tool is in the hand in a viewer, and what its strokes do.

    Strokes become corrections of the session, which shows the result.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    session : Session

    Attributes
    ----------
    changed : Signal()
        Another tool is in the hand, or another phase is chosen for it.
    words : EditWords
    """

    changed = Signal(description="Another tool is in the hand, or another phase is chosen for it.")

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        self.session = session
        self.words = EditWords(session)
        self._viewer = weakref.ref(viewer)
        self._name = "pick"
        self._line: StrokeLine | None = None
        self._drawing = self._given_up = False
        self._clicked: Place | None = None
        self._parts: tuple[FieldState, npt.NDArray[np.int64], int] | None = None  # of the last split, until it is shown
        self._label = 0  # of the grain that is painted, as it is now
        self._painted_into: Place | None = (
            None  # a measurement of the grain that brush and bucket paint; None: a new one
        )
        self._made_by: Paint | None = None  # what made this grain, if that was paint
        self._targets: weakref.WeakKeyDictionary[FieldState, Place | None] = weakref.WeakKeyDictionary()
        viewer.layers.events.inserted.connect(self._on_inserted)
        for layer in viewer.layers:
            self._attach(layer)
        session.chosen_changed.connect(self._on_edits)
        session.edits_changed.connect(self._on_edits)
        session.shown_changed.connect(self._on_shown)

    @property
    def name(self) -> str:
        """Name of the tool in the hand, of `TOOLS`."""
        return self._name

    @property
    def tool(self) -> Tool:
        """The tool in the hand."""
        return TOOLS[self._name]

    @property
    def hint(self) -> str:
        """What to do with the tool in the hand."""
        return self._said(self.tool.hint)

    @property
    def target(self) -> int | None:
        """Phase of the chosen field, from 0, that grains are assigned to; None: a new one."""
        state = self.session.chosen
        place = None if state is None else self._targets.get(state)
        if state is None or place is None or state.shown is None or not state.shown.segmentation.has_phases:
            return None
        return phase_at(state.shown.segmentation, *place)

    def set_target(self, phase: int | None) -> None:
        """Choose the phase of the chosen field, from 0, that grains are assigned to; None: a new one."""
        state = self.session.chosen
        if state is None or state.shown is None:
            return
        self._targets[state] = None if phase is None else place_of_phase(state.shown.segmentation, phase)
        self._show_tool()

    def choose(self, name: str) -> None:
        """Take a tool in the hand; the layer of the segments becomes the active one."""
        self._name, self._clicked = name, None
        layer = self.segments_layer()
        viewer = self._viewer()
        if layer is not None and viewer is not None:
            viewer.layers.selection.active = layer
            layer.mode = TOOLS[name].mode
            if TOOLS[name].mode != "pan_zoom":
                layer.selected_label = self._label_to_paint(layer)
                self._label = 0
                self._on_selected_label(layer)
        self._show_tool()

    def give_up(self) -> None:
        """Give up the stroke under way, or what was clicked so far, or else put the tool away."""
        if self._drawing and not self._given_up:
            self._given_up = True
            if self._line is not None:
                self._line.end()
        elif self._clicked is not None:
            self._clicked = None
        elif self._name != "pick":
            self.choose("pick")

    def segments_layer(self, state: FieldState | None = None) -> Labels | None:
        """The layer that shows the segments of a field now, of the chosen one if none is given; None without one."""
        state, viewer = state or self.session.chosen, self._viewer()
        if state is None or viewer is None:
            return None
        layers = [layer for layer in layers_of(viewer, state.field, "segments") if isinstance(layer, Labels)]
        return layers[-1] if layers else None

    def corrected_of(self, layer: Layer) -> tuple[FieldState, Segmentation] | None:
        """Field of a layer and the segmentation that gestures on it are about; says why where there is none.

        Parameters
        ----------
        layer : Layer
            Of the segments or the graph.
        """
        field = layer_field(layer)
        state = None if field is None else self.session.state_of(field)
        if state is None:
            return None
        if state.shown is None:
            show_info("There are no segments of this field yet; press Segment first.")
            return None
        segmentation = state.shown.segmentation
        if isinstance(layer, Labels) and layer is not self.segments_layer(state):
            show_info(f"{layer.name} shows an earlier result; the one to correct is in another layer.")
            return None
        if not segmentation.recipe.method_row.keeps_constraints:
            show_info(f"{segmentation.recipe.method_row.title} cannot keep corrections; segment with another method.")
            return None
        return state, segmentation

    def do(self, state: FieldState, *corrections: Correction | None, words: str = "") -> bool:
        """Correct a field as one step of undo; False where there is nothing to correct.

        Parameters
        ----------
        state : FieldState
        *corrections : Correction or None
        words : str
            What they are together, where that is more than their own words say.
        """
        edits = tuple(each for each in corrections if each is not None)
        if not edits:
            return False
        if words:
            self.words.note(state, edits, words)
        try:
            self.session.do(state, *edits)
        except GdlsError as error:
            show_failure(error)
            return False
        return True

    def _on_inserted(self, event: Any) -> None:
        self._attach(event.value)

    def _attach(self, layer: Layer) -> None:
        if not _is_segments(layer) or self.on_drag in layer.mouse_drag_callbacks:
            return
        layer.mouse_drag_callbacks.append(self.on_drag)
        known = weakref.ref(layer)
        layer.events.mode.connect(lambda event: self._on_mode(known()))
        layer.events.selected_label.connect(lambda event: self._on_selected_label(known()))
        self._show_tool_on(layer)

    def _on_mode(self, layer: Labels | None) -> None:
        """Follow napari's own buttons and keys: its brush and bucket are tools of ours, too."""
        if layer is None:
            return
        mode = str(layer.mode)
        if mode != self.tool.mode:
            self._name = next((name for name, tool in TOOLS.items() if tool.mode == mode), "pick")
            self._clicked = None
            self._label = 0
            self._on_selected_label(layer)
            self.changed.emit()
        self._show_tool_on(layer)

    def _on_edits(self, state: FieldState | None = None) -> None:
        self._clicked = self._parts = None
        if state is not None and self._made_by is not None and self._made_by not in state.history.edits:
            self._painted_into = self._made_by = None  # it was undone: the next stroke makes a new grain again
        self._show_tool()

    def _on_selected_label(self, layer: Labels | None) -> None:
        """Remember which grain is painted, not which number it has now."""
        field = None if layer is None else layer_field(layer)
        known = None if field is None else self.session.state_of(field)
        if layer is None or known is None or known.shown is None or layer.selected_label == self._label:
            return  # napari says so at every other change, too
        self._label = layer.selected_label
        segmentation = known.shown.segmentation
        there = 0 < layer.selected_label <= segmentation.n_segments
        self._painted_into = place_of_segment(segmentation, layer.selected_label - 1) if there else None
        self._made_by = None
        self._show_tool()

    def paint(self, state: FieldState, paints: tuple[Paint, ...]) -> bool:
        """Correct what was painted; what is painted next goes to the same grain."""
        new = paints[-1] if paints and paints[-1].into is None else None
        done = self.do(state, *paints)
        if done and new is not None:
            self._painted_into, self._made_by = new.places[0], new
        return done

    def _on_shown(self, state: FieldState) -> None:
        """Follow the numbers of grains and phases, which are others now; select the parts of what was split."""
        layer = self.segments_layer(state)
        if layer is not None and self.tool.mode == str(layer.mode) != "pan_zoom" and state.shown is not None:
            labels = state.shown.segmentation.labels
            label = int(labels.max()) + 1 if self._painted_into is None else int(labels[self._painted_into])
            self._label = label
            layer.selected_label = label
        if self._parts is not None and self._parts[0] is state and state.shown is not None:
            _, measurements, n_before = self._parts
            parts = np.unique(state.shown.segmentation.measurement_labels[measurements]) + 1
            if len(parts) > n_before:  # else only names have come
                self._parts = None
                self.session.select(state, segments=parts.tolist(), phases=(), measurements=())
        self._show_tool()

    def _show_tool(self) -> None:
        layer = self.segments_layer()
        if layer is not None:
            self._show_tool_on(layer)
        self.changed.emit()

    def _show_tool_on(self, layer: Labels) -> None:
        if str(layer.mode) == "pan_zoom":
            layer.mouse_pan = not self.tool.draws
        layer.help = "" if self._name == "pick" else self.hint

    def on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """Follow the mouse from press to release, and do what its stroke means; for napari."""
        tool = self.tool
        if event.button != 1 or not tool.draws or str(layer.mode) != "pan_zoom":
            return
        viewer = self._viewer()
        if viewer is None or viewer.dims.ndisplay != 2:
            show_info("Grains are corrected in the flat view: leave the 3-D view first (Ctrl+Y).")
            return
        known = self.corrected_of(layer)
        if known is None:
            return
        state, segmentation = known
        self.session.choose(state.field)
        stroke, pixels = [self._place(layer, event)], [event.pos]
        self._given_up, self._drawing = False, True
        line = self._pane()
        if line is not None:
            line.begin(tool.colour)
            line.draw_to(*event.pos)
        yield
        while event.type == "mouse_move":
            if not self._given_up:
                stroke.append(self._place(layer, event))
                pixels.append(event.pos)
                if line is not None:
                    line.draw_to(*event.pos)
            yield
        self._drawing = False
        if line is not None:
            line.end()
        if self._given_up:
            return
        clicked = max(np.hypot(*(np.asarray(each) - pixels[0])) for each in pixels) <= CLICK
        self._finish(state, segmentation, stroke[:1] if clicked else stroke)

    def _finish(self, state: FieldState, segmentation: Segmentation, stroke: Stroke) -> None:
        name = self._name
        if len(stroke) == 1 and name in ("merge", "link"):
            self._click(state, segmentation, stroke[0])
            return
        self._clicked = None
        hidden = state.hidden_phases
        labels: tuple[int, ...] = ()
        correction: Correction | None
        words = ""
        if name == "assign":
            if not segmentation.has_phases:
                show_info(f"{segmentation.recipe.method_row.title} makes no phases; segment with another method.")
                return
            seen = meaning.seen_labels(segmentation, stroke, hidden)
            correction = meaning.assigned(segmentation, meaning.measurements_of(segmentation, seen), self.target)
        elif name == "split":
            correction, labels = meaning.split_by(segmentation, stroke) or (None, ())
            if any(int(segmentation.phases[label - 1]) in hidden for label in labels):
                show_info("The line crosses grains of hidden phases, too; show these phases first.")
                return
            words = f"split {grains_in_words(labels, segmentation)}"
        elif name == "cut":
            correction = meaning.cut_by(segmentation, stroke, hidden)
        elif name == "link":
            ends = [
                label for end in (stroke[0], stroke[-1]) for label in meaning.seen_labels(segmentation, [end], hidden)
            ]
            correction = meaning.joined(segmentation, ends)
        else:
            correction = meaning.joined(segmentation, meaning.seen_labels(segmentation, stroke, hidden))
        if not self.do(state, correction, words=words):
            show_info(self._said(TOOLS[name].nothing))
        elif name == "split":
            self._parts = (state, meaning.measurements_of(segmentation, labels), len(labels))

    def _click(self, state: FieldState, segmentation: Segmentation, place: tuple[float, float]) -> None:
        """Join what is clicked to what was clicked before."""
        labels = meaning.seen_labels(segmentation, [place], state.hidden_phases)
        if not labels:
            return
        here = place_of_segment(segmentation, labels[0] - 1)
        before, self._clicked = self._clicked, here
        self.session.select(state, segments=labels)
        if before is None:
            return
        correction = meaning.joined(segmentation, (*crossed_labels(segmentation.labels, [before]), *labels))
        if self.do(state, correction):
            self._clicked = here  # the next click joins with what is one now
        else:
            show_info("Both clicks lie in one grain.")

    def _place(self, layer: Labels, event: Any) -> tuple[float, float]:
        row, column = layer.world_to_data(event.position)[-2:]
        return float(row), float(column)

    def _pane(self) -> StrokeLine | None:
        viewer = self._viewer()
        if self._line is None and viewer is not None and (canvas := canvas_of(viewer)) is not None:
            self._line = StrokeLine(canvas)
        return self._line

    def _label_to_paint(self, layer: Labels) -> int:
        """The selected grain if it is one, else a label that is not there yet."""
        state = self.session.chosen
        selected = frozenset() if state is None else state.selected_segments
        return next(iter(selected)) if len(selected) == 1 else int(layer.data.max()) + 1

    def _said(self, words: str) -> str:
        """Words about a tool with what it is about now."""
        state = self.session.chosen
        segmentation = None if state is None or state.shown is None else state.shown.segmentation
        phase, grain = "a new phase", "a new grain"
        if segmentation is not None:
            if self.target is not None:
                phase = segmentation.phase_titles[self.target]
            layer = self.segments_layer()
            if layer is not None and 0 < layer.selected_label <= segmentation.n_segments:
                grain = grain_words(segmentation, layer.selected_label)
        return words.replace("{phase}", phase).replace("{grain}", grain)


def _is_segments(layer: Layer) -> bool:
    return isinstance(layer, Labels) and layer_role(layer) == "segments"
