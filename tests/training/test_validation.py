import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.embedding.networks import axis_of
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.training.batches import BatchDesign, BatchGenerator
from napari_gdls.training.families import FamilySource
from napari_gdls.training.ideal_library import IdealLibrary, draw_beams, draw_instruments
from napari_gdls.training.validation import (
    ONE_MATERIAL,
    calibrate,
    false_splits,
    pair_auc,
    same_different_auc,
    validation_auc,
)

COMPOSITIONS = mass_fractions(
    [{"Mg": 34.55, "Si": 19.96, "O": 45.49}, {"Fe": 54.81, "Si": 13.79, "O": 31.41}, {"Fe": 46.55, "S": 53.45}]
)


@pytest.fixture(scope="module")
def library():
    rng = np.random.default_rng(0)
    return IdealLibrary(COMPOSITIONS, draw_beams(rng, 1), draw_instruments(rng, 2, 1), axis_of(2))


def generator(library, design):
    return BatchGenerator(library, FamilySource(COMPOSITIONS, (np.array([0, 1]),), np.ones(1), 0.0, 0.0), design)


def roots(counts):
    """Square roots of coarse bins: not good, but lawful."""
    coarse = counts.reshape(len(counts), 48, 16).sum(dim=2)
    return torch.sqrt(coarse / coarse.sum(dim=1, keepdim=True)).numpy()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_auc_is_the_share_of_pairs_in_the_right_order(same, different):
    wins = [(d > s) + 0.5 * (d == s) for s in same for d in different]
    assert same_different_auc(same, different) == pytest.approx(np.mean(wins))


def test_pairs_that_lie_apart_score_1_and_equal_ones_about_a_half():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(40, 3))
    assert pair_auc(z[:20], z[20:] + 100) == 1.0
    assert pair_auc(z[:20], z[20:]) == pytest.approx(0.5, abs=0.08)


def test_validation_improves_with_counts(library):
    source = generator(library, BatchDesign(families=20, members=2, samples=8, spacing=(3.0, 3.0)))
    scores = validation_auc(roots, source, counts=(100, 10_000), batches=1)
    assert scores[10_000] > scores[100] + 0.1
    assert scores == validation_auc(roots, source, counts=(100, 10_000), batches=1)


def test_calibration_stays_as_close_to_five_percent_false_splits_as_it_can(library):
    source = generator(library, ONE_MATERIAL)
    report = calibrate(roots, source, batches=2)
    assert list(report.false_splits) == ["100", "300", "1000", "3000", "10000", "300/3000"]
    ratios = np.array(list(report.false_splits.values())) / 0.05
    assert ratios.max() * ratios.min() == pytest.approx(1, abs=0.1)  # as far above as below
    assert false_splits(roots, report.calibration, source, range(2)) == pytest.approx(report.false_splits, abs=0.002)


def test_scatter_inside_the_material_shows_as_f(library):
    quiet = BatchDesign(
        families=40, members=1, samples=12, third=0.0, tilt=0.0, continuum=0.0, neighbours=0.0, response_errors=False
    )
    without = calibrate(roots, generator(library, quiet), batches=2).calibration
    with_scatter = calibrate(roots, generator(library, ONE_MATERIAL), batches=2).calibration
    assert with_scatter.f > without.f
