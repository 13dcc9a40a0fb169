"""Textures: shares, grains, rims, inclusions, veins, zoning."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.errors import GdlsError
from napari_gdls.simulation import ROCK, RockMineral, Texture, rock_texture
from napari_gdls.simulation.texture import regions_of_phases, texture_of_phases

NAMES = [mineral.name for mineral in ROCK]


@pytest.fixture(scope="module")
def texture() -> Texture:
    return rock_texture((600, 500), ROCK, seed=3)


def test_minerals_cover_their_shares(texture: Texture) -> None:
    wanted = np.array([mineral.share for mineral in ROCK])
    wanted = wanted / wanted.sum()
    area = np.bincount(texture.phases.ravel(), minlength=len(ROCK)) / texture.phases.size
    assert np.abs(area - wanted).max() < 0.04
    painted = [mineral.occurrence in ("inclusions", "veins") for mineral in ROCK]
    np.testing.assert_allclose(area[painted], wanted[painted], rtol=0.1)


def test_grains_spread_in_size_around_the_wanted_one(texture: Texture) -> None:
    whole = rock_texture((600, 500), ROCK[:3], seed=3, grain_size=16.0)
    diameter = 2 * np.sqrt(np.bincount(whole.grains.ravel()) / np.pi)
    assert 10 < np.median(diameter) < 22
    assert np.percentile(diameter, 90) > 2.5 * np.percentile(diameter, 10)
    coarse = rock_texture((600, 500), ROCK[:3], seed=3, grain_size=48.0)
    assert coarse.grains.max() < 0.2 * whole.grains.max()


def test_a_grain_has_one_mineral_but_for_its_rim(texture: Texture) -> None:
    host, rim = NAMES.index("almandine"), NAMES.index("grossular-rich almandine")
    inner = np.where(texture.phases == rim, host, texture.phases)
    low, high = (f(inner, texture.grains, np.unique(texture.grains)) for f in (ndi.minimum, ndi.maximum))
    np.testing.assert_array_equal(low, high)


def test_rims_lie_around_their_hosts(texture: Texture) -> None:
    host, rim = (texture.phases == NAMES.index(name) for name in ("almandine", "grossular-rich almandine"))
    depth = ndi.distance_transform_edt(host | rim)
    assert depth[rim].mean() < 0.5 * depth[host].mean()


def test_inclusions_are_small(texture: Texture) -> None:
    regions, _ = ndi.label(texture.phases == NAMES.index("zircon"))
    assert np.median(np.bincount(regions.ravel())[1:]) < 40
    assert regions.max() > 30


def test_a_vein_crosses_the_field(texture: Texture) -> None:
    regions, _ = ndi.label(texture.phases == NAMES.index("calcite"), structure=np.ones((3, 3)))
    largest = regions == np.argmax(np.bincount(regions.ravel())[1:]) + 1
    assert max(np.ptp(np.argwhere(largest), axis=0)) > 250


def test_only_some_grains_of_the_solid_solution_are_zoned(texture: Texture) -> None:
    plagioclase = texture.phases == NAMES.index("plagioclase")
    assert (texture.zoning[~plagioclase] == 0).all()
    zoned = texture.zoning > 0
    assert 0.3 < zoned[plagioclase].mean() < 0.9
    assert not rock_texture((100, 100), ROCK, zoned=0.0).zoning.any()
    assert (texture.zoning >= 0).all()
    assert (texture.zoning <= 1).all()


def test_zoning_is_concentric() -> None:
    texture = rock_texture((300, 300), ROCK[:3], seed=1, zoned=1.0)
    largest = np.argmax(np.bincount(texture.grains.ravel(), weights=texture.zoning.ravel() > 0))
    inside = texture.grains == largest
    depth = ndi.distance_transform_edt(np.pad(inside, 1, mode="edge"))[1:-1, 1:-1][inside]
    assert np.corrcoef(depth, texture.zoning[inside])[0, 1] < -0.95
    assert texture.zoning[inside].min() == 0
    assert texture.zoning[inside].max() == 1


def test_clustering_gathers_grains_of_one_mineral() -> None:
    def borders(clustering: float) -> int:
        phases = rock_texture((300, 300), ROCK[:6], seed=0, clustering=clustering).phases
        return int(np.count_nonzero(np.diff(phases, axis=0)))

    assert borders(2.5) < 0.75 * borders(0.0)


def test_equal_seeds_give_equal_textures(texture: Texture) -> None:
    again, other = (rock_texture((600, 500), ROCK, seed=seed) for seed in (3, 4))
    for part in ("phases", "grains", "zoning"):
        np.testing.assert_array_equal(getattr(again, part), getattr(texture, part))
    assert (other.phases != texture.phases).mean() > 0.5


def test_a_phase_map_becomes_a_texture() -> None:
    phases = np.zeros((30, 60), np.uint8)
    phases[:, 20:] = 2
    phases[5:10, 30:35] = 0
    texture = texture_of_phases(phases, ROCK, zoned=1.0)
    np.testing.assert_array_equal(texture.phases, phases)
    assert texture.phases.dtype == texture.grains.dtype == np.int32
    assert texture.grains.max() == 2
    assert len({texture.grains[7, 32], texture.grains[0, 0], texture.grains[0, 59]}) == 3
    # Plagioclase is zoned, quartz is not.
    assert (texture.zoning[phases == 0] == 0).all()
    assert texture.zoning[phases == 2].max() == 1
    assert not texture_of_phases(phases, ROCK).zoning.any()


def test_outside_the_sample_is_a_grain_but_no_region() -> None:
    phases = np.zeros((20, 20), np.int32)
    phases[8:12] = -1
    np.testing.assert_array_equal(regions_of_phases(phases)[[0, 10, 19], 0], [1, 0, 2])
    texture = texture_of_phases(phases, ROCK)
    assert texture.phases.min() == -1
    assert len(np.unique(texture.grains)) == 3


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        (np.zeros((3, 3)), "whole numbers"),
        (np.zeros(9, int), "whole numbers"),
        (np.full((3, 3), len(ROCK)), "14 minerals"),
        (np.full((3, 3), -2), "from -2"),
        (np.full((3, 3), -1), "needs a sample"),
    ],
)
def test_impossible_phase_maps_are_refused(phases: np.ndarray, message: str) -> None:
    with pytest.raises(GdlsError, match=message):
        texture_of_phases(phases, ROCK)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.floats(2, 60))
def test_any_shape_works(height: int, width: int, seed: int, grain_size: float) -> None:
    texture = rock_texture((height, width), ROCK, seed=seed, grain_size=grain_size)
    for part, dtype in (("phases", np.int32), ("grains", np.int32), ("zoning", np.float32)):
        values = getattr(texture, part)
        assert values.shape == (height, width)
        assert values.dtype == dtype
    assert texture.phases.min() >= 0
    assert texture.phases.max() < len(ROCK)


@pytest.mark.parametrize(
    ("minerals", "message"),
    [
        ([], "no mineral occurs as grains"),
        ([RockMineral("vein", "SiO2", 1.0, "veins")], "no mineral occurs as grains"),
        ([ROCK[0], ROCK[0]], "two minerals have the same name"),
        ([ROCK[0], ROCK[8]], "each host of a rim"),
        ([ROCK[7], ROCK[8], dataclasses.replace(ROCK[8], name="second rim")], "each host of a rim"),
    ],
)
def test_impossible_rocks_are_refused(minerals: list[RockMineral], message: str) -> None:
    with pytest.raises(GdlsError, match=message):
        rock_texture((20, 20), minerals)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (0, 5)},
        {"shape": (5, 5, 5)},
        {"grain_size": 1.0},
        {"size_spread": -1.0},
        {"clustering": np.nan},
        {"zoned": 2.0},
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(GdlsError, match=next(iter(wrong))):
        rock_texture(**{"shape": (20, 20), "minerals": ROCK, **wrong})  # type: ignore[arg-type]
