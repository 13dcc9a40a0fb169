"""The recipe: every parameter of the chain in one object, saved with every result."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from napari_gdls.errors import RecipeError

METHODS = ("threshold",)
CALIBRATIONS = ("model", "field")
DRIFTS = ("ignore", "report", "correct")
RECIPE_VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """Parameters of `napari_gdls.segment`, shared by the dock widget, the command line and scripts.

    Parameters
    ----------
    model : str
        Name of the embedding, or path of a weights file; see `napari_gdls.load_embedding`.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps". "auto" takes a GPU when there is one.
    batch_size : int, optional
        Spectra per batch of the embedding. None: chosen for the device.
    drift : {"report", "ignore", "correct"}
        What to do about drift of the energy calibration over the field: measure it, nothing, or measure it and bring
        all spectra to the calibration of the centre.
    calibration : {"model", "field"}
        Where the scale of delta_z comes from: the embedding (an average over many materials), or the field itself
        (see `napari_gdls.embedding.calibrate_on_field`).
    max_distance : float
        Longest edge of the measurement graph, in sampling distances (paper, section 3.6: 2).
    method : {"threshold"}
        How the measurement graph is cut into segments.
    tau_b : float, optional
        Largest delta_b of an edge inside a segment, as a fraction of the BSE full scale. None: the method's default.
    tau_z : float, optional
        Largest delta_z of an edge inside a segment. None: the method's default.
    beta : float, optional
        How strongly a step in BSE holds back the random walker. None: from the noise of the image.
    reach : float
        Pixels further than this from every measurement, in sampling distances, get label 0.

    Raises
    ------
    RecipeError
        If a value is out of range.
    """

    model: str = "default"
    device: str = "auto"
    batch_size: int | None = None
    drift: str = "report"
    calibration: str = "model"
    max_distance: float = 2.0
    method: str = "threshold"
    tau_b: float | None = None
    tau_z: float | None = None
    beta: float | None = None
    reach: float = 1.0

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("calibration", CALIBRATIONS), ("drift", DRIFTS)):
            if getattr(self, name) not in known:
                raise RecipeError(
                    f"recipe: {name} {getattr(self, name)!r} is unknown; choose one of {', '.join(known)}."
                )
        for name in ("model", "device"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise RecipeError(f"recipe: {name} is {getattr(self, name)!r}; a name is needed.")
        if self.batch_size is not None and (not isinstance(self.batch_size, int) or self.batch_size < 1):
            raise RecipeError(f"recipe: batch_size is {self.batch_size!r}; a positive whole number is needed.")
        for name in ("max_distance", "reach"):
            self._check(name, strict=True)
        for name in ("tau_b", "tau_z", "beta"):
            if getattr(self, name) is not None:
                self._check(name, strict=False)

    def _check(self, name: str, *, strict: bool) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise RecipeError(f"recipe: {name} is {value!r}; a number of 0 or more is needed.")
        if strict and value == 0:
            raise RecipeError(f"recipe: {name} is 0; it must be positive.")

    def replace(self, **changes: Any) -> Recipe:
        """The recipe with some parameters changed.

        Raises
        ------
        RecipeError
            If a parameter does not exist or a value is out of range.
        """
        unknown = sorted(set(changes) - {field.name for field in dataclasses.fields(self)})
        if unknown:
            known = ", ".join(field.name for field in dataclasses.fields(self))
            raise RecipeError(f"recipe: no parameter {', '.join(map(repr, unknown))}; there are {known}.")
        return dataclasses.replace(self, **changes)

    def to_json(self) -> str:
        """The recipe as JSON text."""
        return json.dumps({"recipe_version": RECIPE_VERSION, **dataclasses.asdict(self)}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe written by `to_json`.

        Raises
        ------
        RecipeError
            If the text is no JSON object, comes from a later version, or holds unknown or impossible values.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"recipe: not JSON ({error}).") from None
        if not isinstance(values, dict):
            raise RecipeError("recipe: not a JSON object.")
        version = values.pop("recipe_version", None)
        if version != RECIPE_VERSION:
            raise RecipeError(f"recipe: version {version!r}; this napari-gdls reads version {RECIPE_VERSION}.")
        return cls().replace(**values)
