"""Score images and loading spectra: a spectrum image as a sum of few components (NMF; Chen et al., figure 1 b-e)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.checks import checked_choice, checked_kind, checked_number, checked_whole_number
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.field import Field
from napari_gdls.overlap.channels import AnalysisChannels, analysis_channels, require_spectrum_image
from napari_gdls.overlap.component_number import MOST_COMPONENTS, ComponentEvidence, component_evidence
from napari_gdls.overlap.factorisation import (
    factors,
    poisson_weights,
    scaled,
    weighted_eigenvalues,
    weighted_factors,
)
from napari_gdls.overlap.pixel_blocks import DEFAULT_MEMORY, blocks_of_counts, pixel_blocks, summed_blocks
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import one_thread

DECOMPOSITIONS = ("psnmf", "kl", "weighted", "nmf", "pca")
"""Methods of `decompose`, best first."""

_MATRIX_SMOOTHING = 1.5
"""Standard deviation (px) of the Gaussian that score images are smoothed with before the largest is looked for; with it
the matrix was right in 24 of 24 simulated fields."""
_ABUNDANCE_STEPS = 200
"""Steps of expectation maximisation for the counts of a pixel at most."""
_ABUNDANCE_TOLERANCE = 1e-4
"""Part of a pixel's counts that a component changes by in the last step. Log-likelihoods are then 0.01 nats from their
largest values in the mean (300 counts a pixel), shares 0.001 to 0.002: far below the noise of counting."""
_LOADING_STEPS = 10
"""Steps of expectation maximisation for the loadings in all channels; they start close to where they end."""
_ROWS_AT_A_TIME = 4096  # spectra between two reports of progress
_SMALLEST_COMPONENT = 1e-9
"""Part of all counts below which a component holds nothing."""
_BYTES_OF_COUNT = 60
"""Memory of a count of a map in wide channels while it is factorised pixel by pixel: five sparse copies."""


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Components of a spectrum image: where they are, and their spectra.

    Attributes
    ----------
    field : Field
    scores : (H, W, k) array of float64
        Counts of each component, in all channels, which add up to about those of the pixel; NaN where nothing was
        measured. Components are sorted by falling sums; those of "pca", which may be negative, by falling eigenvalues.
    loadings : (k, D) array of float64
        Spectra of the components; rows sum to 1. Of "pca" they have negative parts, and their absolute values sum to 1.
    method : str
    seed : int
    artefacts : tuple of str
        Elements whose lines did not count.
    evidence : ComponentEvidence or None
        What the number of components was chosen by; None where it was given.
    """

    field: Field
    scores: npt.NDArray[np.float64]
    loadings: npt.NDArray[np.float64]
    method: str
    seed: int
    artefacts: tuple[str, ...]
    evidence: ComponentEvidence | None = None

    @property
    def n_components(self) -> int:
        """Number of components, k."""
        return len(self.loadings)

    @property
    def n_components_evidence(self) -> ComponentEvidence | None:
        """The same as `evidence`."""
        return self.evidence

    @cached_property
    def matrix_component(self) -> int:
        """The component that is most likely the matrix: the largest one in most pixels, after smoothing by 1.5 px."""
        return matrix_component(self.scores)


@one_thread
def decompose(
    field: Field,
    n_components: int | None = None,
    *,
    method: str = "psnmf",
    artefacts: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = silent,
    memory_limit: int | None = None,
) -> Decomposition:
    """Take a spectrum image apart into score images and loading spectra.

    Components are not yet phases: as the matrix is everywhere, parts of it are in all of them. They show where grains
    are; `separate_phases` gives pure spectra.

    Parameters
    ----------
    field : Field
        With a spectrum at every pixel.
    n_components : int, optional
        k. None: chosen by `component_evidence`.
    method : str
        "psnmf": Poisson-weighted factors (Keenan and Kotula 2004) of blocks of about 1,500 counts, then the most likely
        counts of each pixel for these loadings. "weighted": the same weights, pixel by pixel; "kl": least
        Kullback-Leibler divergence, pixel by pixel; "nmf": least squares of the counts as they are (the most usual, and
        the worst at few counts); "pca": principal components with Poisson weights, about 0, which are no spectra.
    artefacts : sequence of str, optional
        Elements that are no part of the specimen, whose lines do not count. None: those of the field.
    seed : int
    progress : Progress, optional
    memory_limit : int, optional
        Bytes that temporary arrays may take, beside the field and the result. None: 2 GiB.

    Returns
    -------
    Decomposition
        The same bytes for the same field, arguments and machine, with any number of threads.

    Raises
    ------
    FieldError
        If spectra were not measured at every pixel, or no channel is left.
    RecipeError
        If an argument is out of range, or a method needs more memory than it may take.
    GdlsError
        If there are fewer components than asked for.
    Cancelled
        If `progress` asks for it.

    References
    ----------
    H. Chen, F. Nabiei, J. Badro, D. T. L. Alexander, C. Hebert, Machine learning on STEM-EDS data for quantifying
    overlapping deep-mantle rock assemblages.
    """
    checked_kind("field", field, Field)
    method = checked_choice("method", method, DECOMPOSITIONS)
    seed = checked_whole_number("seed", seed, 0, 2**32 - 1)
    if memory_limit is not None:
        memory_limit = int(checked_number("memory_limit", memory_limit, "in bytes", positive=True))
    if n_components is not None:
        n_components = checked_whole_number("n_components", n_components, 1, MOST_COMPONENTS)
    require_spectrum_image(field)
    channels = analysis_channels(field, artefacts)
    evidence = None
    if n_components is None:
        evidence = component_evidence(
            field, artefacts=channels.artefacts, seed=seed, progress=progress, memory_limit=memory_limit
        )
        n_components = evidence.chosen
    per_pixel, narrow = _components(field, channels, n_components, method, seed, progress, memory_limit)
    scores, loadings = _in_all_channels(field, channels, per_pixel, narrow, method == "pca", memory_limit, progress)
    order = np.arange(n_components) if method == "pca" else np.argsort(-scores.sum(axis=0), kind="stable")
    return Decomposition(
        field, field.to_map(scores[:, order]), loadings[order], method, seed, channels.artefacts, evidence
    )


def matrix_component(scores: npt.NDArray[np.float64]) -> int:
    """Component that is the largest one in most pixels, of score images (H, W, k) smoothed by 1.5 px."""
    from scipy.ndimage import gaussian_filter

    measured = np.isfinite(scores).all(axis=2)
    smooth = [gaussian_filter(np.where(measured, each, 0.0), _MATRIX_SMOOTHING) for each in np.moveaxis(scores, 2, 0)]
    largest = np.argmax(smooth, axis=0)[measured]
    return int(np.bincount(largest, minlength=scores.shape[2]).argmax())


def _components(
    field: Field,
    channels: AnalysisChannels,
    k: int,
    method: str,
    seed: int,
    progress: Progress,
    memory_limit: int | None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scores (N, k) and loadings (k, n) in the wide channels."""
    if method == "psnmf":
        _, counts = blocks_of_counts(field, channels, memory_limit, progress)
        _check_number(k, counts.shape)
        _, loadings = weighted_factors(counts, k, seed, progress)
        loadings = _normalised(loadings)
        return fitted_scores(field, channels, loadings, progress), loadings
    counts = _wide_counts(field, channels, memory_limit, progress)
    _check_number(k, counts.shape)
    if method == "pca":
        _, vectors = weighted_eigenvalues(counts)
        rows, columns = poisson_weights(counts)
        projected = scaled(counts, rows, columns) @ vectors[:, :k]
        return projected * rows[:, None], (vectors[:, :k] * columns[:, None]).T
    if method == "weighted":
        scores, loadings = weighted_factors(counts, k, seed, progress)
    else:
        scores, loadings = factors(counts, k, seed, divergence=method == "kl", progress=progress)
    sums = loadings.sum(axis=1)
    return scores * sums, _normalised(loadings)


def fitted_scores(
    field: Field, channels: AnalysisChannels, loadings: npt.NDArray[np.float64], progress: Progress = silent
) -> npt.NDArray[np.float64]:
    """Most likely counts of each component in each pixel, for given loadings (Poisson likelihood).

    Parameters
    ----------
    field : Field
    channels : AnalysisChannels
    loadings : (k, n) array
        Of 0 or more, in the wide channels; rows sum to 1.
    progress : Progress, optional
        Stage "abundances".

    Returns
    -------
    (N, k) array of float64
        In counts of the wide channels.
    """
    from napari_gdls.overlap.kl_kernels import fit_rows

    out = np.empty((field.n_measurements, len(loadings)))
    by_channel = np.ascontiguousarray(loadings.T)
    for first in range(0, len(out), _ROWS_AT_A_TIME):
        progress("abundances", first / len(out))
        rows = sp.csr_array(field.spectra[first : first + _ROWS_AT_A_TIME])
        part = out[first : first + _ROWS_AT_A_TIME]
        fit_rows(
            rows.data,
            rows.indices,
            rows.indptr,
            channels.group,
            by_channel,
            _ABUNDANCE_STEPS,
            _ABUNDANCE_TOLERANCE,
            part,
        )
    progress("abundances", 1.0)
    return out


def _wide_counts(
    field: Field, channels: AnalysisChannels, memory_limit: int | None, progress: Progress
) -> sp.csr_array:
    """Counts of each pixel in the wide channels, sparse."""
    limit = DEFAULT_MEMORY if memory_limit is None else memory_limit
    parts: list[sp.csr_array] = []
    n_rows = n_counts = 0
    for part in channels.sparse_parts(field):
        progress("summing spectra", n_rows / field.n_measurements)
        parts.append(part)
        n_rows += part.shape[0]
        n_counts += part.nnz
        if n_counts * _BYTES_OF_COUNT > limit:
            raise RecipeError(
                f"this method holds the whole map, which takes more than {limit:,} bytes; choose psnmf, or give a "
                "larger `memory_limit=`."
            )
    return sp.csr_array(sp.vstack(parts, format="csr"))


def _check_number(k: int, shape: tuple[int, int]) -> None:
    if k > min(shape):
        raise RecipeError(
            f"n_components is {k}; {shape[0]} spectra in {shape[1]} wide channels hold no more than {min(shape)}."
        )


def _normalised(loadings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows divided by their sums; rows of zeros stay."""
    sums = loadings.sum(axis=1, keepdims=True)
    return loadings / np.where(sums > 0, sums, 1.0)


def _in_all_channels(
    field: Field,
    channels: AnalysisChannels,
    scores: npt.NDArray[np.float64],
    narrow: npt.NDArray[np.float64],
    signed: bool,
    memory_limit: int | None,
    progress: Progress,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scores (N, k) in counts of all channels, and loadings (k, D) whose rows sum to 1, from those of wide channels."""
    sums = np.abs(scores).sum(axis=0)
    empty = ~(sums > _SMALLEST_COMPONENT * sums.sum()) | ~narrow.any(axis=1)
    if empty.any():
        raise GdlsError(
            f"only {np.count_nonzero(~empty)} of {len(sums)} components hold any counts; ask for fewer components."
        )
    every = np.arange(field.energy.size)
    blocks = pixel_blocks(field, channels.total(field), len(every), memory_limit)
    counts = summed_blocks(field, blocks, every, progress)
    mixing = blocks.sums(scores)
    progress("loadings", 0.0)
    if signed:
        noise = np.sqrt(np.maximum(counts.sum(axis=1, keepdims=True), 1.0))
        loadings = np.linalg.lstsq(mixing / noise, counts / noise, rcond=None)[0]
    else:
        from napari_gdls.overlap.kl_kernels import fit_columns

        start = _start(channels, narrow, counts.sum(axis=0))
        by_channel = np.ascontiguousarray(start.T)
        fit_columns(counts, mixing, _LOADING_STEPS, by_channel)
        loadings = _with_sums(channels, by_channel.T, narrow, start)
    progress("loadings", 1.0)
    size = np.abs(loadings).sum(axis=1)
    return scores * size, loadings / size[:, None]


def _with_sums(
    channels: AnalysisChannels,
    loadings: npt.NDArray[np.float64],
    narrow: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Loadings (k, D) with the sums that the wide channels have; a start (k, D) stands where there is nothing.

    Free in all channels, the fit would draw the components towards one another: on simulated fields of 30 to 300
    counts a pixel it doubles the angle between the matrix and its true spectrum.
    """
    used = channels.group >= 0
    group = channels.group[used]
    out = loadings.copy()
    for own, wanted, other in zip(out, narrow, start, strict=True):
        sums = np.bincount(group, weights=own[used], minlength=channels.n)
        factor = np.divide(wanted, sums, out=np.zeros_like(sums), where=sums > 0)[group]
        own[used] = np.where(factor > 0, own[used] * factor, other[used])
    return out


def _start(
    channels: AnalysisChannels, narrow: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Loadings (k, D) like those in the wide channels, with the shape of the summed spectrum inside of each."""
    used = channels.group >= 0
    group = channels.group[used]
    of_group = np.bincount(group, weights=mean[used], minlength=channels.n)
    out = np.tile(mean / mean[used].sum(), (len(narrow), 1))
    out[:, used] = narrow[:, group] * (mean[used] / np.where(of_group > 0, of_group, 1.0)[group])
    return out
