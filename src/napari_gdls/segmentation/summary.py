"""A result in words, one line a subject: for the command line, the dock and reports."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.embedding.calibration import REFERENCE_COUNTS
from napari_gdls.field.gain import gain_in_words
from napari_gdls.recipe import Correction
from napari_gdls.segmentation.names import UNKNOWN, PhaseName

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.phases.over_dispersion import Dispersion
    from napari_gdls.segmentation.result import Segmentation

_FEWEST_COUNTS = 50_000
"""Scatter is spoken of when it equals the counting noise of fewer counts than these: sums over a grain have more."""

_MOST_NAMES = 8  # in the line of names; the table of phases has them all

_SUREST = 99
"""Percent; probabilities of names are known no better, and none is certain."""


def title_line(result: Segmentation) -> str:
    """How many segments and phases there are: "116 segments of 19 phases"."""
    segments = f"{result.n_segments:,} segment{'s' * (result.n_segments != 1)}"
    if not result.has_phases:
        return segments
    return f"{segments} of {result.n_phases:,} phase{'s' * (result.n_phases != 1)}"


def summary_lines(result: Segmentation) -> list[str]:
    """What a user should know of a result besides its numbers of segments and phases.

    Spectra that were not measured or are no counts; what was corrected by hand; what the phases are called; thresholds
    and the false borders to be expected; scatter, where it limits what can be told apart; drift, where it is notable;
    seconds by stage.
    """
    lines = _faults_of_field(result.field)
    if result.recipe.corrections:
        lines.append(_corrections(result.recipe.corrections))
    if result.measurement_phases is not None:
        lines.append(
            f"tau_z {result.recipe.tau_z:g}; at a significance of {result.recipe.significance:.1f} about "
            f"{_about(result.expected_false_borders)} false borders are to be expected in the merge tree, fewer "
            "between phases."
        )
        if result.names:
            lines.append(naming_line(result))
        lines += _scatter(result.measurement_phases.dispersion)
    if result.drift is not None and result.drift.is_notable:
        done = "corrected" if result.recipe.drift == "correct" else "the choice 'correct' of energy drift corrects it"
        lines.append(f"The energy calibration drifts: {result.drift}; {done}.")
    lines.append(", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.timings.items() if seconds > 0))
    return lines


def _corrections(corrections: Sequence[Correction]) -> str:
    """How many there are, and of which kinds: "3 corrections by hand: 2 join, 1 split."."""
    kinds = Counter(each.kind for each in corrections)
    number = f"{len(corrections):,} correction{'s' * (len(corrections) != 1)} by hand"
    return f"{number}: {', '.join(f'{times:,} {kind}' for kind, times in kinds.items())}."


def naming_line(result: Segmentation) -> str:
    """What the phases are called, the largest first: "Named: quartz 98 %, albite? 40 %; 3 unknown."."""
    order = np.argsort(-result.modal.percent, kind="stable").tolist()
    titles = {k: result.phase_titles[k] for k in order}
    named = [k for k in order if result.names[k].name not in ("", UNKNOWN)]
    shown = [_title_and_probability(titles[k], result.names[k]) for k in named[:_MOST_NAMES]]
    rest = len(named) - len(shown)
    parts = [f"Named: {', '.join(shown)}{f' and {rest} more' if rest else ''}"] if shown else ["No phase has a name"]
    for name, words in ((UNKNOWN, "unknown"), ("", "without a name")):
        number = sum(result.names[k].name == name for k in order)
        parts += [f"{number} {words}"] * (number > 0)
    return "; ".join(parts) + "."


def _title_and_probability(title: str, name: PhaseName) -> str:
    """Such as "quartz 98 %", "albite? 40 %", "my ore by hand", or a name by a scheme alone."""
    if name.probability is not None:
        return f"{title}{name.doubt} {percent_of(name.probability)}"
    return f"{title} by hand" if name.is_by_hand else title


def percent_of(probability: float) -> str:
    """A probability in percent, never rounded to certainty: "98 %", "> 99 %", "< 1 %"."""
    percent = 100 * probability
    return "> 99 %" if percent > _SUREST else f"< {100 - _SUREST} %" if percent < 100 - _SUREST else f"{percent:.0f} %"


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
