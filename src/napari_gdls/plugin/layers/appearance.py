"""How the layers of this plugin look: names, opacity, scale and units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.recipe import Recipe

OPACITY = 0.65
"""Of segments and phases, 0 to 1; chosen by eye: colours can be told apart, and the BSE image below still shows."""


def layer_title(field: Field) -> str:
    """First part of the names of the layers of a field."""
    return field.name or "field"


def layer_name(field: Field, what: str) -> str:
    """Name of a new layer of a field: "dacite: segments". It says nothing that changes; the layer keeps it."""
    return f"{layer_title(field)}: {what}"


def scale_and_units(field: Field) -> dict[str, Any]:
    """Scale and units of the layers of a field, in um; none where the pixel size is not known."""
    if field.pixel_size is None:
        return {}
    return {"scale": (field.pixel_size, field.pixel_size), "units": ("um", "um")}


def method_and_thresholds(recipe: Recipe) -> str:
    """Method and thresholds in short: "merge 0.3", "threshold 0.05, 1" with tau_b and tau_z, "watershed"."""
    thresholds = [
        f"{threshold.shown if (value := getattr(recipe, name)) is None else value:g}"
        for name, threshold in recipe.method_row.thresholds.items()
        if not threshold.advanced
    ]
    return " ".join(part for part in (recipe.method, ", ".join(thresholds)) if part)
