"""What a store holds beside its field, as layers, and as what a session goes on from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_gdls.io import read_results
from napari_gdls.plugin.layers.contents import contents_of_derived
from napari_gdls.plugin.layers.saved import set_saved
from napari_gdls.plugin.layers.segments import stored_segment_layer
from napari_gdls.progress import silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer

    from napari_gdls.field import Field


def with_stored_results(layers: Sequence[Layer], path: Path, field: Field) -> list[Layer]:
    """The layers of a field that was read from a store, with those of the result that the store may hold.

    Of a session the segments are among them; the rest comes as soon as they are in a viewer, with what is known of the
    field (`napari_gdls.plugin.viewers.ViewerSession`).

    Parameters
    ----------
    layers : sequence of Layer
        From `napari_gdls.plugin.layers.fields.field_layers`.
    path : Path
    field : Field

    Raises
    ------
    FieldReadError
        If the result cannot be read.
    """
    stored = read_results(path)
    first, *others = layers
    if not stored.parts:
        if stored.labels is None:
            return list(layers)
        return [first, stored_segment_layer(stored.labels, field, stored.recipe, stored.names), *others]
    # Here, because it imports torch, which takes seconds when it is the first to do so.
    from napari_gdls.plugin.saved_session import stored_session

    saved = stored_session(path, stored, field)
    assert saved is not None  # there are parts
    contents = contents_of_derived(saved.shown, silent, with_heights=True)
    set_saved(first, saved, contents)
    return [first, contents.looks["segments"].layer(), *others]
