"""The part of the dock that says how phases are named, and how far that is."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtCore import Slot
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.plugin.task import Task
from napari_gdls.plugin.widgets.parameter_fields import NameField
from napari_gdls.plugin.widgets.problems import problem_text
from napari_gdls.plugin.widgets.rows import row_of
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.phase_naming import PhaseNaming
    from napari_gdls.plugin.session import Session
    from napari_gdls.progress import Progress

_ALL = "all minerals"
_FILES = "Tables of minerals (*.csv)"
_ENERGIES = (0.0, 300.0)
"""keV that can be set: those of SEM and STEM; 0 stands for not known."""
_MOST_LINES = 3
"""Of phases that could be one; the others are in the tool tip."""


class MineralsPanel(QWidget):
    """Whether and with which library phases are named, the beam energy where the field does not say it, and progress.

    Parameters
    ----------
    session : Session
    naming : PhaseNaming
    parent : QWidget, optional
    """

    def __init__(self, session: Session, naming: PhaseNaming, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._naming = naming
        self.wanted = QCheckBox("Name the phases", self)
        self.wanted.setToolTip("Say what each phase is, and how probable that is, after every run.")
        self.library = NameField(
            [_ALL],
            _FILES,
            name="library",
            label="Minerals that phases can be",
            tooltip="What phases can be: all minerals that are known, those of a type of rock, or a table of your own "
            "(CSV with a name, and a formula or percent of mass).",
        )
        self.beam_energy = QDoubleSpinBox(self)
        self.beam_energy.setRange(*_ENERGIES)
        self.beam_energy.setDecimals(1)
        self.beam_energy.setSuffix(" keV")
        self.beam_energy.setSpecialValueText("not known")
        self.beam_energy.setKeyboardTracking(False)  # one digit is no beam energy
        self.beam_energy.setToolTip("The file does not say it, and nothing can be quantified without it.")
        self.beam_label = QLabel("Beam energy", self)
        self.again_button = QPushButton("Name now", self)
        self.cancel_button = QPushButton("Cancel", self)
        self.progress_bar = QProgressBar(self)
        self.progress_bar.setRange(0, 1000)
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self._lay_out()

        self.wanted.toggled.connect(self._on_settings)
        self.library.changed.connect(self._on_settings)
        self.beam_energy.valueChanged.connect(self._on_settings)
        self.again_button.clicked.connect(self._on_again)
        self.cancel_button.clicked.connect(naming.cancel)
        naming.busy_changed.connect(self._show_progress)
        naming.progressed.connect(self._on_progress)
        for signal in (session.chosen_changed, session.shown_changed, session.naming_changed):
            watch(self, signal, self._show)
        self._search = Task(_libraries)
        self._search.succeeded.connect(self._on_found)
        self.destroyed.connect(self._search.cancel)
        self._search.start()
        self._show()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        first = row_of(self.wanted, self.library.native)
        first.setStretch(1, 1)
        layout.addLayout(first)
        layout.addLayout(row_of(self.beam_label, self.beam_energy))
        layout.addLayout(row_of(self.progress_bar, self.cancel_button))
        layout.addWidget(self.message)
        layout.addWidget(self.again_button)

    @Slot()
    def _on_settings(self, _: object = None) -> None:
        state = self._session.chosen
        if state is None:
            return
        library = self.library.value
        self._session.ask_names(
            state,
            wanted=self.wanted.isChecked(),
            library="" if library == _ALL else library,
            beam_energy=self.beam_energy.value() or None,
        )

    @Slot()
    def _on_again(self) -> None:
        if self._session.chosen is not None:
            self._session.name_again(self._session.chosen)

    @Slot(object)
    def _on_found(self, libraries: Sequence[str]) -> None:
        self.library.offer(libraries)

    @Slot(str, float)
    def _on_progress(self, stage: str, fraction: float) -> None:
        self.progress_bar.setValue(round(1000 * fraction))
        self.progress_bar.setFormat(f"{stage} %p%")

    def _show(self, _: object = None) -> None:
        state = self._session.chosen
        for widget in (self.wanted, self.library.native, self.beam_energy):
            widget.setEnabled(state is not None)
        if state is not None:
            settings = state.naming
            with signals_blocked(self.wanted), signals_blocked(self.beam_energy), self.library.changed.blocked():
                self.wanted.setChecked(settings.wanted)
                self.library.value = settings.library or _ALL
                self.beam_energy.setValue(settings.beam_energy or 0.0)
        unknown = state is not None and state.field.beam_energy is None
        self.beam_label.setVisible(unknown)
        self.beam_energy.setVisible(unknown)
        text, tip = ("", "") if state is None else _in_words(state)
        self.message.setText(text)
        self.message.setToolTip(tip)
        self.message.setVisible(bool(text))
        self.again_button.setVisible(state is not None and _can_be_named_again(state))
        self._show_progress()

    @Slot()
    def _show_progress(self) -> None:
        state = self._session.chosen
        busy = state is not None and self._naming.state is state
        if busy and self.progress_bar.isHidden():
            self._on_progress("starting", 0.0)
        self.progress_bar.setVisible(busy)
        self.cancel_button.setVisible(busy)


def _in_words(state: FieldState) -> tuple[str, str]:
    """What there is to say of the naming of a field, and more of it."""
    shown = state.shown
    if state.naming_problem:
        return problem_text(state.naming_problem), ""
    if state.naming.wanted and state.beam_energy is None:
        return "What phases are can be said once the beam energy is known: the file does not say it.", ""
    if shown is None or shown.minerals is None:
        return "", ""
    lines = [line.text for line in shown.minerals.could_be_one]
    if len(lines) > _MOST_LINES:
        more = f"and {len(lines) - _MOST_LINES + 1} more"
        return "<br>".join(html.escape(line) for line in [*lines[: _MOST_LINES - 1], more]), "\n".join(lines)
    return "<br>".join(html.escape(line) for line in lines), ""


def _can_be_named_again(state: FieldState) -> bool:
    shown = state.shown
    return state.naming.wanted and shown is not None and shown.partition in state.unnamed


def _libraries(progress: Progress) -> tuple[str, ...]:
    """Names of the libraries that come with the package, beside that of all minerals."""
    from napari_gdls.mineralogy.rock_types import rock_types

    return tuple(rock_types())
