"""Exceptions that napari-gdls raises on purpose.

Everything derives from `GdlsError`, so a caller can catch the package's own complaints with one clause. Every message
says what is wrong, where, and what to do about it; arguments in it are in the notation of
`napari_gdls.argument_words`, which command line and window put in words of their own.
"""

from __future__ import annotations

import os

_VERBS = frozenset(
    ("cannot", "claims", "declares", "does", "gives", "has", "holds", "is", "keeps", "links", "lists", "may", "needs")
) | {"states", "was", "would"}
"""Words with which a problem goes on from the name of its file."""


class GdlsError(Exception):
    """Base class of all errors of this package."""


class GdlsWarning(UserWarning):
    """Something that was done to the data, or that limits a result, and that a user should know."""


class FieldError(GdlsError, ValueError):
    """The parts of a `Field` do not fit together or hold impossible values.

    Parameters
    ----------
    problem : str
        What is wrong, as a sentence.
    remedy : str, optional
        What whoever makes the field of arrays can do about it, as a sentence.
    option : str, optional
        Argument of `napari_gdls.read_field` that mends it where the field is read from a file.
    """

    def __init__(self, problem: str, *, remedy: str = "", option: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        self.option = option
        super().__init__(f"{problem} {remedy}" if remedy else problem)


class FieldReadError(GdlsError):
    """A file or folder cannot be read as a field.

    Parameters
    ----------
    path : path-like
        The file or folder that was asked for.
    problem : str
        What is wrong.
    where : str, optional
        Where in the file: a record, a byte offset, a dataset name.
    remedy : str, optional
        What the user can do about it.
    """

    def __init__(self, path: str | os.PathLike[str], problem: str, *, where: str = "", remedy: str = "") -> None:
        self.path = os.fspath(path)
        self.problem = problem
        self.where = where
        self.remedy = remedy
        place = f" ({where})" if where else ""
        advice = f" {remedy}" if remedy else ""
        super().__init__(f"{self.path}: {problem}{place}.{advice}")

    @property
    def reason(self) -> str:
        """What is wrong, as a sentence without the path."""
        place = f" ({self.where})" if self.where else ""
        verb = self.problem.split(maxsplit=1)[0] in _VERBS if self.problem else False
        said = f"This file {self.problem}" if verb else self.problem[:1].upper() + self.problem[1:]
        return f"{said}{place}."

    @property
    def reason_first(self) -> str:
        """The message for places that show its beginning only: the reason, what to do, and the path at the end."""
        return f"{self.reason}{f' {self.remedy}' if self.remedy else ''} File: {self.path}"


class ReadChoiceError(FieldReadError):
    """A file leaves a choice that only the user can make, or has not what was chosen.

    Parameters
    ----------
    path, problem, where, remedy
        As in `FieldReadError`.
    option : {"bse", "dataset", "energy", "gain", "memory_limit"}
        Argument of `napari_gdls.read_field` that makes the choice.
    """

    def __init__(
        self, path: str | os.PathLike[str], problem: str, *, option: str, where: str = "", remedy: str = ""
    ) -> None:
        super().__init__(path, problem, where=where, remedy=remedy)
        self.option = option


class OutputError(GdlsError):
    """A result cannot be written; what stood at the target before is untouched."""


class RecipeError(GdlsError, ValueError):
    """A parameter of a recipe, or of a step, is unknown or out of range."""


class EmbeddingError(GdlsError):
    """An embedding model is unknown, damaged, or does not fit the spectra."""


class Cancelled(GdlsError):
    """The user asked a running computation to stop; nothing was changed."""
