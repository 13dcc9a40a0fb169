"""The part of the dock where corrections by hand are collected for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Layer, Shapes
from napari.utils.notifications import show_info
from qtpy.QtCore import Slot
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_gdls.plugin.corrections import Pair
from napari_gdls.plugin.field_state import FieldState
from napari_gdls.plugin.layers.edits import painted_labels, selected_pairs
from napari_gdls.plugin.layers.metadata import layer_field, layer_role, layer_segmentation
from napari_gdls.plugin.session import Session
from napari_gdls.plugin.widgets.watching import watch
from napari_gdls.recipe import METHODS

if TYPE_CHECKING:
    import napari


class CorrectionsPanel(QWidget):
    """Buttons that turn selected edges and painted labels of the chosen field into constraints, and their counts.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers have been edited.
    session : Session
        Keeps the corrections.
    parent : QWidget, optional
    """

    def __init__(self, viewer: napari.Viewer, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self.cut_button = QPushButton("Cut selected edges", self)
        self.cut_button.setToolTip(
            "Both ends of each edge selected in the graph layer will be of different segments. "
            "Select edges with the arrow tool of the layer; more with Shift."
        )
        self.link_button = QPushButton("Link selected edges", self)
        self.link_button.setToolTip(
            "Both ends of each edge selected in the graph layer will be of one segment. To link measurements that are "
            "no neighbours, draw a line between them with the line tool of the layer; it is selected then."
        )
        self.paint_button = QPushButton("Keep painted labels", self)
        self.paint_button.setToolTip(
            "Measurements that you have painted in the segments layer stay in the segment that you gave them, and "
            "their neighbours in theirs."
        )
        self.undo_button = QPushButton("Undo", self)
        self.undo_button.setToolTip("Undo the last correction.")
        self.clear_button = QPushButton("Clear", self)
        self.clear_button.setToolTip("Drop all corrections of this field; can be undone.")
        self.counts = QLabel(self)
        self.counts.setToolTip(
            "What the next run has to keep. Not every method can: "
            + ", ".join(row.title for row in METHODS.values() if row.keeps_constraints)
            + "."
        )
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.cut_button, 0, 0, 1, 2)
        layout.addWidget(self.link_button, 0, 2, 1, 2)
        layout.addWidget(self.paint_button, 1, 0, 1, 2)
        layout.addWidget(self.undo_button, 1, 2)
        layout.addWidget(self.clear_button, 1, 3)
        layout.addWidget(self.counts, 2, 0, 1, 4)
        self.cut_button.clicked.connect(self.cut_selected)
        self.link_button.clicked.connect(self.link_selected)
        self.paint_button.clicked.connect(self.keep_painted)
        self.undo_button.clicked.connect(self.undo)
        self.clear_button.clicked.connect(self.clear)
        for signal in (session.chosen_changed, session.corrections_changed):
            watch(self, signal, self._show)
        self._show()

    @Slot()
    def cut_selected(self) -> None:
        """Cut the selected edges of the graph."""
        state, pairs = self._session.chosen, self._selected_pairs()
        if state is not None and pairs:
            self._session.correct(state, state.corrections.with_cuts(pairs))

    @Slot()
    def link_selected(self) -> None:
        """Link the ends of the selected edges of the graph."""
        state, pairs = self._session.chosen, self._selected_pairs()
        if state is not None and pairs:
            self._session.correct(state, state.corrections.with_links(pairs))

    @Slot()
    def keep_painted(self) -> None:
        """Fix the measurements whose label was painted."""
        state, layer = self._session.chosen, self._segments_layer()
        if state is None or layer is None:
            show_info("There are no segments of this field yet; segment it first.")
            return
        labels = painted_labels(layer, state.corrections.constraints)
        if not labels:
            show_info(f"No measurement is painted in {layer.name}; select the layer that you have painted.")
            return
        self._session.correct(state, state.corrections.with_fixed(labels))

    @Slot()
    def undo(self) -> None:
        """Undo the last correction."""
        if self._session.chosen is not None:
            self._session.correct(self._session.chosen, self._session.chosen.corrections.undone())

    @Slot()
    def clear(self) -> None:
        """Drop all corrections of the field."""
        if self._session.chosen is not None:
            self._session.correct(self._session.chosen, self._session.chosen.corrections.cleared())

    def _selected_pairs(self) -> list[Pair]:
        state = self._session.chosen
        pairs = [
            pair
            for layer in self._viewer.layers
            if isinstance(layer, Shapes) and layer_role(layer) == "graph" and _is_of(layer, state)
            for pair in selected_pairs(layer)
        ]
        if not pairs:
            show_info("No edge is selected; select the graph layer, and edges in it with its arrow tool.")
        return pairs

    def _segments_layer(self) -> Labels | None:
        """The active layer if it is one of segments, else the newest."""
        state = self._session.chosen
        layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels)
            and layer_role(layer) == "segments"
            and _is_of(layer, state)
            and layer_segmentation(layer) is not None
        ]
        active = self._viewer.layers.selection.active
        return active if active in layers else (layers[-1] if layers else None)

    def _show(self) -> None:
        state = self._session.chosen
        corrections = None if state is None else state.corrections
        self.counts.setText("" if corrections is None else f"For the next run: {corrections.text}.")
        for button in (self.cut_button, self.link_button, self.paint_button):
            button.setEnabled(corrections is not None)
        self.undo_button.setEnabled(corrections is not None and corrections.can_undo)
        self.clear_button.setEnabled(corrections is not None and bool(corrections.constraints))


def _is_of(layer: Layer, state: FieldState | None) -> bool:
    return state is not None and layer_field(layer) is state.field
