import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.materials.composition import mass_fractions
from napari_gdls.spectra.depth import depth_distribution, target


def distribution(composition, beam_energy, edge, exponent=0.86):
    edge = np.atleast_1d(np.asarray(edge, float))
    return depth_distribution(target(mass_fractions(composition)), beam_energy, edge, np.full(edge.shape, exponent))


def test_target_averages():
    silica = target(mass_fractions({"Si": 0.46743, "O": 0.53257}))
    assert silica.stopping[0] == pytest.approx(0.46743 * 14 / 28.0855 + 0.53257 * 8 / 15.999, rel=5e-4)
    assert silica.scattering[0] == pytest.approx((0.46743 * 14**0.5 + 0.53257 * 8**0.5) ** 2)
    iron = target(mass_fractions({"Fe": 1.0}))
    assert iron.potential[0] == pytest.approx(1e-3 * 26 * (10.04 + 8.25 * np.exp(-26 / 11.22)))


def test_emitted_equals_the_integral_over_the_published_form():
    """A exp(-a x) + (B x + phi0 - A) exp(-b x) with the published B and A, integrated numerically."""
    d = distribution({"Fe": 1.0}, 20.0, 7.112)
    a, b, area, phi0, slope = (float(v[0]) for v in (d.decay_shallow, d.decay_deep, d.area, d.surface, d.slope))
    epsilon = (a - b) / b
    big_b = (b * b * area * (1 + epsilon) - slope - phi0 * b * (2 + epsilon)) / epsilon
    big_a = (big_b / b + phi0 - b * area) * (1 + epsilon) / epsilon
    x = np.linspace(0, 40 / min(a, b), 400_001)
    phi = big_a * np.exp(-a * x) + (big_b * x + phi0 - big_a) * np.exp(-b * x)
    assert phi[0] == pytest.approx(phi0)
    assert (phi > -1e-6).all()
    for chi in (0.0, 50.0, 1000.0, 20_000.0):
        assert float(d.emitted(np.array([chi]))[0]) == pytest.approx(np.trapezoid(phi * np.exp(-chi * x), x), rel=1e-4)


def test_surface_ionisation_and_depth():
    light, heavy = distribution({"C": 1.0}, 20.0, 0.28, 0.9), distribution({"Au": 1.0}, 20.0, 2.2, 0.78)
    assert 1 < light.surface[0] < 1.5 < heavy.surface[0] < 3  # backscattering
    shallow, deep = distribution({"Si": 1.0}, 10.0, 1.84), distribution({"Si": 1.0}, 25.0, 1.84)
    assert deep.area[0] > 3 * shallow.area[0]
    # Mean depth of Si K at 25 keV: a few um of a density of 2.33.
    chi = 1e-3
    mean = (deep.area[0] - deep.emitted(np.array([chi]))[0]) / (chi * deep.area[0])
    assert 1.0 < 1e4 * mean / 2.33 < 3.5


@given(
    z=st.lists(st.integers(5, 94), min_size=1, max_size=5, unique=True),
    weights=st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
    beam_energy=st.floats(2, 50),
    overvoltage=st.floats(1.0005, 200),
    absorption=st.floats(1, 6),
)
def test_distribution_is_sane_for_any_material(z, weights, beam_energy, overvoltage, absorption):
    fractions = np.zeros(94)
    fractions[np.array(z) - 1] = weights[: len(z)]
    d = distribution(fractions, beam_energy, beam_energy / overvoltage)
    for value in (d.area, d.surface, d.decay_deep, d.decay_shallow):
        assert np.isfinite(value).all()
        assert (value > 0).all()
    chi = np.array([10**absorption])
    emitted = d.emitted(chi)
    assert 0 < emitted[0] <= d.area[0] * (1 + 1e-9)
    assert d.emitted(2 * chi)[0] <= emitted[0] * (1 + 1e-9)
    assert d.emitted(np.array([1e12]))[0] * 1e12 == pytest.approx(d.surface[0], rel=1e-3)  # only the surface is seen
