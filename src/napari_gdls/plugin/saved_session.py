"""All that is known of a field in a file, so that the next day begins where this one ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.embedding import Calibration
from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.field import Field
from napari_gdls.io.stored_results import StoredResults
from napari_gdls.plugin.edit_history import Edit, EditHistory, Naming
from napari_gdls.plugin.field_state import FieldState, NamingSettings, Pinned, partition_of
from napari_gdls.plugin.phase_names import uncorrected
from napari_gdls.recipe import Place, Recipe
from napari_gdls.recipe.corrections import checked_corrections
from napari_gdls.recipe.named_places import checked_name
from napari_gdls.segmentation import Segmentation, write_segmentation
from napari_gdls.segmentation.stored_segmentations import stored_values

_NAMING = "naming"
"""Kind of a name by hand in a saved history, beside the kinds of corrections."""


@dataclass(frozen=True, eq=False)
class SavedSession:
    """What a file says of a field; see `FieldState` for what each value is.

    Parameters
    ----------
    shown, run : Segmentation
    asked : Recipe or None
    recipe : Recipe
    recipes : dict of str to Recipe
    history : EditHistory
    tau_z : float
    hidden : (N,) array of bool, or None
    pinned : tuple of Pinned
    colours : dict of (int, int) to (float, float, float)
    naming : NamingSettings
    unnamed : bool
        Whether the phases of `shown` are not to be named until the user asks again.
    calibration : Calibration or None
    """

    shown: Segmentation
    run: Segmentation
    asked: Recipe | None
    recipe: Recipe
    recipes: dict[str, Recipe]
    history: EditHistory
    tau_z: float
    hidden: npt.NDArray[np.bool_] | None
    pinned: tuple[Pinned, ...]
    colours: dict[Place, tuple[float, float, float]]
    naming: NamingSettings
    unnamed: bool
    calibration: Calibration | None


def save_session(path: str | os.PathLike[str], saved: SavedSession, *, overwrite: bool = False) -> None:
    """Write all that is known of a field, with the field.

    Parameters
    ----------
    path : path-like
        ``*.gdls.zarr`` for a folder, ``*.gdls.zarr.zip`` for one file.
    saved : SavedSession
        From `session_of`.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        As `napari_gdls.io.write_field`.
    """
    more = {
        "run": saved.run,
        "asked": None if saved.asked is None else _plain_recipe(saved.asked),
        "recipe": _plain_recipe(saved.recipe),
        "recipes": {method: _plain_recipe(recipe) for method, recipe in saved.recipes.items()},
        "history": _saved_history(saved.history),
        "tau_z": float(saved.tau_z),
        "hidden": saved.hidden,
        "pinned": tuple(
            {
                "title": each.title,
                "counts": each.counts,
                "n_spectra": int(each.n_spectra),
                "colour": tuple(map(float, each.colour)),
            }
            for each in saved.pinned
        ),
        "colours": tuple((*place, *map(float, colour)) for place, colour in saved.colours.items()),
        "naming": {
            "wanted": saved.naming.wanted,
            "library": saved.naming.library,
            "beam_energy": saved.naming.beam_energy,
        },
        "unnamed": saved.unnamed,
        "calibration": saved.calibration,
    }
    write_segmentation(path, saved.shown, more=more, overwrite=overwrite)


def session_of(state: FieldState) -> SavedSession | None:
    """What there is to save of a field; None before it was segmented."""
    if state.shown is None or state.run is None:
        return None
    return SavedSession(
        shown=state.shown.segmentation,
        run=state.run,
        asked=state.asked,
        recipe=state.recipe,
        recipes=dict(state.recipes),
        history=state.history,
        tau_z=state.tau_z,
        hidden=state.hidden_measurements,
        pinned=state.pinned,
        colours=dict(state.colours),
        naming=state.naming,
        unnamed=state.shown.partition in state.unnamed,
        calibration=state.calibration,
    )


def stored_session(path: str | os.PathLike[str], stored: StoredResults, field: Field) -> SavedSession | None:
    """What a store says of its field; None if it holds a field alone, or labels at most.

    A segmentation that a script has written makes a session, too: with what its recipe holds as the history.

    Parameters
    ----------
    path : path-like
        For messages.
    stored : StoredResults
    field : Field

    Raises
    ------
    FieldReadError
        If what it says cannot be.
    """
    values = stored_values(path, stored, field)
    if not values:
        return None
    try:
        return _of_values(values, field)
    except (GdlsError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise FieldReadError(
            Path(path), f"holds no consistent session: {detail}", remedy="The program that wrote it is at fault."
        ) from error


def _of_values(values: Mapping[str, Any], field: Field) -> SavedSession:
    shown: Segmentation = values["segmentation"]
    if "run" not in values:
        return _of_segmentation(shown)
    history = _read_history(values["history"])
    by_hand = {"names": history.names, "corrections": history.corrections}
    naming = NamingSettings(**values["naming"])
    _require(isinstance(naming.wanted, bool) and isinstance(naming.library, str), "naming")
    _require(naming.beam_energy is None or isinstance(naming.beam_energy, float | int), "naming")
    hidden = values["hidden"]
    _require(hidden is None or (hidden.dtype == np.bool_ and hidden.shape == (field.n_measurements,)), "hidden")
    recipe, run, calibration = values["recipe"], values["run"], values["calibration"]
    asked, recipes = values["asked"], values["recipes"]
    _require(all(isinstance(each, Recipe) for each in (recipe, *recipes.values())), "recipes")
    _require(asked is None or isinstance(asked, Recipe), "asked")
    _require(all(method == each.method for method, each in recipes.items()), "recipes")
    _require(isinstance(run, Segmentation) and run.has_phases == shown.has_phases, "run")
    _require(isinstance(calibration, Calibration | None), "calibration")
    _require(isinstance(values["tau_z"], float) and values["tau_z"] >= 0, "tau_z")
    _require(isinstance(values["unnamed"], bool), "unnamed")
    return SavedSession(
        shown=shown,
        run=run,
        asked=asked,
        recipe=recipe.replace(**by_hand),
        recipes={method: each.replace(**by_hand) for method, each in recipes.items()},
        history=history,
        tau_z=values["tau_z"],
        hidden=hidden,
        pinned=tuple(_pinned(each, field) for each in values["pinned"]),
        colours=dict(_colour(each, field) for each in values["colours"]),
        naming=naming,
        unnamed=values["unnamed"],
        calibration=calibration,
    )


def _of_segmentation(shown: Segmentation) -> SavedSession:
    recipe, base = shown.recipe, uncorrected(shown)
    run = base
    if base.merged_from is not None and recipe.tau_z is not None:
        found = uncorrected(base.merged_from)
        if partition_of(found.coarsened(recipe.tau_z)) == partition_of(base):  # else phases were merged otherwise
            run = found
    return SavedSession(
        shown=shown,
        run=run,
        asked=run.recipe,
        recipe=recipe,
        recipes={recipe.method: recipe},
        history=EditHistory.of_recipe(recipe),
        tau_z=recipe.tau_z or 0.0,
        hidden=None,
        pinned=(),
        colours={},
        naming=NamingSettings(),
        unnamed=False,
        calibration=shown.calibration if recipe.calibration == "field" else None,
    )


def _plain_recipe(recipe: Recipe) -> Recipe:
    """Without what was done by hand, which the history has."""
    return recipe.replace(names=(), corrections=())


def _saved_history(history: EditHistory) -> dict[str, Any]:
    """Each edit once, as text, and the lists of edits as numbers of these."""
    number: dict[Edit, int] = {}
    for edits in history.states:
        for edit in edits:
            number.setdefault(edit, len(number))
    return {
        "edits": tuple(json.dumps(_saved_edit(edit)) for edit in number),
        "states": tuple(tuple(number[edit] for edit in edits) for edits in history.states),
        "position": history.position,
    }


def _saved_edit(edit: Edit) -> dict[str, Any]:
    if isinstance(edit, Naming):
        return {"kind": _NAMING, "row": edit.row, "column": edit.column, "name": edit.name}
    return edit.to_plain()


def _read_history(saved: Mapping[str, Any]) -> EditHistory:
    edits = tuple(_read_edit(json.loads(text)) for text in saved["edits"])
    states, position = saved["states"], saved["position"]
    whole = all(_is_whole(each) and each < len(edits) for numbers in states for each in numbers)
    _require(whole and _is_whole(position) and position < len(states), "history")
    return EditHistory(tuple(tuple(edits[k] for k in numbers) for numbers in states), position)


def _read_edit(saved: Mapping[str, Any]) -> Edit:
    if saved.get("kind") != _NAMING:
        (correction,) = checked_corrections([saved])
        return correction
    row, column, name = saved["row"], saved["column"], saved["name"]
    _require(_is_whole(row) and _is_whole(column), "history")
    return Naming(row, column, checked_name(name) if name else "")


def _pinned(saved: Mapping[str, Any], field: Field) -> Pinned:
    pinned = Pinned(**saved)
    counts, colour = pinned.counts, pinned.colour
    _require(
        counts.dtype == np.float64 and counts.shape == (field.energy.size,) and not np.isnan(counts).any(), "pinned"
    )
    _require(isinstance(pinned.title, str) and _is_whole(pinned.n_spectra) and _is_colour(colour), "pinned")
    return pinned


def _colour(saved: tuple[Any, ...], field: Field) -> tuple[Place, tuple[float, float, float]]:
    row, column, *colour = saved
    inside = _is_whole(row) and _is_whole(column) and row < field.shape[0] and column < field.shape[1]
    _require(inside and _is_colour(tuple(colour)), "colours")
    red, green, blue = colour
    return (row, column), (red, green, blue)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_colour(value: Any) -> bool:
    return len(value) == 3 and all(isinstance(part, float) and 0 <= part <= 1 for part in value)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"{what} is nothing that was written")
