"""Smoothed spectra as unit vectors: distances without any training, the bar that a learned embedding has to clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.embedding.calibration import REFERENCE_COUNTS, Calibration
from napari_gdls.energy import CANONICAL_AXIS, EnergyAxis

if TYPE_CHECKING:
    import torch

SMOOTHING = 40.0
"""Standard deviation of the smoothing, in eV: about that of lines in a silicon drift detector at low energies."""

_STRIDE = 4  # channels: the smoothed spectrum varies too slowly to need more than one value per 40 eV


@dataclass(frozen=True)
class Cosine:
    """Counts scaled to 1,000, smoothed with a 40 eV Gaussian, by choice square-rooted, at unit length.

    The squared distance of two such vectors is twice one minus the cosine of the angle between the spectra.

    Parameters
    ----------
    name : str
    square_root : bool
        Take the square root of the smoothed counts, which gives small peaks their weight.
    calibration : Calibration
    energy : EnergyAxis
    """

    name: str
    square_root: bool
    calibration: Calibration
    energy: EnergyAxis = CANONICAL_AXIS

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return -(-self.energy.size // _STRIDE)

    @property
    def fingerprint(self) -> str:
        """Name and version of the computation."""
        return f"{self.name} 1"

    def network(self) -> torch.nn.Module:
        """Module from counts to unit vectors; see `Embedding.network`."""
        import torch

        square_root = self.square_root
        sigma = SMOOTHING / self.energy.width
        centres = _STRIDE * np.arange(self.dimension) + (_STRIDE - 1) / 2
        gauss = np.exp(-0.5 * ((np.arange(self.energy.size)[:, None] - centres) / sigma) ** 2)
        # Each count is shared out among the values that it reaches; as a matrix product this runs fast everywhere.
        smoothing = torch.tensor(gauss / gauss.sum(axis=1, keepdims=True), dtype=torch.float32)

        class _CosineNetwork(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("smoothing", smoothing)

            def forward(self, counts: torch.Tensor) -> torch.Tensor:
                return self.of_projected(counts @ self.projection(), counts.sum(dim=1, keepdim=True))

            def projection(self) -> torch.Tensor:
                return self.get_buffer("smoothing")

            def of_projected(self, projected: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
                total = total.clamp(min=1.0)
                smooth = projected * (REFERENCE_COUNTS / total)
                if square_root:
                    # sqrt(x + 1) - 1, not sqrt(x): where less than a count is expected the square root of the few
                    # counts there are would be noise of one size, whatever the total, and no law in counts would hold.
                    smooth = torch.sqrt(smooth + 1.0) - 1.0
                # A spectrum without counts has no direction; it gets the diagonal, so that z is a unit vector always.
                empty = (total <= 1.0) & (smooth.sum(dim=1, keepdim=True) <= 0)
                return torch.nn.functional.normalize(torch.where(empty, torch.ones_like(smooth), smooth), dim=1)

        return _CosineNetwork().eval()


# The constants are medians over 36 rock-forming and ore minerals (simulated) of the 95th percentile at 1,000 counts.
# Single minerals lie between 0.12 and 0.20 (square root) or 0.04 and 0.18 (plain): an untrained distance knows nothing
# of how many lines share the counts. From 300 to 10,000 counts the square-root law holds within 5 %.
COSINES = {
    model.name: model
    for model in (
        Cosine("cosine", square_root=True, calibration=Calibration(c=0.16)),
        Cosine("cosine-plain", square_root=False, calibration=Calibration(c=0.11)),
    )
}
