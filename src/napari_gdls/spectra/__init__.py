"""X-ray lines of the elements, and simulated spectra, rocks and fields with known truth."""

from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.elements import mass_fractions
from napari_gdls.spectra.ideal import ideal_spectra
from napari_gdls.spectra.lines import Line, element_map, element_window, line_energy, main_lines
from napari_gdls.spectra.minerals import ROCK, Mineral
from napari_gdls.spectra.simulation import backscatter_coefficient, simulate_field
from napari_gdls.spectra.texture import Texture, rock_texture

__all__ = [
    "Line",
    "line_energy",
    "main_lines",
    "element_window",
    "element_map",
    "mass_fractions",
    "Detector",
    "ideal_spectra",
    "Mineral",
    "ROCK",
    "Texture",
    "rock_texture",
    "backscatter_coefficient",
    "simulate_field",
]
