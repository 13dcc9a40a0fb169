"""Sample fields."""

from __future__ import annotations

import time

import numpy as np
import pytest

import napari_gdls as gdls
from napari_gdls.errors import GdlsError
from napari_gdls.samples import SAMPLES, sample_field
from napari_gdls.simulation import ROCK


def test_every_sample_loads() -> None:
    for name, description in SAMPLES.items():
        field = sample_field(name)
        assert field.name
        assert f"{field.shape[0]} x {field.shape[1]} px" in description or name == "dacite-fast"


def test_dacite_in_two_doses() -> None:
    full, fast = sample_field(), sample_field("dacite-fast")
    assert full.shape == fast.shape == (75, 100)
    assert full.is_dense
    assert fast.is_dense
    assert np.median(full.total_counts) == pytest.approx(5600, rel=0.02)
    assert np.median(fast.total_counts) == pytest.approx(101, rel=0.05)


def test_synthetic_holds_every_mineral_and_is_quick() -> None:
    sample_field("synthetic")
    start = time.process_time()
    field = gdls.sample_field("synthetic")
    assert time.process_time() - start < 3
    truth, phases = field.metadata["truth"], field.metadata["truth_phases"]
    assert truth.shape == field.shape
    area = np.bincount(phases.ravel(), minlength=len(ROCK) + 1)[1:]
    assert (area > 200).all()
    assert gdls.evaluate(truth, truth).asa == 1


def test_synthetic_is_always_the_same() -> None:
    first, second = sample_field("synthetic"), sample_field("synthetic")
    np.testing.assert_array_equal(first.bse, second.bse)
    assert (first.spectra != second.spectra).sum() == 0


def test_overlapping_holds_grains_over_one_another_and_is_quick() -> None:
    sample_field("overlapping")
    start = time.process_time()
    field = gdls.sample_field("overlapping")
    assert time.process_time() - start < 3
    truth = field.metadata["truth"]
    assert field.artefacts == ("Cu",)
    assert field.beam_energy == 200
    assert np.median(field.total_counts) == pytest.approx(200, rel=0.02)
    first, second = truth["presence"].values()
    assert (first & second).sum() > 200
    assert (~first & ~second).sum() > 5000


def test_unknown_sample() -> None:
    with pytest.raises(
        GdlsError, match="no sample field is called 'granite'; there are dacite, dacite-fast, synthetic, overlapping"
    ):
        sample_field("granite")


def test_missing_file_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_gdls.samples.Path.exists", lambda path: False)
    with pytest.raises(GdlsError, match="file of the sample 'dacite' is missing"):
        sample_field("dacite")
