"""The benchmark of agreement judges rightly."""

from __future__ import annotations

import benchmarks.agreement as agreement
import numpy as np
import pytest
from benchmarks.segmentation.scores import n_true_phases

from napari_gdls import Field
from napari_gdls.simulation import simulate_field


@pytest.fixture(scope="module")
def field() -> Field:
    """Quarters of four minerals."""
    texture = np.kron(np.arange(4).reshape(2, 2), np.ones((24, 24), int))
    minerals = {"quartz": "SiO2", "calcite": "CaCO3", "pyrite": "FeS2", "rutile": "TiO2"}
    return simulate_field(minerals=minerals, texture=texture, seed=1, counts=2000)


def test_names_of_phases_do_not_matter() -> None:
    phases = np.array([[1, 1, 2], [3, 0, 2]], np.int32)
    assert agreement.agreements(phases, np.array([[2, 2, 3], [1, 5, 3]], np.int32)) == (1, 1)
    assert agreement.n_counted(phases) == 3
    assert agreement.n_counted(phases, 0.2) == 2


def test_only_one_to_one_sees_what_is_split() -> None:
    whole = np.ones((4, 5), np.int32)
    split = np.repeat(np.array([[1, 1, 1, 2, 3]], np.int32), 4, axis=0)
    assert agreement.agreements(split, whole) == (0.6, 1)
    assert agreement.agreements(whole, split) == (0.6, 0.6)


def test_crops_hold_what_lies_in_them(field: Field) -> None:
    parts = list(agreement.crops((48, 50)))
    assert len(parts) == 10
    assert list(agreement.crops((48, 50), quarters_only=True)) == parts[:4]
    assert sum(agreement.cropped(field, part).n_measurements for part in parts[:4]) == field.n_measurements
    part = agreement.cropped(field, (24, 48, 0, 24))
    there = field.locations[(field.locations[:, 0] >= 24) & (field.locations[:, 1] < 24)]
    assert np.array_equal(part.locations, there - [24, 0])
    assert np.array_equal(part.bse, field.bse[24:, :24])


def test_halves_share_out_the_counts(field: Field) -> None:
    first, second = agreement.halves(field, seed=3)
    assert np.array_equal(first.total_counts + second.total_counts, field.total_counts)
    assert first.total_counts.sum() == pytest.approx(second.total_counts.sum(), rel=0.02)


def test_hard_pairs_are_fourteen_minerals() -> None:
    assert len({mineral.name for mineral in agreement.HARD_PAIRS}) == 14
    assert n_true_phases(agreement.rough_field(agreement.HARD_PAIRS, 12.0, seed=201, size=120)) == 14


def test_tables_are_printed(field: Field, capsys: pytest.CaptureFixture[str]) -> None:
    agreement.print_crops(field, quarters_only=True)
    agreement.print_doses(field, field.thinned(0.1), [500.0], [0])
    text = capsys.readouterr().out
    for row in ("24-48, 0-24", "mean", "the reference: ", "500, thinned", ", measured", "half against half"):
        assert row in text
