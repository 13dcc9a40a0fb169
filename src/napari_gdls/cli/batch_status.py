"""How the fields of a batch fare: ``napari-gdls batch status OUT``."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls.cli.printing import print_table

if TYPE_CHECKING:
    from rich.table import Table

    from napari_gdls.batch import FieldState

_STATES = ("running", "failed", "set aside", "waiting", "done")
"""In the order of the table: what calls for somebody comes first."""

_SHOWN = 20
"""Fields of each state that are shown, unless all are asked for."""

_LOOK = 1.0
"""Seconds between two looks with ``--watch``."""


def status(
    folder: Annotated[Path, typer.Argument(help="Folder of a batch.")],
    watch: Annotated[bool, typer.Option("--watch", help="Go on until the batch ends, or Ctrl-C.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Show all fields, not twenty of each state.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show how the fields of a batch fare: state, time, memory, error. Works while it runs, and when it died."""
    states, drivers = _look(folder)
    if as_json:
        typer.echo(json.dumps({"drivers": drivers, "fields": [vars(each) for each in states]}, indent=1))
        return
    if not watch:
        print_table(_table(states, everything))
        typer.echo(_summary(states, drivers))
        return
    from rich.console import Group
    from rich.live import Live

    try:
        with Live(Group(_table(states, everything), _summary(states, drivers))) as live:
            while drivers:
                time.sleep(_LOOK)
                states, drivers = _look(folder)
                live.update(Group(_table(states, everything), _summary(states, drivers)))
    except KeyboardInterrupt:
        return


def _look(folder: Path) -> tuple[list[FieldState], list[str]]:
    """State of every field, and who drives the batch."""
    from napari_gdls.batch.layout import Layout
    from napari_gdls.batch.looking import look_at

    found = look_at(Layout(folder.absolute()))
    return list(found.fields), [f"process {each.pid} on {each.host}" for each in found.drivers]


def _table(states: Sequence[FieldState], everything: bool) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading, justify in (
        ("field", "left"), ("state", "left"), ("seconds", "right"), ("peak MiB", "right"), ("tries", "right"),
        ("version", "left"), ("host", "left"), ("error", "left"),
    ):  # fmt: skip
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for state in _STATES:
        rows = sorted((each for each in states if each.state == state), key=lambda each: -each.since)
        for each in rows if everything else rows[:_SHOWN]:
            table.add_row(*_row(each))
        if not everything and len(rows) > _SHOWN:
            table.add_row(f"... {len(rows) - _SHOWN:,} more", state)
    return table


def _row(each: FieldState) -> tuple[str, ...]:
    def shown(value: Any, text: str) -> str:
        return "" if value is None else text

    return (
        each.name,
        each.state,
        shown(each.seconds, f"{each.seconds or 0:.1f}"),
        shown(each.peak, f"{(each.peak or 0) / 2**20:,.0f}"),
        str(each.tries) if each.tries else "",
        each.version,
        each.host,
        each.error,
    )


def _summary(states: Sequence[FieldState], drivers: Sequence[str]) -> str:
    count = {state: sum(each.state == state for each in states) for state in _STATES}
    known = ", ".join(f"{number:,} {state}" for state, number in count.items() if number)
    who = f"{', '.join(drivers)} works on it" if drivers else "nobody works on it"
    return f"{len(states):,} fields: {known}; {who}."
