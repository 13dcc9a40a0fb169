"""What several commands share: options, reading a field, a progress bar on the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls.errors import GdlsError
from napari_gdls.io.text_numbers import number_in

if TYPE_CHECKING:
    from napari_gdls.progress import Progress


def number(lowest: float = -math.inf, highest: float = math.inf) -> dict[str, Any]:
    """Arguments of `typer.Option` for a plain decimal number: Python's "1_0" and digits of other scripts are none."""
    return {"parser": _parser(float, lowest, highest), "metavar": "NUMBER"}


def whole_number(lowest: float = -math.inf, highest: float = math.inf) -> dict[str, Any]:
    """Arguments of `typer.Option` for a plain whole number."""
    return {"parser": _parser(int, lowest, highest), "metavar": "INTEGER"}


def _parser(kind: type[float] | type[int], lowest: float, highest: float) -> Callable[[str], float]:
    what = "whole number" if kind is int else "number"

    def parsed(text: str) -> float:
        found = number_in(text)
        if found is None or not (lowest <= found <= highest) or (kind is int and not found.is_integer()):
            least = f" of {lowest:g} or more" if lowest > -math.inf else ""
            most = f", at most {highest:g}" if highest < math.inf else ""
            raise typer.BadParameter(f"{text[:40]!r} is no {what}{least}{most}.")
        return kind(found)

    return parsed


def element_symbols(text: str) -> tuple[str, ...]:
    """Symbols of elements from "Cu,Ga"; none from "none". For `typer.Option` as its parser."""
    return () if text.strip() == "none" else tuple(part.strip() for part in text.split(","))


ELEMENTS: dict[str, Any] = {"parser": element_symbols, "metavar": "Cu,Ga|none"}
"""Arguments of `typer.Option` for symbols of elements."""


Also = Annotated[
    str | None,
    typer.Option(
        "--also",
        help="Formats to write besides, with commas: ome-zarr, geojson (polygons for QuPath and GIS), legend (SVG), "
        "parquet (tables), msa (spectrum of each phase), hspy (these as one signal), mindif, store (field and result, "
        "to go on from), ome-tiff, png.",
        metavar="FORMAT,...",
        show_default=False,
    ),
]


def formats_in(text: str | None) -> tuple[str, ...]:
    """Names of formats in what was given to ``--also``."""
    return tuple(part.strip().lower() for part in (text or "").split(",") if part.strip())


Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]


def text_of(path: Path) -> str:
    """What a text file holds, or one clear error."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise GdlsError(f"{path}: cannot be read ({error}).") from None


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Bars on standard error, one for each stage, behind the `Progress` that it gives."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from napari_gdls.progress import COMPILING

    columns = (TextColumn("{task.description:>10}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}
        announced = False

        def report(stage: str, fraction: float, /) -> None:
            nonlocal announced
            if stage == COMPILING:
                if not announced:
                    bars.console.print("compiling; only once on this machine, for about half a minute")
                announced = True
                return
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=fraction)

        yield report
        for task in tasks.values():  # parts of a stage may end without saying so
            bars.update(task, completed=1.0)
