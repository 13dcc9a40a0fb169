"""The dock of batches: choose fields, start, watch, stop, open what is finished."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QTimer, QUrl, Slot
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_gdls.argument_words import reworded
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.looking import BatchLook, look_at
from napari_gdls.errors import GdlsError
from napari_gdls.plugin.batch_layers import layers_of_field
from napari_gdls.plugin.batch_process import (
    BatchRequest,
    last_words,
    recent_batches,
    remember_batch,
    resume_batch,
    start_batch,
    stop_batch,
)
from napari_gdls.plugin.beside import add_beside
from napari_gdls.plugin.failures import show_failure, window_words
from napari_gdls.plugin.file_layers import layers_in
from napari_gdls.plugin.task import Latest, Task
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.batch.field_table import FieldTable
from napari_gdls.plugin.widgets.batch.input_list import InputList
from napari_gdls.plugin.widgets.problems import problem_text
from napari_gdls.recipe import Recipe

if TYPE_CHECKING:
    import napari

    from napari_gdls.progress import Progress

_LOOK = 1000
"""Milliseconds between two looks at the batch; a choice."""

_STARTING = 20
"""Looks during which a batch that was just started may have shown nothing yet: Python and its libraries load."""

_COLUMN = 64
"""Pixels of a column to begin with, so that all are in sight; by eye."""

_AUTO = "as many as fit"


class BatchWidget(QWidget):
    """Dock widget that starts batches and shows how they fare.

    A batch runs in a process of its own: it goes on when napari is closed, and is found again under "Batch".

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(getattr(napari_viewer, "__wrapped__", napari_viewer))
        self.session = viewer_session(napari_viewer).session
        self.look: BatchLook | None = None
        self._folder: Path | None = None
        self._starting = 0
        self._check: Task | None = None
        self._looks = Latest(self)
        self.inputs = InputList(self)
        self.output = QLineEdit(self)
        self.output.setPlaceholderText("Folder for the results")
        self.browse = QPushButton("…", self)
        self.recipe = QComboBox(self)
        self.recipe.addItems(["As in the dock “Segment”", "Defaults"])
        self.recipe.setToolTip("Names and corrections by hand belong to their field, and are left out.")
        self.workers = QSpinBox(self)
        self.workers.setRange(0, 256)
        self.workers.setSpecialValueText(_AUTO)
        self.workers.setToolTip("Processes that work side by side, each on one field.")
        self.start_button = QPushButton("Start", self)
        self.start_button.setToolTip("Check all fields, then segment them in a process of its own.")
        self.recent = QComboBox(self)
        self.recent.setToolTip("Batches that were started or opened here.")
        self.open_folder = QPushButton("Open batch…", self)
        self.stop_button = QPushButton("Stop", self)
        self.stop_button.setToolTip("What is done is kept; Go on takes it up again.")
        self.resume_button = QPushButton("Go on", self)
        self.mosaic_button = QPushButton("Open mosaic", self)
        self.report_button = QPushButton("Open report", self)
        self.bar = QProgressBar(self)
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.table = FieldTable(self)
        self.view = QTableView(self)
        self.view.setModel(self.table)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setToolTip("Double click opens the field, with its phases where it is done.")
        self.view.verticalHeader().setVisible(False)
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.view.horizontalHeader().setDefaultSectionSize(_COLUMN)
        self.view.horizontalHeader().setStretchLastSection(True)
        self.timer = QTimer(self)
        self.timer.setInterval(_LOOK)
        self._lay_out()
        self._connect()
        self._list_recent()
        self._show_state()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Fields", self.inputs)
        form.addRow("Results", _row(self.output, self.browse))
        form.addRow("Recipe", self.recipe)
        form.addRow("Processes", self.workers)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.start_button)
        batch = QFormLayout()
        batch.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        batch.addRow("Batch", _row(self.recent, self.open_folder))
        layout.addLayout(batch)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        layout.addWidget(self.view, stretch=1)
        layout.addWidget(_row(self.stop_button, self.resume_button, self.mosaic_button, self.report_button))

    def _connect(self) -> None:
        self.browse.clicked.connect(self._choose_output)
        self.start_button.clicked.connect(self.start)
        self.open_folder.clicked.connect(self._choose_batch)
        self.recent.activated.connect(self._on_recent)
        self.stop_button.clicked.connect(self.stop)
        self.resume_button.clicked.connect(self.resume)
        self.mosaic_button.clicked.connect(self.open_mosaic)
        self.report_button.clicked.connect(self.open_report)
        self.view.doubleClicked.connect(self.open_field)
        self.inputs.changed.connect(self._show_state)
        self.output.textChanged.connect(self._show_state)
        self.timer.timeout.connect(self._look)
        self._looks.succeeded.connect(self._on_look)
        self._looks.failed.connect(self._on_no_look)

    @property
    def chosen_recipe(self) -> Recipe:
        """Recipe that the batch is to have."""
        return Recipe() if self.recipe.currentIndex() else self.session.recipe.replace(names=(), corrections=())

    @Slot()
    def start(self) -> None:
        """Check the fields beside the window, then start."""
        request = BatchRequest(
            self.inputs.paths(), Path(self.output.text()).expanduser().absolute(), self.chosen_recipe,
            self.workers.value() or None,
        )  # fmt: skip

        def check(report: Progress) -> None:
            from napari_gdls.batch.checking import checked_fields
            from napari_gdls.batch.inputs import field_inputs

            checked_fields(field_inputs(*request.inputs), progress=report)

        self._check = Task(check)
        self._check.succeeded.connect(lambda _: self._begin(request))
        self._check.failed.connect(self._on_problem)
        self.destroyed.connect(self._check.cancel)
        self.start_button.setEnabled(False)
        self.message.setText("Checking the fields…")
        self._check.start()

    def _begin(self, request: BatchRequest) -> None:
        self._check = None
        try:
            start_batch(request)
        except GdlsError as error:
            self._on_problem(error)
            return
        self.watch(request.folder, starting=True)

    def watch(self, folder: Path, *, starting: bool = False) -> None:
        """Show how a batch fares.

        Parameters
        ----------
        folder : Path
        starting : bool
            Whether it was just started, and may have nothing to show yet.
        """
        self._folder, self.look = folder, None
        self._starting = _STARTING if starting else 0
        self.table.show_fields(())
        remember_batch(folder)
        self._list_recent()
        self.message.setText("Starting…" if starting else "")
        self.timer.start()
        self._look()

    @Slot()
    def stop(self) -> None:
        """Stop the batch."""
        if self._folder is not None:
            try:
                stop_batch(self._folder)
            except GdlsError as error:
                self._on_problem(error)

    @Slot()
    def resume(self) -> None:
        """Let the batch go on."""
        if self._folder is None:
            return
        try:
            resume_batch(self._folder)
        except GdlsError as error:
            self._on_problem(error)
            return
        self.watch(self._folder, starting=True)

    @Slot(QModelIndex)
    def open_field(self, index: QModelIndex) -> None:
        """Open a field of the batch, with its phases where it is done."""
        viewer, look = self._viewer(), self.look
        if viewer is not None and look is not None:
            state = self.table.fields[index.row()]
            add_beside(viewer, state.name, lambda: layers_of_field(look, state))

    @Slot()
    def open_mosaic(self) -> None:
        """Open the map of the section."""
        viewer, folder = self._viewer(), self._folder
        if viewer is not None and folder is not None:
            add_beside(viewer, "the mosaic", lambda: layers_in(Layout(folder).mosaic))

    @Slot()
    def open_report(self) -> None:
        """Open the report in the browser."""
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Layout(self._folder).report)))

    @Slot()
    def _look(self) -> None:
        folder = self._folder
        if folder is not None:

            def found(report: Progress) -> BatchLook:
                report("looking", 0.0)
                return look_at(Layout(folder))

            self._looks.ask(found)

    @Slot(object)
    def _on_look(self, look: BatchLook) -> None:
        if look.layout.folder != self._folder:
            return
        self.look = look
        self._starting = 0 if look.drivers else max(self._starting - 1, 0)
        self.table.show_fields(look.fields)
        self._show_state()

    @Slot(object)
    def _on_no_look(self, error: Exception) -> None:
        if self._starting > 0 and isinstance(error, GdlsError):
            self._starting -= 1
            return
        self.timer.stop()
        said = last_words(self._folder) if self._folder is not None else ""
        if isinstance(error, GdlsError):
            self.message.setText(problem_text(said or reworded(str(error), window_words)))
        else:
            show_failure(error)

    def _on_problem(self, error: Exception) -> None:
        self._check = None
        self._show_state()
        if isinstance(error, GdlsError):
            self.message.setText(problem_text(reworded(str(error), window_words)))
        else:
            show_failure(error)

    def _show_state(self) -> None:
        look, folder = self.look, self._folder
        runs = look is not None and bool(look.drivers)
        given = bool(self.inputs.paths()) and bool(self.output.text().strip())
        self.start_button.setEnabled(given and self._check is None)
        self.stop_button.setEnabled(runs)
        self.resume_button.setEnabled(look is not None and not runs and self._starting == 0)
        self.mosaic_button.setEnabled(folder is not None and Layout(folder).mosaic.is_dir())
        self.report_button.setEnabled(folder is not None and Layout(folder).report.is_file())
        if look is None:
            return
        done, aside, total = look.count("done"), look.count("set aside"), len(look.fields)
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done + aside)
        said = f"{done:,} of {total:,} fields done"
        said += f", {look.count('running')} running" if runs else ""
        said += f", {aside} set aside" if aside else ""
        if runs and done + aside == total:
            said += "; the section is being put together"
        elif not runs and self._starting == 0:
            self.timer.stop()
            ended = last_words(look.layout.folder)
            if ended.startswith("Error:"):
                self.message.setText(problem_text(ended))
                return
            said += "." if done + aside == total else "; nobody works on it."
        self.message.setText(said)

    def _list_recent(self) -> None:
        self.recent.clear()
        self.recent.addItem("")
        for path in recent_batches():
            self.recent.addItem(path.name, str(path))
            self.recent.setItemData(self.recent.count() - 1, str(path), 3)  # ToolTipRole
        if self._folder is not None:
            self.recent.setCurrentIndex(max(self.recent.findData(str(self._folder)), 0))

    @Slot(int)
    def _on_recent(self, row: int) -> None:
        folder = self.recent.itemData(row)
        if folder:
            self.watch(Path(folder))

    @Slot()
    def _choose_output(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results of the batch")
        if folder:
            self.output.setText(folder)

    @Slot()
    def _choose_batch(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a batch")
        if folder:
            self.watch(Path(folder))


def _row(*widgets: Any) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row
