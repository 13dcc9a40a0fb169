"""A list of the fields that are loaded in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget
from superqt.utils import signals_blocked

from napari_gdls.plugin.layers.metadata import layer_field, layer_role

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field


class FieldChoice(QComboBox):
    """Combo box of the fields that the layers of a viewer carry; follows as layers come, go and are renamed.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QWidget, optional

    Attributes
    ----------
    field_changed : Signal()
        Another field, or none, is chosen.
    """

    field_changed = Signal()

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers = viewer.layers
        self._fields: list[Field] = []
        self._last: Field | None = None
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setToolTip("Open a file of spectra, or File > Open Sample > napari-gdls.")
        for event in (self._layers.events.inserted, self._layers.events.removed):
            event.connect(self._refresh)  # held weakly: napari drops it together with this widget
        self.currentIndexChanged.connect(self._on_index)
        self._refresh()

    def field(self) -> Field | None:
        """The chosen field; None when no layer carries one."""
        index = self.currentIndex()
        return self._fields[index] if 0 <= index < len(self._fields) else None

    def choose(self, field: Field) -> None:
        """Choose one of the loaded fields."""
        self.setCurrentIndex([known is field for known in self._fields].index(True))

    def _refresh(self, event: Any = None) -> None:
        chosen = self.field()
        titles: dict[int, str] = {}
        fields: dict[int, Field] = {}
        for layer in self._layers:
            field = layer_field(layer)
            if field is not None and (id(field) not in fields or layer_role(layer) == "bse"):
                fields[id(field)] = field
                titles[id(field)] = field.name or layer.name
        doubled = {title for title in titles.values() if list(titles.values()).count(title) > 1}
        counts: dict[str, int] = {}
        with signals_blocked(self):
            self.clear()
            self._fields = list(fields.values())
            for field in self._fields:
                title = titles[id(field)]
                counts[title] = counts.get(title, 0) + 1
                self.addItem(f"{title} [{counts[title]}]" if title in doubled else title)
            newest = len(self._fields) - 1
            kept = [i for i, field in enumerate(self._fields) if field is chosen]
            self.setCurrentIndex(kept[0] if kept else newest)
        self._on_index()

    def _on_index(self, index: int = 0) -> None:
        field = self.field()
        if field is not self._last:
            self._last = field
            self.field_changed.emit()
