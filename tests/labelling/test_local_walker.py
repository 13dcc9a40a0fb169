import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from scipy.ndimage import label as scipy_label
from scipy.spatial import cKDTree

from napari_gdls import EnergyAxis, Field, label_pixels
from napari_gdls.errors import Cancelled, FieldError, RecipeError
from napari_gdls.graph import nearest_measurement
from napari_gdls.labelling import label_with_confidence
from napari_gdls.simulation import ROCK, rock_texture
from napari_gdls.simulation.backscatter import backscatter_coefficient

AXIS = EnergyAxis(1000, 10, 1)


def field_of(bse, locations, **options):
    return Field(bse, np.ones((len(locations), 1), np.uint8), locations, AXIS, **options)


def grid(shape, spacing):
    along = [np.floor(np.arange(spacing / 2, length, spacing)).astype(int) for length in shape]
    return np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 2)


def rock(seed, *, shape=(150, 150), spacing=3.0, grain_size=14.0, noise=0.005, wrong=0.1):
    """Field of a simulated rock without spectra; true phases from 1, and labels and purities of its measurements.

    Measurements beside a border are mixed, and some of them labelled as what lies on its other side.
    """
    rng = np.random.default_rng(seed)
    phases = rock_texture(shape, ROCK, seed=seed, grain_size=grain_size).phases
    eta = np.array([backscatter_coefficient(mineral.formula) for mineral in ROCK])
    bse = gaussian_filter(eta[phases] / 0.5, 0.4) + noise * rng.standard_normal(shape)
    locations = grid(shape, spacing)
    labels = phases[tuple(locations.T)].astype(int)
    low, high = (extreme(phases, 3)[tuple(locations.T)] for extreme in (minimum_filter, maximum_filter))
    mixed = low != high
    swapped = mixed & (rng.random(len(labels)) < wrong)
    labels[swapped] = np.where(labels == low, high, low)[swapped]
    field = field_of((np.clip(bse, 0, 0.99) * 65536).astype(np.uint16), locations, sampling_distance=spacing)
    return field, labels, np.where(mixed, 0.7, 1.0), phases + 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.4, 4), st.integers(1, 60), st.sampled_from([0.0, 300.0, None]))
def test_labels_are_those_given_and_pure_measurements_keep_theirs(seed, reach, n, beta):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 30, 2))
    valid = rng.random(shape) < 0.85
    valid[tuple(rng.integers(0, shape))] = True
    locations = rng.permutation(np.argwhere(valid))[:n]
    field = field_of(rng.random(shape), locations, valid=valid, bse_full_scale=1.0, sampling_distance=3.0)
    labels = rng.integers(0, 8, len(locations)) * 1000
    purity = rng.choice([0.0, 0.3, 0.8, 1.0], len(locations))
    found, confidence = label_with_confidence(field, labels, purity=purity, reach=reach, beta=beta)
    assert found.dtype == np.int32
    assert confidence.dtype == np.float32
    assert set(np.unique(found)) <= {0, *(labels + 1)}
    rows, columns = field.locations[purity == 1].T
    assert np.array_equal(found[rows, columns], labels[purity == 1] + 1)
    assert (confidence[rows, columns] == 1).all()
    assert ((confidence > 0) == (found > 0)).all()
    assert confidence.max() <= 1
    # At most five labels compete.
    assert confidence[found > 0].min() >= 0.2 - 1e-6
    assert (found[field.locations[:, 0], field.locations[:, 1]] > 0).all()
    _, distance = nearest_measurement(field)
    assert not found[~valid | (distance > reach * 3.0)].any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.3, 6))
def test_without_invalid_pixels_all_within_reach_have_a_label(seed, reach):
    rng = np.random.default_rng(seed)
    locations = rng.permutation(np.argwhere(np.ones((30, 40), bool)))[:40]
    field = field_of(rng.integers(0, 2**16, (30, 40)).astype(np.uint16), locations, sampling_distance=4.0)
    found, _ = label_with_confidence(field, rng.integers(0, 6, 40), reach=reach)
    _, distance = nearest_measurement(field)
    assert np.array_equal(found > 0, distance <= reach * 4.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.5, 8))
def test_labels_come_from_measurements_joined_through_valid_pixels(seed, reach):
    rng = np.random.default_rng(seed)
    valid = rng.random((24, 24)) < 0.6
    parts = scipy_label(valid)[0]
    locations = rng.permutation(np.argwhere(valid))[:30]
    field = field_of(rng.random((24, 24)), locations, valid=valid, bse_full_scale=1.0, sampling_distance=4.0)
    part_of = parts[tuple(field.locations.T)]
    found, _ = label_with_confidence(field, part_of, purity=rng.random(30), reach=reach)
    assert np.array_equal(found[found > 0], parts[found > 0] + 1)


def test_a_wall_of_invalid_pixels_parts_labels_and_a_gap_lets_them_through():
    bse = np.full((9, 21), 100, np.uint8)
    valid = np.ones(bse.shape, bool)
    valid[:, 10] = False
    field = field_of(bse, [[4, 3], [4, 11]], valid=valid, sampling_distance=8.0)
    found, _ = label_with_confidence(field, [0, 1], reach=2)
    assert (found[:, :10] == 1).all()
    assert (found[:, 11:] == 2).all()
    alone = field_of(bse, [[4, 3]], valid=valid, sampling_distance=8.0)
    assert not label_with_confidence(alone, [0], reach=3)[0][:, 11:].any()
    valid[0, 10] = True
    around = field_of(bse, [[4, 3]], valid=valid, sampling_distance=8.0)
    assert label_with_confidence(around, [0], reach=3)[0][:, 11:].all()


@pytest.mark.parametrize("spacing", [1.5, 3.0, 8.0])
def test_more_pixels_are_right_than_with_the_plain_walker(spacing):
    field, labels, purity, truth = rock(1, spacing=spacing, grain_size=max(12, 4 * spacing))
    found, _ = label_with_confidence(field, labels, purity=purity)
    plain = label_pixels(field, labels)
    seen = plain > 0
    assert np.array_equal(found > 0, seen)
    nearest = labels[nearest_measurement(field)[0]] + 1
    right, plain_right, nearest_right = (np.mean((image == truth)[seen]) for image in (found, plain, nearest))
    assert right > plain_right
    assert right > nearest_right + 0.04


def test_the_area_of_small_grains_is_kept():
    ratios = []
    for seed in range(3):
        field, labels, purity, truth = rock(10 + seed, shape=(250, 250), wrong=0)
        found, _ = label_with_confidence(field, labels, purity=purity)
        small = [k + 1 for k, mineral in enumerate(ROCK) if mineral.occurrence in ("inclusions", "veins")]
        seen = found > 0
        ratios.append(np.isin(found[seen], small).sum() / np.isin(truth[seen], small).sum())
    assert 0.8 < np.mean(ratios) < 1.15


@pytest.mark.parametrize("noise", [0.005, 0.02])
def test_confidence_says_how_often_labels_are_right(noise):
    right, confident = [], []
    for seed in range(4):
        field, labels, purity, truth = rock(20 + seed, shape=(200, 200), noise=noise)
        found, confidence = label_with_confidence(field, labels, purity=purity)
        right.append((found == truth)[found > 0])
        confident.append(confidence[found > 0])
    right, confident = np.concatenate(right), np.concatenate(confident)
    for low, high in ((0.5, 0.6), (0.6, 0.7), (0.6, 0.8), (0.7, 0.8), (0.8, 0.9), (0.9, 0.99)):
        among = (confident >= low) & (confident < high)
        assert np.count_nonzero(among) > 300
        assert right[among].mean() == pytest.approx(confident[among].mean(), abs=0.1)


def test_confidence_is_low_at_borders():
    field, labels, purity, truth = rock(2)
    found, confidence = label_with_confidence(field, labels, purity=purity)
    beside = maximum_filter(truth, 3) != minimum_filter(truth, 3)
    assert confidence[beside & (found > 0)].mean() < confidence[~beside & (found > 0)].mean() - 0.05
    inside = minimum_filter(maximum_filter(truth, 11) == minimum_filter(truth, 11), 3)
    assert inside.any()
    assert confidence[inside & (found > 0)].mean() > 0.99


def two_halves(columns=24, edge=12, spacing=3):
    """Dark and bright half with a sharp edge; the measurements beside it on the dark side say that they are bright."""
    bse = np.full((24, columns), 20_000, np.uint16)
    bse[:, edge:] = 40_000
    bse += np.random.default_rng(0).integers(0, 200, bse.shape).astype(np.uint16)
    locations = grid(bse.shape, spacing)
    side = (locations[:, 1] >= edge).astype(int)
    last = locations[:, 1] == locations[locations[:, 1] < edge, 1].max()
    return field_of(bse, locations), side, last


@pytest.mark.parametrize("purity", [0.0, 0.4, 0.7])
def test_a_mixed_measurement_on_the_wrong_side_of_an_edge_goes_to_the_right_one(purity):
    field, side, last = two_halves()
    given_labels = np.where(last, 1, side)
    truth = np.where(np.arange(24) >= 12, 2, 1) * np.ones((24, 1), int)
    pure, _ = label_with_confidence(field, given_labels)
    assert (pure[field.locations[last, 0], field.locations[last, 1]] == 2).all()
    soft, confidence = label_with_confidence(field, given_labels, purity=np.where(last, purity, 1.0))
    assert np.array_equal(soft, truth)
    assert (confidence > 0.5).all()


def test_where_the_image_shows_nothing_a_mixed_label_counts_by_its_purity():
    locations = grid((15, 15), 3)
    field = field_of(np.full((15, 15), 100, np.uint8), locations)
    middle = (locations == 7).all(axis=1)
    labels = middle.astype(int)
    found = {}
    for purity in (0.0, 0.1, 0.9, 1.0):
        image, confidence = label_with_confidence(field, labels, purity=np.where(middle, purity, 1.0))
        found[purity] = image[7, 7] == 2, np.count_nonzero(image == 2), confidence[7, 7]
    assert not found[0.0][0]
    assert not found[0.1][0]
    assert found[1.0][0]
    assert found[0.0][1] <= found[0.1][1] <= found[0.9][1] <= found[1.0][1]
    assert found[0.0][2] > found[0.1][2]


@pytest.mark.parametrize("spacing", [3, 5, 7])
def test_on_an_even_image_pixels_go_to_the_nearest_label(spacing):
    shape = (10 * spacing, 10 * spacing)
    locations = grid(shape, spacing)
    labels = (locations[:, 1] >= shape[1] / 2).astype(int)
    found, _ = label_with_confidence(field_of(np.full(shape, 7, np.uint8), locations), labels)
    trees = [cKDTree(locations[labels == k]).query(np.argwhere(np.ones(shape)))[0].reshape(shape) for k in (0, 1)]
    clear = (np.abs(trees[0] - trees[1]) >= 1) & (found > 0)
    assert clear.mean() > 0.9
    assert np.array_equal(found[clear], (np.argmin(trees, axis=0) + 1)[clear])


def test_order_and_names_of_the_input_do_not_matter():
    field, labels, purity, _ = rock(3, shape=(60, 60))
    found, confidence = label_with_confidence(field, labels, purity=purity)
    again = label_with_confidence(field, labels, purity=purity)
    assert found.tobytes() == again[0].tobytes()
    assert confidence.tobytes() == again[1].tobytes()
    shuffle = np.random.default_rng(0).permutation(len(labels))
    shuffled = field_of(field.bse, field.locations[shuffle], sampling_distance=field.sampling_distance)
    order = shuffle[shuffled.input_order]
    other = label_with_confidence(shuffled, labels[order], purity=purity[order])
    assert found.tobytes() == other[0].tobytes()
    assert confidence.tobytes() == other[1].tobytes()
    names = np.random.default_rng(0).permutation(2_000_000_000 - np.arange(labels.max() + 1))
    renamed = label_with_confidence(field, names[labels], purity=purity)
    assert np.array_equal(np.where(renamed[0] > 0, names[found - 1] + 1, 0), renamed[0])
    assert confidence.tobytes() == renamed[1].tobytes()


@pytest.mark.parametrize("transform", [np.flipud, np.fliplr, np.transpose])
def test_a_mirrored_field_has_mirrored_labels(transform):
    field, labels, purity, _ = rock(4, shape=(61, 61), spacing=3.0)
    places = transform(field.to_map(np.arange(len(labels)), fill=-1))
    locations = np.argwhere(places >= 0)
    order = places[places >= 0]
    mirrored = field_of(transform(field.bse), locations, sampling_distance=field.sampling_distance)
    found, confidence = label_with_confidence(field, labels, purity=purity)
    other, other_confidence = label_with_confidence(mirrored, labels[order], purity=purity[order])
    assert np.allclose(transform(confidence), other_confidence, atol=0.02)
    sure = transform(confidence) > 0.55
    assert np.array_equal(transform(found)[sure], other[sure])


def test_segments_give_the_same_borders_as_phases():
    field, labels, purity, _ = rock(5)
    phases, _ = label_with_confidence(field, labels, purity=purity)
    # Every measurement its own label: labels without number are no trouble.
    own, confidence = label_with_confidence(field, np.arange(len(labels)))
    assert len(np.unique(own[own > 0])) == len(labels)
    assert confidence[own > 0].min() >= 0.2 - 1e-6
    # Phases split into halves of the field, so that nothing changes but along the cut.
    half = field.locations[:, 1] > 75
    halves, _ = label_with_confidence(field, 2 * labels + half, purity=purity)
    away = np.abs(np.arange(150) - 75.5) > 12
    same = ((halves - 1) // 2 + 1 == phases)[:, away]
    assert same.mean() > 0.995


def test_dense_fields_keep_pure_labels_and_decide_mixed_ones():
    truth = np.ones((20, 20), int)
    truth[:, 9:] = 2
    bse = np.where(truth == 1, 0.3, 0.6) + 0.005 * np.random.default_rng(0).standard_normal(truth.shape)
    field = field_of(bse, np.argwhere(np.ones(truth.shape, bool)), bse_full_scale=1.0)
    assert field.is_dense
    labels = truth.copy()
    purity = np.ones(truth.shape)
    labels[4, 8], labels[12, 9], purity[4, 8], purity[12, 9] = 2, 1, 0.5, 0.5
    labels[15, 3] = 2
    found, confidence = label_with_confidence(field, labels.ravel() - 1, purity=purity.ravel())
    expected = truth.copy()
    expected[15, 3] = 2
    assert np.array_equal(found, expected)
    assert (confidence[purity == 1] == 1).all()
    assert (confidence[purity < 1] > 0.5).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int16])
def test_the_scale_of_the_image_does_not_matter(dtype):
    field, labels, purity, _ = rock(6, shape=(80, 80))
    bse = field.bse / 65536
    full_scale = {np.uint8: 256.0, np.int16: 30_000.0}.get(dtype, 4.0)
    other = field_of(
        (bse * full_scale).astype(dtype), field.locations, bse_full_scale=full_scale, sampling_distance=3.0
    )
    found, _ = label_with_confidence(field, labels, purity=purity)
    scaled, _ = label_with_confidence(other, labels, purity=purity)
    assert (found == scaled).mean() > (0.97 if dtype is np.uint8 else 0.995)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 300)])
def test_small_images(shape):
    corners = np.unique([[0, 0], [shape[0] - 1, shape[1] - 1]], axis=0)
    field = field_of(np.zeros(shape, np.uint8), corners, sampling_distance=3.0)
    for purity in (0.0, 0.5, 1.0):
        found, confidence = label_with_confidence(
            field, np.arange(len(corners)), purity=np.full(len(corners), purity), reach=1000
        )
        assert found.all()
        assert confidence.min() > 0
        assert found[0, 0] == 1
        assert found[-1, -1] == len(corners)


def test_one_label_is_certain_everywhere():
    field, labels, _, _ = rock(7, shape=(40, 40))
    found, confidence = label_with_confidence(field, np.full(len(labels), 6), reach=20)
    assert (found == 7).all()
    assert (confidence == 1).all()


def test_progress_rises_to_1_and_can_cancel():
    field, labels, _, _ = rock(8, shape=(60, 60))
    fractions = []
    label_with_confidence(field, labels, progress=lambda stage, fraction: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1

    def stop(stage, fraction):
        if fraction > 0.5:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        label_with_confidence(field, labels, progress=stop)


@pytest.mark.parametrize(
    ("labels", "arguments", "error"),
    [
        (np.zeros(3, int), {}, FieldError),
        (np.full(100, -1), {}, FieldError),
        (np.zeros(100), {}, FieldError),
        (np.zeros(100, int), {"purity": np.ones(99)}, FieldError),
        (np.zeros(100, int), {"purity": np.full(100, 1.01)}, FieldError),
        (np.zeros(100, int), {"purity": np.full(100, np.nan)}, FieldError),
        (np.zeros(100, int), {"purity": np.full(100, "1")}, FieldError),
        (np.zeros(100, int), {"beta": -1.0}, RecipeError),
        (np.zeros(100, int), {"beta": np.nan}, RecipeError),
        (np.zeros(100, int), {"reach": 0}, RecipeError),
    ],
)
def test_bad_arguments_are_refused(labels, arguments, error):
    field, _, _, _ = rock(9, shape=(30, 30))
    assert field.n_measurements == 100
    with pytest.raises(error):
        label_with_confidence(field, labels, **arguments)
