import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls import Recipe
from napari_gdls.errors import RecipeError
from napari_gdls.overlap import UnmixingRecipe
from napari_gdls.overlap.component_number import MOST_COMPONENTS
from napari_gdls.overlap.decomposition import DECOMPOSITIONS
from napari_gdls.overlap.recipe import UNMIXING_METHODS

symbols = st.sampled_from(["Si", "Mg", "Fe", "Ca", "O"])
recipes = st.builds(
    UnmixingRecipe,
    n_phases=st.none() | st.integers(8, 50),
    method=st.sampled_from(UNMIXING_METHODS),
    seed=st.integers(0, 2**32 - 1),
    artefacts=st.none() | st.lists(st.sampled_from(["Cu", "Ga"])).map(tuple),
    smoothness=st.none() | st.floats(0, 1000),
    matrix=st.none() | st.integers(0, 7),
    tie_element=st.none() | symbols | st.dictionaries(st.text(min_size=1), symbols, min_size=1),
    rounds=st.integers(1, 1000),
)


@given(recipes)
def test_json_gives_the_recipe_back(recipe):
    assert UnmixingRecipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    "changes",
    [
        {"n_phases": 0},
        {"n_phases": 2.0},
        {"n_phases": True},
        {"method": "pca"},
        {"method": None},
        {"seed": -1},
        {"seed": 2**32},
        {"artefacts": "Cu"},
        {"artefacts": ("Cu", "Xx")},
        {"artefacts": ("cu",)},
        {"artefacts": (["Cu"],)},
        {"artefacts": 29},
        {"smoothness": -0.1},
        {"smoothness": math.nan},
        {"smoothness": "1"},
        {"matrix": -1},
        {"matrix": "phase 1"},
        {"tie_element": "Xx"},
        {"tie_element": ""},
        {"tie_element": ("Si", "Mg")},
        {"tie_element": {}},
        {"tie_element": {"": "Si"}},
        {"tie_element": {"phase 2": "silicon"}},
        {"rounds": 0},
        {"tau_z": 1},
    ],
)
def test_bad_parameters_are_named(changes):
    with pytest.raises(RecipeError, match=next(iter(changes))):
        UnmixingRecipe().replace(**changes)


def test_an_artefact_is_no_tie_element():
    with pytest.raises(RecipeError, match="Cu, which is among the artefacts Ga, Cu"):
        UnmixingRecipe(artefacts=("Ga", "Cu"), tie_element={"phase 2": "Si", "phase 3": "Cu"})


def test_the_matrix_is_one_of_the_components():
    assert UnmixingRecipe(n_phases=3, matrix=2).matrix == 2
    with pytest.raises(RecipeError, match="matrix is component 3 and n_phases 3"):
        UnmixingRecipe(n_phases=3, matrix=3)


def test_artefacts_are_kept_once_and_later_changes_of_the_given_mapping_do_not_count():
    ties = {"phase 2": "Si"}
    recipe = UnmixingRecipe(artefacts=["Cu", "Ga", "Cu"], tie_element=ties)
    ties["phase 2"] = "Mg"
    assert recipe.artefacts == ("Cu", "Ga")
    assert recipe.tie_element == {"phase 2": "Si"}
    assert recipe.arguments()["tie_element"] == {"phase 2": "Si"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"seed": 1}', json.dumps({"unmixing_recipe_version": 99}), "[" * 100_000]
)
def test_foreign_json_is_refused(text):
    with pytest.raises(RecipeError):
        UnmixingRecipe.from_json(text)


def test_recipes_of_the_other_kind_are_told_apart():
    with pytest.raises(RecipeError, match="another kind"):
        UnmixingRecipe.from_json(Recipe().to_json())
    with pytest.raises(RecipeError, match="another kind"):
        Recipe.from_json(UnmixingRecipe().to_json())


def test_limits_are_those_of_the_decomposition():
    assert UnmixingRecipe.parameters()["n_phases"].maximum == MOST_COMPONENTS
    assert set(UNMIXING_METHODS) == set(DECOMPOSITIONS) - {"pca"}


def test_every_parameter_says_what_it_is():
    for name, parameter in UnmixingRecipe.parameters().items():
        assert parameter.title
        assert parameter.help.endswith(".")
        default = getattr(UnmixingRecipe(), name)
        assert isinstance(default, parameter.kind) or (default is None and parameter.unset)
        for value in (None, "", "text", -1, 1.5, True, math.nan, math.inf, 10**400, (), 10**5000):
            try:
                changed, message = UnmixingRecipe().replace(**{name: value}), ""
            except RecipeError as error:
                changed, message = None, str(error)
            assert (name in message and len(message) < 300) if changed is None else getattr(changed, name) is value
