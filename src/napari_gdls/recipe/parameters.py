"""What a parameter of the recipe is: one wording and one set of limits for checks, command line and forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal

from napari_gdls.checks import shown
from napari_gdls.errors import RecipeError

Part = Literal["run", "embedding", "graph", "thresholds", "phases", "walker", "pixels", "unmixing"]
"""Part of the chain that a parameter belongs to; a method has all parameters of the parts that it consists of.

"run": how the computer goes about it; "embedding" of the spectra; "graph" of the measurements; "thresholds": as each
method says; "phases"; "walker": any random walker on the BSE image; "pixels": labels from the measurements around;
"unmixing": of overlapping phases, which has a recipe of its own.
"""


@dataclass(frozen=True)
class Parameter:
    """What is known of a parameter, as metadata of its field of `Recipe`.

    Attributes
    ----------
    kind : {float, int, bool, str}
        Type of the value.
    title : str
        One to three words, for a form.
    help : str
        One or two sentences: what it does.
    part : str
        Part of the chain that it belongs to; see `Part`.
    unit : str
        "" for pure numbers, names and switches.
    minimum, maximum : float
        Limits that a value must keep, both inclusive.
    positive : bool
        Whether it must be above 0.
    usual : (float, float), optional
        Range that a form offers; larger and smaller values stay possible.
    step : float
        Of a form.
    choices : tuple of str
        All values that there are; empty: any.
    unset : str
        What None stands for, in a word or a few; "": None is no value.
    advanced : bool
        Whether most users never need it.
    """

    kind: type
    title: str
    help: str
    part: Part
    unit: str = ""
    minimum: float = 0.0
    maximum: float = math.inf
    positive: bool = False
    usual: tuple[float, float] | None = None
    step: float = 1.0
    choices: tuple[str, ...] = ()
    unset: str = ""
    advanced: bool = True

    def check(self, name: str, value: object) -> None:
        """Complain of a value that the parameter cannot have.

        Raises
        ------
        RecipeError
        """
        if value is None and self.unset:
            return
        if not self._is_possible(value):
            raise RecipeError(f"recipe: {name} is {shown(value)}; {self._wanted()} is needed.")

    def _is_possible(self, value: object) -> bool:
        if self.kind is bool:
            return isinstance(value, bool)
        if self.kind is str:
            return isinstance(value, str) and bool(value) and (not self.choices or value in self.choices)
        if isinstance(value, bool) or not isinstance(value, Integral if self.kind is int else Real):
            return False
        try:
            number = float(value)
        except OverflowError:  # whole numbers of hundreds of digits
            return False
        return self.minimum <= number <= self.maximum and not (self.positive and number == 0) and math.isfinite(number)

    def _wanted(self) -> str:
        if self.kind is bool:
            return "true or false"
        if self.kind is str:
            return f"one of {', '.join(self.choices)}" if self.choices else "a name"
        number = "a whole number" if self.kind is int else "a number"
        if self.maximum < math.inf:
            wanted = f"{number} from {self.minimum:g} to {self.maximum:g}"
        elif self.positive:
            wanted = f"{number} above 0"
        else:
            wanted = f"{number} of {self.minimum:g} or more"
        return f"{wanted} ({self.unit})" if self.unit else wanted
