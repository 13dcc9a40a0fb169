"""Where the grains of a simulated thin film are, and which part of its thickness each of them fills."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from napari_gdls.checks import checked_kind, checked_number, shown
from napari_gdls.errors import RecipeError
from napari_gdls.progress import Progress, silent

FloatArray = npt.NDArray[np.float64]

_THINNEST = 0.25  # of the middle of a grain: where it would be thinner it ends, so that presence is a clear matter
_SIZES = (0.7, 1.3)  # semi-axes, in parts of half the grain size: a choice
_SHIFT = 0.9  # of an overlaid grain against the one below, in parts of the mean of their semi-axes
_MOST_OF_THE_REST = 0.85  # of the film left by other grains that a further grain fills: some matrix is always there
_LEAST = 0.04  # of the film: less is left out, as nothing could show it
_CORE = 0.55  # size of a core, in parts of its shell
_CANDIDATES = 8  # places tried for a grain that shall lie by itself
_FLAT = 1.0  # share of the film, of grains from face to face
_MOST_GRAINS = 100_000  # where placing ends although the film is not covered: a guard against loops without an end
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
        if self.nested and self.pierced:
            raise RecipeError("grains that reach from face to face hide what is nested in them; choose one of the two.")
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

    def window(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns that the grain can reach."""
        reach = max(self.axes)
        first = [min(max(math.floor(at - reach), 0), size) for at, size in zip(self.centre, shape, strict=True)]
        last = [min(max(math.ceil(at + reach) + 1, 0), size) for at, size in zip(self.centre, shape, strict=True)]
        return slice(first[0], last[0]), slice(first[1], last[1])

    def profile(self, window: tuple[slice, slice], scale: float = 1.0) -> FloatArray:
        """Thickness over that of the middle in a window; 0 outside of the grain. `scale` makes the grain smaller."""
        rows, columns = window
        y = np.arange(rows.start, rows.stop)[:, None] - self.centre[0]
        x = np.arange(columns.start, columns.stop) - self.centre[1]
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        u, v = (x * cosine + y * sine) / (scale * self.axes[0]), (y * cosine - x * sine) / (scale * self.axes[1])
        height = np.sqrt(np.maximum(1 - u**2 - v**2, 0.0))
        return np.where(height >= _THINNEST, height, 0.0)


def film_shares(
    shape: tuple[int, int],
    n_grains: int,
    shapes: FilmShapes,
    random: np.random.Generator,
    progress: Progress = silent,
) -> FloatArray:
    """Parts of the thickness that phases fill.

    Parameters
    ----------
    shape : (int, int)
    n_grains : int
        Number of phases beside the matrix.
    shapes : FilmShapes
    random : Generator
    progress : Progress

    Returns
    -------
    (1 + n_grains, H, W) float64
        The matrix first; they sum to 1 in each pixel.

    Raises
    ------
    RecipeError
        If too many grains would be needed.
    """
    shares = np.zeros((1 + n_grains, *shape))
    covered = np.zeros(shape, dtype=bool)
    grains: list[_Grain] = []
    core, shell = n_grains, n_grains - 1
    placed = [phase for phase in range(1, n_grains + 1) if not (shapes.nested and phase == core)]
    n_covered, wanted = 0, shapes.coverage * covered.size
    # Two grains of each phase at least.
    while len(grains) < 2 * len(placed) or n_covered < wanted:
        if len(grains) == _MOST_GRAINS:
            raise RecipeError(
                f"{_MOST_GRAINS:,} grains cover {n_covered / covered.size:.0%} of the film; ask for larger grains, "
                "deeper ones, or a smaller coverage."
            )
        progress("grains", min(n_covered / wanted, 1.0))
        phase = placed[len(grains) % len(placed)]
        grain = _placed(phase, grains, covered, shapes, random)
        grains.append(grain)
        window = grain.window(shape)
        here = shares[:, window[0], window[1]]
        if shapes.pierced and phase == 1:
            # It pushes everything else aside.
            inside = grain.profile(window) > 0
            here[:, inside] = 0.0
            here[1, inside] = _FLAT
        else:
            free = 1 - here.sum(axis=0)
            filled = np.minimum(grain.depth * grain.profile(window), np.maximum(_MOST_OF_THE_REST * free, 0.0))
            filled[filled < _LEAST] = 0.0
            here[phase] += filled
            if shapes.nested and phase == shell:
                inner = np.minimum(grain.depth * _CORE * grain.profile(window, _CORE), _MOST_OF_THE_REST * filled)
                here[core] += inner
                here[shell] -= inner
        before = np.count_nonzero(covered[window])
        covered[window] = here[1:].sum(axis=0) > 0
        n_covered += int(np.count_nonzero(covered[window]) - before)
    shares[0] = np.maximum(1 - shares[1:].sum(axis=0), 0.0)
    return shares


def _placed(
    phase: int,
    grains: list[_Grain],
    covered: npt.NDArray[np.bool_],
    shapes: FilmShapes,
    random: np.random.Generator,
) -> _Grain:
    """A new grain, over one of another phase or by itself."""
    height, width = covered.shape
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
        places = [(random.uniform(0, height), random.uniform(0, width)) for _ in range(_CANDIDATES)]

    def hidden(grain: _Grain) -> int:
        window = grain.window((height, width))
        return int(np.count_nonzero(covered[window] & (grain.profile(window) > 0)))

    return min([_Grain(phase, place, axes, angle, depth) for place in places], key=hidden)


def film_thickness(shape: tuple[int, int], random: np.random.Generator) -> FloatArray:
    """Thickness of a film over that of its middle, (H, W): a wedge in a direction of its own, with bumps."""
    direction = random.uniform(0, 2 * math.pi)
    y, x = np.indices(shape)
    along = math.sin(direction) * (2 * y / max(shape[0] - 1, 1) - 1) + math.cos(direction) * (
        2 * x / max(shape[1] - 1, 1) - 1
    )
    bumps = ndi.gaussian_filter(random.standard_normal(shape), _BUMP_SIZE, mode="reflect")
    spread = bumps.std()
    return np.asarray(1 + _WEDGE * along + (_BUMPS * bumps / spread if spread > 0 else 0.0)).clip(0.1)
