"""The chain of the paper's authors, as their program runs it."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_gdls import Field, evaluate, sample_field
from napari_gdls.errors import Cancelled, FieldError, GdlsError, RecipeError
from napari_gdls.methods.published import measurements as graph
from napari_gdls.methods.published import pixels as labelling
from napari_gdls.simulation import RockMineral, simulate_field

EASY = [
    RockMineral("quartz", "SiO2", 0.4),
    RockMineral("magnetite", "Fe3O4", 0.3),
    RockMineral("calcite", "CaCO3", 0.3),
]
TAU_B, TAU_Z = 0.1, 0.1


@pytest.fixture(scope="module")
def field() -> Field:
    # Pure and almost noiseless, so that the truth is what any sound method finds.
    return simulate_field((90, 90), seed=2, minerals=EASY, grain_size=24.0, blur=0.0, bse_blur=0.0, bse_noise=0.001)


@pytest.fixture(scope="module")
def z(field: Field) -> np.ndarray:
    mineral = field.metadata["truth_phases"][field.locations[:, 0], field.locations[:, 1]]
    return np.eye(4, dtype=np.float32)[mineral]


@pytest.fixture(scope="module")
def component(field: Field, z: np.ndarray) -> np.ndarray:
    return graph.label_measurements_as_published(field, z, TAU_B, TAU_Z)


def field_with(bse: np.ndarray, locations: np.ndarray, spacing: float, **options) -> Field:
    some = sample_field("dacite-fast")
    return Field(bse, some.spectra[: len(locations)], locations, some.energy, sampling_distance=spacing, **options)


def test_edges_join_neighbouring_measurements_of_one_material(field: Field, z: np.ndarray) -> None:
    edges = graph.voronoi_edges(field, z, TAU_B, TAU_Z)
    length = np.linalg.norm(field.locations[edges[:, 0]] - field.locations[edges[:, 1]], axis=1)
    assert (length < 1.5 * field.sampling_distance).all()
    assert (z[edges[:, 0]] == z[edges[:, 1]]).all()
    inside = graph.voronoi_edges(field, np.zeros_like(z), 1.0, TAU_Z)
    # On a square grid of 30 x 30 dots all sides are edges, and of each square at most one diagonal.
    assert 2 * 30 * 29 <= len(inside) <= 2 * 30 * 29 + 29 * 29
    assert len(edges) < len(inside)


def test_thresholds_are_strict_and_on_the_bare_differences() -> None:
    bse = np.zeros((4, 4), dtype=np.uint16)
    bse[0, 0] = 6554
    corners = field_with(bse, np.array([[0, 0], [0, 3], [3, 0], [3, 3]]), 3.0)
    z = np.array([[0.0], [0.0], [0.0], [0.5]])
    delta_b = 6554 / 65536

    def n_edges(tau_b: float, tau_z: float) -> int:
        pairs = graph.voronoi_edges(corners, z, tau_b, tau_z)
        # The diagonal that Qhull takes is as good as the other.
        return sum(1 for u, v in pairs if {int(u), int(v)} not in ({0, 3}, {1, 2}))

    assert n_edges(1.0, 1.0) == 4
    assert n_edges(delta_b, 1.0) == 2
    assert n_edges(np.nextafter(delta_b, 1), 1.0) == 4
    assert n_edges(1.0, 0.5) == 2
    assert n_edges(1.0, 0.5000001) == 4


def test_components_are_those_of_the_edges() -> None:
    assert graph.components(np.array([[1, 2], [0, 1], [4, 5]]), 7).tolist() == [0, 0, 0, 1, 2, 2, 3]


def test_larger_thresholds_join_what_smaller_ones_joined() -> None:
    noisy = simulate_field((60, 60), seed=3, minerals=EASY, grain_size=20.0)
    z = np.random.default_rng(0).normal(size=(noisy.n_measurements, 3)) * 0.2
    coarser = None
    for tau_z in sorted(graph.PUBLISHED_TAU_Z, reverse=True):
        finer = graph.label_measurements_as_published(noisy, z, graph.PUBLISHED_TAU_B[0], tau_z)
        if coarser is not None:
            assert finer.max() >= coarser.max()
            # Each finer segment lies in one coarser segment.
            assert len(np.unique(np.stack([finer, coarser]), axis=1).T) == finer.max() + 1
        coarser = finer
    assert coarser is not None
    assert coarser.max() > 10


def test_the_colouring_is_proper(field: Field, component: np.ndarray) -> None:
    colour = labelling.component_colours(field.locations, component)
    assert len(np.unique(colour)) < len(np.unique(component))
    for number in np.unique(component):
        assert len(np.unique(colour[component == number])) == 1
    _, near = cKDTree(field.locations).query(field.locations, k=labelling.N_NEAREST)
    other = component[near] != component[:, None]
    assert (colour[near] != colour[:, None])[other].all()


def test_the_colouring_is_that_of_networkx(field: Field, component: np.ndarray) -> None:
    _, near = cKDTree(field.locations).query(field.locations, k=20)
    conflicts = nx.Graph()
    conflicts.add_nodes_from(range(component.max() + 1))
    for column in range(1, 20):
        conflicts.add_edges_from(zip(component[near[:, 0]].tolist(), component[near[:, column]].tolist(), strict=True))
    expected = nx.greedy_color(conflicts)
    colour = labelling.component_colours(field.locations, component)
    assert colour.tolist() == [expected[number] for number in component.tolist()]


def test_pixels_get_the_true_segments(field: Field, component: np.ndarray) -> None:
    labels = labelling.label_pixels_as_published(field, component)
    assert labels.shape == field.shape
    assert labels.dtype == np.int32
    scores = evaluate(labels, field.metadata["truth"], tolerance=2)
    assert scores.asa > 0.95
    assert scores.f1 > 0.95
    assert scores.coverage > 0.99


def test_the_published_beta_hardly_sees_the_image(field: Field, component: np.ndarray) -> None:
    flat = Field(
        np.full(field.shape, 5000, np.uint16), field.spectra, field.locations, field.energy, sampling_distance=3
    )
    colour = labelling.component_colours(field.locations, component)
    blind = labelling.regions_of_colours(flat, colour)
    published = labelling.regions_of_colours(field, colour)
    strong = labelling.regions_of_colours(field, colour, beta=1000.0)
    assert evaluate(published, blind).asa > 0.995
    assert evaluate(strong, field.metadata["truth"]).asa > evaluate(published, field.metadata["truth"]).asa


def test_pixels_far_from_measurements_or_invalid_are_background(field: Field) -> None:
    near = (field.locations < 40).all(axis=1)
    valid = np.ones(field.shape, dtype=bool)
    valid[:, :4] = False
    near &= field.locations[:, 1] >= 4
    corner = Field(
        field.bse, field.spectra[near], field.locations[near], field.energy, sampling_distance=3, valid=valid
    )
    labels = labelling.label_pixels_as_published(corner, np.zeros(corner.n_measurements, dtype=np.int64))
    # The last dots lie at 37, in the middle of squares of 3 x 3 px; the rim is shared with the background.
    assert (labels[:38, 7:38] == 1).all()
    assert not labels[39:].any()
    assert not labels[:, 39:].any()
    assert not labels[:, :4].any()


def test_regions_of_one_colour_become_segments_of_their_own() -> None:
    locations = np.argwhere(np.ones((6, 6), dtype=bool))
    dense = field_with(np.zeros((6, 6), dtype=np.uint16), locations, 1.0)
    columns = locations[:, 1] // 2
    labels = labelling.label_pixels_as_published(dense, (columns == 1).astype(np.int64))
    assert labels[0].tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("n", [1, 2])
def test_one_segment_fills_what_is_near(n: int) -> None:
    locations = np.array([[2, 2], [2, 5]])[:n]
    few = field_with(np.zeros((5, 8), dtype=np.uint16), locations, 3.0)
    labels = labelling.label_pixels_as_published(few, np.zeros(n, dtype=np.int64))
    assert (labels[2, 2 : 3 * n] == 1).all()
    assert not labels[[0, -1]].any()
    assert not labels[:, [0, -1]].any()


def test_impossible_input_is_refused(field: Field, z: np.ndarray, component: np.ndarray) -> None:
    with pytest.raises(RecipeError, match="tau_z"):
        graph.label_measurements_as_published(field, z, 0.1, float("nan"))
    with pytest.raises(GdlsError, match="one row for each"):
        graph.label_measurements_as_published(field, z[1:], TAU_B, TAU_Z)
    line = field_with(np.zeros((5, 20), np.uint16), np.array([[2, 2], [2, 6], [2, 10], [2, 14]]), 4.0)
    with pytest.raises(GdlsError, match="on one line"):
        graph.label_measurements_as_published(line, np.zeros((4, 2)), TAU_B, TAU_Z)
    with pytest.raises(FieldError, match="measurement labels"):
        labelling.label_pixels_as_published(field, component[1:])
    with pytest.raises(FieldError, match="measurement labels"):
        labelling.label_pixels_as_published(field, component - 1)
    with pytest.raises(RecipeError, match="beta"):
        labelling.label_pixels_as_published(field, component, beta=-1.0)


def test_it_can_be_cancelled(field: Field, component: np.ndarray) -> None:
    def stop(stage: str, fraction: float, /) -> None:
        if fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        labelling.label_pixels_as_published(field, component, progress=stop)
