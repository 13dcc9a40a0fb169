"""How good and how fast segmentations are: ``python -m benchmarks.segmentation [--quick]``.

One run prints, for every field of `benchmarks.segmentation.fields`, a table of our methods, of the authors' chain with
their network, and of what other programs do, beside two references: the true spectra, with which each measurement is
classified by itself, and the ceiling, where each measurement has its true phase; then what is expected of the default
method, and where it is missed; then speed, memory, and whether results are the same to the byte.

Methods with a parameter that must be set by an expert are given the best of several values on every field, by F, with
the truth in hand; ours run with their defaults. ``--fields`` and ``--methods`` take parts of names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from benchmarks.machine import machine
from benchmarks.reference_field import example_field
from benchmarks.segmentation.fields import SIZE, Case, fields
from benchmarks.segmentation.methods import AUTHORS, CEILING, Method, methods
from benchmarks.segmentation.scores import (
    Judgement,
    best,
    expectations,
    n_measured_grains,
    n_true_phases,
)
from napari_gdls import Field, Recipe

QUICK_SIZE = 150
"""Height and width of the fields of a quick run, in pixels."""

QUICK_FIELDS = ("D10", "rock-1000")
"""One of a real texture, one drawn."""

_HEADINGS = ("ASA", "F", "UE", "P", "R", "K", "modal %", "lost", "phases", "CPU s", "+ embed")
_WIDTHS = (7, 7, 7, 7, 7, 8, 9, 6, 8, 8, 9)  # characters of the columns


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segmentation", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"two fields of {QUICK_SIZE} px, small speed tests, and not the authors' network, which is slow",
    )
    parser.add_argument(
        "--fields", nargs="+", default=[], metavar="NAME", help="only fields whose names hold one of these"
    )
    parser.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="only such methods; the ceiling stays")
    parser.add_argument("--skip-speed", action="store_true", help="quality only")
    parser.add_argument("--list", action="store_true", help="print the names of fields and methods")
    options = parser.parse_args(arguments)

    every = fields(QUICK_SIZE if options.quick else SIZE)
    if options.quick and not options.fields:
        every = [case for case in every if case.name in QUICK_FIELDS]
    cases = [case for case in every if _wanted(case.name, options.fields)]
    known = methods()
    if options.quick and not options.methods:
        known.pop(AUTHORS, None)
    compared = {name: method for name, method in known.items() if name == CEILING or _wanted(name, options.methods)}
    if options.list:
        print("fields: ", *(f"  {case.name:18s}{case.what}" for case in cases), sep="\n")
        print("methods:", *(f"  {name}" for name in compared), sep="\n")
        return 0
    if not cases or len(compared) < 2:
        parser.error("no field or no method has such a name; --list prints them all")

    print(machine())
    warm_up(compared)
    default = f"ours ({Recipe().method})"
    outcome: dict[str, dict[str, tuple[bool, str]]] = {}
    for case in cases:
        field = case.make()
        judged = compare(case, field, compared)
        if default in judged:
            outcome[case.name] = expectations(field, judged[default], judged[CEILING])
    print_expectations(default, outcome)
    if not options.skip_speed:
        from benchmarks.segmentation import speed

        speed.report(quick=options.quick)
    return 0


def warm_up(compared: Mapping[str, Method]) -> None:
    """Run each method once, on a small field, so that no time of the tables holds that of compilation."""
    field, _ = example_field(crop=QUICK_SIZE)
    for name, method in compared.items():
        if name != AUTHORS:  # compiles nothing, and is slow
            next(iter(method(field)))


def compare(case: Case, field: Field, compared: Mapping[str, Method]) -> dict[str, Judgement]:
    """Print a table of the methods on a field; what each did at its best setting."""
    print(f"\n{case.name}: {case.what}\n{field!r}")
    truth = field.metadata["truth"]
    print(
        f"{int(truth.max()):,} true grains, {n_measured_grains(field):,} with a measurement; "
        f"{n_true_phases(field)} phases over 1 %; made with {_disturbances(field)}"
    )
    _print_cells("", "setting", _HEADINGS)
    judged = {}
    for name, method in compared.items():
        judged[name], n_settings = best(field, method(field))
        _print_row(name, judged[name], n_settings)
    return judged


def print_expectations(default: str, outcome: Mapping[str, Mapping[str, tuple[bool, str]]]) -> None:
    """Print on how many fields each expectation is met, and where it is not."""
    print(f"\nexpected of {default}")
    if not outcome:
        print("  (not run)")
    for what in dict.fromkeys(what for by_field in outcome.values() for what in by_field):
        concerned = {name: by_field[what] for name, by_field in outcome.items() if what in by_field}
        missed = [f"{name} ({figure})" for name, (met, figure) in concerned.items() if not met]
        print(
            f"  {what + ':':40s}{len(concerned) - len(missed)} of {len(concerned)} fields"
            + (f"; missed: {', '.join(missed)}" if missed else "")
        )


def _print_row(name: str, judged: Judgement, n_settings: int) -> None:
    result, scores = judged.result, judged.scores
    setting = f"{result.setting} (of {n_settings})" if n_settings > 1 else "defaults"
    cells = (
        f"{scores.asa:.3f}",
        f"{scores.f1:.3f}",
        f"{scores.ue:.3f}",
        f"{scores.precision:.3f}",
        f"{scores.recall:.3f}",
        f"{scores.n_segments:,}",
        f"{judged.modal_error:.2f}",
        f"{len(judged.lost)}",
        "-" if judged.n_phases is None else f"{judged.n_phases}",
        f"{result.seconds:.2f}",
        f"{result.seconds + result.embedding_seconds:.2f}",
    )
    _print_cells(name, setting, cells)


def _print_cells(name: str, setting: str, cells: Sequence[str]) -> None:
    row = "".join(f"{cell:>{width}s}" for cell, width in zip(cells, _WIDTHS, strict=True))
    print(f"{name:18s}{setting:20s}{row}", flush=True)


def _disturbances(field: Field) -> str:
    found = [
        name
        for name, value in field.metadata["options"]["disturbances"].items()
        if name not in ("charged_area", "charging_brightness", "patch_size") and value not in (0.0, (0.0, 0.0))
    ]
    return ", ".join(found) or "no disturbances"


def _wanted(name: str, parts: Sequence[str]) -> bool:
    return not parts or any(part.lower() in name.lower() for part in parts)


if __name__ == "__main__":
    sys.exit(main())
