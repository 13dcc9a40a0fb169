"""Net counts of elements against the truth of simulated spectra, and against maximum likelihood of single spectra."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import Cancelled, GdlsError
from napari_gdls.field import Field
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.materials.formula import composition_of
from napari_gdls.mineralogy import Instrument, element_counts, element_maps, window_map
from napari_gdls.mineralogy.element_profiles import ElementProfiles, used_channels
from napari_gdls.mineralogy.sought_elements import COLUMNS, SOUGHT
from napari_gdls.spectra import Detector, Emission, simulate_spectra

BEAM, ANGLE = 20.0, 35.0
AXIS = EnergyAxis(0.0, 10.0, 2048)
INSTRUMENT = Instrument(BEAM, ANGLE, AXIS, Detector(pile_up=0.0))
EACH = 250

MIXED = {
    ("Ti", "Ba"): ("BaTiSi3O9", "TiO2", "BaSO4", "CaTiO3", "SiO2"),
    ("S", "Mo", "Pb"): ("FeS2", "MoS2", "PbS", "PbMoO4", "SiO2"),
    ("Fe", "Mn"): ("Fe2O3", "MnO2", "Fe2SiO4", "FeMnSiO4", "SiO2"),
}


def fractions_of(formulas):
    return mass_fractions([composition_of(formula) for formula in formulas])


def expected_counts(formulas, elements, counts):
    """(materials, elements): counts of all lines of each element in the channels that are fitted, by the physics."""
    fractions = fractions_of(formulas)
    present = [SYMBOLS[k] for k in np.flatnonzero(fractions.max(axis=0) > 0)]
    emission = Emission(BEAM, ANGLE, elements=present)
    intensities = emission.intensities(fractions)
    whole = emission.response(INSTRUMENT.detector, AXIS)
    scale = counts / (intensities @ whole).sum(axis=1)
    seen = whole[: len(emission.lines), used_channels(INSTRUMENT)].sum(axis=1)
    lines = intensities[:, : len(emission.lines)] * seen
    return np.stack(
        [scale * lines[:, emission.lines.element == SYMBOLS.index(each)].sum(axis=1) for each in elements], axis=1
    )


def field_of(formulas, counts, *, each=EACH, seed=3, sparse=False):
    """One row of measurements for each material."""
    spectra = simulate_spectra(
        np.repeat(fractions_of(formulas), each, axis=0),
        beam_energy=BEAM,
        take_off=ANGLE,
        energy=AXIS,
        counts=counts,
        detector=INSTRUMENT.detector,
        seed=seed,
    ).astype(np.uint16)
    places = np.stack(np.divmod(np.arange(len(spectra)), each), axis=1)
    bse = np.repeat(np.arange(len(formulas), dtype=np.uint8)[:, None], each, axis=1)
    return Field(bse, sp.csr_array(spectra) if sparse else spectra, places, AXIS, beam_energy=BEAM)


@pytest.mark.parametrize("counts", [300, 3000])
@pytest.mark.parametrize("elements", MIXED)
def test_overlapping_elements_are_told_apart_without_bias_and_within_their_errors(elements, counts):
    formulas = MIXED[elements]
    found = element_counts(field_of(formulas, counts), elements, INSTRUMENT)
    assert found.elements == elements
    true = expected_counts(formulas, elements, counts)
    off = found.counts.reshape(len(formulas), EACH, -1) - true[:, None]
    errors = found.errors.reshape(off.shape)
    means, scatter = off.mean(axis=1), off.std(axis=1)
    # Four standard errors of the mean, and half a percent of all counts for what the shapes are wrong by.
    assert (np.abs(means) < 4 * scatter / np.sqrt(EACH) + 0.005 * counts).all()
    pulls = (off / errors).std(axis=1)
    assert np.median(pulls) == pytest.approx(1.0, abs=0.1)
    there = true > 0
    assert pulls[there] == pytest.approx(1.0, abs=0.2)
    assert (scatter < 1.25 * np.sqrt((errors**2).mean(axis=1)) + 0.5).all()


def test_barium_without_titanium_shows_no_titanium_where_a_window_does():
    field = field_of(("BaSO4", "TiO2", "SiO2"), 3000)
    low, high = 4400.0, 4620.0
    assert window_map(field, low, high)[0].mean() > 100
    maps = element_maps(field, ["Ti", "Ba"], INSTRUMENT)
    assert abs(maps.counts[0, 0].mean()) < 5
    assert abs(maps.counts[1, 1].mean()) < 5
    assert maps.counts[0, 1].mean() > 1000


def test_errors_are_close_to_those_of_maximum_likelihood():
    formulas = MIXED["Fe", "Mn"]
    field = field_of(formulas, 2000)
    found = element_counts(field, ("Fe", "Mn"), INSTRUMENT)
    profiles = ElementProfiles(INSTRUMENT)
    row = formulas.index("FeMnSiO4")
    fractions = fractions_of(["FeMnSiO4"])[0].astype(np.float64)
    made = profiles.in_matrix(fractions)
    present = np.flatnonzero(fractions[COLUMNS] > 0)
    columns = np.vstack([made.whole[present], made.continuum])
    areas = columns.sum(axis=1)
    columns /= areas[:, None]
    best = []
    chosen = field.spectra[row * EACH : row * EACH + 40]
    for spectrum in chosen.toarray() if sp.issparse(chosen) else chosen:
        y = spectrum[profiles.used].astype(np.float64)

        def minus_log_likelihood(amounts, y=y):
            model = amounts @ columns + 1e-9
            return (model - y * np.log(model)).sum(), columns @ (1 - y / model)

        start = np.full(len(columns), y.sum() / len(columns))
        best.append(minimize(minus_log_likelihood, start, jac=True, bounds=[(0, None)] * len(columns)).x)
    likely = np.array(best)[:, [list(present).index(SOUGHT.index(each)) for each in ("Fe", "Mn")]]
    ours = found.counts[row * EACH : row * EACH + 40]
    # Two ways to the same number: closer to one another than either is to the truth.
    assert np.abs(ours - likely).mean() < 0.45 * found.errors.mean()
    assert np.abs((ours - likely).mean(axis=0)).max() < 0.15 * found.errors.mean() + 2.0


def test_sparse_and_dense_fields_have_the_same_maps():
    formulas = MIXED["Ti", "Ba"]
    dense = element_counts(field_of(formulas, 500, each=60), ("Ti",), INSTRUMENT)
    sparse_field = field_of(formulas, 500, each=60, sparse=True)
    again = element_counts(sparse_field, ("Ti",), INSTRUMENT)
    assert again.counts == pytest.approx(dense.counts, abs=1e-2)
    assert again.errors == pytest.approx(dense.errors, abs=1e-2)
    assert element_counts(sparse_field, ("Ti",), INSTRUMENT).counts.tobytes() == again.counts.tobytes()


def test_elements_without_lines_are_refused_and_work_can_be_cancelled():
    field = field_of(("SiO2", "TiO2"), 500, each=20)
    with pytest.raises(GdlsError, match="He cannot be fitted"):
        element_counts(field, ("He",), INSTRUMENT)
    with pytest.raises(GdlsError, match="no element"):
        element_counts(field, (), INSTRUMENT)

    def cancelled(stage, fraction):
        if stage == "net counts":
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        element_counts(field, ("Ti",), INSTRUMENT, progress=cancelled)
