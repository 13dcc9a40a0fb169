"""npe2 readers: files and folders of spectra as layers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_gdls.errors import FieldReadError, GdlsError

if TYPE_CHECKING:
    from napari.layers import Layer

PathOrPaths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

NOTHING: list[Any] = [(None,)]
"""What a reader returns when there is nothing to add, by the rules of napari."""


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[Any]] | None:
    """The reader for a file or folder; None if it holds no field.

    Quick: it looks at names and at the first bytes only.

    Parameters
    ----------
    path : str or path-like, or a sequence of one
        Several, which napari gives for a stack, are refused: fields do not stack.
    """
    from napari_gdls.io.registry import find_reader

    paths = _as_list(path)
    if len(paths) != 1:
        return None
    try:
        find_reader(paths[0])
    except (FieldReadError, OSError):
        return None
    return read


def read(path: PathOrPaths) -> list[Any]:
    """Layers of the field in a file or folder; a problem is shown as one message, and no layer comes.

    Returns
    -------
    list of (data, attributes, layer type)
        See `napari_gdls.plugin.layers.fields.field_layers`; with the segments that a native store may hold.
    """
    (only,) = _as_list(path)
    return shown_errors(lambda: _layers_in(only))


def shown_errors(make: Callable[[], list[Layer]]) -> list[Any]:
    """Layer data of the layers that `make` returns; a complaint of this package is shown, as text without a traceback.

    Raised, napari would say no more than that opening has failed.
    """
    from napari_gdls.plugin.failures import show_failure

    try:
        return [layer.as_layer_data_tuple() for layer in make()]
    except GdlsError as error:
        show_failure(error)
        return NOTHING


def _layers_in(path: Path) -> list[Layer]:
    from napari_gdls.io import read_field, read_results
    from napari_gdls.io.store import is_store
    from napari_gdls.plugin.layers.fields import field_layers
    from napari_gdls.plugin.layers.segments import stored_segment_layer

    field = read_field(path)
    layers = field_layers(field)
    if is_store(path):
        stored = read_results(path)
        if stored.labels is not None:
            layers.insert(1, stored_segment_layer(stored.labels, field, stored.recipe, stored.names))
    return layers


def _as_list(path: PathOrPaths) -> list[Path]:
    return [Path(path)] if isinstance(path, str | os.PathLike) else [Path(one) for one in path]
