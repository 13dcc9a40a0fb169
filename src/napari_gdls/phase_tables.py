"""What can be said of each phase, and which phases could be one, as tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.segmentation import Segmentation


def phase_table(segmentation: Segmentation) -> dict[str, npt.NDArray[Any]]:
    """Table of phases.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that makes phases.

    Returns
    -------
    dict of str to (P,) array
        One row per phase. ``phase``, counted from 1 as in `Segmentation.phase_map`; ``area [%]`` and its standard error
        ``error [%]``, see `napari_gdls.phases.modal`; ``segments``; ``measurements``, mixed ones counted for their
        first phase; ``counts``, X-ray counts above 50 eV of these; ``mean BSE``, of the measurements inside grains;
        ``fine-grained``, whether it is a mixture of grains too small to be told apart.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    modal = segmentation.modal
    found = segmentation.measurement_phases
    assert found is not None  # or there would be no modal composition
    field, n = segmentation.field, found.n_phases
    return {
        "phase": np.arange(1, n + 1),
        "area [%]": modal.percent,
        "error [%]": modal.error,
        "segments": np.bincount(segmentation.phases, minlength=n),
        "measurements": np.bincount(found.labels, minlength=n),
        "counts": np.bincount(found.labels, weights=field.total_counts, minlength=n).astype(np.int64),
        "mean BSE": found.pool.bse * field.bse_full_scale,
        "fine-grained": found.intergrown,
    }


def phase_merge_table(segmentation: Segmentation) -> dict[str, npt.NDArray[Any]]:
    """Table of the phases that could be one, those that differ least first.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that makes phases.

    Returns
    -------
    dict of str to (P - 1,) array
        ``first phases`` and ``second phases``, counted from 1, such as "2 5" for two that an earlier row has made one;
        ``delta_z``, by how much they differ, on the scale of tau_z; ``significance``, how far this is beyond what
        chance makes: 1 is the limit.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    merges = segmentation.merges
    return {
        "first phases": np.array([_listed(merge.first) for merge in merges], dtype=np.str_),
        "second phases": np.array([_listed(merge.second) for merge in merges], dtype=np.str_),
        "delta_z": np.array([merge.delta_z for merge in merges], dtype=np.float64),
        "significance": np.array([merge.significance for merge in merges], dtype=np.float64),
    }


def _listed(phases: tuple[int, ...]) -> str:
    return " ".join(str(phase + 1) for phase in phases)
