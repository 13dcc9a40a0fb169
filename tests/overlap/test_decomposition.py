"""Score images and loading spectra: counts in, counts out, and the components that went in."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from line_mixture import mixture_field
from threadpoolctl import threadpool_limits

from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import Cancelled, FieldError, GdlsError, RecipeError
from napari_gdls.io import read_field
from napari_gdls.overlap import analysis_channels, decompose
from napari_gdls.overlap.decomposition import DECOMPOSITIONS, fitted_scores, matrix_component
from napari_gdls.overlap.factorisation import factors
from napari_gdls.overlap.pixel_blocks import blocks_of_counts


def angles(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Angle (degrees) of each true spectrum to that found which is nearest."""
    cosine = truth @ found.T / np.linalg.norm(truth, axis=1)[:, None] / np.linalg.norm(found, axis=1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1))).min(axis=1)


@pytest.mark.parametrize("method", DECOMPOSITIONS)
@pytest.mark.parametrize("hole", [False, True])
def test_counts_go_in_and_counts_come_out(method, hole):
    field, *_ = mixture_field(hole=hole)
    found = decompose(field, 3, method=method)
    assert found.scores.shape == (*field.shape, 3)
    assert found.loadings.shape == (3, field.energy.size)
    assert found.scores.dtype == found.loadings.dtype == np.float64
    measured = field.to_map(np.ones(field.n_measurements, bool), fill=False)
    assert np.isnan(found.scores[~measured]).all()
    sums = found.scores[measured] @ found.loadings.sum(axis=1)
    totals = np.asarray(field.spectra.sum(axis=1)).ravel()
    assert sums.sum() == pytest.approx(totals.sum(), rel=0.02)
    assert np.abs(sums - totals).mean() < 0.15 * totals.mean()
    if method == "pca":
        assert np.abs(found.loadings).sum(axis=1) == pytest.approx(1)
    else:
        assert found.loadings.sum(axis=1) == pytest.approx(1)
        assert found.loadings.min() >= 0
        assert np.nanmin(found.scores) >= 0
    assert found.method == method
    assert found.n_components == 3
    assert found.evidence is None


def test_psnmf_finds_the_phases_and_the_matrix(mixture):
    field, abundances, spectra = mixture
    found = decompose(field, 3)
    assert angles(found.loadings, spectra).max() < 12
    assert angles(found.loadings[[found.matrix_component]], spectra[:1])[0] < 8
    best = [
        np.argmax([np.corrcoef(s.ravel(), a.ravel())[0, 1] for s in np.moveaxis(found.scores, 2, 0)])
        for a in np.moveaxis(abundances, 2, 0)
    ]
    assert sorted(best) == [0, 1, 2]


def test_psnmf_is_closer_to_the_truth_than_unweighted_factors():
    field, _, spectra = mixture_field(counts=30)
    assert (
        angles(decompose(field, 3).loadings, spectra).max()
        < angles(decompose(field, 3, method="nmf").loadings, spectra).max()
    )


def test_components_come_by_falling_counts(mixture):
    for method in ("psnmf", "kl"):
        sums = decompose(mixture[0], 3, method=method).scores.sum(axis=(0, 1))
        assert (np.diff(sums) <= 0).all()


def test_one_component_is_the_mean_spectrum(mixture):
    field = mixture[0]
    found = decompose(field, 1)
    mean = np.asarray(field.spectra.sum(axis=0)).ravel().astype(float)
    assert angles(found.loadings, mean[None] / mean.sum())[0] < 1.5
    totals = field.to_map(np.asarray(field.spectra.sum(axis=1)).ravel())
    assert found.scores[..., 0] == pytest.approx(totals, rel=0.3)


def test_equal_input_gives_equal_bytes_whatever_form_it_has(mixture):
    field = mixture[0]
    found = decompose(field, 3, seed=4)
    dense = field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra
    again = decompose(field.with_spectra(sp.csr_array(dense.astype(np.float32))), 3, seed=4)
    assert found.scores.tobytes() == again.scores.tobytes()
    assert found.loadings.tobytes() == again.loadings.tobytes()


@pytest.mark.parametrize("method", ["psnmf", "kl", "weighted", "pca"])
def test_the_number_of_threads_changes_no_byte(method):
    field, *_ = mixture_field(shape=(40, 50))
    found = []
    for n in (1, 2):
        with threadpool_limits(n):
            each = decompose(field, 3, method=method)
        found.append(each.scores.tobytes() + each.loadings.tobytes())
    assert found[0] == found[1]


def test_the_divergence_is_that_of_scikit_learn(mixture):
    """Many short runs of `factors` come as far as one long run of scikit-learn, from the same start."""
    from sklearn.decomposition import NMF

    field = mixture[0]
    counts = analysis_channels(field).binned(field.spectra)
    scores, loadings = factors(counts, 3, 0, divergence=True)
    reference = NMF(3, init="nndsvda", solver="mu", beta_loss="kullback-leibler", max_iter=500, random_state=0)
    reference.fit(counts)

    def divergence(model):
        return (counts * np.log(np.maximum(counts, 1) / np.maximum(model, 1e-12)) - counts + model).sum()

    ours = divergence(scores @ loadings)
    assert ours == pytest.approx(reference.reconstruction_err_**2 / 2, rel=0.01)


def test_scores_are_the_most_likely_ones(mixture):
    """Expectation maximisation against a general optimiser, in some pixels."""
    from scipy.optimize import minimize

    field, _, spectra = mixture
    channels = analysis_channels(field)
    loadings = channels.binned(spectra)
    loadings /= loadings.sum(axis=1, keepdims=True)
    scores = fitted_scores(field, channels, loadings)
    counts = channels.binned(field.spectra)
    assert scores.sum(axis=1) == pytest.approx(counts.sum(axis=1))
    for i in (0, 200, 402, 530, 700):

        def cost(amounts, row=counts[i]):
            model = amounts @ loadings
            return float((model - row * np.log(model + 1e-300)).sum())

        best = minimize(cost, np.full(3, counts[i].sum() / 3), bounds=[(1e-9, None)] * 3, method="L-BFGS-B")
        assert cost(scores[i]) <= best.fun + 0.05


def test_pixels_and_channels_without_counts_do_no_harm():
    field, *_ = mixture_field(counts=3)
    spectra = np.array(field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra)
    spectra[100:103] = 0
    spectra[:, 120:140] = 0
    empty = Field(field.bse, spectra, field.locations, field.energy, gain=1.0, beam_energy=200.0)
    found = decompose(empty, 2)
    assert empty.n_measurements == field.n_measurements
    row, column = field.locations[101]
    assert found.scores[row, column].tolist() == [0.0, 0.0]
    assert np.isfinite(found.loadings).all()
    assert not found.loadings[:, 120:140].any()


def test_artefacts_do_not_count(mixture):
    """A line that varies by itself is a component, unless it is declared an artefact."""
    field = mixture[0]
    spectra = np.array(field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra).astype(np.int32)
    stripes = np.arange(field.n_measurements) % 7 < 3
    spectra[stripes, 200:204] += 40  # 4,000 to 4,060 eV: Sc K-beta 4,461, so rather that of Sc K-alpha at 4,090
    striped = Field(field.bse, spectra, field.locations, field.energy, gain=1.0, beam_energy=200.0)
    found = decompose(striped, 3, artefacts=("Sc",))
    assert found.artefacts == ("Sc",)
    clean = decompose(field, 3, artefacts=("Sc",))
    used = analysis_channels(striped, ("Sc",)).group >= 0
    assert angles(found.loadings[:, used], clean.loadings[:, used]).max() < 0.5
    assert found.loadings[:, 200:204].sum() > 0.1  # still in the spectra


def test_little_memory_makes_blocks_larger(mixture):
    field, _, spectra = mixture
    channels = analysis_channels(field)
    assert blocks_of_counts(field, channels)[0].edge < blocks_of_counts(field, channels, 200_000)[0].edge
    small = decompose(field, 3, memory_limit=400_000)
    assert angles(small.loadings, spectra).max() < 25
    with pytest.raises(RecipeError, match=r"memory_limit"):
        decompose(field, 3, method="kl", memory_limit=10_000)


def test_the_matrix_is_the_largest_in_most_pixels():
    scores = np.zeros((20, 20, 3))
    scores[..., 1] = 5
    scores[:9, :9, 0] = 1000
    scores[0, 0] = np.nan
    assert matrix_component(scores) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 51}, "n_components"),
        ({"n_components": 2.5}, "n_components"),
        ({"n_components": 2, "method": "ica"}, "method"),
        ({"n_components": 2, "seed": -1}, "seed"),
        ({"n_components": 2, "memory_limit": 0}, "memory_limit"),
        ({"n_components": 50}, "no more than"),
    ],
)
def test_arguments_out_of_range(arguments, words):
    field, *_ = mixture_field(shape=(6, 6))
    with pytest.raises(RecipeError, match=words):
        decompose(field, **arguments)


def test_more_components_than_there_are_is_an_error():
    counts = np.zeros((64, 100), np.int32)
    counts[:, 40] = 100
    field = Field(
        np.zeros((8, 8), np.uint8), counts, np.argwhere(np.ones((8, 8), bool)), EnergyAxis(0, 20, 100), gain=1.0
    )
    assert decompose(field, 1).loadings[0].argmax() == 40
    with pytest.raises(GdlsError, match=r"fewer components|no more than"):
        decompose(field, 3)


def test_a_field_with_spaces_between_its_measurements_is_none_for_it():
    axis = EnergyAxis(0.0, 10.0, 100)
    places = np.argwhere(np.ones((3, 3), bool)) * 3
    sampled = Field(np.zeros((9, 9), np.uint8), np.ones((9, 100), np.uint8), places, axis, gain=1.0)
    with pytest.raises(FieldError, match="every pixel"):
        decompose(sampled, 2)


def test_it_can_be_watched_and_cancelled(mixture):
    stages = []
    decompose(mixture[0], 2, progress=lambda stage, fraction: stages.append((stage, fraction)))
    assert {stage for stage, _ in stages} == {"summing spectra", "decomposing", "abundances", "loadings"}
    assert all(0 <= fraction <= 1 for _, fraction in stages)

    def stop(stage, fraction):
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        decompose(mixture[0], 2, progress=stop)


def test_a_real_map(shared_data):
    path = next((shared_data / "stem_88gpa").glob("*.hspy"), None)
    if path is None:
        pytest.skip("no map in stem_88gpa")
    pytest.importorskip("rsciio")
    found = decompose(read_field(path, bse="counts"), artefacts=("Cu", "Ga"))
    assert found.n_components == found.evidence.chosen == 3
    assert found.matrix_component == 0
    energies = found.field.energy.centers
    calcium = found.loadings[:, np.abs(energies - 3690) < 60].sum(axis=1)
    silicon = found.loadings[:, np.abs(energies - 1740) < 60].sum(axis=1)
    assert np.sort(calcium)[-1] > 3 * np.sort(calcium)[-2]  # one film of Ca-perovskite
    assert silicon.min() < 0.1 * silicon.max()  # ferropericlase holds none
