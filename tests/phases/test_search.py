"""Phases of whole fields."""

import dataclasses
import math

import numpy as np
import pytest

from napari_gdls import build_graph, embed, load_embedding, segment, simulate_field
from napari_gdls.errors import Cancelled, FieldError, RecipeError
from napari_gdls.graph.merging import build_merge_tree
from napari_gdls.phases.search import find_phases
from napari_gdls.recipe import Recipe
from napari_gdls.simulation.rock import ROCK
from napari_gdls.spectra.windows import window_counts

PLAIN = tuple(dataclasses.replace(ROCK[i], rim_formula=None) for i in (0, 2, 3, 9))
"""Quartz, plagioclase, biotite, magnetite."""


def parts_of(field):
    z = embed(field)
    graph, counts = build_graph(field, z), window_counts(field)
    return field, graph, build_merge_tree(field, graph, counts=counts), z, counts, load_embedding()


@pytest.fixture(scope="module")
def parts():
    return parts_of(simulate_field((90, 90), seed=6, minerals=PLAIN, grain_size=18))


def phases_of(*parts, **changes):
    """Phases with the defaults of the method, but for changes."""
    recipe = Recipe().with_defaults(parts[0].n_measurements)
    return find_phases(*parts, **{"tau_z": recipe.tau_z, "significance": recipe.significance} | changes)


def agreement(labels, truth):
    """Share of measurements whose phase is, by majority, theirs; each phase but specks stands for one mineral."""
    table = np.zeros((labels.max() + 1, truth.max() + 1))
    np.add.at(table, (labels, truth), 1)
    large = table[table.sum(axis=1) > 0.01 * len(labels)]
    assert len(large) == len(np.unique(large.argmax(axis=1))) == len(np.unique(truth))
    return large.max(axis=1).sum() / len(labels)


def test_the_minerals_of_a_rock_are_its_phases(parts):
    field = parts[0]
    found = phases_of(*parts)
    at = field.metadata["truth_phases"][tuple(field.locations.T)]
    assert agreement(found.labels, at) > 0.95
    assert found.labels.shape == found.partner.shape == found.fraction.shape == found.confidence.shape
    assert np.array_equal(found.partner >= 0, found.fraction < 1)
    assert (found.partner != found.labels).all()
    assert found.partner.max() < found.n_phases
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()
    assert np.array_equal(np.unique(found.labels), np.arange(found.n_phases))
    assert (found.scale.tau_z, found.scale.height) == (
        0.3,
        parts[2].height_of_significance(math.log(field.n_measurements) + 5),
    )
    assert not found.intergrown.any()


def test_rims_of_mixtures_are_no_phases(parts):
    """Seen through a wide beam every border is a mixture, and none of them a phase."""
    field = simulate_field((90, 90), seed=6, minerals=PLAIN, grain_size=18, blur=1.5)
    found = phases_of(*parts_of(field))
    at = field.metadata["truth_phases"][tuple(field.locations.T)]
    assert agreement(found.labels, at) > 0.9
    mixed = (found.partner >= 0).mean()
    assert mixed > 1.5 * (phases_of(*parts).partner >= 0).mean()


def test_a_larger_tau_z_makes_fewer_phases(parts):
    numbers = [phases_of(*parts, tau_z=tau_z).n_phases for tau_z in (0.1, 1.0, 5.0, 100.0)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > numbers[-1] == 1


def test_a_higher_significance_makes_no_more_phases():
    field = simulate_field((60, 60), seed=2, minerals=PLAIN, counts=150, grain_size=14)
    parts = parts_of(field)
    numbers = [phases_of(*parts, significance=x).n_phases for x in (8.0, 50.0, 2000.0, 1e6)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == 1


def test_brightness_parts_materials_of_one_spectrum_when_asked_to():
    phases = np.zeros((60, 60), np.int32)
    phases[:, 30:] = 1
    minerals = {"quartz": "SiO2", "brighter quartz": "SiO2"}
    bse = np.where(phases == 0, 20_000, 30_000) + np.random.default_rng(0).normal(0, 300, phases.shape)
    field = simulate_field(texture=phases, minerals=minerals, bse=bse.astype(np.uint16))
    parts = parts_of(field)
    assert phases_of(*parts).n_phases == 1
    found = phases_of(*parts, tau_b=0.05)
    assert found.n_phases == 2
    assert agreement(found.labels, phases[tuple(field.locations.T)]) > 0.98


def test_areas_finer_than_the_measurements_become_one_phase():
    rng = np.random.default_rng(0)
    phases = np.zeros((96, 96), np.int32)
    fine = rng.integers(1, 3, (32, 32)).repeat(3, axis=0).repeat(3, axis=1)
    area = np.zeros((96, 96), bool)
    area[15:81, 15:81] = True
    phases[area] = fine[area]
    formulas = {"quartz": "SiO2", "magnetite": "Fe3O4", "calcite": "CaCO3"}
    parts = parts_of(simulate_field(texture=phases, minerals=formulas, blur=0.2))
    at = area[tuple(parts[0].locations.T)]
    found = phases_of(*parts)
    assert found.n_phases == 2
    assert found.intergrown.sum() == 1
    assert (found.intergrown[found.labels] == at).mean() > 0.97
    apart = phases_of(*parts, intergrowths=False)
    assert apart.n_phases == 3
    assert not apart.intergrown.any()
    assert agreement(apart.labels, parts[0].metadata["truth_phases"][tuple(parts[0].locations.T)]) > 0.95


def test_the_dose_hardly_matters_for_which_phases_there_are():
    """What counts more than noise is tau_z: the same rock has the same phases at 300 and 8,000 counts."""
    for counts in (300, 8000):
        field = simulate_field((90, 90), seed=6, minerals=PLAIN, counts=counts, grain_size=18)
        found = segment(field, tau_z=0.5)
        at = field.metadata["truth_phases"][tuple(field.locations.T)]
        assert agreement(found.measurement_phases.labels, at) > 0.93


def test_a_field_of_one_material_is_one_phase():
    field = simulate_field((60, 60), seed=1, minerals=PLAIN[:1])
    found = phases_of(*parts_of(field))
    assert found.n_phases == 1
    assert (found.partner == -1).all()


def test_it_can_be_stopped_at_any_time(parts):
    seen = []

    def stop_later(stage, fraction):
        seen.append((stage, fraction))
        if len(seen) == stop_at:
            raise Cancelled

    stop_at = -1
    phases_of(*parts, progress=stop_later)
    fractions = [fraction for _, fraction in seen]
    assert {stage for stage, _ in seen} == {"segments"}
    assert fractions == sorted(fractions)
    for stop_at in np.linspace(1, len(fractions), 7).astype(int):
        seen.clear()
        with pytest.raises(Cancelled):
            phases_of(*parts, progress=stop_later)
        assert len(seen) == stop_at


@pytest.mark.parametrize("part", ["graph", "tree", "z", "counts"])
def test_parts_of_another_field_are_refused(parts, part):
    """Compiled code would read beyond the ends of arrays."""
    other = parts_of(simulate_field((20, 20), seed=1, minerals=PLAIN[:1]))
    position = ["field", "graph", "tree", "z", "counts"].index(part)
    mixed = [*parts]
    mixed[position] = other[position]
    error, words = (RecipeError, part) if part == "graph" else (FieldError, f"{part}: of 49 measurements")
    with pytest.raises(error, match=words):
        phases_of(*mixed)


def test_impossible_numbers_are_refused(parts):
    field, graph, tree, z, counts, model = parts
    with pytest.raises(FieldError, match="not finite"):
        phases_of(field, graph, tree, np.where(z == z.max(), np.nan, z), counts, model)
    for wrong in (counts - 1, counts.astype(np.int64)):
        with pytest.raises(FieldError, match="window_counts"):
            phases_of(field, graph, tree, z, wrong, model)


@pytest.mark.parametrize("parameter", ["tau_z", "significance", "tau_b"])
@pytest.mark.parametrize("value", [-0.1, math.nan])
def test_bad_thresholds_are_refused(parts, parameter, value):
    with pytest.raises(RecipeError, match=parameter):
        phases_of(*parts, **{parameter: value})
