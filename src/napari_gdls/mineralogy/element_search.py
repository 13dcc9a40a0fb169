"""Which elements a spectrum holds: each is paid for with the residuals that it takes away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.mineralogy.sought_elements import (
    LEAST_SHARE,
    LEAST_SIGNIFICANCE,
    PRICES,
    SOFT,
    SOUGHT,
    TIERS,
    by_tier,
)
from napari_gdls.mineralogy.spectrum_columns import Columns

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_OVERLAP_FROM, _OVERLAP_OVER, _OVERLAP_PRICE = 0.75, 0.2, 40.0
"""An element whose shape is that of a common one to more than 0.75 (Bhattacharyya coefficient) costs more, from 0.95
on 41 times as much: Br on Al, Sr or W on Si. What errors of the peaks' shape feign costs that much at 10**6 counts."""

_MOST_ADDED = 8
"""Elements added in one round; minerals of more than a dozen are not known."""

_LOOK_ALIKE = 0.75
"""Bhattacharyya coefficient from which two elements are tried for each other."""

_SWAP_MARGIN = 10.0
"""What the other reading of a line must be better by, beyond the difference in price."""

_OVERLAP_ERROR = 0.02
"""Error of an amount by a neighbour that is not quite of the assumed shape, in parts of the neighbour's counts times
the likeness of the shapes; 2.5 times that for C, N and F."""
_SOFT_FACTOR = 2.5  # see above

_OXIDE = 0.15
"""Mass fraction of oxygen from which nitrogen is not looked for: real spectra of silicates have up to half as many
counts again at 0.3 to 0.45 keV as the continuum explains, which read as 7 to 9 % of nitrogen. Nitrates and ammonium
minerals are the price; who knows of one names its elements."""

_LEAST_NITROGEN = 0.02
"""Mass fraction of nitrogen below which it is left out everywhere: as much is found in germanium for that reason."""

_SOFT = np.array([symbol in SOFT for symbol in SOUGHT])
_CARBON, _NITROGEN, _OXYGEN = (SOUGHT.index(symbol) for symbol in "CNO")


def _is_oxide(amounts: FloatArray) -> bool:
    """Whether oxygen has more of the mass than `_OXIDE`, carbon left aside."""
    masses = amounts[: len(SOUGHT)]
    return bool(masses[_OXYGEN] > _OXIDE * (masses.sum() - masses[_CARBON]))


@dataclass(eq=False)
class ElementSearch:
    """The elements taken to be there, from round to round.

    Attributes
    ----------
    alive : (E,) bool
        Of `SOUGHT`.
    """

    alive: BoolArray
    amounts: FloatArray
    squares: float = 0.0

    @classmethod
    def start(cls, elements: tuple[str, ...] | None) -> ElementSearch:
        """With the common elements, or with those that are given."""
        alive = TIERS == 0 if elements is None else np.isin(SOUGHT, elements)
        return cls(alive.copy(), np.zeros(0))

    def fit(self, columns: Columns) -> None:
        """Fit what is alive."""
        self.amounts, self.squares = self._fitted(columns, self.alive)

    @staticmethod
    def _fitted(columns: Columns, alive: BoolArray) -> tuple[FloatArray, float]:
        others = len(columns.equations.scale) - len(alive)
        return columns.equations.fit(np.append(alive & columns.possible, np.ones(others, dtype=bool)))

    def _unit(self, columns: Columns) -> float:
        """What a chi-squared of 1 is worth: more where the model does not hold."""
        return max(self.squares / columns.variance.size, 1.0)

    def add(self, columns: Columns) -> None:
        """Take in what the residuals ask for, the best buy first."""
        for _ in range(_MOST_ADDED):
            best, gain = self._best_buy(columns, self.alive, self.amounts)
            if gain < self._unit(columns):
                break
            self.alive[best] = True
            self.fit(columns)

    @staticmethod
    def _best_buy(columns: Columns, alive: BoolArray, amounts: FloatArray) -> tuple[int, float]:
        """The element that brings most for its price, and what it brings by its price."""
        gains = columns.equations.gains(amounts)[: len(SOUGHT)] / prices(columns, alive)
        gains[alive | ~columns.possible] = 0.0
        if _is_oxide(amounts):
            gains[_NITROGEN] = 0.0
        best = int(gains.argmax())
        return best, float(gains[best])

    def _cost(self, columns: Columns, alive: BoolArray, amounts: FloatArray, squares: float) -> float:
        """Sum of squares, and the prices of what is there."""
        present = alive & (amounts[: len(SOUGHT)] > 0)
        return squares + self._unit(columns) * float(prices(columns, alive)[present].sum())

    def swap(self, columns: Columns) -> None:
        """Try other readings of lines: one or two elements for one (Mo or Pb for S, Ba for Ti, Sr or W for Si ...)."""
        cost = self._cost(columns, self.alive, self.amounts, self.squares)
        margin = _SWAP_MARGIN * self._unit(columns)
        for i in np.flatnonzero(self.alive & (self.amounts[: len(SOUGHT)] > 0)):
            if i in (_OXYGEN, _CARBON):
                continue
            rivals = np.flatnonzero(columns.possible & ~self.alive & (columns.likeness[i] > _LOOK_ALIKE))
            for j in rivals:
                trial = self.alive.copy()
                trial[i], trial[j] = False, True
                amounts, squares = self._fitted(columns, trial)
                for _ in range(2):
                    own = self._cost(columns, trial, amounts, squares)
                    if own < cost - margin:
                        self.alive, self.amounts, self.squares, cost = trial, amounts, squares, own
                        break
                    k, _gain = self._best_buy(columns, trial, amounts)
                    if k == i:
                        break
                    trial = trial.copy()
                    trial[k] = True
                    amounts, squares = self._fitted(columns, trial)
                if not self.alive[i]:
                    break

    def drop(self, columns: Columns, strictness: float, *, needed: bool) -> None:
        """Leave out what is not significant, and what the fit does not need.

        Parameters
        ----------
        columns : Columns
        strictness : float
            0 to 1: part of the limits that holds in this round.
        needed : bool
            Whether to try each weak element's absence.
        """
        n = len(SOUGHT)
        masses, errors = self.amounts[:n], self.errors(columns)
        limit = by_tier(LEAST_SIGNIFICANCE)
        z = masses / np.maximum(errors, 1e-300)
        share = masses / max(masses.sum() - masses[_CARBON], 1e-300)
        weak = self.alive & ((z < strictness * limit) | (share < strictness * by_tier(LEAST_SHARE)))
        weak[_OXYGEN] = z[_OXYGEN] < strictness * limit[_OXYGEN]
        weak[_NITROGEN] |= _is_oxide(self.amounts) or share[_NITROGEN] < strictness * _LEAST_NITROGEN
        self.alive &= ~weak
        if needed:
            self.fit(columns)
            price = prices(columns, self.alive)
            for i in np.argsort(z / limit, kind="stable"):
                if not self.alive[i] or i == _OXYGEN or z[i] <= 0:
                    continue
                trial = self.alive.copy()
                trial[i] = False
                amounts, squares = self._fitted(columns, trial)
                if squares - self.squares < price[i] * self._unit(columns):
                    self.alive, self.amounts, self.squares = trial, amounts, squares
        self.fit(columns)

    def errors(self, columns: Columns) -> FloatArray:
        """Standard errors of the masses by the fit and by overlapping lines, (E,)."""
        n = len(SOUGHT)
        fit = columns.equations.errors(self.amounts)[:n]
        return np.hypot(fit, overlap_errors(columns, self.amounts[:n]))


def overlap_errors(columns: Columns, masses: FloatArray) -> FloatArray:
    """Errors of masses (E,): a strong neighbour not quite of the assumed shape looks like a weak element under it."""
    feigned = _OVERLAP_ERROR * np.where(_SOFT, _SOFT_FACTOR, 1.0) * (columns.likeness @ (masses * columns.areas))
    return np.where(columns.possible, feigned / np.maximum(columns.areas, 1e-300), 0.0)


def prices(columns: Columns, alive: BoolArray) -> FloatArray:
    """What each element must take off the sum of squares, (E,)."""
    hidden = (columns.likeness * (alive & (TIERS == 0) & ~_SOFT)).max(axis=1)
    raised = np.clip((hidden - _OVERLAP_FROM) / _OVERLAP_OVER, 0, 1) * ((TIERS > 0) | _SOFT)
    return np.asarray(by_tier(PRICES) * (1 + _OVERLAP_PRICE * raised))
