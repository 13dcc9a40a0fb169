import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.embedding.losses import LOSSES, SemihardTriplet, SupervisedContrastive, build_loss
from napari_gdls.errors import RecipeError

labels_of_samples = st.lists(st.integers(0, 3), min_size=2, max_size=12)


def vectors(n, seed):
    z = np.random.default_rng(seed).normal(size=(n, 5))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def contrastive_by_hand(z, labels, temperature):
    losses = []
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        equals = [j for j in others if labels[j] == labels[i]]
        partition = sum(math.exp(z[i] @ z[j] / temperature) for j in others)
        terms = [math.log(math.exp(z[i] @ z[j] / temperature) / partition) for j in equals]
        losses.append(-sum(terms) / len(terms) if terms else 0.0)
    return sum(losses) / len(losses)


def triplet_by_hand(z, labels, margin):
    losses = []
    for a in range(len(z)):
        for p in range(len(z)):
            if p == a or labels[p] != labels[a]:
                continue
            near = np.linalg.norm(z[a] - z[p])
            far = [np.linalg.norm(z[a] - z[n]) for n in range(len(z)) if labels[n] != labels[a]]
            if far:
                semihard = [d for d in far if d > near]
                losses.append(max(0.0, near - (min(semihard) if semihard else max(far)) + margin))
    return sum(losses) / len(losses) if losses else 0.0


@settings(max_examples=40, deadline=None)
@given(labels_of_samples, st.integers(0, 99))
def test_contrastive_loss_is_its_formula(labels, seed):
    z = vectors(len(labels), seed)
    loss = SupervisedContrastive(0.1)(torch.from_numpy(z), torch.tensor(labels))
    assert float(loss.detach()) == pytest.approx(contrastive_by_hand(z, labels, 0.1), rel=1e-5, abs=1e-6)


def test_distances_count_in_units_of_their_noise():
    z, labels = vectors(6, 0), [0, 0, 1, 1, 2, 2]
    counts = np.array([100.0, 300.0, 1000.0, 1000.0, 3000.0, 10_000.0])
    floor, temperature = 0.03, 0.1
    noise = 1000 / counts + floor
    similarity = -((z[:, None] - z[None]) ** 2).sum(axis=2) / 2 / temperature
    similarity *= 2 * (1 + floor) / (noise[:, None] + noise[None])
    expected = []
    for i, equal in enumerate([1, 0, 3, 2, 5, 4]):
        others = [j for j in range(6) if j != i]
        expected.append(np.log(np.exp(similarity[i, others]).sum()) - similarity[i, equal])
    loss = SupervisedContrastive(temperature, floor)
    found = loss(torch.from_numpy(z), torch.tensor(labels), torch.from_numpy(counts))
    assert float(found.detach()) == pytest.approx(np.mean(expected), rel=1e-5)
    # At 1,000 counts throughout it is the plain loss.
    thousand = torch.full((6,), 1000.0)
    plain = loss(torch.from_numpy(z), torch.tensor(labels))
    assert torch.isclose(loss(torch.from_numpy(z), torch.tensor(labels), thousand), plain)


@settings(max_examples=40, deadline=None)
@given(labels_of_samples, st.integers(0, 99))
def test_triplet_loss_is_its_definition(labels, seed):
    z = vectors(len(labels), seed)
    loss = SemihardTriplet(0.3)(torch.from_numpy(z), torch.tensor(labels))
    assert float(loss.detach()) == pytest.approx(triplet_by_hand(z, labels, 0.3), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [0, 0, 1]])
def test_gradients_are_finite_even_without_equals_or_others(name, labels):
    raw = torch.randn(3, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    loss = build_loss(name)(torch.nn.functional.normalize(raw, dim=1), torch.tensor(labels))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(raw.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_identical_vectors_of_one_material_do_not_break_the_gradient(name):
    raw = torch.ones(4, 3, requires_grad=True)
    build_loss(name)(torch.nn.functional.normalize(raw, dim=1), torch.tensor([0, 0, 1, 1])).backward()
    assert torch.isfinite(raw.grad).all()


def test_temperature_is_learned():
    loss = SupervisedContrastive()
    z = torch.from_numpy(vectors(8, 0))
    loss(z, torch.arange(8) // 2).backward()
    assert loss.log_sharpness.grad.abs() > 0
    assert float(loss.log_sharpness.detach().exp()) == pytest.approx(14, rel=1e-5)


def test_unknown_losses_are_refused():
    with pytest.raises(RecipeError, match="supcon"):
        build_loss("mse")
