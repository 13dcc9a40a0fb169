import numpy as np
import pytest

from napari_gdls import sample_field, segment
from napari_gdls.errors import RecipeError
from napari_gdls.segmentation.tables import phase_merge_table, phase_table


@pytest.fixture(scope="module")
def result():
    return segment(sample_field("dacite-fast"))


@pytest.fixture(scope="module")
def without_phases(result):
    return segment(result.field, embedding=result.embedding, graph=result.graph, method="threshold")


def test_the_phases_add_up_to_the_field(result):
    table = phase_table(result)
    assert table["phase"].tolist() == list(range(1, result.n_phases + 1))
    assert table["area [%]"].sum() == pytest.approx(100)
    assert table["segments"].sum() == result.n_segments
    assert table["measurements"].sum() == result.field.n_measurements
    assert table["counts"].sum() == pytest.approx(result.field.total_counts.sum())
    assert (table["error [%]"] > 0).all()


def test_mean_bse_is_in_the_units_of_the_image(result):
    bse = result.field.bse_at_measurements
    mean = phase_table(result)["mean BSE"]
    assert ((mean >= bse.min()) & (mean <= bse.max())).all()
    assert mean.max() > bse.mean() > mean.min()


def test_the_merges_end_in_one_group_of_all_phases(result):
    table = phase_merge_table(result)
    assert len(table["difference"]) == result.n_phases - 1
    first, second = (table[f"{which} phases"][-1].split() for which in ("first", "second"))
    assert sorted(map(int, first + second)) == list(range(1, result.n_phases + 1))
    assert np.isfinite(table["significance"]).all()


def test_a_single_phase_leaves_nothing_to_merge(result):
    one = result.with_phases_merged(np.zeros(result.n_phases, dtype=int))
    assert phase_table(one)["area [%]"].tolist() == [100]
    assert {len(column) for column in phase_merge_table(one).values()} == {0}


def test_other_methods_make_no_phases(without_phases):
    for table in (phase_table, phase_merge_table):
        with pytest.raises(RecipeError, match="no phases"):
            table(without_phases)
