"""How much memory a worker takes for a field, known from its header, and how many workers a computer has room for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from napari_gdls.batch.workers import WorkerPlan, memory_of_batch, usable_cores
from napari_gdls.errors import GdlsError
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.limits import format_bytes
from napari_gdls.methods.memory import most_memory_to_segment
from napari_gdls.recipe import Recipe

PROGRAM_BYTES = 800 * 1024**2
"""Bytes that a worker takes itself, with all that it loads and compiles to segment a field. Measured on Linux, as the
peak of resident memory with fields of 2 to 4 thousand measurements: 500 MiB in a plain process, 580 in a worker of
dask, 80 more that it keeps free for the next arrays, and 130 more where numba compiles for the first time on a
machine."""

_MOST_NAMED = 5  # fields that a message names


def memory_of_task(header: FieldHeader, recipe: Recipe) -> int:
    """Bytes of memory that a worker takes at most to read a field, segment it and write its result.

    Parameters
    ----------
    header : FieldHeader
    recipe : Recipe

    Returns
    -------
    int
        With the program itself.
    """
    segmenting = most_memory_to_segment(header, _dimension(recipe.model), without_drift=recipe.drift == "correct")
    return PROGRAM_BYTES + max(header.bytes_to_read + header.bse_bytes, segmenting)


@cache
def _dimension(model: str) -> int:
    from napari_gdls.embedding import load_embedding

    return load_embedding(model).dimension


def choose_workers(
    headers: Mapping[str, FieldHeader],
    recipe: Recipe,
    *,
    workers: int | None = None,
    cores: int | None = None,
    memory: int | None = None,
) -> WorkerPlan:
    """As many workers of one thread as there are cores, fields, and room for the largest field in each.

    Parameters
    ----------
    headers : map of str to FieldHeader
        Of the fields, by name.
    recipe : Recipe
    workers : int, optional
        That are wanted. None: as many as there is room for.
    cores, memory : int, optional
        Of the computer, and bytes that all workers may take together. None: as they are.

    Returns
    -------
    WorkerPlan

    Raises
    ------
    GdlsError
        If a field does not fit into a worker: its name, what it takes, and what would do.
    """
    available = memory_of_batch() if memory is None else memory
    needed = {name: memory_of_task(header, recipe) for name, header in headers.items()}
    largest = max(needed.values(), default=PROGRAM_BYTES)
    if workers is None:
        workers = max(1, min(usable_cores() if cores is None else cores, len(headers), available // largest))
    plan = WorkerPlan(workers, available // workers)
    _require_room(needed, plan, available)
    return plan


def require_room_in(headers: Mapping[str, FieldHeader], recipe: Recipe, memory_limit: int | None) -> None:
    """Refuse fields that do not fit into workers that run already.

    Parameters
    ----------
    headers : map of str to FieldHeader
    recipe : Recipe
    memory_limit : int or None
        Bytes that the workers have, each. None: it is not known, and nothing is refused.

    Raises
    ------
    GdlsError
    """
    if memory_limit is None:
        return
    _require_room({name: memory_of_task(header, recipe) for name, header in headers.items()}, memory_limit, None)


def _require_room(needed: Mapping[str, int], plan: WorkerPlan | int, available: int | None) -> None:
    limit = plan if isinstance(plan, int) else plan.memory_limit
    large = sorted((name for name, n_bytes in needed.items() if n_bytes > limit), key=lambda name: -needed[name])
    if not large:
        return
    largest = needed[large[0]]
    shown = ", ".join(f"{name} ({format_bytes(needed[name])})" for name in large[:_MOST_NAMED])
    more = f" and {len(large) - _MOST_NAMED:,} more" if len(large) > _MOST_NAMED else ""
    many = f"{len(large):,} of {len(needed):,} fields do" if len(large) > 1 else "a field does"
    if available is None:
        remedy = f"Start the workers with {format_bytes(largest)} or more each, or leave these fields out."
    elif available >= largest:
        remedy = f"There is room for {available // largest} such at a time: give `workers={available // largest}`."
    else:
        remedy = "Crop or bin them, or work on a computer with more memory; leave them out to go on with the others."
    raise GdlsError(f"{many} not fit into the {format_bytes(limit)} of a worker: {shown}{more}. {remedy}")
