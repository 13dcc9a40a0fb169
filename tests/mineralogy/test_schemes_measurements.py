"""Classes of single measurements by shares of net peaks."""

import numpy as np
import pytest

from napari_gdls import EnergyAxis, Field, quantify_spectrum, sample_field, simulate_spectra
from napari_gdls.materials import find_mineral
from napari_gdls.mineralogy import (
    Instrument,
    calibrate_field,
    classify_measurements,
    read_scheme,
    scheme_from_json,
    scheme_quantities,
)
from napari_gdls.mineralogy.schemes.scheme_errors import SchemeError
from napari_gdls.spectra import Detector

AXIS = EnergyAxis(0.0, 20.0, 1024)
INSTRUMENT = Instrument(20.0, 35.0, AXIS, Detector())
NAMES = ("quartz", "albite", "pyrite", "diopside")
BSE = (60, 58, 120, 80)
EACH = 100
RULES = """{"format": "napari-gdls scheme", "version": 1, "name": "shares", "classes": [
  {"name": "pyrite", "conditions": [{"quantity": "S [area%]", "min": 35}, {"quantity": "BSE", "min": 0.4}]},
  {"name": "quartz", "conditions": [{"quantity": "Si / (Si + O) [area%]", "min": 0.5},
                                    {"quantity": "Al + Mg + Ca [area%]", "max": 8}]},
  {"name": "albite", "required": ["Al"], "conditions": [{"quantity": "Na + Al [area%]", "min": 12, "max": 40},
                                                         {"quantity": "Mg + Ca [area%]", "max": 10}]},
  {"name": "diopside", "forbidden": ["S"], "conditions": [{"quantity": "Ca [area%]", "min": 12},
                                                          {"quantity": "Mg [area%]", "min": 6}]}
]}"""


def field(counts: float) -> Field:
    spectra = [
        simulate_spectra(
            find_mineral(name).formula.mass_fractions,
            beam_energy=20,
            energy=AXIS,
            counts=np.full(EACH, counts),
            seed=k,
        )
        for k, name in enumerate(NAMES)
    ]
    bse = np.repeat(np.array(BSE, dtype=np.uint8), EACH).reshape(len(NAMES), EACH)
    places = np.argwhere(np.ones(bse.shape, dtype=bool))
    return Field(bse, np.concatenate(spectra), places, AXIS, beam_energy=20, gain=1)


@pytest.mark.parametrize(("counts", "right", "wrong"), [(200, 0.97, 0.01), (1000, 0.99, 0.0)])
def test_measurements_land_in_their_classes(counts, right, wrong):
    scheme = scheme_from_json(RULES)
    found = classify_measurements(field(counts), scheme, INSTRUMENT)
    assert found.shape == (len(NAMES) * EACH,)
    assert found.dtype == np.int64
    truth = np.repeat([[kind.name for kind in scheme.classes].index(name) for name in NAMES], EACH)
    assert (found == truth).mean() >= right
    assert ((found != truth) & (found >= 0)).mean() <= wrong


def test_too_few_counts_are_unclassified():
    found = classify_measurements(field(20), scheme_from_json(RULES), INSTRUMENT)
    assert (found == -1).mean() >= 0.95


def test_rules_on_what_single_measurements_do_not_have_are_refused():
    with pytest.raises(SchemeError, match="area%"):
        classify_measurements(field(100), read_scheme("silicate_rock"), INSTRUMENT)


def test_another_axis_and_elements_without_lines_are_refused():
    other = Instrument(20.0, 35.0, EnergyAxis(0.0, 10.0, 2048), Detector())
    with pytest.raises(SchemeError, match="channels"):
        classify_measurements(field(100), scheme_from_json(RULES), other)


def test_measurements_of_the_dacite_that_one_scheme_takes_for_biotite_are_that_in_sum_for_another():
    rules = """{"format": "napari-gdls scheme", "version": 1, "name": "mafic", "classes": [{"name": "biotite",
      "conditions": [{"quantity": "Fe + Mg + Ti [area%]", "min": 25}, {"quantity": "K [area%]", "min": 5},
                     {"quantity": "Ca [area%]", "max": 4}]}]}"""
    dacite = sample_field()
    instrument = calibrate_field(dacite)
    taken = classify_measurements(dacite, scheme_from_json(rules), instrument) == 0
    assert 100 < taken.sum() < 400  # of 7,500
    found = quantify_spectrum(
        np.asarray(dacite.spectra[taken].sum(axis=0)).ravel(),
        instrument.energy,
        beam_energy=instrument.beam_energy,
        instrument=instrument,
    )
    assert read_scheme("silicate_rock").classify(scheme_quantities(found)).name == "biotite"
