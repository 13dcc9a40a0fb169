"""What disturbs a simulated measurement, one at a time, as it shows in the spectra and the image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.field import Field
from napari_gdls.simulation import ROCK, Disturbances, RockMineral, Texture, simulate_field
from napari_gdls.simulation.disturbances import drifted, landing_nodes, take_off_nodes
from napari_gdls.simulation.fields import TIMA_AXIS
from napari_gdls.simulation.mixing import interpolated
from napari_gdls.spectra import Detector, measure_drift

QUARTZ = (RockMineral("quartz", "SiO2", 1.0),)


def dense(field: Field) -> np.ndarray:
    return field.spectra.toarray() if hasattr(field.spectra, "toarray") else field.spectra


def quartz(shape: tuple[int, int] = (60, 60), **options: object) -> Field:
    """Quartz in six grains of 20 x 30 px, measured every second pixel with 4,000 counts."""
    phases = np.zeros(shape, np.int32)
    grains = (np.indices(shape)[0] // 20 * 2 + np.indices(shape)[1] // 30).astype(np.int32)
    texture = Texture(phases, grains, np.zeros(shape, np.float32))
    return simulate_field(minerals=QUARTZ, texture=texture, spacing=2, counts=4000, bse_noise=0, **options)


def share(field: Field, low: float, high: float) -> np.ndarray:
    """Part of the counts of each spectrum between two energies."""
    spectra = dense(field)
    return np.asarray(spectra[:, TIMA_AXIS.window(low, high)].sum(axis=1) / spectra.sum(axis=1))


@pytest.fixture(scope="module")
def plain() -> Field:
    return quartz()


def test_all_are_off_by_default(plain: Field) -> None:
    again = quartz(disturbances=Disturbances())
    np.testing.assert_array_equal(dense(again), dense(plain))
    np.testing.assert_array_equal(again.bse, plain.bse)


@pytest.mark.parametrize(
    "one",
    [
        {"offset_drift": (9.0, 0.0)},
        {"gain_drift": (0.0, 0.002)},
        {"grain_tilt": 5.0},
        {"patch_tilt": 5.0},
        {"pile_up": 0.05},
        {"counts_spread": 0.3},
        {"charging": 4.0},
        {"zoning": 1.0},
    ],
)
def test_each_changes_spectra_and_leaves_the_rock_alone(one: dict[str, object]) -> None:
    ideal, disturbed = (
        simulate_field((60, 60), seed=4, counts=300, disturbances=Disturbances(**options))  # type: ignore[arg-type]
        for options in ({}, one)
    )
    assert (dense(ideal) != dense(disturbed)).any()
    np.testing.assert_array_equal(ideal.metadata["truth"], disturbed.metadata["truth"])
    np.testing.assert_array_equal(ideal.locations, disturbed.locations)
    assert (ideal.bse != disturbed.bse).any() == (next(iter(one)) in ("charging", "zoning"))
    assert disturbed.metadata["options"]["disturbances"][next(iter(one))] == next(iter(one.values()))


@pytest.mark.parametrize(
    ("offset", "gain"), [((8.0, 0.0), (0.0, 0.0)), ((0.0, 0.0), (0.0, -0.003)), ((5.0, -4.0), (0.002, 0.001))]
)
def test_drift_is_what_measuring_it_finds(offset: tuple[float, float], gain: tuple[float, float]) -> None:
    field = simulate_field((120, 120), counts=3000, disturbances=Disturbances(offset_drift=offset, gain_drift=gain))
    found = measure_drift(field)
    assert (np.abs(found.offset - offset) < 5 * found.offset_error + 0.2).all()
    assert (np.abs(found.gain - gain) < 5 * found.gain_error + 5e-5).all()
    assert found.standard_errors > 10


def test_drift_moves_lines_and_keeps_counts() -> None:
    axis = EnergyAxis(-100.0, 10.0, 1200)
    lines = Detector().response([1740.0, 6404.0], axis)
    moved = drifted(lines, axis, np.array([7.0, -12.0]), np.array([0.0, 0.002]))
    before, after = (spectra @ axis.centers / spectra.sum(axis=1) for spectra in (lines, moved))
    np.testing.assert_allclose(after, before * [1, 1.002] + [7, -12], atol=0.1)
    np.testing.assert_allclose(moved.sum(axis=1), lines.sum(axis=1), rtol=3e-3)


def test_charging_ends_the_continuum_early_and_brightens_the_image(plain: Field) -> None:
    charged = quartz(disturbances=Disturbances(charging=6.0, charged_area=0.3, patch_size=40.0))
    brightness = charged.bse.astype(float) - plain.bse
    assert np.mean(brightness > 1) == pytest.approx(0.3, abs=0.02)
    assert brightness.max() == pytest.approx(0.05 * 65536, rel=0.01)
    potential = brightness[charged.locations[:, 0], charged.locations[:, 1]] / (0.05 * 65536)
    spectra = dense(charged)
    hard = TIMA_AXIS.window(22_000, 30_000)
    # Electrons that land with less than 22 keV make no photon of 22 keV.
    assert spectra[potential > 0.7][:, hard].sum() < 0.3 * spectra[potential == 0][:, hard].sum(axis=1).mean() * np.sum(
        potential > 0.7
    )
    # Rates agree to rounding; a draw may differ for it.
    np.testing.assert_allclose(spectra[potential == 0].sum(), dense(plain)[potential == 0].sum(), rtol=5e-4)


def test_charging_brightens_a_measured_image_too() -> None:
    bse = np.full((60, 60), 100, np.uint8)
    field = simulate_field(
        minerals=QUARTZ, texture=np.zeros((60, 60), int), bse=bse, counts=5, disturbances=Disturbances(charging=2.0)
    )
    assert field.bse.min() == 100
    assert field.bse.max() == pytest.approx(100 + 0.05 * 256, abs=1)


def test_grains_tilt_as_wholes() -> None:
    tilted = quartz(seed=2, disturbances=Disturbances(grain_tilt=8.0))
    oxygen = share(tilted, 450, 600)
    grain = tilted.locations[:, 0] // 20 * 2 + tilted.locations[:, 1] // 30
    inside = np.array([oxygen[grain == g].std() for g in range(6)])
    means = np.array([oxygen[grain == g].mean() for g in range(6)])
    counting = np.sqrt(oxygen.mean() / 4000)
    assert (inside < 1.3 * counting).all()
    assert means.std() > 2 * counting
    assert share(tilted, 1650, 1850).mean() > 0.2


def test_waves_of_the_surface_are_smooth() -> None:
    waved = quartz(disturbances=Disturbances(patch_tilt=8.0, patch_size=60.0))
    image = np.zeros((30, 30))
    image[waved.locations[:, 0] // 2, waved.locations[:, 1] // 2] = share(waved, 450, 600)
    blocks = image.reshape(6, 5, 6, 5).mean(axis=(1, 3))
    noise = np.sqrt(image.mean() / 4000) / 5
    assert blocks.std() > 4 * noise
    assert np.abs(np.diff(blocks, axis=0)).mean() < 0.8 * np.abs(blocks - blocks.mean()).mean() * 2


def test_a_surface_turned_to_the_detector_loses_fewer_soft_x_rays() -> None:
    oxygen = [share(quartz(take_off=angle), 450, 600).mean() for angle in (15.0, 35.0, 55.0)]
    assert oxygen[0] < oxygen[1] < oxygen[2]


def test_pile_up_makes_sum_peaks() -> None:
    plain, piled = (
        quartz(detector=Detector(pile_up=0.0), disturbances=Disturbances(pile_up=share)) for share in (0.0, 0.05)
    )
    silicon = share(plain, 1600, 1880).mean()
    extra = share(piled, 3400, 3560).mean() - share(plain, 3400, 3560).mean()
    # Of all counts 5 % are pairs, and the square of silicon's share of them two silicon photons.
    assert extra == pytest.approx(0.05 * silicon**2, rel=0.25)
    assert piled.metadata["options"]["detector"]["pile_up"] == 0.05


def test_counts_spread() -> None:
    spread = quartz((120, 120), disturbances=Disturbances(counts_spread=0.4)).total_counts
    assert spread.mean() == pytest.approx(4000, rel=0.03)
    assert spread.std() / spread.mean() == pytest.approx(np.hypot(0.4, 1 / np.sqrt(4000)), rel=0.06)


def test_zoning_of_a_drawn_texture_and_of_a_phase_map() -> None:
    phases = np.zeros((40, 80), np.uint8)
    phases[:, 40:] = 1
    for options in ({"shape": (80, 80), "minerals": ROCK[:3]}, {"texture": phases, "minerals": ROCK[2:4]}):
        even, zoned = (
            simulate_field(**options, spacing=2, counts=5000, disturbances=Disturbances(zoning=zoning))
            for zoning in (0.0, 1.0)
        )
        plagioclase = even.metadata["phase_names"].index("plagioclase") + 1
        here = even.metadata["truth_phases"][tuple(even.locations.T)] == plagioclase
        calcium = [share(field, 3600, 3800)[here] for field in (even, zoned)]
        assert calcium[1].mean() < 0.95 * calcium[0].mean()
        assert calcium[1].std() > 1.3 * calcium[0].std()


def test_weights_are_linear_between_nodes() -> None:
    shares = np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)
    weights = interpolated(shares, (np.array([0.5, 2.0]), np.array([0.0, 0.25])), (3, 2)).toarray()
    expected = np.zeros((2, 2, 3, 2))
    expected[0, :, 0, 0] = expected[0, :, 1, 0] = [0.125, 0.375]
    expected[1, 0, 2] = [0.75, 0.25]
    np.testing.assert_allclose(weights, expected.reshape(2, 12), atol=1e-7)
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_nodes_of_the_conditions() -> None:
    tilts = np.array([-12.0, 0.0, 3.0, 15.0])
    nodes, position = take_off_nodes(35.0, tilts)
    assert nodes[[0, -1]] == pytest.approx([50, 23])
    assert (np.diff(1 / np.sin(np.radians(nodes))) > 0).all()
    back = np.exp(np.interp(position, np.arange(len(nodes)), np.log(np.sin(np.radians(nodes)))))
    np.testing.assert_allclose(np.degrees(np.arcsin(back)), 35 + tilts)
    np.testing.assert_array_equal(take_off_nodes(40.0, np.zeros(3))[0], [40])
    steep, _ = take_off_nodes(80.0, np.array([-90.0, 30.0]))
    assert steep[[0, -1]] == pytest.approx([90, 5])
    energies, position = landing_nodes(20.0, np.array([0.0, 2.5, 5.0]))
    np.testing.assert_allclose(np.interp(position, np.arange(len(energies)), energies), [20, 17.5, 15])
    np.testing.assert_array_equal(landing_nodes(20.0, np.zeros(2))[0], [20])


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset_drift": 5.0},
        {"offset_drift": (1.0, np.nan)},
        {"gain_drift": (1.0, 0.0)},
        {"zoning": 2.0},
        {"charging": -1.0},
        {"charged_area": "half"},
        {"grain_tilt": True},
        {"patch_size": 0.0},
        {"pile_up": 0.9},
        {"counts_spread": [1, 2]},
    ],
)
def test_impossible_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=f"disturbances: {next(iter(wrong))} is"):
        Disturbances(**wrong)  # type: ignore[arg-type]


def test_what_does_not_fit_the_field_is_refused() -> None:
    with pytest.raises(GdlsError, match="leaves a beam of 10 keV less than"):
        quartz(beam_energy=10.0, disturbances=Disturbances(charging=9.0))
    with pytest.raises(GdlsError, match="needs a mineral with a rim_formula"):
        simulate_field(minerals=QUARTZ, texture=np.zeros((9, 9), int), disturbances=Disturbances(zoning=1.0))
    texture = Texture(*(np.zeros((9, 9), kind) for kind in (np.int32, np.int32, np.float32)))
    with pytest.raises(GdlsError, match="brings its own zoning"):
        simulate_field(minerals=ROCK[2:3], texture=texture, disturbances=Disturbances(zoning=1.0))
