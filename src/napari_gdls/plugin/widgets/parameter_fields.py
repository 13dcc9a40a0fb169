"""Fields of a form for parameters of a recipe, made by magicgui from what is known of each parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from magicgui.widgets import CheckBox, Container, PushButton, create_widget
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFileDialog, QSizePolicy

from napari_gdls.recipe import Parameter, Threshold

_MOST_OF_A_FORM = 1e6
"""Upper end of a number whose parameter names neither a usual range nor a maximum; larger values extend it."""
_LONGEST_UNIT = 4
"""Letters of a unit that still fit into the label of a field; longer ones stand in its tool tip."""
_LONGEST_BOX = 8
"""Letters beside a box for None that leave room for the number; longer ones stand in its tool tip."""
_READOUT_MARGIN = 12
"""Pixels beside the digits of a slider, for the cursor and for a font that is larger than the usual one."""
_DECIMALS = 3
"""Of numbers that are no thresholds (those say theirs); a recipe from a file may have more, and keeps them."""


def parameter_field(name: str, parameter: Parameter, titles: Mapping[str, str] | None = None) -> Any:
    """Widget for a parameter, with ``value``, ``changed`` and ``visible`` as all of magicgui's have.

    Parameters
    ----------
    name : str
        Of the parameter.
    parameter : Parameter
    titles : mapping of str to str, optional
        What choices are called in the form. None: as in the recipe.

    Returns
    -------
    magicgui.widgets.Widget
    """
    shared: dict[str, Any] = {"name": name, "label": _label(parameter)}
    tooltip = _tooltip(parameter)
    if parameter.kind is bool:
        return create_widget(widget_type="CheckBox", options={"tooltip": tooltip}, **shared)
    if parameter.choices:
        choices: list[tuple[str, str | None]] = [((titles or {}).get(each, each), each) for each in parameter.choices]
        if parameter.unset:
            choices.insert(0, (parameter.unset, None))
        return create_widget(widget_type="ComboBox", options={"choices": choices, "tooltip": tooltip}, **shared)
    if parameter.kind is str:
        return create_widget(widget_type="LineEdit", options={"tooltip": tooltip}, **shared)
    low, high = parameter.usual or (parameter.minimum, min(parameter.maximum, _MOST_OF_A_FORM))
    whole = parameter.kind is int
    number = create_widget(
        widget_type="SpinBox" if whole else "FloatSpinBox",
        name="number",
        options={"min": low, "max": high, "step": int(parameter.step) if whole else parameter.step},
    )
    return NumberField(number, None if whole else _DECIMALS, unset=parameter.unset, tooltip=tooltip, **shared)


def threshold_field(name: str, parameter: Parameter, threshold: Threshold) -> NumberField:
    """Slider for a threshold of a method, with a box for its default.

    Parameters
    ----------
    name : str
        Of the parameter.
    parameter : Parameter
    threshold : Threshold
        As the method uses it.
    """
    step = 10.0**-threshold.decimals
    number = create_widget(
        widget_type="FloatSlider", name="number", options={"min": 0.0, "max": threshold.maximum, "step": step}
    )
    for readout in number.native.findChildren(QDoubleSpinBox):
        _fit_readout(readout, f"{threshold.maximum:.{threshold.decimals}f}", threshold.decimals)
    return NumberField(
        number,
        threshold.decimals,
        unset=threshold.unset,
        default=threshold.shown,
        name=name,
        label=_label(parameter),
        tooltip=readable(threshold.help),
    )


def _fit_readout(readout: QDoubleSpinBox, longest: str, decimals: int) -> None:
    """Let the number beside a slider have all its decimals, and no more room than it needs.

    magicgui leaves it at two decimals. The style of napari makes room for buttons in every spin box, and none for the
    text of one that has no buttons; so this one has some, of no width.
    """
    readout.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.UpDownArrows)
    readout.setDecimals(decimals)
    width = readout.fontMetrics().horizontalAdvance(longest) + _READOUT_MARGIN
    readout.setStyleSheet(
        "QAbstractSpinBox { background: transparent; border: 0; padding: 0; "
        f"min-width: {width}px; max-width: {width}px; }} "
        "QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; } "
        "QAbstractSpinBox::up-arrow, QAbstractSpinBox::down-arrow { image: none; width: 0; }"
    )


class NumberField(Container):
    """A number that may be left open: a box is ticked then, and changing the number unticks it.

    Parameters
    ----------
    number : FloatSlider, FloatSpinBox or SpinBox
        Values beyond its ends extend it.
    decimals : int or None
        What the user sets is rounded to these; values set by a program are kept as they are. None: whole numbers.
    unset : str
        Text of the box: what None stands for; "": there is no box.
    default : float, optional
        Where the number stands while the box is ticked; shown, never returned. None: not known, and it is greyed out.
    **options
        Other arguments of `magicgui.widgets.Container`.
    """

    def __init__(
        self, number: Any, decimals: int | None, *, unset: str = "", default: float | None = None, **options: Any
    ) -> None:
        self._value: float | None = None if unset else number.value
        self._decimals = decimals
        self._unset = unset
        self._default = default
        self._number = number
        self._box = CheckBox(text=unset if len(unset) <= _LONGEST_BOX else "default", name="box")
        # First, so that whoever is called next finds the box as it should be.
        number.changed.connect(self._on_number, priority=1)
        self._box.changed.connect(self._on_box, priority=1)
        parts = [number, self._box] if unset else [number]
        super().__init__(widgets=parts, layout="horizontal", labels=False, **options)
        self.margins = (0, 0, 0, 0)
        self.native.layout().setStretch(0, 1)  # the box is as wide as its text
        self._box.native.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        number.tooltip = self.tooltip
        self._box.tooltip = f"{unset[:1].upper()}{unset[1:]}. {self.tooltip}"
        self.set_default(default)

    @property
    def value(self) -> float | None:
        """The number; None if it is left open."""
        return self._value

    @value.setter
    def value(self, value: float | None) -> None:
        self._value = value
        self._show()
        self.changed.emit(self)

    @property
    def in_effect(self) -> float | None:
        """The number, or the default in the place of None."""
        return self._default if self._value is None else self._value

    def set_default(self, default: float | None) -> None:
        """Set what None stands for, where it depends on the field."""
        self._default = default
        if default is not None and self._unset == "default":
            self._box.tooltip = f"Take the default of the method, {default:.4g}."
        self._show()

    def _show(self) -> None:
        number = self._number
        shown = self._default if self._value is None else self._value
        with number.changed.blocked(), self._box.changed.blocked():
            if shown is not None:
                number.min, number.max = min(number.min, shown), max(number.max, shown)
                number.value = shown
            self._box.value = self._value is None
            number.enabled = shown is not None

    def _on_number(self) -> None:
        number = self._number.value
        self._value = number if self._decimals is None else round(number, self._decimals)
        with self._box.changed.blocked():
            self._box.value = False

    def _on_box(self) -> None:
        shown = self._number.value
        self._value = None if self._box.value else shown if self._default is None else self._default
        self._show()


class NameField(Container):
    """A name out of a list that may grow, or one that it does not hold, such as the path of a file.

    Parameters
    ----------
    names : sequence of str
        That are known; the first is chosen.
    files : str
        Filter for a dialog where the path of a file can be chosen instead: "Weights (*.safetensors)"; "": no dialog.
    **options
        Other arguments of `magicgui.widgets.Container`.
    """

    def __init__(self, names: Sequence[str], files: str = "", **options: Any) -> None:
        self._files = files
        self._combo: Any = create_widget(widget_type="ComboBox", name="combo", options={"choices": list(names)})
        self._button = PushButton(text="…", name="file", tooltip="Choose a file.")
        super().__init__(
            widgets=[self._combo, self._button] if files else [self._combo],
            layout="horizontal",
            labels=False,
            **options,
        )
        self.margins = (0, 0, 0, 0)
        self._combo.tooltip = self.tooltip
        self._combo.native.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._button.native.setFixedWidth(self._button.native.sizeHint().height())
        self._button.changed.connect(self._on_file)

    @property
    def names(self) -> tuple[str, ...]:
        """All names of the list."""
        return tuple(self._combo.choices)

    @property
    def value(self) -> str:
        """The chosen name."""
        return str(self._combo.value)

    @value.setter
    def value(self, value: str) -> None:
        self.offer([value])
        self._combo.value = value

    def offer(self, names: Sequence[str]) -> None:
        """Add names to the list, if they are not there."""
        new = [name for name in names if name not in self.names]
        if new:
            with self.changed.blocked():
                chosen = self.value
                self._combo.choices = [*self.names, *new]
                self._combo.value = chosen

    def _on_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.native, self.label, "", self._files)
        if path:
            self.value = path


def _label(parameter: Parameter) -> str:
    short = 0 < len(parameter.unit) <= _LONGEST_UNIT
    return readable(f"{parameter.title} ({parameter.unit})" if short else parameter.title)


def _tooltip(parameter: Parameter) -> str:
    long = len(parameter.unit) > _LONGEST_UNIT
    return readable(f"{parameter.help} In {parameter.unit}." if long else parameter.help)


def readable(text: str) -> str:
    """A title or an explanation as a form writes it: with Greek letters."""
    return text.replace("tau_", "τ").replace("delta_", "δ")
