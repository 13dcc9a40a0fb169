"""A script that makes a result again, byte by byte, from its field."""

from __future__ import annotations

import json
import os
import pprint
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gdls._version import __version__
from napari_gdls.recipe import Recipe
from napari_gdls.segmentation.output_formats import also_of

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation

_WIDTH = 110
"""Characters of a line of the script, where it can be broken."""


@dataclass(frozen=True)
class NamingChoices:
    """What was chosen when phases were named; None where nothing was.

    Parameters
    ----------
    library : str or list of str, optional
        See `napari_gdls.mineralogy.naming_library`.
    scheme : str, optional
        See `napari_gdls.mineralogy.read_scheme`.
    beam_energy : float, optional
        In keV.
    take_off_angle : float, optional
        In degrees.
    """

    library: str | list[str] | None = None
    scheme: str | None = None
    beam_energy: float | None = None
    take_off_angle: float | None = None


def opening_of_file(path: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> str:
    """The expression that reads a field from a file, with these arguments of `napari_gdls.read_field`."""
    given = {
        name: os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in (options or {}).items()
    }
    arguments = [repr(str(Path(path).absolute()))] + [
        f"{name}={value!r}" for name, value in given.items() if value is not None
    ]
    return f"gdls.read_field({', '.join(arguments)})"


def opening_of_sample(name: str) -> str:
    """The expression that opens a sample."""
    return f"gdls.sample_field({name!r})"


def reproducing_script(
    result: Segmentation,
    files: Mapping[str, Path],
    *,
    opening: str | None = None,
    naming: NamingChoices | None = None,
) -> str:
    """A script that makes the result again and writes its files into the folder that it is run in.

    Parameters
    ----------
    result : Segmentation
        What was corrected by hand and a larger tau_z are done again, in the order in which they were.
    files : mapping of str to Path
        Of the result, from `napari_gdls.segmentation.result_files`.
    opening : str, optional
        The expression that gives the field, from `opening_of_file` or `opening_of_sample`. None: the script takes the
        path of the field as its argument.
    naming : NamingChoices, optional
        How the phases were named, if by measurement.
    """
    base = result.uncorrected or result
    run = base.merged_from or base
    named = any(name.name and not name.is_by_hand for name in result.names)
    lines = ['"""Makes a segmentation again, and writes its files into this folder.', ""]
    lines += [f"Written by napari-gdls {__version__}; another version may find something else.", '"""', ""]
    lines += [] if opening else ["import sys", ""]
    lines += ["import napari_gdls as gdls"]
    lines += ["from napari_gdls.mineralogy import calibrate_field, identify"] if named else []
    lines += ["from napari_gdls.segmentation import NamingChoices, result_files, write_results", ""]
    lines += [f"opening = {opening!r}", f"field = {opening or 'gdls.read_field(sys.argv[1])'}"]
    lines += _assigned("recipe", run.recipe.replace(names=result.recipe.names, corrections=()))
    constraints = f", constraints=gdls.Constraints.from_json({run.constraints.to_json()!r})" if run.constraints else ""
    lines += [f"result = gdls.segment(field, recipe{constraints})"]
    if base is not run and base.recipe.tau_z != run.recipe.tau_z:
        lines += [f"result = result.coarsened({base.recipe.tau_z!r})"]
    elif base is not run:
        group = np.zeros(run.n_phases, dtype=np.int64)
        group[run.grouped.labels] = base.grouped.labels
        lines += [f"result = result.with_phases_merged({group.tolist()!r})"]
    if result.recipe.corrections:
        lines += _assigned("by_hand", Recipe(corrections=result.recipe.corrections))
        lines += ["result = gdls.correct(result, by_hand.corrections)"]
    given = naming or NamingChoices()
    lines += [f"naming = {given!r}"]
    if named:
        lines += [f"instrument = calibrate_field(field{_arguments(given, 'beam_energy', 'take_off_angle')})"]
        lines += [f"minerals = identify(result{_arguments(given, 'library', 'scheme')}, instrument=instrument)"]
        lines += ["result = minerals.named()"]
    parts = "".join(f", {part}=True" for part in ("confidence", "constraints", "minerals") if part in files)
    also = also_of(files)
    parts += f", also={also!r}" if also else ""
    lines += [
        f"files = result_files({files['labels'].name!r}, result.recipe{parts})",
        "write_results(result, files, overwrite=True, opening=opening, naming=naming)",
        "print(result)",
    ]
    return "\n".join(lines) + "\n"


def _arguments(given: NamingChoices, *names: str) -> str:
    """Those of these that were given, as arguments of a function: ", library='granite'"."""
    return "".join(f", {name}=naming.{name}" for name in names if getattr(given, name) is not None)


def _assigned(name: str, recipe: Recipe) -> list[str]:
    """Lines that make a recipe from those of its values that are not the usual ones."""
    values, usual = (json.loads(each.to_json()) for each in (recipe, Recipe()))
    lines = [f"{name} = gdls.Recipe("]
    for key, value in values.items():
        if key not in usual or value != usual[key]:
            text = pprint.pformat(value, width=_WIDTH, sort_dicts=False, compact=True).splitlines()
            lines += [f"    {key}={text[0]}", *(f"    {line}" for line in text[1:])]
            lines[-1] += ","
    return [*lines, ")"]
