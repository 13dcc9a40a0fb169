"""Running a method of `napari_gdls.recipe.METHODS`: on a prepared field, or on a graph for its measurements alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.embedding import Calibration, Embedding, load_embedding
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.graph import MeasurementGraph
from napari_gdls.methods.contract import Found, Prepared, Stages
from napari_gdls.methods.pixels import found_from_pixels
from napari_gdls.phases.constraints import Constraints
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import METHODS, Correction, Recipe


def run_method(prepared: Prepared) -> Found:
    """Segment a prepared field by the method of its recipe."""
    method = prepared.recipe.method_row
    if method.needs_graph:
        found: Found = method.load()(prepared)
        return found
    with prepared.stages.stage("segments"):
        labels = method.load()(prepared.field, progress=prepared.progress)
    return found_from_pixels(prepared.field, labels)


def check_constraints(recipe: Recipe, constraints: Constraints | None) -> Constraints:
    """The constraints, or none of them.

    Raises
    ------
    RecipeError
        If there are some, and the method of the recipe cannot keep them.
    """
    if constraints and not recipe.method_row.keeps_constraints:
        able = " or ".join(repr(name) for name, row in METHODS.items() if row.keeps_constraints)
        raise RecipeError(
            f"the method {recipe.method!r} cannot keep constraints; leave them out, or choose the method {able}."
        )
    return constraints or Constraints()


def check_corrections(recipe: Recipe) -> tuple[Correction, ...]:
    """The corrections of a recipe.

    Raises
    ------
    RecipeError
        If there are some, and its method cannot keep them.
    """
    if recipe.corrections and not recipe.method_row.keeps_constraints:
        able = " or ".join(repr(name) for name, row in METHODS.items() if row.keeps_constraints)
        raise RecipeError(
            f"the method {recipe.method!r} cannot keep corrections by hand; leave them out, or choose the method "
            f"{able}."
        )
    return recipe.corrections


def label_measurements(
    graph: MeasurementGraph,
    *,
    field: Field | None = None,
    z: npt.NDArray[np.float32] | None = None,
    recipe: Recipe | None = None,
    model: Embedding | str | None = None,
    calibration: Calibration | None = None,
    constraints: Constraints | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> npt.NDArray[np.int64]:
    """Give every measurement the label of its segment.

    The first step of `napari_gdls.segment`, by the same code: with the same recipe, embedding, calibration and
    constraints two measurements are of one segment here if they are connected there through measurements of one phase.

    Parameters
    ----------
    graph : MeasurementGraph
    field : Field, optional
        That the graph was built from. The method "threshold" needs it for constraints only.
    z : (N, d) array of float32, optional
        Embedded spectra that the graph was built from. The method "threshold" does without.
    recipe : Recipe, optional
        None: the defaults.
    model : Embedding or str, optional
        The embedding that made `z`. None: that of the recipe.
    calibration : Calibration, optional
        Scale of delta_z. None: that of the model.
    constraints : Constraints, optional
        Links, cuts and given segments to be kept, for methods that can.
    progress : Progress, optional
    **changes
        Any parameter of `Recipe`, over those of `recipe`: ``method``, ``tau_z``, ``tau_b``, ``significance`` and so on.

    Returns
    -------
    (N,) array of int64
        0..K-1, numbered in the order in which the segments first appear.

    Raises
    ------
    RecipeError
        If a parameter is unknown or out of range, the method does not segment measurements, or it needs what is not
        given.
    EmbeddingError
        If there is no such model.
    """
    given = recipe or Recipe()
    if isinstance(model, str):
        changes["model"] = model
    wanted = given.replace(**changes)
    method = wanted.method_row
    if not method.labels_measurements:
        able = ", ".join(name for name, row in METHODS.items() if row.labels_measurements)
        raise RecipeError(f"the method {wanted.method!r} has no segments of the measurements alone; choose of {able}.")
    kept = check_constraints(wanted, constraints)
    if field is not None:
        graph.require_field(field)
    if z is not None and len(z) != graph.n_measurements:
        raise RecipeError(
            f"z has {len(z)} rows and the graph {graph.n_measurements} measurements; they must be of one field."
        )
    embedding = model if isinstance(model, Embedding) else None
    if embedding is None and z is not None:
        embedding = load_embedding(wanted.model)
    prepared = Prepared(
        recipe=wanted.with_defaults(graph.n_measurements),
        graph=graph,
        constraints=kept,
        stages=Stages(progress or silent),
        given_field=field,
        given_z=z,
        given_model=embedding,
        given_calibration=calibration,
    )
    labels: npt.NDArray[np.int64] = method.load_measurement_step()(prepared)
    return labels
