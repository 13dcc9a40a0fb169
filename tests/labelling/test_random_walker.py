import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from napari_gdls import EnergyAxis, Field, label_pixels
from napari_gdls.bse import noise_of_step
from napari_gdls.errors import Cancelled, FieldError, RecipeError
from napari_gdls.graph import nearest_measurement
from napari_gdls.graph.construction import voronoi_neighbours
from napari_gdls.labelling import label_with_confidence
from napari_gdls.labelling.conductances import conductances, default_beta
from napari_gdls.labelling.graph_colouring import colours_of_labels

AXIS = EnergyAxis(1000, 10, 2)


def grains(seed, shape=(60, 70), n=40, noise=0.004, spacing=3):
    """A field of grains in four grey values, dots on a grid, and the true grain of every pixel."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, shape, (n, 2))
    truth = cKDTree(centres).query(np.argwhere(np.ones(shape, bool)))[1].reshape(shape)
    grey = 0.3 + 0.1 * rng.integers(0, 4, n)[truth]
    bse = gaussian_filter(grey, 0.5) + noise * rng.standard_normal(shape)
    rows, columns = np.mgrid[1 : shape[0] : spacing, 1 : shape[1] : spacing]
    locations = np.stack([rows.ravel(), columns.ravel()], axis=1)
    field = Field((bse * 65535).astype(np.uint16), np.ones((len(locations), 2), np.uint8), locations, AXIS)
    names, labels = np.unique(truth[rows, columns].ravel(), return_inverse=True)
    return field, labels, truth, names


def solved_directly(field, labels, beta):
    """Probability of each label at each pixel: one sparse system, solved exactly, for all labels."""
    height, width = field.shape
    right, down = conductances(field, beta)
    index = np.arange(height * width).reshape(height, width)
    pairs = np.concatenate(
        [
            np.stack([index[:, :-1], index[:, 1:]], -1).reshape(-1, 2),
            np.stack([index[:-1], index[1:]], -1).reshape(-1, 2),
        ]
    )
    weights = np.concatenate([right[:, :-1].ravel(), down[:-1].ravel()]).astype(float)
    adjacency = sp.coo_array((weights, pairs.T), shape=(index.size,) * 2).tocsr()
    adjacency = adjacency + adjacency.T
    laplacian = (sp.diags_array(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency).tocsr()
    seeds = field.locations[:, 0] * width + field.locations[:, 1]
    free = np.setdiff1d(index.ravel(), seeds)
    known = np.eye(labels.max() + 1)[labels]
    probability = np.empty((index.size, known.shape[1]))
    probability[seeds] = known
    probability[free] = spsolve(laplacian[free][:, free].tocsc(), -laplacian[free][:, seeds] @ known)
    return probability.reshape(height, width, -1)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, None, 3e4]))
def test_pixels_get_the_label_of_the_exact_solution(seed, beta):
    field, labels, _, _ = grains(seed)
    exact = solved_directly(field, labels, default_beta(field) if beta is None else beta)
    found = label_pixels(field, labels, beta=beta) - 1
    ranked = np.sort(exact, axis=2)
    clear = (ranked[..., -1] - ranked[..., -2] > 0.1) & (found >= 0)
    assert clear.mean() > 0.8
    assert (found == exact.argmax(axis=2))[clear].mean() > 0.998


def test_the_bse_image_moves_the_borders_to_where_they_are():
    field, labels, truth, names = grains(1, shape=(150, 150), n=150)
    correct = {}
    for beta in (0.0, None):
        found = label_pixels(field, labels, beta=beta)
        correct[beta] = (names[found - 1] == truth)[found > 0].mean()
    nearest = (names[labels[nearest_measurement(field)[0]]] == truth).mean()
    assert correct[None] > correct[0.0] + 0.02
    assert correct[None] > nearest + 0.03


def test_measurements_keep_their_labels_and_segments_hold_one():
    field, labels, _, _ = grains(2)
    found = label_pixels(field, labels)
    assert np.array_equal(found[field.locations[:, 0], field.locations[:, 1]], labels + 1)
    assert set(np.unique(found)) - {0} == set((labels + 1).tolist())
    assert found.dtype == np.int32


def test_equal_input_gives_equal_bytes():
    field, labels, _, _ = grains(3)
    assert label_pixels(field, labels).tobytes() == label_pixels(field, labels).tobytes()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.3, 3))
def test_pixels_beyond_reach_and_invalid_ones_are_0(seed, reach):
    rng = np.random.default_rng(seed)
    valid = rng.random((30, 30)) < 0.8
    locations = np.argwhere(valid)[rng.permutation(valid.sum())[:40]]
    bse = rng.integers(0, 2**16, (30, 30)).astype(np.uint16)
    field = Field(bse, np.ones((40, 2)), locations, AXIS, valid=valid)
    found = label_pixels(field, rng.integers(0, 6, 40), reach=reach)
    _, distance = nearest_measurement(field)
    assert np.array_equal(found > 0, valid & (distance <= reach * field.sampling_distance))


def test_one_label_fills_all_within_reach():
    field, labels, _, _ = grains(4)
    assert set(np.unique(label_pixels(field, np.zeros_like(labels), reach=10))) == {1}


def test_a_dense_field_keeps_its_labels():
    rng = np.random.default_rng(0)
    field = Field(
        rng.integers(0, 255, (9, 8)).astype(np.uint8), np.ones((72, 2)), np.argwhere(np.ones((9, 8), bool)), AXIS
    )
    labels = rng.integers(0, 5, 72)
    assert np.array_equal(label_pixels(field, labels), labels.reshape(9, 8) + 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_labels_that_can_meet_differ_in_colour(seed, n_labels):
    rng = np.random.default_rng(seed)
    locations = np.argwhere(rng.random((40, 40)) < 0.12)
    field = Field(np.zeros((40, 40), np.uint8), np.ones((len(locations), 2)), locations, AXIS)
    labels = rng.integers(0, n_labels, len(locations))
    labels = np.unique(labels, return_inverse=True)[1]
    neighbours = voronoi_neighbours(field, nearest_measurement(field)[0])
    colour = colours_of_labels(neighbours, labels)
    step = np.eye(len(locations), dtype=bool)
    step[tuple(neighbours.T)] = step[tuple(neighbours.T[::-1])] = True
    a, b = np.nonzero(step @ step)
    apart = labels[a] != labels[b]
    assert (colour[labels[a[apart]]] != colour[labels[b[apart]]]).all()
    assert np.array_equal(np.unique(colour), np.arange(colour.max() + 1))


@pytest.mark.parametrize("noise", [0.002, 0.01, 0.03])
def test_noise_of_the_image_is_measured_across_borders(noise):
    field, _, _, _ = grains(5, shape=(200, 200), n=60, noise=noise)
    assert noise_of_step(field) == pytest.approx(noise * 2**0.5, rel=0.25)


def test_an_image_without_noise_or_neighbours_has_the_noise_of_rounding():
    flat = Field(np.zeros((5, 5), np.uint16), np.ones((2, 2)), [[0, 0], [4, 4]], AXIS)
    assert noise_of_step(flat) == pytest.approx(1 / 65536 / 6**0.5)
    single = Field(np.zeros((1, 1), np.uint16), np.ones((1, 2)), [[0, 0]], AXIS)
    assert label_pixels(single, [0]).tolist() == [[1]]


def test_progress_can_cancel():
    field, labels, _, _ = grains(6)

    def stop(stage, fraction):
        if fraction > 0.2:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        label_pixels(field, labels, progress=stop)


@pytest.mark.parametrize(
    ("labels", "arguments", "error"),
    [
        (np.zeros(3, int), {}, FieldError),
        (None, {"beta": -1.0}, RecipeError),
        (None, {"beta": np.nan}, RecipeError),
        (None, {"reach": 0}, RecipeError),
    ],
)
def test_bad_arguments_are_refused(labels, arguments, error):
    field, sound, _, _ = grains(7)
    with pytest.raises(error):
        label_pixels(field, sound if labels is None else labels, **arguments)


def test_labels_must_be_whole_and_not_negative():
    field, labels, _, _ = grains(8)
    for bad in (labels.astype(float), labels - 1):
        with pytest.raises(FieldError):
            label_pixels(field, bad)


@pytest.mark.parametrize("label", [label_pixels, label_with_confidence])
def test_the_steepest_conductances_are_finite(label):
    """A contrast beyond all numbers stops at every step of the BSE, as a large one does."""
    field, labels, _, _ = grains(2)
    steep, steepest = (label(field, labels, beta=beta) for beta in (1e20, 1e300))
    np.testing.assert_array_equal(np.asarray(steepest), np.asarray(steep))


@pytest.mark.parametrize("label", [label_pixels, label_with_confidence])
@pytest.mark.parametrize(
    ("name", "value"), [("beta", -1.0), ("beta", np.inf), ("beta", "1"), ("reach", 0.0), ("reach", np.nan)]
)
def test_parameters_out_of_range_are_refused(label, name, value):
    field, labels, _, _ = grains(2)
    with pytest.raises(RecipeError, match=name):
        label(field, labels, **{name: value})


def test_progress_comes_with_every_sweep():
    field, labels, _, _ = grains(3)
    seen = []
    label_pixels(field, labels, progress=lambda stage, fraction: seen.append(fraction))
    assert seen == sorted(seen)
    assert np.count_nonzero((np.array(seen) > 0.2) & (np.array(seen) < 1)) % 8 == 0
