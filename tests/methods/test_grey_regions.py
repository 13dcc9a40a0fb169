import numpy as np
import pytest

from napari_gdls import evaluate
from napari_gdls.methods.baselines import bse_only


def scores(field, **parameters):
    return evaluate(bse_only(field, **parameters), field.metadata["truth"], tolerance=1)


@pytest.mark.parametrize("worse", [{"tolerance": 0.0}, {"tolerance": 0.05}, {"smallest": 400}])
def test_defaults_beat_settings_that_must_be_worse(rock, worse):
    assert scores(rock).pq > scores(rock, **worse).pq + 0.05


def test_segments_become_fewer_as_the_parameters_rise(rock):
    by_tolerance = [bse_only(rock, tolerance=value).max() for value in (0, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)]
    assert by_tolerance == sorted(by_tolerance, reverse=True)
    assert by_tolerance[0] > 10 * by_tolerance[-2]
    assert by_tolerance[-1] == 1
    by_size = [bse_only(rock, smallest=value).max() for value in (1, 5, 20, 100, 1000)]
    assert by_size == sorted(by_size, reverse=True)
    assert by_size[0] > by_size[-1]


def test_no_region_is_smaller_than_asked_for(rock):
    labels = bse_only(rock, smallest=30)
    assert np.bincount(labels.ravel())[1:].min() >= 30


def test_a_step_is_found_when_it_exceeds_the_tolerance(equal_spectra):
    step = 3000 / 65536
    assert bse_only(equal_spectra, tolerance=0.6 * step).max() == 2
    assert bse_only(equal_spectra, tolerance=1.5 * step).max() == 1
    found = evaluate(bse_only(equal_spectra, tolerance=0.6 * step), equal_spectra.metadata["truth_phases"])
    assert found.asa > 0.97


def test_spectra_play_no_part(rock):
    np.testing.assert_array_equal(bse_only(rock.thinned(0.01)), bse_only(rock))
