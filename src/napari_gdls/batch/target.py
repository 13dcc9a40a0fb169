"""Before the work of a batch: whether its folder can take the results, and holds nothing that they would mix with."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_gdls.batch.layout import Layout
from napari_gdls.batch.plan import BatchPlan, read_plan
from napari_gdls.errors import OutputError
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.limits import format_bytes

_RESULT_PER_PIXEL = 3
"""Bytes of a result for each pixel besides its BSE image: labels, confidence and mask, packed. A bound with room: of
1,000 x 1,000 px with a BSE image of 16 bits, all together take 2.0."""

_RESULT_OF_FIELD = 512 * 1024
"""Bytes of a result whatever its size: summed spectra and tables. A bound with room: fields of 2,300 to 7,500 pixels
take 44 to 72 kB in all."""

_MOSAIC = 4 / 3
"""Of the pixels of all fields, that all levels of a pyramid hold together: 1 + 1/4 + 1/16 + ..."""

_MOST_NAMED = 5  # fields that a message names


def require_target(
    layout: Layout, plan: BatchPlan, headers: Mapping[str, FieldHeader], *, overwrite: bool = False
) -> None:
    """Refuse a folder that cannot take the results of a batch, before any work.

    Parameters
    ----------
    layout : Layout
    plan : BatchPlan
        Of the batch that is to be worked on.
    headers : map of str to FieldHeader
        Of its fields, by name.
    overwrite : bool
        Whether the results of another batch in the folder may be replaced.

    Raises
    ------
    OutputError
        If the folder is a file, cannot be written to, is full, lies among the fields or holds them, or holds other
        things or another batch.
    """
    folder = layout.folder
    _require_apart(folder, [each.path for each in plan.inputs])
    _require_folder(folder)
    if layout.plan.exists():
        _require_same_batch(layout, plan, overwrite=overwrite)
    else:
        _require_free(layout)
    _require_writable(folder)
    _require_disk(folder, headers, mosaic=plan.section.mosaic, there=_bytes_in(layout.fields))


def _require_apart(folder: Path, fields: Sequence[Path]) -> None:
    target = folder.resolve()
    for path in fields:
        field = path.resolve()
        if field == target or field in target.parents:
            raise OutputError(f"{folder}: the results would go into the field {path}; give another folder for them.")
        if target in field.parents:
            raise OutputError(
                f"{folder}: holds the field {path}, and results do not go among fields; give another folder for them."
            )


def _require_folder(folder: Path) -> None:
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, and a batch needs a folder; give another name.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: no folder can be made ({error.strerror or error}).") from error


def _require_free(layout: Layout) -> None:
    """A folder without a plan: nothing of any other program is in it."""
    try:
        others = [each.name for each in layout.folder.iterdir() if each.name not in _OWN and each.name[0] != "."]
    except OSError as error:
        raise OutputError(f"{layout.folder}: cannot be looked into ({error.strerror or error}).") from error
    if others:
        held = ", ".join(sorted(others)[:_MOST_NAMED])
        raise OutputError(
            f"{layout.folder}: holds other files ({held}), and no batch; give an empty folder, or a new name."
        )


_OWN = frozenset(("journal", "drivers"))
"""What a batch puts into its folder before the plan, as other shares of it may be doing at this time."""


def _require_same_batch(layout: Layout, plan: BatchPlan, *, overwrite: bool) -> None:
    if overwrite:
        return
    found = _differences(read_plan(layout), plan)
    if found:
        raise OutputError(
            f"{layout.folder}: holds another batch: {'; '.join(found)}. Give another folder, or `overwrite=True` to "
            "replace what differs; results that stay the same are kept."
        )


def _differences(there: BatchPlan, plan: BatchPlan) -> list[str]:
    """What of a batch is not as it was, in words."""
    before, now = ({each.name: each.path for each in one.inputs} for one in (there, plan))
    found = []
    both = set(now) & set(before)
    moved = {name for name in both if before[name] != now[name]}
    for names, what in ((set(now) - both, "new"), (set(before) - both, "missing"), (moved, "in other files")):
        if names:
            fields = "1 field is" if len(names) == 1 else f"{len(names):,} fields are"
            found.append(f"{fields} {what} ({_named(names)})")
    recipes = (json.loads(one.recipe.to_json()) for one in (there, plan))
    found += _changed("recipe", *recipes)
    found += _changed("reading", dict(there.reading), dict(plan.reading))
    return found


def _changed(what: str, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    keys = sorted(set(before) | set(now))
    changed = [
        f"{key} was {before.get(key)}, is {now.get(key)}"
        for key in keys
        if key != "memory_limit" and _plain(before.get(key)) != _plain(now.get(key))
    ]
    return [f"its {what} differs ({', '.join(changed[:_MOST_NAMED])})"] if changed else []


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=os.fspath))


def _named(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else shown


def _require_writable(folder: Path) -> None:
    probe = folder / f".probe-{secrets.token_hex(4)}"
    try:
        probe.write_bytes(b"\0")
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written to ({error.strerror or error}); check who may, and the space on the disk."
        ) from error


def _require_disk(folder: Path, headers: Mapping[str, FieldHeader], *, mosaic: bool, there: int) -> None:
    needed = sum(result_bytes(header, mosaic=mosaic) for header in headers.values()) - there
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"{folder}: the results of {len(headers):,} fields would take about {format_bytes(needed)}, and "
            f"{format_bytes(free)} are free there. Make room, or give a folder on another disk."
        )


def result_bytes(header: FieldHeader, *, mosaic: bool = True) -> int:
    """Bytes on disk that a field takes in the results of a batch, about.

    Parameters
    ----------
    header : FieldHeader
    mosaic : bool
        Whether it is put into a mosaic, too.
    """
    pixels = header.shape[0] * header.shape[1] * _RESULT_PER_PIXEL + header.bse_bytes
    return int(_RESULT_OF_FIELD + pixels * (1 + (_MOSAIC if mosaic else 0)))


def _bytes_in(folder: Path) -> int:
    try:
        return sum(each.stat().st_size for each in os.scandir(folder))
    except OSError:
        return 0
