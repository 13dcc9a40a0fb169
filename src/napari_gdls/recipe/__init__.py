"""What can be asked of a segmentation: its parameters, the methods that have them, and both together as a recipe."""

from napari_gdls.recipe.corrections import Assign, Correction, Cut, Join, MergePhases, Paint, Place, Split
from napari_gdls.recipe.methods import LABELLINGS, METHODS, Method, PixelLabelling, Sweep, Threshold
from napari_gdls.recipe.named_places import NamedPlace
from napari_gdls.recipe.parameters import Parameter
from napari_gdls.recipe.recipe import RECIPE_VERSION, Recipe

__all__ = [
    "LABELLINGS",
    "METHODS",
    "RECIPE_VERSION",
    "Assign",
    "Correction",
    "Cut",
    "Join",
    "MergePhases",
    "Method",
    "NamedPlace",
    "Paint",
    "Parameter",
    "PixelLabelling",
    "Place",
    "Recipe",
    "Split",
    "Sweep",
    "Threshold",
]
