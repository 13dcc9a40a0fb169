"""Areas finer than the measurements are dense."""

import numpy as np
import pytest
from exact_materials import lattice
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.phases.intergrowth import find_intergrowths, without_rims

SHAPE = (40, 40)


@pytest.fixture(scope="module")
def near():
    return lattice(SHAPE)[2]


def coarse(grain=8, n_phases=3, seed=0):
    """Square grains."""
    rng = np.random.default_rng(seed)
    side = -(-SHAPE[0] // grain)
    return rng.integers(0, n_phases, (side, side)).repeat(grain, 0).repeat(grain, 1)[: SHAPE[0], : SHAPE[1]]


def patches(near, labels, bse=None):
    brightness = np.zeros(SHAPE) if bse is None else bse
    return find_intergrowths(near, labels.ravel().astype(np.int64), brightness.ravel()).reshape(SHAPE)


@pytest.mark.parametrize("n_phases", [2, 3, 6])
def test_salt_and_pepper_is_one_patch(near, n_phases):
    labels = coarse()
    area = np.zeros(SHAPE, bool)
    area[10:30, 5:25] = True
    labels[area] = np.random.default_rng(1).integers(3, 3 + n_phases, area.sum())
    patch = patches(near, labels)
    assert (patch[~area] >= 0).mean() < 0.05
    assert (patch[area] >= 0).mean() > 0.9
    assert (patch[area] == np.bincount(patch[area][patch[area] >= 0]).argmax()).mean() > 0.85


@pytest.mark.parametrize("share", [0.5, 0.3, 0.15])
def test_a_whole_field_can_be_fine_grained_whatever_the_shares(near, share):
    labels = np.random.default_rng(1).random(SHAPE) < share
    assert (patches(near, labels) == 0).mean() > 0.99


def test_a_bright_grain_is_not_counted_to_the_mixture_around_it(near):
    rng = np.random.default_rng(1)
    labels, bse = rng.integers(0, 3, SHAPE), rng.normal(0.5, 0.01, SHAPE)
    grain = np.zeros(SHAPE, bool)
    grain[10:14, 20:24] = True
    bse[grain] += 0.2
    bse[30, 30] += 0.2
    patch = patches(near, labels, bse)
    assert (patch[grain] == -1).all()
    assert patch[30, 30] == 0
    assert (patch[~grain] == 0).mean() > 0.98


def test_specks_that_resemble_a_grain_beside_them_are_its_rim(near):
    labels = np.random.default_rng(1).integers(0, 3, SHAPE)
    labels[:, :10] = 3
    labels[:, 10] = 4
    patch = np.where(labels >= 3, -1, 0)
    patch[:, 10] = 0
    difference = np.full((5, 5), 3.0)
    difference[3, 4] = difference[4, 3] = 0.5
    flat_labels, flat_patch = labels.ravel().astype(np.int64), patch.ravel().astype(np.int64)
    before = flat_labels.copy(), flat_patch.copy()
    given = flat_labels, flat_patch
    flat_labels, flat_patch = without_rims(near, flat_labels, flat_patch, difference)
    assert all(np.array_equal(a, b) for a, b in zip(before, given, strict=True))
    assert (flat_labels.reshape(SHAPE)[:, 10] == 3).all()
    assert (flat_patch.reshape(SHAPE)[:, 10] == -1).all()
    assert (flat_patch.reshape(SHAPE)[:, 11:] == 0).all()
    np.testing.assert_array_equal(flat_labels.reshape(SHAPE)[:, 11:], labels[:, 11:])


@pytest.mark.parametrize("grain", [3, 5, 8, 20])
def test_compact_grains_are_none(near, grain):
    assert (patches(near, coarse(grain, seed=grain)) == -1).all()


def test_grains_of_five_measurements_are_none(near):
    labels = coarse(20, seed=3)
    for row in range(4, 40, 10):
        for column in range(4, 40, 10):
            labels[row : row + 2, column : column + 2] = labels[row + 2, column] = 8
    assert (patches(near, labels) == -1).all()


def test_rims_are_none(near):
    """A chain of measurements of its own phase around every grain."""
    labels = coarse(10, seed=3)
    edge = (np.arange(40) % 10 == 0)[:, None] | (np.arange(40) % 10 == 0)[None, :]
    labels[edge] = 7
    assert (patches(near, labels) == -1).all()


def test_a_few_specks_are_none(near):
    rng = np.random.default_rng(2)
    labels = coarse(20, seed=1)
    labels[rng.random(SHAPE) < 0.03] = 8
    assert (patches(near, labels) == -1).all()


def test_patches_apart_have_numbers_of_their_own(near):
    rng = np.random.default_rng(4)
    labels = np.zeros(SHAPE, int)
    for columns in (slice(2, 17), slice(23, 38)):
        labels[5:35, columns] = rng.integers(1, 3, (30, 15))
    patch = patches(near, labels)
    assert set(np.unique(patch)) == {-1, 0, 1}
    assert set(np.unique(patch[:, :20])) == {-1, 0}
    assert set(np.unique(patch[:, 20:])) == {-1, 1}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 10))
def test_names_of_the_phases_do_not_matter(near, seed, n_phases, grain):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_phases, (40 // grain + 1,) * 2).repeat(grain, 0).repeat(grain, 1)[:40, :40]
    labels = np.unique(labels, return_inverse=True)[1].reshape(SHAPE)
    patch = patches(near, labels)
    assert np.array_equal(patch, patches(near, rng.permutation(labels.max() + 1)[labels]))
    assert np.array_equal(np.unique(patch[patch >= 0]), np.arange(patch.max() + 1))
    size = np.bincount(patch[patch >= 0])
    assert (size >= 50).all()
