"""Simulated fields: truth, counts, mixing, BSE."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as ndi

from napari_gdls import read_field, write_field
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import Cancelled, FieldError, GdlsError
from napari_gdls.field import Field
from napari_gdls.simulation import ROCK, RockMineral, Texture, backscatter_coefficient, simulate_field
from napari_gdls.simulation.fields import TIMA_AXIS
from napari_gdls.spectra import Detector, simulate_spectra

QUARTZ_MAGNETITE = (RockMineral("quartz", "SiO2", 0.5), RockMineral("magnetite", "Fe3O4", 0.5))


def halves(height: int = 20, width: int = 40) -> Texture:
    """Quartz on the left, magnetite on the right."""
    phases = np.zeros((height, width), np.int32)
    phases[:, width // 2 :] = 1
    return Texture(phases, phases.copy(), np.zeros((height, width), np.float32))


def dense(field: Field) -> np.ndarray:
    return field.spectra.toarray() if hasattr(field.spectra, "toarray") else field.spectra


@pytest.fixture(scope="module")
def field() -> Field:
    return simulate_field((120, 150), seed=5)


def test_parts_of_the_field(field: Field) -> None:
    assert field.shape == (120, 150)
    assert field.n_measurements == 40 * 50
    assert field.sampling_distance == 3
    assert (field.locations % 3 == 1).all()
    assert field.bse.dtype == np.uint16
    assert field.energy == TIMA_AXIS
    assert (field.beam_energy, field.pixel_size) == (25, 3)
    assert not field.is_dense


def test_truth_is_connected_regions_of_one_mineral(field: Field) -> None:
    truth, phases = field.metadata["truth"], field.metadata["truth_phases"]
    assert truth.dtype == phases.dtype == np.int32
    assert truth.min() == phases.min() == 1
    assert phases.max() <= len(field.metadata["phase_names"]) == len(ROCK)
    for region in np.unique(truth):
        inside = truth == region
        assert ndi.label(inside)[1] == 1
        assert len(np.unique(phases[inside])) == 1
        assert not np.isin(phases[inside][0], phases[ndi.binary_dilation(inside) & ~inside])


def test_equal_seeds_give_equal_fields(field: Field) -> None:
    again = simulate_field((120, 150), seed=5)
    np.testing.assert_array_equal(again.bse, field.bse)
    np.testing.assert_array_equal(dense(again), dense(field))
    np.testing.assert_array_equal(again.metadata["truth"], field.metadata["truth"])
    other = simulate_field((120, 150), seed=6)
    assert (other.metadata["truth_phases"] != field.metadata["truth_phases"]).mean() > 0.5


def test_the_rock_does_not_depend_on_how_it_is_measured(field: Field) -> None:
    other = simulate_field((120, 150), seed=5, counts=50, spacing=5, blur=1.0)
    np.testing.assert_array_equal(other.metadata["truth"], field.metadata["truth"])
    np.testing.assert_array_equal(other.bse, field.bse)


def test_counts_are_poisson(field: Field) -> None:
    total = field.total_counts
    n = len(total)
    assert total.mean() == pytest.approx(1000, abs=5 * np.sqrt(1000 / n))
    assert total.var() == pytest.approx(1000, rel=5 * np.sqrt(2 / n))


def test_pure_spectra_follow_the_ideal_one() -> None:
    rock = simulate_field((20, 40), minerals=QUARTZ_MAGNETITE, texture=halves(), dense=True, blur=0.6, counts=2000)
    interior = rock.locations[:, 1] < 16
    summed = dense(rock)[interior].sum(axis=0)
    counts = 2000 * np.count_nonzero(interior)
    expected = simulate_spectra([QUARTZ_MAGNETITE[0].composition], energy=TIMA_AXIS, counts=counts)[0]
    common = expected > 20
    chi_squared = (((summed - expected) ** 2) / np.maximum(expected, 1e-9))[common].sum()
    degrees = np.count_nonzero(common)
    assert abs(chi_squared - degrees) < 5 * np.sqrt(2 * degrees)


def test_spectra_mix_across_a_border_and_bse_less_so() -> None:
    rock = simulate_field(
        (20, 40),
        minerals=QUARTZ_MAGNETITE,
        texture=halves(),
        dense=True,
        blur=1.5,
        bse_blur=0.5,
        counts=5000,
        bse_noise=0,
    )
    iron = rock.window_map(6200, 6600).mean(axis=0)
    iron = (iron - iron[2]) / (iron[-3] - iron[2])
    bse = rock.bse.mean(axis=0)
    bse = (bse - bse[2]) / (bse[-3] - bse[2])
    # Two pixels into the quartz.
    assert 0.05 < iron[18] < 0.4
    assert bse[18] < 0.01
    sharp = simulate_field((20, 40), minerals=QUARTZ_MAGNETITE, texture=halves(), dense=True, blur=0, counts=5000)
    assert sharp.window_map(6200, 6600)[:, 19].mean() < 0.05 * sharp.window_map(6200, 6600)[:, 20].mean()


def test_bse_is_the_backscatter_coefficient() -> None:
    # Reuter's values are, for Si 0.164 and O 0.091, and Castaing's rule weighs them by mass.
    assert backscatter_coefficient("Si") == pytest.approx(0.164, abs=0.001)
    assert backscatter_coefficient("SiO2") == pytest.approx(0.467 * 0.1644 + 0.533 * 0.0911, abs=0.001)
    order = ["SiO2", "CaCO3", "FeTiO3", "Fe3O4", "ZrSiO4", "PbS"]
    coefficients = [backscatter_coefficient(formula) for formula in order]
    assert coefficients == sorted(coefficients)
    rock = simulate_field((20, 40), minerals=QUARTZ_MAGNETITE, texture=halves(), bse_noise=0)
    assert rock.bse[5, 5] == pytest.approx(65536 * backscatter_coefficient("SiO2") / 0.5, abs=2)
    assert rock.bse[5, 35] == pytest.approx(65536 * backscatter_coefficient("Fe3O4") / 0.5, abs=2)


def test_bse_noise() -> None:
    noisy, clean = (
        simulate_field((60, 60), minerals=ROCK[:1], counts=10, spacing=30, bse_noise=level) for level in (0.01, 0)
    )
    assert (noisy.bse.astype(float) - clean.bse).std() == pytest.approx(655, rel=0.1)


def test_zoned_grains_go_from_one_composition_to_the_other() -> None:
    phases = np.zeros((30, 30), np.int32)
    zoning = np.tile(np.linspace(0, 1, 30, dtype=np.float32), (30, 1))
    rock = simulate_field(
        minerals=(ROCK[2],), texture=Texture(phases, phases, zoning), dense=True, counts=20000, blur=0
    )
    calcium = rock.window_map(3600, 3800).mean(axis=0)
    assert calcium[0] > 1.5 * calcium[-1]
    assert np.corrcoef(calcium, zoning[0])[0, 1] < -0.99
    assert rock.metadata["truth"].max() == 1
    # The middle of the series is the mean composition, not only a mean of spectra.
    core, rim = ROCK[2].composition, ROCK[2].rim_composition
    half = {element: (core[element] + rim[element]) / 2 for element in core}
    expected = simulate_spectra([half], energy=TIMA_AXIS, counts=20000)[0, TIMA_AXIS.window(3600, 3800)].sum()
    assert calcium[14:16].mean() == pytest.approx(expected, abs=float(5 * np.sqrt(expected / 60)))


def test_dense_and_other_spacings() -> None:
    assert simulate_field((30, 40), dense=True, counts=20).is_dense
    uneven = simulate_field((60, 60), spacing=3.62, counts=20)
    gaps = np.diff(np.unique(uneven.locations[:, 0]))
    assert set(gaps) == {3, 4}
    assert uneven.sampling_distance == 3.62


def test_given_locations() -> None:
    places = np.array([[5, 7], [2, 3], [10, 12], [11, 3]])
    rock = simulate_field((20, 20), locations=places, counts=20)
    np.testing.assert_array_equal(rock.locations, places[[1, 0, 2, 3]])
    assert rock.sampling_distance == pytest.approx(np.median([5, 5, np.hypot(5, 5), 9]), abs=0.5)


def test_other_axes_hold_the_counts_asked_for() -> None:
    narrow = simulate_field((60, 60), energy=EnergyAxis(1000.0, 40.0, 100), counts=300)
    assert narrow.spectra.shape[1] == 100
    assert narrow.total_counts.mean() == pytest.approx(300, rel=0.02)


PHASES = np.repeat([[0, 1, 1, 2], [0, 0, 3, 3]], [12, 18], axis=0).repeat(10, axis=1)
COMPOSITIONS = {"quartz": "SiO2", "calcite": "CaCO3", "galena": {"Pb": 86.6, "S": 13.4}, "pyrite": "FeS2"}


def test_a_phase_map_with_names_and_compositions() -> None:
    rock = simulate_field(minerals=COMPOSITIONS, texture=PHASES, spacing=2, counts=500, seed=3)
    assert rock.shape == PHASES.shape
    assert rock.metadata["phase_names"] == list(COMPOSITIONS)
    np.testing.assert_array_equal(rock.metadata["truth_phases"], PHASES + 1)
    assert rock.metadata["truth"].max() == 4
    galena = rock.metadata["compositions"][2]
    assert galena == pytest.approx({"S": 0.134, "Pb": 0.866})
    # Pyrite has iron, galena lead, and lead is brightest.
    place = PHASES[rock.locations[:, 0], rock.locations[:, 1]]
    iron = np.nan_to_num(rock.window_map(6200, 6600)[rock.locations[:, 0], rock.locations[:, 1]])
    assert iron[place == 3].mean() > 8 * iron[place == 2].mean()
    bse = [rock.bse[ndi.binary_erosion(k == PHASES, iterations=2)].mean() for k in range(4)]
    assert bse[2] > bse[3] > bse[1] > bse[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_measured_bse_image_is_kept(dtype: type) -> None:
    bse = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, PHASES.shape).astype(dtype)
    rock = simulate_field(minerals=COMPOSITIONS, texture=PHASES, bse=bse, counts=10)
    assert rock.bse.dtype == dtype
    np.testing.assert_array_equal(rock.bse, bse)
    assert rock.metadata["options"]["bse"] == "given"


@pytest.mark.parametrize("dots", ["grid", "tima"])
def test_what_is_no_sample_is_not_measured(dots: str) -> None:
    phases = PHASES.copy()
    phases[:, :7] = -1
    rock = simulate_field(minerals=COMPOSITIONS, texture=phases, dots=dots, counts=50)
    np.testing.assert_array_equal(rock.valid, phases >= 0)
    assert (rock.locations[:, 1] >= 7).all()
    assert (rock.metadata["truth"][:, :7] == 0).all()
    assert (rock.metadata["truth_phases"][:, :7] == 0).all()
    assert rock.metadata["truth"].max() == 4
    with pytest.raises(GdlsError, match="no measurement falls on the sample"):
        simulate_field(minerals=COMPOSITIONS, texture=np.where(np.indices(PHASES.shape)[0] < 5, 0, -1), spacing=20)


def test_dots_of_tima_follow_the_image(field: Field) -> None:
    dotted = simulate_field((120, 150), seed=5, dots="tima")
    np.testing.assert_array_equal(dotted.bse, field.bse)
    np.testing.assert_array_equal(dotted.metadata["truth"], field.metadata["truth"])
    assert field.n_measurements < dotted.n_measurements < 1.4 * field.n_measurements
    assert dotted.sampling_distance == 3
    # More of the grains are hit.
    hit = [len(np.unique(f.metadata["truth"][f.locations[:, 0], f.locations[:, 1]])) for f in (field, dotted)]
    assert hit[1] > hit[0]


def test_instrument_matters() -> None:
    def summed(**instrument: object) -> np.ndarray:
        rock = simulate_field(minerals=COMPOSITIONS, texture=PHASES[:, :8], dense=True, counts=2000, **instrument)
        return dense(rock).sum(axis=0)

    def share(spectrum: np.ndarray, low: float, high: float) -> float:
        return float(spectrum[TIMA_AXIS.window(low, high)].sum() / spectrum.sum())

    usual = summed()
    assert share(usual, 15_500, 30_000) > 0.003
    # But for photons that piled up.
    assert share(summed(beam_energy=15.0), 15_500, 30_000) < 2e-5
    assert share(summed(take_off=15.0), 450, 600) < 0.8 * share(usual, 450, 600)
    assert share(summed(coating=("C", 20.0)), 230, 330) > 2 * share(usual, 230, 330)
    sharp = summed(detector=Detector(fwhm=70.0))
    assert sharp.max() > 1.3 * usual.max()


def test_metadata_say_what_was_simulated_and_can_be_stored(field: Field, tmp_path: Path) -> None:
    options = field.metadata["options"]
    assert (options["counts"], options["spacing"], options["dots"], options["beam_energy"]) == (1000, 3, "grid", 25)
    assert options["disturbances"]["charging"] == 0
    assert options["detector"]["fwhm"] == 128
    assert [sum(c.values()) for c in field.metadata["compositions"]] == pytest.approx([1] * len(ROCK))
    assert set(field.metadata["rim_compositions"]) == {"plagioclase"}
    write_field(tmp_path / "rock.gdls.zarr.zip", field)
    again = read_field(tmp_path / "rock.gdls.zarr.zip")
    assert again.metadata["options"] == options
    np.testing.assert_array_equal(again.metadata["truth"], field.metadata["truth"])


MOSAICS = {
    "Albite": "NaAlSi3O8",
    "Clinochlore": "Mg3.75Fe1.25Al2Si3O10(OH)8",
    "Muscovite": "KAl3Si3O10(OH)2",
    "Muscovite_phengitic": "KAl2.2Mg0.4Si3.4O10(OH)2",
    "Calcite": "CaCO3",
    "Microcline": "KAlSi3O8",
    "K-Feldspar": "K0.9Na0.1AlSi3O8",
    "Apatite": "Ca5(PO4)3F",
    "Quartz": "SiO2",
    "Pyrite": "FeS2",
    "Rutile": "TiO2",
    "Hematite_Magnetite": "Fe3O4",
    "Tremolite": "Ca2Mg5Si8O22(OH)2",
    "Hornblende": "Na0.3Ca1.9Mg2.8Fe1.7Al1.9Si6.6O22(OH)2",
    "Actinolite_Mg": "Ca2Mg4FeSi8O22(OH)2",
    "Biotite": "KMg1.5Fe1.5AlSi3O10(OH)2",
    "Allanite": "Ca1.2Ce0.8Al2Fe1Si3O12(OH)",
}


def test_real_textures_can_be_painted(shared_data: Path) -> None:
    files = sorted((shared_data / "textures").glob("*.npz"))
    assert len(files) == 6
    for file in files:
        with np.load(file) as mosaic:
            names = [str(name) for name in mosaic["phase_names"]]
            rock = simulate_field(
                minerals={name: MOSAICS[name] for name in names},
                texture=mosaic["phase"],
                bse=mosaic["bse"],
                pixel_size=float(mosaic["pixel_size_um"]),
                dots="tima",
                spacing=6,
                counts=200,
            )
            np.testing.assert_array_equal(rock.metadata["truth_phases"] - 1, mosaic["phase"])
        assert rock.total_counts.mean() == pytest.approx(200, rel=0.01)
        assert 1 < rock.n_measurements / (rock.bse.size / 36) < 2.5


@pytest.mark.slow
def test_a_whole_field_takes_seconds() -> None:
    simulate_field((32, 32), counts=10)
    start = time.process_time()
    rock = simulate_field((500, 500), spacing=2.806, grain_size=14.0)
    assert rock.n_measurements == pytest.approx(31_766, rel=0.01)
    assert time.process_time() - start < 6


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"counts": -1.0}, GdlsError, "counts is -1.0"),
        ({"blur": np.inf}, GdlsError, "blur is inf"),
        ({"spacing": 0.5}, GdlsError, "spacing is 0.5"),
        ({"spacing": 100.0}, GdlsError, "no room for a measurement"),
        ({"locations": [[0, 50]]}, FieldError, "1 of 1 locations lie outside"),
        ({"locations": [[0.5, 1.0]]}, FieldError, "whole rows and columns"),
        ({"locations": [[1, 1], [1, 1]]}, FieldError, "doubled"),
        ({"texture": halves(8, 8)}, GdlsError, "texture has shape"),
        ({"texture": halves(20, 20), "minerals": ROCK[:1]}, GdlsError, "from 0 to 1, with 1 minerals"),
        ({"texture": np.zeros((20, 20)), "minerals": ROCK[:1]}, GdlsError, "whole numbers"),
        ({"minerals": {"quartz": "SiO2"}}, GdlsError, "need a texture"),
        ({"minerals": {"mud": "Xy"}, "texture": np.zeros((20, 20), int)}, GdlsError, "mud: "),
        ({"bse": np.zeros((20, 20))}, GdlsError, "bse is float64"),
        ({"bse": np.zeros((20, 21), np.uint8)}, GdlsError, "bse is uint8 of shape"),
        ({"dots": "hexagons"}, GdlsError, "dots is 'hexagons'"),
        ({"dots": "tima", "spacing": 1.0}, GdlsError, "at least 2 px"),
        ({"beam_energy": 60.0}, GdlsError, "beam energy is 60.0"),
        ({"take_off": 1.0}, GdlsError, "take-off"),
        ({"energy": EnergyAxis(40000.0, 10.0, 100)}, GdlsError, "no X-ray of these minerals"),
        ({"shape": (0, 4)}, GdlsError, "shape"),
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        simulate_field(**{"shape": (20, 20), **wrong})  # type: ignore[arg-type]


def test_progress_is_told_and_may_cancel() -> None:
    heard: list[tuple[str, float]] = []
    simulate_field((30, 30), counts=10, progress=lambda stage, fraction: heard.append((stage, fraction)))
    assert {stage for stage, _ in heard} == {"texture", "mixing", "spectra"}
    assert all(0 <= fraction <= 1 for _, fraction in heard)

    def stop(stage: str, fraction: float) -> None:
        if stage == "spectra":
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        simulate_field((30, 30), progress=stop)
