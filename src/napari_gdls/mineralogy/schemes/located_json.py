"""JSON with the line of every value, so that messages can say where something is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from napari_gdls.mineralogy.schemes.scheme_errors import SchemeError

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]|[^\s{}\[\],:"]+')
"""Tokens of valid JSON."""


@dataclass(frozen=True)
class Located:
    """A value and where it stands.

    Attributes
    ----------
    value : dict of str to Located, list of Located, str, int, float, bool or None
    line : int
        Of its first character, from 1.
    """

    value: Any
    line: int


def located_json(text: str, where: str) -> Located:
    """Read JSON.

    Parameters
    ----------
    text : str
    where : str
        What messages call it: a path.

    Raises
    ------
    SchemeError
        If it is no JSON, or an object has a key twice, with the line.
    """
    try:
        json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise SchemeError(
            f"{where}, line {error.lineno}, column {error.colno}: is no JSON ({error.msg}); often a comma or a "
            "quotation mark is missing there or in the line above."
        ) from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, NaN; brackets in brackets
        raise SchemeError(f"{where}: is no JSON that can be read ({str(error) or 'too deep'}).") from None
    return _value(_tokens(text), where)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Tokens with their lines."""
    line, end = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", end, match.start())
        end = match.start()
        yield match[0], line


def _value(tokens: Iterator[tuple[str, int]], where: str, first: tuple[str, int] | None = None) -> Located:
    """The next value of valid JSON; `first` is its first token where that has been taken already."""
    token, line = next(tokens) if first is None else first
    if token == "{":
        members: dict[str, Located] = {}
        for key, key_line in tokens:
            if key == "}":
                break
            if key == ",":
                continue
            name = json.loads(key)
            if name in members:
                raise SchemeError(
                    f'{where}, line {key_line}: the key "{name}" stands in line {members[name].line} already; '
                    "take one of them away."
                )
            next(tokens)  # the colon
            members[name] = _value(tokens, where)
        return Located(members, line)
    if token == "[":
        items = []
        for item in tokens:
            if item[0] == "]":
                break
            if item[0] != ",":
                items.append(_value(tokens, where, item))
        return Located(items, line)
    return Located(json.loads(token), line)
