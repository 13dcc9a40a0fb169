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
    """The reader for a file or folder; None if it holds no field, no phases of an export of TIMA, no mosaic.

    Quick: it looks at names and at the first bytes only.

    Parameters
    ----------
    path : str or path-like, or a sequence of one
        Several, which napari gives for a stack, are refused: fields do not stack.
    """
    from napari_gdls.batch.mosaic_reading import is_mosaic
    from napari_gdls.io.mindif import is_mindif
    from napari_gdls.io.registry import find_reader

    paths = _as_list(path)
    if len(paths) != 1:
        return None
    if is_mindif(paths[0]) or is_mosaic(paths[0]):
        return read
    try:
        find_reader(paths[0])
    except (FieldReadError, OSError):
        # What is named as a field and is none, such as an empty file, is refused in our words, not in napari's.
        return read if paths[0].is_file() and paths[0].name.lower().endswith(_known_endings()) else None
    return read


def read(path: PathOrPaths) -> list[Any]:
    """Layers of the field in a file or folder; a problem is shown as one message, and no layer comes.

    In a window that is being used, the file is read beside it and its layers are added when they are there; what the
    file leaves open is asked in a dialog.

    Returns
    -------
    list of (data, attributes, layer type)
        See `napari_gdls.plugin.layers.fields.field_layers`; with the segments that a native store may hold. `NOTHING`
        where they come later.
    """
    (only,) = _as_list(path)
    from napari_gdls.plugin.file_layers import layers_in

    _follow_viewer()

    return opened(only.name, lambda **options: layers_in(only, **options), only)


def opened(name: str, make: Callable[..., list[Layer]], path: Path) -> list[Any]:
    """Layer data of the layers that `make` returns, or `NOTHING` if they come later, or not at all.

    Parameters
    ----------
    name : str
        What is opened.
    make : callable
        Takes arguments of `napari_gdls.read_field`.
    path : Path
        The file; what it leaves open can be chosen.
    """
    from napari_gdls.plugin.compiling import compilation
    from napari_gdls.plugin.opening import open_beside, viewer_at_work

    viewer = viewer_at_work()
    if viewer is not None:
        compilation()  # what the first run takes is ready by the time that the file is, or soon after
        open_beside(viewer, name, make, path)
        return NOTHING
    return shown_errors(make)


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


def _follow_viewer() -> None:
    """Let there be a session in the viewer that opens a file: a saved one needs it, whichever docks are open."""
    import napari

    from napari_gdls.plugin.viewers import viewer_session

    viewer = napari.current_viewer()
    if viewer is not None:
        viewer_session(viewer)


def _known_endings() -> tuple[str, ...]:
    from napari_gdls.io import supported_formats
    from napari_gdls.io.spectrum_files import SPECTRUM_ENDINGS

    return (*(ending for _, _, endings in supported_formats() for ending in endings), *SPECTRUM_ENDINGS)


def _as_list(path: PathOrPaths) -> list[Path]:
    return [Path(path)] if isinstance(path, str | os.PathLike) else [Path(one) for one in path]
