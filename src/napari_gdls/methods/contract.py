"""What a method is given, and what it gives back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.phases.constraints import Constraints
from napari_gdls.progress import Progress, compilation_reported, silent

if TYPE_CHECKING:
    from napari_gdls.embedding import Calibration, Embedding
    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.graph.merging import MergeTree
    from napari_gdls.labelling.local_walker import PixelTask
    from napari_gdls.phases.measurement_phases import MeasurementPhases
    from napari_gdls.recipe import Recipe

_Given = TypeVar("_Given")


class Stages:
    """Reports and times the stages of a run, and says so when one of them has to compile code first.

    Parameters
    ----------
    progress : Progress
        Receives every stage; may cancel.

    Attributes
    ----------
    timings : dict of str to float
        Seconds by stage, of those that have ended.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.timings: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Report 0 at the beginning and 1 at the end, and time what is between."""
        self.progress(name, 0.0)
        start = time.perf_counter()
        with compilation_reported(self.progress):
            yield
        self.timings[name] = time.perf_counter() - start
        self.progress(name, 1.0)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A field that is ready to be segmented.

    Attributes
    ----------
    recipe : Recipe
        With the defaults of the method spelled out.
    graph : MeasurementGraph
    constraints : Constraints
        To be kept, by methods that can.
    stages : Stages
    given_field : Field, optional
        Its spectra are those that were embedded: corrected for drift, if the recipe says so.
    given_z : (N, d) array of float32, optional
        Embedded spectra.
    given_model : Embedding, optional
        That made them.
    given_calibration : Calibration, optional
        Scale of delta_z.
    """

    recipe: Recipe
    graph: MeasurementGraph
    constraints: Constraints = field(default_factory=Constraints)
    stages: Stages = field(default_factory=lambda: Stages(silent))
    given_field: Field | None = None
    given_z: npt.NDArray[np.float32] | None = None
    given_model: Embedding | None = None
    given_calibration: Calibration | None = None

    @property
    def field(self) -> Field:
        """The field, or a `RecipeError` where a method needs it and was given the graph alone."""
        return _needed(self.given_field, self.recipe, "the field that the graph was built from: field=...")

    @property
    def z(self) -> npt.NDArray[np.float32]:
        """The embedded spectra, likewise."""
        return _needed(self.given_z, self.recipe, "the embedded spectra: z=... (and their field: field=...)")

    @property
    def model(self) -> Embedding:
        """The embedding, likewise."""
        return _needed(self.given_model, self.recipe, "the embedding: model=...")

    @property
    def calibration(self) -> Calibration:
        """Scale of delta_z; that of the model where no other is given."""
        return self.model.calibration if self.given_calibration is None else self.given_calibration

    @property
    def progress(self) -> Progress:
        """Receives every stage; may cancel."""
        return self.stages.progress


def _needed(given: _Given | None, recipe: Recipe, what: str) -> _Given:
    if given is None:
        raise RecipeError(f"the method {recipe.method!r} needs {what}.")
    return given


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found; the attributes of `napari_gdls.Segmentation` of the same names.

    Attributes
    ----------
    labels : (H, W) array of int32
    measurement_labels : (N,) array of int64
    phases : (K,) array of int64
    confidence : (H, W) array of float32 or None
    tree : MergeTree or None
    measurement_phases : MeasurementPhases or None
    pixel_task : PixelTask or None
    """

    labels: npt.NDArray[np.int32]
    measurement_labels: npt.NDArray[np.int64]
    phases: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float32] | None = None
    tree: MergeTree | None = None
    measurement_phases: MeasurementPhases | None = None
    pixel_task: PixelTask | None = None
