"""Metadata as JSON that gives back exactly what went in.

JSON knows text, numbers, lists and maps with text keys. Everything else that metadata may hold is marked by a map with
a single key that begins with ``$``: ``$tuple``, ``$float`` (NaN and infinities), ``$scalar`` (a numpy number with its
dtype), ``$text_array``, ``$array`` (name of a numeric array that is stored beside the JSON), and ``$map`` for a map
whose own keys begin with ``$``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

ARRAY_DTYPES = frozenset(
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]
)
"""Names of the dtypes of arrays that can be stored."""

_MAX_DEPTH = 64
"""Levels of nesting: far above what metadata have, and far below where Python's recursion ends."""
_MAX_TEXT_BYTES = 64 * 1024**2
"""Largest array of text, as numpy holds it: a declared width is no reason to allocate more."""


def to_plain(value: Any, store_array: Callable[[npt.NDArray[Any]], str], where: str = "metadata") -> JSON:
    """Turn a value into JSON.

    Parameters
    ----------
    value : None, bool, int, float, str, numpy number or array (numeric, bool or text), or tuple, list, map of these
    store_array : callable
        Receives every numeric array; returns the name that it was stored under.
    where : str
        Name of the value, for messages.

    Raises
    ------
    OutputError
        If the value, or one inside it, is of another kind, or nested more than 64 deep.
    """
    return _plain(value, store_array, where, 0)


def _plain(value: Any, store_array: Callable[[npt.NDArray[Any]], str], where: str, depth: int) -> JSON:
    if depth > _MAX_DEPTH:
        raise OutputError(f"{where}: nested more than {_MAX_DEPTH} deep (or containing itself); flatten it.")
    # numpy's float64 and str_ are Python floats and strings too, so numpy's types come first.
    if isinstance(value, np.generic) and value.dtype.name in ARRAY_DTYPES:
        return {"$scalar": [value.dtype.name, _plain(value.item(), store_array, where, depth + 1)]}
    if isinstance(value, np.ndarray):
        return _plain_array(value, store_array, where)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, list):
        return [_plain(item, store_array, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if type(value) is tuple:
        return {"$tuple": [_plain(item, store_array, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]}
    if isinstance(value, Mapping):
        for key in value:
            if type(key) is not str:
                raise OutputError(
                    f"{where}: the key {key!r} is a {type(key).__name__}; keys must be text to be stored."
                )
        items = {key: _plain(item, store_array, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
        return {"$map": items} if any(key.startswith("$") for key in items) else items
    raise OutputError(
        f"{where} is a {type(value).__name__}, which cannot be stored; convert it to text, numbers, arrays, or lists "
        "and maps of these."
    )


def _plain_array(array: npt.NDArray[Any], store_array: Callable[[npt.NDArray[Any]], str], where: str) -> JSON:
    if array.dtype.kind == "U" and array.nbytes <= _MAX_TEXT_BYTES:
        dtype = array.dtype.newbyteorder("<").str
        return {"$text_array": {"dtype": dtype, "shape": list(array.shape), "values": array.ravel().tolist()}}
    if array.dtype.name not in ARRAY_DTYPES:
        raise OutputError(
            f"{where} is an array of {array.dtype}, which cannot be stored; convert it to numbers or text."
        )
    return {"$array": store_array(array)}


def from_plain(value: Any, load_array: Callable[[str], npt.NDArray[Any]]) -> Any:
    """Turn the JSON of `to_plain` back.

    Parameters
    ----------
    value
        Parsed JSON.
    load_array : callable
        Returns the array of a name; raises KeyError for an unknown one.

    Raises
    ------
    ValueError, KeyError, TypeError
        If `to_plain` cannot have written the value.
    """
    if isinstance(value, list):
        return [from_plain(item, load_array) for item in value]
    if not isinstance(value, dict):
        return value
    marks = [key for key in value if key.startswith("$")]
    if not marks:
        return {key: from_plain(item, load_array) for key, item in value.items()}
    if len(value) != 1:
        raise ValueError(f"metadata: unexpected keys {sorted(value)}")
    mark, content = marks[0], value[marks[0]]
    if mark == "$tuple":
        return tuple(from_plain(item, load_array) for item in content)
    if mark == "$map":
        return {key: from_plain(item, load_array) for key, item in content.items()}
    if mark == "$float":
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[content]
    if mark == "$array":
        return load_array(content)
    if mark == "$scalar" and content[0] in ARRAY_DTYPES:
        return np.dtype(content[0]).type(from_plain(content[1], load_array))
    if mark == "$text_array":
        return _text_array(content)
    raise ValueError(f"metadata: {mark} is unknown")


def _text_array(content: Mapping[str, Any]) -> npt.NDArray[Any]:
    values, dtype = content["values"], np.dtype(str(content["dtype"]))
    # The declared width is checked before it is allocated: "<U1000000000" would be a bomb.
    if dtype.kind != "U" or dtype.itemsize * len(values) > _MAX_TEXT_BYTES:
        raise ValueError("metadata: a text array is damaged")
    if not all(isinstance(text, str) for text in values):
        raise ValueError("metadata: a text array holds other things than text")
    return np.array(values, dtype=dtype).reshape([int(n) for n in content["shape"]])
