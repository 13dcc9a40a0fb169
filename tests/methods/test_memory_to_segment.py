"""What segmenting takes is said before it is begun."""

from __future__ import annotations

import re

import numpy as np
import pytest

import napari_gdls as gdls
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.field.spectra_on_disk import SpectraWriter
from napari_gdls.methods.memory import memory_to_segment, require_memory_to_segment

AXIS = EnergyAxis(0.0, 40.0, 100)


def field_of(shape, folder=None, step=1, channels_with_counts=100):
    places = np.argwhere(np.ones(shape, bool))
    places = places[(places % step == 0).all(axis=1)]
    counts = np.zeros((len(places), AXIS.size), np.uint8)
    counts[:, :channels_with_counts] = 1
    if folder is not None:
        writer = SpectraWriter(AXIS.size, counts.dtype, folder)
        writer.append(counts)
        counts = writer.finish()
    return Field(np.zeros(shape, np.uint8), counts, places, AXIS, gain=1)


def refusal(field, limit, **changes):
    with pytest.raises(RecipeError, match="memory") as caught:
        gdls.segment(field, memory_limit=limit, **changes)
    return str(caught.value)


def advised(message):
    return int(re.search(r"`memory_limit=(\d+)`", message)[1])


@pytest.mark.parametrize("limit", [1, 1000, 2**16])
def test_what_is_advised_suffices(limit):
    field = field_of((20, 30))
    assert gdls.segment(field, memory_limit=advised(refusal(field, limit))).labels.shape == (20, 30)


def test_nothing_is_done_before_it_is_refused():
    stages = []
    with pytest.raises(RecipeError, match="600 measurements in an image of 20 x 30 px"):
        gdls.segment(field_of((20, 30)), memory_limit=1000, progress=lambda stage, _: stages.append(stage))
    assert stages == []


@pytest.mark.parametrize("limit", [0, -5, float("nan"), "1"])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(RecipeError, match="memory_limit"):
        gdls.segment(field_of((6, 6)), memory_limit=limit)


def test_it_grows_with_measurements_and_pixels_and_with_what_spectra_take(tmp_path):
    small, large = (memory_to_segment(field_of(shape, tmp_path), 64) for shape in [(20, 30), (40, 30)])
    assert large == pytest.approx(2 * small, rel=0.01)
    thin = memory_to_segment(field_of((40, 30), tmp_path, step=5), 64)
    assert large / 8 < thin < large / 4
    assert memory_to_segment(field_of((40, 30)), 64) > large + 1200 * 80


@pytest.mark.parametrize("filled", [5, 100])
def test_spectra_in_memory_that_drift_is_taken_out_of_count_again(tmp_path, filled):
    memory, disk = (field_of((40, 30), folder, channels_with_counts=filled) for folder in (None, tmp_path))
    assert memory_to_segment(memory, 64, without_drift=True) >= memory_to_segment(memory, 64) + 8 * 1200 * filled
    assert memory_to_segment(disk, 64, without_drift=True) == memory_to_segment(disk, 64)
    needed = memory_to_segment(memory, 64)
    require_memory_to_segment(memory, gdls.Recipe(), 64, needed)
    with pytest.raises(RecipeError):
        require_memory_to_segment(memory, gdls.Recipe(drift="correct"), 64, needed)
