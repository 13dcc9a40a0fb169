"""The spectra that speak for a phase: summed over the measurements inside its grains, where it has any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.phase_sums import LEAST_INTERIOR
from napari_gdls.segmentation import Segmentation


@dataclass(frozen=True, eq=False)
class PhaseSpectra:
    """Summed spectra of P phases, and how pure what was summed is.

    Attributes
    ----------
    spectra : (P, D) float64
        Counts.
    measurements : (P,) int64
        How many were summed.
    inside : (P,) bool
        Whether these lie inside grains, away from other phases, and none of them is a mixture of two.
    intergrown : (P,) bool
        Whether the phase is a fine-grained mixture.
    shared_borders : (P, P) int64
        Edges of the measurement graph between the phases.
    """

    spectra: npt.NDArray[np.float64]
    measurements: npt.NDArray[np.int64]
    inside: npt.NDArray[np.bool_]
    intergrown: npt.NDArray[np.bool_]
    shared_borders: npt.NDArray[np.int64]


def phase_spectra(segmentation: Segmentation, *, least: int = LEAST_INTERIOR) -> PhaseSpectra:
    """Sum the measurements of each phase that show it alone.

    These are the ones that are no mixtures and touch no other phase; all that are no mixtures, where the former are
    fewer than three; all, where even these are. Where the method made no phases, each segment is one.

    Parameters
    ----------
    segmentation : Segmentation
    least : int
        Measurements that are enough to be summed without the others.

    Returns
    -------
    PhaseSpectra
    """
    chosen, inside = measurements_of_phases(segmentation, least=least)
    n, found = segmentation.n_phases, segmentation.measurement_phases
    labels = segmentation.phases[segmentation.measurement_labels] if found is None else found.labels
    edges = labels[segmentation.graph.edges]
    differs = edges[:, 0] != edges[:, 1]
    borders = np.zeros((n, n), dtype=np.int64)
    np.add.at(borders, (edges[differs, 0], edges[differs, 1]), 1)
    return PhaseSpectra(
        spectra=segmentation.field.summed_spectra(chosen, n),
        measurements=np.bincount(chosen[chosen >= 0], minlength=n),
        inside=inside,
        intergrown=np.zeros(n, dtype=np.bool_) if found is None else found.intergrown,
        shared_borders=borders + borders.T,
    )


def measurements_of_phases(
    segmentation: Segmentation, *, least: int = LEAST_INTERIOR
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The measurements that `phase_spectra` sums.

    Returns
    -------
    (N,) array of int64
        Phase of each, -1 for those that are left out.
    (P,) array of bool
        Whether those of a phase lie inside grains.
    """
    n = segmentation.n_phases
    found = segmentation.measurement_phases
    labels = segmentation.phases[segmentation.measurement_labels] if found is None else found.labels
    edges = labels[segmentation.graph.edges]
    differs = edges[:, 0] != edges[:, 1]
    alone = np.ones(len(labels), dtype=np.bool_)
    alone[segmentation.graph.edges[differs]] = False
    pure = np.ones(len(labels), dtype=np.bool_) if found is None else found.partner < 0
    inside = _enough(pure & alone, labels, n, least)
    unmixed = _enough(pure, labels, n, least)
    chosen = np.where(inside[labels], pure & alone, np.where(unmixed[labels], pure, True))
    return np.where(chosen, labels, -1), inside


def _enough(chosen: npt.NDArray[np.bool_], labels: npt.NDArray[np.int64], n: int, least: int) -> npt.NDArray[np.bool_]:
    return np.bincount(labels[chosen], minlength=n) >= least
