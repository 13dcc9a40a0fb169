"""Training data on the fly: families of similar materials as one instrument of one field would measure them.

A batch stands for one field: one beam and detector, one error of the simulated physics. It holds families of
solid-solution members that are just separable or nearly so, each member sampled several times with counting noise and
with the scatter that spectra of one material show (topography, charging, neighbours within the excited volume).
Materials that no detector could tell apart at 1,000 counts share a class.

All arithmetic on spectra runs on the library's device. A batch is a function of the seed and its number, so training
goes on from any step exactly as if it had never stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from napari_gdls.embedding.calibration import REFERENCE_COUNTS
from napari_gdls.errors import RecipeError
from napari_gdls.training.families import FamilySource
from napari_gdls.training.ideal_library import N_LINE_FAMILIES, IdealLibrary, Response

CONFUSABLE = 1.0
"""Materials closer than this (d' at 1,000 counts, see `separability`) are one class."""

# What follows makes batches as diverse as fields are. All are choices: none was tuned on scores. Spreads are standard
# deviations of logarithms unless something else is said.
#
# Members: shares of families.
_MOST_THIRD = 0.5  # largest share of the third material of families that lie on a border
_INSIDE = 0.7  # of the families, those that start anywhere on the line between their ends; the others, at an end
# Errors of the simulated physics, the same for a whole field. The spreads of line families follow what a first
# simulation lacked beside measured standards: most for light elements, and for lines that valence electrons emit.
_K_SPREAD, _LIGHT_K_SPREAD, _LAST_LIGHT = 0.08, 0.2, 9  # K lines; up to fluorine
_L_SPREAD, _SOFT_L_SPREAD, _LAST_SOFT = 0.12, 0.3, 30  # L lines; up to zinc, whose L lines come from the 3d band
_M_SPREAD = 0.4  # M lines
_SLOWEST_ERROR = 0.15  # keV; smooth errors stay the same below
_WAVES, _WAVE_SPREAD, _WAVE_NUMBER = 3, 0.04, 1.1  # smooth error of the efficiency: cosines of ln E, by wave
_DIRTY, _DIRT = 0.5, 0.12  # share of fields with a film on the window, and its mean optical depth at `_DIRT_ENERGY`
_DIRT_ENERGY, _DIRT_POWER, _MOST_DIRT = 0.5, 1.5, 3.0  # keV; fall of its absorption with energy; bound in units of it
_LEVEL_SPREAD, _SLOPE_SPREAD = 0.2, 0.1  # of the continuum, and of its slope over ln E
_STRAY_SHARE, _MOST_STRAY = (
    0.3,
    0.01,
)  # share of fields with stray X-rays, and their largest part of a spectrum
# Scatter inside a material, see also `BatchDesign`.
_LOWEST_ABSORBED, _ABSORPTION_POWER, _MOST_ABSORPTION = 0.2, 1.2, 4.0  # keV; as for dirt, in units of that at 1 keV
_MOST_NEIGHBOUR = 0.05  # largest share of another material of the field
# Counts.
_FIELD_SPREAD, _PLACE_SPREAD = 0.5, 0.25  # of the counts of fields around 1,000; of those inside a field
_ANY_COUNTS, _MIXED_COUNTS = 0.5, 0.4  # shares of fields with other counts, and with sums of all sizes side by side

_ALL_AT_ONCE = 256  # spectra up to which all distances are computed exactly; beyond, from products
_AT_THE_END = 1e-9  # rounding that a member may lie beyond the end of a line by


@dataclass(frozen=True)
class BatchDesign:
    """What a batch holds and how its spectra scatter.

    Parameters
    ----------
    families, members, samples : int
        Families per batch, members per family, spectra per member.
    spacing : (float, float)
        Separability d' of neighbouring members at 1,000 counts: drawn log-uniformly from this range.
    counts : (float, float)
        Range of the counts of a spectrum, log-uniform in half of the batches; in the others they lie near 1,000.
    third : float
        Share of families that lie on a border: a third material is mixed into all members.
    tilt : float
        Spread (standard deviation) of the low-energy absorption inside a material, from topography and charging.
    continuum : float
        Spread of the continuum inside a material.
    neighbours : float
        Share of spectra with up to 5 % of another material of the field.
    response_errors : bool
        Err in the physics of the whole field as simulations do: line families, continuum, absorption, stray lines.
    continuum_level : float
        Continuum over the simulated one, on average over fields.

    Raises
    ------
    RecipeError
        If a value is impossible.
    """

    families: int = 16
    members: int = 4
    samples: int = 4
    spacing: tuple[float, float] = (0.5, 12.0)
    counts: tuple[float, float] = (50.0, 100_000.0)
    third: float = 0.15
    tilt: float = 0.03
    continuum: float = 0.06
    neighbours: float = 0.1
    response_errors: bool = True
    continuum_level: float = 1.0

    def __post_init__(self) -> None:
        for name in ("families", "members", "samples"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise RecipeError(f"batches: {name} is {getattr(self, name)!r}; a positive whole number is needed.")
        for name in ("spacing", "counts"):
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf:
                raise RecipeError(f"batches: {name} is {low}..{high}; it must be a range of positive numbers.")
        for name in ("third", "neighbours"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"batches: {name} is {getattr(self, name)}; a share from 0 to 1 is needed.")
        if not 0 < self.continuum_level < math.inf:
            raise RecipeError(f"batches: continuum_level is {self.continuum_level}; it must be positive.")
        for name in ("tilt", "continuum"):
            if not 0 <= getattr(self, name) < 1:
                raise RecipeError(f"batches: {name} is {getattr(self, name)}; a spread from 0 to below 1 is needed.")


@dataclass(frozen=True)
class Batch:
    """Spectra of one simulated field.

    Parameters
    ----------
    counts : (n, D) float32 tensor
        Sampled spectra, in the order family, member, sample.
    labels : (n,) int64 tensor
        Class of each: equal for materials that cannot be told apart.
    members : (n,) int64 tensor
        Row of `expected` that each is a sample of.
    expected : (families * members, D) float32 tensor
        Spectra without noise and scatter, at a sum of 1.
    """

    counts: torch.Tensor
    labels: torch.Tensor
    members: torch.Tensor
    expected: torch.Tensor


def separability(expected: torch.Tensor) -> npt.NDArray[np.float64]:
    """How well spectra could be told apart at 1,000 counts, by a detector that knows both.

    Parameters
    ----------
    expected : (n, D) tensor
        Spectra without noise, at a sum of 1.

    Returns
    -------
    (n, n) float64
        d' = 2 arccos(sum sqrt(p q)) sqrt(1000), the distance of the spectra in standard deviations of the counting
        noise: twice the Bhattacharyya angle, in units of the noise that square roots of counts have.
    """
    roots = expected.sqrt()
    affinity = (roots @ roots.T).double().clamp(max=1.0)
    # arccos loses half of the digits near 1; the chord does not.
    if len(roots) <= _ALL_AT_ONCE:
        chord = torch.cdist(roots.double(), roots.double())
    else:
        chord = (2 - 2 * affinity).clamp(min=0).sqrt()
    return np.asarray((4 * torch.asin((chord / 2).clamp(max=1.0)) * math.sqrt(REFERENCE_COUNTS)).cpu().numpy())


class BatchGenerator:
    """Batches of simulated spectra.

    Parameters
    ----------
    library : IdealLibrary
    source : FamilySource
        Which materials make families.
    design : BatchDesign
    seed : int
    """

    def __init__(self, library: IdealLibrary, source: FamilySource, design: BatchDesign, *, seed: int = 0) -> None:
        self.library = library
        self.source = source
        self.design = design
        self.seed = seed
        device = library.responses[0].matrix.device
        self._device = device
        self._generator = torch.Generator(device)
        channel = torch.from_numpy(library.axis.centers.astype(np.float32) / 1000.0).to(device)
        # Absorption at the surface: strong below 1 keV, bounded so that no channel explodes.
        relative = (1 / channel.clamp(min=_LOWEST_ABSORBED)).pow(_ABSORPTION_POWER)
        self._absorption = relative.clamp(max=_MOST_ABSORPTION)

    def batch(self, number: int, *, counts: float | None = None) -> Batch:
        """Batch `number`; equal seeds and numbers give equal batches.

        Parameters
        ----------
        number : int
        counts : float, optional
            Expected counts of every spectrum. None: as the design says.
        """
        rng = np.random.default_rng([self.seed, number])
        self._generator.manual_seed(int(rng.integers(2**62)))
        response = self.library.responses[rng.integers(len(self.library.responses))]
        lines, continuum = self._ends(rng, response)
        weights, labels = self._members(rng, lines + continuum)
        lines, continuum = weights @ lines, weights @ continuum
        if response.instrument.detector.pile_up > 0:
            lines = lines + self._pile_up(response, lines + continuum)
        expected = lines + continuum
        expected = expected / expected.sum(dim=1, keepdim=True)
        labels = join_classes(labels, separability(expected), self.design.members)
        samples = self._samples(lines, continuum)
        intensity = self._counts(rng, len(samples), counts)
        drawn = torch.poisson(samples * intensity[:, None], generator=self._generator)
        members = torch.arange(len(expected), device=self._device).repeat_interleave(self.design.samples)
        return Batch(drawn, torch.from_numpy(labels).to(self._device)[members], members, expected)

    def _ends(self, rng: np.random.Generator, response: Response) -> tuple[torch.Tensor, torch.Tensor]:
        """Lines and continuum, each (2 families, D), of the two ends of every family."""
        n = self.design.families
        first, second = self.source.draw(rng, n)
        third = rng.integers(self.library.n_materials, size=n)
        share = np.where(rng.random(n) < self.design.third, rng.uniform(0.0, _MOST_THIRD, n), 0.0)
        rows, at = np.unique(np.concatenate([first, second, third, self.library.stray_rows]), return_inverse=True)
        emission = self.library.emission(response.instrument.beam, torch.from_numpy(rows).to(self._device))
        if self.design.response_errors:
            emission = emission * self._response_error(rng, response)
        k = response.n_lines
        # Most lines belong to elements that the few materials at hand do not hold.
        present = torch.nonzero((emission[:, :k] > 0).any(dim=0))[:, 0]
        lines = emission[:, present] @ response.matrix[present]
        continuum = emission[:, k:] @ response.matrix[k:]
        mixing = np.zeros((2 * n, len(rows)), dtype=np.float32)
        np.add.at(mixing, (np.arange(2 * n), at[: 2 * n]), 1 - np.tile(share, 2))
        np.add.at(mixing, (np.arange(2 * n), np.tile(at[2 * n : 3 * n], 2)), np.tile(share, 2))
        if self.design.response_errors and rng.random() < _STRAY_SHARE:
            # The same flux of stray X-rays joins every spectrum of the field.
            mixing[:, at[3 * n + rng.integers(len(self.library.stray_rows))]] += rng.uniform(0.0, _MOST_STRAY)
        mix = torch.from_numpy(mixing).to(self._device)
        return mix @ lines, mix @ continuum

    def _response_error(self, rng: np.random.Generator, response: Response) -> torch.Tensor:
        """Factor on every line and continuum energy by which simulation and the field's truth may differ."""
        z, shell = np.divmod(np.arange(N_LINE_FAMILIES), 3)
        z = z + 1
        of_k = np.where(z <= _LAST_LIGHT, _LIGHT_K_SPREAD, _K_SPREAD)
        of_l = np.where(z <= _LAST_SOFT, _SOFT_L_SPREAD, _L_SPREAD)
        spread = np.choose(shell, [of_k, of_l, _M_SPREAD])
        factors = np.exp(spread * rng.standard_normal(N_LINE_FAMILIES))
        of_photons = torch.from_numpy(np.append(factors, 1.0).astype(np.float32)).to(self._device)[response.families]
        energy = response.energies.clamp(min=_SLOWEST_ERROR)
        log_energy = energy.log()
        smooth = torch.zeros_like(energy)
        for wave in range(1, _WAVES + 1):
            height, phase = rng.normal(0.0, _WAVE_SPREAD), rng.uniform(0.0, 2 * math.pi)
            smooth += height * torch.cos(_WAVE_NUMBER * wave * log_energy + phase)
        if rng.random() < _DIRTY:  # a dirty window or a thicker coating
            smooth -= rng.exponential(_DIRT) * (_DIRT_ENERGY / energy).pow(_DIRT_POWER).clamp(max=_MOST_DIRT)
        level, slope = rng.normal(0.0, _LEVEL_SPREAD), rng.normal(0.0, _SLOPE_SPREAD)
        level += math.log(self.design.continuum_level)
        smooth[response.n_lines :] += level + slope * log_energy[response.n_lines :]
        return of_photons * smooth.exp()

    def _members(self, rng: np.random.Generator, ends: torch.Tensor) -> tuple[torch.Tensor, npt.NDArray[np.int64]]:
        """Shares (families * members, 2 families) of the ends in every member, and classes (families * members,)."""
        n, m = self.design.families, self.design.members
        roots = (ends / ends.sum(dim=1, keepdim=True)).sqrt()
        chord = (roots[:n] - roots[n:]).double().norm(dim=1).cpu().numpy()
        length = 4 * np.arcsin(np.clip(chord / 2, 0, 1)) * math.sqrt(REFERENCE_COUNTS)
        position = np.zeros((n, m))
        labels = np.zeros((n, m), dtype=np.int64)
        step = np.exp(rng.uniform(math.log(self.design.spacing[0]), math.log(self.design.spacing[1]), n))
        for family in range(n):
            if length[family] < CONFUSABLE:
                position[family] = rng.random()
                continue
            gap = min(step[family] / length[family], 1.0)
            distinct = min(m, int(1 / gap + _AT_THE_END) + 1)
            start = rng.uniform(0.0, max(1.0 - gap * (distinct - 1), 0.0)) if rng.random() < _INSIDE else 0.0
            labels[family] = np.arange(m) % distinct
            position[family] = start + gap * labels[family]
        labels += m * np.arange(n)[:, None]
        shares = np.zeros((n, m, 2 * n), dtype=np.float32)
        each = np.arange(n)
        shares[each, :, each] = 1 - position
        shares[each, :, each + n] = position
        return torch.from_numpy(shares.reshape(n * m, 2 * n)).to(self._device), labels.ravel()

    def _pile_up(self, response: Response, expected: torch.Tensor) -> torch.Tensor:
        """What pile-up adds to spectra (n, D) and takes from them; see `Detector.add_pile_up`."""
        axis = self.library.axis
        total = expected.sum(dim=1, keepdim=True)
        shape = expected / total
        transform = torch.fft.rfft(shape, 2 * axis.size)
        pairs = torch.fft.irfft(transform * transform, 2 * axis.size)
        # Entry k of `pairs` has the energy 2 offset + k width: the channel k + offset / width.
        shift = round(axis.offset / axis.width)
        pairs = torch.nn.functional.pad(pairs, (max(shift, 0), 0))[:, max(-shift, 0) :][:, : axis.size]
        return total * response.instrument.detector.pile_up * (pairs.clamp(min=0.0) - 2 * shape)

    def _samples(self, lines: torch.Tensor, continuum: torch.Tensor) -> torch.Tensor:
        """Expected spectra (n, D), at a sum of 1, of single measurements: members with scatter inside a material."""
        design = self.design
        n = len(lines) * design.samples

        def normal(spread: float) -> torch.Tensor:
            return spread * torch.randn(n, 1, generator=self._generator, device=self._device)

        expanded = continuum.repeat_interleave(design.samples, dim=0)
        if design.continuum:
            expanded = expanded * normal(design.continuum).exp()
        spectra = lines.repeat_interleave(design.samples, dim=0) + expanded
        if design.tilt:
            spectra = spectra * (normal(design.tilt) * self._absorption).exp()
        spectra = spectra.clamp(min=0.0)
        spectra = spectra / spectra.sum(dim=1, keepdim=True)
        if design.neighbours:
            draw = torch.rand(n, 2, generator=self._generator, device=self._device)
            other = torch.randint(n, (n,), generator=self._generator, device=self._device)
            share = torch.where(draw[:, :1] < design.neighbours, _MOST_NEIGHBOUR * draw[:, 1:], 0.0)
            mixed = torch.nonzero(share[:, 0])[:, 0]
            spectra[mixed] = torch.lerp(spectra[mixed], spectra[other[mixed]], share[mixed])
        return spectra

    def _counts(self, rng: np.random.Generator, n: int, fixed: float | None) -> torch.Tensor:
        """Expected counts of every spectrum, (n,)."""
        low, high = self.design.counts
        if fixed is not None:
            drawn = np.full(n, float(fixed))
        else:
            field = REFERENCE_COUNTS * np.exp(rng.normal(0.0, _FIELD_SPREAD))
            if rng.random() < _ANY_COUNTS:
                field = np.exp(rng.uniform(math.log(low), math.log(high)))
            drawn = field * np.exp(rng.normal(0.0, _PLACE_SPREAD, n))
            if rng.random() < _MIXED_COUNTS:  # dots, pixels and pools of all sizes side by side
                drawn = np.exp(rng.uniform(math.log(low), math.log(high), n))
            drawn = np.clip(drawn, low, high)
        return torch.from_numpy(drawn.astype(np.float32)).to(self._device)


def join_classes(
    labels: npt.NDArray[np.int64], distances: npt.NDArray[np.float64], members: int
) -> npt.NDArray[np.int64]:
    """Give members of different families one class where they cannot be told apart.

    Parameters
    ----------
    labels : (n,) int64
        Classes; those of different families differ.
    distances : (n, n) float64
        See `separability`.
    members : int
        Members of a family; they stand side by side.

    Returns
    -------
    (n,) int64
        A member takes the class of the nearest member of an earlier family that is closer than `CONFUSABLE`. Inside a
        family, classes stay: their spacing is deliberate.
    """
    merged = labels.copy()
    family = np.arange(len(labels)) // members
    across = np.where(family[:, None] > family[None], distances, np.inf)
    nearest = across.argmin(axis=1)
    for row in np.flatnonzero(across.min(axis=1) < CONFUSABLE):  # in order, so that chains end at one class
        merged[row] = merged[nearest[row]]
    return merged
