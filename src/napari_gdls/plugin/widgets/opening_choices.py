"""A dialog for what a file leaves open: map, BSE image, energy calibration, value of one count, energy of the beam."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt, Slot
from qtpy.QtGui import QIcon, QImage, QPainter, QPalette, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHeaderView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.io.bse_choice import COUNTS
from napari_gdls.io.contracts import THUMBNAIL, FileChoices, ImageChoice, MapChoice
from napari_gdls.io.images import IMAGE_ENDINGS
from napari_gdls.io.limits import CHANNEL_WIDTHS, MOST_TOP, require_plausible_energies

_IMAGES = f"Images ({' '.join(f'*{ending}' for ending in IMAGE_ENDINGS)})"
_USUAL_WIDTH = 10.0
"""eV of a channel, where the file says nothing: what most instruments record."""
_MOST_GAIN, _MOST_BEAM = 1e6, 3000.0
"""Value of one count: far more than 16-bit values scaled to their full range have. keV: as much as any microscope."""
_MOST_ROWS = 6
"""Maps that are in sight at once; more are scrolled to."""
_SIZE = QSize(660, 520)
"""Pixels of the dialog: four images in a row; it can be made larger."""
_CHOICE = Qt.ItemDataRole.UserRole


OFFERED = ("dataset", "bse", "energy", "gain", "beam_energy")
"""Arguments of `napari_gdls.read_field` that can be given in the dialog."""


class OpeningChoices(QDialog):
    """Asks for what a file does not say; `options` are arguments of `napari_gdls.read_field`.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        Why it asks, for the head of the dialog.
    choices : FileChoices
        What there is to choose.
    parent : QWidget, optional
    """

    def __init__(self, path: Path, reason: str, choices: FileChoices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Open {path.name}")
        self._path = path
        self._choices = choices
        self.reason = QLabel(reason, self)
        self.reason.setWordWrap(True)
        self.maps = _map_table(choices.maps, self)
        self.images = QListWidget(self)
        self.images.setViewMode(QListWidget.ViewMode.IconMode)
        self.images.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.images.setMovement(QListWidget.Movement.Static)
        self.images.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        self.images.setGridSize(QSize(THUMBNAIL + 24, THUMBNAIL + 56))  # room for two lines of text
        self.images.setWordWrap(True)
        self.images.setToolTip(
            "The image of the backscattered electrons, in the frame of the map. Without one, the map of total counts "
            "stands in: another contrast, and the noise of the counts."
        )
        self.first_channel = _spin(-MOST_TOP, MOST_TOP, "Energy of the first channel, in eV; often negative.", self)
        self.width_of_channel = _spin(*CHANNEL_WIDTHS, "Width of a channel, in eV.", self)
        self.energy_note = QLabel(self)
        self.energy_note.setWordWrap(True)
        self.gain = _stated(
            0.0,
            _MOST_GAIN,
            "",
            "Value of one count in the spectra, where they were scaled or averaged; 1 for counts.",
            self,
        )
        self.gain.setSpecialValueText("found in the spectra")
        self.beam_energy = _stated(
            0.0, _MOST_BEAM, " keV", "Energy of the beam, where the file does not state it, or states it wrongly.", self
        )
        self.beam_energy.setSpecialValueText("as in the file")
        self._lay_out()
        self.maps.itemSelectionChanged.connect(self._show_map)
        self.images.itemClicked.connect(self._on_image)
        for spin in (self.first_channel, self.width_of_channel):
            spin.valueChanged.connect(self._show_energy)
        self._show_map()

    def _lay_out(self) -> None:
        self.map_box = QGroupBox("Map of spectra" if self._has_spectra else "Field", self)
        QVBoxLayout(self.map_box).addWidget(self.maps)
        self.image_box = QGroupBox("BSE image", self)
        QVBoxLayout(self.image_box).addWidget(self.images)
        self.energy_box = QGroupBox("Energy axis", self)
        self.energy_box.setCheckable(True)
        self.energy_box.setToolTip("Tick it to read the spectra with another calibration than that of the file.")
        form = QFormLayout(self.energy_box)
        form.addRow("First channel", self.first_channel)
        form.addRow("Channel width", self.width_of_channel)
        form.addRow(self.energy_note)
        self.energy_box.toggled.connect(self._show_energy)
        self.other_box = QGroupBox("Counts and beam", self)
        others = QFormLayout(self.other_box)
        others.addRow("Value of one count (gain)", self.gain)
        others.addRow("Energy of the beam", self.beam_energy)
        ok, cancel = QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel
        self.buttons = QDialogButtonBox(ok | cancel, self)
        self.buttons.button(ok).setText("Open")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (self.reason, self.map_box, self.image_box, self.energy_box, self.other_box, self.buttons):
            layout.addWidget(widget)
        self.map_box.setVisible(len(self._choices.maps) > 1)
        for box in (self.image_box, self.energy_box, self.other_box):
            box.setVisible(self._has_spectra)
        self.maps.setMaximumHeight(self.maps.sizeHintForRow(0) * (min(len(self._choices.maps), _MOST_ROWS) + 2))
        self.resize(_SIZE)

    @property
    def _has_spectra(self) -> bool:
        """Whether there are maps of spectra; exports of phases have fields without channels."""
        return any(each.shape[2] for each in self._choices.maps)

    @property
    def chosen_map(self) -> MapChoice | None:
        """The map of the selected row."""
        rows = self.maps.selectionModel().selectedRows()
        return self._choices.maps[rows[0].row()] if rows else None

    @property
    def options(self) -> dict[str, Any]:
        """What was chosen, as arguments of `napari_gdls.read_field`."""
        options: dict[str, Any] = {}
        chosen, image = self.chosen_map, self.images.currentItem()
        if chosen is not None and len(self._choices.maps) > 1:
            options["dataset"] = chosen.index
        if not self._has_spectra:
            return options
        if image is not None:
            options["bse"] = image.data(_CHOICE)
        if self.energy_box.isChecked():
            options["energy"] = (self.first_channel.value(), self.width_of_channel.value())
        for name, spin in (("gain", self.gain), ("beam_energy", self.beam_energy)):
            if spin.value() > 0:
                options[name] = spin.value()
        return options

    @Slot()
    def _show_map(self) -> None:
        chosen = self.chosen_map
        shape = None if chosen is None else chosen.shape[:2]
        self.images.clear()
        for image in self._choices.images:
            self.images.addItem(_image_item(image, shape))
        counts = QListWidgetItem(self._drawn("Σ"), "Map of total counts")
        counts.setData(_CHOICE, COUNTS)
        self.images.addItem(counts)
        other = QListWidgetItem(self._drawn("…"), "Image file…")
        other.setToolTip("A greyscale PNG, TIFF, JPEG or BMP image with as many pixels as the map.")
        self.images.addItem(other)
        items = [self.images.item(row) for row in range(self.images.count())]
        said = None if chosen is None else chosen.bse
        of_file = [item for item in items if said is not None and item.data(_CHOICE) == said]
        fitting = (item for item in items if item.flags() & Qt.ItemFlag.ItemIsEnabled)
        self.images.setCurrentItem(of_file[0] if of_file else next(fitting))
        first, width = (0.0, _USUAL_WIDTH) if chosen is None or chosen.energy is None else chosen.energy
        self.first_channel.setValue(first)
        self.width_of_channel.setValue(width)
        self.energy_box.setChecked(chosen is not None and bool(chosen.problem))
        self._show_energy()

    def _drawn(self, text: str) -> QIcon:
        """A sign in the place of a thumbnail, in the colours of the window."""
        pixels = QPixmap(THUMBNAIL, THUMBNAIL)
        pixels.fill(self.palette().color(QPalette.ColorRole.Button))
        painter = QPainter(pixels)
        font = painter.font()
        font.setPixelSize(THUMBNAIL // 2)
        painter.setFont(font)
        painter.setPen(self.palette().color(QPalette.ColorRole.ButtonText))
        painter.drawText(pixels.rect(), Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return QIcon(pixels)

    @Slot(QListWidgetItem)
    def _on_image(self, item: QListWidgetItem) -> None:
        if self.images.row(item) != self.images.count() - 1:
            return
        file, _ = QFileDialog.getOpenFileName(self, "BSE image", str(self._path.parent), _IMAGES)
        self.take_image_file(file)

    def take_image_file(self, file: str) -> None:
        """Choose an image file; "" leaves the choice to the images before it."""
        item = self.images.item(self.images.count() - 1)
        if file:
            item.setData(_CHOICE, file)
            item.setText(Path(file).name)
            self.images.setCurrentItem(item)
        elif item.data(_CHOICE) is None:
            self.images.setCurrentRow(self.images.count() - 2)
        self._show_energy()

    @Slot()
    def _show_energy(self, _: object = None) -> None:
        chosen, image = self.chosen_map, self.images.currentItem()
        able = chosen is not None and image is not None and image.data(_CHOICE) is not None
        note = ""
        if chosen is not None and self._has_spectra and self.energy_box.isChecked():
            axis = EnergyAxis(self.first_channel.value(), self.width_of_channel.value(), chosen.shape[2])
            top = axis.offset + axis.width * (axis.size - 1)
            note = f"{axis.size} channels, {axis.offset / 1000:.3g} to {top / 1000:.4g} keV."
            try:
                require_plausible_energies(self._path, axis)
            except FieldReadError:
                note += (
                    f" No detector has that; channels of {CHANNEL_WIDTHS[0]:g} to {CHANNEL_WIDTHS[1]:g} eV are usual."
                )
                able = False
        elif chosen is not None and chosen.problem:
            note = f"As it stands in the file it cannot be used: {chosen.problem}."
            able = False
        self.energy_note.setText(note)
        self.energy_note.setVisible(bool(note))
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(able)


def _map_table(maps: tuple[MapChoice, ...], parent: QWidget) -> QTableWidget:
    table = QTableWidget(len(maps), 4, parent)
    table.setHorizontalHeaderLabels(["Map", "Pixels", "Channels", "Kind"])
    table.verticalHeader().hide()
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    for row, each in enumerate(maps):
        height, width, channels = each.shape
        for column, text in enumerate((each.title, f"{width} x {height}", f"{channels:,}", each.kind)):
            item = QTableWidgetItem(text)
            if each.index is None:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setToolTip("No map of X-rays: it cannot be segmented.")
            table.setItem(row, column, item)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setStretchLastSection(True)
    table.selectRow(next((row for row, each in enumerate(maps) if each.index is not None), -1))
    return table


def _image_item(image: ImageChoice, shape: tuple[int, int] | None) -> QListWidgetItem:
    height, width = image.shape
    item = QListWidgetItem(_icon(image), f"{image.title}\n{width} x {height} px")
    item.setData(_CHOICE, image.index)
    if image.shape != shape:
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setToolTip("It has another frame than the map of spectra, and cannot be laid on it.")
    return item


def _icon(image: ImageChoice) -> QIcon:
    height, width = image.thumbnail.shape
    pixels = QImage(image.thumbnail.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return QIcon(
        QPixmap.fromImage(pixels.copy()).scaled(
            THUMBNAIL, THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.FastTransformation
        )
    )


def _stated(lowest: float, highest: float, unit: str, tip: str, parent: QWidget) -> QDoubleSpinBox:
    """A number that is left to the file at its lowest value."""
    spin = _spin(lowest, highest, tip, parent)
    spin.setSuffix(unit)
    spin.setValue(lowest)
    return spin


def _spin(lowest: float, highest: float, tip: str, parent: QWidget) -> QDoubleSpinBox:
    spin = QDoubleSpinBox(parent)
    spin.setDecimals(4)
    spin.setRange(lowest, highest)
    spin.setSuffix(" eV")
    spin.setToolTip(tip)
    return spin
