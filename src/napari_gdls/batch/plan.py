"""What a batch is: its fields, the recipe, how files are read, what is made of the section. Kept as ``batch.json``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_gdls._version import __version__
from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.io.atomic import write_text
from napari_gdls.recipe import Recipe

VERSION = 1
"""Of the format of plans."""


@dataclass(frozen=True)
class BatchPlan:
    """What a batch is.

    Attributes
    ----------
    inputs : tuple of FieldInput
        Fields, of different names; paths are absolute.
    recipe : Recipe
        For all of them.
    reading : dict
        Arguments of `napari_gdls.read_field` for all of them.
    section : SectionChoices
        What is made of them together.
    version : str
        Of the package that made it.
    """

    inputs: tuple[FieldInput, ...]
    recipe: Recipe = field(default_factory=Recipe)
    reading: dict[str, Any] = field(default_factory=dict)
    section: SectionChoices = field(default_factory=SectionChoices)
    version: str = __version__

    def to_json(self) -> str:
        """The plan as text; `from_json` gives back an equal one."""
        return json.dumps(
            {
                "batch_version": VERSION,
                "program": self.version,
                "recipe": json.loads(self.recipe.to_json()),
                "reading": self.reading,
                "section": self.section.to_dict(),
                "fields": [
                    {
                        "name": each.name,
                        "path": os.fspath(each.path),
                        "position": each.position,
                        "cell": each.cell,
                    }
                    for each in self.inputs
                ],
            },
            indent=1,
            default=os.fspath,
        )

    @classmethod
    def from_json(cls, text: str) -> BatchPlan:
        """The plan in a text.

        Raises
        ------
        GdlsError, ValueError, KeyError, TypeError
            If it is none; `read_plan` says so in one error.
        """
        values = json.loads(text)
        if values["batch_version"] != VERSION:
            raise GdlsError(f"it is of version {values['batch_version']!r}, this napari-gdls reads version {VERSION}")
        reading, section = _with_tuples(values["reading"]), _with_tuples(values["section"])
        return cls(
            inputs=tuple(
                FieldInput(
                    str(each["name"]),
                    Path(each["path"]),
                    None if each["position"] is None else (float(each["position"][0]), float(each["position"][1])),
                    None if each.get("cell") is None else (int(each["cell"][0]), int(each["cell"][1])),
                )
                for each in values["fields"]
            ),
            recipe=Recipe.from_json(json.dumps(values["recipe"])),
            reading=reading,
            section=SectionChoices(**section),
            version=str(values["program"]),
        )


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no tuples, and nothing here is a list."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def write_plan(layout: Layout, plan: BatchPlan) -> None:
    """Put a plan into the folder of its batch, atomically.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    write_text(layout.plan, plan.to_json() + "\n")


def read_plan(layout: Layout) -> BatchPlan:
    """The plan in the folder of a batch.

    Raises
    ------
    FieldReadError
        If there is none, or it is damaged.
    """
    try:
        return BatchPlan.from_json(layout.plan.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FieldReadError(
            layout.folder,
            "is no folder of a batch: batch.json is missing",
            remedy="Give the folder of its results.",
        ) from None
    except (OSError, GdlsError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise FieldReadError(layout.plan, f"is no plan of a batch, or damaged: {detail}") from error
