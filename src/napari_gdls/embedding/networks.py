"""Networks from counted spectra to unit vectors (paper, section 3.4): energy windows, convolutions, components."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from napari_gdls.embedding.calibration import REFERENCE_COUNTS
from napari_gdls.energy import CANONICAL_AXIS, EnergyAxis

DIMENSION = 64
"""Length of the vectors (paper, section 3.5)."""

# The resolution by which windows are laid out, as `spectra.detector.Detector.resolution` has it; repeated here because
# the X-ray tables behind that module need not load with an embedding.
_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))  # of a normal distribution
_FWHM_MANGANESE, _MANGANESE = 132.0, 5895.0  # eV; resolution at Mn K-alpha, and its energy
_FANO, _PAIR_ENERGY = 0.115, 3.65  # Fano factor; eV per electron-hole pair in silicon

_LEAST_SIGMA = 0.6  # of a window, in distances of the centres: neighbours then overlap, and no count is lost. A choice
_LEAST_WEIGHT = 2e-4  # of a learned window at first, so that its gradient vanishes nowhere. A choice
_RIDGE = 0.1  # variance added to the noise of every window, in units of their mean: keeps its inverse tame. A choice
_OWN_SPREAD, _COMMON_SPREAD = 0.5, 0.25  # of the scale of a feature, see `_set_moments`. Choices
_LARGEST = 4096  # highest number in the options of an architecture; the shipped networks need 256


def axis_of(binning: int) -> EnergyAxis:
    """The canonical axis with groups of `binning` channels taken together."""
    canonical = CANONICAL_AXIS
    return EnergyAxis(
        offset=canonical.offset + (binning - 1) * canonical.width / 2,
        width=binning * canonical.width,
        size=canonical.size // binning,
    )


def detector_sigma(energies: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Standard deviation (eV) of a line at `energies` (eV) in a usual silicon drift detector."""
    noise = _FWHM_MANGANESE**2 - _FWHM_PER_SIGMA**2 * _FANO * _PAIR_ENERGY * _MANGANESE
    variance = noise + _FWHM_PER_SIGMA**2 * _FANO * _PAIR_ENERGY * np.asarray(energies, dtype=np.float64)
    return np.asarray(np.sqrt(variance) / _FWHM_PER_SIGMA)


def gaussian_windows(axis: EnergyAxis, number: int, width: float = 0.8) -> npt.NDArray[np.float64]:
    """Energy windows as wide as the detector's resolution, and as dense.

    Parameters
    ----------
    axis : EnergyAxis
    number : int
        Of the windows; their centres are equally spaced in units of the resolution.
    width : float
        Standard deviation of the windows, in those of the detector; more where the windows are few, so that no gap is
        left.

    Returns
    -------
    (axis.size, number) float64
        Weights, 1 at the centre of a window.
    """
    energies = axis.centers
    position = np.cumsum(1 / detector_sigma(energies))
    centres = np.interp(np.linspace(position[0], position[-1], number), position, energies)
    sigma = np.maximum(width * detector_sigma(centres), _LEAST_SIGMA * np.gradient(centres))
    return np.asarray(np.exp(-0.5 * ((energies[:, None] - centres) / sigma) ** 2))


def unit_length(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors at length 1; a vector without direction becomes the diagonal."""
    square = (vectors * vectors).sum(dim=1, keepdim=True)
    return functional.normalize(torch.where(square > 0, vectors, torch.ones_like(vectors)), dim=1)


def scaled(counts: torch.Tensor) -> torch.Tensor:
    """Spectra (n, D) scaled to a sum of 1,000 counts; spectra with less than one count are left nearly empty."""
    return counts * (REFERENCE_COUNTS / counts.sum(dim=1, keepdim=True).clamp(min=1.0))


class SpectrumNetwork(nn.Module):
    """A network from counts on the canonical axis to unit vectors.

    Attributes
    ----------
    binning : int
        Channels that the network adds up before anything else. Training data may come binned already (`embed`).
    dimension : int
        Length of the vectors.
    """

    binning = 1
    dimension: int

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        """Unit vectors (n, d) of counts (n, 1536), float32."""
        if self.binning > 1:
            counts = counts.view(len(counts), -1, self.binning).sum(dim=2)
        return self.embed(counts)

    def embed(self, binned: torch.Tensor) -> torch.Tensor:
        """Unit vectors of counts in groups of `binning` channels, (n, 1536 / binning)."""
        raise NotImplementedError

    def standardise(self, binned: torch.Tensor) -> None:
        """Centre and scale the features by those of typical spectra, before training."""
        raise NotImplementedError

    def for_inference(self) -> nn.Module:
        """The same map in its fastest form, in evaluation mode."""
        return self.eval()


class Windows(SpectrumNetwork):
    """Learned non-negative energy windows, then a small dense network.

    Counts in each window, as parts per thousand of the spectrum, are brought to about equal noise by a square root
    (Anscombe), standardised, and go through two hidden layers. The windows start as Gaussians of the detector's
    resolution; learning moves and reshapes them.

    Parameters
    ----------
    windows : int
        Number of windows.
    hidden : sequence of int
        Widths of the hidden layers.
    dimension : int
        Of the vectors.
    offset : float
        Added under the square root, in counts per thousand: about what one count makes of 100, so that windows with few
        counts stay in proportion. (0.3, for comparison, costs 0.014 of AUC at 1,000 counts after 1,500 steps.)
    """

    binning = 2
    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        *,
        windows: int = 160,
        hidden: tuple[int, ...] = (256, 256),
        dimension: int = DIMENSION,
        offset: float = 0.3,
    ) -> None:
        super().__init__()
        self.dimension = dimension
        start = np.maximum(gaussian_windows(axis_of(self.binning), windows), _LEAST_WEIGHT)
        # softplus(raw) are the windows: positive whatever the optimiser does.
        self.raw_windows = nn.Parameter(torch.tensor(np.log(np.expm1(start)), dtype=torch.float32))
        self.offset = offset
        self.register_buffer("mean", torch.zeros(windows))
        self.register_buffer("scale", torch.ones(windows))
        self.hidden = _dense_layers(windows, hidden)
        self.out = nn.Linear(hidden[-1], dimension)

    def _features(self, counts: torch.Tensor, windows: torch.Tensor) -> torch.Tensor:
        factor = REFERENCE_COUNTS / counts.sum(dim=1, keepdim=True).clamp(min=1.0)
        return torch.sqrt((counts @ windows) * factor + self.offset)

    def embed(self, binned: torch.Tensor) -> torch.Tensor:
        """See `SpectrumNetwork.embed`."""
        features = self._features(binned, functional.softplus(self.raw_windows))
        return unit_length(self.out(self.hidden((features - self.mean) / self.scale)))

    @torch.no_grad()
    def standardise(self, binned: torch.Tensor) -> None:
        """See `SpectrumNetwork.standardise`."""
        _set_moments(self.mean, self.scale, self._features(binned, functional.softplus(self.raw_windows)))

    @torch.no_grad()
    def for_inference(self) -> nn.Module:
        """See `SpectrumNetwork.for_inference`."""
        return _FoldedWindows(self).eval()


class _FoldedWindows(nn.Module):
    """`Windows` with its windows as one matrix on the canonical channels, standardised inside the first layer."""

    windows: torch.Tensor

    def __init__(self, source: Windows) -> None:
        super().__init__()
        windows = functional.softplus(source.raw_windows).repeat_interleave(source.binning, dim=0)
        self.register_buffer("windows", windows.contiguous())
        self.offset = source.offset
        first, *rest = source.hidden.children()
        assert isinstance(first, nn.Linear)
        folded = nn.Linear(first.in_features, first.out_features)
        folded.weight.copy_(first.weight / source.scale)
        folded.bias.copy_(first.bias - first.weight @ (source.mean / source.scale))
        self.layers = nn.Sequential(folded, *rest, source.out).requires_grad_(False)

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        return self.of_projected(counts @ self.windows, counts.sum(dim=1, keepdim=True))

    def projection(self) -> torch.Tensor:
        """See `napari_gdls.embedding.projection.BeginsLinear`."""
        return self.windows

    def of_projected(self, projected: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        """See `napari_gdls.embedding.projection.BeginsLinear`."""
        factor = REFERENCE_COUNTS / total.clamp(min=1.0)
        return unit_length(self.layers(torch.sqrt(projected * factor + self.offset)))


class Convolutional(SpectrumNetwork):
    """The paper's network: three blocks of convolution, batch norm, ReLU and average pooling, then dense layers.

    Section 3.4 leaves sizes open; these need a fifth of the work of the published weights. As there, spectra are
    standardised channel by channel; unlike there, they are scaled to 1,000 counts before, so that a spectrum's length
    does not matter.

    Parameters
    ----------
    channels : sequence of three int
        Features of the blocks.
    kernels : sequence of three odd int
        Lengths of the convolutions.
    pooling : int
        Values that every block averages to one.
    hidden : sequence of int
        Widths of the dense layers.
    dimension : int
        Of the vectors.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        *,
        channels: tuple[int, ...] = (16, 32, 64),
        kernels: tuple[int, ...] = (9, 5, 5),
        pooling: int = 4,
        hidden: tuple[int, ...] = (256, 256),
        dimension: int = DIMENSION,
    ) -> None:
        super().__init__()
        self.dimension = dimension
        size = CANONICAL_AXIS.size
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        blocks: list[nn.Module] = []
        before = 1
        for after, kernel in zip(channels, kernels, strict=True):
            blocks += [
                nn.Conv1d(before, after, kernel, padding=kernel // 2, bias=False),
                nn.BatchNorm1d(after),
                nn.ReLU(),
                nn.AvgPool1d(pooling),
            ]
            before = after
        self.blocks = nn.Sequential(*blocks)
        dense: list[nn.Module] = []
        width = before * (size // pooling ** len(channels))
        for after in hidden:
            dense += [nn.Linear(width, after), nn.ReLU()]
            width = after
        self.dense = nn.Sequential(*dense, nn.Linear(width, dimension))

    def embed(self, binned: torch.Tensor) -> torch.Tensor:
        """See `SpectrumNetwork.embed`."""
        standard = (scaled(binned) - self.mean) / self.scale
        return unit_length(self.dense(self.blocks(standard[:, None]).flatten(1)))

    @torch.no_grad()
    def standardise(self, binned: torch.Tensor) -> None:
        """See `SpectrumNetwork.standardise`."""
        _set_moments(self.mean, self.scale, scaled(binned))


class PrincipalComponents(SpectrumNetwork):
    """A linear map of fixed energy windows: what can be had without training, and so the bar for the others.

    Parameters
    ----------
    windows : int
        Number of windows, those that `Windows` starts from.
    dimension : int
        Of the vectors.
    offset : float
        As in `Windows`.
    """

    binning = 2
    windows: torch.Tensor
    mean: torch.Tensor
    components: torch.Tensor

    def __init__(self, *, windows: int = 160, dimension: int = DIMENSION, offset: float = 15.0) -> None:
        super().__init__()
        self.dimension = dimension
        gaussians = gaussian_windows(axis_of(self.binning), windows)
        self.register_buffer("windows", torch.tensor(gaussians, dtype=torch.float32))
        self.offset = offset
        self.register_buffer("mean", torch.zeros(windows))
        self.register_buffer("components", torch.eye(windows)[:, :dimension].contiguous())

    def features(self, binned: torch.Tensor) -> torch.Tensor:
        """Square roots of the windows, (n, windows), not centred."""
        return torch.sqrt(scaled(binned) @ self.windows + self.offset)

    def embed(self, binned: torch.Tensor) -> torch.Tensor:
        """See `SpectrumNetwork.embed`."""
        return unit_length((self.features(binned) - self.mean) @ self.components)

    @torch.no_grad()
    def standardise(self, binned: torch.Tensor) -> None:
        """See `SpectrumNetwork.standardise`."""
        self.mean.copy_(self.features(binned).mean(dim=0))

    @torch.no_grad()
    def fit(self, expected: torch.Tensor, noisy: torch.Tensor) -> None:
        """Set the components by the spread of materials against that of noise.

        Parameters
        ----------
        expected : (n, 768) tensor
            Spectra without noise, of many materials.
        noisy : (n, 768) tensor
            Samples of the same spectra at 1,000 counts, with the scatter inside a material.

        Notes
        -----
        Features are whitened by the covariance of the noise and then turned to their principal axes (minimum noise
        fraction, Green et al. 1988, IEEE Trans. Geosci. Remote Sens. 26:65; for EDS: Keenan and Kotula 2004, Surf.
        Interface Anal. 36:203). Each axis is weighted as the best linear estimate of the noise-free value at 1,000
        counts has it (Wiener).
        """
        # Not centred on the mean material: the direction of a difference from the mean, at unit length, would be mostly
        # noise for materials near it. The spectrum without counts is the origin instead.
        self.mean.fill_(math.sqrt(self.offset))
        clean, sample = self.features(expected).double(), self.features(noisy).double()
        residual = sample - clean
        residual = residual - residual.mean(dim=0)
        noise = residual.T @ residual / len(residual)
        noise = noise + _RIDGE * noise.diagonal().mean() * torch.eye(
            len(noise), dtype=torch.float64, device=noise.device
        )
        variance, axes = torch.linalg.eigh(noise)
        whitening = axes / variance.sqrt()
        signal = (clean - self.mean) @ whitening
        power, directions = torch.linalg.eigh(signal.T @ signal / len(signal))
        strongest = torch.arange(len(power) - 1, len(power) - 1 - self.components.shape[1], -1, device=power.device)
        kept = power[strongest].clamp(min=0.0)
        self.components.copy_(whitening @ directions[:, strongest] * torch.sqrt(kept / (kept + 1.0)))


ARCHITECTURES: dict[str, type[SpectrumNetwork]] = {
    "windows": Windows,
    "cnn": Convolutional,
    "pca": PrincipalComponents,
}
"""Networks by name."""


def build_network(architecture: str, options: dict[str, Any] | None = None) -> SpectrumNetwork:
    """An untrained network.

    Parameters
    ----------
    architecture : str
        One of `ARCHITECTURES`.
    options : dict, optional
        Parameters of its class.

    Raises
    ------
    EmbeddingError
        If there is no such architecture or parameter, or a value is impossible.
    """
    from napari_gdls.errors import EmbeddingError

    if architecture not in ARCHITECTURES:
        raise EmbeddingError(f"no architecture {architecture!r}; there are: {', '.join(ARCHITECTURES)}.")
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in (options or {}).items()}
    for name, value in given.items():
        # Options come from files: nothing there may make a network that fills the memory.
        if any(not isinstance(each, int | float) or not 0 < each <= _LARGEST for each in _as_tuple(value)):
            raise EmbeddingError(
                f"architecture {architecture!r}: {name} is {value!r}; numbers up to {_LARGEST} are needed."
            )
    try:
        return ARCHITECTURES[architecture](**given)
    except (TypeError, ValueError, RuntimeError, IndexError, OverflowError) as error:
        raise EmbeddingError(f"architecture {architecture!r} cannot be built with {given}: {error}") from None


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _dense_layers(inputs: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.LayerNorm(width), nn.GELU()]
        inputs = width
    return nn.Sequential(*layers)


def _set_moments(mean: torch.Tensor, scale: torch.Tensor, features: torch.Tensor) -> None:
    """Mean of every feature; its spread, drawn towards the overall spread so that rare features are not blown up."""
    mean.copy_(features.mean(dim=0))
    scale.copy_(_OWN_SPREAD * features.std(dim=0) + _COMMON_SPREAD * features.std())
