"""The protocol on a real map: bridgmanite, ferropericlase and Ca-perovskite of a pyrolite at 88 GPa.

The map (80 x 80 px, 112 counts per pixel, 200 kV, from 0.83 keV on, so without O) is of the series of samples that the
protocol was made for. Its truth is not known; what is printed stands beside what an independent prototype of the
protocol found with masks drawn by hand.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import SHARED_DATA
from napari_gdls import overlap, read_field
from napari_gdls.errors import GdlsError

MAP = Path("stem_88gpa") / "88_ES-LP_G8_selection2_cropped2.hspy"
"""In the folder of the public data."""

ARTEFACTS = ("Cu", "Ga")
"""Grid and ion beam."""

PROTOTYPE = (
    "Fp 1,770 px, share .130 +- .002 (tie Si), Fe/(Fe+Mg) .112 +- .001; "
    "Ca-Pv 418 px, share .832 +- .012 (tie Mg), Ca:Si 1.02 +- .05, Mg -.8 +- .6 at%; Brg Mg:Si .873 +- .003, Fe:Mg .037"
)
"""What the prototype found."""

_RATIOS = (("Ca", "Si"), ("Mg", "Si"), ("Fe", "Mg"), ("Si", "Mg"))


def has_map() -> bool:
    """Whether the map is at hand."""
    return (SHARED_DATA / MAP).is_file()


def report() -> None:
    """Print what the protocol finds by itself."""
    field = read_field(SHARED_DATA / MAP, bse="counts").with_artefacts(ARTEFACTS)
    print(f"\nreal map: {field!r}")
    started = time.process_time()
    try:
        result = overlap.unmix_overlapping(field)
    except GdlsError as error:
        print(f"  gave up: {error}")
        return
    print(f"  {len(result.names)} phases in {time.process_time() - started:.1f} s of the processor")
    separation = result.separation
    traces = separation.trace_report()
    _print_phase(result.matrix, int(separation.pure_matrix.sum()), "matrix", traces)
    for grain in separation.grains:
        low, high = separation.intervals[grain]
        ties = ", ".join(tie.element for tie in separation.ties[grain] if tie.used)
        share = f"share {separation.factors[grain]:.3f} ({low:.3f} to {high:.3f}), ties {ties or 'none'}"
        sure = "confirmed" if separation.confirmed[grain] else f"not confirmed: {separation.reasons[grain]}"
        _print_phase(grain, int(result.presence[grain].sum()), f"{share}, {sure}", traces)
    print(f"  intersections: {int(np.count_nonzero(separation.intersection))} px")
    print(f"  prototype: {PROTOTYPE}")


def _print_phase(name: str, n_pixels: int, what: str, traces: Any) -> None:
    print(f"  {name}: {n_pixels:,} px, {what}")
    cells = []
    for first, second in _RATIOS:
        try:
            value, error = traces.ratio(first, second, name)
        except GdlsError:
            continue
        if np.isfinite(value) and np.isfinite(error):
            cells.append(f"{first}:{second} {value:.3f} +- {error:.3f}")
    try:
        value, error = traces.fraction("Fe", ("Fe", "Mg"), name)
        cells.append(f"Fe/(Fe+Mg) {value:.3f} +- {error:.3f}")
    except GdlsError:
        pass
    print(f"    atomic {', '.join(cells)}")
