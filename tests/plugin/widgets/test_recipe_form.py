"""The form: every method with its parameters, thresholds with their defaults, tau_z in words."""

from __future__ import annotations

import pytest
from napari.utils.notifications import notification_manager

import napari_gdls as gdls
from napari_gdls.mineralogy.resolution import tau_z_in_words
from napari_gdls.plugin.widgets.method_choices import METHOD_CHOICES, choice_of
from napari_gdls.plugin.widgets.recipe_form import RecipeForm
from napari_gdls.plugin.widgets.segment import SegmentWidget
from napari_gdls.plugin.widgets.tau_z_words import most_telling
from napari_gdls.recipe import METHODS
from napari_gdls.recipe.methods import default_significance

PARAMETERS = ("smallest", "intergrowths", "labelling", "model", "calibration", "drift", "max_distance", "reach")


@pytest.fixture
def form(display, qtbot) -> RecipeForm:
    form = RecipeForm()
    qtbot.addWidget(form)
    return form


def shown_parameters(form: RecipeForm) -> set[str]:
    shown = {name for (_, name), slider in form.sliders.items() if not slider.isHidden()}
    return shown | {name for name in PARAMETERS if not getattr(form, name).isHidden()}


def test_all_methods_are_offered():
    assert {choice.method for choice in METHOD_CHOICES} == set(METHODS)
    assert choice_of(gdls.Recipe()) is METHOD_CHOICES[0]
    assert len({choice.title for choice in METHOD_CHOICES}) == len(METHOD_CHOICES)
    for choice in METHOD_CHOICES:
        recipe = gdls.Recipe(method=choice.method)
        assert choice_of(recipe) is choice


def test_only_parameters_of_the_method_are_shown(form):
    by_title = {}
    for choice in METHOD_CHOICES:
        form.choose(choice)
        by_title[choice.title] = shown_parameters(form)
        assert form.more.isHidden() == (not choice.parameters)
    graph = {"model", "calibration", "drift", "max_distance", "reach", "labelling"}
    assert by_title["Merge tree and phases (default)"] == graph | {
        "tau_z",
        "tau_b",
        "significance",
        "smallest",
        "intergrowths",
    }
    assert by_title["Thresholds (paper)"] == graph | {"tau_z", "tau_b"}
    assert by_title["Paper's program"] == {"tau_z", "tau_b", "model", "drift"}
    assert by_title["Watershed (TIMA)"] == by_title["BSE ranges (Mineralogic)"] == set()


def test_each_method_has_its_own_thresholds(form):
    merging, thresholds, paper = METHOD_CHOICES[:3]
    form.tau_z.slider.setValue(0.7)
    form.choose(thresholds)
    assert form.recipe().tau_z is None
    assert form.tau_z.slider.value() == pytest.approx(1.0)
    form.tau_z.slider.setValue(1.5)
    form.choose(paper)
    assert form.tau_z.slider.value() == pytest.approx(0.5)
    assert form.recipe() == gdls.Recipe(method="published")
    form.choose(merging)
    assert form.recipe() == gdls.Recipe(tau_z=0.7)
    form.choose(thresholds)
    assert form.recipe() == gdls.Recipe(method="threshold", tau_z=1.5)
    form.choose(METHOD_CHOICES[3])
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
    slider = form.tau_z
    assert slider.value() is None
    assert slider.slider.value() == slider.in_effect() == pytest.approx(0.3)
    slider.slider.setValue(0.5)
    assert slider.value() == slider.in_effect() == pytest.approx(0.5)
    assert not slider.box.isChecked()
    slider.box.setChecked(True)
    assert slider.value() is None
    assert slider.slider.value() == pytest.approx(0.3)
    slider.box.setChecked(False)
    assert slider.value() == pytest.approx(0.3)


def test_the_default_of_the_significance_is_that_of_the_field(form, sparse_field):
    slider = form.sliders[METHOD_CHOICES[0], "significance"]
    form.set_field(sparse_field)
    assert slider.slider.value() == pytest.approx(default_significance(180), abs=0.1)
    assert form.recipe().significance is None
    slider.slider.setValue(20.0)
    form.set_field(None)
    assert form.recipe().significance == pytest.approx(20.0)


def test_tau_z_is_told_in_words(form, qtbot):
    form.tau_z.slider.setValue(0.5)
    expected = most_telling(tau_z_in_words(form.tau_z.in_effect()))
    assert len(expected) == 3
    assert expected[0].startswith("plagioclase: ")
    qtbot.waitUntil(lambda: all(line in form.words.text() for line in expected), timeout=30_000)
    assert "columbite" in form.words.toolTip()
    form.choose(METHOD_CHOICES[1])
    assert form.words.isHidden()


def test_the_most_telling_words_are_of_minerals_that_are_separated():
    large = most_telling(tau_z_in_words(3.0))
    assert len(large) == 3
    assert not any(line.startswith(("plagioclase", "garnet", "biotite")) for line in large)
    assert most_telling(tau_z_in_words(1000.0)) == []


def test_devices_and_embeddings_of_this_machine_are_offered(form, qtbot):
    from napari_gdls.embedding import available_embeddings
    from napari_gdls.embedding.inference import available_devices

    qtbot.waitUntil(lambda: form.model.count() > 1, timeout=30_000)
    assert {form.device.itemText(i) for i in range(form.device.count())} == {"auto", *available_devices()}
    assert {form.model.itemText(i) for i in range(form.model.count())} == {"default", *available_embeddings()}
    assert form.device.currentText() == "auto"
