"""Tables as CSV files that spreadsheets open without running what is in them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import write_text

# Spreadsheets take a text that begins so for a formula, also behind white space.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_table(path: str | os.PathLike[str], columns: Mapping[str, npt.ArrayLike], *, overwrite: bool = True) -> None:
    """Write columns as a CSV file (UTF-8, comma, point as decimal mark), atomically.

    Parameters
    ----------
    path : path-like
    columns : map of str to (n,) array
        Column heading, with its unit, to values. Numbers are written so that they read back exactly; NaN is an empty
        cell. Text that a spreadsheet would take for a formula gets an apostrophe in front.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the columns are not of one length, or the system refuses; what stood at the target is untouched.
    """
    arrays = {str(heading): np.asarray(values) for heading, values in columns.items()}
    lengths = {heading: array.shape for heading, array in arrays.items()}
    if not arrays or any(array.ndim != 1 for array in arrays.values()) or len(set(lengths.values())) > 1:
        raise OutputError(f"{os.fspath(path)}: the columns of a table must be of one length; they are {lengths}.")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_guarded(heading) for heading in arrays])
    writer.writerows(zip(*(map(_cell, array.tolist()) for array in arrays.values()), strict=True))
    write_text(path, text.getvalue(), overwrite=overwrite)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, bool | int | float):
        return repr(value)
    return _guarded(str(value))


def _guarded(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
