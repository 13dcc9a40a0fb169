"""Segments of the measurements, by methods that work on their graph."""

import numpy as np
import pytest

from napari_gdls import (
    Constraints,
    build_graph,
    embed,
    label_measurements,
    load_embedding,
    segment,
    simulate_field,
)
from napari_gdls.errors import RecipeError
from napari_gdls.graph import cut_by_thresholds
from napari_gdls.graph.components import connected_components
from napari_gdls.simulation.rock import ROCK


@pytest.fixture(scope="module")
def field():
    return simulate_field((60, 60), seed=2, minerals=[ROCK[i] for i in (0, 3, 6)], grain_size=14)


@pytest.fixture(scope="module")
def z(field):
    return embed(field)


@pytest.fixture(scope="module")
def graph(field, z):
    return build_graph(field, z)


def test_segments_by_merging_are_connected_and_numbered_as_they_appear(field, graph, z):
    labels = label_measurements(graph, field=field, z=z)
    assert labels.dtype == np.int64
    assert (np.diff(np.unique(labels, return_index=True)[1]) > 0).all()
    inside = labels[graph.edges[:, 0]] == labels[graph.edges[:, 1]]
    assert np.array_equal(connected_components(graph.edges[inside], len(labels)), labels)
    assert 2 < labels.max() + 1 < label_measurements(graph, method="threshold").max() + 1
    at = field.metadata["truth_phases"][tuple(field.locations.T)]
    majority = np.array([np.bincount(at[labels == k]).argmax() for k in range(labels.max() + 1)])
    assert (majority[labels] == at).mean() > 0.95


def test_thresholds_of_the_paper_need_the_graph_alone(graph):
    for tau_z in (None, 0.5, 2.0):
        found = label_measurements(graph, method="threshold", tau_z=tau_z)
        assert np.array_equal(found, cut_by_thresholds(graph, tau_b=0.05, tau_z=1.0 if tau_z is None else tau_z))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tau_z": 0.6, "significance": 8.0, "intergrowths": False, "calibration": "field"},
        {"method": "threshold", "tau_b": 0.03, "tau_z": 0.8, "calibration": "field"},
        {"method": "published", "tau_z": 0.7},
    ],
    ids=lambda changes: "-".join(map(str, changes)) or "default",
)
def test_it_is_the_first_step_of_a_run_with_the_same_recipe(field, z, changes):
    """Phases of the measurements of a run, cut into connected pieces, whatever its recipe was."""
    run = segment(field, embedding=z, **changes)
    labels = label_measurements(
        run.graph, field=field, z=z, recipe=run.recipe, calibration=run.calibration, model=load_embedding()
    )
    groups = run.measurement_labels if run.measurement_phases is None else run.measurement_phases.labels
    if run.recipe.method_row.keeps_constraints:
        inside = groups[run.graph.edges[:, 0]] == groups[run.graph.edges[:, 1]]
        groups = connected_components(run.graph.edges[inside], len(groups))
        assert np.array_equal(labels, groups)
    else:  # its pixels regroup the measurements
        assert len(labels) == len(groups)
        assert labels.max() > 0


@pytest.mark.parametrize("method", ["merge", "threshold"])
def test_constraints(field, graph, z, method):
    a, b, c = (tuple(field.locations[i].tolist()) for i in (5, 200, 310))
    constraints = Constraints(links=((a, b),), cuts=((b, c),))
    labels = label_measurements(graph, method=method, field=field, z=z, constraints=constraints)
    assert labels[5] == labels[200] != labels[310]
    with pytest.raises(RecipeError, match="field"):
        label_measurements(graph, method="threshold", constraints=constraints)


def test_what_is_missing_is_said(field, graph, z):
    for given in ({}, {"field": field}, {"z": z}):
        with pytest.raises(RecipeError, match="field"):
            label_measurements(graph, **given)
    for bad in ({"method": "magic"}, {"tau_z": -1.0}, {"tau_b": -1.0}, {"significance": np.nan}):
        with pytest.raises(RecipeError, match=next(iter(bad))):
            label_measurements(graph, field=field, z=z, **bad)
