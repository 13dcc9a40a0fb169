"""The fields of a batch: which files, what they are called, and where they lie in the section."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FieldInput:
    """A field of a batch, not read yet.

    Attributes
    ----------
    name : str
        Of the field, different from that of all others in the batch; it is part of names of files.
    path : Path
        File or folder.
    position : (float, float) or None
        Of the centre of the field, in um: downwards and to the right in the image of the section, from any origin.
        None: it is not known.
    """

    name: str
    path: Path
    position: tuple[float, float] | None = None


def field_inputs(*given: str | os.PathLike[str]) -> tuple[FieldInput, ...]:
    """The fields that files stand for, in the order of the work.

    Parameters
    ----------
    *given : path-like
        Files of fields.
    """
    return tuple(FieldInput(Path(path).name.partition(".")[0], Path(path)) for path in given)
