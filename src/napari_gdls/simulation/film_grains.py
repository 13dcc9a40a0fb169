"""Where the grains of a simulated thin film are, and which part of its thickness each of them fills."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from napari_gdls.checks import checked_kind, checked_number, shown
from napari_gdls.errors import RecipeError

_THINNEST = 0.25  # of the middle of a grain: where it would be thinner it ends, so that presence is a clear matter
_SIZES = (0.7, 1.3)  # semi-axes, in parts of half the grain size: a choice
_SHIFT = 0.9  # of an overlaid grain against the one below, in parts of the mean of their semi-axes
_MOST_OF_THE_REST = 0.85  # of the film left by other grains that a further grain fills: some matrix is always there
_LEAST = 0.04  # of the film: less is left out, as nothing could show it
_CORE = 0.55  # size of a core, in parts of its shell
_CANDIDATES = 8  # places tried for a grain that shall lie by itself
_FLAT = 1.0  # share of the film, of grains from face to face
_MOST_GRAINS = 100_000  # where placing ends although the film is not covered: a guard against endless loops
_WEDGE, _BUMPS, _BUMP_SIZE = 0.2, 0.06, 12.0
"""Relative change of thickness from the middle of the film to its ends, standard deviation of its bumps, and their size
in pixels: choices."""


@dataclass(frozen=True)
class FilmShapes:
    """How the grains of a film shall be: the parameters of `simulate_overlapping` by these names."""

    grain_size: float
    coverage: float
    overlaid: float
    depth: tuple[float, float]
    nested: bool
    pierced: bool

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "grain_size", checked_number("grain_size", self.grain_size, "in pixels", lowest=2.0, highest=1e4)
        )
        object.__setattr__(self, "coverage", checked_number("coverage", self.coverage, lowest=0.05, highest=0.95))
        object.__setattr__(self, "overlaid", checked_number("overlaid", self.overlaid, highest=1.0))
        checked_kind("nested", self.nested, bool)
        checked_kind("pierced", self.pierced, bool)
        try:
            low, high = (checked_number("depth", part, lowest=0.05, highest=1.0) for part in self.depth)
        except TypeError:
            raise RecipeError(f"depth is {shown(self.depth)}; two parts of the thickness are needed.") from None
        except ValueError as error:
            raise RecipeError(
                f"depth is {shown(self.depth)}; two parts of the thickness, 0.05 to 1, are needed."
            ) from error
        if low > high:
            raise RecipeError(f"depth is {shown(self.depth)}; the first part must not be above the second.")
        object.__setattr__(self, "depth", (low, high))


@dataclass(frozen=True)
class _Grain:
    phase: int
    centre: tuple[float, float]
    axes: tuple[float, float]
    angle: float
    depth: float

    def profile(self, shape: tuple[int, int], scale: float = 1.0) -> npt.NDArray[np.float64]:
        """Thickness over that of the middle, (H, W); 0 outside. `scale` makes the grain smaller."""
        y, x = np.indices(shape) - np.array(self.centre).reshape(2, 1, 1)
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        u, v = (x * cosine + y * sine) / (scale * self.axes[0]), (y * cosine - x * sine) / (scale * self.axes[1])
        height = np.sqrt(np.maximum(1 - u**2 - v**2, 0.0))
        return np.where(height >= _THINNEST, height, 0.0)


def film_shares(
    shape: tuple[int, int], n_grains: int, shapes: FilmShapes, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Parts of the thickness that phases fill.

    Parameters
    ----------
    shape : (int, int)
    n_grains : int
        Number of phases beside the matrix.
    shapes : FilmShapes
    random : Generator

    Returns
    -------
    (1 + n_grains, H, W) float64
        The matrix first; they sum to 1 in each pixel.
    """
    shares = np.zeros((1 + n_grains, *shape))
    grains: list[_Grain] = []
    core, shell = n_grains, n_grains - 1
    placed = [phase for phase in range(1, n_grains + 1) if not (shapes.nested and phase == core)]
    while len(grains) < _MOST_GRAINS:
        phase = placed[len(grains) % len(placed)]
        grain = _placed(phase, grains, shares, shapes, random)
        free = 1 - shares.sum(axis=0)
        if shapes.pierced and phase == 1:
            # It pushes everything else aside.
            inside = grain.profile(shape) > 0
            shares[:, inside] = 0.0
            shares[1, inside] = _FLAT
        else:
            filled = np.minimum(grain.depth * grain.profile(shape), np.maximum(_MOST_OF_THE_REST * free, 0.0))
            filled[filled < _LEAST] = 0.0
            shares[phase] += filled
            if shapes.nested and phase == shell:
                inner = np.minimum(grain.depth * _CORE * grain.profile(shape, _CORE), _MOST_OF_THE_REST * filled)
                shares[core] += inner
                shares[shell] -= inner
        grains.append(grain)
        each = len(grains) >= 2 * len(placed)  # two grains of each phase at least
        if each and np.mean(shares[1:].sum(axis=0) > 0) >= shapes.coverage:
            break
    shares[0] = np.maximum(1 - shares[1:].sum(axis=0), 0.0)
    return shares


def _placed(
    phase: int,
    grains: list[_Grain],
    shares: npt.NDArray[np.float64],
    shapes: FilmShapes,
    random: np.random.Generator,
) -> _Grain:
    """A new grain, over one of another phase or by itself."""
    size = shares.shape[1:]
    longer = shapes.grain_size / 2 * random.uniform(*_SIZES)
    axes = (longer, longer * random.uniform(_SIZES[0], 1.0))
    angle, depth = random.uniform(0, math.pi), random.uniform(*shapes.depth)
    others = [grain for grain in grains if grain.phase != phase]
    over = random.random() < shapes.overlaid
    if over and others:
        below = others[random.integers(len(others))]
        distance = _SHIFT * (sum(axes) + sum(below.axes)) / 4
        direction = random.uniform(0, 2 * math.pi)
        places = [(below.centre[0] + distance * math.sin(direction), below.centre[1] + distance * math.cos(direction))]
    else:
        places = [(random.uniform(0, size[0]), random.uniform(0, size[1])) for _ in range(_CANDIDATES)]
    covered = shares[1:].sum(axis=0) > 0
    candidates = [_Grain(phase, place, axes, angle, depth) for place in places]
    return min(candidates, key=lambda grain: np.count_nonzero(covered & (grain.profile((size[0], size[1])) > 0)))


def film_thickness(shape: tuple[int, int], random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Thickness of a film over that of its middle, (H, W): a wedge in a direction of its own, with bumps."""
    direction = random.uniform(0, 2 * math.pi)
    y, x = np.indices(shape)
    along = math.sin(direction) * (2 * y / max(shape[0] - 1, 1) - 1) + math.cos(direction) * (
        2 * x / max(shape[1] - 1, 1) - 1
    )
    bumps = ndi.gaussian_filter(random.standard_normal(shape), _BUMP_SIZE, mode="reflect")
    spread = bumps.std()
    return np.asarray(1 + _WEDGE * along + (_BUMPS * bumps / spread if spread > 0 else 0.0)).clip(0.1)
