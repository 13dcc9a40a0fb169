"""A form for the parameters of a recipe."""

from __future__ import annotations

from qtpy.QtCore import Slot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_gdls.graph.components import DEFAULT_TAU_B, DEFAULT_TAU_Z
from napari_gdls.plugin.task import Task
from napari_gdls.plugin.threshold import ThresholdSlider
from napari_gdls.recipe import CALIBRATIONS, DRIFTS, METHODS, Recipe


class RecipeForm(QWidget):
    """Form for a `Recipe`; parameters that it does not show keep the values of the last recipe that was set.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe = Recipe()
        self.device = QComboBox(self)
        self.device.addItems(["auto", "cpu"])
        self.device.setToolTip("Where the spectra are embedded. auto: on a GPU when there is one.")
        self.tau_b = ThresholdSlider(DEFAULT_TAU_B, 0.3, 3, self)
        self.tau_b.setToolTip(
            "Largest step in BSE between neighbouring measurements of one segment, as a fraction of the full scale."
        )
        self.tau_z = ThresholdSlider(DEFAULT_TAU_Z, 5.0, 2, self)
        self.tau_z.setToolTip(
            "Largest spectral distance between neighbouring measurements of one segment; 1 cuts 5 % of the edges "
            "inside a mineral. Larger: fewer, larger segments."
        )
        self.method = QComboBox(self)
        self.method.addItems(METHODS)
        self.model = QComboBox(self)
        self.model.addItem("default")
        self.model.setEditable(True)
        self.model.setToolTip("Embedding of the spectra: a name, or the path of a weights file.")
        self.calibration = QComboBox(self)
        self.calibration.addItems(CALIBRATIONS)
        self.calibration.setToolTip("Where the scale of τz comes from: the embedding, or measured on the field itself.")
        self.drift = QComboBox(self)
        self.drift.addItems(DRIFTS)
        self.drift.setToolTip("Drift of the energy calibration over the field: nothing, report it, take it back.")
        self.max_distance = _spin_box(0.5, 10.0, 0.5, "sampling distances")
        self.max_distance.setToolTip("Longest edge of the measurement graph.")
        self.reach = _spin_box(0.5, 10.0, 0.5, "sampling distances")
        self.reach.setToolTip("Pixels further than this from every measurement stay without a label.")
        self._lay_out()
        self.set_recipe(self._recipe)
        self._find_choices()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("τ<sub>b</sub> (BSE)", self.tau_b)
        form.addRow("τ<sub>z</sub> (spectra)", self.tau_z)
        form.addRow("Device", self.device)
        advanced = QWidget(self)
        advanced_form = QFormLayout(advanced)
        advanced_form.addRow("Method", self.method)
        advanced_form.addRow("Embedding", self.model)
        advanced_form.addRow("Scale of τ<sub>z</sub>", self.calibration)
        advanced_form.addRow("Energy drift", self.drift)
        advanced_form.addRow("Longest edge", self.max_distance)
        advanced_form.addRow("Reach", self.reach)
        self.advanced = QCollapsible("Advanced", self, expandedIcon="▾", collapsedIcon="▸")
        self.advanced.addWidget(advanced)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.advanced)

    def recipe(self) -> Recipe:
        """The recipe as the form shows it.

        Raises
        ------
        RecipeError
            If a value is out of range.
        """
        return self._recipe.replace(
            device=self.device.currentText(),
            model=self.model.currentText().strip(),
            method=self.method.currentText(),
            calibration=self.calibration.currentText(),
            drift=self.drift.currentText(),
            max_distance=self.max_distance.value(),
            reach=self.reach.value(),
            tau_b=self.tau_b.value(),
            tau_z=self.tau_z.value(),
        )

    def set_recipe(self, recipe: Recipe) -> None:
        """Show a recipe."""
        self._recipe = recipe
        if self.device.findText(recipe.device) < 0:
            self.device.addItem(recipe.device)
        self.device.setCurrentText(recipe.device)
        self.model.setCurrentText(recipe.model)
        self.method.setCurrentText(recipe.method)
        self.calibration.setCurrentText(recipe.calibration)
        self.drift.setCurrentText(recipe.drift)
        for box, value in ((self.max_distance, recipe.max_distance), (self.reach, recipe.reach)):
            box.setRange(min(box.minimum(), value), max(box.maximum(), value))
            box.setValue(value)
        self.tau_b.set_value(recipe.tau_b)
        self.tau_z.set_value(recipe.tau_z)

    def _find_choices(self) -> None:
        """Look for devices and embeddings beside the window: importing torch takes seconds."""
        self._search = Task(lambda progress: _available())
        self._search.succeeded.connect(self._on_choices)
        self.destroyed.connect(self._search.cancel)
        self._search.start()

    @Slot(object)
    def _on_choices(self, choices: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
        devices, models = choices
        for box, names in ((self.device, devices), (self.model, models)):
            box.addItems([name for name in names if box.findText(name) < 0])


def _available() -> tuple[tuple[str, ...], tuple[str, ...]]:
    from napari_gdls.embedding import available_embeddings
    from napari_gdls.embedding.inference import available_devices

    return available_devices(), available_embeddings()


def _spin_box(low: float, high: float, step: float, unit: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setDecimals(2)
    box.setSuffix(f" {unit}")
    return box
