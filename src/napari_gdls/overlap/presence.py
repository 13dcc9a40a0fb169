"""Where each grain is: likelihood ratios of the pixels' counts, made smooth by a graph cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, shown
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.labelling.graph_cut import binary_cut
from napari_gdls.overlap.abundances import EM_STEPS, TOLERANCE
from napari_gdls.overlap.prepared import PreparedMap, prepare_map
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LEAST_SMOOTHNESS, MOST_SMOOTHNESS = 1.0, 2.0
"""Nats, of the smoothness that follows from borders of masks. Masks of 30 counts are best from 1 to 2 (IoU .926 at
1, .937 at 1.5); with more, thin grains are lost."""

HIGHEST_SMOOTHNESS = 3.0
"""Nats; more than users can have use of."""

_SHARES = np.array([0.12, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.97])
"""Shares of a pixel's counts at which a grain that is there is tried: close enough that one is near any share. With
smaller ones, slight changes of the matrix of a real map became parts of a grain, which held 30 % too much of it."""

_RARE = 0.01
"""Pixels that are taken to have each share beforehand, as a part of all, so that no share is ruled out by chance."""

_WEIGHT_STEPS = 30
"""Steps of expectation maximisation for how often each share occurs; they start far from where they end."""

_REVIVED = 0.02
"""Share from which a phase starts at least, where an earlier fit left none: at 0 it would stay."""

_BLOCK = 4096  # pixels between two reports of progress


@one_thread
def detect_presence(
    field: Field,
    spectra: Mapping[str, npt.ArrayLike],
    matrix: str,
    smoothness: float | None = None,
    artefacts: Iterable[str] | None = None,
    *,
    progress: Progress = silent,
) -> dict[str, BoolArray]:
    """Find where each grain is, given the spectra of the pure phases.

    Parameters
    ----------
    field : Field
        With a spectrum at every valid pixel.
    spectra : mapping of str to (D,) array
        Of the pure phases, the matrix among them, on the channels of the field; in any unit.
    matrix : str
        Name of the matrix, which is taken to be everywhere.
    smoothness : float, optional
        What a pixel's length of border costs, nats, 0 to 3. None: from the borders that masks of low smoothness have.
    artefacts : iterable of str, optional
        Elements that are no part of the specimen. None: those of the field.
    progress : Progress, optional
        Stage "presence".

    Returns
    -------
    dict of str to (H, W) bool
        By grain. Pixels where several are, are in the masks of all.

    Raises
    ------
    FieldError
        If pixels between the spectra were not measured.
    RecipeError
        If spectra do not fit the field, or the matrix is not among them.

    Notes
    -----
    For each pixel and grain the Poisson likelihood of the counts with the grain, at shares that are weighted by how
    often they occur in the map, is set against that without it; a binary graph cut finds the mask of greatest
    probability. Grains are independent of one another, so intersections come out by themselves.
    """
    names = [matrix, *(name for name in spectra if name != matrix)]
    if matrix not in spectra or len(names) < 2:
        raise RecipeError(f"spectra of the matrix, {shown(matrix)}, and of one grain at least are needed.")
    given = [np.asarray(spectra[name], dtype=np.float64) for name in names]
    for name, spectrum in zip(names, given, strict=True):
        if spectrum.shape != (field.energy.size,) or not np.isfinite(spectrum).all() or not spectrum.sum() > 0:
            raise RecipeError(
                f"the spectrum of {name!r} has shape {spectrum.shape}; {field.energy.size} finite numbers of positive "
                "sum are needed."
            )
    strength = checked_smoothness(smoothness)
    prepared = prepare_map(field, artefacts)
    measured = prepared.measured
    ratios, _ = share_likelihoods(prepared, prepared.binned_spectra(given), progress=progress)
    evidence = evidence_images(prepared, ratios)
    if strength is None:
        strength = smoothness_of_borders(cut_masks(evidence, measured, LEAST_SMOOTHNESS), measured)
    return dict(zip(names[1:], cut_masks(evidence, measured, strength), strict=True))


def checked_smoothness(smoothness: float | None) -> float | None:
    """The smoothness in nats, or a `RecipeError` where it is out of range; None stays."""
    return (
        None if smoothness is None else checked_number("smoothness", smoothness, "in nats", highest=HIGHEST_SMOOTHNESS)
    )


def share_likelihoods(
    prepared: PreparedMap, spectra: FloatArray, start: FloatArray | None = None, *, progress: Progress = silent
) -> tuple[FloatArray, FloatArray]:
    """How likely each grain is in each pixel at some shares, against its absence.

    Parameters
    ----------
    prepared : PreparedMap
    spectra : (K, n) float64
        Of the pure phases in analysis channels, the matrix first; positive, of sum 1.
    start : (N, K) float64, optional
        Shares to start from.
    progress : Progress, optional

    Returns
    -------
    ratios : (N, K, S) float64
        Log-likelihood with the phase at each of S shares less that without it, nats; 0 for the matrix. What remains
        is shared among the other phases as fits it best, with the phase and without.
    shares : (N, K) float64
        Of greatest likelihood.
    """
    from napari_gdls.overlap.abundance_kernels import share_ratios

    n = prepared.binned.shape[0]
    shares = np.full((n, len(spectra)), 1 / len(spectra)) if start is None else np.maximum(start, _REVIVED)
    ratios = np.zeros((n, len(spectra), len(_SHARES)))
    counts = prepared.binned
    for first in range(0, n, _BLOCK):
        progress("presence", first / n)
        rows = slice(first, first + _BLOCK)
        indptr = counts.indptr[first : first + _BLOCK + 1]
        share_ratios(
            indptr, counts.indices, counts.data, spectra, _SHARES, shares[rows], ratios[rows], EM_STEPS, TOLERANCE
        )
    progress("presence", 1.0)
    return ratios, shares


def evidence_images(prepared: PreparedMap, ratios: FloatArray) -> FloatArray:
    """Evidence for each grain, (K - 1, H, W) float64, nats: its shares weighted by how often they occur in the map.

    Notes
    -----
    The weights are those of greatest likelihood for all pixels together, the share 0 being one of them (the
    nonparametric estimate of a mixing distribution, Laird 1978, J. Am. Stat. Assoc. 73:805). With all shares alike a
    grain that gives few counts would lose its pixels one by one, since most shares do not fit it.
    """
    images = []
    for k in range(1, ratios.shape[1]):
        of_grain = ratios[:, k]
        highest = np.maximum(of_grain.max(axis=1), 0.0)
        likelihood = np.exp(np.vstack([np.zeros(len(of_grain)), of_grain.T]) - highest)
        weights = np.concatenate([[0.5], np.full(len(likelihood) - 1, 0.5 / (len(likelihood) - 1))])
        for _ in range(_WEIGHT_STEPS):
            weights *= likelihood @ (1 / (weights @ likelihood)) / len(of_grain)
            weights += _RARE / len(weights)
            weights /= weights.sum()
        present = (weights[1:] / weights[1:].sum()) @ likelihood[1:]
        with np.errstate(divide="ignore"):
            evidence = np.log(present) - np.log(likelihood[0])
        images.append(prepared.field.to_map(np.clip(evidence, -_MOST_EVIDENCE, _MOST_EVIDENCE), fill=0.0))
    return np.array(images)


_MOST_EVIDENCE = 1e4
"""Nats; beyond any doubt, and finite where a likelihood is too small for a number."""


def cut_masks(evidence: FloatArray, measured: BoolArray, smoothness: float) -> list[BoolArray]:
    """Masks of greatest probability, (H, W) each, of images of evidence (K - 1, H, W)."""
    return [binary_cut(np.where(measured, -image, 0.0), smoothness, measured) for image in evidence]


def smoothness_of_borders(masks: Iterable[BoolArray], measured: BoolArray) -> float:
    """Cost of a border (nats) that fits how often neighbours differ in masks.

    Returns
    -------
    float
        Half of log((1 - q) / q), with q the part of neighbouring pixels that differ, within `LEAST_SMOOTHNESS` and
        `MOST_SMOOTHNESS`: what a chain of pixels with so many borders has (Ising model).
    """
    differ = [
        (mask[after] != mask[before])[measured[after] & measured[before]]
        for mask in masks
        for after, before in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1]))
    ]
    pairs = np.concatenate(differ) if differ else np.empty(0)
    q = float(pairs.mean()) if pairs.size else 0.0
    if q <= 0.0:
        return MOST_SMOOTHNESS
    return float(np.clip(0.5 * np.log((1 - q) / q) if q < 0.5 else 0.0, LEAST_SMOOTHNESS, MOST_SMOOTHNESS))
