"""Differences of two materials, which do not depend on counts, and how significant they are."""

import numpy as np
import pytest
from exact_materials import CALIBRATION, difference, embed, material_at, materials, scale_of

from napari_gdls import embed as embed_spectra
from napari_gdls import load_embedding, simulate_spectra
from napari_gdls.embedding.calibration import MEAN_SQUARE_NOISE
from napari_gdls.graph.merging import height_of_significance
from napari_gdls.phases.difference import Scale

GARNETS = ({"Fe": 0.30, "Al": 0.11, "Si": 0.17, "O": 0.40, "Mg": 0.02}, {"Fe": 0.24, "Al": 0.12, "Si": 0.19, "O": 0.45})


@pytest.mark.parametrize("wanted", [0.5, 2.0])
@pytest.mark.parametrize(("n_1", "n_2"), [(300, 300), (3000, 3000), (30_000, 30_000), (300, 30_000)])
def test_counting_noise_is_taken_off(wanted, n_1, n_2):
    """Where the noise is known exactly, the mean square of D is that of the materials at any counts."""
    p = materials(1, sharpness=5.0)[0]
    q = material_at(p, wanted)
    rng = np.random.default_rng(n_1 + n_2)
    distance = np.linalg.norm(embed(rng.multinomial(n_1, p, 4000)) - embed(rng.multinomial(n_2, q, 4000)), axis=1)
    unit = 2 * CALIBRATION.c**2
    found = float(scale_of().difference(np.sqrt((distance**2).mean()), n_1, n_2))
    noise = MEAN_SQUARE_NOISE * CALIBRATION.c**2 * (1000 / n_1 + 1000 / n_2)
    error = 4 * (distance**2).std() / np.sqrt(len(distance)) + 0.03 * noise  # the law holds for many counts per window
    assert found**2 == pytest.approx(wanted**2, abs=error / unit)


def test_differences_of_embedded_minerals_do_not_depend_on_counts():
    model = load_embedding()
    scale = Scale(model.calibration, 0.0, 1.0, 0.3)
    found = {}
    rng = np.random.default_rng(0)
    shares = simulate_spectra(GARNETS)
    for counts in (300, 1000, 3000, 10_000, 30_000):
        z = [embed_spectra(rng.poisson(counts * share, (200, share.size)), model, device="cpu") for share in shares]
        square = (np.linalg.norm(z[0] - z[1], axis=1) ** 2).mean()
        found[counts] = float(scale.difference(np.sqrt(square), counts, counts))
    assert found[30_000] > 0.8
    for counts in (300, 1000, 3000, 10_000):
        # The weights and their calibration were learned from an earlier physics; at 300 counts D is now 12 % larger.
        assert found[counts] == pytest.approx(found[30_000], rel=0.15), found


@pytest.mark.parametrize("mineral", ["quartz", "garnet"])
def test_equal_minerals_do_not_differ_once_they_are_summed(mineral):
    composition = {"quartz": {"Si": 0.467, "O": 0.533}, "garnet": GARNETS[0]}[mineral]
    model = load_embedding()
    share = simulate_spectra([composition])[0]
    spectra = np.random.default_rng(1).poisson(50_000 * share, (400, share.size))
    z = embed_spectra(spectra, model, device="cpu")
    scale = Scale(model.calibration, 0.0, 1.0, 0.3)
    found = scale.difference(np.linalg.norm(z[::2] - z[1::2], axis=1), 50_000, 50_000)
    assert found.mean() < 0.1
    assert (found == 0).mean() > 0.3


def test_differences_are_on_the_scale_of_delta_z():
    """Far beyond the noise of spectra of 1,000 counts, D and delta_z are one."""
    distance = np.array([0.5, 0.9, 1.4])
    expected = CALIBRATION.delta_z(distance, 1000, 1000)
    np.testing.assert_allclose(scale_of().difference(distance, 1000, 1000), expected, rtol=0.02)
    p, q = materials(2)
    at_infinity = scale_of().difference(np.linalg.norm(embed(p) - embed(q)), np.inf, np.inf)
    assert at_infinity == pytest.approx(difference(p, q))


def test_scatter_inside_materials_makes_differences_smaller():
    found = [float(scale_of(f=f).difference(0.5, 1e4, 1e4)) for f in (0.0, 1.0, 10.0)]
    assert found == sorted(found, reverse=True)
    assert found[2] < found[0] / 2
    assert scale_of().difference(0.5, 0, 0) < scale_of().difference(0.5, 1e4, 1e4)


@pytest.mark.parametrize("significance", [0.0, 5.0, 14.0, 1e6])
@pytest.mark.parametrize("dispersion", [0.0, 1e-3])
def test_a_statistic_at_the_limit_has_the_significance_that_the_limit_stands_for(significance, dispersion):
    height, counts = height_of_significance(30, significance), 10_000
    scale = scale_of(height=height, dispersion=dispersion)
    at_limit = scale.over_limit(np.array([height * (1 + dispersion * counts)]), np.array([counts]))
    assert at_limit[0] == pytest.approx(1)
    assert scale.significance(float(at_limit[0]), 30) == pytest.approx(significance, abs=1e-6)
    assert scale.significance(0.0, 30) == 0
