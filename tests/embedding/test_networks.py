import numpy as np
import pytest
import torch
from torch.nn import functional

from napari_gdls.embedding.networks import (
    ARCHITECTURES,
    PrincipalComponents,
    Windows,
    axis_of,
    build_network,
    detector_sigma,
    gaussian_windows,
)
from napari_gdls.energy import CANONICAL_AXIS
from napari_gdls.errors import EmbeddingError


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def counts(n=7, total=1000.0, seed=0):
    rng = np.random.default_rng(seed)
    shape = rng.gamma(0.3, size=(n, 1536))
    return torch.from_numpy(rng.poisson(total * shape / shape.sum(axis=1, keepdims=True)).astype(np.float32))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
class TestEveryArchitecture:
    def test_gives_unit_vectors_of_64(self, architecture):
        network = build_network(architecture).eval()
        with torch.no_grad():
            z = network(torch.cat([counts(), torch.zeros(1, 1536)]))
        assert z.shape == (8, 64)
        assert z.dtype == torch.float32
        assert torch.allclose(z.norm(dim=1), torch.ones(8), atol=1e-5)

    def test_takes_binned_and_unbinned_counts(self, architecture):
        network = build_network(architecture).eval()
        raw = counts()
        binned = raw.reshape(len(raw), -1, network.binning).sum(dim=2)
        assert binned.shape[1] == axis_of(network.binning).size
        with torch.no_grad():
            assert torch.allclose(network(raw), network.embed(binned), atol=1e-6)

    def test_is_the_same_map_for_inference(self, architecture):
        network = build_network(architecture)
        network.standardise(counts(64, seed=3).reshape(64, -1, network.binning).sum(dim=2))
        network.eval()
        with torch.no_grad():
            expected = network(counts())
            assert torch.allclose(network.for_inference()(counts()), expected, atol=1e-5)

    def test_depends_on_the_shape_of_the_spectrum_only(self, architecture):
        network = build_network(architecture).eval()
        with torch.no_grad():
            assert torch.allclose(network(counts()), network(30 * counts()), atol=1e-5)

    def test_features_are_standardised(self, architecture):
        network = build_network(architecture)
        binned = counts(200).reshape(200, -1, network.binning).sum(dim=2)
        network.standardise(binned)
        assert network.mean.abs().max() > 0
        if hasattr(network, "scale"):
            assert (network.scale > 0).all()


def test_windows_are_as_wide_as_the_resolution_and_as_dense():
    axis = axis_of(2)
    windows = gaussian_windows(axis, 160)
    assert windows.shape == (768, 160)
    assert windows.min() >= 0
    assert windows.max(axis=0).min() > 0.9
    centre = axis.centers @ windows / windows.sum(axis=0)
    spread = np.sqrt((windows * (axis.centers[:, None] - centre) ** 2).sum(axis=0) / windows.sum(axis=0))
    inner = slice(3, -3)
    width = spread[inner] / detector_sigma(centre[inner])
    assert width.min() > 0.8
    assert width.max() < 1.2
    gaps = np.diff(centre)[inner] / detector_sigma(centre[1:])[inner]
    assert gaps.max() / gaps.min() < 1.1
    assert windows.sum(axis=1).min() > 0.5  # no gap between them


def test_windows_stay_positive_and_learn():
    network = Windows()
    before = functional.softplus(network.raw_windows).detach().clone()
    network.standardise(counts(64).reshape(64, -1, 2).sum(dim=2))
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    network(counts()).square()[:, 0].sum().backward()
    optimiser.step()
    after = functional.softplus(network.raw_windows).detach()
    assert (after > 0).all()
    assert not torch.equal(before, after)


def test_binned_axis_keeps_the_band():
    axis = axis_of(2)
    assert axis.size == 768
    assert axis.edges[0] == CANONICAL_AXIS.edges[0]
    assert axis.edges[-1] == CANONICAL_AXIS.edges[-1]


def test_principal_components_suppress_directions_of_pure_noise():
    rng = np.random.default_rng(0)
    energies = axis_of(2).centers
    # One line moves between materials, another one only scatters.
    line = np.exp(-0.5 * ((energies - 3000) / 60) ** 2)
    scatter = np.exp(-0.5 * ((energies - 8000) / 70) ** 2)
    material = rng.uniform(0.2, 1.0, 400)
    base = 0.02 + material[:, None] * line
    expected = torch.from_numpy((base / base.sum(axis=1, keepdims=True)).astype(np.float32))
    noisy = base + rng.uniform(0, 0.5, (400, 1)) * scatter
    noisy = torch.from_numpy(rng.poisson(1000 * noisy / noisy.sum(axis=1, keepdims=True)).astype(np.float32))
    network = PrincipalComponents()
    network.fit(expected, noisy)

    def step(direction):
        features = network.features(expected[:1] * 1000)
        moved = network.features(expected[:1] * 1000 + 30 * torch.from_numpy(direction.astype(np.float32))[None])
        return ((moved - features) @ network.components).norm() / (moved - features).norm()

    assert step(line) > 5 * step(scatter)


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("unknown", {}),
        ("windows", {"colour": 1}),
        ("windows", {"windows": 10**9}),
        ("windows", {"windows": 0}),
        ("windows", {"hidden": ["a"]}),
        ("cnn", {"channels": [1, 2]}),
    ],
)
def test_impossible_networks_are_refused(architecture, options):
    with pytest.raises(EmbeddingError, match="architecture"):
        build_network(architecture, options)
