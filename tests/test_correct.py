"""Corrections by hand done to a result: `napari_gdls.correct`, and recipes that hold them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.errors import GdlsWarning, RecipeError
from napari_gdls.field import Field
from napari_gdls.pipeline import correct, segment
from napari_gdls.recipe import Assign, Cut, Join, MergePhases, Paint, Place, Recipe, Split
from napari_gdls.samples import sample_field
from napari_gdls.segmentation import Segmentation


@pytest.fixture(scope="module")
def field() -> Field:
    return sample_field("dacite")


@pytest.fixture(scope="module")
def run(field: Field) -> Segmentation:
    return segment(field, device="cpu")


def places_of(result: Segmentation, segment: int) -> tuple[Place, ...]:
    """Measurements of a segment counted from 0."""
    chosen = np.flatnonzero(result.measurement_labels == segment)
    return tuple((int(row), int(column)) for row, column in result.field.locations[chosen])


def largest(result: Segmentation, rank: int) -> int:
    """A segment by its size, the largest first."""
    return int(np.argsort(-np.bincount(result.measurement_labels), kind="stable")[rank])


def check(result: Segmentation) -> None:
    """What holds for every result."""
    rows, columns = result.field.locations.T
    np.testing.assert_array_equal(result.labels[rows, columns] - 1, result.measurement_labels)
    np.testing.assert_array_equal(np.unique(result.labels[result.labels > 0]), np.arange(result.n_segments) + 1)
    np.testing.assert_array_equal(np.unique(result.grouped.labels), np.arange(result.n_phases))
    assert result.modal.percent.sum() == pytest.approx(100)


def test_joined_segments_are_one_and_nothing_else_moves(run: Segmentation) -> None:
    two = [largest(run, 2), largest(run, 5)]
    joined = correct(run, [Join(tuple(places_of(run, each)[0] for each in two))])
    check(joined)
    assert joined.n_segments == run.n_segments - 1
    both = np.isin(run.measurement_labels, two)
    assert len(np.unique(joined.measurement_labels[both])) == 1
    np.testing.assert_array_equal(
        np.unique(joined.measurement_labels[~both], return_inverse=True)[1],
        np.unique(run.measurement_labels[~both], return_inverse=True)[1],
    )
    assert joined.uncorrected is not None
    np.testing.assert_array_equal(joined.uncorrected.labels, run.labels)


def test_painted_measurements_are_of_the_phase_of_their_new_segment_and_numbers_follow(run: Segmentation) -> None:
    source, target = largest(run, 2), largest(run, 5)
    moved = places_of(run, source)[:30]
    painted = correct(run, [Paint(moved, places_of(run, target)[0])])
    check(painted)
    at = [int(np.flatnonzero((run.field.locations == place).all(axis=1))[0]) for place in moved]
    assert np.all(painted.grouped.labels[at] == run.phases[target])
    assert np.all(painted.grouped.partner[at] == -1)
    assert np.all(painted.grouped.confidence[at] == 1)
    gained = painted.modal.percent[run.phases[target]] - run.modal.percent[run.phases[target]]
    assert gained == pytest.approx(100 * 30 / run.field.n_measurements, abs=0.15)  # some were mixtures


def test_a_new_phase_comes_last_and_other_phases_keep_their_numbers(run: Segmentation) -> None:
    assigned = correct(run, [Assign(places_of(run, largest(run, 2))[:40])])
    check(assigned)
    assert assigned.n_phases == run.n_phases + 1
    assert np.bincount(assigned.grouped.labels)[-1] == 40
    assert len(assigned.phase_colours) == assigned.n_phases


def test_a_run_with_a_recipe_of_corrections_is_the_corrected_run(field: Field, run: Segmentation) -> None:
    rows = run.field.locations[run.measurement_labels == largest(run, 3)]
    middle = float(rows[:, 1].mean()) + 0.3
    corrections = (
        Split(((float(rows[:, 0].min()) - 1, middle), (float(rows[:, 0].max()) + 1, middle))),
        MergePhases((places_of(run, largest(run, 4))[0], places_of(run, largest(run, 6))[0])),
        Cut(((places_of(run, largest(run, 5))[0], places_of(run, largest(run, 5))[-1]),)),
    )
    recipe = Recipe.from_json(run.recipe.replace(corrections=corrections).to_json())
    again, corrected = segment(field, recipe), correct(run, corrections)
    np.testing.assert_array_equal(again.labels, corrected.labels)
    np.testing.assert_array_equal(again.confidence, corrected.confidence)
    np.testing.assert_array_equal(again.grouped.pool.z, corrected.grouped.pool.z)
    np.testing.assert_array_equal(again.modal.error, corrected.modal.error)
    assert again.recipe == corrected.recipe
    back = correct(corrected, ())
    np.testing.assert_array_equal(back.labels, run.labels)
    assert back.uncorrected is None


def test_methods_that_keep_no_corrections_say_so(run: Segmentation, field: Field) -> None:
    join = Join(((0, 0), (5, 5)))
    with pytest.raises(RecipeError, match="cannot keep corrections by hand"):
        segment(field, method="watershed", corrections=(join,))
    plain = segment(field, method="threshold", embedding=run.embedding, graph=run.graph)
    assert correct(plain, [join]).n_segments in (plain.n_segments, plain.n_segments - 1)
    with pytest.raises(RecipeError, match="makes no phases"):
        correct(plain, [Assign(((0, 0),))])


def test_places_without_a_measurement_are_told_and_skipped(run: Segmentation) -> None:
    place = places_of(run, largest(run, 2))[0]
    with pytest.warns(
        GdlsWarning, match=r"Correction 1 \(join\): no measurement at row 500, column 2; it does nothing"
    ):
        same = correct(run, [Join((place, (500, 2)))])
    np.testing.assert_array_equal(same.labels, run.labels)
