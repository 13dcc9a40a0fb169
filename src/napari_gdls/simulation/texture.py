"""Textures of simulated rocks: maps of grains and phases with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import scipy.sparse as sp

from napari_gdls.checks import checked_kind, checked_number, checked_whole_number, shown
from napari_gdls.errors import RecipeError
from napari_gdls.lattice import border_pixels, neighbours
from napari_gdls.simulation.rock import RockMineral

_Map = npt.NDArray[np.int32]
_Float = npt.NDArray[np.float32]

_POTTS_SWEEPS = 24
"""Sweeps over all grains: half of them for aggregates to form, and half of which the closest to the shares is taken. A
choice."""

_MOST_PIXELS = 100_000_000
"""Of a field: what can be asked for by mistake and would fill the memory. The largest maps have 10 to 50 million."""

# What follows shapes rocks by eye.
_ATTRACTION = 3.0  # energy of a border shared with one's own mineral only, in units of `clustering`
_FIELD_STEP = 0.5  # how much of a missing share the field makes up for in one sweep, as a logarithm
_WAVES = ((1.0, 2), (0.4, 6))  # what bends borders: height in units of `roughness`, and waves per grain size
_RIM_WAVES, _RIM_SCALE = 1 / 16, 1 / 4  # height and scale of what makes rims uneven, in grain sizes
_INCLUSION = 0.12  # typical long half axis, in grain sizes
_INCLUSION_SPREAD, _LEAST_INCLUSION = 0.4, 0.8  # of its logarithm; least half axis in pixels, so that one is hit
_LEAST_ASPECT = 0.5  # short over long axis; drawn evenly from here to 1
_VEIN_DISTANCE = 16  # grain sizes along the shorter side for each vein
_VEIN_MARGIN = 0.2  # part of the sides that the middle of a vein keeps away from the border
_VEIN_WAVES, _VEIN_SCALE = 0.6, 1.5  # height and scale of the bends of a vein, in grain sizes
_TINY = 1e-300  # share of minerals that do not occur: keeps logarithms finite
_FULL_DISC = np.pi / 4  # area of a grain over the square of its diameter, by which seeds are counted


@dataclass(frozen=True)
class Texture:
    """A rock's texture, pixel by pixel.

    Attributes
    ----------
    phases : (H, W) array of int32
        Index of the mineral, from 0; -1 where there is no sample.
    grains : (H, W) array of int32
        Number of the grain, from 0. Rims belong to the grain that they are part of; what is no sample is a grain too.
    zoning : (H, W) array of float32
        In zoned grains 0 in the middle and 1 at the border; 0 elsewhere.
    """

    phases: _Map
    grains: _Map
    zoning: _Float


def rock_texture(
    shape: tuple[int, int],
    minerals: Sequence[RockMineral],
    *,
    seed: int | np.random.SeedSequence = 0,
    grain_size: float = 16.0,
    size_spread: float = 0.4,
    clustering: float = 1.0,
    roughness: float = 0.12,
    zoned: float = 0.6,
) -> Texture:
    """Draw a texture with given minerals.

    Parameters
    ----------
    shape : (int, int)
        Height and width, in pixels.
    minerals : sequence of RockMineral
        At least one occurs as grains.
    seed : int or SeedSequence
        Equal seeds give equal textures.
    grain_size : float
        Typical diameter of a grain, in pixels.
    size_spread : float
        Spread of the sizes: standard deviation of the logarithm of the radii that grains compete with.
    clustering : float
        How much grains of one mineral gather: 0 not at all, above about 2 a few large aggregates.
    roughness : float
        How far borders wander from straight lines, in grain sizes.
    zoned : float
        Part of the grains of a mineral with a `rim_formula` that are zoned, 0 to 1.

    Returns
    -------
    Texture

    Raises
    ------
    RecipeError
        If the shape, the minerals or a parameter are impossible.

    Notes
    -----
    Grains are the cells of a power diagram (Voronoi cells of weighted points) in coordinates bent by smooth noise.
    Their minerals come from a Potts model on the graph of touching grains, with a field that holds the area shares.
    Rims, inclusions and veins are painted on top until they have their share.
    """
    _check(shape, minerals, grain_size, size_spread, clustering, roughness, zoned)
    rng = np.random.default_rng(
        seed if isinstance(seed, np.random.SeedSequence) else checked_whole_number("seed", seed, 0)
    )
    share = np.array([mineral.share for mineral in minerals])
    share = share / share.sum()
    names = [mineral.name for mineral in minerals]
    rims = {index: names.index(mineral.host) for index, mineral in enumerate(minerals) if mineral.host is not None}

    grains = _grain_map(rng, shape, grain_size, size_spread, roughness)
    depth = depth_in_region(grains)
    # Rims are cut out of the grains of their hosts, which therefore get both shares.
    wanted = np.where([mineral.occurrence == "grains" for mineral in minerals], share, 0)
    for rim, host in rims.items():
        wanted[host] += share[rim]
    mineral_of_grain = _potts_minerals(rng, grains, wanted / wanted.sum(), clustering)
    phases = mineral_of_grain[grains]
    can_be_zoned = np.array([mineral.rim_formula is not None for mineral in minerals])[mineral_of_grain]
    zoning = _zoning(grains, depth, can_be_zoned & (rng.random(len(can_be_zoned)) < zoned))

    for rim, host in rims.items():
        uneven_depth = depth + grain_size * _RIM_WAVES * smooth_noise(rng, shape, grain_size * _RIM_SCALE)
        _cut_rims(phases, rim, host, uneven_depth, share[rim] / (share[rim] + share[host]))
    for index, mineral in enumerate(minerals):
        if mineral.occurrence == "inclusions":
            _add_inclusions(rng, phases, grains, index, share[index], _INCLUSION * grain_size)
    for index, mineral in enumerate(minerals):
        if mineral.occurrence == "veins":
            _add_veins(rng, phases, grains, index, share[index], grain_size)
    # What was painted over a zoned grain is not zoned.
    zoning[phases != mineral_of_grain[np.minimum(grains, len(mineral_of_grain) - 1)]] = 0
    return Texture(phases, grains, zoning)


def texture_of_phases(
    phases: npt.ArrayLike,
    minerals: Sequence[RockMineral],
    *,
    seed: int | np.random.SeedSequence = 0,
    zoned: float = 0.0,
) -> Texture:
    """Texture of a phase map, whose grains are the connected regions of one phase.

    Parameters
    ----------
    phases : (H, W) array of int
        Index of the mineral, from 0; -1 where there is no sample.
    minerals : sequence of RockMineral
    seed : int or SeedSequence
        Decides which grains are zoned.
    zoned : float
        Part of the grains of a mineral with a `rim_formula` that are zoned, 0 to 1.

    Returns
    -------
    Texture

    Raises
    ------
    RecipeError
        If the map is no image of whole numbers, holds a phase without a mineral, or nothing but -1.
    """
    index = checked_phases(phases, len(minerals))
    grains = _renumbered(regions_of_phases(index))
    can_be_zoned = np.array([mineral.rim_formula is not None for mineral in minerals] + [False])
    of_grain = np.zeros(int(grains.max()) + 1, dtype=np.int32)
    of_grain[grains] = index
    is_zoned = can_be_zoned[of_grain] & (np.random.default_rng(seed).random(len(of_grain)) < zoned)
    return Texture(index, grains, _zoning(grains, depth_in_region(grains), is_zoned))


def checked_phases(phases: npt.ArrayLike, n_minerals: int) -> _Map:
    """Phase map as int32, or a `RecipeError` that says what is wrong with it; see `texture_of_phases`."""
    given = np.asarray(phases)
    if given.ndim != 2 or given.size == 0 or given.dtype.kind not in "ui":
        raise RecipeError(
            f"the phase map is {given.dtype} of shape {given.shape}; an image (height, width) of whole numbers is "
            "needed, the indices of minerals."
        )
    if int(given.max()) >= n_minerals or int(given.min()) < -1:
        raise RecipeError(
            f"the phase map runs from {given.min()} to {given.max()}, with {n_minerals} minerals; it must run from "
            f"0 (-1 where there is no sample) to {n_minerals - 1}."
        )
    if int(given.max()) < 0:
        raise RecipeError("the phase map is -1 everywhere; a field needs a sample.")
    return given.astype(np.int32)


def regions_of_phases(phases: _Map) -> _Map:
    """Connected regions (sharing sides of pixels) of one phase of a map (H, W): 1, 2, ...; 0 where a phase is -1."""
    from skimage.measure import label

    regions: npt.NDArray[Any] = label(phases + 1, connectivity=1)
    return regions.astype(np.int32)


def checked_shape(shape: Any) -> tuple[int, int]:
    """Height and width in pixels, or a `RecipeError`."""
    try:
        height, width = shape
    except (TypeError, ValueError):
        raise RecipeError(f"shape is {shown(shape)}; a height and a width, in pixels, are needed.") from None
    rows = checked_whole_number(f"shape is {shown(shape)}: the height", height, 1, _MOST_PIXELS)
    columns = checked_whole_number(f"shape is {shown(shape)}: the width", width, 1, _MOST_PIXELS)
    if rows * columns > _MOST_PIXELS:
        raise RecipeError(f"shape is {shown(shape)}; a field of at most {_MOST_PIXELS:,} pixels can be simulated.")
    return rows, columns


def _check(
    shape: tuple[int, int],
    minerals: Sequence[RockMineral],
    grain_size: float,
    size_spread: float,
    clustering: float,
    roughness: float,
    zoned: float,
) -> None:
    checked_shape(shape)
    for mineral in checked_kind("minerals", minerals, Sequence):
        checked_kind("a mineral", mineral, RockMineral)
    names = [mineral.name for mineral in minerals]
    if len(set(names)) != len(names):
        raise RecipeError("two minerals have the same name.")
    in_grains = {mineral.name for mineral in minerals if mineral.occurrence == "grains"}
    if not in_grains:
        raise RecipeError("no mineral occurs as grains; rims, inclusions and veins need grains to lie in.")
    hosts = [mineral.host for mineral in minerals if mineral.host is not None]
    if len(set(hosts)) != len(hosts) or not set(hosts) <= in_grains:
        raise RecipeError("each host of a rim must be a mineral that occurs as grains, with one kind of rim.")
    # Beyond them grains are no larger than pixels, or one colour or shape of grain is all there is.
    limits = {
        "grain_size": (grain_size, 2.0, 1e4),
        "size_spread": (size_spread, 0.0, 2.0),
        "clustering": (clustering, 0.0, 10.0),
        "roughness": (roughness, 0.0, 1.0),
        "zoned": (zoned, 0.0, 1.0),
    }
    for name, (value, low, high) in limits.items():
        checked_number(name, value, lowest=low, highest=high)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> _Float:
    """Noise of a `shape` that varies over `scale` pixels, with mean 0 and standard deviation 1."""
    noise = ndi.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), scale, mode="wrap")
    spread = float(noise.std())
    return np.asarray((noise - noise.mean()) / spread if spread > 0 else np.zeros(shape), dtype=np.float32)


def _grain_map(
    rng: np.random.Generator, shape: tuple[int, int], grain_size: float, size_spread: float, roughness: float
) -> _Map:
    from scipy.spatial import cKDTree

    # Seeds lie beyond the image too, so that its border cuts grains as it cuts those of a rock.
    margin = 2 * grain_size
    extent = np.array(shape) + 2 * margin
    n_seeds = max(round(float(np.prod(extent)) / (_FULL_DISC * grain_size**2)), 1)
    seeds = rng.random((n_seeds, 2)) * extent - margin
    radius = grain_size / 2 * np.exp(size_spread * rng.standard_normal(n_seeds))

    places = np.indices(shape, dtype=np.float32)
    for part, number in _WAVES:
        for axis in (0, 1):
            places[axis] += roughness * grain_size * part * smooth_noise(rng, shape, grain_size / number)
    # |x - s|^2 - r^2 is least where the distance to (s, sqrt(R^2 - r^2)) is, in one dimension more.
    height = np.sqrt((radius**2).max() - radius**2)
    lifted = np.stack([*places.reshape(2, -1), np.zeros(shape[0] * shape[1], dtype=np.float32)], axis=1)
    _, nearest = cKDTree(np.column_stack([seeds, height])).query(lifted, workers=-1)
    return _renumbered(nearest.reshape(shape))


def _renumbered(labels: npt.NDArray[Any]) -> _Map:
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)


def depth_in_region(grains: _Map) -> _Float:
    """Distance of each pixel of a label image (H, W) from the border of its region, in pixels; 0 next to the border."""
    border = border_pixels(grains)
    if not border.any():
        return np.zeros(grains.shape, dtype=np.float32)
    return np.asarray(ndi.distance_transform_edt(~border), dtype=np.float32)


def _touching(grains: _Map) -> sp.csr_array[Any, tuple[int, int]]:
    """Length of the border that each two grains share, as a part of the whole border of the first."""
    pairs = [np.stack([here[here != there], there[here != there]]) for here, there in neighbours(grains)]
    first, second = np.concatenate(pairs, axis=1)
    n_grains = int(grains.max()) + 1
    length = sp.csr_array((np.ones(len(first)), (first, second)), shape=(n_grains, n_grains))
    length = length + length.T
    whole = np.maximum(length.sum(axis=1), 1)
    return sp.csr_array(sp.diags_array(1 / whole) @ length)


def _potts_minerals(rng: np.random.Generator, grains: _Map, share: npt.NDArray[np.float64], clustering: float) -> _Map:
    """RockMineral of each grain, from a Potts model whose field is turned until the areas have their shares."""
    neighbours = _touching(grains)
    n_grains, n_minerals = neighbours.shape[0], len(share)
    area = np.bincount(grains.ravel(), minlength=n_grains) / grains.size
    wanted = np.log(np.maximum(share, _TINY))
    field = wanted.copy()
    mineral = rng.choice(n_minerals, n_grains, p=share)
    best, least = mineral.copy(), np.inf
    for sweep in range(_POTTS_SWEEPS):
        # Half of the grains at a time: all at once would flip back and forth.
        for half in np.array_split(rng.permutation(n_grains), 2):
            present = sp.csr_array((np.ones(n_grains), (np.arange(n_grains), mineral)), shape=(n_grains, n_minerals))
            attraction = _ATTRACTION * clustering * (neighbours[half] @ present).toarray()
            # The largest of the log-probabilities plus Gumbel noise is a draw from the distribution.
            mineral[half] = np.argmax(field + attraction + rng.gumbel(size=(len(half), n_minerals)), axis=1)
        drawn = np.bincount(mineral, weights=area, minlength=n_minerals)
        field += _FIELD_STEP * np.clip(wanted - np.log(np.maximum(drawn, _TINY)), -1, 1)
        # The first sweeps only form aggregates; later ones differ by chance, and the closest to the shares is taken.
        wrong = float(np.abs(drawn - share).sum())
        if sweep >= _POTTS_SWEEPS // 2 and wrong < least:
            best, least = mineral.copy(), wrong
    return np.asarray(best, dtype=np.int32)


def _zoning(grains: _Map, depth: _Float, is_zoned: npt.NDArray[np.bool_]) -> _Float:
    deepest = ndi.maximum(depth, grains, np.arange(len(is_zoned)))
    coordinate = 1 - depth / np.maximum(deepest, 1)[grains]
    return np.where(is_zoned[grains], coordinate, 0).astype(np.float32)


def _cut_rims(phases: _Map, rim: int, host: int, depth: _Float, part: float) -> None:
    """Turn the outermost `part` of the area of the host's grains into its rims."""
    inside = phases == host
    if inside.any():
        phases[inside & (depth <= np.quantile(depth[inside], part))] = rim


def _add_inclusions(
    rng: np.random.Generator, phases: _Map, grains: _Map, index: int, share: float, radius: float
) -> None:
    """Paint ellipses, each a grain of its own, until they cover `share` of the area."""
    from skimage.draw import ellipse

    missing = round(share * phases.size)
    grain = int(grains.max())
    while missing > 0:
        row, column = rng.integers(phases.shape)
        long = max(radius * np.exp(_INCLUSION_SPREAD * rng.standard_normal()), _LEAST_INCLUSION)
        short = max(long * rng.uniform(_LEAST_ASPECT, 1), _LEAST_INCLUSION)
        inside = ellipse(row, column, long, short, phases.shape, rotation=rng.uniform(-np.pi, np.pi))
        missing -= int(np.count_nonzero(phases[inside] != index))
        grain += 1
        phases[inside] = index
        grains[inside] = grain


def _add_veins(
    rng: np.random.Generator, phases: _Map, grains: _Map, index: int, share: float, grain_size: float
) -> None:
    """Paint bands along bent lines, as wide as it takes to cover `share` of the area."""
    shape = phases.shape
    n_veins = max(1, round(min(shape) / (_VEIN_DISTANCE * grain_size)))
    reach = int(np.hypot(*shape)) + 1
    distance = np.empty((n_veins, *shape), dtype=np.float32)
    for vein in range(n_veins):
        angle = rng.uniform(0, np.pi)
        offset = rng.uniform(_VEIN_MARGIN, 1 - _VEIN_MARGIN, 2) * shape
        row, column = (
            np.arange(length, dtype=np.float32) - middle for length, middle in zip(shape, offset, strict=True)
        )
        along = -row[:, None] * np.sin(angle) + column[None, :] * np.cos(angle)
        across = row[:, None] * np.cos(angle) + column[None, :] * np.sin(angle)
        bend = _VEIN_WAVES * grain_size * smooth_noise(rng, (1, 2 * reach + 1), _VEIN_SCALE * grain_size)[0]
        distance[vein] = np.abs(across + np.interp(along, np.arange(-reach, reach + 1), bend))
    nearest = distance.min(axis=0)
    inside = nearest <= np.quantile(nearest, share)
    phases[inside] = index
    grains[inside] = grains.max() + 1 + distance.argmin(axis=0)[inside]
