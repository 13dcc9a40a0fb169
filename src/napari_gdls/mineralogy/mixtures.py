"""Whether a spectrum is that of two minerals at once: of a border, of a fine intergrowth, of a groundmass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.mineralogy.composition_likelihood import FIRST_SEEN, MassLikelihood, mass_likelihood, physics_error
from napari_gdls.mineralogy.identification import Candidate
from napari_gdls.mineralogy.naming_libraries import LibrarySpec, NamingLibrary, naming_library
from napari_gdls.mineralogy.spectral_shape import SHAPE_LIMIT, library_shapes, log_coefficients, spectrum_root
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit
from napari_gdls.segmentation.names import UNKNOWN
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

LEAST_SHARE = 0.1
"""Part of the mass that the smaller of two minerals has: less is a minor element of the other, for all that is seen."""

PRICE = 3.0
"""Nats that a mixture must be better than one mineral before it counts: there are many pairs, and each has a share to
be chosen."""

_COMMONNESS = 2
"""Of minerals that are tried without being a candidate: rock-forming and accessory ones."""

_TRIED = 40
"""Pairs whose likelihood is computed, of all that are solved for."""

_DIFFERENT = 1e-3
"""Square of the sine between two compositions below which they are one."""

_STEPS = 41
"""Shares of the counts that are tried."""


@dataclass(frozen=True)
class Mixture:
    """Two minerals that explain a spectrum together.

    Attributes
    ----------
    first, second : str
        The first has more of the mass.
    share : float
        Of the second in the mass, 0.1 to 0.5.
    gain : float
        Nats by which the two explain the spectrum better than any single material of the library, what is common and
        the price of a second mineral included; below 0, one explains it better.
    """

    first: str
    second: str
    share: float
    gain: float


@one_thread
def mixture_of(
    fit: SpectrumFit, library: LibrarySpec = None, candidates: Iterable[Candidate | str] = ()
) -> Mixture | None:
    """The two minerals that explain a spectrum best together.

    Parameters
    ----------
    fit : SpectrumFit
    library : optional
        See `naming_library`.
    candidates : iterable of Candidate or str
        Minerals to try besides common ones: those of the spectrum itself, those of the phases beside it.

    Returns
    -------
    Mixture or None
        None where no two minerals have a tenth of the mass each.

    Raises
    ------
    MaterialError
        If the library cannot be read, or lacks a candidate.
    """
    chosen = naming_library(library)
    pool = _pool(chosen, candidates)
    pairs, shares = _best_pairs(fit, chosen, pool)
    if not len(pairs):
        return None
    single = mass_likelihood(fit, chosen.fractions, chosen.hydrous)
    counts = float(fit.counts.sum())
    shape = log_coefficients(fit.counts, fit.instrument, chosen.materials)
    alone = float(np.max(single.evidence(counts) + SHAPE_LIMIT * shape + chosen.log_prior))
    together = _masses(fit, chosen, pairs, shares).evidence(counts)
    together += SHAPE_LIMIT * _shapes(fit, chosen, pairs) + chosen.log_prior[pairs].sum(axis=1) - PRICE
    best = int(np.argmax(together))
    (first, second), share = pairs[best], float(shares[best])
    if share > 0.5:
        first, second, share = second, first, 1 - share
    names = chosen.materials[int(first)].name, chosen.materials[int(second)].name
    return Mixture(*names, share, float(together[best]) - alone)


def _pool(library: NamingLibrary, candidates: Iterable[Candidate | str]) -> npt.NDArray[np.int64]:
    """Indices of the materials that are tried."""
    names = [each.name if isinstance(each, Candidate) else each for each in candidates]
    wanted = {library.materials.index(name) for name in names if name != UNKNOWN}
    common = {k for k, material in enumerate(library.materials) if material.commonness <= _COMMONNESS}
    return np.array(sorted(k for k in wanted | common if np.isfinite(library.log_prior[k])), dtype=np.int64)


def _best_pairs(
    fit: SpectrumFit, library: NamingLibrary, pool: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Pairs (p, 2) that fit the masses best, by least squares in standard errors, and the share of the second."""
    measured = fit.open_masses[FIRST_SEEN:]
    errors = np.where(np.isfinite(fit.open_errors[FIRST_SEEN:]), fit.open_errors[FIRST_SEEN:], 0)
    total = max(float(measured.sum()), 1e-12)
    width = np.sqrt(errors**2 + (physics_error()[FIRST_SEEN:] * measured) ** 2 + (0.02 * total) ** 2)
    columns = library.fractions[pool, FIRST_SEEN:] / width
    goal = measured / width
    square, towards = np.einsum("ik,jk->ij", columns, columns), np.einsum("ik,k->i", columns, goal)
    i, j = np.triu_indices(len(pool), 1)
    different = square[i, i] * square[j, j] - square[i, j] ** 2 > _DIFFERENT * square[i, i] * square[j, j]
    i, j = i[different], j[different]
    determinant = square[i, i] * square[j, j] - square[i, j] ** 2
    first = (square[j, j] * towards[i] - square[i, j] * towards[j]) / determinant
    second = (square[i, i] * towards[j] - square[i, j] * towards[i]) / determinant
    share = second / np.where(first + second > 0, first + second, 1)
    residual = -(first * towards[i] + second * towards[j])  # less the square of the goal
    good = (first > 0) & (second > 0) & (share >= LEAST_SHARE) & (share <= 1 - LEAST_SHARE)
    order = np.flatnonzero(good)
    order = order[np.argsort(residual[order], kind="stable")[:_TRIED]]
    return np.stack([pool[i[order]], pool[j[order]]], axis=1), np.asarray(share[order])


def _masses(
    fit: SpectrumFit, library: NamingLibrary, pairs: npt.NDArray[np.int64], shares: FloatArray
) -> MassLikelihood:
    mixed = library.fractions[pairs[:, 0]] * (1 - shares)[:, None] + library.fractions[pairs[:, 1]] * shares[:, None]
    return mass_likelihood(fit, mixed, np.asarray(library.hydrous[pairs].any(axis=1)))


def _shapes(fit: SpectrumFit, library: NamingLibrary, pairs: npt.NDArray[np.int64]) -> FloatArray:
    """Logarithm of the best Bhattacharyya coefficient of the spectra of a pair, added in any share, (p,)."""
    root = spectrum_root(fit.counts, fit.instrument)
    spectra = library_shapes(library.materials, fit.instrument)[pairs].astype(np.float64) ** 2
    best = np.zeros(len(pairs))
    for share in np.linspace(0, 1, _STEPS):
        mixed = np.sqrt((1 - share) * spectra[:, 0] + share * spectra[:, 1])
        best = np.maximum(best, np.einsum("ij,j->i", mixed, root))
    return np.asarray(np.log(np.maximum(best, 1e-12)))
