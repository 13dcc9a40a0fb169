"""Phases that have not changed are not measured again, and what is known of them is what would be found."""

from __future__ import annotations

import numpy as np
import pytest

import napari_gdls as gdls
from napari_gdls.mineralogy import KnownPhases, calibrate_field, identify
from napari_gdls.mineralogy import known_phases as module


@pytest.mark.slow
def test_what_is_known_is_what_would_be_found(monkeypatch):
    segmentation = gdls.segment(gdls.sample_field("dacite"), device="cpu", tau_z=1.0)
    instrument = calibrate_field(segmentation.field)
    fitted = []

    def counted(counts, conditions):
        fitted.append(1)
        return fit(counts, conditions)

    fit = module.fit_spectrum
    monkeypatch.setattr(module, "fit_spectrum", counted)
    known = KnownPhases()
    first = identify(segmentation, instrument=instrument, known=known)
    n = len(fitted)
    assert n >= segmentation.n_phases > 3
    again = identify(segmentation, instrument=instrument, known=known)
    assert len(fitted) == n
    assert again.to_json() == first.to_json()
    # Two phases are one: that, and the phases that both touched, are measured anew; all is as if nothing were known.
    group = np.arange(segmentation.n_phases)
    group[-1] = group[-2]
    merged = segmentation.with_phases_merged(group)
    named = identify(merged, instrument=instrument, known=known)
    assert n < len(fitted) < n + merged.n_phases
    before = len(fitted)
    granite = identify(merged, library="granite", instrument=instrument, known=known)
    assert len(fitted) == before
    assert named.to_json() == identify(merged, instrument=instrument).to_json()
    assert granite.to_json() == identify(merged, library="granite", instrument=instrument).to_json()
