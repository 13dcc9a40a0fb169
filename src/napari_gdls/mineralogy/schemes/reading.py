"""Schemes from files: read strictly, with the line of what is wrong."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import Any

from napari_gdls.checks import shown
from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.minerals import suggestion
from napari_gdls.mineralogy.schemes.located_json import Located, located_json
from napari_gdls.mineralogy.schemes.quantities import Quantity, parse_quantity
from napari_gdls.mineralogy.schemes.scheme import (
    FIRST,
    FORMAT,
    MODES,
    UNCLASSIFIED,
    VERSION,
    Condition,
    Scheme,
    SchemeClass,
)
from napari_gdls.mineralogy.schemes.scheme_errors import SchemeError
from napari_gdls.mineralogy.sought_elements import SOUGHT

SHIPPED = ("silicate_rock", "sulphide_ore")
"""Names of the schemes that come along."""

_LARGEST = 10 * 1024**2
"""Bytes of a file that is read: thousands of times what a scheme needs."""

_MOST_DENSE = 30.0
"""g/cm3; osmium has 22.6."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_SCHEME_KEYS = ("format", "version", "name", "description", "mode", "classes")
_CLASS_KEYS = ("name", "group", "colour", "density", "priority", "required", "forbidden", "conditions")
_CONDITION_KEYS = ("quantity", "min", "max")


def read_scheme(path: str | os.PathLike[str]) -> Scheme:
    """Read a scheme; docs/schemes.md has the format.

    Parameters
    ----------
    path : path-like
        A JSON file, or the name of a scheme that comes along: "silicate_rock" or "sulphide_ore".

    Raises
    ------
    SchemeError
        With file and line: if it cannot be read or is no scheme.

    Examples
    --------
    >>> read_scheme("silicate_rock").mode
    'first'
    """
    name = os.fspath(path)
    if name in SHIPPED:
        shipped = resources.files("napari_gdls.mineralogy.schemes").joinpath(f"{name}.json")
        return scheme_from_json(shipped.read_text(encoding="utf-8"), f"{name}.json")
    try:
        with Path(name).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise SchemeError(
            f"{name}: cannot be read as a scheme ({error.strerror or error}); give a JSON file, or one of "
            f"{', '.join(SHIPPED)}."
        ) from None
    if len(content) > _LARGEST:
        raise SchemeError(f"{name}: is larger than {_LARGEST >> 20} MiB; a scheme is not that long.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SchemeError(f"{name}, line {line}: is no text in UTF-8; save it as such.") from None
    return scheme_from_json(text, name)


def scheme_from_json(text: str, where: str = "scheme") -> Scheme:
    """Read a scheme from text.

    Parameters
    ----------
    text : str
    where : str
        What messages call it.

    Raises
    ------
    SchemeError
        See `read_scheme`.
    """
    return _Reader(where).scheme(located_json(text, where))


class _Reader:
    """Reads one scheme; `where` is what messages call it."""

    def __init__(self, where: str) -> None:
        self.where = where

    def fail(self, node: Located, problem: str) -> SchemeError:
        return SchemeError(f"{self.where}, line {node.line}: {problem}")

    def scheme(self, node: Located) -> Scheme:
        members = self.members(node, "a scheme", _SCHEME_KEYS, ("format", "version", "name", "classes"))
        if members["format"].value != FORMAT:
            raise self.fail(members["format"], f'"format" must be "{FORMAT}"; is this file a scheme?')
        version = members["version"]
        if isinstance(version.value, bool) or version.value != VERSION:
            raise self.fail(version, f'"version" is {shown(version.value)}; this program reads version {VERSION}.')
        mode = FIRST
        if "mode" in members:
            mode = self.text(members, "mode")
            if mode not in MODES:
                raise self.fail(members["mode"], f'"mode" is {shown(mode)}; it is "first" or "best".')
        nodes = self.items(members["classes"], '"classes"')
        if not nodes:
            raise self.fail(members["classes"], "the scheme has no class.")
        classes: list[SchemeClass] = []
        lines: dict[str, int] = {}
        for item in nodes:
            kind = self.one_class(item)
            first = lines.setdefault(kind.name.casefold(), item.line)
            if first != item.line or len(lines) <= len(classes):
                raise self.fail(item, f"the class {kind.name!r} stands in line {first} already; names must differ.")
            classes.append(kind)
        return Scheme(self.text(members, "name", empty=False), self.text(members, "description"), mode, tuple(classes))

    def one_class(self, node: Located) -> SchemeClass:
        members = self.members(node, "a class", _CLASS_KEYS, ("name",))
        name = self.text(members, "name", empty=False)
        if name.casefold() == UNCLASSIFIED:
            raise self.fail(node, f'"{UNCLASSIFIED}" is what no class holds; give the class another name.')
        colour = self.text(members, "colour")
        if colour and not _HEX.fullmatch(colour):
            raise self.fail(members["colour"], f'"colour" is {shown(colour)}; it is written as "#rrggbb".')
        density = self.number(members, "density")
        if density is not None and not 0 < density <= _MOST_DENSE:
            raise self.fail(members["density"], f'"density" is {density:g}; it is given in g/cm3, above 0, to 30.')
        priority = self.number(members, "priority") or 0.0
        if priority != int(priority):
            raise self.fail(members["priority"], f'"priority" is {priority:g}; a whole number is needed.')
        required, forbidden = self.elements(members, "required"), self.elements(members, "forbidden")
        both = [symbol for symbol in required if symbol in forbidden]
        if both:
            raise self.fail(members["forbidden"], f"{both[0]} is required and forbidden; nothing can be both.")
        conditions: list[Condition] = []
        for item in self.items(members["conditions"], '"conditions"') if "conditions" in members else []:
            condition = self.condition(item)
            if any(_same(condition.quantity, earlier.quantity) for earlier in conditions):
                raise self.fail(item, f'"{condition.quantity.text}" has a range in this class already; give one.')
            conditions.append(condition)
        if not (conditions or required or forbidden):
            raise self.fail(node, f"the class {name!r} has no rule and would hold everything; give it conditions.")
        group = self.text(members, "group")
        return SchemeClass(name, group, colour, density, int(priority), tuple(conditions), required, forbidden)

    def condition(self, node: Located) -> Condition:
        members = self.members(node, "a condition", _CONDITION_KEYS, ("quantity",))
        try:
            quantity = parse_quantity(self.text(members, "quantity", empty=False))
        except SchemeError as error:
            raise self.fail(members["quantity"], str(error)) from None
        low, high = self.number(members, "min"), self.number(members, "max")
        if low is None and high is None:
            raise self.fail(node, f'"{quantity.text}" has neither "min" nor "max"; give one or both.')
        if low is not None and high is not None and low > high:
            raise self.fail(node, f'"{quantity.text}": "min" {low:g} is more than "max" {high:g}.')
        for key, limit in (("min", low), ("max", high)):
            if limit is None:
                continue
            if limit < 0 or (quantity.highest is not None and limit > quantity.highest):
                reach = "0 or more" if quantity.highest is None else f"from 0 to {quantity.highest:g}"
                raise self.fail(members[key], f'"{quantity.text}": "{key}" is {limit:g}; its values are {reach}.')
        return Condition(quantity, low, high)

    def members(self, node: Located, what: str, keys: tuple[str, ...], needed: Collection[str]) -> dict[str, Located]:
        if not isinstance(node.value, dict):
            raise self.fail(node, f"{what} is an object in braces, not {shown(_plain(node.value))}.")
        members: dict[str, Located] = node.value
        for key, member in members.items():
            if key not in keys:
                hint = suggestion(key, list(keys))
                raise self.fail(member, f'{what} has no key "{key}"; its keys are {", ".join(keys)}.{hint}')
        for key in needed:
            if key not in members:
                raise self.fail(node, f'{what} needs the key "{key}".')
        return members

    def items(self, node: Located, what: str) -> list[Located]:
        if not isinstance(node.value, list):
            raise self.fail(node, f"{what} is a list in square brackets, not {shown(_plain(node.value))}.")
        return node.value

    def text(self, members: dict[str, Located], key: str, *, empty: bool = True) -> str:
        if key not in members:
            return ""
        value = members[key].value
        if not isinstance(value, str):
            raise self.fail(members[key], f'"{key}" is {shown(_plain(value))}; a text in quotation marks is needed.')
        if not empty and not value.strip():
            raise self.fail(members[key], f'"{key}" is empty.')
        return value.strip()

    def number(self, members: dict[str, Located], key: str) -> float | None:
        if key not in members:
            return None
        value = members[key].value
        try:
            number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.fail(members[key], f'"{key}" is {shown(_plain(value))}; a number is needed.')
        return number

    def elements(self, members: dict[str, Located], key: str) -> tuple[str, ...]:
        if key not in members:
            return ()
        symbols: list[str] = []
        for item in self.items(members[key], f'"{key}"'):
            if item.value not in SYMBOLS if isinstance(item.value, str) else True:
                raise self.fail(item, f'"{key}" holds {shown(_plain(item.value))}; symbols of elements are needed.')
            if item.value not in SOUGHT:
                raise self.fail(item, f'"{key}" holds {item.value}, which EDS spectra do not show here.')
            if item.value in symbols:
                raise self.fail(item, f'"{key}" holds {item.value} twice.')
            symbols.append(item.value)
        return tuple(symbols)


def _plain(value: Any) -> Any:
    """Values without their lines, for messages."""
    if isinstance(value, dict):
        return dict.fromkeys(value, "...")
    return ["..."] if isinstance(value, list) else value


def _same(one: Quantity, other: Quantity) -> bool:
    return (one.unit, set(one.top), set(one.bottom)) == (other.unit, set(other.top), set(other.bottom))
