"""Scores against an independent program, against scikit-image, and against their own laws."""

from __future__ import annotations

import json
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import adapted_rand_error, variation_of_information

from napari_gdls.errors import GdlsError
from napari_gdls.evaluation import Scores, evaluate

ORACLE = Path(__file__).resolve().parents[1] / "data" / "metrics_oracle"
CASES = json.loads((ORACLE / "expected.json").read_text(encoding="utf-8"))
AREA_SCORES = ("asa", "ue")
BOUNDARY_SCORES = ("precision", "recall")

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(*[arrays(np.int32, shape, elements=st.integers(0, 5))] * 2))


def oracle_maps(case: str) -> tuple[np.ndarray, np.ndarray]:
    maps = [iio.imread(ORACLE / f"{case}.{kind}.png").astype(np.int32) for kind in ("segmentation", "truth")]
    return maps[0], maps[1]


def overlap_exists(pair: tuple[np.ndarray, np.ndarray]) -> bool:
    return bool(((pair[0] > 0) & (pair[1] > 0)).any())


COMPARABLE = PAIRS.filter(overlap_exists)


def approx(scores: Scores) -> dict[str, object]:
    return {name: pytest.approx(value, abs=1e-9) for name, value in scores.to_dict().items()}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_an_independent_program(case: str) -> None:
    # That program has no invalid pixels: 0 is a label like any other, so every id is raised by one.
    labels, truth = oracle_maps(case)
    scores = evaluate(labels + 1, truth + 1)
    assert scores.tolerance == CASES[case]["tolerance_px"]
    for name, expected in CASES[case]["expected"].items():
        assert getattr(scores, name) == pytest.approx(expected, abs=1e-6), name


def test_areas_leave_out_invalid_pixels() -> None:
    # c19b holds the pixels of c19 that are valid in both maps, as one row.
    scores = evaluate(*oracle_maps("c19_invalid_as_label"))
    for name in AREA_SCORES:
        assert getattr(scores, name) == pytest.approx(CASES["c19b_invalid_dropped_1xN"]["expected"][name], abs=1e-6)
    assert scores.n_invalid == 110 * 150 - 13006
    assert 0 < scores.coverage < 1


def test_boundaries_leave_out_invalid_pixels() -> None:
    # c20b is c20 in a frame of invalid pixels: the rim of the frame is no boundary.
    scores = evaluate(*oracle_maps("c20b_frame_naive"), tolerance=1)
    for name, expected in CASES["c20_frame_crop"]["expected"].items():
        assert getattr(scores, name) == pytest.approx(expected, abs=1e-6), name
    assert scores.coverage == 1


def test_boundary_between_segments_that_only_meet_across_invalid_pixels_does_not_count() -> None:
    truth = np.repeat([[1, 1, 0, 2, 2]], 5, axis=0)
    scores = evaluate(np.ones_like(truth), truth)
    assert (scores.precision, scores.recall) == (0, 0)
    joined = evaluate(truth, np.repeat([[1, 1, 1, 2, 2]], 5, axis=0))
    assert (joined.precision, joined.recall, joined.coverage) == (0, 0, 0.8)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((120, 160), 0), ((121, 161), 1), ((360, 480), 1), ((361, 481), 2), ((2000, 2000), 7), ((1, 1), 0)],
)
def test_default_tolerance_follows_the_diagonal(shape: tuple[int, int], expected: int) -> None:
    # Diagonals of exactly 200 and 600 fall to the lower side.
    ones = np.ones(shape, dtype=np.uint8)
    assert evaluate(ones, ones).tolerance == expected


def test_hand_made_example() -> None:
    truth = np.repeat([[1, 1, 1, 1, 2, 2, 2, 2]], 4, axis=0)
    labels = np.repeat([[1, 1, 1, 2, 2, 2, 3, 3]], 4, axis=0)
    scores = evaluate(labels, truth, tolerance=0)
    # Segment 2 has one column in truth 1 and two in truth 2.
    assert scores.asa == pytest.approx(7 / 8)
    assert scores.ue == pytest.approx(2 / 8)
    # Boundary columns: truth 3, 4; labels 2, 3, 5, 6.
    assert scores.recall == pytest.approx(1 / 2)
    assert scores.precision == pytest.approx(1 / 4)
    assert scores.f1 == pytest.approx(1 / 3)
    # IoU of 3/4 with truth 1; truth 2 meets 2/5 and 2/4, which is not above one half.
    assert scores.pq == pytest.approx((3 / 4) / (1 + 0.5 * 1 + 0.5 * 2))
    assert (scores.n_segments, scores.n_truth) == (3, 2)
    third = np.array([1 / 3, 2 / 3])
    assert scores.vi_merge == pytest.approx(3 / 8 * -(third @ np.log2(third)))
    wider = evaluate(labels, truth, tolerance=1)
    assert (wider.recall, wider.precision) == (1, pytest.approx(2 / 3))


def test_pixels_of_no_truth_do_not_make_segments() -> None:
    truth = np.array([[1, 1, 0, 0]])
    assert evaluate(np.array([[5, 5, 6, 7]]), truth).n_segments == 1
    assert evaluate(np.array([[5, 5, 6, 7]]), truth).pq == 1


@given(COMPARABLE)
def test_agrees_with_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, truth = pair
    scores = evaluate(labels, truth)
    valid = (labels > 0) & (truth > 0)
    split, merge = variation_of_information(truth[valid], labels[valid])
    assert scores.vi_split == pytest.approx(split, abs=1e-9)
    assert scores.vi_merge == pytest.approx(merge, abs=1e-9)
    sizes = [np.bincount(m[valid]).max() for m in (truth, labels)]
    if max(sizes) > 1:
        # Out of single pixels there is no pair: scikit-image divides by zero then.
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = adapted_rand_error(truth[valid], labels[valid], ignore_labels=())[0]
        assert scores.are == pytest.approx(expected, abs=1e-9)


@given(COMPARABLE, st.permutations(range(1, 6)), st.permutations(range(1, 6)))
def test_ids_do_not_matter(pair: tuple[np.ndarray, np.ndarray], first: list[int], second: list[int]) -> None:
    labels, truth = pair
    renamed = evaluate(np.array([0, *first])[labels], np.array([0, *second])[truth])
    assert renamed.to_dict() == approx(evaluate(labels, truth))


@given(COMPARABLE)
def test_bounds(pair: tuple[np.ndarray, np.ndarray]) -> None:
    scores = evaluate(*pair)
    loss = 1 - scores.asa
    assert loss - 1e-12 <= scores.ue <= 2 * loss + 1e-12
    for name in ("asa", "precision", "recall", "f1", "are", "pq"):
        assert 0 <= getattr(scores, name) <= 1, name
    assert scores.vi_split >= 0
    assert scores.vi_merge >= 0


@given(COMPARABLE)
def test_symmetric_scores(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, truth = pair
    one, other = evaluate(labels, truth, tolerance=0), evaluate(truth, labels, tolerance=0)
    assert one.pq == pytest.approx(other.pq)
    assert one.are == pytest.approx(other.are)
    assert (one.vi_split, one.vi_merge) == pytest.approx((other.vi_merge, other.vi_split))
    assert (one.precision, one.recall) == pytest.approx((other.recall, other.precision))


@given(SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 4))).filter(np.any))
def test_a_map_agrees_with_itself(truth: np.ndarray) -> None:
    scores = evaluate(truth, truth)
    assert (scores.asa, scores.pq, scores.coverage) == (1, 1, 1)
    assert (scores.ue, scores.are, scores.vi_split, scores.vi_merge) == pytest.approx((0, 0, 0, 0), abs=1e-12)
    pairs = [(truth[1:], truth[:-1]), (truth[:, 1:], truth[:, :-1])]
    has_boundary = any(((a != b) & (a > 0) & (b > 0)).any() for a, b in pairs)
    assert (scores.precision, scores.recall, scores.f1) == (has_boundary,) * 3


@given(COMPARABLE, st.integers(1, 3), st.integers(1, 3))
def test_a_frame_of_invalid_pixels_changes_nothing(
    pair: tuple[np.ndarray, np.ndarray], before: int, after: int
) -> None:
    framed = [np.pad(m, (before, after)) for m in pair]
    bare = evaluate(*pair, tolerance=1).to_dict()
    assert {**evaluate(*framed, tolerance=1).to_dict(), "n_invalid": bare["n_invalid"]} == bare


@settings(max_examples=20)
@given(COMPARABLE, st.sampled_from([np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int64, np.uint64]))
def test_any_integer_dtype_gives_the_same(pair: tuple[np.ndarray, np.ndarray], dtype: type) -> None:
    labels, truth = pair
    assert evaluate(labels.astype(dtype), truth.astype(dtype)) == evaluate(labels, truth)


def test_huge_ids_need_no_huge_table() -> None:
    truth = np.repeat(np.arange(1, 5), 25).reshape(10, 10)
    huge = np.array([0, 7, 2**63 + 5, 2**63 + 6, 2**64 - 1], dtype=np.uint64)[truth]
    assert evaluate(huge, truth) == evaluate(truth, truth)


def test_single_pixel_segments() -> None:
    pixels = np.arange(1, 17).reshape(4, 4)
    assert evaluate(pixels, pixels[::-1]).are == 0
    assert evaluate(pixels, np.ones_like(pixels)).are == 1


@pytest.mark.parametrize(
    ("labels", "truth", "message"),
    [
        (np.ones((3, 3)), np.ones((3, 3), int), "labels have dtype float64"),
        (np.ones((3, 3), int), np.ones((3, 3), bool), "truth have dtype bool"),
        (np.ones((3, 3, 3), int), np.ones((3, 3), int), "labels have shape"),
        (np.ones((3, 4), int), np.ones((4, 3), int), r"\(3, 4\) and truth \(4, 3\)"),
        (np.ones((3, 3), int), np.array([[1, 1], [1, -2]]), "the first, -2, at row 1, column 1"),
        (np.array([[1, 0]]), np.array([[0, 1]]), "nothing to compare"),
        (np.zeros((0, 5), int), np.zeros((0, 5), int), "nothing to compare"),
    ],
)
def test_bad_maps_are_refused(labels: np.ndarray, truth: np.ndarray, message: str) -> None:
    with pytest.raises(GdlsError, match=message):
        evaluate(labels, truth)


@pytest.mark.parametrize("tolerance", [-1, 1.5, True, "1"])
def test_bad_tolerance_is_refused(tolerance: object) -> None:
    with pytest.raises(GdlsError, match="whole number of pixels"):
        evaluate(np.ones((2, 2), int), np.ones((2, 2), int), tolerance=tolerance)  # type: ignore[arg-type]


def test_scores_can_be_read_and_saved() -> None:
    scores = evaluate(*oracle_maps("c19_invalid_as_label"))
    assert "ASA 0.9124   UE 0.1751" in str(scores)
    assert "3,494 pixels take no part" in str(scores)
    assert Scores(**json.loads(json.dumps(scores.to_dict()))) == scores


def test_large_maps_are_quick() -> None:
    rng = np.random.default_rng(0)
    truth = np.kron(rng.permutation(40_000).reshape(200, 200) + 1, np.ones((10, 10), np.int32))
    labels = np.roll(truth, (2, 3), axis=(0, 1))
    start = time.process_time()
    scores = evaluate(labels, truth)
    # About 0.6 s; the limit leaves room for slower machines and still fails for a loop over segments.
    assert time.process_time() - start < 4
    assert scores.n_truth == 40_000
