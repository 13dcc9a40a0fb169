"""Maps of a quantity: segments of phases that have it, errors, and reasons where there is none."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.materials import find_mineral
from napari_gdls.mineralogy import Instrument, quantity_map
from napari_gdls.segmentation.names import BY_MEASUREMENT, PhaseName
from napari_gdls.spectra import Detector, simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 1200)
INSTRUMENT = Instrument(15.0, 35.0, AXIS, Detector())
LABELS = np.array([[1, 1, 2], [3, 0, 4]], dtype=np.int32)


@pytest.fixture(scope="module")
def segmentation():
    """Two segments of plagioclase, one of quartz, one of plagioclase with few counts."""
    minerals = ["andesine", "albite", "quartz", "andesine"]
    spectra = simulate_spectra(
        [dict(find_mineral(name).formula.mass_fractions) for name in minerals],
        beam_energy=15.0,
        take_off=35.0,
        energy=AXIS,
        counts=np.array([30_000, 30_000, 30_000, 50]),
        seed=1,
    ).astype(np.float64)
    names = (
        PhaseName("plagioclase", 0.9, BY_MEASUREMENT, group="feldspar"),
        PhaseName("quartz", 0.9, BY_MEASUREMENT, group="silica"),
    )
    return SimpleNamespace(
        labels=LABELS, phases=np.array([0, 0, 1, 0]), n_segments=4, names=names, spectra=lambda: spectra, field=None
    )


def test_anorthite_of_each_segment_and_nothing_elsewhere(segmentation):
    found = quantity_map(segmentation, "An", INSTRUMENT)
    assert found.values.shape == LABELS.shape
    assert found.values.dtype == found.errors.dtype == np.float32
    assert found.values[0, 0] == found.values[0, 1] == pytest.approx(0.4, abs=0.04)
    assert found.values[0, 2] == pytest.approx(0.0, abs=0.04)
    assert np.isnan(found.values[1]).all()
    assert (np.isnan(found.errors) == np.isnan(found.values)).all()
    assert 0 < found.errors[0, 0] < 0.05
    counts = segmentation.spectra()[3].sum()
    assert found.reasons == {2: "Phases of quartz have no An.", 3: f"It has {counts:.0f} counts; 300 are needed."}


def test_percents_of_mass_are_those_of_every_phase(segmentation):
    found = quantity_map(segmentation, "Si [wt%]", INSTRUMENT)
    assert found.of_segments[2] == pytest.approx(46.7, abs=2.0)
    assert found.of_segments[1] == pytest.approx(32.1, abs=3.0)
    assert list(found.reasons) == [3]


def test_an_unknown_quantity_is_refused_with_those_that_there_are(segmentation):
    with pytest.raises(RecipeError, match=r"there is no quantity .Anorthite..*An, Ab, Or"):
        quantity_map(segmentation, "Anorthite", INSTRUMENT)
    with pytest.raises(RecipeError, match="there is no quantity"):
        quantity_map(segmentation, "Xx [wt%]", INSTRUMENT)


def test_phases_without_names_have_to_be_identified_first(segmentation):
    nameless = SimpleNamespace(**{**vars(segmentation), "names": ()})
    with pytest.raises(RecipeError, match="identify them first"):
        quantity_map(nameless, "An", INSTRUMENT)
