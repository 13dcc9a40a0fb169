"""A form for the parameters of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal, Slot
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_gdls.field import Field
from napari_gdls.plugin.task import Task
from napari_gdls.plugin.widgets.method_choices import METHOD_CHOICES, MethodChoice, choice_of
from napari_gdls.plugin.widgets.tau_z_words import TauZInWords
from napari_gdls.plugin.widgets.threshold_slider import ThresholdSlider
from napari_gdls.recipe import LABELLINGS, METHODS, Recipe
from napari_gdls.recipe.methods import default_significance

if TYPE_CHECKING:
    from napari_gdls.embedding import Calibration

_TOOL_TIP_ROLE = int(Qt.ItemDataRole.ToolTipRole)
_TITLES = {"tau_z": "τ<sub>z</sub> (spectra)", "tau_b": "τ<sub>b</sub> (BSE)", "significance": "Significance"}


class RecipeForm(QWidget):
    """Form for a `Recipe`, showing the parameters of the chosen method only.

    Thresholds are kept for each method by itself, as their scales differ. Parameters that are not shown keep the values
    of the last recipe that was set.

    Parameters
    ----------
    parent : QWidget, optional

    Attributes
    ----------
    tau_z_changed : Signal()
        The method's tau_z, or the method, is another one.
    """

    tau_z_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe = Recipe()
        self._measured: Calibration | None = None
        self.method = QComboBox(self)
        self.method.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for i, choice in enumerate(METHOD_CHOICES):
            self.method.addItem(choice.title)
            self.method.setItemData(i, choice.explanation, _TOOL_TIP_ROLE)
        self.sliders = {
            (choice, name): ThresholdSlider(limits, self)
            for choice in METHOD_CHOICES
            for name, limits in choice.thresholds.items()
        }
        self.words = TauZInWords(self)
        self.device = QComboBox(self)
        self.device.addItems(["auto", "cpu"])
        self.device.setToolTip("Where the spectra are embedded. auto: on a GPU when there is one.")
        self.smallest = QSpinBox(self)
        self.smallest.setRange(0, 100_000)
        self.smallest.setSuffix(" px")
        self.smallest.setToolTip("Segments of fewer pixels join the neighbour that they share the longest border with.")
        self.intergrowths = QCheckBox("as one phase", self)
        self.intergrowths.setToolTip(
            "Areas with grains smaller than the distance of the measurements become one phase each, a fine-grained "
            "mixture, instead of single measurements of many phases."
        )
        self.labelling = QComboBox(self)
        self.labelling.addItem("default", None)
        for name in LABELLINGS:
            self.labelling.addItem(name, name)
        self.labelling.setToolTip(
            "How pixels between measurements get their labels. local: from the labels nearby, with a confidence; "
            "walker: random walker among all labels. default: local for the merge tree, walker for thresholds."
        )
        self.model = QComboBox(self)
        self.model.addItem("default")
        self.model.setEditable(True)
        self.model.setToolTip("Embedding of the spectra: a name, or the path of a weights file.")
        self.calibration = QComboBox(self)
        self.calibration.addItems(Recipe.parameters()["calibration"].choices)
        self.calibration.setToolTip("Where the scale of τz comes from: the embedding, or measured on the field itself.")
        self.drift = QComboBox(self)
        self.drift.addItems(Recipe.parameters()["drift"].choices)
        self.drift.setToolTip("Drift of the energy calibration over the field: nothing, report it, take it back.")
        self.max_distance = _spin_box(0.5, 10.0, 0.5, "spacings")
        self.max_distance.setToolTip("Longest edge of the measurement graph, in distances between measurements.")
        self.reach = _spin_box(0.5, 10.0, 0.5, "spacings")
        self.reach.setToolTip(
            "Pixels further than this from every measurement, in distances between measurements, stay without a label."
        )
        self._lay_out()
        self.method.currentIndexChanged.connect(self._on_method)
        self.model.currentTextChanged.connect(self._on_tau_z)
        self.calibration.currentTextChanged.connect(self._on_tau_z)
        for (_, name), slider in self.sliders.items():
            if name == "tau_z":
                slider.changed.connect(self._on_tau_z)
        self.set_recipe(self._recipe)
        self._find_choices()

    def _lay_out(self) -> None:
        self._form, self._more_form = QFormLayout(), QFormLayout()
        self._form.addRow("Method", self.method)
        for (choice, name), slider in self.sliders.items():
            form = self._more_form if choice.thresholds[name].advanced else self._form
            form.addRow(_labelled(_TITLES[name], slider.toolTip()), slider)
        self._form.addRow(self.words)
        self._form.addRow("Device", self.device)
        for title, widget in (
            ("Smallest segment", self.smallest),
            ("Fine-grained mixtures", self.intergrowths),
            ("Pixel labels", self.labelling),
            ("Embedding", self.model),
            ("Scale of τ<sub>z</sub>", self.calibration),
            ("Energy drift", self.drift),
            ("Longest edge", self.max_distance),
            ("Reach", self.reach),
        ):
            self._more_form.addRow(_labelled(title, widget.toolTip()), widget)
        more = QWidget(self)
        more.setLayout(self._more_form)
        self.more = QCollapsible("More", self, expandedIcon="▾", collapsedIcon="▸")
        self.more.addWidget(more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)
        layout.addWidget(self.more)

    @property
    def choice(self) -> MethodChoice:
        """The chosen method."""
        return METHOD_CHOICES[self.method.currentIndex()]

    @property
    def tau_z(self) -> ThresholdSlider:
        """Slider of the chosen method; KeyError if the method has no tau_z."""
        return self.sliders[self.choice, "tau_z"]

    @property
    def tau_b(self) -> ThresholdSlider:
        """Slider of the chosen method; KeyError if the method has no tau_b."""
        return self.sliders[self.choice, "tau_b"]

    def choose(self, choice: MethodChoice) -> None:
        """Choose a method of `METHOD_CHOICES`."""
        self.method.setCurrentIndex(METHOD_CHOICES.index(choice))

    def recipe(self) -> Recipe:
        """The recipe as the form shows it.

        Raises
        ------
        RecipeError
            If a value is out of range.
        """
        choice = self.choice
        shown = {
            "smallest": self.smallest.value(),
            "intergrowths": self.intergrowths.isChecked(),
            "labelling": self.labelling.currentData(),
            "model": self.model.currentText().strip(),
            "calibration": self.calibration.currentText(),
            "drift": self.drift.currentText(),
            "max_distance": self.max_distance.value(),
            "reach": self.reach.value(),
        }
        values = {name: value for name, value in shown.items() if name in choice.parameters}
        values |= {name: self.sliders[choice, name].value() for name in choice.thresholds}
        return self._recipe.replace(method=choice.method, device=self.device.currentText(), **values)

    def set_recipe(self, recipe: Recipe) -> None:
        """Show a recipe."""
        choice = choice_of(recipe)
        self._recipe = recipe
        if self.device.findText(recipe.device) < 0:
            self.device.addItem(recipe.device)
        self.device.setCurrentText(recipe.device)
        self.model.setCurrentText(recipe.model)
        self.calibration.setCurrentText(recipe.calibration)
        self.drift.setCurrentText(recipe.drift)
        self.intergrowths.setChecked(recipe.intergrowths)
        self.labelling.setCurrentIndex(max(self.labelling.findData(recipe.labelling), 0))
        self.smallest.setMaximum(max(self.smallest.maximum(), recipe.smallest))
        self.smallest.setValue(recipe.smallest)
        for box, value in ((self.max_distance, recipe.max_distance), (self.reach, recipe.reach)):
            box.setRange(min(box.minimum(), value), max(box.maximum(), value))
            box.setValue(value)
        self.choose(choice)
        for name in choice.thresholds:
            self.sliders[choice, name].set_value(getattr(recipe, name))
        self._on_method()

    def set_field(self, field: Field | None) -> None:
        """Show the defaults that depend on the field that will be segmented, and what its tau_z separates."""
        if field is not None:
            for (_, name), slider in self.sliders.items():
                if name == "significance":
                    slider.set_default(default_significance(field.n_measurements))
        self.words.set_beam_energy(None if field is None else field.beam_energy)
        self.set_calibration(None)

    def set_calibration(self, calibration: Calibration | None) -> None:
        """Say what tau_z separates on the scale that a run has measured on the field, where the form asks for it.

        Before the first such run the scale of the embedding has to do.
        """
        self._measured = calibration
        self._on_tau_z()

    @Slot()
    def _on_method(self) -> None:
        choice = self.choice
        self.method.setToolTip(choice.explanation)
        for (of, _), slider in self.sliders.items():
            self._show_row(slider, of is choice)
        for name in ("smallest", "intergrowths", "labelling", "model", "calibration", "drift", "max_distance", "reach"):
            self._show_row(getattr(self, name), name in choice.parameters)
        self.more.setVisible(bool(choice.parameters))
        self._on_tau_z()

    @Slot()
    def _on_tau_z(self) -> None:
        """Say what tau_z separates, where it is on the scale of noise-free differences."""
        merging = METHODS[self.choice.method].makes_phases
        self.words.setVisible(merging)
        if merging:
            measured = self._measured if self.calibration.currentText() == "field" else None
            self.words.ask(self.tau_z.in_effect(), self.model.currentText().strip(), measured)
        self.tau_z_changed.emit()

    def _show_row(self, widget: QWidget, shown: bool) -> None:
        for form in (self._form, self._more_form):
            label = form.labelForField(widget)
            if label is not None:
                label.setVisible(shown)
        widget.setVisible(shown)

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


def _labelled(title: str, explanation: str) -> QLabel:
    label = QLabel(title)
    label.setToolTip(explanation)
    return label


def _spin_box(low: float, high: float, step: float, unit: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setDecimals(2)
    box.setSuffix(f" {unit}")
    return box
