"""Labels of the pixels that cost least together with the length of their borders: graph cuts (Boykov et al. 2001).

A labelling x has the energy ``sum_i cost_i(x_i) + smoothness * length of the borders``, in nats where costs are
negative log-likelihoods. For two labels a minimum cut finds the labelling of least energy; for more, alpha expansion
finds one that no move of pixels to a single label improves.

Each pixel has eight neighbours. A side counts 1 / (1 + sqrt(2)) and a diagonal 1 / (2 + sqrt(2)) of the smoothness, so
that a pixel's length of border costs one smoothness along the rows, the columns and the diagonals (Boykov and
Kolmogorov 2003): with four neighbours a border along a diagonal would cost 41 % more, and round grains get corners.

References
----------
Y. Boykov, O. Veksler, R. Zabih, Fast approximate energy minimization via graph cuts, IEEE TPAMI 23 (2001) 1222-1239.
Y. Boykov, V. Kolmogorov, Computing geodesics and minimal surfaces via graph cuts, ICCV 2003, 26-33.
V. Kolmogorov, R. Zabih, What energy functions can be minimized via graph cuts?, IEEE TPAMI 26 (2004) 147-159.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, checked_whole_number
from napari_gdls.errors import GdlsError

LARGEST_SMOOTHNESS = 1e4
"""In nats per pixel of border. Tens already outweigh whatever counts of X-rays say; capacities stay far from the end of
int32, in which `scipy.sparse.csgraph.maximum_flow` holds them."""

_STEPS = 1000
"""Steps of a nat: energies are whole numbers of them, so that sums are exact in any order."""
_LARGEST_COST = 1e9
"""In nats: beyond it a cost forbids a label anyway. Keeps whole numbers far from the end of int64."""
_SIDE, _DIAGONAL = 1 / (1 + math.sqrt(2)), 1 / (2 + math.sqrt(2))
"""Parts of the smoothness that two neighbours of different labels cost."""
_ROUNDS = 50
"""Times that decided pixels are taken out at most before the rest is cut; a limit, most problems need less than ten."""


def binary_cut(cost: npt.ArrayLike, smoothness: float, valid: npt.ArrayLike | None = None) -> npt.NDArray[np.bool_]:
    """The pixels to have label 1, such that no other choice has less energy.

    Parameters
    ----------
    cost : (H, W) array
        Cost of label 1 minus cost of label 0, in nats; infinite where a label is forbidden.
    smoothness : float
        Cost of a pixel's length of border, in nats, 0 to 10,000.
    valid : (H, W) array of bool, optional
        Pixels that count. None: all.

    Returns
    -------
    (H, W) array of bool
        False where not valid. Where several choices cost the same to 0.001 nats, the one with fewest pixels.

    Raises
    ------
    GdlsError
        If shapes do not fit, or a cost of a valid pixel is NaN.
    RecipeError
        If the smoothness is out of range.

    Examples
    --------
    >>> binary_cut([[-1.0, 0.1, -1.0, 0.4, 2.0]], 0.25).astype(int)
    array([[1, 1, 1, 0, 0]])
    """
    given = np.asarray(cost, dtype=np.float64)
    if given.ndim != 2:
        raise GdlsError(f"costs have shape {given.shape}; one number per pixel of an image, (H, W), is needed.")
    pixels = _Pixels.of(given[..., None], smoothness, valid)
    one = _least(_steps(given[pixels.valid]), pixels.first, pixels.second, pixels.weight, pixels.weight)
    out = np.zeros(given.shape, dtype=np.bool_)
    out[pixels.valid] = one
    return out


def expand_labels(
    costs: npt.ArrayLike, smoothness: float, valid: npt.ArrayLike | None = None, sweeps: int = 2
) -> npt.NDArray[np.int64]:
    """Labels by alpha expansion, from those that cost least in each pixel alone.

    Parameters
    ----------
    costs : (H, W, k) array
        Cost of each label, in nats; infinite where it is forbidden.
    smoothness : float
        Cost of a pixel's length of border between any two labels, in nats, 0 to 10,000.
    valid : (H, W) array of bool, optional
        Pixels that count. None: all.
    sweeps : int
        Times that every label is expanded at most; ends early where nothing changes any more.

    Returns
    -------
    (H, W) array of int64
        0 to k - 1; 0 where not valid. The energy is never above that of the labels that cost least in each pixel.

    Raises
    ------
    GdlsError
        If shapes do not fit, or a cost of a valid pixel is NaN.
    RecipeError
        If the smoothness or the number of sweeps is out of range.
    """
    given = np.asarray(costs, dtype=np.float64)
    if given.ndim != 3 or given.shape[2] == 0:
        raise GdlsError(f"costs have shape {given.shape}; one number per pixel and label, (H, W, k), is needed.")
    sweeps = checked_whole_number("sweeps", sweeps, 0)
    pixels = _Pixels.of(given, smoothness, valid)
    unary = _steps(given[pixels.valid])
    current = unary.argmin(axis=1) if len(unary) else np.zeros(0, dtype=np.int64)
    if pixels.weight.any():
        for _ in range(sweeps):
            before = current
            for label in range(given.shape[2]):
                current = _expanded(current, label, unary, pixels)
            if np.array_equal(before, current):
                break
    out = np.zeros(given.shape[:2], dtype=np.int64)
    out[pixels.valid] = current
    return out


def labelling_energy(
    labels: npt.ArrayLike, costs: npt.ArrayLike, smoothness: float, valid: npt.ArrayLike | None = None
) -> float:
    """Energy that `expand_labels` lowers, in nats, of costs (H, W, k) and labels (H, W); to 0.001 nats a term."""
    given = np.asarray(costs, dtype=np.float64)
    pixels = _Pixels.of(given, smoothness, valid)
    label = np.asarray(labels)[pixels.valid]
    unary = np.take_along_axis(_steps(given[pixels.valid]), label[:, None], axis=1).sum()
    differ = label[pixels.first] != label[pixels.second]
    return float(unary + pixels.weight[differ].sum()) / _STEPS


@dataclass(frozen=True)
class _Pixels:
    """The valid pixels, numbered in raster order, and the pairs of neighbours among them.

    Attributes
    ----------
    valid : (H, W) array of bool
    first, second : (m,) arrays of int64
        Numbers of two neighbours.
    weight : (m,) array of int64
        What they cost if their labels differ, in steps.
    """

    valid: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    weight: npt.NDArray[np.int64]

    @classmethod
    def of(cls, costs: npt.NDArray[np.float64], smoothness: float, valid: npt.ArrayLike | None) -> _Pixels:
        """Of costs (H, W, k), after a check of everything."""
        smoothness = checked_number("smoothness", smoothness, "in nats", highest=LARGEST_SMOOTHNESS)
        shape = costs.shape[:2]
        inside = np.ones(shape, dtype=np.bool_) if valid is None else np.asarray(valid, dtype=np.bool_)
        if inside.shape != shape:
            raise GdlsError(f"valid has shape {inside.shape} and the costs are those of {shape} pixels; give one each.")
        nan = np.isnan(costs).any(axis=2) & inside
        if nan.any():
            row, column = np.argwhere(nan)[0]
            raise GdlsError(
                f"{np.count_nonzero(nan)} pixels have a cost that is NaN, the first at row {row}, column {column}; "
                "mark pixels without a cost as not valid."
            )
        number = np.full(shape, -1, dtype=np.int64)
        number[inside] = np.arange(np.count_nonzero(inside))
        pairs = (
            (number[:, :-1], number[:, 1:], _SIDE),
            (number[:-1], number[1:], _SIDE),
            (number[:-1, :-1], number[1:, 1:], _DIAGONAL),
            (number[:-1, 1:], number[1:, :-1], _DIAGONAL),
        )
        first, second, weight = [], [], []
        for here, there, part in pairs:
            both = (here >= 0) & (there >= 0)
            first.append(here[both])
            second.append(there[both])
            weight.append(np.full(len(first[-1]), round(_STEPS * smoothness * part), dtype=np.int64))
        return cls(inside, np.concatenate(first), np.concatenate(second), np.concatenate(weight))


def _steps(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Costs as whole numbers of steps."""
    return np.rint(np.clip(costs, -_LARGEST_COST, _LARGEST_COST) * _STEPS).astype(np.int64)


def _expanded(
    current: npt.NDArray[np.int64], label: int, unary: npt.NDArray[np.int64], pixels: _Pixels
) -> npt.NDArray[np.int64]:
    """Labels after the best move of any pixels to one label (Kolmogorov and Zabih 2004, section 4.1)."""
    own = unary[np.arange(len(unary)), current]
    moved = unary[:, label] - own
    other = current != label
    first, second, weight = pixels.first, pixels.second, pixels.weight
    # What a pair costs if neither, only the second, or only the first one moves; nothing if both do.
    neither = weight * (current[first] != current[second])
    only_second = weight * other[first]
    only_first = weight * other[second]
    n = len(unary)
    moved = moved + _added(first, only_first - neither, n) - _added(second, only_first, n)
    into = only_second + only_first - neither  # cost of a pair of which the second alone moves
    takes = _least(moved, second, first, into, np.zeros_like(into))
    return np.where(takes, label, current)


def _added(index: npt.NDArray[np.int64], values: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Sums of whole numbers by index, (n,): exact, as they are far below 2^53."""
    return np.rint(np.bincount(index, weights=values, minlength=n)).astype(np.int64)


def _least(
    unary: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    forward: npt.NDArray[np.int64],
    backward: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Smallest set of nodes of least energy.

    Nodes whose own energy outweighs all their edges are decided first, and with them what their edges say about the
    others, until none is left that is so clear: on real maps a cut then remains for a few per cent of the pixels.

    Parameters
    ----------
    unary : (n,) array of int64
        Energy of a node that is in the set.
    first, second : (m,) arrays of int64
        Ends of the edges.
    forward, backward : (m,) arrays of int64
        Energy where the first end alone is in the set, and where the second alone is; 0 or more.

    Returns
    -------
    (n,) array of bool
    """
    n = len(unary)
    taken = np.zeros(n, dtype=np.bool_)
    open_ = np.ones(n, dtype=np.bool_)
    for _ in range(_ROUNDS):
        # Most that the edges can change when a node leaves the set, and when it joins.
        leaving = _added(second, forward, n) + _added(first, backward, n)
        joining = _added(first, forward, n) + _added(second, backward, n)
        out = open_ & (unary >= leaving)
        into = open_ & (unary < -joining)
        if not (out.any() or into.any()):
            break
        taken |= into
        open_ &= ~(out | into)
        # An edge with one end decided is a part of the other end's own energy.
        half_first = open_[first] & ~open_[second]
        half_second = open_[second] & ~open_[first]
        change_first = np.where(taken[second], -backward, forward)[half_first]
        change_second = np.where(taken[first], -forward, backward)[half_second]
        unary = unary + _added(first[half_first], change_first, n) + _added(second[half_second], change_second, n)
        both = open_[first] & open_[second]
        first, second, forward, backward = first[both], second[both], forward[both], backward[both]
    if open_.any():
        number = np.cumsum(open_) - 1
        taken[open_] = _cut(unary[open_], number[first], number[second], forward, backward)
    return taken


def _cut(
    unary: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    forward: npt.NDArray[np.int64],
    backward: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """As `_least`, by one maximum flow: the nodes that the source still reaches once no more flows to the sink."""
    from scipy.sparse import coo_array, csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    n = len(unary)
    nodes = np.arange(n)
    source, sink = n, n + 1
    cheap = unary < 0
    tails = np.concatenate([np.full(np.count_nonzero(cheap), source), nodes[~cheap], first, second])
    heads = np.concatenate([nodes[cheap], np.full(np.count_nonzero(~cheap), sink), second, first])
    # The edges of the undecided outweigh their own energies, so all fits int32 as the smoothness is bounded.
    capacity = np.concatenate([-unary[cheap], unary[~cheap], forward, backward]).astype(np.int32)
    # Indices of 32 bits: older versions of SciPy take no others.
    graph = csr_array(coo_array((capacity, (tails.astype(np.int32), heads.astype(np.int32))), shape=(n + 2, n + 2)))
    residual = csr_array(graph - maximum_flow(graph, source, sink).flow)
    residual.eliminate_zeros()
    reached = breadth_first_order(residual, source, directed=True, return_predecessors=False)
    taken = np.zeros(n + 2, dtype=np.bool_)
    taken[reached] = True
    return taken[:n]
