import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.energy import CANONICAL_AXIS, EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.spectra.detector import MANGANESE_K_ALPHA, WINDOWS, Detector

WIDE = EnergyAxis(-2000.0, 10.0, 4000)
PLAIN = Detector(tail=0, escape=0, pile_up=0)


def test_resolution():
    detector = Detector(fwhm=130)
    assert detector.resolution(MANGANESE_K_ALPHA) == pytest.approx(130)
    carbon, silicon, zirconium = detector.resolution([277, 1740, 15_770])
    assert 50 < carbon < silicon < 130 < zirconium
    # Twice the photon adds the same variance twice.
    widths = detector.resolution([1000, 2000, 3000]) ** 2
    assert widths[2] - widths[1] == pytest.approx(widths[1] - widths[0])


@settings(max_examples=40, deadline=None)
@given(
    energy=st.floats(150, 29_000),
    fwhm=st.floats(60, 200),
    window=st.sampled_from(sorted(WINDOWS)),
    tail=st.floats(0, 0.6),
    escape=st.floats(0, 2),
)
def test_a_photon_counts_as_often_as_the_efficiency_says(energy, fwhm, window, tail, escape):
    detector = Detector(fwhm=fwhm, window=window, tail=tail, escape=escape)
    row = detector.response([energy], WIDE)[0]
    efficiency = detector.efficiency([energy])[0]
    assert (row >= 0).all()
    # The far end of the tail, a few in ten thousand, is not written out.
    assert row.sum(dtype=float) == pytest.approx(efficiency, rel=1e-5 + 5e-4 * tail)


def test_a_peak_lies_at_its_energy_with_its_width():
    (row,) = PLAIN.response([6404.0], EnergyAxis(0, 2.0, 5000)).astype(float)
    energies = EnergyAxis(0, 2.0, 5000).centers
    mean = row @ energies / row.sum()
    assert mean == pytest.approx(6404, abs=0.1)
    fwhm = 2.3548 * np.sqrt(row @ (energies - mean) ** 2 / row.sum())
    assert fwhm == pytest.approx(PLAIN.resolution(6404), rel=2e-3)


def test_channels_hold_the_same_counts_on_any_axis():
    fine = PLAIN.response([1740.0, 6404.0], EnergyAxis(0, 5.0, 4000))
    coarse = PLAIN.response([1740.0, 6404.0], EnergyAxis(2.5, 10.0, 2000))
    np.testing.assert_allclose(fine.reshape(2, 2000, 2).sum(axis=2), coarse, atol=1e-6)


def test_photons_off_the_axis_are_lost():
    narrow = EnergyAxis(1000, 10, 50)
    assert PLAIN.response([5000.0, 300.0], narrow).sum() == 0
    assert 0.4 < PLAIN.response([995.0], narrow).sum() / PLAIN.efficiency([995.0])[0] < 0.6


def test_efficiency():
    energies = np.array([200.0, 277, 525, 1041, 1740, 3000, 6404, 10_000, 20_000, 25_000])
    for window in WINDOWS:
        efficiency = Detector(window=window).efficiency(energies)
        assert ((efficiency > 0) & (efficiency < 1)).all()
    polymer, bare = Detector().efficiency(energies), Detector(window="none").efficiency(energies)
    assert (polymer < bare).all()
    assert polymer[1] < 0.6 * bare[1]  # C K
    assert polymer[6] == pytest.approx(0.77, abs=0.04)  # the grid stops what does not hit an opening
    assert Detector(window="none").efficiency([6404])[0] > 0.97
    below, above = Detector().efficiency([1830, 1850])
    assert above < below  # dead layer and grid absorb more above the Si K edge
    thin, thick = Detector(thickness=300), Detector(thickness=1000)
    assert thin.efficiency([20_000])[0] < 0.65 * thick.efficiency([20_000])[0]
    assert Detector(dead_layer=100).efficiency([525])[0] < Detector(dead_layer=0).efficiency([525])[0]


def test_escape_peaks():
    detector = Detector(tail=0)
    shares = detector.escape_share([1700, 2014, 4511, 6404, 12_000])
    assert shares[0] == 0
    assert 0.015 < shares[1] < 0.02  # P K, Reed and Ware (1972)
    assert (np.diff(shares[1:]) < 0).all()
    (row,) = detector.response([4511.0], WIDE)
    near = WIDE.window(4511 - 1740 - 150, 4511 - 1740 + 150)
    assert row[near].sum() / row.sum() == pytest.approx(shares[2], rel=0.01)
    double = Detector(escape=2.0).escape_share([4511])
    assert double == pytest.approx(2 * shares[2])


def test_tail_shifts_light_elements_and_spares_heavy_ones():
    def mean(energy, tail):
        (row,) = Detector(tail=tail, escape=0).response([energy], WIDE).astype(float)
        return row @ WIDE.centers / row.sum()

    for energy, least, most in ((277, 5, 20), (525, 1.5, 10), (6404, 0, 1.5)):
        assert least <= mean(energy, 0.0) - mean(energy, 0.5) <= most


@pytest.mark.parametrize("axis", [EnergyAxis(0, 10, 2048), EnergyAxis(-480, 5, 4096), EnergyAxis(203, 10, 1536)])
def test_pile_up_adds_energies(axis):
    detector = Detector(pile_up=0.01)
    spectrum = PLAIN.response([3690.0], axis)
    piled = detector.add_pile_up(spectrum, axis)
    total = spectrum.sum(dtype=float)
    assert piled.sum(dtype=float) == pytest.approx(0.99 * total, rel=1e-4)
    pairs = (piled - (1 - 2 * 0.01) * spectrum)[0].astype(float)
    assert pairs.sum() == pytest.approx(0.01 * total, rel=1e-3)
    assert pairs @ axis.centers / pairs.sum() == pytest.approx(2 * 3690, abs=3)
    assert (piled >= 0).all()


def test_no_pile_up_leaves_spectra_alone():
    spectrum = PLAIN.response([3690.0], CANONICAL_AXIS)
    assert PLAIN.add_pile_up(spectrum, CANONICAL_AXIS) is spectrum
    empty = np.zeros((1, 1536), np.float32)
    assert Detector(pile_up=0.01).add_pile_up(empty, CANONICAL_AXIS).sum() == 0


@pytest.mark.parametrize(
    "bad",
    [{"fwhm": 0}, {"fwhm": "130"}, {"fano": 2}, {"window": "beryllium"}, {"tail": 1.0}, {"pile_up": float("nan")}],
)
def test_impossible_detectors_are_refused(bad):
    with pytest.raises(RecipeError, match=f"detector: {next(iter(bad))}"):
        Detector(**bad)
