"""Materials: formulas, the table of minerals, solid-solution series and the library of distinct compositions."""

from napari_gdls.materials.assembly import load_materials
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.materials.confusability import CONFUSABLE_BELOW, merge_confusable, separation
from napari_gdls.materials.exchange import ExchangePair, exchange_pairs
from napari_gdls.materials.formula import Formula, composition_of, mixture, parse_formula
from napari_gdls.materials.library import Confusable, Family, Material, Materials
from napari_gdls.materials.minerals import MaterialError, Mineral, find_mineral, load_minerals
from napari_gdls.materials.series import MixingLine, Series, load_series, read_series
from napari_gdls.materials.substances import Substance, load_substances, mass_fractions_of
from napari_gdls.materials.tokens import FormulaError

__all__ = [
    "composition_of",
    "mass_fractions",
    "Formula",
    "FormulaError",
    "parse_formula",
    "mixture",
    "mass_fractions_of",
    "Mineral",
    "MaterialError",
    "find_mineral",
    "load_minerals",
    "Series",
    "MixingLine",
    "load_series",
    "read_series",
    "ExchangePair",
    "exchange_pairs",
    "Substance",
    "load_substances",
    "Material",
    "Materials",
    "Family",
    "load_materials",
    "CONFUSABLE_BELOW",
    "Confusable",
    "merge_confusable",
    "separation",
]
