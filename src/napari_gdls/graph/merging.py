"""The merge tree: every segmentation of the measurement graph by region merging, from fine to coarse, built once.

Neighbouring regions whose summed spectra and mean BSE are least likely to differ are merged first. Single measurements
hold too few counts to say much; sums say more the larger they are, which is why this finds borders that thresholds on
single edges (paper, section 3.6) cannot, and does not chain across them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions_at_measurements, noise_of_value
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.field.counts import MOST_COUNTS
from napari_gdls.graph.measurement_graph import MeasurementGraph, checked_pairs
from napari_gdls.progress import Progress, silent

_BSE_SCATTER = 4.0
"""Variance of the mean BSE of a region that does not fall with its size, in units of that of one measurement:
brightness varies within a material. Chosen on the benchmark fields."""

_REFRESH_GROWTH = 1.25
"""Growth of a region at which all costs at its border are found again; each is found again before a merge in any case,
so this decides on speed rather than on the tree. Chosen by the time it takes."""

_COSTS_AT_A_TIME = 1 << 16
"""Costs between two reports of the progress: some tens of milliseconds."""


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Merges of neighbouring regions in order of their heights.

    The height of a merge is the statistic of the two regions, or of an earlier merge if that was higher. It is the
    likelihood ratio G of "one spectrum" against "two", plus a term for the BSE means, (b_1 - b_2)^2 /
    (s^2 (1/n_1 + 1/n_2 + 4)) with s the noise of a measurement. The 4 stands for brightness that varies within a
    material: BSE alone never becomes overwhelming.

    Attributes
    ----------
    n_measurements : int
    kept, absorbed : (M,) arrays of int64
        The two regions of every merge, named by one of their measurements; the larger one is kept.
    height : (M,) array of float64
        Never falling.
    degrees_of_freedom : int
        Of the statistic where the two regions are the same: number of energy windows.

    Raises
    ------
    GdlsError
        If these are no merges of so many measurements.
    """

    n_measurements: int
    kept: npt.NDArray[np.int64]
    absorbed: npt.NDArray[np.int64]
    height: npt.NDArray[np.float64]
    degrees_of_freedom: int

    def __post_init__(self) -> None:
        kept, absorbed, height = (np.asarray(each) for each in (self.kept, self.absorbed, self.height))
        if not kept.shape == absorbed.shape == height.shape or kept.ndim != 1 or self.n_measurements < 0:
            raise GdlsError(
                f"{self.n_measurements} measurements, regions of the shapes {kept.shape} and {absorbed.shape} and "
                f"heights of {height.shape} do not make a tree; use what build_merge_tree returns."
            )
        merges = checked_pairs("merges", np.stack([kept, absorbed], axis=1))
        # Each region is absorbed once, and keeps nothing afterwards: what lies above it was merged later.
        made = np.full(self.n_measurements, len(merges))
        inside = bool(((merges >= 0) & (merges < self.n_measurements)).all())
        if inside:
            made[merges[:, 1]] = np.arange(len(merges))
        if not (
            inside
            and (np.diff(height, prepend=0.0) >= 0).all()
            and np.array_equal(made[merges[:, 1]], np.arange(len(merges)))
            and (made[merges[:, 0]] > np.arange(len(merges))).all()
        ):
            raise GdlsError(
                f"{len(merges):,} merges do not make a tree of {self.n_measurements:,} measurements; use what "
                "build_merge_tree returns."
            )

    def cut(self, height: float) -> npt.NDArray[np.int64]:
        """Segments that are left when all merges up to a height are made.

        Parameters
        ----------
        height : float
            See `height_of_significance`.

        Returns
        -------
        (N,) array of int64
            Segment of every measurement, 0..K-1, numbered in the order in which they first appear.
        """
        from napari_gdls.graph.merge_kernels import labels_after

        n_merges = int(np.searchsorted(self.height, height, side="right"))
        return np.asarray(labels_after(self.kept, self.absorbed, self.n_measurements, n_merges))

    def heights_of(self, pairs: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Height at which pairs of measurements come together, the ultrametric distance of the tree.

        Parameters
        ----------
        pairs : (P, 2) array of int
            For instance the edges of the graph.

        Returns
        -------
        (P,) array of float64
            inf where they never do.

        Raises
        ------
        GdlsError
            If they are no pairs of measurements.
        """
        from napari_gdls.graph.merge_kernels import joining_heights

        ends = checked_pairs("pairs", pairs)
        if ends.size and not (ends.min() >= 0 and ends.max() < self.n_measurements):
            raise GdlsError(
                f"pairs run from {ends.min()} to {ends.max()} in a tree of {self.n_measurements:,} measurements; give "
                "their indices."
            )
        return np.asarray(joining_heights(self.kept, self.absorbed, self.height, self.n_measurements, ends))

    def n_segments(self, height: float) -> int:
        """Number of segments of `cut` at a height."""
        return self.n_measurements - int(np.searchsorted(self.height, height, side="right"))

    def height_of_significance(self, significance: float) -> float:
        """Height above which a merge is refused at a significance; see `height_of_significance`."""
        return height_of_significance(self.degrees_of_freedom, significance)

    def __repr__(self) -> str:
        return f"<MergeTree: {self.n_measurements:,} measurements, {len(self.height):,} merges>"


def height_of_significance(degrees_of_freedom: int, significance: float) -> float:
    r"""Bound that a chi-squared variable exceeds with a probability of less than exp(-significance).

    .. math:: d + 2 \sqrt{d x} + 2 x

    Parameters
    ----------
    degrees_of_freedom : int
    significance : float
        x, 0 or more.

    References
    ----------
    B. Laurent, P. Massart, Adaptive estimation of a quadratic functional by model selection, Ann. Statist. 28 (2000)
    1302-1338, lemma 1.
    """
    return degrees_of_freedom + 2 * math.sqrt(degrees_of_freedom * significance) + 2 * significance


def significance_of_height(degrees_of_freedom: int, height: float) -> float:
    """The significance x whose bound a statistic just reaches: the inverse of `height_of_significance`.

    Parameters
    ----------
    degrees_of_freedom : int
    height : float

    Returns
    -------
    float
        0 up to the degrees of freedom, which is what chance makes on average.
    """
    d = degrees_of_freedom
    if height <= d:
        return 0.0
    # d + 2 sqrt(d) s + 2 s^2 = height for s = sqrt(x)
    return ((math.sqrt(2 * height - d) - math.sqrt(d)) / 2) ** 2


def build_merge_tree(
    field: Field,
    graph: MeasurementGraph,
    *,
    counts: npt.NDArray[np.int32] | None = None,
    progress: Progress | None = None,
) -> MergeTree:
    """Merge neighbouring measurements to regions, and these, until every connected part of the graph is one region.

    Parameters
    ----------
    field : Field
    graph : MeasurementGraph
        Of this field.
    counts : (N, K) array of int32, optional
        Counts of the measurements in energy windows. None: `napari_gdls.spectra.window_counts`.
    progress : Progress, optional
        Receives the stage "tree"; may cancel.

    Returns
    -------
    MergeTree
        The same for the same input, whatever the number of threads.

    Raises
    ------
    RecipeError
        If the graph is that of another field.
    GdlsError
        If `counts` are not whole numbers of 0 or more, one row for each measurement.
    """
    graph.require_field(field)
    report = progress or silent
    report("tree", 0.0)
    from napari_gdls.graph.merge_kernels import merge_some, start_merging
    from napari_gdls.graph.region_sums import Regions, entropies_of, entropy_table

    if counts is None:
        from napari_gdls.spectra.windows import window_counts

        counts = window_counts(field, poll=lambda: report("tree", 0.0))
    else:
        _check_counts(counts, field.n_measurements)
    table = entropy_table()
    # Half the memory, and more of it in the caches, where the counts of all fit into 32 bits.
    fits = counts.sum(axis=0, dtype=np.int64).max() <= np.iinfo(np.int32).max
    sums: npt.NDArray[np.integer] = counts.astype(np.int32 if fits else np.int64)
    entropy, total = entropies_of(sums, table)
    bse = bse_fractions_at_measurements(field)
    regions = Regions(sums, entropy, total, bse / noise_of_value(field, graph.delta_b), np.ones(len(bse)))
    state = start_merging(regions, graph.edges, table, _BSE_SCATTER)
    while merge_some(state, table, _BSE_SCATTER, _REFRESH_GROWTH, _COSTS_AT_A_TIME):
        report("tree", state.done[0] / graph.n_measurements)
    done = state.done[0]
    report("tree", 1.0)
    return MergeTree(
        graph.n_measurements, state.kept[:done], state.absorbed[:done], state.height[:done], counts.shape[1]
    )


def _check_counts(counts: npt.NDArray[np.int32], n_measurements: int) -> None:
    """Sums of all of them fit 64 bits: there are fewer than 2**32 measurements, of less than 2**31 counts each."""
    given = np.asarray(counts)
    if given.ndim != 2 or len(given) != n_measurements or given.shape[1] == 0 or given.dtype.kind not in "ui":
        raise GdlsError(
            f"counts are {given.dtype} of shape {given.shape}; whole numbers are needed, a row for each of "
            f"{n_measurements:,} measurements. window_counts(field) gives them."
        )
    if given.min() < 0 or given.sum(axis=1, dtype=np.float64).max() > MOST_COUNTS:
        raise GdlsError(f"counts must be 0 or more, and no more than {MOST_COUNTS:,} for a measurement.")


def expected_false_borders(n_measurements: int, significance: float) -> float:
    """Number of merges inside one material that a significance refuses by mistake.

    Parameters
    ----------
    n_measurements : int
    significance : float
        As in `height_of_significance`.

    Returns
    -------
    float
        Of all borders of `MergeTree.cut`. Those between phases are fewer, as phases are sums over many segments.

    Notes
    -----
    Fitted to merge trees of 31,766 measurements of one material each, four materials at 100, 300, 1,000, 3,000 and
    10,000 counts: 7 to 15 false ones at a significance of 14, whatever the material and the counts. The rate is higher
    than that of one comparison, since each merge is the best of many.
    """
    return n_measurements * min(1.0, math.exp(-2.41 - 0.408 * significance))
