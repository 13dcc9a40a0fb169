"""Fields that overlap: shifts and BSE levels are found again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import made_result, written

from napari_gdls.batch.bse_levels import matched_levels
from napari_gdls.batch.mosaic_fields import HeldResults
from napari_gdls.batch.places import places_of
from napari_gdls.batch.registration import PairShift, _solved, overlapping_pairs, registered
from napari_gdls.errors import GdlsWarning

SIDE, OVERLAP = 120, 20


def texture(rng, shape):
    """Grains of grey levels, with noise."""
    small = rng.integers(60, 200, (shape[0] // 8 + 1, shape[1] // 8 + 1))
    grains = np.kron(small, np.ones((8, 8)))[: shape[0], : shape[1]]
    return grains + rng.normal(0, 3, shape)


def mosaic(folder, seed, *, rows=2, columns=2, error=4, levels=False):
    """Fields of a mosaic whose true corners are moved from the nominal ones."""
    rng = np.random.default_rng(seed)
    step = SIDE - OVERLAP
    whole = texture(rng, (rows * step + SIDE, columns * step + SIDE))
    nominal, true, results, names, gains = [], [], [], [], []
    for i in range(rows):
        for j in range(columns):
            at = np.array([i * step + 10, j * step + 10])
            moved = at + rng.integers(-error, error + 1, 2)
            gain, offset = (rng.uniform(0.9, 1.1), rng.uniform(-8, 8)) if levels else (1.0, 0.0)
            image = whole[moved[0] : moved[0] + SIDE, moved[1] : moved[1] + SIDE]
            bse = np.clip((image - offset) / gain + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
            name = f"{i}-{j}"
            results.append(made_result(name, np.ones((SIDE, SIDE), dtype=np.int32), [0], 1, bse=bse))
            names.append(name)
            nominal.append(at)
            true.append(moved)
            gains.append((gain, offset))
    files = written(folder, *results)
    places = places_of(tuple(names), np.array(nominal, dtype=float), np.full((len(names), 2), SIDE))
    return places, np.array(true), files, np.array(gains), results


def held(places, files):
    return HeldResults([files[name] for name in places.names], ("bse", "valid"))


@settings(max_examples=5)
@given(seed=st.integers(0, 10_000))
def test_shifts_are_found_again(tmp_path_factory, seed):
    places, true, files, _, _ = mosaic(tmp_path_factory.mktemp("mosaic"), seed)
    found, _ = registered(places, held(places, files))
    np.testing.assert_array_equal(found.origins - found.origins[0], true - true[0])
    assert np.nanmax(found.residual) < 1.0


def test_the_order_of_the_fields_does_not_matter(tmp_path):
    places, _, files, _, _ = mosaic(tmp_path, 3)
    order = np.array([2, 0, 3, 1])
    other = dataclasses.replace(
        places,
        names=tuple(places.names[k] for k in order),
        origins=places.origins[order],
        shapes=places.shapes[order],
    )
    np.testing.assert_array_equal(
        registered(other, held(other, files))[0].origins, registered(places, held(places, files))[0].origins[order]
    )


def test_images_that_do_not_tell_leave_the_places_as_they_were(tmp_path):
    places, _, files, _, results = mosaic(tmp_path, 1)
    rng = np.random.default_rng(0)
    for result in results:
        noise = rng.integers(0, 255, (SIDE, SIDE)).astype(np.uint8)
        written(tmp_path, dataclasses.replace(result, bse=noise))
    with pytest.warns(GdlsWarning, match="show different things there"):
        found, pairs = registered(places, held(places, files))
    assert pairs == []
    np.testing.assert_array_equal(found.origins, places.origins)
    for result in results:
        written(tmp_path, dataclasses.replace(result, bse=np.full((SIDE, SIDE), 7, np.uint8)))
    with pytest.warns(GdlsWarning, match="show different things there"):
        np.testing.assert_array_equal(registered(places, held(places, files))[0].origins, places.origins)


def test_fields_that_only_touch_are_not_compared():
    places = places_of(("a", "b"), np.array([[0.0, 0.0], [0.0, 50.0]]), np.full((2, 2), 50))
    assert overlapping_pairs(places) == []


def test_levels_are_found_again_up_to_a_common_scale(tmp_path):
    places, _, files, gains, results = mosaic(tmp_path, 5, rows=2, columns=3, error=0, levels=True)
    pairs = registered(places, held(places, files))[1]
    found = matched_levels(places, held(places, files), "auto", results, None, pairs)
    middle = 130.0
    right = (middle - gains[:, 1]) / gains[:, 0]  # what each field shows of the same grey
    shown = found.bse_gain * right + found.bse_offset
    assert np.ptp(shown) < 4.0 < np.ptp(right)
    assert found.bse_gain.mean() == pytest.approx(1, abs=1e-3)
    assert found.bse_offset.mean() == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("how", ["none", "phases"])
def test_levels_stay_where_there_is_nothing_to_match_them_by(tmp_path, how):
    places, _, files, _, results = mosaic(tmp_path, 5, rows=1, columns=2, levels=True)
    found = matched_levels(places, held(places, files), how, results, None)
    np.testing.assert_array_equal(found.bse_gain, 1)
    np.testing.assert_array_equal(found.bse_offset, 0)


@pytest.mark.parametrize("n", [3, 70])
def test_an_error_of_scale_is_followed_however_long_the_row(n):
    pairs = [PairShift(k, k + 1, (0.0, 5.0), 0.9) for k in range(n - 1)]
    moved, _ = _solved(n, pairs)
    np.testing.assert_allclose(np.diff(moved[:, 1]), 5.0, atol=0.2)


def test_a_pair_that_does_not_fit_the_others_loses_its_say():
    side = 5
    number = np.arange(side * side).reshape(side, side)
    pairs = [
        PairShift(a, b, (0.0, 0.0), 0.9) for a, b in zip(number[:, :-1].ravel(), number[:, 1:].ravel(), strict=True)
    ]
    pairs += [PairShift(a, b, (0.0, 0.0), 0.9) for a, b in zip(number[:-1].ravel(), number[1:].ravel(), strict=True)]
    pairs[7] = PairShift(pairs[7].first, pairs[7].second, (40.0, -20.0), 0.6)
    moved, residual = _solved(side * side, pairs)
    assert np.ptp(moved, axis=0).max() < 0.5
    assert np.nanmax(residual) > 30
