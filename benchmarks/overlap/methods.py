"""What `benchmarks.overlap` compares: decompositions alone, and the protocol from masks of three origins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from napari_gdls import Field, overlap

DECOMPOSITIONS = ("nmf", "weighted", "kl", "pca", "psnmf")
"""Decompositions alone, with the true number of components."""

TRUE_MASKS, STROKES, AUTOMATIC = "true masks", "strokes", "automatic"
"""Origins of the masks of the protocol: the truth, a few strokes per class and a random forest, and nothing at all."""

STROKES_PER_CLASS = 4
"""As a user paints."""

STROKE_RADIUS = 2.0
"""In pixels: a disc of 13 pixels."""


@dataclass
class Found:
    """What a method found, and how long it took.

    Attributes
    ----------
    matrix : str
        Name of the matrix among `spectra`.
    spectra : dict of str to (D,) array
        Under names of the method's own.
    separation : Separation, optional
        Masks, shares and traces, where the method makes them.
    presence : dict of str to (H, W) bool
        Where each grain is.
    abundances : dict of str to (H, W) array
        Counts of each phase.
    n_phases_found : bool
        Whether the method chose the number of phases.
    processor, elapsed : float
        Seconds of all cores together, and on the clock.
    """

    matrix: str
    spectra: dict[str, npt.NDArray[np.float64]]
    separation: Any = None
    presence: dict[str, npt.NDArray[np.bool_]] = dataclass_field(default_factory=dict)
    abundances: dict[str, npt.NDArray[np.float64]] = dataclass_field(default_factory=dict)
    n_phases_found: bool = False
    processor: float = 0.0
    elapsed: float = 0.0


Method = Callable[[Field], Found]


def methods() -> dict[str, Method]:
    """All methods by name."""
    return {
        **{name: _decomposition(name) for name in DECOMPOSITIONS},
        TRUE_MASKS: from_true_masks,
        STROKES: from_strokes,
        AUTOMATIC: automatic,
    }


def timed(method: Method, given: Field) -> Found:
    """What a method finds, with its times."""
    processor, elapsed = time.process_time(), time.perf_counter()
    found = method(given)
    found.processor, found.elapsed = time.process_time() - processor, time.perf_counter() - elapsed
    return found


def _decomposition(name: str) -> Method:
    def run(given: Field) -> Found:
        truth = given.metadata["truth"]
        result = overlap.decompose(given, len(truth["spectra"]), method=name)
        spectra = {str(i): loading for i, loading in enumerate(result.loadings)}
        # Loadings of principal components and the sign of their angle say nothing: they are what they are.
        return Found(str(result.matrix_component), spectra)

    return run


def from_true_masks(given: Field) -> Found:
    """The protocol with the true masks: what subtraction and regression alone can do."""
    truth = given.metadata["truth"]
    return _separated(given, truth["presence"], truth["matrix"])


def from_strokes(given: Field) -> Found:
    """The protocol with masks of a pixel classifier that a user taught with a few strokes, also on intersections."""
    truth = given.metadata["truth"]
    names = [truth["matrix"], *truth["presence"]]
    scores = overlap.decompose(given, len(names)).scores
    labels, _ = overlap.classify_pixels(overlap.pixel_features(scores), strokes_of(truth, seed=0), n_classes=len(names))
    return _separated(given, overlap.grain_masks(labels, names, matrix=truth["matrix"]), truth["matrix"])


def automatic(given: Field) -> Found:
    """The protocol without any help."""
    result = overlap.unmix_overlapping(given)
    separation = result.separation
    return Found(
        result.matrix,
        dict(separation.spectra),
        separation,
        dict(result.presence),
        dict(result.abundances),
        n_phases_found=True,
    )


def _separated(given: Field, masks: Mapping[str, npt.NDArray[np.bool_]], matrix: str) -> Found:
    # Somebody who sees a grain inside of another says so.
    shell, core = list(given.metadata["truth"]["presence"])[-2:]
    nested = given.metadata["options"]["nested"]
    separation = overlap.separate_phases(given, masks, matrix={core: [matrix, shell]} if nested else matrix)
    return Found(matrix, dict(separation.spectra), separation, dict(masks), separation.abundances())


def strokes_of(truth: Mapping[str, Any], seed: int) -> npt.NDArray[np.int32]:
    """Strokes as a user would paint them, (H, W): a few discs of each class, where it is purest.

    Classes count from 1, the matrix first; the last one is "both".
    """
    random = np.random.default_rng(seed)
    presence = np.stack(list(truth["presence"].values()))
    number = presence.sum(axis=0)
    where = [number == 0, *(mask & (number == 1) for mask in presence), number > 1]
    strokes = np.zeros(number.shape, dtype=np.int32)
    rows, columns = np.indices(number.shape)
    for label, mask in enumerate(where, start=1):
        inner = ndi.distance_transform_edt(mask)
        # Half of what is deepest inside: a user sees that much.
        candidates = np.argwhere(inner >= np.median(inner[mask])) if mask.any() else np.empty((0, 2), int)
        for _ in range(min(STROKES_PER_CLASS, len(candidates))):
            row, column = candidates[random.integers(len(candidates))]
            near = (rows - row) ** 2 + (columns - column) ** 2 <= STROKE_RADIUS**2
            strokes[near & mask] = label
    return strokes
