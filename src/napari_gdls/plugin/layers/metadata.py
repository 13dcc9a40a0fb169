"""What the layers of this plugin carry: ``layer.metadata["napari_gdls"]`` holds the objects behind the picture.

So the dock finds the field again, a later run knows which layers are results of which field, and a script that is
handed a viewer can go on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import napari
    import numpy as np
    import numpy.typing as npt
    from napari.layers import Labels, Layer

    from napari_gdls.field import Field
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation

METADATA_KEY = "napari_gdls"
"""Key of ``layer.metadata``; holds a dict with "role", "field" and, for results, "segmentation", "recipe", "names"."""


def layer_metadata(
    role: str,
    field: Field,
    segmentation: Segmentation | None = None,
    *,
    recipe: Recipe | None = None,
    names: Mapping[int, str] | None = None,
) -> dict[str, Any]:
    """Metadata of a new layer.

    Parameters
    ----------
    role : str
        "bse", "counts", "measurements", "truth", "selected measurements" of a field; "segments", "phases",
        "confidence", "graph", "mixed" of what is shown of it, and with "earlier " before it of what was; "score",
        "strokes", "earlier strokes", "grain masks", "box" of overlapping phases.
    field : Field
    segmentation : Segmentation, optional
    recipe : Recipe, optional
        Of results that come from a file, where the segmentation itself is not known.
    names : mapping of int to str, optional
        What labels are, likewise.

    Returns
    -------
    dict
    """
    entry: dict[str, Any] = {"role": role, "field": field}
    if segmentation is not None:
        entry |= {"segmentation": segmentation, "recipe": segmentation.recipe}
    elif recipe is not None:
        entry["recipe"] = recipe
    if names:
        entry["names"] = dict(names)
    return {METADATA_KEY: entry}


def metadata_entry(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `layer_metadata` has put into the metadata of a layer; empty for layers that are not of this plugin."""
    entry = metadata.get(METADATA_KEY)
    return entry if isinstance(entry, Mapping) else {}


def layer_role(layer: Layer) -> str:
    """Role of a layer; "" if it is not of this plugin."""
    return str(metadata_entry(layer.metadata).get("role", ""))


def layer_field(layer: Layer) -> Field | None:
    """Field that a layer carries; None if it is not of this plugin."""
    return metadata_entry(layer.metadata).get("field")


def layers_of(viewer: napari.Viewer, field: Field, role: str) -> list[Layer]:
    """Layers of a field with a role, bottom first."""
    return [layer for layer in viewer.layers if layer_field(layer) is field and layer_role(layer) == role]


def layer_segmentation(layer: Layer) -> Segmentation | None:
    """Segmentation that a layer shows; None if it shows none."""
    return metadata_entry(layer.metadata).get("segmentation")


def label_names(entry: Mapping[str, Any]) -> dict[int, str]:
    """Names of the minerals of labels, as far as they are known.

    Parameters
    ----------
    entry : mapping
        See `metadata_entry`.
    """
    segmentation: Segmentation | None = entry.get("segmentation")
    if segmentation is None:
        return dict(entry.get("names", {}))
    if not segmentation.names:
        return {}
    phases = range(segmentation.n_phases) if entry["role"] == "phases" else segmentation.phases.tolist()
    named = ((label, segmentation.names[phase].name) for label, phase in enumerate(phases, start=1))
    return {label: name for label, name in named if name}


def taken_labels(layer: Labels) -> npt.NDArray[np.integer]:
    """Labels of a layer as far as they are known: as it was made, or as they were when paint was taken from it last.

    Parameters
    ----------
    layer : Labels
        That carries its segmentation.
    """
    entry = metadata_entry(layer.metadata)
    labels: npt.NDArray[np.integer] = entry.get("taken", entry["segmentation"].labels)
    return labels


def has_taken_labels(layer: Layer) -> bool:
    """Whether a layer shows paint that has become corrections, and not their result yet."""
    return "taken" in metadata_entry(layer.metadata)


def set_taken_labels(layer: Labels, labels: npt.NDArray[np.integer]) -> None:
    """Say that what was painted on a layer has become corrections, until it shows the result of these."""
    layer.metadata[METADATA_KEY] |= {"taken": labels}


def set_segmentation(layer: Layer, segmentation: Segmentation) -> None:
    """Let a layer that shows part of an earlier segmentation stand for a later one."""
    entry: dict[str, Any] = layer.metadata[METADATA_KEY]
    entry.pop("taken", None)
    entry |= {"segmentation": segmentation, "recipe": segmentation.recipe}
