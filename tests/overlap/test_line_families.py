"""Elements, calibration and resolution from a summed spectrum; net counts from any."""

from __future__ import annotations

import numpy as np
import pytest
from films import film
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import EnergyAxis
from napari_gdls.overlap.line_families import family_shapes, fit_line_families
from napari_gdls.overlap.net_counts import clear_element_lines
from napari_gdls.overlap.prepared import prepare_map
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.thin_film import ThinFilm

AXIS = EnergyAxis(0.0, 10.0, 1200)
GLASS = {"O": 0.45, "Mg": 0.12, "Al": 0.05, "Si": 0.2, "Ca": 0.08, "Fe": 0.1}


def spectrum_of(composition, counts, true_axis, detector, seed=None):
    film_of = ThinFilm(200.0, elements=list(composition))
    expected = (film_of.intensities(composition) @ film_of.response(detector, true_axis))[0].astype(np.float64)
    expected *= counts / expected.sum()
    return expected if seed is None else np.random.default_rng(seed).poisson(expected).astype(np.float64)


def test_a_family_is_all_lines_of_a_shell_and_counts_once() -> None:
    families, shapes = family_shapes(["Fe", "Si"], AXIS, Detector(), 200.0)
    assert [family.name for family in families] == ["Si K", "Fe K", "Fe L"]
    assert shapes.sum(axis=1) == pytest.approx(1.0, abs=0.01)
    centers = AXIS.centers
    assert centers[shapes[1].argmax()] == pytest.approx(6400, abs=20)
    assert shapes[1][np.abs(centers - 7058) < 160].sum() == pytest.approx(0.12, abs=0.02)  # K-beta


def test_families_beside_the_axis_are_left_out() -> None:
    families, _ = family_shapes(["O", "Fe", "Zr"], EnergyAxis(830.0, 10.0, 700), Detector(), 200.0)
    assert [family.name for family in families] == ["Fe K", "Zr L"]


@settings(max_examples=12, deadline=None)
@given(
    offset=st.floats(-8, 8),
    gain=st.floats(-0.002, 0.002),
    fwhm=st.floats(122, 145),
    window=st.sampled_from(["none", "polymer", "nitride"]),
    seed=st.integers(0, 1000),
)
def test_elements_calibration_and_resolution_are_found(offset, gain, fwhm, window, seed) -> None:
    true_axis = EnergyAxis(AXIS.offset + offset, AXIS.width * (1 + gain), AXIS.size)
    total = spectrum_of(GLASS, 500_000, true_axis, Detector(fwhm=fwhm, window=window), seed)
    lines = clear_element_lines(fit_line_families(total, AXIS, 200.0), total)
    assert set(GLASS) <= set(lines.elements)
    assert len(lines.elements) <= len(GLASS) + 1
    at = np.array([1254.0, 6400.0])
    error = (at - true_axis.offset) / true_axis.width - (at - lines.axis.offset) / lines.axis.width
    assert np.abs(error * AXIS.width).max() < 2.0
    assert lines.source.detector.fwhm == pytest.approx(fwhm, abs=4.0)


def test_net_counts_are_unbiased_and_their_errors_right() -> None:
    """Pulls over many short measurements, also of an element that is not there."""
    detector = Detector(fwhm=130.0, window="none")
    long = spectrum_of(GLASS, 3_000_000, AXIS, detector)
    families = fit_line_families(long, AXIS, 200.0, detector=detector, always=["S"])
    lines = clear_element_lines(families, long, ["S"])
    expected = lines.net_counts(long[None]).net[0] * 5000 / long.sum()
    rng = np.random.default_rng(3)
    found = lines.net_counts(rng.poisson(long * 5000 / long.sum(), (300, AXIS.size)).astype(np.float64))
    errors = np.sqrt(np.diagonal(found.covariances, axis1=1, axis2=2))
    pulls = (found.net - expected) / errors
    assert np.abs(pulls.mean(axis=0)).max() < 0.25
    assert pulls.std(axis=0) == pytest.approx(1.0, abs=0.15)
    assert abs(expected[lines.elements.index("S")]) < 5


def test_the_sum_of_a_film_shows_what_the_film_holds() -> None:
    field = film("metal", 200.0)
    lines = prepare_map(field).lines
    truth = {element for c in field.metadata["truth"]["compositions"].values() for element in c}
    assert {"O", "Mg", "Al", "Si", "S", "Cr", "Fe", "Ni", "Cu"} <= set(lines.elements) <= truth | {"Cu"}


def test_a_spectrum_without_lines_has_no_elements() -> None:
    film_of = ThinFilm(200.0, elements=["Si"])
    detector = Detector(window="none")
    continuum = film_of.continuum({"Si": 1.0}) @ detector.continuum_response(film_of.continuum_energies, AXIS)
    total = np.random.default_rng(0).poisson(20_000 * continuum[0] / continuum.sum()).astype(np.float64)
    assert clear_element_lines(fit_line_families(total, AXIS, 200.0), total).elements == ()


def test_elements_that_must_be_there_are() -> None:
    total = spectrum_of(GLASS, 100_000, AXIS, Detector(), 1)
    lines = clear_element_lines(fit_line_families(total, AXIS, 200.0, always=["Cu", "Nd"]), total, ["Cu", "Nd"])
    assert {"Cu", "Nd"} <= set(lines.elements)
