"""The form: every method with its parameters, thresholds with their defaults, tau_z in words."""

from __future__ import annotations

import pytest
from napari.utils.notifications import notification_manager

import napari_gdls as gdls
from napari_gdls.mineralogy.resolution import tau_z_in_words
from napari_gdls.plugin.widgets import parameter_fields
from napari_gdls.plugin.widgets.recipe_form import RecipeForm
from napari_gdls.plugin.widgets.segment import SegmentWidget
from napari_gdls.plugin.widgets.tau_z_words import most_telling
from napari_gdls.recipe import METHODS, Parameter
from napari_gdls.recipe import recipe as recipe_module
from napari_gdls.recipe.methods import default_significance


@pytest.fixture
def form(display, qtbot) -> RecipeForm:
    form = RecipeForm()
    qtbot.addWidget(form)
    return form


def shown_parameters(form: RecipeForm) -> set[str]:
    """Names of the parameters whose fields are in sight, "More" unfolded."""
    fields = {form[name] for name in gdls.Recipe.parameters() if name in form.shown}
    shown = {field.name for field in (*form._thresholds.values(), *form._parameters.values()) if not is_hidden(field)}
    assert {field.name for field in fields if not is_hidden(field)} == shown | {"method"}
    return shown


def is_hidden(field) -> bool:
    return field.native.isHidden()


def test_all_methods_are_offered(form):
    assert list(form.method.choices) == list(METHODS)
    assert form.recipe() == gdls.Recipe()
    for i, row in enumerate(METHODS.values()):
        assert form.method.native.itemText(i) == row.title


@pytest.mark.parametrize("method", METHODS)
def test_only_parameters_of_the_method_are_shown(form, method):
    form.method.value = method
    assert shown_parameters(form) == set(gdls.Recipe.parameters_of(method))
    seldom = [form[name] for name in form.shown if form[name] in form._containers[1]]
    assert form.more.isHidden() == (not seldom)
    if METHODS[method].makes_phases:
        assert {field.name for field in seldom} >= {"significance", "tau_b", "smallest", "intergrowths"}


def test_each_method_has_its_own_thresholds(form):
    form["tau_z"].value = 0.7
    form.method.value = "threshold"
    assert form.recipe().tau_z is None
    assert form["tau_z"].in_effect == pytest.approx(1.0)
    form["tau_z"].value = 1.5
    form.method.value = "published"
    assert form["tau_z"].in_effect == pytest.approx(0.5)
    assert form.recipe() == gdls.Recipe(method="published")
    form.method.value = "merge"
    assert form.recipe() == gdls.Recipe(tau_z=0.7)
    form.method.value = "threshold"
    assert form.recipe() == gdls.Recipe(method="threshold", tau_z=1.5)
    form.method.value = "watershed"
    assert form.recipe() == gdls.Recipe(method="watershed")


@pytest.mark.parametrize(
    "recipe",
    [
        gdls.Recipe(),
        gdls.Recipe(
            tau_b=0.12,
            tau_z=7.5,
            device="cuda:3",
            max_distance=12.0,
            reach=0.25,
            beta=30.0,
            batch_size=64,
            model="cosine",
        ),
        gdls.Recipe(significance=80.0, smallest=12, intergrowths=False, labelling="walker", drift="correct"),
        gdls.Recipe(method="threshold", calibration="field", labelling="local", tau_z=0.5),
        gdls.Recipe(method="published", tau_b=0.3),
        gdls.Recipe(method="bse_only", labelling="walker", smallest=3),
        gdls.Recipe(tau_z=0.123456789, max_distance=2.0001, smallest=2**31 - 1, significance=1e9),
    ],
)
def test_recipes_make_the_round_trip(form, recipe):
    form.set_recipe(gdls.Recipe(method="published", tau_b=0.9))
    form.set_recipe(recipe)
    assert form.recipe() == recipe


def test_recipes_are_saved_and_loaded(viewer, tmp_path, qtbot):
    notification_manager.records.clear()
    widget = SegmentWidget(viewer)
    qtbot.addWidget(widget)
    recipe = gdls.Recipe(tau_z=0.8, smallest=4)
    widget.recipe_form.set_recipe(recipe)
    path = tmp_path / "recipe.json"
    widget.save_recipe(str(path))
    widget.recipe_form.set_recipe(gdls.Recipe())
    widget.load_recipe(str(path))
    assert widget.recipe_form.recipe() == recipe
    path.write_text('{"recipe_version": 1, "tau_z": -4}')
    widget.load_recipe(str(path))
    widget.load_recipe(str(tmp_path / "missing.json"))
    assert widget.recipe_form.recipe() == recipe
    errors = [record.message for record in notification_manager.records if record.severity == "error"]
    notification_manager.records.clear()
    assert len(errors) == 2
    assert "tau_z" in errors[0]


def test_thresholds_show_their_default(form):
    field = form["tau_z"]
    assert field.value is None
    assert field["number"].value == field.in_effect == pytest.approx(0.3)
    field["number"].value = 0.5
    assert field.value == field.in_effect == pytest.approx(0.5)
    assert not field["box"].value
    field["box"].value = True
    assert field.value is None
    assert field["number"].value == pytest.approx(0.3)
    field["box"].value = False
    assert field.value == pytest.approx(0.3)


def test_a_number_without_a_known_default_is_grey_until_it_is_wanted(form):
    field = form["batch_size"]
    assert not field["number"].enabled
    field["box"].value = False
    assert field["number"].enabled
    assert form.recipe().batch_size == field["number"].value
    field["box"].value = True
    assert form.recipe() == gdls.Recipe()


def test_numbers_set_by_hand_are_as_round_as_they_look(form):
    form["tau_z"]["number"].value = 0.123456
    assert form.recipe().tau_z == 0.12


def test_each_change_is_reported_with_the_recipe_that_it_makes(form):
    recipes = []
    form.changed.connect(lambda: recipes.append(form.recipe()))
    form["tau_z"]["number"].value = 0.5
    assert recipes == [gdls.Recipe(tau_z=0.5)]
    form["tau_z"]["box"].value = True
    form["smallest"]["number"].value = 3
    assert recipes[1:] == [gdls.Recipe(), gdls.Recipe(smallest=3)]
    form.set_recipe(gdls.Recipe(method="threshold", tau_z=2.0, tau_b=0.1))
    assert recipes[3:] == [gdls.Recipe(method="threshold", tau_z=2.0, tau_b=0.1)]


def test_a_new_parameter_needs_no_edit_of_the_form(display, qtbot, monkeypatch):
    parameters = {
        **gdls.Recipe.parameters(),
        "halo": Parameter(float, "Halo", "Width of the halo.", "pixels", unit="px", usual=(0.0, 9.0), unset="none"),
        "grid": Parameter(str, "Grid", "Which grid.", "graph", choices=("square", "hexagonal"), advanced=False),
        "note": Parameter(str, "Note", "Anything.", "run"),
        "strict": Parameter(bool, "Strict", "Whether it is strict.", "phases"),
    }
    monkeypatch.setattr(recipe_module, "_PARAMETERS", parameters)
    monkeypatch.setattr(gdls.Recipe, "halo", None, raising=False)
    monkeypatch.setattr(gdls.Recipe, "grid", "hexagonal", raising=False)
    monkeypatch.setattr(gdls.Recipe, "note", "-", raising=False)
    monkeypatch.setattr(gdls.Recipe, "strict", True, raising=False)
    form = RecipeForm()
    qtbot.addWidget(form)
    assert shown_parameters(form) >= {"halo", "grid", "note", "strict"}
    assert [form[name].value for name in ("halo", "grid", "note", "strict")] == [None, "hexagonal", "-", True]
    assert form["halo"].label == "Halo (px)"
    assert form["halo"].tooltip == "Width of the halo."
    assert form["halo"]["number"].max == 9.0
    assert form["grid"] in form._containers[0]
    assert form["strict"] in form._containers[1]
    form.method.value = "threshold"
    assert {"halo", "grid", "note"} < shown_parameters(form)
    assert "strict" not in shown_parameters(form)


def test_the_default_of_the_significance_is_that_of_the_field(form, sparse_field):
    field = form["significance"]
    form.set_field(sparse_field)
    assert field["number"].value == pytest.approx(default_significance(180), abs=0.1)
    assert form.recipe().significance is None
    field.value = 20.0
    form.set_field(None)
    assert form.recipe().significance == pytest.approx(20.0)


def test_tau_z_is_told_in_words(form, qtbot):
    form["tau_z"].value = 0.5
    expected = most_telling(tau_z_in_words(form["tau_z"].in_effect))
    assert len(expected) == 3
    assert expected[0].startswith("plagioclase: ")
    qtbot.waitUntil(lambda: all(line in form.words.text() for line in expected), timeout=30_000)
    assert "columbite" in form.words.toolTip()
    form.method.value = "threshold"
    assert form.words.isHidden()


def test_the_most_telling_words_are_of_minerals_that_are_separated():
    large = most_telling(tau_z_in_words(3.0))
    assert len(large) == 3
    assert not any(line.startswith(("plagioclase", "garnet", "biotite")) for line in large)
    assert most_telling(tau_z_in_words(1000.0)) == []


def test_devices_and_embeddings_of_this_machine_are_offered(form, qtbot):
    from napari_gdls.embedding import available_embeddings
    from napari_gdls.embedding.inference import available_devices

    qtbot.waitUntil(lambda: len(form["model"].names) > 1, timeout=30_000)
    assert set(form["device"].names) == {"auto", *available_devices()}
    assert set(form["model"].names) == {"default", *available_embeddings()}
    assert form["device"].value == "auto"


def test_weights_can_be_chosen_as_a_file(form, monkeypatch):
    path = "/somewhere/mine.safetensors"
    monkeypatch.setattr(parameter_fields.QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    form["model"]["file"].changed.emit(True)
    assert form.recipe().model == path
    monkeypatch.setattr(parameter_fields.QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    form["model"]["file"].changed.emit(True)
    assert form.recipe().model == path
