"""The parts of a field: what a section decides about, and what is summed of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions_at_measurements
from napari_gdls.embedding.inference import embedder
from napari_gdls.mineralogy.phase_spectra import measurements_of_phases, phase_spectra
from napari_gdls.phases.modal import counted_points
from napari_gdls.phases.sums import Pool
from napari_gdls.segmentation import Segmentation
from napari_gdls.spectra.windows import window_counts_of_groups


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a field that a section decides about: its phases, and pieces of them that may be other phases.

    Attributes
    ----------
    pool : Pool
        Sums over the measurements of each of P parts that show it alone; see
        `napari_gdls.mineralogy.phase_spectra.phase_spectra`.
    spectra : (P, D) array of float64
        Summed counts of the same measurements, on the energy axis of the field.
    inside : (P,) array of bool
        Whether these lie inside grains.
    intergrown : (P,) array of bool
        Whether it is a fine-grained mixture.
    phase : (P,) array of int64
        Part that each belongs to as far as the field alone tells: its own number, for the phases of the field.
    points : (P,) array of float64
        Measurements that count for each, mixed ones by their share of counts; their sum is N.
    doubt : (P,) array of float64
        Sum of q (1 - q) over the probabilities q of the phases of its measurements.
    mixtures : (M, 2) array of int64
        Pairs of parts that measurements are mixtures of, the part that they count for first.
    mixed : (M,) array of int64
        How many measurements each of these pairs has.
    borders : (P, P) array of int64
        Pairs of neighbouring measurements of two parts.
    """

    pool: Pool
    spectra: npt.NDArray[np.float64]
    inside: npt.NDArray[np.bool_]
    intergrown: npt.NDArray[np.bool_]
    phase: npt.NDArray[np.int64]
    points: npt.NDArray[np.float64]
    doubt: npt.NDArray[np.float64]
    mixtures: npt.NDArray[np.int64]
    mixed: npt.NDArray[np.int64]
    borders: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pool)


def parts_of(segmentation: Segmentation) -> Parts:
    """The parts of a segmented field: its phases.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that makes phases.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    found, field = segmentation.grouped, segmentation.field
    n, mixed = found.n_phases, found.partner >= 0
    # A single measurement inside a grain says more than many at borders: fields add up to enough of them.
    chosen, _ = measurements_of_phases(segmentation, least=1)
    sums = phase_spectra(segmentation, least=1)
    used = chosen >= 0
    bse = np.bincount(chosen[used], weights=bse_fractions_at_measurements(field)[used], minlength=n)
    # The direction of a sum of mixtures is not the mean of their directions.
    pool = Pool(
        window_counts_of_groups(field, chosen, n),
        embedder(segmentation.recipe.model, field.energy)(sums.spectra).astype(np.float64),
        sums.measurements,
        bse / np.maximum(sums.measurements, 1),
    )
    points, doubt = counted_points(found)
    pairs = np.column_stack([found.labels[mixed], found.partner[mixed]]).astype(np.int64)
    mixtures, how_many = np.unique(pairs, axis=0, return_counts=True)
    return Parts(
        pool=pool,
        spectra=sums.spectra,
        inside=sums.inside,
        intergrown=sums.intergrown,
        phase=np.arange(n),
        points=points,
        doubt=doubt,
        mixtures=mixtures.reshape(-1, 2),
        mixed=how_many,
        borders=sums.shared_borders,
    )
