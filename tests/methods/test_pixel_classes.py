import numpy as np
import pytest

from napari_gdls import Field, evaluate
from napari_gdls.graph import nearest_measurement
from napari_gdls.methods.baselines import pixelwise
from napari_gdls.spectra import simulate_spectra


def own_minerals(field):
    return dict(zip(field.metadata["phase_names"], field.metadata["compositions"], strict=True))


def scores(field, **parameters):
    return evaluate(pixelwise(field, **parameters), field.metadata["truth"], tolerance=1)


def test_knowing_the_minerals_helps_and_knowing_too_few_does_not(rock):
    found = scores(rock, references=own_minerals(rock))
    assert found.f1 > scores(rock).f1
    assert found.asa > 0.88
    assert scores(rock).asa > scores(rock, references=["quartz", "magnetite"]).asa + 0.2


def test_classes_that_counts_cannot_tell_apart_make_speckle(rock):
    few = rock.thinned(0.2)
    assert scores(few).pq > scores(few, separation=0).pq + 0.02
    assert pixelwise(few).max() < pixelwise(few, separation=0).max()


def test_with_two_distinct_minerals_it_is_right_but_for_the_border(equal_grey):
    labels = pixelwise(equal_grey, references=["quartz", "albite"])
    assert labels.max() == 2
    assert evaluate(labels, equal_grey.metadata["truth"]).asa > 0.97


def test_segments_vanish_as_classes_join(rock):
    numbers = [pixelwise(rock, separation=value).max() for value in (0.0, 1e9)]
    assert numbers[0] > 100
    assert numbers[1] == 1


def test_each_measurement_is_classified_alone_so_few_counts_mean_speckle(equal_grey):
    references = ["quartz", "albite", "orthoclase", "oligoclase"]
    numbers = [
        pixelwise(equal_grey.thinned(part), references=references, separation=0).max() for part in (0.01, 0.05, 1.0)
    ]
    assert numbers[0] > numbers[1] > numbers[2]


def test_the_image_plays_no_part(rock):
    blank = Field(
        np.zeros_like(rock.bse),
        rock.spectra,
        rock.locations,
        rock.energy,
        sampling_distance=rock.sampling_distance,
        beam_energy=rock.beam_energy,
    )
    np.testing.assert_array_equal(pixelwise(blank), pixelwise(rock))


def test_pixels_follow_their_nearest_measurement(equal_grey):
    labels = pixelwise(equal_grey, references=["quartz", "albite"])
    nearest, _ = nearest_measurement(equal_grey)
    at = labels[equal_grey.locations[:, 0], equal_grey.locations[:, 1]]
    np.testing.assert_array_equal(labels[labels > 0], at[nearest][labels > 0])


def test_given_spectra_mean_the_same_as_the_compositions_they_come_from(rock):
    minerals = own_minerals(rock)
    spectra = simulate_spectra(list(minerals.values()), energy=rock.energy, beam_energy=rock.beam_energy, counts=700.0)
    np.testing.assert_array_equal(pixelwise(rock, references=spectra), pixelwise(rock, references=minerals))


@pytest.mark.parametrize("counts", [np.uint16, np.float32])
def test_empty_spectra_are_a_class_of_their_own(equal_grey, counts):
    spectra = equal_grey.spectra.toarray().astype(counts)
    rows, columns = equal_grey.locations.T
    spectra[(rows > 20) & (rows < 40) & (columns > 5) & (columns < 20)] = 0
    labels = pixelwise(equal_grey.with_spectra(spectra), references=["quartz", "albite"])
    assert labels.max() == 3
    assert labels[30, 12] not in (labels[30, 2], labels[30, 50])
