"""Every number that somebody chose says what it is."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

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


def constant_names(statement: ast.stmt) -> list[str]:
    """Names of the numeric constants that a statement defines."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            pass
        case ast.AnnAssign(target=target, value=value):
            targets = [target]
        case _:
            return []
    names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return names if is_number(value) and all(name.isupper() for name in names) else []


def wordless_constants(source: str) -> list[str]:
    """Names of the numeric constants of a module without a word.

    A word is a comment in their lines or alone in the line above, or a docstring below; that of the last of some lines
    of constants is the word of all.
    """
    comments = {
        token.start[0]: not token.line[: token.start[1]].strip()  # whether it has the line for itself
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and not token.string.startswith(("# fmt:", "# noqa", "# type:"))
    }
    wordless: list[str] = []
    following: tuple[int, bool] = (0, False)  # line of the statement below, and whether a docstring explains it
    for statement in reversed(ast.parse(source).body):
        last_line = statement.end_lineno or statement.lineno
        names = constant_names(statement)
        match statement:
            case ast.Expr(value=ast.Constant(value=str())):
                explained_below = True
            case _:
                explained_below = bool(names) and following == (last_line + 1, True)
        commented = not comments.keys().isdisjoint(range(statement.lineno, last_line + 1))
        if not (explained_below or commented or comments.get(statement.lineno - 1, False)):
            wordless = names + wordless
        following = (statement.lineno, explained_below)
    return wordless


MODULES = [
    path.relative_to(ROOT).as_posix() for path in sorted([*PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
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
        ('LOW = 1\nHIGH = 2\n"""In eV."""\n', []),
        ('LOW = 1\n\nHIGH = 2\n"""In eV."""\n', ["LOW"]),
        ("LOW, HIGH = 1, 2\n", ["LOW", "HIGH"]),
        ("LIMITS = {'low': (1.0, 2.0)}\n", ["LIMITS"]),
        ("STEP = np.float32(0.5)\n", ["STEP"]),
        ("NAMES = ('a', 'b')\nNOTHING = ()\nON = True\nsize = 3\n", []),
        ("SIZE = 3  # noqa: ERA001\n", ["SIZE"]),
    ],
)
def test_a_word_is_a_comment_at_the_line_or_a_docstring_below(source: str, wordless: list[str]) -> None:
    assert wordless_constants(source) == wordless
