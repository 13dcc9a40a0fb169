"""Every number that somebody chose says what it is."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

NOT_YET = (
    "embedding/inference.py",
    "field/counts.py",
    "field/image.py",
    "graph/merge_kernels.py",
    "io/atomic.py",
    "io/checksummed.py",
    "io/contracts.py",
    "io/hdf5.py",
    "io/manifest.py",
    "io/mindif.py",
    "io/plain_values.py",
    "io/rosetta/signals.py",
    "io/store.py",
    "io/tima.py",
    "io/tima_map.py",
    "io/zarr_arrays.py",
    "labelling/brightness.py",
    "labelling/candidates.py",
    "labelling/conductances.py",
    "labelling/local_walker.py",
    "labelling/random_walker.py",
    "methods/published/measurements.py",
    "methods/published/pixels.py",
    "recipe/recipe.py",
    "segmentation/colours.py",
    "segmentation/picture.py",
    "spectra/drift.py",
    "spectra/windows.py",
)
"""Modules that still have constants without a word; no other may come."""

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_gdls"


def is_number(value: ast.expr | None) -> bool:
    """Whether an expression is a number, an arithmetic of numbers, or holds nothing but them."""
    match value:
        case ast.Constant(value=bool() | str() | bytes() | None):
            return False
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) or is_number(right)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return bool(parts) and all(is_number(part) for part in parts)
        case ast.Dict(values=values):
            return bool(values) and all(is_number(part) for part in values)
        case ast.Call(args=[first, *_]):  # np.float32(0.5), frozenset({1, 2})
            return is_number(first)
    return False


def wordless_constants(source: str) -> list[str]:
    """Names of the numeric constants of a module with no comment in or above their lines and no docstring below."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {
        token.start[0]: not token.line[: token.start[1]].strip()  # whether it has the line for itself
        for token in tokens
        if token.type == tokenize.COMMENT and not token.string.startswith(("# fmt:", "# noqa", "# type:"))
    }
    body = ast.parse(source).body
    wordless = []
    for statement, following in zip(body, [*body[1:], None], strict=True):
        match statement:
            case ast.Assign(targets=targets, value=value):
                pass
            case ast.AnnAssign(target=target, value=value):
                targets = [target]
            case _:
                continue
        names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        if not all(name.isupper() for name in names) or not is_number(value):
            continue
        own_lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        explained = comments.get(statement.lineno - 1, False) or not comments.keys().isdisjoint(own_lines)
        match following:
            case ast.Expr(value=ast.Constant(value=str())):
                continue
        if not explained:
            wordless += names
    return wordless


MODULES = [
    path.relative_to(ROOT).as_posix()
    for path in sorted([*PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
    if not (path.is_relative_to(PACKAGE) and path.relative_to(PACKAGE).as_posix() in NOT_YET)
]


@pytest.mark.parametrize("module", MODULES)
def test_every_numeric_constant_says_what_it_is(module: str) -> None:
    assert wordless_constants((ROOT / module).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "wordless"),
    [
        ("SIZE = 3\n", ["SIZE"]),
        ("SIZE = 3  # px\n", []),
        ('SIZE = 3\n"""In pixels."""\n', []),
        ("# In pixels.\nSIZE: float = -2 / 3\n", []),
        ("# In pixels.\n\nSIZE = 3\n", ["SIZE"]),
        ("LOW = 1  # eV\nHIGH = 2\n", ["HIGH"]),
        ("LOW, HIGH = 1, 2\n", ["LOW", "HIGH"]),
        ("LIMITS = {'low': (1.0, 2.0)}\n", ["LIMITS"]),
        ("STEP = np.float32(0.5)\n", ["STEP"]),
        ("NAMES = ('a', 'b')\nNOTHING = ()\nON = True\nsize = 3\n", []),
        ("SIZE = 3  # noqa: ERA001\n", ["SIZE"]),
    ],
)
def test_a_word_is_a_comment_at_the_line_or_a_docstring_below(source: str, wordless: list[str]) -> None:
    assert wordless_constants(source) == wordless
