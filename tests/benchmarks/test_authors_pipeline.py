"""The rebuilt reference does what the description says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from benchmarks import authors_pipeline as authors
from napari_gdls import Field, evaluate
from napari_gdls.spectra import Mineral, simulate_field

EASY = [Mineral("quartz", "SiO2", 0.4), Mineral("magnetite", "Fe3O4", 0.3), Mineral("calcite", "CaCO3", 0.3)]
TAU_B, TAU_Z = 0.1, 0.1


@pytest.fixture(scope="module")
def field() -> Field:
    # Pure and almost noiseless, so that the truth is what any sound method finds.
    return simulate_field((90, 90), seed=2, minerals=EASY, grain_size=24.0, blur=0.0, bse_blur=0.0, bse_noise=0.001)


@pytest.fixture(scope="module")
def z(field: Field) -> np.ndarray:
    mineral = field.metadata["truth_phases"][field.locations[:, 0], field.locations[:, 1]]
    return np.eye(4, dtype=np.float32)[mineral]


def test_edges_join_neighbouring_dots_of_one_material(field: Field, z: np.ndarray) -> None:
    edges = authors.voronoi_edges(field, z, TAU_B, TAU_Z)
    length = np.linalg.norm(field.locations[edges[:, 0]] - field.locations[edges[:, 1]], axis=1)
    assert (length < 1.5 * field.sampling_distance).all()
    assert (z[edges[:, 0]] == z[edges[:, 1]]).all()
    inside = authors.voronoi_edges(field, np.zeros_like(z), 1.0, TAU_Z)
    # On a square grid of 30 x 30 dots all sides are edges, and of each square at most one diagonal.
    assert 2 * 30 * 29 <= len(inside) <= 2 * 30 * 29 + 29 * 29
    assert len(edges) < len(inside)


def test_components_are_those_of_the_edges() -> None:
    found = authors.components(np.array([[0, 1], [1, 2], [4, 5]]), 7)
    assert found[0] == found[1] == found[2]
    assert found[4] == found[5]
    assert len(np.unique(found)) == 4


def test_near_components_differ_in_colour(field: Field, z: np.ndarray) -> None:
    component = authors.components(authors.voronoi_edges(field, z, TAU_B, TAU_Z), field.n_measurements)
    colour = authors.colours(field.locations, component)
    assert len(np.unique(colour)) < len(np.unique(component))
    for number in np.unique(component):
        assert len(np.unique(colour[component == number])) == 1
    _, near = cKDTree(field.locations).query(field.locations, k=authors.N_NEAREST)
    other = component[near] != component[:, None]
    assert (colour[near] != colour[:, None])[other].all()


def test_pixels_get_the_true_segments(field: Field, z: np.ndarray) -> None:
    component = authors.components(authors.voronoi_edges(field, z, TAU_B, TAU_Z), field.n_measurements)
    labels = authors.pixel_labels(field, authors.colours(field.locations, component))
    assert labels.shape == field.shape
    scores = evaluate(labels, field.metadata["truth"], tolerance=2)
    assert scores.asa > 0.95
    assert scores.f1 > 0.95
    assert scores.coverage > 0.99


def test_pixels_far_from_dots_are_background(field: Field) -> None:
    near = (field.locations < 40).all(axis=1)
    corner = Field(
        field.bse, field.spectra[near], field.locations[near], field.energy, sampling_distance=field.sampling_distance
    )
    labels = authors.pixel_labels(corner, np.zeros(corner.n_measurements, dtype=np.int64))
    assert (labels[60:, 60:] == 0).all()
    assert (labels[:38, :38] == 1).all()


def test_dense_fields_need_no_walker() -> None:
    field = simulate_field((12, 12), minerals=EASY, dense=True, counts=10)
    halves = (field.locations[:, 1] >= 6).astype(np.int64)
    labels = authors.pixel_labels(field, halves)
    assert (labels[:, :6] == 1).all()
    assert (labels[:, 6:] == 2).all()
