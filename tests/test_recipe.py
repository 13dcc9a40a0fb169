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
    method=st.just("merge") | st.sampled_from(list(METHODS)),
    significance=st.none() | st.floats(0, 100),
    intergrowths=st.booleans(),
    labelling=st.sampled_from([None, "local", "walker"]),
    smallest=st.integers(0, 1000),
    device=st.sampled_from(["auto", "cpu", "cuda:1"]),
    batch_size=st.none() | st.integers(1, 10**6),
    max_distance=st.floats(0.1, 1e6),
    tau_b=st.none() | st.floats(0, 10),
    tau_z=st.none() | st.floats(0, 10),
    beta=st.none() | st.floats(0, 1e9),
    reach=positive,
    names=st.lists(
        st.tuples(
            st.integers(0, 2**31 - 1),
            st.integers(0, 2**31 - 1),
            st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=100),
        ),
        max_size=3,
    ).map(tuple),
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
        {"names": "quartz"},
        {"names": 1},
        {"names": {"row": 1}},
        {"names": [(1, 2)]},
        {"names": [(1, -2, "quartz")]},
        {"names": [(True, 2, "quartz")]},
        {"names": [(1, 2.0, "quartz")]},
        {"names": [(1, 2**31, "quartz")]},
        {"names": [(1, 2, "  ")]},
        {"names": [(1, 2, None)]},
        {"names": [(1, 2, "two\nlines")]},
        {"names": [(1, 2, "x" * 101)]},
        {"names": [{"row": 1, "column": 2, "title": "quartz"}]},
        {"names": ["abc"]},
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
    assert [Recipe(method=method).pixel_labelling for method in METHODS] == ["local", "walker"] + [None] * 5
    for labelling, row in LABELLINGS.items():
        recipe = Recipe(method="threshold", labelling=labelling)
        assert recipe.pixel_labelling == labelling
        assert recipe.gives_confidence == row.gives_confidence
        assert not recipe.replace(method="published").gives_confidence


def test_the_chain_of_the_authors_was_a_labelling_in_version_1():
    old = {"recipe_version": 1, "method": "threshold", "labelling": "paper", "tau_z": 0.6, "beta": 0.02}
    assert Recipe.from_json(json.dumps(old)) == Recipe(method="published", tau_z=0.6, beta=0.02)
    with pytest.raises(RecipeError, match="labelling is 'paper'"):
        Recipe.from_json(json.dumps(old | {"recipe_version": 2}))


def test_names_by_hand_stand_in_the_text_only_where_there_are_any():
    assert "names" not in json.loads(Recipe().to_json())
    named = Recipe(names=[(3, 4, " quartz ")])
    assert named.names == ((3, 4, "quartz"),)
    assert json.loads(named.to_json())["names"] == [{"row": 3, "column": 4, "name": "quartz"}]
    assert hash(named) != hash(Recipe())
    assert "names" not in Recipe.parameters()


def test_every_parameter_says_what_it_is():
    for name, parameter in Recipe.parameters().items():
        assert parameter.title
        assert parameter.help.endswith(".")
        assert any(name in Recipe.parameters_of(method) for method in METHODS) or name == "method"
        default = getattr(Recipe(), name)
        assert isinstance(default, parameter.kind) or (default is None and parameter.unset)
        for value in (None, "", "text", -1, 1.5, True, math.nan, math.inf, 10**400, [], 10**5000):
            try:
                changed, message = Recipe().replace(**{name: value}), ""
            except RecipeError as error:
                changed, message = None, str(error)
            assert (name in message and len(message) < 300) if changed is None else getattr(changed, name) is value


@given(st.sampled_from(list(METHODS)), st.integers(0, 10**7))
def test_defaults_of_the_method_are_spelled_out_once(method, n_measurements):
    thresholds = METHODS[method].thresholds
    filled = Recipe(method=method).with_defaults(n_measurements)
    for name in ("tau_z", "tau_b", "significance"):
        default = thresholds[name].default_for(n_measurements) if name in thresholds else None
        assert getattr(filled, name) == default
    given = Recipe(method=method, tau_z=0.123).with_defaults(n_measurements)
    assert given.tau_z == 0.123
    assert filled.with_defaults(7) == filled


def test_default_significance_grows_with_the_number_of_comparisons():
    default = METHODS["merge"].thresholds["significance"].default_for
    assert default(1000) == pytest.approx(math.log(1000) + 5)
    assert default(1) == default(0) == 5


def test_every_row_of_the_table_loads():
    for row in METHODS.values():
        assert callable(row.load())
        assert not row.labels_measurements or callable(row.load_measurement_step())
        assert row.needs_graph == bool(row.labels_measurements)
