import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls import Recipe
from napari_gdls.errors import RecipeError

positive = st.floats(1e-6, 1e6, allow_nan=False)
recipes = st.builds(
    Recipe,
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
