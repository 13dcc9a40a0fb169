"""Options of commands that read a field: what is chosen of its file, and how much memory that may take."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls.argument_words import plain_value
from napari_gdls.cli.options import number
from napari_gdls.errors import GdlsError
from napari_gdls.io.limits import GIB
from napari_gdls.io.text_numbers import number_in

if TYPE_CHECKING:
    from napari_gdls.field import Field

_MOST_GIB = 2**33
"""GiB: 2**63 bytes, more than any computer has."""

_BSE = "Which image is the BSE: its name or number in the file, an image file, or 'counts' for none."


@dataclass(frozen=True)
class Reading:
    """What was chosen: the arguments of `napari_gdls.read_field`."""

    dataset: str | int | None = None
    bse: str | int | None = None
    energy: tuple[float, float] | None = None
    gain: float | None = None
    beam_energy: float | None = None
    memory_limit: int | None = None

    def arguments(self) -> dict[str, Any]:
        """Arguments of `napari_gdls.read_field`, those that were given."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in given.items() if value is not None}

    def field(self, path: Path) -> Field:
        """The field in a file or folder."""
        from napari_gdls.io import read_field

        return read_field(path, **self.arguments())

    def field_or_sample(self, source: Path, *, bse: str | None = None) -> Field:
        """The sample of this name, unless there is such a file; else as `field`.

        Parameters
        ----------
        source : Path
        bse : str, optional
            What is taken of a file for the BSE where nothing was chosen. None: what `napari_gdls.read_field` takes.

        Raises
        ------
        GdlsError
            If something was chosen that samples leave no choice of.
        """
        from napari_gdls.samples import SAMPLES, sample_field

        if str(source) not in SAMPLES or source.exists():
            return (replace(self, bse=bse) if self.bse is None else self).field(source)
        chosen = [name for name in self.arguments() if name not in ("beam_energy", "memory_limit")]
        if chosen:
            raise GdlsError(f"{source} is a sample, whose data are as they are; leave `{chosen[0]}=` out.")
        field = sample_field(str(source))
        return field if self.beam_energy is None else field.with_beam_energy(self.beam_energy)


def option_words(name: str, value: str) -> str:
    """Words of the command line for an argument; see `napari_gdls.argument_words.reworded`."""
    flag = f"--{name.replace('_', '-')}"
    if not value or value in ("True", "..."):
        return flag
    if name == "memory_limit":
        limit = plain_value(value)
        return f"{flag} {limit / GIB:.2f}" if isinstance(limit, int) else flag
    if name == "energy":
        return f"{flag} WIDTH,FIRST"
    return f"{flag} {plain_value(value)}"


def with_reading_options(bse: str = _BSE) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of reading a field.

    Parameters
    ----------
    bse : str
        What ``--bse`` means for it.

    Returns
    -------
    callable
        Decorator of a command. The parameter `reading` of the command receives a `Reading`; the options stand where it
        does in the signature. A command with a ``--beam-energy`` of its own shares that.
    """
    options = {**_OPTIONS, "bse": Annotated[str | None, typer.Option("--bse", help=bse, rich_help_panel=_PANEL)]}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = typing.get_type_hints(command, include_extras=True)
        signature = inspect.signature(command)
        own = {name: kind for name, kind in options.items() if name not in signature.parameters}

        @functools.wraps(command)
        def wrapped(**given: Any) -> None:
            chosen = {name: given.pop(name) if name in own else given[name] for name in options}
            limit = chosen["memory_limit"]
            reading = Reading(
                **{
                    **chosen,
                    "dataset": _name_or_number(chosen["dataset"]),
                    "bse": _name_or_number(chosen["bse"]),
                    "memory_limit": None if limit is None else int(limit * GIB),
                }
            )
            command(reading=reading, **given)

        parameters: list[inspect.Parameter] = []
        for each in signature.parameters.values():
            if each.name != "reading":
                parameters.append(each.replace(annotation=hints[each.name], kind=inspect.Parameter.KEYWORD_ONLY))
                continue
            parameters.extend(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
                for name, annotation in own.items()
            )
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapped

    return decorate


def _calibration(text: str) -> tuple[float, float]:
    """Energy of the first channel and width of one from "WIDTH,FIRST", eV."""
    numbers = [number_in(part.strip()) for part in text.split(",")]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None or not numbers[0] > 0:
        raise typer.BadParameter(
            f"{text[:40]!r} is no calibration: give the width of a channel and the energy of the first one, both in "
            "eV, as in 10,-200."
        )
    return numbers[1], numbers[0]


def _name_or_number(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else text


_PANEL = "Reading the file"

_OPTIONS: dict[str, Any] = {
    "dataset": Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help="Which map to take from a file that holds several: its name or number, or h5:PATH for any data set in "
            "an HDF5 file.",
            rich_help_panel=_PANEL,
        ),
    ],
    "bse": None,
    "energy": Annotated[
        typing.Any,
        typer.Option(
            "--energy",
            help="Calibration where the file has none or a wrong one: width of a channel and energy of the first, eV.",
            parser=_calibration,
            metavar="WIDTH,FIRST",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ],
    "gain": Annotated[
        float | None,
        typer.Option(
            "--gain",
            help="Value of one count in the spectra, where they are scaled; 1 for counts. Found if not given.",
            rich_help_panel=_PANEL,
            **number(),
        ),
    ],
    "beam_energy": Annotated[
        float | None,
        typer.Option(
            "--beam-energy",
            help="keV, where the file does not state it, or states it wrongly.",
            rich_help_panel=_PANEL,
            **number(0.1, 3000),
        ),
    ],
    "memory_limit": Annotated[
        float | None,
        typer.Option(
            "--memory-limit",
            help="Most memory that the command may take for the field, in GiB. Default: 4.",
            rich_help_panel=_PANEL,
            **number(0.001, _MOST_GIB - 1),
        ),
    ],
}
"""By argument of `napari_gdls.read_field`."""
