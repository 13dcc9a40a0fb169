"""The fields of the segmentation benchmark have a truth, and are what their names say."""

from __future__ import annotations

from pathlib import Path

import benchmarks.segmentation.fields as segmentation_fields
import numpy as np
import pytest


def test_every_field_has_a_truth_that_its_spectra_follow() -> None:
    cases = segmentation_fields.fields(size=60)
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        if case.name.startswith(("rock", "later")) and case.name not in (
            "rock-200",
            "rock-everything",
            "rock-dense",
            "later-ore-500",
            "later-gabbro",
        ):
            continue
        field = case.make()
        truth, phases = field.metadata["truth"], field.metadata["truth_phases"]
        assert truth.shape == phases.shape == field.shape
        true = segmentation_fields.true_phase_of_measurements(field)
        assert true.min() >= 0
        # Measurements of one phase look more like each other than like the others.
        spectra = field.summed_spectra(true)[np.unique(true)]
        shapes = spectra / spectra.sum(axis=1, keepdims=True)
        assert np.abs(shapes[:, None] - shapes).sum(axis=2)[~np.eye(len(shapes), dtype=bool)].min() > 0.01


def test_there_are_real_textures_with_hard_pairs(shared_data: Path) -> None:
    cases = {case.name: case for case in segmentation_fields.fields(size=60)}
    assert len(cases) >= 12
    assert {"H08-garnets", "M03-plagioclases", "E04-columbites", "example"} <= set(cases)
    names = cases["H08-garnets"].make().metadata["phase_names"]
    assert names[1:] == ["andradite", "andradite with 18 % grossular"]


def test_without_the_public_data_the_drawn_textures_are_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(segmentation_fields, "SHARED_DATA", tmp_path)
    assert {case.name.partition("-")[0] for case in segmentation_fields.fields()} == {"rock", "later"}
