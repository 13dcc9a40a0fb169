"""The scale of delta_z measured on a field itself, without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_whole_number
from napari_gdls.embedding.calibration import Calibration, counting_noise
from napari_gdls.embedding.inference import embed
from napari_gdls.embedding.models import load_embedding
from napari_gdls.energy import ZERO_PEAK_END
from napari_gdls.errors import EmbeddingError, FieldError
from napari_gdls.field.counts import thinned_counts

if TYPE_CHECKING:
    from napari_gdls.embedding.models import Embedding
    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph

_LEAST_SPECTRA = 100
"""Spectra without which nothing is measured: of 100 distances five lie beyond the 95th percentile."""

_LEAST_COUNTS = 10.0
"""Counts of a spectrum that is used; five in each half are about as few as say anything. A choice."""

_LOW_TAIL = np.linspace(0.05, 0.60, 56)
"""Quantiles of the squared distances of neighbours that are compared: above, borders have a say; below, there are too
few. A choice."""

_WIDENINGS = np.geomspace(1.0, 20.0, 400)
"""Factors k that are tried, in steps of 0.75 %: scatter of up to twenty times the counting noise."""


def calibrate_on_field(
    field: Field,
    graph: MeasurementGraph | None = None,
    *,
    model: str | Embedding | None = None,
    device: str = "auto",
    sample: int = 4000,
    seed: int = 0,
) -> Calibration:
    """Calibration of an embedding for one field.

    The constant of an embedding is the same for all materials only on average. Here it is measured on the materials at
    hand: the counts of each spectrum are shared out at random between two halves, which are two independent
    measurements of one spot, and `c` is the 95th percentile of their distances. Neighbouring measurements scatter by
    more than their halves do when a material is not quite the same everywhere; `f` is what explains the excess.

    Parameters
    ----------
    field : Field
        With whole counts.
    graph : MeasurementGraph, optional
        Made with the same model. None: `f` is 0, as it is where fewer than 100 usable spectra have usable neighbours.
    model : str or Embedding, optional
        None: the default embedding.
    device : str
    sample : int
        Edges (or spectra, without a graph) to look at, at most; chosen at random.
    seed : int

    Returns
    -------
    Calibration

    Raises
    ------
    EmbeddingError
        If fewer than 100 spectra have 10 counts or more, or counts are fractional.
    RecipeError
        If `sample` is no whole number of 100 or more, `seed` none of 0 or more, or the graph that of another field.

    Notes
    -----
    For `f` the distribution of squared distances of halves of neighbours, F_e, is compared with that of halves of one
    spectrum, F_s, both in units of the counting noise and with the same counts. Neighbours inside a material (a share p
    of all) follow the halves' distribution widened by a factor k; those across borders are further apart. So in the
    lower tail F_e(x) = p F_s(x / k), and p and k are found by least squares over the 5th to the 60th percentile.
    Scatter in few directions (one line that varies) makes long tails that the lower part does not show, so `f` is a
    careful estimate, rather too small than too large.
    """
    embedding = load_embedding(model or "default") if model is None or isinstance(model, str) else model
    sample = checked_whole_number("sample", sample, _LEAST_SPECTRA)
    rng = np.random.default_rng(checked_whole_number("seed", seed, 0))
    usable = np.flatnonzero(field.total_counts >= _LEAST_COUNTS)
    if len(usable) < _LEAST_SPECTRA:
        raise EmbeddingError(
            f"{len(usable)} spectra with {_LEAST_COUNTS:g} counts or more are too few to calibrate on; "
            f"{_LEAST_SPECTRA} are needed."
        )
    if graph is not None:
        graph.require_field(field)
    edges = np.empty((0, 2), dtype=np.int64) if graph is None else graph.edges
    edges = edges[np.isin(edges, usable).all(axis=1)]
    if len(np.unique(edges)) < _LEAST_SPECTRA:
        edges = edges[:0]
        chosen = np.sort(rng.choice(usable, min(sample, len(usable)), replace=False))
    else:
        edges = edges[rng.choice(len(edges), min(sample, len(edges)), replace=False)]
        chosen, edges = np.unique(edges, return_inverse=True)
        edges = edges.reshape(-1, 2)
    halves = _halves(field.spectra[chosen], rng)
    signal = field.energy.window(ZERO_PEAK_END, np.inf)
    counts = [np.asarray(half[:, signal].sum(axis=1), dtype=np.float64).ravel() for half in halves]
    first, second = (embed(half, embedding, energy=field.energy, device=device) for half in halves)
    distance = np.linalg.norm(first - second, axis=1)
    split = distance / np.sqrt(counting_noise(*counts))
    c = float(np.quantile(split, 0.95))
    if not c > 0:
        raise EmbeddingError("the embedding does not vary over this field; it cannot be calibrated here.")
    if len(edges) == 0:
        return Calibration(c)
    noise = counting_noise(counts[0][edges[:, 0]], counts[0][edges[:, 1]])
    apart = np.linalg.norm(first[edges[:, 0]] - first[edges[:, 1]], axis=1)
    widening = _widening(apart**2 / noise, split**2)
    return Calibration(c, f=float((widening - 1) * np.median(noise) / 2))


def _halves(spectra: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    try:
        first = thinned_counts(spectra, 0.5, rng)
    except FieldError:
        raise EmbeddingError(
            "only whole counts can be split in two; these spectra hold fractions (rebinned, perhaps)."
        ) from None
    return first, spectra.astype(np.int64) - first


def _widening(edges: npt.NDArray[np.float64], halves: npt.NDArray[np.float64]) -> float:
    """Factor k by which the squared distances of equal neighbours exceed those of halves; 1 at least."""
    points = np.quantile(edges, _LOW_TAIL)
    ordered = np.sort(halves)
    misfit = np.empty(len(_WIDENINGS))
    for i, k in enumerate(_WIDENINGS):
        share = np.searchsorted(ordered, points / k, side="right") / len(ordered)
        same = min(float(share @ _LOW_TAIL / max(share @ share, 1e-12)), 1.0)
        misfit[i] = float(((_LOW_TAIL - same * share) ** 2).sum())
    return float(_WIDENINGS[misfit.argmin()])
