from itertools import pairwise

import numpy as np
import pytest

from napari_gdls import EnergyAxis, Field, evaluate, simulate_field
from napari_gdls.methods.baselines import bse_only, watershed
from napari_gdls.methods.baselines.element_maps import element_counts, pixel_maps
from napari_gdls.spectra import element_window


def scores(field, **parameters):
    return evaluate(watershed(field, **parameters), field.metadata["truth"], tolerance=1)


def test_defaults_find_most_of_a_rock(rock, dense_rock):
    assert scores(rock).asa > 0.9
    assert scores(rock).f1 > 0.9
    assert scores(dense_rock).asa > 0.88
    assert scores(dense_rock).f1 > 0.9


@pytest.mark.parametrize("worse", [{"h": 0.0}, {"h": 3.0}, {"smoothing": 0.0}, {"smoothing": 4.0}, {"elements": ["O"]}])
def test_defaults_beat_settings_that_must_be_worse(rock, worse):
    assert scores(rock).pq > scores(rock, **worse).pq + 0.02


def test_element_maps_and_the_image_together_tell_more_than_either(rock):
    both = scores(rock)
    for part in ({"elements": []}, {"bse_weight": 0}):
        assert both.f1 > scores(rock, **part).f1
        assert both.pq > scores(rock, **part).pq + 0.05


def test_separates_minerals_of_one_grey_which_the_image_alone_cannot(equal_grey):
    truth = equal_grey.metadata["truth"]
    assert bse_only(equal_grey).max() == 1
    found = evaluate(watershed(equal_grey), truth)
    assert found.asa > 0.97
    assert evaluate(bse_only(equal_grey), truth).asa == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["rock", "dense_rock"])
@pytest.mark.parametrize(
    ("parameter", "values"), [("h", (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0)), ("threshold", (0.0, 0.5, 1.0, 2.0, 4.0, 9.0))]
)
def test_segments_become_fewer_as_a_parameter_rises(name, parameter, values, request):
    field = request.getfixturevalue(name)
    others = {} if parameter == "h" else {"h": 0.0}
    numbers = [watershed(field, **{parameter: value}, **others).max() for value in values]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > 5 * numbers[-1]


def test_the_scale_of_h_hardly_depends_on_the_counts(rock):
    few, many = (watershed(rock.thinned(fraction)).max() for fraction in (0.3, 1.0))
    assert 0.6 < few / many < 1.7


def test_only_windows_that_vary_beyond_chance_are_mapped(rock, equal_spectra):
    windows, counts = element_counts(rock)
    names = [window.element for window in windows]
    assert {"Si", "Al", "Fe", "Ca", "K"} <= set(names)
    assert not {"Au", "Hg", "Zn", "As"} & set(names)
    np.testing.assert_array_equal(counts[:, names.index("Fe")], rock.window_counts(*element_window("Fe")))
    assert element_counts(equal_spectra)[0] == []


def test_no_window_is_mostly_covered_by_another(rock):
    windows, _ = element_counts(rock)
    limits = sorted((window.low, window.high) for window in windows)
    for (low, high), (next_low, _) in pairwise(limits):
        assert high - next_low <= 0.5 * (high - low) + 1e-9


def test_counts_are_the_same_from_sparse_and_from_dense_spectra(rock):
    dense = rock.spectra.toarray()
    windows, counts = element_counts(rock, ["Si", "Fe", "C"])
    assert [window.element for window in windows] == ["Si", "Fe", "C"]
    full = rock.with_spectra(dense + 1)
    assert not hasattr(full.spectra, "indptr")
    channels = [len(range(rock.energy.size)[rock.energy.window(low, high)]) for _, low, high in windows]
    np.testing.assert_array_equal(element_counts(full, ["Si", "Fe", "C"])[1], counts + channels)


def test_maps_have_the_noise_of_one_measurement():
    rng = np.random.default_rng(0)
    locations = np.argwhere(np.ones((60, 60), bool))
    field = Field(np.zeros((60, 60), np.uint8), np.ones((3600, 4)), locations, EnergyAxis(1000, 10, 4))
    for mean in (3, 30, 3000):
        image = next(pixel_maps(field, rng.poisson(mean, (3600, 1)), smoothing=0))
        assert image.std() == pytest.approx(1, rel=0.07)


def test_an_empty_list_of_elements_leaves_the_image_alone(equal_grey, equal_spectra):
    assert watershed(equal_grey, elements=[], h=2.0).max() < 5
    found = evaluate(watershed(equal_spectra, h=2.0), equal_spectra.metadata["truth_phases"])
    assert found.asa > 0.97


def test_spectra_that_end_below_the_lines_of_iron_are_segmented_by_the_rest():
    field = simulate_field((60, 60), seed=2, energy=EnergyAxis(0, 10, 500))
    windows, _ = element_counts(field)
    assert "Fe" not in [window.element for window in windows]
    assert evaluate(watershed(field), field.metadata["truth"]).asa > 0.85
