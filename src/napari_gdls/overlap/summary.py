"""An unmixing in words, one line a subject: for the command line, the dock and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.overlap.tables import used_ties

if TYPE_CHECKING:
    from napari_gdls.overlap.separation import Separation
    from napari_gdls.overlap.unmixing import Unmixing


def unmixing_title(unmixing: Unmixing) -> str:
    """How many phases there are and which is the matrix: "3 phases from 9,216 spectra; the matrix is phase 1"."""
    n = len(unmixing.names)
    return (
        f"{n} phase{'s' * (n != 1)} from {unmixing.field.n_measurements:,} spectra; the matrix is {unmixing.matrix} "
        f"(component {unmixing.components[unmixing.matrix]})"
    )


def unmixing_lines(unmixing: Unmixing) -> list[str]:
    """What a user should know of an unmixing besides its table of phases.

    How many components there are and why; pixels of intersections; for each grain how sure its share of the matrix is;
    smoothness and seconds by stage.
    """
    lines = []
    evidence = unmixing.decomposition.evidence
    if evidence is not None:
        above = int(np.count_nonzero(np.asarray(evidence.eigenvalues) > evidence.edge))
        lines.append(
            f"{evidence.chosen} components predict counts that were held out best; {above} stand out of the noise by "
            "their eigenvalues."
        )
    separation = unmixing.separation
    n_intersections = int(np.count_nonzero(separation.intersection))
    if n_intersections:
        lines.append(f"{n_intersections:,} pixels are intersections of grains and left out of the sums.")
    lines += [share_in_words(separation, grain) for grain in separation.grains]
    lines.append(f"Smoothness {unmixing.smoothness:.2g} nats.")
    lines.append(", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in unmixing.timings.items() if seconds > 0))
    return lines


def share_in_words(separation: Separation, grain: str) -> str:
    """What the matrix gave to a grain's mask, and how sure that is, in one sentence."""
    low, high = separation.intervals[grain]
    ties = " ".join(used_ties(separation, grain))
    return (
        f"{grain}: {' + '.join(separation.under[grain])} gave {100 * separation.factors[grain]:.1f} % "
        f"({100 * low:.1f} to {100 * high:.1f}) of the counts of its mask{f', by {ties}' if ties else ''}; "
        f"{'confirmed' if separation.confirmed[grain] else 'NOT confirmed'}: {separation.reasons[grain]}"
    )
