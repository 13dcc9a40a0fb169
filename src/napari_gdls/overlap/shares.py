"""How much of a mask's counts the matrix gave: from elements that the matrix has and the grain has not (ties)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import ZERO_PEAK_END
from napari_gdls.errors import RecipeError
from napari_gdls.overlap.line_families import TEMPLATE_ERROR
from napari_gdls.overlap.net_counts import ElementLines

FloatArray = npt.NDArray[np.float64]

_CLEAR = 8.0
"""Standard errors that the net counts of a tie must have in the matrix."""

_LEAST_OF_LARGEST = 0.03
"""Part of the matrix's largest net line that a tie must have: with less, a little of another phase in the matrix mask
makes its elements ties (a chromite made Cr one, and the share wrong by 0.34)."""

_AGREE = 2.5
"""Standard errors within which two ties agree."""

_LARGEST_RESIDUE = 0.1
"""Standard error of a tie that may confirm another, as a part of what the grain itself gave: where a grain gave little,
two elements that it holds agree by chance."""

_95_PERCENT = 1.96  # standard errors of a normal distribution on either side


@dataclass(frozen=True)
class Tie:
    """Share of the matrix in a mask, if one element is not in the grain.

    Attributes
    ----------
    element : str
        Symbol.
    share : float
        Share of the mask's counts that the matrix gave, 0 to 1 but for noise: an upper limit where the grain holds the
        element.
    sigma : float
        Standard error, of counting and of the shapes of the lines.
    used : bool
        Whether the share of the mask was taken from it.
    """

    element: str
    share: float
    sigma: float
    used: bool


@dataclass(frozen=True)
class Share:
    """How much of a mask's counts the phases under a grain gave.

    Attributes
    ----------
    parts : dict of str to float
        Share by phase; between 0 and 1 together.
    sigma : float
        Standard error of their sum.
    ties : tuple of Tie
        All that were looked at, by rising share.
    confirmed : bool
        Whether two elements agree, or the user chose.
    reason : str
        One sentence: why it is confirmed, or not.
    mask_error : float
        The part of `sigma` that the masks give.
    """

    parts: dict[str, float]
    sigma: float
    ties: tuple[Tie, ...]
    confirmed: bool
    reason: str
    mask_error: float = 0.0

    @property
    def total(self) -> float:
        """Share of all phases under the grain."""
        return sum(self.parts.values())

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `total`, within 0 and 1."""
        reach = _95_PERCENT * self.sigma
        return max(self.total - reach, 0.0), min(self.total + reach, 1.0)


@dataclass(frozen=True, eq=False)
class Sum:
    """A summed spectrum and what its lines hold.

    Attributes
    ----------
    counts : float
        Counts of the specimen: without the lines of artefacts.
    net : (E,) float64
        Counts of the strongest family of each of some elements.
    covariance : (E, E) float64
    """

    counts: float
    net: FloatArray
    covariance: FloatArray


def summed(lines: ElementLines, spectra: FloatArray, artefacts: Sequence[str]) -> list[Sum]:
    """Net counts of summed spectra, (n, D)."""
    found = lines.net_counts(spectra)
    foreign = np.array([element in artefacts for element in lines.elements], dtype=bool)
    of_artefacts = found.net[:, foreign] @ lines.shapes[foreign].sum(axis=1)
    x_rays = lines.axis.centers >= ZERO_PEAK_END
    counts = spectra[:, x_rays].sum(axis=1) - of_artefacts
    return [
        Sum(float(n), net, covariance) for n, net, covariance in zip(counts, found.net, found.covariances, strict=True)
    ]


def tie_candidates(elements: Sequence[str], matrix: Sum, artefacts: Sequence[str]) -> list[str]:
    """Elements that a phase holds enough of to be ties, the strongest first."""
    errors = np.sqrt(np.diagonal(matrix.covariance))
    possible = np.array([element not in artefacts for element in elements], dtype=bool)
    if not possible.any():
        return []
    largest = matrix.net[possible].max()
    clear = possible & (matrix.net > _CLEAR * errors) & (matrix.net > _LEAST_OF_LARGEST * largest)
    return [elements[i] for i in np.argsort(-matrix.net, kind="stable") if clear[i]]


def matrix_share(
    grain: str,
    elements: Sequence[str],
    mask: Sum,
    under: Mapping[str, Sum],
    *,
    artefacts: Sequence[str],
    tie: str | Mapping[str, str] | None = None,
    given: float | None = None,
    mask_error: float = 0.0,
) -> Share:
    """Share of a mask's counts that the phases under a grain gave.

    Parameters
    ----------
    grain : str
        For messages.
    elements : sequence of str
        Those of the sums.
    mask : Sum
        Over the pixels of the grain.
    under : mapping of str to Sum
        The phases under it; one, or several for nested phases.
    artefacts : sequence of str
        Elements that are no part of the specimen: never ties.
    tie : str or mapping of str to str, optional
        Element that the grain does not hold; by phase where several are under it. None: chosen.
    given : float, optional
        The share, from the user; parts are in the ratio that ties give.
    mask_error : float
        Standard error of the share from what the masks may have taken in wrongly.

    Returns
    -------
    Share

    Raises
    ------
    RecipeError
        If a tie is an artefact, is not measured in the phase under the grain, or there is none.

    Notes
    -----
    Of a tie e the share is phi = net_e(mask) / net_e(matrix) * N(matrix) / N(mask). Where the grain holds e it comes
    out too large, never too small; so the smallest is taken, and with it those that agree.
    """
    names = list(under)
    per_phase = {name: tie_candidates(elements, under[name], artefacts) for name in names}
    if tie is not None:
        chosen = {names[0]: tie} if isinstance(tie, str) else dict(tie)
        _check_ties(grain, chosen, names, elements, under, artefacts)
        per_phase = {name: [chosen[name]] if name in chosen else per_phase[name] for name in names}
    if given is not None:
        return replace(_given_share(elements, mask, under, per_phase, given), mask_error=mask_error)
    for name, candidates in per_phase.items():
        if not candidates:
            raise RecipeError(
                f"{grain}: no element tells how much of {name} is in its mask, since no line of {name} is clear enough "
                f"besides artefacts ({', '.join(artefacts) or 'none'}); give the share by hand, or larger masks."
            )
    if len(names) == 1:
        return _one_under(elements, mask, names[0], under[names[0]], per_phase[names[0]], tie, mask_error)
    return _several_under(elements, mask, under, per_phase, tie, mask_error)


def _check_ties(
    grain: str,
    chosen: Mapping[str, str],
    names: Sequence[str],
    elements: Sequence[str],
    under: Mapping[str, Sum],
    artefacts: Sequence[str],
) -> None:
    for name, element in chosen.items():
        if name not in names:
            raise RecipeError(
                f"{grain}: a tie is given for {name}, which is not under it; there is {', '.join(names)}."
            )
        if element in artefacts:
            raise RecipeError(f"{grain}: {element} is declared an artefact and cannot tie it to {name}.")
        if element not in elements:
            raise RecipeError(f"{grain}: {element} has no line in these spectra; choose one of {', '.join(elements)}.")
        i = list(elements).index(element)
        if under[name].net[i] <= 3 * math.sqrt(under[name].covariance[i, i]):
            raise RecipeError(
                f"{grain}: {element} is not found in {name} (net {under[name].net[i]:.0f} counts, standard error "
                f"{math.sqrt(under[name].covariance[i, i]):.0f}), so it cannot tell how much of {name} is in the mask."
            )


def _one_under(
    elements: Sequence[str],
    mask: Sum,
    name: str,
    matrix: Sum,
    candidates: Sequence[str],
    tie: str | Mapping[str, str] | None,
    mask_error: float,
) -> Share:
    rows = [list(elements).index(element) for element in candidates]
    ratio = matrix.counts / mask.counts
    phi = mask.net[rows] / matrix.net[rows] * ratio
    variance = (
        np.diagonal(mask.covariance)[rows] / matrix.net[rows] ** 2
        + (mask.net[rows] / matrix.net[rows] ** 2) ** 2 * np.diagonal(matrix.covariance)[rows]
    ) * ratio**2
    # The shape of the family tells in both sums, but what lies beside it does not.
    sigma = np.sqrt(variance + (TEMPLATE_ERROR * np.maximum(phi, 0.0)) ** 2)
    best = int(np.argmin(phi + 3 * sigma))
    used = np.abs(phi - phi[best]) <= _AGREE * np.hypot(sigma, np.where(np.arange(phi.size) == best, 0.0, sigma[best]))
    weights = np.where(used, 1 / sigma**2, 0.0)
    mean = float(weights @ phi / weights.sum())
    # A tie that is no tie, but agrees within its noise, pulls the mean away from the smallest.
    error = math.sqrt(1 / weights.sum() + (mean - phi[best]) ** 2 + mask_error**2)
    ties = tuple(
        Tie(candidates[i], float(phi[i]), float(sigma[i]), bool(used[i])) for i in np.argsort(phi, kind="stable")
    )
    confirming = [t.element for t in ties if t.used and t.sigma < _LARGEST_RESIDUE * max(1 - mean, 0.0)]
    if tie is not None:
        confirmed, reason = True, f"{candidates[0]} was chosen as the element that the grain does not hold."
    elif len(confirming) > 1:
        confirmed, reason = True, f"{' and '.join(confirming)} agree on the share of {name}."
    else:
        confirmed, reason = (
            False,
            (
                f"only {ties[0].element} tells the share of {name}; if the grain holds {ties[0].element}, the share is "
                "too large. Choose the tie, or the share, if you know better."
            ),
        )
    return Share({name: min(max(mean, 0.0), 1.0)}, error, ties, confirmed, reason, mask_error)


def _several_under(
    elements: Sequence[str],
    mask: Sum,
    under: Mapping[str, Sum],
    per_phase: Mapping[str, Sequence[str]],
    tie: str | Mapping[str, str] | None,
    mask_error: float,
) -> Share:
    """One tie for each phase, solved together; of all sets of ties the one with the smallest share and 3 sigma."""
    names = list(under)
    best: tuple[float, tuple[str, ...], FloatArray, float] | None = None
    for combination in itertools.product(*(per_phase[name][:_MOST_TRIED] for name in names)):
        if len(set(combination)) < len(names):
            continue
        rows = [list(elements).index(element) for element in combination]
        amounts = np.array([under[name].net[rows] for name in names]).T  # (tie, phase)
        if np.linalg.cond(amounts / np.maximum(np.abs(amounts).max(axis=0), 1e-30)) > _WORST_CONDITION:
            continue
        inverse = np.linalg.inv(amounts)
        beta = inverse @ mask.net[rows]
        covariance = mask.covariance[np.ix_(rows, rows)] + sum(
            b**2 * under[name].covariance[np.ix_(rows, rows)] for b, name in zip(beta, names, strict=True)
        )
        to_share = np.array([under[name].counts for name in names]) / mask.counts
        solver = to_share[:, None] * inverse
        parts = beta * to_share
        total = float(parts.sum())
        sigma = math.sqrt(float((solver @ covariance @ solver.T).sum()) + (TEMPLATE_ERROR * total) ** 2)
        # Negative parts are no mixtures.
        if parts.min() < -3 * sigma:
            continue
        if best is None or total + 3 * sigma < best[0]:
            best = (total + 3 * sigma, combination, parts, sigma)
    if best is None:
        raise RecipeError(
            f"no elements tell {' and '.join(names)} apart in the mask; choose ties for each, or give the share."
        )
    _, combination, parts, sigma = best
    parts = np.clip(parts, 0.0, 1.0)
    parts /= max(parts.sum(), 1.0)
    ties = tuple(Tie(element, float(part), sigma, used=True) for element, part in zip(combination, parts, strict=True))
    chosen = isinstance(tie, Mapping) and set(tie) == set(names)
    words = ", ".join(f"{element} for {name}" for element, name in zip(combination, names, strict=True))
    reason = (
        f"ties were chosen: {words}." if chosen else f"nothing confirms the ties: {words}. Choose them if you know."
    )
    error = math.hypot(sigma, mask_error)
    return Share(dict(zip(names, map(float, parts), strict=True)), error, ties, chosen, reason, mask_error)


_MOST_TRIED = 6  # ties of each phase, the strongest: 36 pairs are solved in a millisecond
_WORST_CONDITION = 30.0  # of the amounts of ties in phases; beyond, errors grow by more than that


def _given_share(
    elements: Sequence[str],
    mask: Sum,
    under: Mapping[str, Sum],
    per_phase: Mapping[str, Sequence[str]],
    given: float,
) -> Share:
    names = list(under)
    parts = dict.fromkeys(names, given / len(names))
    ties: tuple[Tie, ...] = ()
    if len(names) == 1:
        if per_phase[names[0]]:
            found = _one_under(elements, mask, names[0], under[names[0]], per_phase[names[0]], None, 0.0)
            ties = tuple(Tie(t.element, t.share, t.sigma, used=False) for t in found.ties)
    elif all(per_phase.values()):
        found = _several_under(elements, mask, under, per_phase, None, 0.0)
        whole = max(found.total, 1e-12)
        parts = {name: given * part / whole for name, part in found.parts.items()}
        ties = found.ties
    return Share(parts, 0.0, ties, confirmed=True, reason="the share was given by hand.")
