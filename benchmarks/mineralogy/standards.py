"""Names of measured standards: what they are is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks import SHARED_DATA
from benchmarks.mineralogy.naming import REMOVED_WITHIN
from benchmarks.mineralogy.simulated import seen
from benchmarks.spectra import read_standards
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.mineralogy import UNKNOWN, composition_of_fit, identify_fit, naming_library
from napari_gdls.mineralogy.calibration import calibrate_spectrum
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum

NAMES = {
    "al2o3": "corundum", "baf2": "frankdicksonite", "caf2": "fluorite", "fe": "iron", "ge": "germanium",
    "mgo": "periclase", "sanbornite": "sanbornite", "sio2": "quartz", "ti": "titanium", "zn": "zinc",
    "k412": UNKNOWN, "adm6005a": UNKNOWN,
}  # fmt: skip
"""By the first part of the file's name. Glasses are named by a library without them."""


def report() -> None:
    """Print a line for each standard."""
    standards = read_standards(SHARED_DATA / "nist_standards")
    if not standards:
        print("\nNames of standards: none in the folder of shared data.")
        return
    print("\nNames of standards (glasses: by a library without them)")
    everything = naming_library()
    for standard in standards:
        expected = NAMES.get(standard.name.split("_")[0], "?")
        library = everything
        if expected == UNKNOWN:
            own = seen(mass_fractions(standard.composition)[0])
            near = np.abs(seen(everything.materials.compositions) - own).sum(axis=1) < REMOVED_WITHIN
            library = replace(everything, log_prior=np.where(near, -np.inf, everything.log_prior))
        instrument = calibrate_spectrum(
            standard.counts, standard.axis, beam_energy=standard.beam_energy, take_off_angle=standard.take_off
        )
        found = identify_fit(composition_of_fit(fit_spectrum(standard.counts, instrument)), library)
        mark = "" if found.name == expected else f"   <- {expected}"
        said = ", ".join(f"{each.name} {each.probability:.2f}" for each in found.candidates[:3])
        print(f"  {standard.name:18} {said}{mark}")
