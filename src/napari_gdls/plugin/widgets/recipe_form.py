"""A form for the parameters of a recipe, made from what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container
from qtpy.QtCore import Qt, Signal, Slot
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_gdls.plugin.task import Task
from napari_gdls.plugin.widgets.parameter_fields import (
    NameField,
    NumberField,
    parameter_field,
    readable,
    threshold_field,
)
from napari_gdls.plugin.widgets.tau_z_words import TauZInWords
from napari_gdls.recipe import LABELLINGS, METHODS, Method, Recipe

if TYPE_CHECKING:
    from napari_gdls.embedding import Calibration
    from napari_gdls.field import Field

_TOOL_TIP_ROLE = int(Qt.ItemDataRole.ToolTipRole)


def _devices() -> tuple[str, ...]:
    from napari_gdls.embedding.inference import available_devices

    return available_devices()


def _embeddings() -> tuple[str, ...]:
    from napari_gdls.embedding import available_embeddings

    return available_embeddings()


# Parameters whose names depend on the machine; looking for them imports torch, which takes seconds.
_FOUND_LATER: Mapping[str, tuple[Callable[[], Sequence[str]], str]] = {
    "device": (_devices, ""),
    "model": (_embeddings, "Weights (*.safetensors)"),
}
_TITLES = {
    "method": {name: row.title for name, row in METHODS.items()},
    "labelling": {name: row.title for name, row in LABELLINGS.items()},
}


class RecipeForm(QWidget):
    """Form for a `Recipe`, showing the parameters of the chosen method only.

    Its fields are made from `Recipe.parameters` and the rows of `METHODS`: a new parameter, or method, needs nothing
    here. Thresholds are kept for each method by itself, as their scales differ. Parameters that are not shown keep the
    values of the last recipe that was set.

    Parameters
    ----------
    parent : QWidget, optional

    Attributes
    ----------
    changed : Signal()
        Any field has changed: by the user, or as another recipe was set.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe = Recipe()
        self._measured: Calibration | None = None
        self._setting = False
        parameters = Recipe.parameters()
        self.method = parameter_field("method", parameters["method"], _TITLES["method"])
        self._thresholds: dict[tuple[str, str], NumberField] = {
            (method, name): threshold_field(name, parameters[name], threshold)
            for method, row in METHODS.items()
            for name, threshold in row.thresholds.items()
        }
        thresholds = {name for _, name in self._thresholds}
        self._parameters: dict[str, Any] = {
            name: self._field_of(name) for name in parameters if name != "method" and name not in thresholds
        }
        self.words = TauZInWords(self)
        self._lay_out()
        self.method.changed.connect(self._on_field)
        fields: list[Any] = [*self._thresholds.values(), *self._parameters.values()]
        for field in fields:
            field.changed.connect(self._on_field)
        self.set_recipe(self._recipe)
        self._search = Task(lambda progress: {name: find() for name, (find, _) in _FOUND_LATER.items()})
        self._search.succeeded.connect(self._on_found)
        self.destroyed.connect(self._search.cancel)
        self._search.start()

    def _field_of(self, name: str) -> Any:
        parameter = Recipe.parameters()[name]
        if name not in _FOUND_LATER:
            return parameter_field(name, parameter, _TITLES.get(name))
        return NameField(
            [getattr(self._recipe, name)],
            _FOUND_LATER[name][1],
            name=name,
            label=readable(parameter.title),
            tooltip=readable(parameter.help),
        )

    def _lay_out(self) -> None:
        combo = self.method.native
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for i, row in enumerate(METHODS.values()):
            combo.setItemData(i, _explained(row), _TOOL_TIP_ROLE)
        always: list[Any] = [self.method]
        seldom: list[Any] = []
        for (method, name), slider in self._thresholds.items():
            (seldom if METHODS[method].thresholds[name].advanced else always).append(slider)
        n_above = len(always)
        for name, field in self._parameters.items():
            (seldom if Recipe.parameters()[name].advanced else always).append(field)
        main: Container[Any] = Container()
        more: Container[Any] = Container()
        for container, fields in ((main, always), (more, seldom)):
            container.margins = (0, 0, 0, 0)
            container.extend(fields)  # magicgui lines up the labels of what comes later only
        main.native.layout().insertWidget(n_above, self.words)
        self.more = QCollapsible("More", self, expandedIcon="▾", collapsedIcon="▸")
        self.more.addWidget(more.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(main.native)
        layout.addWidget(self.more)
        self._containers = main, more  # they own the fields

    def __getitem__(self, name: str) -> Any:
        """Field of a parameter, as the chosen method has it.

        Raises
        ------
        KeyError
            If there is none.
        """
        if name == "method":
            return self.method
        return self._thresholds.get((self.method.value, name)) or self._parameters[name]

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the parameters that the chosen method has."""
        return ("method", *Recipe.parameters_of(self.method.value))

    def recipe(self) -> Recipe:
        """The recipe as the form shows it.

        Raises
        ------
        RecipeError
            If a value is out of range.
        """
        return self._recipe.replace(**{name: self[name].value for name in self.shown})

    def set_recipe(self, recipe: Recipe) -> None:
        """Show a recipe."""
        self._recipe = recipe
        self._setting = True
        try:
            self.method.value = recipe.method
            for name in self.shown:
                self[name].value = getattr(recipe, name)
            for name in set(self._parameters) - set(self.shown):
                self._parameters[name].value = getattr(recipe, name)
        finally:
            self._setting = False
        self._on_field()

    def set_field(self, field: Field | None) -> None:
        """Show the defaults that depend on the field that will be segmented, and what its tau_z separates."""
        if field is not None:
            for (method, name), slider in self._thresholds.items():
                default = METHODS[method].thresholds[name].default_for(field.n_measurements)
                if default is not None:
                    slider.set_default(default)
        self.words.set_beam_energy(None if field is None else field.beam_energy)
        self._explain_tau_z()

    def set_calibration(self, calibration: Calibration | None) -> None:
        """Say what tau_z separates on the scale that a run has measured on the field, where the form asks for it.

        Before the first such run the scale of the embedding has to do.
        """
        if calibration != self._measured:
            self._measured = calibration
            self._explain_tau_z()

    def _on_field(self) -> None:
        if self._setting:
            return
        method, shown = self.method.value, self.shown
        self.method.tooltip = _explained(METHODS[method])
        for (of, _), slider in self._thresholds.items():
            slider.visible = of == method
        for name, field in self._parameters.items():
            field.visible = name in shown
        self.more.setVisible(any(self[name] in self._containers[1] for name in shown))
        self._explain_tau_z()
        self.changed.emit()

    def _explain_tau_z(self) -> None:
        """Say what tau_z separates, where it is on the scale of noise-free differences."""
        explained = METHODS[self.method.value].makes_phases
        self.words.setVisible(explained)
        if explained:
            measured = self._measured if self["calibration"].value == "field" else None
            self.words.ask(self["tau_z"].in_effect, self["model"].value, measured)

    @Slot(object)
    def _on_found(self, names: Mapping[str, Sequence[str]]) -> None:
        for name, found in names.items():
            self._parameters[name].offer(found)


def _explained(method: Method) -> str:
    text = readable(method.help)
    return text if method.thresholds else f"{text} Has its own constants; there is no threshold to set here."
