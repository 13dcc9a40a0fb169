import numpy as np
import pytest

from napari_gdls import evaluate
from napari_gdls.methods.baselines import bse_ranges

MINERALS = {"quartz": "SiO2", "albite": "NaAlSi3O8"}


def scores(field, **parameters):
    return evaluate(bse_ranges(field, **parameters), field.metadata["truth"], tolerance=1)


def test_more_ranges_find_more_of_a_rock(rock):
    found = [scores(rock, ranges=number).asa for number in (2, 3, 4, 5)]
    assert found == sorted(found)
    assert found[-1] > found[0] + 0.1


def test_a_region_of_one_range_is_one_segment_whatever_it_holds(equal_grey):
    assert bse_ranges(equal_grey, ranges=[(0, 65536)], references=MINERALS).max() == 1


def test_ranges_and_spectra_give_the_minerals(two_halves):
    field = two_halves(MINERALS, grey=(16000, 19000))
    for spectra in ("raster", "centre"):
        labels = bse_ranges(field, ranges=[(0, 17500), (17500, 30000)], spectra=spectra, references=MINERALS)
        assert labels.max() == 2
        assert evaluate(labels, field.metadata["truth"]).asa > 0.98


def test_limits_are_found_where_the_histogram_has_its_gap(two_halves):
    field = two_halves(MINERALS, grey=(16000, 19000))
    labels = bse_ranges(field, ranges=2, references=MINERALS)
    assert evaluate(labels, field.metadata["truth"]).asa > 0.98


def test_touching_regions_of_one_mineral_are_joined(equal_spectra):
    assert bse_ranges(equal_spectra, ranges=2, references=["quartz", "albite"]).max() == 1


def test_the_sum_over_a_region_is_named_more_surely_than_one_spectrum(two_halves):
    few = two_halves(MINERALS, grey=(16000, 19000), counts=15.0)
    shares = {"raster": 0, "centre": 0}
    for seed in range(12):
        field = few.thinned(0.5, seed=seed)
        for spectra in shares:
            found = bse_ranges(field, ranges=2, spectra=spectra, references=MINERALS, separation=0)
            shares[spectra] += found.max() == 2
    assert shares["raster"] == 12
    assert shares["centre"] < 12


def test_the_central_measurement_is_the_one_that_names(two_halves):
    field = two_halves(MINERALS, grey=(16000, 19000))
    spectra = field.spectra.toarray()
    rows, columns = field.locations.T
    centre = np.argmin((rows - 29.5) ** 2 + (columns - 44.5) ** 2)
    spectra[centre] = spectra[np.argmin(columns)]  # a spectrum of quartz in the middle of the albite
    changed = field.with_spectra(spectra)
    assert bse_ranges(changed, ranges=2, spectra="centre", references=MINERALS).max() == 1
    assert bse_ranges(changed, ranges=2, spectra="raster", references=MINERALS).max() == 2


def test_pixels_outside_all_ranges_get_nothing(rock):
    low, high = np.quantile(rock.bse, [0.2, 0.6])
    labels = bse_ranges(rock, ranges=[(float(low), float(high))], smoothing=0)
    inside = (rock.bse >= low) & (rock.bse < high)
    assert not labels[~inside].any()
    assert (labels[inside] > 0).mean() > 0.9


def test_the_order_of_the_ranges_does_not_matter(rock):
    limits = [(0, 15000), (15000, 20000), (20000, 65536)]
    np.testing.assert_array_equal(bse_ranges(rock, ranges=limits), bse_ranges(rock, ranges=limits[::-1]))


@pytest.mark.parametrize("number", [np.int64(3), 3])
def test_numbers_of_numpy_are_numbers(rock, number):
    np.testing.assert_array_equal(bse_ranges(rock, ranges=number), bse_ranges(rock, ranges=3))
