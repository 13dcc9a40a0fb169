"""Losses that pull spectra of one material together and push materials apart."""

from __future__ import annotations

import math

import torch
from torch import nn

from napari_gdls.embedding.calibration import REFERENCE_COUNTS
from napari_gdls.errors import RecipeError

_SHARPEST = 200.0
"""Largest sharpness, 1 over the temperature: above it (a temperature of 0.005) gradients vanish and training stalls."""

_LEAST_SQUARE = 1e-6
"""Least squared distance of two vectors that the triplet loss takes: the root has no slope at 0."""


class SupervisedContrastive(nn.Module):
    """Supervised contrastive loss (Khosla et al. 2020, NeurIPS 33, eq. 2) with a learned temperature.

    For every sample: how improbable its equals are among all others, if probability falls with the squared distance.
    Distances are measured in units of the counting noise, as delta_z does (`calibration.Calibration`), so that vectors
    need not shrink towards each other where counts are few: what is trained is the law that the threshold relies on.

    Parameters
    ----------
    temperature : float
        To start with, at 1,000 counts; 1/14 as in the first short trainings, and learned from there.
    floor : float
        Scatter that counting does not explain, f of `Calibration`; 0.03 is what the first short trainings ended with.
    """

    def __init__(self, temperature: float = 1 / 14, floor: float = 0.03) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.floor = floor

    def forward(self, z: torch.Tensor, labels: torch.Tensor, counts: torch.Tensor | None = None) -> torch.Tensor:
        """Mean loss; samples without an equal count as 0.

        Parameters
        ----------
        z : (n, d) tensor
            Unit vectors.
        labels : (n,) int64 tensor
            Class of each.
        counts : (n,) tensor, optional
            Counts of each. None: all have 1,000.
        """
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        same = (labels[:, None] == labels[None]) & ~itself
        similarity = (z @ z.T - 1) * self.log_sharpness.exp().clamp(max=_SHARPEST)
        if counts is not None:
            noise = REFERENCE_COUNTS / counts.clamp(min=1.0) + self.floor
            similarity = similarity * (2 * (1 + self.floor) / (noise[:, None] + noise[None]))
        similarity = similarity.masked_fill(itself, -torch.inf)
        log_probability = similarity - similarity.logsumexp(dim=1, keepdim=True)
        of_equals = torch.where(same, log_probability, 0.0).sum(dim=1)
        return -(of_equals / same.sum(dim=1).clamp(min=1)).mean()


class SemihardTriplet(nn.Module):
    """Triplet loss with semi-hard negatives (Schroff et al. 2015, CVPR, section 3.2), the paper's (section 3.5).

    For each pair of equals, the nearest other that is further away than the equal; where there is none, the furthest
    other.

    Parameters
    ----------
    margin : float
        By how much the other should be further away; 0.2 as in Schroff et al.
    """

    def __init__(self, margin: float = 0.2) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, z: torch.Tensor, labels: torch.Tensor, counts: torch.Tensor | None = None) -> torch.Tensor:
        """Mean loss over the pairs of equals, 0 if there is none; parameters as in `SupervisedContrastive`.

        `counts` make no difference: the triplet loss compares distances as they are.
        """
        distance = torch.sqrt((2 - 2 * z @ z.T).clamp(min=_LEAST_SQUARE))
        other = labels[:, None] != labels[None]
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        anchor, equal = (~other & ~itself).nonzero(as_tuple=True)
        keep = other.any(dim=1)[anchor]
        anchor, equal = anchor[keep], equal[keep]
        if not len(anchor):
            return 0.0 * z.sum()
        near = distance[anchor, equal]
        far = distance[anchor]
        semihard = far.masked_fill(~(other[anchor] & (far > near[:, None])), torch.inf).amin(dim=1)
        furthest = far.masked_fill(~other[anchor], -torch.inf).amax(dim=1)
        negative = torch.where(torch.isfinite(semihard), semihard, furthest)
        return torch.relu(near - negative + self.margin).mean()


LOSSES: dict[str, type[nn.Module]] = {"supcon": SupervisedContrastive, "semihard-triplet": SemihardTriplet}
"""Losses by name."""


def build_loss(name: str) -> nn.Module:
    """A loss by name.

    Raises
    ------
    RecipeError
        If there is none of that name.
    """
    if name not in LOSSES:
        raise RecipeError(f"no loss {name!r}; there are: {', '.join(LOSSES)}.")
    return LOSSES[name]()
