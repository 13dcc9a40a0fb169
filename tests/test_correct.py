"""Corrections by hand done to a result: `napari_gdls.correct`, and recipes that hold them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_gdls.errors import GdlsWarning, RecipeError
from napari_gdls.field import Field
from napari_gdls.pipeline import correct, segment
from napari_gdls.recipe import Assign, Correction, Cut, Join, MergePhases, Paint, Place, Recipe, Split
from napari_gdls.samples import sample_field
from napari_gdls.segmentation import Segmentation
from napari_gdls.segmentation.correcting import corrected
from napari_gdls.simulation import simulate_field


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


def test_all_measurements_can_be_of_one_new_phase(run: Segmentation) -> None:
    everything = tuple((int(row), int(column)) for row, column in run.field.locations)
    assigned = correct(run, [Assign(everything)])
    check(assigned)
    assert assigned.n_phases == 1
    assert assigned.modal.percent.tolist() == [100]
    assert assigned.phases_before is not None
    assert set(assigned.phases_before.tolist()) == {-1}


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


@pytest.fixture(scope="module")
def sparse() -> list[Segmentation]:
    """A field with dots every 3 px and some invalid pixels: as it is, coarsened, and by other recipes."""
    given = simulate_field((90, 110), seed=5, grain_size=9, counts=300)
    valid = np.ones(given.shape, dtype=np.bool_)
    valid[30:34, 10:50] = valid[50:80, 20:23] = False
    measured = valid[tuple(given.locations.T)]
    field = Field(
        given.bse,
        given.spectra[np.flatnonzero(measured)],
        given.locations[measured],
        given.energy,
        valid=valid,
        bse_full_scale=given.bse_full_scale,
    )
    result = segment(field, device="cpu")
    earlier = {"embedding": result.embedding, "graph": result.graph}
    return [
        result,
        result.coarsened(2.0),
        segment(field, smallest=40, reach=3.0, **earlier),
        segment(field, method="threshold", labelling="local", **earlier),
        segment(field, labelling="walker", **earlier),
    ]


@st.composite
def some_corrections(draw: st.DrawFn, result: Segmentation) -> list[Correction]:
    """Corrections anywhere in a field, large and small ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    locations = result.field.locations

    def anywhere(n: int) -> tuple[Place, ...]:
        chosen = locations[rng.permutation(len(locations))[:n]]
        return tuple((int(row), int(column)) for row, column in chosen)

    def beside(n: int) -> tuple[Place, ...]:
        far = ((locations - locations[rng.integers(len(locations))]) ** 2).sum(axis=1)
        return tuple((int(row), int(column)) for row, column in locations[np.argsort(far, kind="stable")[:n]])

    def example() -> Place | None:
        return anywhere(1)[0] if rng.random() < 0.6 else None

    def one(kind: str) -> Correction:
        if kind == "split":
            return Split(tuple(map(tuple, (rng.random((rng.integers(2, 5), 2)) * result.field.shape).tolist())))
        if kind == "cut":
            edges = locations[result.graph.edges[rng.integers(result.graph.n_edges, size=rng.integers(1, 5))]]
            return Cut(tuple(((int(a[0]), int(a[1])), (int(b[0]), int(b[1]))) for a, b in edges))
        if kind == "paint":
            return Paint(beside(rng.integers(1, 20)), example())
        if kind == "assign":
            return Assign(beside(rng.integers(1, 20)), example())
        return Join(anywhere(2)) if kind == "join" else MergePhases(anywhere(2))

    kinds = ["join", "split", "cut", "paint"] + ["assign", "merge phases"] * result.has_phases
    return [one(kind) for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=7))]


@pytest.mark.filterwarnings("ignore:Correction")  # lines anywhere may part nothing
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_solved_around_corrections_is_what_the_whole_field_gives(
    sparse: list[Segmentation], data: st.DataObject
) -> None:
    base = sparse[data.draw(st.integers(0, len(sparse) - 1))]
    corrections = data.draw(some_corrections(base))
    result = correct(base, corrections)
    whole = corrected(base, corrections, field=base.field, whole=True)
    np.testing.assert_array_equal(result.labels, whole.labels)
    np.testing.assert_array_equal(result.confidence, whole.confidence)
    # By whatever way one comes there.
    between = correct(base, corrections[: len(corrections) // 2])
    np.testing.assert_array_equal(correct(between, corrections).labels, result.labels)
    # Every pixel is of a segment as before, and every measurement of that of its pixel.
    np.testing.assert_array_equal(result.labels > 0, base.labels > 0)
    np.testing.assert_array_equal(result.labels[tuple(base.field.locations.T)] - 1, result.measurement_labels)
    np.testing.assert_array_equal(np.unique(result.measurement_labels), np.arange(result.n_segments))
    if result.confidence is not None:
        np.testing.assert_array_equal(result.confidence > 0, result.labels > 0)
        assert result.confidence.max() <= 1
    if result.has_phases:
        check(result)
        found = result.grouped
        np.testing.assert_array_equal(found.partner == found.labels, np.zeros(len(found.labels), dtype=np.bool_))
        assert len(result.merges) == result.n_phases - 1


def test_segments_that_are_moved_as_a_whole_keep_every_border(run: Segmentation, sparse: list[Segmentation]) -> None:
    for base in (run, sparse[0]):
        first, second = places_of(base, largest(base, 1)), places_of(base, largest(base, 3))
        for each in (Assign(first, second[0]), Join((first[0], second[0])), MergePhases((first[0], second[0]))):
            result = correct(base, [each])
            # Segments become one with others, and no pixel goes another way than the rest of its segment.
            pairs = np.unique(np.stack([base.labels.ravel(), result.labels.ravel()]), axis=1)
            assert pairs.shape[1] == base.n_segments + int((base.labels == 0).any())


def test_a_result_that_comes_without_what_pixels_were_judged_by_is_corrected_alike(sparse: list[Segmentation]) -> None:
    """As a file brings it."""
    for base in (sparse[0], sparse[1]):
        run = base.merged_from or base
        bare = dataclasses.replace(run, pixel_task=None)
        if base is not run:
            bare = bare.coarsened(2.0)
        corrections = [Paint(places_of(base, largest(base, 1))[:9], places_of(base, largest(base, 2))[0])]
        expected, found = correct(base, corrections), correct(bare, corrections)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.confidence, expected.confidence)


def test_names_by_hand_stay_and_measured_ones_go_where_a_phase_has_changed(run: Segmentation) -> None:
    from napari_gdls.segmentation import PhaseName

    names = [PhaseName(f"mineral {k}", 0.9, "measured", quantities={"Si [wt%]": 10.0 + k}) for k in range(run.n_phases)]
    named = run.with_names(names)
    by_hand = named.renamed(int(run.phases[largest(run, 5)]), "my glass")
    moved = places_of(run, largest(run, 2))[:30]
    source, target = run.grouped.labels[run.measurement_labels == largest(run, 2)][0], run.phases[largest(run, 5)]
    painted = correct(by_hand, [Paint(moved, places_of(run, largest(run, 5))[0])])
    assert painted.names[target].name == "my glass"
    assert not painted.names[target].quantities
    assert painted.names[source].name == ""
    others = [k for k in range(run.n_phases) if k not in (source, target) and painted.names[k].name]
    assert len(others) > run.n_phases / 2
    assert all(painted.names[k] == by_hand.names[k] for k in others)
    back = correct(painted, ())
    assert back.names == by_hand.names
