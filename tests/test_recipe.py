import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls import Recipe
from napari_gdls.errors import RecipeError
from napari_gdls.recipe import LABELLINGS, METHODS

positive = st.floats(1e-6, 1e6, allow_nan=False)
recipes = st.builds(
    Recipe,
    method=st.just("merge") | st.sampled_from(METHODS),
    significance=st.none() | st.floats(0, 100),
    intergrowths=st.booleans(),
    labelling=st.sampled_from([None, "local", "walker"]),
    smallest=st.integers(0, 1000),
    device=st.sampled_from(["auto", "cpu", "cuda:1"]),
    batch_size=st.none() | st.integers(1, 10**6),
    max_distance=positive,
    tau_b=st.none() | st.floats(0, 10),
    tau_z=st.none() | st.floats(0, 10),
    beta=st.none() | st.floats(0, 1e9),
    reach=positive,
)


@given(recipes)
def test_json_gives_the_recipe_back(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "magic"},
        {"labelling": "by hand"},
        {"labelling": "paper"},
        {"intergrowths": 1},
        {"significance": -1},
        {"significance": math.inf},
        {"smallest": -1},
        {"smallest": 2.0},
        {"smallest": True},
        {"drift": "maybe"},
        {"calibration": "by eye"},
        {"tau_z": -1},
        {"tau_b": math.nan},
        {"tau_z": "1"},
        {"tau_z": True},
        {"max_distance": 0},
        {"reach": math.inf},
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"model": ""},
        {"tau": 1},
    ],
)
def test_bad_parameters_are_named(changes):
    with pytest.raises(RecipeError, match=next(iter(changes))):
        Recipe().replace(**changes)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"tau_z": 1}', json.dumps({"recipe_version": 99}), "[" * 100_000])
def test_foreign_json_is_refused(text):
    with pytest.raises(RecipeError):
        Recipe.from_json(text)


def test_recipes_of_before_the_merge_tree_are_still_read():
    old = {
        "recipe_version": 1,
        "model": "windows",
        "device": "auto",
        "batch_size": None,
        "drift": "report",
        "calibration": "model",
        "max_distance": 2.0,
        "method": "threshold",
        "tau_b": 0.05,
        "tau_z": 1.0,
        "beta": None,
        "reach": 1.0,
    }
    recipe = Recipe.from_json(json.dumps(old))
    assert recipe == Recipe(model="windows", method="threshold", tau_b=0.05, tau_z=1.0)
    assert recipe.pixel_labelling == "walker"


def test_each_method_has_its_way_of_labelling_pixels():
    assert Recipe().method == "merge"
    assert [Recipe(method=method).pixel_labelling for method in METHODS] == ["local"] + ["walker"] * 5
    for labelling in LABELLINGS:
        assert Recipe(method="threshold", labelling=labelling).pixel_labelling == labelling
