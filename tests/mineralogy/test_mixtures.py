"""Spectra of two minerals at once."""

from __future__ import annotations

import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.materials import MaterialError, composition_of, mass_fractions
from napari_gdls.mineralogy import Instrument, composition_of_fit, fit_spectrum, identify_fit, mixture_of
from napari_gdls.spectra import Detector, sample_counts, simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 2048)
INSTRUMENT = Instrument(20.0, 35.0, AXIS, Detector())


def fit(parts, counts=20_000, seed=0):
    fractions = mass_fractions([composition_of(formula) for formula in parts])
    spectra = simulate_spectra(fractions, beam_energy=20.0, energy=AXIS)
    mixed = sum(share * spectrum for share, spectrum in zip(parts.values(), spectra, strict=True))
    return fit_spectrum(sample_counts(mixed, counts, seed)[0], INSTRUMENT)


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({"FeS2": 0.5, "SiO2": 0.5}, {"pyrite", "quartz"}),
        ({"CaCO3": 0.6, "NaCl": 0.4}, {"calcite", "halite"}),
        ({"ZnS": 0.5, "BaSO4": 0.5}, {"sphalerite", "baryte"}),
    ],
)
def test_a_mixture_is_found(parts, names):
    found = mixture_of(fit(parts))
    assert {found.first, found.second} == names
    assert found.gain > 5
    assert 0.1 <= found.share <= 0.5


@pytest.mark.parametrize("formula", ["SiO2", "NaAlSi3O8", "FeS2", "CaMgSi2O6", "Ca5(PO4)3F"])
def test_one_mineral_is_no_mixture(formula):
    found = mixture_of(fit({formula: 1.0}))
    assert found is None or found.gain < 0


def test_a_mixture_is_not_named_with_confidence():
    quantified = composition_of_fit(fit({"FeS2": 0.5, "SiO2": 0.5}))
    best = identify_fit(quantified).best
    assert best.name == "unknown" or best.probability < 0.8


def test_candidates_are_tried_as_well():
    mixed = fit({"PbMoO4": 0.5, "CaF2": 0.5})
    assert {mixture_of(mixed, None, ["wulfenite"]).first, mixture_of(mixed, None, ["wulfenite"]).second} == {
        "wulfenite",
        "fluorite",
    }
    with pytest.raises(MaterialError, match="no material 'wulfenit'"):
        mixture_of(mixed, None, ["wulfenit"])
