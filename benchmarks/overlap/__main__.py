"""How well overlapping phases are taken apart: ``python -m benchmarks.overlap [--quick]``.

One run prints, for films of three systems with 10 to 300 counts per pixel, the medians over systems and seeds of what
decompositions alone find and of what the protocol finds with true masks, with strokes, and by itself, beside the
targets; then the same of one large field, of fields that are known to be hard, and what comes out of a real map.

Generator and line model share their atomic data, which flatters the line model, and so the shares that it gives; a
real detector has other tails. Spinel in alumina, whose share cannot be known, is judged apart, and abundances only
where there is none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from benchmarks.machine import machine
from benchmarks.overlap import real_map
from benchmarks.overlap.fields import COUNTS, SEEDS, TRAPS, Case, fields, hard_fields, large_field
from benchmarks.overlap.methods import AUTOMATIC, DECOMPOSITIONS, Method, methods, timed
from benchmarks.overlap.scores import Judgement, judge
from napari_gdls.errors import GdlsError

QUICK_SEED, QUICK_COUNTS = 100, 100.0
"""The fields of a quick run: one seed, one number of counts."""

TARGETS = {
    30.0: "<= 5.3|<= .008|>= .9|>= .93|>= .78|<= .125|<= 1.5",
    100.0: "<= 2.5|<= .005|>= .9|>= .96|>= .87|<= .083|<= 1.5",
    300.0: "<= 1.5|<= .002|>= .9|>= .97|>= .93|<= .064|<= 1.5",
}
"""By counts: of grain angle (degrees), error of the share, coverage, overlap of grains and of intersections, error of
abundances, and trace z."""

_DECOMPOSED = ("matrix deg", "grains deg", "(max)", "spinel", "10 eV: m", "grains", "right m", "CPU s")
_PROTOCOL = (
    "matrix deg", "grains deg", "(max)", "|phi err|", "(p90)", "covers", "IoU", "(min)", "inters.", "abund.", "trace z",
    "(p90)", "k", "matrix", "spinel", "CPU s", "wall s",
)  # fmt: skip
_WIDTH = 11  # characters of a column


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overlap", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, 100 counts; no large, hard, real field")
    parser.add_argument("--seeds", nargs="+", type=int, default=None, metavar="N", help=f"default: {SEEDS}")
    parser.add_argument("--counts", nargs="+", type=float, default=None, metavar="N", help=f"default: {COUNTS}")
    parser.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="only methods whose names hold these")
    parser.add_argument("--skip-hard", action="store_true", help="no large, hard, real field")
    parser.add_argument("--each", action="store_true", help="print a line for every field, too")
    options = parser.parse_args(arguments)
    seeds = options.seeds or ([QUICK_SEED] if options.quick else SEEDS)
    counts = options.counts or ([QUICK_COUNTS] if options.quick else COUNTS)
    compared = {
        name: method
        for name, method in methods().items()
        if not options.methods or any(p in name for p in options.methods)
    }
    if not compared:
        parser.error(f"no method has such a name; there are {', '.join(methods())}")

    print(machine())
    warm_up(compared)
    for count in counts:
        judged = compare(fields(seeds, [count]), compared, each=options.each)
        print_tables(f"{count:g} counts per pixel, 3 systems, seeds {', '.join(map(str, seeds))}", judged)
        if count in TARGETS and AUTOMATIC in compared:
            _print_targets(TARGETS[count])
    if not (options.quick or options.skip_hard):
        case = large_field(seeds[0])
        print_tables(f"large: {case.what}", compare([case], compared, each=options.each))
        alone = {name: method for name, method in compared.items() if name not in DECOMPOSITIONS}
        for case in hard_fields(seeds[0]) if alone else []:
            print_tables(f"hard: {case.name}", compare([case], alone, each=options.each))
        if AUTOMATIC in compared and real_map.has_map():
            real_map.report()
    return 0


def warm_up(compared: Mapping[str, Method]) -> None:
    """Run each method once, so that no time of the tables holds that of compilation and imports."""
    field = fields([0], [QUICK_COUNTS])[0].make()
    for name, method in compared.items():
        _judged(name, method, field)


def compare(cases: Iterable[Case], compared: Mapping[str, Method], *, each: bool) -> dict[str, list[Judgement | str]]:
    """Judgements by method, one a field; where a method gives up, its message."""
    judged: dict[str, list[Judgement | str]] = {name: [] for name in compared}
    for case in cases:
        field = case.make()
        for name, method in compared.items():
            judged[name].append(_judged(name, method, field))
            if each:
                print(f"  {case.name}, {name}: {_line(judged[name][-1])}", flush=True)
    return judged


def _judged(name: str, method: Method, field: object) -> Judgement | str:
    try:
        return judge(field, timed(method, field))  # type: ignore[arg-type]
    except GdlsError as error:
        return str(error)


def print_tables(title: str, judged: Mapping[str, Sequence[Judgement | str]]) -> None:
    """Medians over the fields of one title."""
    print(f"\n{title}")
    failures = [f"  {name} gave up: {each}" for name, all_ in judged.items() for each in all_ if isinstance(each, str)]
    groups = {
        _DECOMPOSED: {name: each for name, each in judged.items() if name in DECOMPOSITIONS},
        _PROTOCOL: {name: each for name, each in judged.items() if name not in DECOMPOSITIONS},
    }
    for headings, rows in groups.items():
        if not rows:
            continue
        _print_row("", headings)
        for name, results in rows.items():
            done = [each for each in results if isinstance(each, Judgement)]
            if done:
                _print_row(name, _decomposed(done) if headings is _DECOMPOSED else _protocol(done))
    print(*failures, sep="\n", end="\n" if failures else "")


def _decomposed(done: Sequence[Judgement]) -> list[str]:
    grains = _plain(each.wide for each in done)
    return [
        _number(each.matrix_wide for each in done),
        _number(grains),
        f"({max(grains, default=np.nan):.1f})",
        _number(_traps(each.wide for each in done)),
        _number(each.matrix_narrow for each in done),
        _number(_plain(each.narrow for each in done)),
        _part(each.right_matrix for each in done),
        _number((each.found.processor for each in done), 2),
    ]


def _protocol(done: Sequence[Judgement]) -> list[str]:
    grains = _plain(each.narrow for each in done)
    errors = np.abs(_plain(each.share_error for each in done))
    overlaps = _plain(each.overlap for each in done)
    traces = [z for each in done for z in each.trace_z]
    trapped = _traps(each.confirmed for each in done)
    return [
        _number(each.matrix_narrow for each in done),
        _number(grains),
        f"({max(grains, default=np.nan):.1f})",
        _number(errors, 3),
        f"({_quantile(errors, 0.9):.3f})",
        f"{np.mean(_plain(each.covered for each in done)):.2f}" if len(errors) else "-",
        _number(overlaps, 2),
        f"({min(overlaps, default=np.nan):.2f})",
        _number((each.intersections for each in done), 2),
        _number((each.abundance_error for each in done if not set(TRAPS) & set(each.overlap)), 3),
        _number(traces),
        f"({_quantile(traces, 0.9):.1f})",
        _part(each.right_number for each in done),
        _part(each.right_matrix for each in done),
        f"{sum(bool(each) for each in trapped)} sure" if trapped else "-",
        _number((each.found.processor for each in done), 2),
        _number((each.found.elapsed for each in done), 2),
    ]


def _line(each: Judgement | str) -> str:
    if isinstance(each, str):
        return each
    shown = {name: f"{value:.1f}" for name, value in {"matrix": each.matrix_narrow, **each.narrow}.items()}
    more = {name: f"{error:+.3f}{'' if each.covered[name] else ' (!)'}" for name, error in each.share_error.items()}
    overlaps = {name: f"{value:.2f}" for name, value in each.overlap.items()}
    return f"deg {shown} phi err {more} IoU {overlaps} in {each.found.processor:.1f} s"


def _plain(by_field: Iterable[Mapping[str, float]]) -> list[float]:
    """Values of the grains that are no trap, of all fields."""
    return [float(value) for each in by_field for name, value in each.items() if name not in TRAPS]


def _traps(by_field: Iterable[Mapping[str, float]]) -> list[float]:
    return [float(value) for each in by_field for name, value in each.items() if name in TRAPS]


def _number(values: Iterable[float], digits: int = 1) -> str:
    known = [float(value) for value in values if np.isfinite(value)]
    return f"{np.median(known):.{digits}f}" if known else "-"


def _quantile(values: Sequence[float], part: float) -> float:
    return float(np.quantile(values, part)) if len(values) else float("nan")


def _part(values: Iterable[bool]) -> str:
    each = list(values)
    return f"{sum(each)}/{len(each)}"


def _print_row(name: str, cells: Iterable[str]) -> None:
    print(f"{name:12s}" + "".join(f"{cell:>{_WIDTH}s}" for cell in cells), flush=True)


def _print_targets(targets: str) -> None:
    angle, share, covers, overlap, intersections, abundance, trace = targets.split("|")
    _print_row(
        "  wanted",
        [
            "",
            angle,
            "",
            share,
            "",
            covers,
            overlap,
            "",
            intersections,
            abundance,
            trace,
            "",
            "all",
            "all",
            "0 sure",
            "< 5",
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
