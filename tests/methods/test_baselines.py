import numpy as np
import pytest
from skimage.measure import label

import napari_gdls as gdls
from napari_gdls import EnergyAxis, Field, evaluate
from napari_gdls.errors import Cancelled, RecipeError
from napari_gdls.graph import nearest_measurement
from napari_gdls.recipe import METHODS

BASELINES = {name: row.load() for name, row in METHODS.items() if not row.needs_graph}
every_baseline = pytest.mark.parametrize("baseline", BASELINES.values(), ids=BASELINES)


def shuffled(field, seed=1):
    order = np.random.default_rng(seed).permutation(field.n_measurements)
    return Field(
        field.bse,
        field.spectra[order],
        field.locations[order],
        field.energy,
        valid=field.valid,
        sampling_distance=field.sampling_distance,
        beam_energy=field.beam_energy,
    )


def test_the_registry_names_all_and_the_watershed_is_public():
    assert list(BASELINES) == ["watershed", "bse_only", "pixelwise", "bse_ranges"]
    assert gdls.watershed is BASELINES["watershed"]
    assert gdls.methods.baselines.watershed is BASELINES["watershed"]


@every_baseline
@pytest.mark.parametrize("name", ["rock", "dense_rock", "holed_rock"])
def test_labels_are_whole_numbers_without_gaps_and_every_segment_holds_a_measurement(baseline, name, request):
    field = request.getfixturevalue(name)
    labels = baseline(field)
    assert labels.shape == field.shape
    assert labels.dtype == np.int32
    present = np.unique(labels[labels > 0])
    np.testing.assert_array_equal(present, np.arange(1, labels.max() + 1))
    at_measurements = labels[field.locations[:, 0], field.locations[:, 1]]
    np.testing.assert_array_equal(np.unique(at_measurements), present)
    assert field.summed_spectra(at_measurements.astype(np.int64) - 1).sum(axis=1).min() > 0


@every_baseline
def test_pixels_that_are_invalid_or_beyond_reach_get_nothing_and_all_others_a_label(baseline, holed_rock):
    _, distance = nearest_measurement(holed_rock)
    for reach in (0.5, 1.0, 3.0):
        labels = baseline(holed_rock, reach=reach)
        np.testing.assert_array_equal(labels > 0, holed_rock.valid & (distance <= 3.0 * reach))


@every_baseline
def test_segments_are_connected(baseline, rock):
    labels = baseline(rock)
    assert label(labels, connectivity=1).max() == labels.max()


@every_baseline
def test_labels_do_not_depend_on_the_order_of_the_measurements(baseline, rock):
    np.testing.assert_array_equal(baseline(shuffled(rock)), baseline(rock))


@every_baseline
@pytest.mark.parametrize("name", ["rock", "dense_rock"])
def test_better_than_the_measurements_alone_or_nothing(baseline, name, request):
    field = request.getfixturevalue(name)
    truth = field.metadata["truth"]
    found = evaluate(baseline(field), truth, tolerance=1)
    one_each = evaluate(nearest_measurement(field)[0] + 1, truth, tolerance=1)
    assert found.f1 > one_each.f1 + 0.1
    assert found.pq > one_each.pq + 0.05
    assert found.asa > evaluate(np.ones(field.shape, int), truth).asa + 0.2


@pytest.mark.parametrize("name", ["watershed", "bse_only", "pixelwise"])
def test_an_even_field_is_one_segment(name):
    spectra = np.tile(np.arange(200, dtype=np.uint16), (100, 1))
    locations = np.argwhere(np.ones((10, 10), bool)) * 3
    field = Field(np.full((28, 28), 9000, np.uint16), spectra, locations, EnergyAxis(1000, 40, 200))
    labels = BASELINES[name](field)
    assert labels.min() == labels.max() == 1


def test_an_even_image_has_no_ranges_to_find():
    field = Field(
        np.full((9, 9), 9000, np.uint16), np.ones((1, 200)), [[4, 4]], EnergyAxis(1000, 40, 200), sampling_distance=9
    )
    with pytest.raises(RecipeError, match="too few different values for 5 ranges"):
        BASELINES["bse_ranges"](field)


@every_baseline
def test_progress_rises_stage_by_stage_and_cancels(baseline, rock):
    seen = []
    baseline(rock, progress=lambda stage, fraction: seen.append((stage, fraction)))
    assert seen[-1][1] == 1.0
    by_stage: dict[str, list[float]] = {}
    for stage, fraction in seen:
        by_stage.setdefault(stage, []).append(fraction)
    for fractions in by_stage.values():
        assert fractions == sorted(fractions)
        assert 0 <= fractions[0] <= fractions[-1] <= 1

    def stop(stage, fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        baseline(rock, progress=stop)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("watershed", {"h": -0.1}, "h is -0.1"),
        ("watershed", {"h": float("nan")}, "h is nan"),
        ("watershed", {"h": "0.4"}, "h is '0.4'"),
        ("watershed", {"threshold": True}, "threshold is True"),
        ("watershed", {"smoothing": -1}, "smoothing is -1"),
        ("watershed", {"bse_weight": float("inf")}, "bse_weight is inf"),
        ("watershed", {"bse_smoothing": None}, "bse_smoothing is None"),
        ("watershed", {"elements": ["Si", "Xx"]}, "elements: .*Xx"),
        ("watershed", {"elements": "Si"}, "a list of symbols"),
        ("watershed", {"elements": ["H"]}, "elements: .*H"),
        ("watershed", {"reach": 0}, "reach is 0"),
        ("bse_only", {"tolerance": -0.01}, "tolerance is -0.01"),
        ("bse_only", {"smallest": 0}, "smallest is 0"),
        ("bse_only", {"smallest": 2.5}, "smallest is 2.5"),
        ("bse_only", {"reach": -1}, "reach is -1"),
        ("pixelwise", {"references": []}, "references are empty"),
        ("pixelwise", {"references": "quartz"}, "references must be names"),
        ("pixelwise", {"references": ["quartz", "quarz"]}, "no mineral 'quarz'.*quartz"),
        ("pixelwise", {"references": {"a": "SiO2", "b": "Qq2"}}, "references: "),
        ("pixelwise", {"references": np.ones((3, 7))}, r"shape \(3, 7\)"),
        ("pixelwise", {"references": np.zeros((1, 3000))}, "empty above 350 eV"),
        ("pixelwise", {"separation": -1.0}, "separation is -1.0"),
        ("bse_ranges", {"ranges": 1}, "from 2 to 5"),
        ("bse_ranges", {"ranges": 9}, "from 2 to 5"),
        ("bse_ranges", {"ranges": []}, "at least one"),
        ("bse_ranges", {"ranges": [(5, 5)]}, "low below high"),
        ("bse_ranges", {"ranges": [(0, 500), (400, 900)]}, "overlap"),
        ("bse_ranges", {"ranges": [1, 2, 3]}, "pairs"),
        ("bse_ranges", {"spectra": "center"}, "choose one of raster, centre"),
        ("bse_ranges", {"smoothing": -2}, "smoothing is -2"),
    ],
)
def test_bad_parameters_are_named(name, changes, message, rock):
    with pytest.raises(RecipeError, match=message):
        BASELINES[name](rock, **changes)
