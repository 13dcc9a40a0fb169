"""Modal composition: how much of the rock each phase is, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.measurement_phases import MeasurementPhases


@dataclass(frozen=True, eq=False)
class Modal:
    """Area shares of the phases, in percent.

    Attributes
    ----------
    percent : (P,) array of float64
        Adding up to 100.
    error : (P,) array of float64
        Standard error of counting.
    """

    percent: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]


def modal_composition(phases: MeasurementPhases) -> Modal:
    r"""Modal composition by point counting.

    Each measurement counts for its phase, or for the two it is a mixture of by their shares of its counts. Pixels are
    not counted, since their labels favour thick grains over thin ones.

    Parameters
    ----------
    phases : MeasurementPhases

    Returns
    -------
    Modal
        With the error of counting points, :math:`\sqrt{p (1 - p) / N}` (van der Plas & Tobi 1965), and the uncertainty
        of the phase of each measurement, :math:`\sqrt{\sum q (1 - q)} / N` over the probabilities q of the phases of
        its measurements, added in quadrature. It holds for the measured area; how well this stands for the rock is
        another question.

    References
    ----------
    L. van der Plas, A. C. Tobi, A chart for judging the reliability of point counting results, Am. J. Sci. 263 (1965)
    87-90.
    """
    return modal_of_points(*counted_points(phases))


def counted_points(phases: MeasurementPhases) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Measurements that count for each phase, and how sure that is, as `modal_of_points` takes them.

    Parameters
    ----------
    phases : MeasurementPhases

    Returns
    -------
    points, doubt : (P,) arrays of float64
    """
    n, mixed = phases.n_phases, phases.partner >= 0
    points = np.bincount(phases.labels, weights=phases.fraction, minlength=n)
    points += np.bincount(phases.partner[mixed], weights=1 - phases.fraction[mixed], minlength=n)
    doubt = np.bincount(phases.labels, weights=(phases.confidence * (1 - phases.confidence)).astype(float), minlength=n)
    return points.astype(np.float64), doubt.astype(np.float64)


def modal_of_points(points: npt.ArrayLike, doubt: npt.ArrayLike) -> Modal:
    """Modal composition where points have been counted; see `modal_composition`.

    Parameters
    ----------
    points : (P,) array
        Measurements that count for each phase; their sum is N, more than 0.
    doubt : (P,) array
        Sum of q (1 - q) over the probabilities q of the phases of its measurements.
    """
    counted, doubtful = np.asarray(points, dtype=np.float64), np.asarray(doubt, dtype=np.float64)
    n = counted.sum()
    p = counted / n
    return Modal(100 * p, 100 * np.sqrt(p * (1 - p) / n + doubtful / n**2))
