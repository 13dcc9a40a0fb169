import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Voronoi

from napari_gdls import EnergyAxis, Field, build_graph
from napari_gdls.embedding import Calibration
from napari_gdls.errors import GdlsError
from napari_gdls.graph import nearest_measurement
from napari_gdls.graph.construction import voronoi_neighbours

AXIS = EnergyAxis(0, 10, 20)


def field_at(locations, shape, *, valid=None, counts=1, bse=None, spacing=None):
    spectra = np.full((len(locations), AXIS.size), counts, np.uint16)
    bse = np.zeros(shape, np.uint16) if bse is None else bse
    return Field(bse, spectra, locations, AXIS, valid=valid, sampling_distance=spacing or 3)


def scattered(seed, n, shape):
    """n distinct pixels, in raster order."""
    pixels = np.sort(np.random.default_rng(seed).permutation(shape[0] * shape[1])[:n])
    return np.stack(np.divmod(pixels, shape[1]), axis=1)


def ridges(locations, shape):
    """Pairs of measurements with a Voronoi ridge, by Qhull, and its length inside the image."""
    height, width = shape
    # Mirrored points make the edges of the image ridges, so every cell is finite.
    mirrored = [locations]
    for axis, limit in ((0, -0.5), (0, height - 0.5), (1, -0.5), (1, width - 0.5)):
        image = locations.astype(float)
        image[:, axis] = 2 * limit - image[:, axis]
        mirrored.append(image)
    diagram = Voronoi(np.concatenate(mirrored))
    n = len(locations)
    lengths = {}
    for (a, b), ends in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        if a < n and b < n:
            first, second = diagram.vertices[ends]
            lengths[min(a, b), max(a, b)] = float(np.linalg.norm(first - second))
    return lengths


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(5, 150))
def test_neighbours_are_those_of_the_exact_voronoi_diagram_but_for_the_shortest_ridges(seed, n):
    shape = (40, 50)
    locations = scattered(seed, n, shape)
    field = field_at(locations, shape)
    exact = ridges(locations, shape)
    found = set(map(tuple, voronoi_neighbours(field, nearest_measurement(field)[0]).tolist()))
    # A ridge of length l runs between pixel rows for at least l / sqrt(2) pixels along one axis; one pixel is enough.
    # Where three cells share the pixel at an end of it, which is of one cell only, half a pixel more may be lost.
    lost = {pair: length for pair, length in exact.items() if pair not in found and length > 2**0.5 + 0.5}
    assert not lost
    # Pairs without a ridge meet, if at all, round a corner where other cells come within a pixel.
    for a, b in found - set(exact):
        assert gap_between_cells(locations, a, b, shape) <= 1.5


def gap_between_cells(locations, a, b, shape):
    """How far the cells of a and b are from touching: the least excess of the farther of both over the nearest site."""
    points = np.stack(np.meshgrid(*(np.arange(0, size, 0.25) for size in shape), indexing="ij"), axis=-1).reshape(-1, 2)
    middle = locations[[a, b]].mean(axis=0)
    points = points[np.linalg.norm(points - middle, axis=1) <= np.linalg.norm(locations[a] - locations[b]) * 3 + 2]
    distance = np.linalg.norm(points[:, None] - locations[None], axis=2)
    return float((distance[:, [a, b]].max(axis=1) - distance.min(axis=1)).min())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 400), st.floats(0.3, 1))
def test_the_graph_is_planar(seed, n, valid_share):
    shape = (23, 31)
    valid = np.random.default_rng(seed).random(shape) < valid_share
    locations = np.argwhere(valid)[:: max(1, valid.sum() // n)]
    if len(locations) < 2:
        return
    field = field_at(locations, shape, valid=valid)
    pairs = voronoi_neighbours(field, nearest_measurement(field)[0])
    assert nx.check_planarity(nx.Graph(pairs.tolist()))[0]
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_on_a_lattice_neighbours_are_the_four_next_ones():
    rows, columns = np.mgrid[1:19:3, 1:22:3]
    locations = np.stack([rows.ravel(), columns.ravel()], axis=1)
    field = field_at(locations, (19, 22))
    graph = build_graph(field, np.eye(len(locations)), max_distance=10)
    assert (graph.length == 3).all()
    assert graph.n_edges == 6 * 6 + 5 * 7


def test_a_dense_field_is_the_pixel_lattice():
    locations = np.argwhere(np.ones((5, 7), bool))
    graph = build_graph(field_at(locations, (5, 7), spacing=1), np.eye(35))
    assert graph.n_edges == 5 * 6 + 4 * 7


def test_cells_do_not_meet_across_invalid_pixels():
    valid = np.ones((9, 11), bool)
    valid[:, 5] = False
    locations = np.array([[4, 2], [4, 8]])
    pairs = voronoi_neighbours(
        field_at(locations, (9, 11), valid=valid), nearest_measurement(field_at(locations, (9, 11), valid=valid))[0]
    )
    assert len(pairs) == 0


def test_long_edges_are_left_out():
    locations = np.array([[0, 0], [0, 3], [0, 9], [0, 16]])
    graph = build_graph(field_at(locations, (1, 20)), np.eye(4))
    assert graph.edges.tolist() == [[0, 1], [1, 2]]  # 3 and 6 px; 7 px is more than twice the sampling distance of 3
    assert graph.length.tolist() == [3, 6]


def test_edges_carry_the_differences_of_the_paper():
    locations = np.array([[0, 0], [0, 3], [0, 6]])
    bse = np.zeros((1, 8), np.uint16)
    bse[0, [0, 3, 6]] = 1000, 17384, 17384
    z = np.array([[1.0, 0], [0, 1], [0, 1]])
    graph = build_graph(field_at(locations, (1, 8), bse=bse, counts=50), z, calibration=Calibration(c=0.5))
    assert graph.delta_b.tolist() == [16384 / 65536, 0]
    np.testing.assert_allclose(graph.distance_z, [2**0.5, 0])
    counts = 15 * 50  # channels from 50 eV on
    np.testing.assert_allclose(graph.delta_z, [2**0.5 / (0.5 * (2000 / counts) ** 0.5), 0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_nearest_measurement_is_the_nearest(seed):
    shape = (17, 13)
    locations = scattered(seed, 11, shape)
    nearest, distance = nearest_measurement(field_at(locations, shape))
    pixels = np.argwhere(np.ones(shape, bool))
    to_all = np.linalg.norm(pixels[:, None] - locations[None], axis=2)
    np.testing.assert_allclose(distance.ravel(), to_all.min(axis=1))
    np.testing.assert_allclose(to_all[np.arange(len(pixels)), nearest.ravel()], to_all.min(axis=1))


def test_networkx_gets_all_of_it():
    locations = scattered(0, 40, (20, 20))
    graph = build_graph(field_at(locations, (20, 20)), np.eye(40))
    exchanged = graph.to_networkx()
    assert exchanged.number_of_nodes() == 40
    assert sorted(tuple(sorted(edge)) for edge in exchanged.edges) == list(map(tuple, graph.edges.tolist()))
    u, v = graph.edges[3].tolist()
    assert exchanged.edges[u, v]["delta_z"] == graph.delta_z[3]
    assert exchanged.nodes[u] == {"row": locations[u, 0], "column": locations[u, 1]}


@pytest.mark.parametrize("z", [np.eye(3), np.ones(40), np.full((40, 2), np.nan)])
def test_vectors_that_do_not_fit_are_refused(z):
    with pytest.raises(GdlsError, match="z "):
        build_graph(field_at(scattered(0, 40, (20, 20)), (20, 20)), z)


def test_max_distance_must_be_positive():
    with pytest.raises(GdlsError, match="max_distance"):
        build_graph(field_at(scattered(0, 40, (20, 20)), (20, 20)), np.eye(40), max_distance=0)
