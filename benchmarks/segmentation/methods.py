"""The methods that `benchmarks.segmentation` compares, each as a function from a field to one or more results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from skimage.metrics import contingency_table

from benchmarks import SHARED_DATA
from benchmarks.embedding import authors_embedding
from benchmarks.segmentation.fields import true_phase_of_measurements
from napari_gdls import Field, segment
from napari_gdls.energy import CANONICAL_AXIS
from napari_gdls.labelling import connected_regions, label_with_confidence
from napari_gdls.methods.baselines import bse_only, watershed
from napari_gdls.methods.published.measurements import PUBLISHED_TAU_B, PUBLISHED_TAU_Z, label_measurements_as_published
from napari_gdls.methods.published.pixels import label_pixels_as_published
from napari_gdls.recipe import METHODS
from napari_gdls.spectra import Detector, simulate_spectra

WATERSHED_DEPTHS = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 1.8)  # of `h`: from far too many segments to far too few
BSE_STEPS = (0.002, 0.003, 0.005, 0.01)  # of `tolerance`, likewise
AUTHORS_TAU_Z = (0.2, *PUBLISHED_TAU_Z[::2])
"""Every second published threshold, and one below, which suits some fields better."""

WEIGHTS = SHARED_DATA / "reference" / "embedding.h5"

AUTHORS = "authors"
KNOWN_SPECTRA = "known spectra"
CEILING = "ceiling"


@dataclass(frozen=True)
class Result:
    """One segmentation of a field.

    Attributes
    ----------
    setting : str
        What was chosen; empty: the defaults.
    labels : (H, W) array of int32
    phases : (K,) array of int64, or None
        Phase of each label, from label 1 on; None where the method does not group segments.
    seconds, embedding_seconds : float
        Of all processor cores together, without the embedding, and for it.
    """

    setting: str
    labels: npt.NDArray[np.int32]
    phases: npt.NDArray[np.int64] | None
    seconds: float
    embedding_seconds: float = 0.0


Method = Callable[[Field], Iterator[Result]]
"""Results at one setting after the other."""


def methods() -> dict[str, Method]:
    """All methods by name; the authors' needs the weights of their network."""
    found: dict[str, Method] = {
        f"ours ({name})": partial(ours, method=name) for name, row in METHODS.items() if row.labelling is not None
    }
    if WEIGHTS.is_file():
        found[AUTHORS] = authors
    return found | {
        "watershed": watersheds,
        "BSE only": grey_regions,
        KNOWN_SPECTRA: known_spectra,
        CEILING: ceiling,
    }


def ours(field: Field, *, method: str) -> Iterator[Result]:
    """The chain of the package with its defaults."""
    clock = _StageClock()
    result = segment(field, method=method, progress=clock)
    whole = clock.total()
    embedding = clock.of("embedding")
    grouped = len(np.unique(result.phases)) < result.n_segments
    yield Result("", result.labels, result.phases if grouped else None, whole - embedding, embedding)


def authors(field: Field) -> Iterator[Result]:
    """The published chain with the published network, at several thresholds."""
    start = time.process_time()
    z = authors_vectors(field)
    embedding = time.process_time() - start
    for tau_z in AUTHORS_TAU_Z:
        start = time.process_time()
        found = label_measurements_as_published(field, z, PUBLISHED_TAU_B[0], tau_z)
        labels = label_pixels_as_published(field, found)
        yield Result(f"tau_z {tau_z:g}", labels, None, time.process_time() - start, embedding)


def authors_vectors(field: Field) -> npt.NDArray[np.floating]:
    """Spectra of a field embedded by the authors' network, (N, 64)."""
    counts = field.rebinned(CANONICAL_AXIS)
    dense = counts.toarray() if sp.issparse(counts) else counts
    return authors_embedding(WEIGHTS)(np.asarray(dense, dtype=np.float32))


def watersheds(field: Field) -> Iterator[Result]:
    """TIMA's method, at several depths of the minima."""
    yield from _at_settings(watershed, field, "h", WATERSHED_DEPTHS)


def grey_regions(field: Field) -> Iterator[Result]:
    """The method of MLA and AMICS, at several steps of grey."""
    yield from _at_settings(bse_only, field, "tolerance", BSE_STEPS)


def known_spectra(field: Field) -> Iterator[Result]:
    """Each measurement by itself gets the phase whose true spectrum makes its counts most likely."""
    start = time.process_time()
    shapes = simulate_spectra(
        field.metadata["compositions"],
        beam_energy=field.beam_energy or 25.0,
        take_off=field.metadata["options"]["take_off"],
        detector=Detector(**field.metadata["options"]["detector"]),
        energy=field.energy,
    ).astype(np.float64)
    # A millionth of a count in every channel: no count is impossible.
    log_likelihood = field.spectra @ np.log(shapes + 1e-9).T
    yield _from_phases(field, np.asarray(log_likelihood).argmax(axis=1), start)


def ceiling(field: Field) -> Iterator[Result]:
    """What measurements at these places can give at most: each has its true phase."""
    yield _from_phases(field, true_phase_of_measurements(field), time.process_time())


def _from_phases(field: Field, phase: npt.NDArray[np.int64], start: float) -> Result:
    """Pixels get the phases of the measurements as in our chain; segments are the connected regions of one phase."""
    of_pixels, _ = label_with_confidence(field, phase)
    labels = connected_regions(of_pixels, anchors=field.locations)
    phases = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    at = labels[field.locations[:, 0], field.locations[:, 1]]
    # Regions that took in others have the phase of most of their measurements.
    table = contingency_table(at, phase, sparse_type="array").toarray()
    phases[: len(table)] = table.argmax(axis=1)
    return Result("", labels, phases[1:], time.process_time() - start)


def _at_settings(
    method: Callable[..., npt.NDArray[np.int32]], field: Field, parameter: str, values: tuple[float, ...]
) -> Iterator[Result]:
    for value in values:
        start = time.process_time()
        labels = method(field, **{parameter: value})
        yield Result(f"{parameter} {value:g}", labels, None, time.process_time() - start)


class _StageClock:
    """Progress that notes the processor time of every stage."""

    def __init__(self) -> None:
        self._start = time.process_time()
        self._begun: dict[str, float] = {}
        self._ended: Mapping[str, float] = {}

    def __call__(self, stage: str, fraction: float, /) -> None:
        now = time.process_time()
        self._begun.setdefault(stage, now)
        self._ended = {**self._ended, stage: now}

    def of(self, stage: str) -> float:
        """Seconds from the first to the last that was heard of a stage."""
        return self._ended[stage] - self._begun[stage]

    def total(self) -> float:
        """Seconds since the clock was made."""
        return time.process_time() - self._start
