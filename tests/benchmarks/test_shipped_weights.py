"""What the weights that come with the package promise; measured here on instruments that no training has seen."""

import json

import numpy as np
import pytest
import torch
from benchmarks.authors_network import AuthorsNetwork
from benchmarks.embedding import HARD_PAIRS, expected_spectra, hard_pair_scores
from scipy.spatial.distance import cdist

from napari_gdls.embedding import available_embeddings, embed, load_embedding
from napari_gdls.embedding.learned import shipped_weights
from napari_gdls.embedding.networks import axis_of
from napari_gdls.energy import CANONICAL_AXIS
from napari_gdls.training.batches import BatchGenerator
from napari_gdls.training.config import TrainingConfig, available_recipes
from napari_gdls.training.families import TrainingMaterials
from napari_gdls.training.ideal_library import IdealLibrary, draw_beams, draw_instruments
from napari_gdls.training.validation import ONE_MATERIAL, false_splits


def test_every_recipe_has_weights_and_a_card_that_holds_it():
    weights = shipped_weights()
    assert set(weights) == set(available_recipes())
    assert sum(path.stat().st_size for path in weights.values()) < 5e6
    for name, path in weights.items():
        model = load_embedding(name)
        assert model.name == name
        assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == model.card
        assert TrainingConfig.from_dict(model.card["recipe"]).architecture == model.architecture
        assert model.card["materials"]["number"] >= 4507  # the paper's number


def test_the_default_is_learned():
    assert load_embedding().name == "windows"
    assert set(shipped_weights()) < set(available_embeddings())


def test_false_splits_of_the_default_stay_near_five_percent_at_all_counts():
    materials = TrainingMaterials.of_library()
    some = materials.lines[::16]
    rows, position = np.unique(np.concatenate(some), return_inverse=True)
    lines = tuple(np.split(position, np.cumsum([len(line) for line in some])[:-1]))
    compositions = materials.compositions[rows]
    rng = np.random.default_rng(99)
    beams = draw_beams(rng, 4)
    library = IdealLibrary(compositions, beams, draw_instruments(rng, 16, len(beams)), axis_of(1))
    source = TrainingMaterials(compositions, lines, materials.weights[::16]).source()
    model = load_embedding()
    shares = false_splits(
        lambda counts: embed(counts.numpy(), model, device="cpu"),
        model.calibration,
        BatchGenerator(library, source, ONE_MATERIAL, seed=5),
        range(16),
    )
    assert set(shares) == {"100", "300", "1000", "3000", "10000", "300/3000"}
    # The benchmark, with all materials, wants 3 to 8 %; a sixteenth of the lines on 16 instruments scatters about that.
    assert all(0.02 <= share <= 0.09 for share in shares.values()), shares


def test_the_default_tells_hard_pairs_apart_better_than_untrained_distances():
    names = ("windows", "pca", "cosine")
    models = {name: lambda counts, name=name: embed(counts, name, device="cpu") for name in names}
    scores = hard_pair_scores(models, samples=40, repeats=1)
    for counts, least in ((1000, 0.71), (3000, 0.84), (10_000, 0.95)):
        mean = {name: by_counts[counts].mean() for name, by_counts in scores.items()}
        assert mean["windows"] > least
        assert mean["windows"] > max(mean["pca"], mean["cosine"]) - 0.01
        assert mean["windows"] < mean["bound"] + 0.01


@pytest.mark.parametrize("counts", [300, 3000])
def test_one_threshold_joins_equal_and_splits_clearly_different_minerals(counts):
    formulas = ("SiO2", "KAlSi3O8", "NaAlSi3O8", "CaCO3", "FeS2", "Fe3O4", "TiO2", "ZrSiO4")
    rng = np.random.default_rng(3)
    spectra = expected_spectra(formulas, CANONICAL_AXIS)
    z = [embed(rng.poisson(counts * shape, (30, 1536)).astype(np.float32)) for shape in spectra]
    totals = np.full((30, 30), float(counts))
    calibration = load_embedding().calibration
    for i in range(len(formulas)):
        for j in range(i, len(formulas)):
            delta = calibration.delta_z(cdist(z[i], z[j]), totals, totals)
            if i == j:
                assert np.mean(delta[np.triu_indices(30, 1)] > 1) < 0.3
            else:
                assert np.mean(delta > 1) > 0.9, (formulas[i], formulas[j])


def test_hard_pairs_are_what_they_are_called():
    assert len(HARD_PAIRS) == 6
    spectra = expected_spectra([formula for pair in HARD_PAIRS.values() for formula in pair], CANONICAL_AXIS)
    np.testing.assert_allclose(spectra.sum(axis=1), 1, rtol=1e-5)


def test_the_authors_network_is_rebuilt_whole(shared_data):
    network = AuthorsNetwork(shared_data / "reference" / "embedding.h5")
    state = sum(
        value.numel() for name, value in network.state_dict().items() if not name.endswith(("value", "tracked"))
    )
    assert state == 496_388  # as counted in the published file
    first, second = expected_spectra(HARD_PAIRS["olivine, Fo 90 and 80"], CANONICAL_AXIS)
    z = network(torch.from_numpy(1000 * np.stack([first, first, second]))).numpy()
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)
    assert np.array_equal(z[0], z[1])
    assert np.linalg.norm(z[0] - z[2]) > 0.1
