"""Classes of pixels from strokes, and masks of grains from classes."""

from __future__ import annotations

import numpy as np
import pytest
from line_mixture import mixture_field
from threadpoolctl import threadpool_limits

from napari_gdls.errors import Cancelled, GdlsError, RecipeError
from napari_gdls.overlap import classify_pixels, decompose, grain_masks, pixel_features, smooth_probabilities
from napari_gdls.overlap.classification import SMOOTHERS


@pytest.fixture(scope="module")
def painted():
    """Features, strokes and truth (1 to 4, the last for both) of a mixture with a hole."""
    field, abundances, _ = mixture_field(shape=(48, 48), hole=True)
    scores = decompose(field, 3).scores
    share = abundances / abundances.sum(axis=2, keepdims=True)
    with np.errstate(invalid="ignore"):
        present = share[..., 1:] > 0.05
    truth = np.where(present.all(axis=2), 4, np.where(present[..., 0], 2, np.where(present[..., 1], 3, 1)))
    truth[np.isnan(share).any(axis=2)] = 0
    strokes = np.zeros_like(truth)
    rng = np.random.default_rng(0)
    for label in range(1, 5):
        pixels = np.argwhere(truth == label)
        chosen = pixels[rng.choice(len(pixels), min(25, len(pixels) // 3), replace=False)]
        strokes[tuple(chosen.T)] = label
    return pixel_features(scores), strokes, truth


def test_features_are_numbers_where_there_were_measurements():
    field, *_ = mixture_field(hole=True)
    scores = decompose(field, 3).scores
    features = pixel_features(scores)
    measured = np.isfinite(scores[..., 0])
    assert features.dtype == np.float32
    assert features.shape[:2] == field.shape
    assert np.array_equal(features[measured][:, :3], scores[measured].astype(np.float32))
    assert np.isfinite(features[measured]).all()
    assert np.isnan(features[~measured]).all()
    more = pixel_features(scores, np.arange(measured.size).reshape(measured.shape))
    assert more.shape[2] > features.shape[2]


def test_strokes_teach_the_classes(painted):
    features, strokes, truth = painted
    labels, probabilities = classify_pixels(features, strokes, n_classes=3)
    measured = truth > 0
    assert labels.dtype == np.int32
    assert probabilities.dtype == np.float64
    assert probabilities.shape == (*truth.shape, 4)
    assert (labels[~measured] == 0).all()
    assert np.isnan(probabilities[~measured]).all()
    assert probabilities[measured].sum(axis=1) == pytest.approx(1)
    assert (labels[measured] == truth[measured]).mean() > 0.9


def test_without_a_number_of_classes_the_strokes_tell_it(painted):
    features, strokes, _ = painted
    only = np.where(strokes == 4, 0, strokes)
    labels, probabilities = classify_pixels(features, only)
    assert probabilities.shape[2] == 3
    assert set(np.unique(labels)) == {0, 1, 2, 3}


def test_a_class_without_strokes_is_given_to_no_pixel(painted):
    features, strokes, _ = painted
    labels, probabilities = classify_pixels(features, np.where(strokes == 2, 0, strokes), n_classes=3, smoothness=2.0)
    assert not np.nansum(probabilities[..., 1])
    assert 2 not in labels


def test_equal_strokes_give_equal_bytes(painted):
    features, strokes, _ = painted
    found = []
    for n in (1, 2):
        with threadpool_limits(n):
            found.append(classify_pixels(features, strokes, n_classes=3, seed=7))
    assert found[0][0].tobytes() == found[1][0].tobytes()
    assert found[0][1].tobytes() == found[1][1].tobytes()
    other = classify_pixels(features, strokes, n_classes=3, seed=8)
    assert not np.array_equal(found[0][1], other[1], equal_nan=True)


def borders(labels: np.ndarray) -> int:
    return int((labels[:, 1:] != labels[:, :-1]).sum() + (labels[1:] != labels[:-1]).sum())


@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_more_smoothness_means_shorter_borders(painted, smoother):
    features, strokes, truth = painted
    labels, probabilities = classify_pixels(features, strokes, n_classes=3, smoothness=0.0, smoother=smoother)
    inside = truth > 0
    assert np.array_equal(labels[inside], probabilities[inside].argmax(axis=1) + 1)
    direct, _ = classify_pixels(features, strokes, n_classes=3, smoothness=3.0, smoother=smoother)
    assert np.array_equal(direct, smooth_probabilities(probabilities, 3.0, smoother=smoother))
    noisy = np.random.default_rng(0).dirichlet([0.5] * 4, truth.shape)
    lengths = [borders(smooth_probabilities(noisy, each, smoother=smoother)) for each in (0, 0.5, 3.0)]
    assert lengths[0] > lengths[1] > lengths[2]


def test_pixels_of_both_are_in_the_masks_of_all_grains():
    labels = np.array([[0, 1, 2], [3, 4, 1]])
    masks = grain_masks(labels, ["film", "core", "shell"], matrix="film")
    assert list(masks) == ["core", "shell"]
    assert masks["core"].tolist() == [[False, False, True], [False, True, False]]
    assert masks["shell"].tolist() == [[False, False, False], [True, True, False]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f, s: (f, s * 0), "no class"),
        (lambda f, s: (f, np.where(s == 2, 2, 0)), "only class 2"),
        (lambda f, s: (f, s[1:]), "strokes are"),
        (lambda f, s: (f, s.astype(float)), "strokes are"),
        (lambda f, s: (f, np.where(s == 4, 5, s)), "strokes run from 1 to 5"),
        (lambda f, s: (f, -s), "strokes run from -4"),
        (lambda f, s: (f, np.where(np.isnan(f[..., 0]), 1, s)), "15 painted pixels.*row 0, column 0"),
        (lambda f, s: (f[..., 0], s), "features are"),
        (lambda f, s: (f[..., :0], s), "features are"),
    ],
)
def test_what_is_wrong_with_strokes_or_features_is_said(painted, change, words):
    features, strokes = change(painted[0], painted[1])
    with pytest.raises(GdlsError, match=words):
        classify_pixels(features, strokes, n_classes=3)


@pytest.mark.parametrize(
    "arguments",
    [{"smoothness": -1}, {"smoothness": np.nan}, {"smoother": "median"}, {"n_classes": 0}, {"seed": -1}],
)
def test_arguments_out_of_range(painted, arguments):
    with pytest.raises(RecipeError, match=next(iter(arguments))):
        classify_pixels(painted[0], painted[1], **{"n_classes": 3, **arguments})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pixel_features(np.zeros((3, 4))), "scores have shape"),
        (lambda: pixel_features(np.full((3, 4, 2), np.nan)), "nothing was measured"),
        (lambda: pixel_features(np.zeros((3, 4, 2)), np.zeros((3, 5))), "image has shape"),
        (lambda: smooth_probabilities(np.zeros((3, 4)), 1.0), "probabilities have shape"),
        (lambda: smooth_probabilities(np.full((3, 4, 2), 1.5), 1.0), "between 0 and 1"),
        (lambda: grain_masks(np.zeros((2, 2)), ["a", "b"], matrix="a"), "labels are"),
        (lambda: grain_masks(np.full((2, 2), 4), ["a", "b"], matrix="a"), "labels run"),
        (lambda: grain_masks(np.zeros((2, 2), int), ["a", "a"], matrix="a"), "names"),
        (lambda: grain_masks(np.zeros((2, 2), int), ["a", "b"], matrix="c"), "matrix"),
    ],
)
def test_what_is_wrong_is_said(call, words):
    with pytest.raises(GdlsError, match=words):
        call()


def test_it_can_be_watched_and_cancelled(painted):
    fractions = []
    classify_pixels(painted[0], painted[1], n_classes=3, progress=lambda stage, fraction: fractions.append(fraction))
    assert fractions[-1] == 1.0
    assert fractions == sorted(fractions)

    def stop(stage, fraction):
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        classify_pixels(painted[0], painted[1], n_classes=3, progress=stop)
