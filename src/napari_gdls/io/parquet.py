"""Tables as Parquet files, which pandas, polars, R and DuckDB read with types and units."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_gdls._version import __version__
from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import write_bytes

_UNIT = re.compile(r"\[([^\]]+)\]$")
"""Of a heading such as ``area [um2]``."""


def require_parquet(path: str | os.PathLike[str]) -> None:
    """Refuse a Parquet file where pyarrow is not installed.

    Raises
    ------
    OutputError
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise OutputError(
            f"{os.fspath(path)}: Parquet files are written by pyarrow, which is not installed: pip install "
            '"napari-gdls[tables]".'
        ) from None


def write_parquet(
    path: str | os.PathLike[str], columns: Mapping[str, npt.ArrayLike], *, overwrite: bool = True
) -> None:
    """Write columns as a Parquet file, atomically; equal columns give equal files.

    Parameters
    ----------
    path : path-like
    columns : map of str to (n,) array
        Column heading, with its unit in brackets, to values. NaN becomes null. The unit stands in the metadata of the
        column, too, as ``unit``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If pyarrow is not installed, the columns are not of one length, or the system refuses; what stood at the target
        is untouched.
    """
    require_parquet(path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {str(heading): np.asarray(values) for heading, values in columns.items()}
    shapes = {heading: array.shape for heading, array in arrays.items()}
    if not arrays or any(array.ndim != 1 for array in arrays.values()) or len(set(shapes.values())) > 1:
        raise OutputError(f"{os.fspath(path)}: the columns of a table must be of one length; they are {shapes}.")
    fields, values = [], []
    for heading, array in arrays.items():
        given = array.tolist() if array.dtype.kind in "OU" else array
        column = pa.array(given, from_pandas=True)
        unit = _UNIT.search(heading)
        fields.append(pa.field(heading, column.type, metadata={"unit": unit[1]} if unit else None))
        values.append(column)
    table = pa.Table.from_arrays(
        values, schema=pa.schema(fields, metadata={"written_by": f"napari-gdls {__version__}"})
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_bytes(path, sink.getvalue().to_pybytes(), overwrite=overwrite)
