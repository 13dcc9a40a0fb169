"""The recipe: every parameter of the chain in one object, saved with every result."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from napari_gdls.errors import RecipeError

METHODS = ("merge", "threshold", "watershed", "bse_only", "pixelwise", "bse_ranges")
LABELLINGS = ("local", "walker", "paper")
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
    method : {"merge", "threshold", "watershed", "bse_only", "pixelwise", "bse_ranges"}
        How the field is cut into segments. "merge": merge tree and phases; "threshold": the paper's way, components of
        the graph without edges above the thresholds (section 3.6); the others are those of
        `napari_gdls.methods.baselines`, with their defaults.
    tau_z : float, optional
        "merge": smallest noise-free difference of two phases, on the scale of delta_z of two spectra of 1,000 counts;
        None: 0.3. "threshold": largest delta_z of an edge inside a segment; None: 1.
    significance : float, optional
        "merge": how sure a border must be, x for a probability of error of exp(-x) in one comparison. None: ln N + 5
        for N measurements.
    tau_b : float, optional
        "merge": phases whose mean BSE differs by more stay apart even where their spectra agree; None: BSE alone makes
        no phases. "threshold": largest delta_b of an edge inside a segment; None: 0.05. In parts of the full scale.
    intergrowths : bool
        "merge": areas with grains smaller than the distance of the measurements become one phase each, a fine-grained
        mixture, instead of single measurements of many.
    labelling : {"local", "walker", "paper"}, optional
        How pixels get their labels. "local": random walker among the labels nearby, with a confidence; "walker": one
        among all labels; "paper", with the method "threshold" only: as the authors published it, edges, thresholds and
        all, where tau_z is compared with the bare distance of eq. 2. None: "local" for "merge", else "walker".
    beta : float, optional
        How strongly a step in BSE holds back the random walker. None: from the noise of the image; for "paper" 0.01, of
        ten times the image.
    reach : float
        Pixels further than this from every measurement, in sampling distances, get label 0.
    smallest : int
        "merge": segments of fewer pixels are absorbed by the neighbour that they share the longest border with.

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
    method: str = "merge"
    tau_z: float | None = None
    significance: float | None = None
    tau_b: float | None = None
    intergrowths: bool = True
    labelling: str | None = None
    beta: float | None = None
    reach: float = 1.0
    smallest: int = 0

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("calibration", CALIBRATIONS), ("drift", DRIFTS)):
            if getattr(self, name) not in known:
                raise RecipeError(
                    f"recipe: {name} {getattr(self, name)!r} is unknown; choose one of {', '.join(known)}."
                )
        for name in ("model", "device"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise RecipeError(f"recipe: {name} is {getattr(self, name)!r}; a name is needed.")
        if self.labelling is not None and self.labelling not in LABELLINGS:
            raise RecipeError(
                f"recipe: labelling {self.labelling!r} is unknown; choose one of {', '.join(LABELLINGS)}."
            )
        if self.labelling == "paper" and self.method != "threshold":
            raise RecipeError(f"recipe: labelling 'paper' goes with the method 'threshold', not with {self.method!r}.")
        if not isinstance(self.intergrowths, bool):
            raise RecipeError(f"recipe: intergrowths is {self.intergrowths!r}; true or false is needed.")
        if isinstance(self.smallest, bool) or not isinstance(self.smallest, int) or self.smallest < 0:
            raise RecipeError(f"recipe: smallest is {self.smallest!r}; a whole number of 0 or more is needed.")
        if self.batch_size is not None and (not isinstance(self.batch_size, int) or self.batch_size < 1):
            raise RecipeError(f"recipe: batch_size is {self.batch_size!r}; a positive whole number is needed.")
        for name in ("max_distance", "reach"):
            self._check(name, strict=True)
        for name in ("tau_b", "tau_z", "significance", "beta"):
            if getattr(self, name) is not None:
                self._check(name, strict=False)

    def _check(self, name: str, *, strict: bool) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise RecipeError(f"recipe: {name} is {value!r}; a number of 0 or more is needed.")
        if strict and value == 0:
            raise RecipeError(f"recipe: {name} is 0; it must be positive.")

    @property
    def pixel_labelling(self) -> str:
        """How pixels get their labels, with the method's default filled in."""
        return self.labelling or ("local" if self.method == "merge" else "walker")

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
