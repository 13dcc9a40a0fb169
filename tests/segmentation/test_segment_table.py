import numpy as np
import pytest

from napari_gdls import sample_field
from napari_gdls.errors import FieldError
from napari_gdls.segmentation.tables import segment_table


@pytest.fixture(scope="module")
def field():
    return sample_field("dacite-fast")


@pytest.fixture(scope="module")
def drawn(field):
    labels = np.zeros(field.shape, np.int32)
    labels[:20, :30] = 1
    labels[30:, :50] = 3
    labels[40:50, 10:20] = 4
    return labels


def test_without_phases_and_confidence_there_are_no_such_columns(field, drawn):
    table = segment_table(drawn, field)
    assert not {"phase", "mean confidence"} & set(table)
    assert table["label"].tolist() == [1, 3, 4]
    assert table["area [px]"].tolist() == [600, 45 * 50 - 100, 100]


def test_each_label_has_the_phase_of_its_number(field, drawn):
    table = segment_table(drawn, field, phases=np.array([2, 0, 1]))
    assert list(table)[:2] == ["label", "phase"]
    assert table["phase"].tolist() == [3, 2, 0]  # label 4 has been painted since


def test_the_mean_confidence_is_that_of_the_pixels(field, drawn):
    confidence = np.random.default_rng(1).random(field.shape).astype(np.float32)
    table = segment_table(drawn, field, confidence=confidence)
    assert table["mean confidence"] == pytest.approx([confidence[drawn == label].mean() for label in (1, 3, 4)])


@pytest.mark.parametrize("phases", [np.zeros((3, 1), int), np.zeros(3)])
def test_phases_must_be_one_number_a_segment(field, drawn, phases):
    with pytest.raises(FieldError, match="phases"):
        segment_table(drawn, field, phases=phases)


def test_a_confidence_of_another_field_is_refused(field, drawn):
    with pytest.raises(FieldError, match="confidence"):
        segment_table(drawn, field, confidence=np.ones((3, 3)))
