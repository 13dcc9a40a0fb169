"""Fields with their segmentation in one file, to go on from there tomorrow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.field import Field
from napari_gdls.io import read_field, read_results, write_field
from napari_gdls.io.stored_results import StoredResults
from napari_gdls.segmentation.result import Segmentation
from napari_gdls.segmentation.stored_objects import from_parts, to_parts

PARTS_VERSION = 1
"""Of what `napari_gdls.segmentation.stored_objects` writes: 1 since there is something to write."""


def write_segmentation(
    path: str | os.PathLike[str],
    segmentation: Segmentation,
    *,
    more: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a field with its segmentation to the native store; `read_segmentation` gives back an equal one.

    It can be coarsened, corrected and named further as if it had just been made. What else reads stores finds the field
    and the labels.

    Parameters
    ----------
    path : path-like
        ``*.gdls.zarr`` for a folder, ``*.gdls.zarr.zip`` for one file.
    segmentation : Segmentation
    more : mapping of str to object, optional
        Other values to be kept with it, from which `stored_values` gives them back.
    overwrite : bool
        Whether an existing store may be replaced.

    Raises
    ------
    OutputError
        As `napari_gdls.io.write_field`.
    """
    names = segmentation.names
    called = (
        {} if not names else {k: names[phase].name for k, phase in enumerate(segmentation.phases.tolist(), start=1)}
    )
    write_field(
        path,
        segmentation.field,
        labels=segmentation.labels,
        recipe=segmentation.recipe,
        names={label: name for label, name in called.items() if name},
        parts={"version": PARTS_VERSION, **to_parts({"segmentation": segmentation, **(more or {})})},
        overwrite=overwrite,
    )


def read_segmentation(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> Segmentation:
    """The segmentation in a store, with its field: all that `write_segmentation` was given.

    Parameters
    ----------
    path : path-like
        Store that `write_segmentation` has written, or that a session was saved to in napari.
    memory_limit : int, optional
        Most bytes that reading may take. None: 4 GiB.

    Raises
    ------
    FieldReadError
        If it is no store, is damaged, comes from a later version, or holds no segmentation but labels at most.
    """
    field = read_field(path, memory_limit=memory_limit)
    values = stored_values(path, read_results(path, memory_limit=memory_limit), field)
    if "segmentation" not in values:
        raise FieldReadError(
            Path(path),
            "holds a field without a whole segmentation",
            remedy="Segment the field; labels alone are read by napari_gdls.io.read_results.",
        )
    found: Segmentation = values["segmentation"]
    return found


def stored_values(path: str | os.PathLike[str], stored: StoredResults, field: Field) -> dict[str, Any]:
    """What `write_segmentation` was given: the "segmentation", and `more`; empty if the store holds no such thing.

    Parameters
    ----------
    path : path-like
        Where it was read from, for messages.
    stored : StoredResults
    field : Field
        That the store holds.

    Raises
    ------
    FieldReadError
        If it is no result of this field, or comes from a later version.
    """
    if not stored.parts:
        return {}
    version = stored.parts.get("version")
    if version != PARTS_VERSION:
        raise FieldReadError(
            Path(path),
            f"holds a result in version {version!r} of the format; this napari-gdls reads version {PARTS_VERSION}",
            remedy="Install a newer napari-gdls.",
        )
    try:
        values = from_parts(stored.parts, field)
        found = values["segmentation"]
        if not isinstance(found, Segmentation):
            raise ValueError("there is no segmentation among the parts")
        if stored.labels is None or not (found.labels == stored.labels).all():
            raise ValueError("the labels are not those of the segmentation")
    except (GdlsError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise FieldReadError(
            Path(path), f"holds no consistent result: {detail}", remedy="The program that wrote it is at fault."
        ) from error
    return values
