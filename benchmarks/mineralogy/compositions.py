"""Compositions of measured standards: what they are is known."""

from __future__ import annotations

import numpy as np

from benchmarks import SHARED_DATA
from benchmarks.spectra import Standard as Measured
from benchmarks.spectra import read_standards
from napari_gdls.mineralogy import Composition, calibrate_spectrum, quantify_spectrum
from napari_gdls.mineralogy.instrument import Instrument

MAJOR, MINOR = 10.0, 1.0
"""Percent of mass from which an element is major, and minor. Newbury and Ritchie (2013), Scanning 35:141."""

LEAST_ELEMENTS = 3
"""Of samples whose composition says something: of a binary with oxygen by stoichiometry it is given."""

DOSES = (1e3, 1e4, 1e5)
"""Counts that spectra are thinned to."""

UNCOUNTED = ("C", "O")
"""Of elements that are not there: carbon is the coating, oxygen the skin of metals."""

SEED = 5
"""Of the counts that are kept."""


def report() -> None:
    """Print errors of compositions, and which elements are found."""
    standards = read_standards(SHARED_DATA / "nist_standards")
    if not standards:
        print("\nCompositions of standards: none in the folder of shared data.")
        return
    print("\nCompositions of standards, by the physics alone (line factors were chosen on these samples)")
    print(
        f"{'counts':>10}  major: median   p90    n | minor: median   p90    n |"
        " recall  precision  false F, N | within 1 and 2 sigma"
    )
    instruments = [
        calibrate_spectrum(s.counts, s.axis, beam_energy=s.beam_energy, take_off_angle=s.take_off) for s in standards
    ]
    rng = np.random.default_rng(SEED)
    for dose in (*DOSES, None):
        found = []
        for standard, instrument in zip(standards, instruments, strict=True):
            share = 1.0 if dose is None else min(1.0, dose / standard.counts.sum())
            counts = rng.binomial(standard.counts.astype(np.int64), share).astype(float)
            found.append(_quantified(counts, instrument))
        _print(dose, standards, found)


def _quantified(counts: np.ndarray, instrument: Instrument) -> Composition:
    return quantify_spectrum(
        counts,
        instrument.energy,
        beam_energy=instrument.beam_energy,
        take_off_angle=instrument.take_off_angle,
        instrument=instrument,
    )


def _print(dose: float | None, standards: list[Measured], found: list[Composition]) -> None:
    major, minor, standardised = [], [], []
    there = hits = false = soft = 0
    for standard, composition in zip(standards, found, strict=True):
        true = {symbol: 100 * share for symbol, share in standard.composition.items()}
        there += len(true)
        hits += sum(symbol in composition.mass_percent for symbol in true)
        wrong = [s for s in composition.mass_percent if s not in true and s not in UNCOUNTED]
        false += len(wrong)
        soft += sum(symbol in ("F", "N") for symbol in wrong)
        if len(true) < LEAST_ELEMENTS:
            continue
        for symbol, percent in true.items():
            if symbol not in composition.mass_percent:
                continue
            error = abs(composition.mass_percent[symbol] - percent)
            standardised.append(error / composition.error[symbol])
            if percent >= MINOR:
                (major if percent >= MAJOR else minor).append(100 * error / percent)
    z = np.array(standardised)
    errors = (
        f"{np.median(each):12.1f} % {np.quantile(each, 0.9):5.1f} {len(each):4}" if each else " " * 25
        for each in (major, minor)
    )
    print(
        f"{'all' if dose is None else f'{dose:.0f}':>10}  {' | '.join(errors)} | {hits / there:6.2f} "
        f"{hits / (hits + false):10.2f} {soft:11} | {np.mean(z < 1):.2f}  {np.mean(z < 2):.2f}"
    )
