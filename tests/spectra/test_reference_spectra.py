import numpy as np
import pytest
import scipy.sparse as sp

from napari_gdls import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.spectra import simulate_spectra
from napari_gdls.spectra.reference_spectra import LOWEST_CHANNEL, most_likely_reference, reference_spectra

COMMON = ["quartz", "albite", "orthoclase", "calcite", "magnetite", "pyrite", "fluorapatite", "zircon"]
AXIS = EnergyAxis(0, 10, 2000)


def sampled(names, counts, seed=0):
    from napari_gdls.materials import find_mineral

    compositions = [find_mineral(name).formula.mass_fractions for name in names]
    return simulate_spectra(compositions, energy=AXIS, counts=counts, seed=seed)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_common_minerals_are_recognised_by_200_counts(form):
    for seed in range(4):
        spectra = sampled(COMMON, 200.0, seed)
        known = reference_spectra(COMMON, energy=AXIS, counts=200)
        assert len(known) == len(COMMON)
        np.testing.assert_array_equal(most_likely_reference(form(spectra), known, AXIS), np.arange(len(COMMON)))


def test_classes_join_as_counts_fall_or_more_separation_is_asked_for():
    numbers = [len(reference_spectra(energy=AXIS, counts=counts)) for counts in (0, 2000, 400, 100)]
    assert numbers[0] > numbers[1] > numbers[2] > numbers[3] > 5
    numbers = [len(reference_spectra(energy=AXIS, counts=2000, separation=value)) for value in (0, 2, 20, 200, 1e6)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == 1


def test_rows_are_probabilities_above_the_lowest_channel():
    known = reference_spectra(energy=AXIS, counts=500)
    np.testing.assert_allclose(known.sum(axis=1), 1)
    assert not known[:, AXIS.centers < LOWEST_CHANNEL - 5].any()


def test_counts_of_the_coating_change_nothing():
    spectra = sampled(COMMON, 300.0)
    coated = spectra.copy()
    coated[:, AXIS.window(200, 340)] += 50
    known = reference_spectra(COMMON, energy=AXIS, counts=300)
    np.testing.assert_array_equal(
        most_likely_reference(coated, known, AXIS), most_likely_reference(spectra, known, AXIS)
    )


def test_a_stray_count_rules_no_class_out():
    spectra = sampled(["quartz"], 1000.0)
    spectra[0, AXIS.index(19_500)] += 1
    known = reference_spectra(COMMON, energy=AXIS, counts=300)
    assert most_likely_reference(spectra, known, AXIS) == [0]


def test_nothing_counted_is_no_class():
    known = reference_spectra(COMMON, energy=AXIS, counts=300)
    assert most_likely_reference(np.zeros((1, AXIS.size)), known, AXIS) == [len(known)]


def test_spectra_without_channels_above_the_coating_are_refused():
    low = EnergyAxis(0, 10, 30)
    with pytest.raises(RecipeError, match="no channel above 350 eV"):
        reference_spectra(energy=low)
