"""A small spectrum image of overlapping phases, made of Gaussian lines."""

from __future__ import annotations

import numpy as np

from napari_gdls import EnergyAxis, Field


def mixture_field(
    shape: tuple[int, int] = (30, 32), counts: float = 120.0, seed: int = 0, hole: bool = False
) -> tuple[Field, np.ndarray, np.ndarray]:
    """A film of two grains in a matrix, made of Gaussian lines: field, abundances (H, W, 3) and spectra (3, D)."""
    axis = EnergyAxis(0.0, 20.0, 250)
    energies = axis.centers

    def lines(**heights: float) -> np.ndarray:
        background = 0.2 * np.exp(-energies / 1500) * (energies > 200)
        at = {"O": 525, "Mg": 1254, "Si": 1740, "Ca": 3692}
        peaks = sum(height * np.exp(-0.5 * ((energies - at[name]) / 45) ** 2) for name, height in heights.items())
        spectrum = background + peaks
        return spectrum / spectrum.sum()

    spectra = np.stack([lines(O=3, Mg=2, Si=2), lines(O=2, Mg=4), lines(O=3, Si=2, Ca=2)])
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    share = np.zeros((*shape, 3))
    share[..., 1] = 0.7 * (np.hypot(rows - 0.4 * shape[0], columns - 0.35 * shape[1]) < 0.22 * shape[0])
    share[..., 2] = 0.6 * (np.hypot(rows - 0.6 * shape[0], columns - 0.6 * shape[1]) < 0.2 * shape[0])
    share[..., 1:] /= np.maximum(share[..., 1:].sum(axis=2, keepdims=True) / 0.9, 1.0)
    share[..., 0] = 1 - share.sum(axis=2)
    abundances = share * counts * (1 + 0.3 * columns / shape[1])[..., None]
    measured = np.ones(shape, bool)
    if hole:
        measured[:3, :5] = False
    drawn = np.random.default_rng(seed).poisson(abundances[measured] @ spectra).astype(np.uint8)
    field = Field(
        np.zeros(shape, np.uint8),
        drawn,
        np.argwhere(measured),
        axis,
        valid=measured,
        gain=1.0,
        sampling_distance=1.0,
        beam_energy=200.0,
    )
    return field, np.where(measured[..., None], abundances, np.nan), spectra
