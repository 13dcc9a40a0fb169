import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import CANONICAL_AXIS, EnergyAxis, rebin
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.synthesis import simulate_spectra
from napari_gdls.spectra.thin_film import ThinFilm

QUARTZ = {"Si": 0.46743, "O": 0.53257}
HEMATITE = {"Fe": 0.699, "O": 0.301}
GALENA = {"Pb": 0.866, "S": 0.134}


def peaks(spectrum, axis=CANONICAL_AXIS, least=0.05):
    inner = spectrum[1:-1]
    at = np.flatnonzero((inner > spectrum[:-2]) & (inner >= spectrum[2:]) & (inner > least * spectrum.max())) + 1
    return axis.centers[at]


def test_ideal_spectra_show_the_right_peaks():
    quartz, hematite, galena = simulate_spectra([QUARTZ, HEMATITE, GALENA])
    assert quartz.shape == (1536,)
    np.testing.assert_allclose(peaks(quartz), [525, 1740], atol=10)
    np.testing.assert_allclose(peaks(hematite), [525, 705, 6404, 7058], atol=15)
    np.testing.assert_allclose(peaks(galena, least=0.03)[:3], [1830, 2340, 10_550], atol=25)


def test_scale_of_the_result():
    spectra = simulate_spectra([QUARTZ, HEMATITE])
    assert spectra.dtype == np.float32
    np.testing.assert_allclose(spectra.sum(axis=1), 1, rtol=1e-5)
    thousand = simulate_spectra([QUARTZ, HEMATITE], counts=[1000, 5])
    np.testing.assert_allclose(thousand.sum(axis=1), [1000, 5], rtol=1e-5)
    np.testing.assert_allclose(thousand[0], 1000 * spectra[0], rtol=1e-5)


def test_sampled_spectra_scatter_around_the_ideal_one():
    ideal = simulate_spectra(QUARTZ, counts=200.0)[0]
    drawn = simulate_spectra([QUARTZ] * 3000, counts=200.0, seed=2)
    assert (drawn == np.round(drawn)).all()
    error = (drawn.mean(axis=0) - ideal) / np.sqrt(np.maximum(ideal, 1e-9) / 3000)
    assert 0.85 < error[ideal > 0.01].std() < 1.15
    np.testing.assert_array_equal(drawn, simulate_spectra([QUARTZ] * 3000, counts=200.0, seed=2))


def test_mappings_and_arrays_give_the_same():
    row = np.zeros((1, 94))
    row[0, [13, 7]] = 0.46743, 0.53257
    np.testing.assert_array_equal(simulate_spectra(row), simulate_spectra(QUARTZ))
    # Company in the batch changes sums by rounding only.
    np.testing.assert_allclose(simulate_spectra([GALENA, QUARTZ])[1], simulate_spectra(QUARTZ)[0], atol=1e-7)


def test_axes_agree():
    fine = EnergyAxis(0.0, 5.0, 5000)
    rebinned = rebin(simulate_spectra(HEMATITE, energy=fine), fine, CANONICAL_AXIS)[0]
    direct = simulate_spectra(HEMATITE)[0]
    assert 0.5 * np.abs(rebinned / rebinned.sum() - direct).sum() < 2e-3


def test_conditions_matter():
    base = simulate_spectra(HEMATITE)[0]
    changes = (
        {"beam_energy": 15.0},
        {"take_off": 60.0},
        {"detector": Detector(window="none")},
        {"detector": Detector(fwhm=150)},
        {"coating": ("C", 30.0)},
    )
    for change in changes:
        assert 0.5 * np.abs(simulate_spectra(HEMATITE, **change)[0] - base).sum() > 0.005, change


def test_magnetite_and_hematite_differ_little_and_rutile_much():
    magnetite = {"Fe": 0.7236, "O": 0.2764}
    hematite, other, rutile = simulate_spectra([HEMATITE, magnetite, {"Ti": 0.5993, "O": 0.4007}])
    assert 0.002 < 0.5 * np.abs(hematite - other).sum() < 0.05
    assert 0.5 * np.abs(hematite - rutile).sum() > 0.5


@settings(max_examples=25, deadline=None)
@given(
    compositions=st.lists(
        st.dictionaries(st.sampled_from(SYMBOLS[4:]), st.floats(1e-9, 1), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
    ),
    beam_energy=st.floats(3, 40),
)
def test_any_composition_gives_a_distribution(compositions, beam_energy):
    spectra = simulate_spectra(compositions, beam_energy=beam_energy)
    assert spectra.shape == (len(compositions), 1536)
    assert np.isfinite(spectra).all()
    assert (spectra >= 0).all()
    np.testing.assert_allclose(spectra.sum(axis=1, dtype=float), 1, rtol=1e-4)


def test_many_materials_at_once_equal_single_ones():
    rng = np.random.default_rng(0)
    fractions = np.zeros((300, 94))  # more than one block
    for row in fractions:
        row[rng.choice(np.arange(5, 40), 4, replace=False)] = rng.random(4)
    together = simulate_spectra(fractions)
    for i in (0, 255, 256, 299):
        np.testing.assert_allclose(together[i], simulate_spectra(fractions[i])[0], atol=1e-6)


def test_bad_requests_are_refused():
    with pytest.raises(RecipeError, match="how many counts"):
        simulate_spectra(QUARTZ, seed=1)
    with pytest.raises(RecipeError, match="no photon"):
        simulate_spectra(QUARTZ, energy=EnergyAxis(80_000, 10, 100))
    with pytest.raises(RecipeError, match="2 different counts"):
        simulate_spectra([QUARTZ] * 3, counts=[1, 2])
    with pytest.raises(GdlsError, match="no element symbol"):
        simulate_spectra({"quartz": 1.0})


def test_thin_specimens_are_films() -> None:
    film = ThinFilm(200.0, elements=["Si", "O"])
    expected = film.intensities({"Si": 0.467, "O": 0.533}) @ film.response(Detector(pile_up=0.0), CANONICAL_AXIS)
    spectrum = simulate_spectra({"Si": 0.467, "O": 0.533}, specimen="thin", detector=Detector(pile_up=0.0))
    np.testing.assert_allclose(spectrum[0], expected[0] / expected.sum(), rtol=1e-4)
    with pytest.raises(RecipeError, match="thin specimen has no coating"):
        simulate_spectra({"Si": 1.0}, specimen="thin", coating=("C", 10.0))
    with pytest.raises(RecipeError, match="specimen is 'film'; choose one of thick, thin"):
        simulate_spectra({"Si": 1.0}, specimen="film")
