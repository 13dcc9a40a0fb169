"""The part of the dock where corrections by hand are collected for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Shapes
from napari.utils.notifications import show_info
from qtpy.QtCore import Slot
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_gdls.phases.constraints import Constraints
from napari_gdls.plugin.corrections import Corrections, Pair
from napari_gdls.plugin.layers.edits import painted_labels, selected_pairs
from napari_gdls.plugin.layers.metadata import layer_field, layer_role, layer_segmentation

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field


class CorrectionsPanel(QWidget):
    """Buttons that turn selected edges and painted labels into constraints, and their counts.

    Each field has its own corrections, kept as long as it is open.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QWidget, optional
    """

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._field: Field | None = None
        self._of_fields: list[tuple[Field, Corrections]] = []
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
        self.undo_button.setToolTip("Take back the last correction.")
        self.clear_button = QPushButton("Clear", self)
        self.clear_button.setToolTip("Drop all corrections of this field; can be undone.")
        self.counts = QLabel(self)
        self.counts.setToolTip("What the next run has to keep. Only the merge tree and thresholds (paper) can.")
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
        self._show()

    @property
    def constraints(self) -> Constraints:
        """Constraints of the chosen field."""
        return Constraints() if self._field is None else self._corrections().constraints

    def set_field(self, field: Field | None) -> None:
        """Choose a field; corrections of fields that were closed are forgotten."""
        self._field = field
        self._of_fields = [
            entry
            for entry in self._of_fields
            if entry[0] is field or any(layer_field(layer) is entry[0] for layer in self._viewer.layers)
        ]
        self._show()

    @Slot()
    def cut_selected(self) -> None:
        """Cut the selected edges of the graph."""
        pairs = self._selected_pairs()
        if pairs:
            self._corrections().cut(pairs)
            self._show()

    @Slot()
    def link_selected(self) -> None:
        """Link the ends of the selected edges of the graph."""
        pairs = self._selected_pairs()
        if pairs:
            self._corrections().link(pairs)
            self._show()

    @Slot()
    def keep_painted(self) -> None:
        """Fix the measurements whose label was painted."""
        layer = self._segments_layer()
        if layer is None:
            show_info("There are no segments of this field yet; segment it first.")
            return
        labels = painted_labels(layer, self.constraints)
        if not labels:
            show_info(f"No measurement is painted in {layer.name}; select the layer that you have painted.")
            return
        self._corrections().fix(labels)
        self._show()

    @Slot()
    def undo(self) -> None:
        """Take back the last correction."""
        if self._field is not None:
            self._corrections().undo()
            self._show()

    @Slot()
    def clear(self) -> None:
        """Drop all corrections of the field."""
        if self._field is not None:
            self._corrections().clear()
            self._show()

    def _corrections(self) -> Corrections:
        assert self._field is not None
        for field, corrections in self._of_fields:
            if field is self._field:
                return corrections
        self._of_fields.append((self._field, Corrections()))
        return self._of_fields[-1][1]

    def _selected_pairs(self) -> list[Pair]:
        pairs = [
            pair
            for layer in self._viewer.layers
            if isinstance(layer, Shapes) and layer_role(layer) == "graph" and layer_field(layer) is self._field
            for pair in selected_pairs(layer)
        ]
        if not pairs:
            show_info("No edge is selected; select the graph layer, and edges in it with its arrow tool.")
        return pairs

    def _segments_layer(self) -> Labels | None:
        """The active layer if it is one of segments, else the newest."""
        layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels)
            and layer_role(layer) == "segments"
            and layer_field(layer) is self._field
            and layer_segmentation(layer) is not None
        ]
        active = self._viewer.layers.selection.active
        return active if active in layers else (layers[-1] if layers else None)

    def _show(self) -> None:
        known = None if self._field is None else self._corrections()
        self.counts.setText("" if known is None else f"For the next run: {known.text}.")
        for button in (self.cut_button, self.link_button, self.paint_button):
            button.setEnabled(known is not None)
        self.undo_button.setEnabled(known is not None and known.can_undo)
        self.clear_button.setEnabled(known is not None and bool(known.constraints))
