"""A result in words, one line a subject: for the command line, the dock and reports."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_gdls.embedding.calibration import REFERENCE_COUNTS
from napari_gdls.field.gain import gain_in_words

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.phases.over_dispersion import Dispersion
    from napari_gdls.segmentation.result import Segmentation

_FEWEST_COUNTS = 50_000
"""Scatter is spoken of when it equals the counting noise of fewer counts than these: sums over a grain have more."""


def title_line(result: Segmentation) -> str:
    """How many segments and phases there are: "116 segments of 19 phases"."""
    segments = f"{result.n_segments:,} segment{'s' * (result.n_segments != 1)}"
    if not result.has_phases:
        return segments
    return f"{segments} of {result.n_phases:,} phase{'s' * (result.n_phases != 1)}"


def summary_lines(result: Segmentation) -> list[str]:
    """What a user should know of a result besides its numbers of segments and phases.

    Spectra that were not measured or are no counts; thresholds and the false borders to be expected; scatter, where
    it limits what can be told apart; drift, where it is notable; seconds by stage.
    """
    lines = _faults_of_field(result.field)
    if result.measurement_phases is not None:
        lines.append(
            f"tau_z {result.recipe.tau_z:g}; at a significance of {result.recipe.significance:.1f} about "
            f"{_about(result.expected_false_borders)} false borders are to be expected in the merge tree, fewer "
            "between phases."
        )
        lines += _scatter(result.measurement_phases.dispersion)
    if result.drift is not None and result.drift.is_notable:
        done = "corrected" if result.recipe.drift == "correct" else "the choice 'correct' of energy drift corrects it"
        lines.append(f"The energy calibration drifts: {result.drift}; {done}.")
    lines.append(", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.timings.items() if seconds > 0))
    return lines


def _faults_of_field(field: Field) -> list[str]:
    lines = []
    if len(field.unmeasured):
        share = 100 * len(field.unmeasured) / (len(field.unmeasured) + field.n_measurements)
        lines.append(
            f"{len(field.unmeasured):,} measurements ({share:.2g} %) hold no count and were not measured: label 0, no "
            "part in the shares of the phases."
        )
    if field.gain != 1:
        lines.append(f"{gain_in_words(field.gain).capitalize()}.")
    return lines


def _scatter(dispersion: Dispersion) -> list[str]:
    counts = min(
        REFERENCE_COUNTS / dispersion.embedded if dispersion.embedded > 0 else math.inf,
        1 / dispersion.counts if dispersion.counts > 0 else math.inf,
    )
    if counts >= _FEWEST_COUNTS:
        return []
    return [
        f"Segments of one phase scatter like spectra of {counts:,.0f} counts, however many they have (zoning, "
        "topography, drift); differences were judged with that."
    ]


def _about(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1g}"
