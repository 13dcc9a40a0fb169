"""Colours of phases: the axes they are made from, how far they are apart, and how they stay from run to run.

``python -m benchmarks.colours`` measures the phases of the samples; ``--axes`` prints the table of windows that stands
in `napari_gdls.segmentation.colours`, from the minerals of the library.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
from skimage.color import deltaE_ciede2000, rgb2lab

import napari_gdls as gdls
from napari_gdls.energy import CANONICAL_AXIS
from napari_gdls.materials.minerals import load_minerals
from napari_gdls.segmentation.colours import smallest_distances
from napari_gdls.spectra.lines import element_window
from napari_gdls.spectra.synthesis import simulate_spectra

ELEMENTS = ("O", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "K", "Ca", "Ti", "Mn", "Fe", "Cu", "Zn", "Zr")
BEAM_ENERGIES = (15.0, 20.0, 25.0)
"""keV, the usual ones."""
LARGE = 0.02
"""Share of the measurements from which on phases are asked whether they keep their colour."""


def axes() -> None:
    """Print windows, means and the first three principal components for the common minerals."""
    minerals = [mineral for mineral in load_minerals() if mineral.commonness <= 1]
    composition = [mineral.formula.mass_fractions for mineral in minerals]
    spectra = np.concatenate([simulate_spectra(composition, beam_energy=energy) for energy in BEAM_ENERGIES])
    total = spectra[:, CANONICAL_AXIS.window(350.0, np.inf)].sum(axis=1)
    windows = [element_window(element) for element in ELEMENTS]
    counts = np.stack([spectra[:, CANONICAL_AXIS.window(*window)].sum(axis=1) for window in windows], axis=1)
    roots = np.sqrt(counts / total[:, None])
    mean = roots.mean(axis=0)
    components = np.linalg.svd(roots - mean, full_matrices=False)[2][:3]
    components *= np.sign(components[np.arange(3), np.abs(components).argmax(axis=1)])[:, None]
    print(f"# {len(minerals)} minerals")
    for k, (element, (low, high)) in enumerate(zip(ELEMENTS, windows, strict=True)):
        weights = ", ".join(f"{component[k]:.2f}" for component in components)
        print(f'"{element}": _Window({low:.0f}, {high:.0f}, {mean[k]:.3f}, ({weights})),')


def moved(first: gdls.Segmentation, second: gdls.Segmentation) -> npt.NDArray[np.float64]:
    """CIEDE2000 between the colours of each large phase of the first and of what most of it is in the second."""
    assert first.measurement_phases is not None
    assert second.measurement_phases is not None
    own, other = first.measurement_phases.labels, second.measurement_phases.labels
    size = np.bincount(own)
    large = np.argsort(-size)[: np.count_nonzero(size > LARGE * len(own))]
    most = np.array([np.bincount(other[own == phase]).argmax() for phase in large])
    found = deltaE_ciede2000(rgb2lab(first.phase_colours[large]), rgb2lab(second.phase_colours[most]))
    return np.asarray(found)


def main() -> None:
    """Print smallest differences within the samples, and changes from run to run."""
    for name in ("dacite", "dacite-fast", "synthetic"):
        field = gdls.sample_field(name)
        result = gdls.segment(field)
        least = smallest_distances(result.phase_colours)
        seen = ", ".join(
            f"{kind} {value:.1f}" for kind, value in zip(("normal", "protan", "deutan"), least, strict=True)
        )
        print(f"{name}: {result.n_phases} phases; least CIEDE2000 {seen}")
        others = {
            f"tau_z {tau_z}": gdls.segment(field, embedding=result.embedding, graph=result.graph, tau_z=tau_z)
            for tau_z in (0.2, 0.45)
        }
        others["half the counts"] = gdls.segment(field.thinned(0.5, seed=1))
        for what, other in others.items():
            print(f"  {what}: large phases move by {', '.join(f'{change:.1f}' for change in moved(result, other))}")


if __name__ == "__main__":
    axes() if "--axes" in sys.argv else main()
