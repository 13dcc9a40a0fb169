"""Weighted least squares with amounts that cannot be negative and nuisances that can, by their normal equations.

The sums over channels are formed once; any choice of columns is then a problem of a few tens of unknowns. So an element
is tried, swapped or left out within a fraction of a millisecond.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_RIDGE = 1e-9
"""Of a unit diagonal: keeps columns of equal shape apart (they share the amount) and is felt by nothing else."""

_CONVERGED = 1e-8
"""Gradient, in units of the columns' lengths and of the target's, at which no further column is worth adding."""

_MOST_STEPS = 500
"""Columns added in one fit at most; tens are as a rule."""


class NormalEquations:
    """Sums over channels of columns and target, weighted by the target's variance.

    Parameters
    ----------
    amounts : (n, D) array
        Columns whose coefficients are 0 or more.
    nuisances : (m, D) array
        Columns with coefficients of any sign; they are eliminated here once for all.
    nuisance_means, nuisance_errors : (m,) arrays
        Prior means and standard errors of their coefficients.
    target, variance : (D,) arrays
        What is fitted, and its expected variance.

    Attributes
    ----------
    gram : (n, n) float64
        Of the amounts scaled to unit length, after elimination.
    scale : (n,) float64
        Lengths by which columns were divided.
    """

    def __init__(
        self,
        amounts: FloatArray,
        nuisances: FloatArray,
        nuisance_means: FloatArray,
        nuisance_errors: FloatArray,
        target: FloatArray,
        variance: FloatArray,
    ) -> None:
        weight = 1 / np.sqrt(variance)
        columns = np.concatenate([amounts, nuisances]) * weight
        y = target * weight
        n = len(amounts)
        gram, product = columns @ columns.T, columns @ y
        squares = float(y @ y)
        self._columns, self._n = columns, n
        self.target_size = max(float(np.sqrt(squares)), 1e-300)
        rest, mixed = gram[n:, n:] + np.diag(1 / nuisance_errors**2), gram[:n, n:]
        if len(nuisances):
            product[n:] += nuisance_means / nuisance_errors**2
            squares += float(((nuisance_means / nuisance_errors) ** 2).sum())
            factor = cho_factor(rest)
            self._nuisance_of_amount = cho_solve(factor, mixed.T)  # (m, n)
            self._nuisance_of_target = cho_solve(factor, product[n:])
            own = gram[:n, :n] - mixed @ self._nuisance_of_amount
            right = product[:n] - mixed @ self._nuisance_of_target
            squares -= float(product[n:] @ self._nuisance_of_target)
        else:
            self._nuisance_of_amount = np.zeros((0, n))
            self._nuisance_of_target = np.zeros(0)
            own, right = gram[:n, :n], product[:n]
        self.squares = squares
        length = np.sqrt(np.maximum(np.diag(gram)[:n], 0.0))
        self.scale = np.where(length > 1e-12 * max(float(length.max(initial=0.0)), 1e-300), length, np.inf)
        self.gram = own / np.outer(self.scale, self.scale)
        self.gram[np.diag_indices(n)] = np.maximum(np.diag(self.gram), 0.0) + _RIDGE
        self.right = right / self.scale
        self._last = np.zeros(n, dtype=bool)

    def fit(self, on: BoolArray) -> tuple[FloatArray, float]:
        """Amounts (n,) of the columns that are `on`, 0 for others, and the sum of squares that is left."""
        x = self._nonnegative(on & np.isfinite(self.scale))
        self._last = x > 0
        left = self.squares - 2 * float(self.right @ x) + float(x @ self.gram @ x)
        return x / self.scale, max(left, 0.0)

    def _nonnegative(self, on: BoolArray) -> FloatArray:
        """Lawson and Hanson (1974), Solving Least Squares Problems, ch. 23, started at the last solution."""
        x = np.zeros(len(on))
        passive = on & self._last
        while passive.any():  # the start: what of the last solution stays positive
            solution = self._solve(passive)
            if (solution > 0).all():
                x[passive] = solution
                break
            passive[np.flatnonzero(passive)[solution <= 0]] = False
        smallest = _CONVERGED * self.target_size
        for _ in range(_MOST_STEPS):
            gradient = np.where(on & ~passive, self.right - self.gram @ x, -np.inf)
            best = int(gradient.argmax())
            if not gradient[best] > smallest:
                break
            passive[best] = True
            while True:
                at = np.flatnonzero(passive)
                solution = self._solve(passive)
                negative = solution <= 0
                if not negative.any():
                    x[:] = 0.0
                    x[at] = solution
                    break
                if at[negative].tolist() == [best] and x[best] == 0:
                    passive[best] = False  # rounding: its gradient was noise
                    on = on.copy()
                    on[best] = False
                    break
                ratios = x[at[negative]] / np.maximum(x[at[negative]] - solution[negative], 1e-300)
                x[at] += float(ratios.min()) * (solution - x[at])
                gone = at[negative][ratios <= ratios.min()]
                x[gone] = 0.0
                passive[gone] = False
        return x

    def _solve(self, passive: BoolArray) -> FloatArray:
        at = np.flatnonzero(passive)
        return np.asarray(np.linalg.solve(self.gram[np.ix_(at, at)], self.right[at]))

    def gains(self, amounts: FloatArray) -> FloatArray:
        """By how much the sum of squares would fall if a column were added, (n,); 0 where its amount were negative.

        Parameters
        ----------
        amounts : (n,) array
            The present solution.
        """
        positive = np.flatnonzero(amounts > 0)
        x = np.where(amounts > 0, amounts * np.where(np.isfinite(self.scale), self.scale, 0.0), 0.0)
        gradient = self.right - self.gram @ x
        free = self._free_squares(positive)
        gains = np.where(gradient > 0, gradient**2 / free, 0.0)
        gains[positive] = 0.0
        gains[~np.isfinite(self.scale)] = 0.0
        return np.asarray(gains)

    def _free_squares(self, positive: npt.NDArray[np.intp]) -> FloatArray:
        """Squared length of each column beside those that are fitted."""
        own = np.diag(self.gram).copy()
        if positive.size:
            across = self.gram[:, positive]
            own -= (across * np.linalg.solve(self.gram[np.ix_(positive, positive)], across.T).T).sum(axis=1)
        return np.maximum(own, 1e-6)

    def hidden(self, amounts: FloatArray) -> FloatArray:
        """Standard error of each column were it added to the present solution, (n,); infinite for empty columns."""
        free = self._free_squares(np.flatnonzero(amounts > 0))
        return np.asarray(np.where(np.isfinite(self.scale), 1 / (np.sqrt(free) * self.scale), np.inf))

    def collinearity(self, amounts: FloatArray) -> FloatArray:
        """By how much the others raise each column's error, (n,), 1 or more."""
        factors = np.ones(len(amounts))
        for k in np.flatnonzero(np.isfinite(self.scale)):
            others = np.flatnonzero((amounts > 0) & (np.arange(len(amounts)) != k))
            across = self.gram[k, others]
            free = self.gram[k, k] - across @ np.linalg.solve(self.gram[np.ix_(others, others)], across)
            factors[k] = 1 / np.sqrt(np.clip(free, 1e-6, 1.0))
        return factors

    def errors(self, amounts: FloatArray, counting: FloatArray | None = None) -> FloatArray:
        """Standard errors of the positive amounts, (n,), 0 for others.

        Parameters
        ----------
        amounts : (n,) array
        counting : (D,) array, optional
            Variance of the target by counting alone, in units of the expected variance; the errors are then the part
            that counting makes, nuisances held.
        """
        positive = np.flatnonzero(amounts > 0)
        errors = np.zeros(len(amounts))
        if not positive.size:
            return errors
        covariance = np.linalg.inv(self.gram[np.ix_(positive, positive)])
        if counting is not None:
            # The columns that the elimination left: each amount less its share of nuisances.
            own = self._columns[positive] - self._nuisance_of_amount[:, positive].T @ self._columns[self._n :]
            own = own / self.scale[positive, None]
            covariance = covariance @ ((own * counting) @ own.T) @ covariance
        errors[positive] = np.sqrt(np.maximum(np.diag(covariance), 0.0)) / self.scale[positive]
        return errors

    def nuisance(self, amounts: FloatArray) -> FloatArray:
        """Coefficients of the nuisances that go with amounts, (m,)."""
        return np.asarray(self._nuisance_of_target - self._nuisance_of_amount @ amounts)
