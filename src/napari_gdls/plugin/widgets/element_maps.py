"""The dock of element maps: what is mapped, and how pixels between measurements are filled."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Slot
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.layers.maps import COLOURMAP, OVERLAID, show_map
from napari_gdls.plugin.map_making import (
    KINDS,
    MadeMap,
    MapRequest,
    elements_of_field,
    made_maps,
    possible_coordinates,
)
from napari_gdls.plugin.task import Task
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.element_field import ElementField
from napari_gdls.plugin.widgets.expression_line import ExpressionLine
from napari_gdls.plugin.widgets.field_choice import FieldChoice
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.plugin.field_state import FieldState

_FILLS = {
    "nearest": ("Nearest measurement", "Every pixel has the value of the measurement nearest to it."),
    "segments": ("Mean in each segment", "Every pixel has the mean over the measurements in its segment."),
    "dots": ("Measured pixels only", "Pixels between measurements stay transparent."),
}
_NO_COORDINATE = "none"
_STEPS = 1000
"""Of the progress bar; its own scale."""


class ElementMapsWidget(QWidget):
    """Dock widget that makes maps of the chosen field; they are layers, and stay when it is closed.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(getattr(napari_viewer, "__wrapped__", napari_viewer))
        self.session = viewer_session(napari_viewer).session
        self._task: Task | None = None
        self._field: Field | None = None
        self._waiting: list[tuple[MadeMap, str, tuple[str, ...]]] = []
        self.field_choice = FieldChoice(self.session, self)
        self.elements = ElementField(
            self, placeholder="Fe Mg Ca", tip="Elements to map, as symbols. The table marks those of the named phases."
        )
        self.kind = QComboBox(self)
        for key, words in KINDS.items():
            self.kind.addItem(words, key)
        self.kind.setToolTip(
            "Net counts: counts of all lines of the element, by a fit of all elements to every spectrum; without "
            "continuum, and with overlapping lines told apart.\nWindow: counts around its strongest line, with all "
            "that lies there.\nwt%: percents of mass, by the summed spectrum of each segment or phase."
        )
        self.fill = QComboBox(self)
        for key, (words, tip) in _FILLS.items():
            self.fill.addItem(words, key)
            self.fill.setItemData(self.fill.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.fill.setToolTip("What pixels between measurements show.")
        self.overlay = QCheckBox("One picture of all", self)
        self.overlay.setToolTip(
            f"Up to {len(OVERLAID)} maps over one another, in cyan, magenta, yellow and grey; their colours add up."
        )
        self.expression = ExpressionLine(self)
        self.coordinate = QComboBox(self)
        self.coordinate.setToolTip(
            "What named minerals of solid solutions consist of, by segment: An of plagioclase, Mg# of pyroxene."
        )
        self.button = QPushButton("Make maps", self)
        self.button.setToolTip("Adds an image layer for each, or renews it where it is there.")
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setToolTip("Give up the maps that are being made.")
        self.progress_bar = QProgressBar(self)
        self.progress_bar.setRange(0, _STEPS)
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self._lay_out()
        self.button.clicked.connect(self.make)
        self.cancel_button.clicked.connect(self.cancel)
        self.expression.textChanged.connect(self._on_expression)
        self.expression.returnPressed.connect(self.make)
        for signal in (self.session.chosen_changed, self.session.shown_changed, self.session.naming_changed):
            watch(self, signal, self._show_state)
        self._show_state()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Field", self.field_choice)
        form.addRow("Elements", self.elements)
        form.addRow("Amount", self.kind)
        form.addRow("Between dots", self.fill)
        form.addRow("", self.overlay)
        form.addRow("Expression", self.expression)
        form.addRow("Minerals", self.coordinate)
        buttons = QHBoxLayout()
        buttons.addWidget(self.button)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.progress_bar)
        layout.addWidget(self.message)
        layout.addStretch(1)

    @property
    def busy(self) -> bool:
        """Whether maps are being made, or being put into the viewer."""
        return self._task is not None or bool(self._waiting)

    @property
    def request(self) -> MapRequest:
        """What the dock asks for."""
        coordinate = self.coordinate.currentText()
        return MapRequest(
            elements=self.elements.elements,
            kind=self.kind.currentData(),
            fill=self.fill.currentData(),
            expression=self.expression.text().strip(),
            quantity="" if coordinate == _NO_COORDINATE else coordinate,
        )

    @Slot()
    def make(self) -> None:
        """Make the maps that are asked for, beside the window."""
        state, request = self.session.chosen, self.request
        if state is None or self.busy or self.expression.problem:
            return
        if not (request.elements or request.expression or request.quantity):
            self.message.setText("Name elements, type an expression, or choose a quantity of minerals.")
            return
        shown = state.shown
        self._field = state.field
        task = Task(lambda progress: made_maps(state, shown, request, progress))
        task.progressed.connect(self._on_progress)
        task.succeeded.connect(self._on_maps)
        task.failed.connect(self._on_failure)
        self.destroyed.connect(task.cancel)
        self._task = task
        self.message.setText("")
        self._on_progress("starting", 0.0)
        task.start()
        self._show_state()

    @Slot()
    def cancel(self) -> None:
        """Give up the maps that are being made."""
        if self._task is not None:
            self._task.cancel()
            self._end("Cancelled.")

    @Slot(str, float)
    def _on_progress(self, stage: str, fraction: float) -> None:
        self.progress_bar.setValue(round(_STEPS * fraction))
        self.progress_bar.setFormat(f"{stage} %p%")

    @Slot(object)
    def _on_maps(self, maps: list[MadeMap]) -> None:
        overlaid = self.overlay.isChecked() and 1 < len(maps) <= len(OVERLAID)
        colours = OVERLAID if overlaid else (COLOURMAP,) * len(maps)
        # The first lies on top where one hides the other.
        order = maps if overlaid else maps[::-1]
        together = tuple(each.title for each in maps) if overlaid else ()
        self._waiting = [(each, colours[k], together) for k, each in enumerate(order)]
        titles = [f"{each.title} ({colours[k]})" if overlaid else each.title for k, each in enumerate(maps)]
        words = f"{len(maps)} map{'s' if len(maps) > 1 else ''}: {', '.join(titles)}"
        if self.overlay.isChecked() and len(maps) > len(OVERLAID):
            words += f". One picture holds {len(OVERLAID)} at most; they are layers of their own."
        self._end(words)
        self._place_next()

    def _place_next(self) -> None:
        """A layer a step, so that the window stays awake."""
        viewer, field = self._viewer(), self._field
        if not self._waiting:
            return
        made, colour, together = self._waiting.pop(0)
        if viewer is None or field is None or self.session.state_of(field) is None:
            self._waiting = []  # the field was closed
            return
        show_map(
            viewer,
            field,
            made.title,
            made.values,
            unit=made.unit,
            from_zero=made.unit != "",
            colourmap=colour,
            overlaid=together,
        )
        if self._waiting:
            QTimer.singleShot(0, self, self._place_next)
        self._show_state()

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        self._end(str(error))
        show_failure(error)

    def _end(self, words: str) -> None:
        self._task = None
        self.message.setText(words)
        self._show_state()

    @Slot()
    def _on_expression(self, _: object = None) -> None:
        self.message.setText(self.expression.problem)
        self._show_state()

    def _show_state(self, _: FieldState | None = None) -> None:
        state, busy = self.session.chosen, self.busy
        self.button.setEnabled(state is not None and not busy and not self.expression.problem)
        self.cancel_button.setEnabled(self._task is not None)
        self.progress_bar.setVisible(self._task is not None)
        shown = None if state is None else state.shown
        self.elements.table.set_marked(elements_of_field(shown))
        names = [_NO_COORDINATE, *possible_coordinates(shown)]
        if names != [self.coordinate.itemText(k) for k in range(self.coordinate.count())]:
            chosen = self.coordinate.currentText()
            with signals_blocked(self.coordinate):
                self.coordinate.clear()
                self.coordinate.addItems(names)
                self.coordinate.setCurrentText(chosen if chosen in names else _NO_COORDINATE)
        self.coordinate.setEnabled(len(names) > 1)
        dense = state is not None and state.field.is_dense
        fills = self.fill.model()
        if isinstance(fills, QStandardItemModel):  # as combo boxes have it
            fills.item(1).setEnabled(shown is not None)
        if self.fill.currentData() == "segments" and shown is None:
            self.fill.setCurrentIndex(0)
        self.fill.setItemText(0, "Each measurement" if dense else _FILLS["nearest"][0])
