"""A list of the fields that are open."""

from __future__ import annotations

from qtpy.QtCore import Slot
from qtpy.QtWidgets import QComboBox, QWidget
from superqt.utils import signals_blocked

from napari_gdls.plugin.session import Session
from napari_gdls.plugin.widgets.watching import watch


class FieldChoice(QComboBox):
    """Combo box of the open fields of a session, with the chosen one.

    Parameters
    ----------
    session : Session
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setToolTip("Open a file of spectra, or File > Open Sample > napari-gdls.")
        watch(self, session.fields_changed, self._list)
        watch(self, session.chosen_changed, self._list)
        self.currentIndexChanged.connect(self._on_index)
        self._list()

    def _list(self) -> None:
        states = self._session.states
        titles = [state.title for state in states]
        seen: dict[str, int] = {}
        with signals_blocked(self):
            self.clear()
            for title in titles:
                seen[title] = seen.get(title, 0) + 1
                self.addItem(f"{title} [{seen[title]}]" if titles.count(title) > 1 else title)
            chosen = self._session.chosen
            self.setCurrentIndex(-1 if chosen is None else states.index(chosen))

    @Slot(int)
    def _on_index(self, index: int) -> None:
        if index >= 0:
            self._session.choose(self._session.states[index].field)
