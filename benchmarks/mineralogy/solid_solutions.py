"""Coordinates in solid solutions, on simulated spectra whose elements have wrong factors: An, Fo, En."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.mineralogy.simulated import NOMINAL, TAKE_OFF, disturbed_spectrum
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.materials.formula import parse_formula
from napari_gdls.mineralogy import Instrument, coordinates_of, fit_spectrum
from napari_gdls.spectra import Detector, sample_counts

COUNTS = (1e3, 1e4, 1e5)
NUMBER, QUICK_NUMBER = 39, 9
"""Members of each solid solution."""

SEED = 197
"""Of the members that are reported; nothing was chosen on them."""

BEAM_ENERGY = 20.0  # keV
TARGETS = {1e3: "median <= .02", 1e4: "median <= .015", 1e5: ""}

MEMBERS: dict[str, tuple[str, Callable[[float], str]]] = {
    "An": ("feldspar", lambda x: f"Na{1 - x:.4f}Ca{x:.4f}Al{1 + x:.4f}Si{3 - x:.4f}O8"),
    "Fo": ("olivine", lambda x: f"Mg{2 * x:.4f}Fe{2 - 2 * x:.4f}SiO4"),
    "En": ("pyroxene", lambda x: f"Mg{1.94 * x:.4f}Fe{1.94 * (1 - x):.4f}Ca0.06Si2O6"),
}
"""Group, and formula of a member by its share."""


def report(number: int = NUMBER, seed: int = SEED) -> None:
    """Print errors of the coordinates, and how many of them lie within one and two standard errors."""
    print(f"\nSolid solutions: {number} members each, 20 keV, flat, wrong factors (seed {seed})")
    print(f"{'':4}{'counts':>8} {'median':>8} {'p90':>7} {'in 1 sigma':>11} {'in 2 sigma':>11} {'in 95 %':>8}")
    for name, (group, formula) in MEMBERS.items():
        for counts in COUNTS:
            rng = np.random.default_rng(seed)
            errors, sigmas, inside = [], [], []
            for index in range(number):
                share = float(rng.uniform(0.03, 0.97))
                fractions = mass_fractions(dict(parse_formula(formula(share)).mass_fractions))[0]
                expected = disturbed_spectrum(fractions, BEAM_ENERGY, False, rng)
                spectrum = sample_counts(expected, counts, 1000 * seed + index)[0]
                fit = fit_spectrum(spectrum, Instrument(BEAM_ENERGY, TAKE_OFF, NOMINAL, Detector()))
                found = next((each for each in coordinates_of(fit, group) if each.name == name), None)
                if found is None:
                    continue
                truth = share * (0.97 if name == "En" else 1.0)  # the rest is Wo
                errors.append(abs(found.value - truth))
                sigmas.append(errors[-1] / max(found.error, 1e-9))
                inside.append(found.low <= truth <= found.high)
            if not errors:
                print(f"{name:4}{counts:8.0f} none found")
                continue
            missing = f"  ({number - len(errors)} without)" if len(errors) < number else ""
            print(
                f"{name:4}{counts:8.0f} {np.median(errors):8.3f} {np.quantile(errors, 0.9):7.3f} "
                f"{np.mean(np.array(sigmas) <= 1):11.2f} {np.mean(np.array(sigmas) <= 2):11.2f} {np.mean(inside):8.2f}"
                f"  {TARGETS[counts]}{missing}"
            )
