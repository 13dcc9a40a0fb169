import numpy as np
import pytest

from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import GdlsError
from napari_gdls.spectra.drift import measure_drift, without_drift

AXIS = EnergyAxis(0, 10, 1000)
LINES = np.array([525, 1254, 1740, 3691, 6404, 7058])


def drifting(offset=(0, 0), gain=(0, 0), counts=2000, seed=0, shape=(30, 30)):
    """A dense field of two materials in stripes whose calibration drifts linearly."""
    rng = np.random.default_rng(seed)
    locations = np.argwhere(np.ones(shape, bool))
    place = (locations + 0.5) / shape - 0.5
    heights = np.where(locations[:, 1:] % 6 < 3, (2, 1, 4, 1, 2, 0.3), (2, 3, 3, 0.5, 1, 0.2))
    at = LINES * (1 + place @ np.array(gain))[:, None] + (place @ np.array(offset))[:, None]
    width = 30 + 0.005 * LINES
    shapes = np.exp(-0.5 * ((AXIS.centers - at[..., None]) / width[:, None]) ** 2)
    expected = np.einsum("nl,nlc->nc", heights, shapes) + 0.02
    expected *= counts / expected.sum(axis=1, keepdims=True)
    return Field(np.zeros(shape, np.uint8), rng.poisson(expected).astype(np.uint16), locations, AXIS)


@pytest.mark.parametrize(
    ("offset", "gain"), [((6, 0), (0, 0)), ((0, -4), (0, 0)), ((0, 0), (0.002, 0)), ((5, -3), (-0.001, 0.0015))]
)
def test_drift_is_found_and_taken_back(offset, gain):
    field = drifting(offset, gain)
    drift = measure_drift(field)
    assert (np.abs(drift.offset - offset) < 5 * drift.offset_error + 0.1).all()
    assert (np.abs(drift.gain - gain) < 5 * drift.gain_error + 3e-5).all()
    assert drift.standard_errors > 10
    better = measure_drift(without_drift(field, drift))
    assert better.shift(6000) < 0.15 * drift.shift(6000)


def test_a_steady_field_shows_none():
    found = [measure_drift(drifting(seed=seed)) for seed in range(5)]
    assert all(drift.standard_errors < 5 for drift in found)
    assert all(drift.shift(6000) < 1.0 for drift in found)


def test_taking_drift_back_keeps_the_counts():
    field = drifting((6, 2), (0.002, 0))
    moved = without_drift(field, measure_drift(field))
    assert moved.total_counts.sum() == pytest.approx(field.total_counts.sum(), rel=1e-3)
    assert np.array_equal(moved.locations, field.locations)


def test_the_report_reads_well():
    assert "move by" in str(measure_drift(drifting((6, 0))))


def test_without_lines_there_is_nothing_to_measure():
    flat = Field(np.zeros((9, 9), np.uint8), np.ones((81, 1000), np.uint8), np.argwhere(np.ones((9, 9), bool)), AXIS)
    with pytest.raises(GdlsError, match="two strong lines"):
        measure_drift(flat)
