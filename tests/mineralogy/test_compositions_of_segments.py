"""Percents of segments and phases against what was simulated, and images of all that expressions can name."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.materials.formula import composition_of
from napari_gdls.mineralogy import Instrument, segment_compositions
from napari_gdls.mineralogy.quantity_images import quantity_images
from napari_gdls.spectra import Detector, simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 1200)
INSTRUMENT = Instrument(15.0, 35.0, AXIS, Detector())
FORMULAS = ("Mg2SiO4", "Mg2SiO4", "CaCO3", "MgFeSiO4")
COUNTS = np.array([9000.0, 60.0, 5000.0, 8000.0])


@pytest.fixture(scope="module")
def segmentation():
    """Four segments of one measurement each: two of forsterite, one of few counts; calcite; olivine of that phase."""
    spectra = simulate_spectra(
        [composition_of(formula) for formula in FORMULAS], beam_energy=15.0, energy=AXIS, counts=COUNTS, seed=0
    )
    field = Field(
        np.full((2, 5), 7, np.uint8),
        spectra.astype(np.uint16),
        [(0, 0), (0, 2), (0, 4), (1, 0)],
        AXIS,
        beam_energy=15.0,
    )
    labels = np.array([[1, 1, 2, 2, 3], [4, 4, 0, 3, 3]], dtype=np.int32)
    number = np.array([0, 0, 1, 0])
    return SimpleNamespace(
        field=field,
        labels=labels,
        phases=number,
        n_segments=4,
        n_phases=2,
        measurement_labels=np.arange(4),
        measurement_phases=None,
        graph=SimpleNamespace(edges=np.array([[0, 1], [1, 2], [0, 3]])),
        spectra=lambda: field.summed_spectra(np.arange(4)),
    )


def percent(found, segment, symbol):
    return found.mass_percent[segment, SYMBOLS.index(symbol)]


def test_segments_have_their_own_percents_where_they_have_the_counts(segmentation):
    found = segment_compositions(segmentation, INSTRUMENT)
    assert found.own.tolist() == [True, False, True, True]
    for segment in (0, 2, 3):
        for symbol, share in composition_of(FORMULAS[segment]).items():
            assert percent(found, segment, symbol) == pytest.approx(100 * share, abs=3.0)
    phases = segment_compositions(segmentation, INSTRUMENT, of_phases=True)
    assert not phases.own.any()
    assert percent(phases, 0, "Fe") == percent(phases, 1, "Fe") == percent(phases, 3, "Fe")
    assert percent(found, 0, "Fe") < 1 < percent(phases, 0, "Fe") < percent(found, 3, "Fe")
    assert np.array_equal(found.mass_percent[1], phases.mass_percent[1])
    assert found.atomic_percent[0, SYMBOLS.index("O")] == pytest.approx(400 / 7, abs=3)
    assert percent(found, 0, "Au") == 0


def test_what_cannot_be_quantified_is_unknown(segmentation):
    nothing = SimpleNamespace(**{**vars(segmentation), "phases": np.array([0, 0, 1, 2]), "n_phases": 3})
    empty = np.zeros((4, AXIS.size))
    dark = SimpleNamespace(
        **{
            **vars(nothing),
            "field": SimpleNamespace(summed_spectra=lambda group, n: empty[:n]),
            "spectra": lambda: empty,
        }
    )
    found = segment_compositions(dark, INSTRUMENT)
    assert np.isnan(found.mass_percent).all()


def test_images_of_quantities(segmentation):
    names = ("wt(Mg)", "at(O)", "Mg", "BSE", "counts")
    found = quantity_images(segmentation.field, names, INSTRUMENT, segmentation=segmentation)
    assert set(found) == set(names)
    assert found["wt(Mg)"][0, 0] == found["wt(Mg)"][0, 1] == pytest.approx(34.6, abs=3)
    assert np.isnan(found["wt(Mg)"][1, 2])
    assert found["Mg"][0, 0] == found["Mg"][0, 1] > 1000
    assert (found["BSE"] == 7).all()
    assert found["counts"][1, 1] == segmentation.field.total_counts[3]
    dots = quantity_images(segmentation.field, ("wt(Mg)", "BSE"), INSTRUMENT, segmentation=segmentation, fill="dots")
    assert np.isfinite(dots["wt(Mg)"]).sum() == np.isfinite(dots["BSE"]).sum() == 4
    with pytest.raises(RecipeError, match="segment the field first"):
        quantity_images(segmentation.field, ("wt(Mg)",), INSTRUMENT)
    with pytest.raises(RecipeError, match="no segments yet"):
        quantity_images(segmentation.field, ("counts",), INSTRUMENT, fill="segments")
