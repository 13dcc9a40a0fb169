"""Simulated fields with known truth: a rock's texture, its BSE image, and the spectra measured on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, GdlsError
from napari_gdls.field import Field
from napari_gdls.progress import Progress, silent
from napari_gdls.spectra.elements import Composition, atomic_number, mass_fractions
from napari_gdls.spectra.ideal import TIMA_AXIS, ideal_spectra
from napari_gdls.spectra.minerals import ROCK, Mineral
from napari_gdls.spectra.texture import Texture, rock_texture

_BLOCK = 1024
"""Spectra sampled at a time; part of what a seed means, so do not change it."""

BSE_SATURATION = 0.5
"""Backscatter coefficient that gives the full scale of the BSE image; quartz then lies at a quarter of it."""


def simulate_field(
    shape: tuple[int, int] = (256, 256),
    *,
    seed: int = 0,
    counts: float = 1000.0,
    spacing: float = 3.0,
    dense: bool = False,
    minerals: Sequence[Mineral] = ROCK,
    texture: Texture | None = None,
    grain_size: float = 16.0,
    blur: float = 0.6,
    bse_blur: float = 0.4,
    bse_noise: float = 0.005,
    energy: EnergyAxis = TIMA_AXIS,
    beam_energy: float = 25.0,
    pixel_size: float = 3.0,
    locations: npt.ArrayLike | None = None,
    name: str = "synthetic",
    progress: Progress | None = None,
) -> Field:
    """Simulate a field of which every grain is known.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the BSE image, in pixels.
    seed : int
        Equal seeds and parameters give equal fields.
    counts : float
        Expected counts of each spectrum: dots end at a fixed number of X-rays, as in TIMA's dot mapping.
    spacing : float
        Distance between measurements, in pixels; they form a square grid.
    dense : bool
        Measure every pixel, whatever `spacing` says.
    minerals : sequence of Mineral
    texture : Texture, optional
        Where each mineral is, its indices those of `minerals`. None: drawn from `seed`, see `rock_texture`.
    grain_size : float
        Typical diameter of a grain, in pixels, where the texture is drawn.
    blur : float
        Standard deviation of the volume that X-rays come from, in pixels: it mixes spectra across borders.
    bse_blur : float
        The same for backscattered electrons.
    bse_noise : float
        Standard deviation of the BSE noise, as a part of the full scale; 0.005 is that of a TIMA image.
    energy : EnergyAxis
        Of the spectra. Counts are those on this axis.
    beam_energy : float
        In keV.
    pixel_size : float
        In um.
    locations : (N, 2) array of int, optional
        Row and column of every measurement, instead of a grid; the sampling distance is then estimated.
    name : str
    progress : Progress, optional

    Returns
    -------
    Field
        BSE as uint16. `metadata` holds "truth": (H, W) int32, connected regions of one mineral, from 1; "truth_phases":
        (H, W) int32, mineral from 1; "phase_names": list, the mineral of phase k is ``phase_names[k - 1]``; "seed".

    Raises
    ------
    GdlsError
        If a parameter is impossible.
    FieldError
        If locations are no pairs of whole numbers, lie outside the image or twice on a pixel.

    Notes
    -----
    Spectra are Poisson samples of mixtures of the ideal spectra (`ideal_spectra`) around each measurement. Gradually
    zoned grains mix the spectra of middle and border, and are one segment of the truth. The BSE signal is the
    backscatter coefficient eta of the mixture: the mean of the elements' eta by mass (Castaing 1960), each by Reuter's
    polynomial (1972), eta = -0.0254 + 0.016 Z - 1.86e-4 Z^2 + 8.3e-7 Z^3.

    Examples
    --------
    >>> field = simulate_field((64, 64), seed=1, spacing=4)
    >>> field.n_measurements, field.metadata["truth"].shape
    (256, (64, 64))
    """
    lowest = {"counts": 0.0, "spacing": 1.0, "blur": 0.0, "bse_blur": 0.0, "bse_noise": 0.0}
    given = {"counts": counts, "spacing": spacing, "blur": blur, "bse_blur": bse_blur, "bse_noise": bse_noise}
    for parameter, value in given.items():
        if not (math.isfinite(value) and value >= lowest[parameter]):
            raise GdlsError(f"{parameter} is {value}; it must be finite and at least {lowest[parameter]:g}.")
    report = progress or silent
    texture_seed, bse_seed, spectra_seed = np.random.SeedSequence(seed).spawn(3)
    report("texture", 0.0)
    if texture is None:
        texture = rock_texture(shape, minerals, seed=texture_seed, grain_size=grain_size)
    elif texture.phases.shape != tuple(shape) or int(texture.phases.max()) >= len(minerals):
        raise GdlsError(
            f"the texture has shape {texture.phases.shape} and minerals up to {texture.phases.max()}; it must have the "
            f"shape {tuple(shape)} and no more than the {len(minerals)} minerals given."
        )
    distance = 1.0 if dense else float(spacing)
    places = _grid(shape, distance) if locations is None else _checked_places(locations, shape)

    materials, weights = _materials(minerals, texture)
    coefficients = np.array([backscatter_coefficient(material) for material in materials])
    ideal = ideal_spectra(materials, energy, beam_energy=beam_energy)
    eta = np.zeros(shape, dtype=np.float32)
    fractions = np.empty((len(places), len(materials)), dtype=np.float32)
    for column, weight in enumerate(weights):
        report("mixing", column / len(materials))
        eta += np.float32(coefficients[column]) * ndi.gaussian_filter(weight(), bse_blur, mode="nearest")
        mixed = ndi.gaussian_filter(weight(), blur, mode="nearest")
        fractions[:, column] = mixed[places[:, 0], places[:, 1]]

    noise = np.random.default_rng(bse_seed).standard_normal(shape, dtype=np.float32)
    bse = np.rint(65536 * (eta / BSE_SATURATION + np.float32(bse_noise) * noise)).clip(0, 65535).astype(np.uint16)
    spectra = _sampled(np.random.default_rng(spectra_seed), fractions, ideal, counts, report)
    return Field(
        bse,
        spectra,
        places,
        energy,
        sampling_distance=distance if locations is None else None,
        pixel_size=pixel_size,
        beam_energy=beam_energy,
        name=name,
        metadata={
            "truth": _connected_regions(texture.phases),
            "truth_phases": texture.phases + np.int32(1),
            "phase_names": [mineral.name for mineral in minerals],
            "seed": seed,
        },
    )


def backscatter_coefficient(composition: Composition) -> float:
    """Part of the beam's electrons that a flat sample sends back.

    Parameters
    ----------
    composition : str or mapping
        Formula, or masses by element.

    Returns
    -------
    float
        Mean of the elements' coefficients by mass (Castaing 1960), after Reuter (1972) for 20 keV; it hardly depends on
        the beam energy.
    """
    total = 0.0
    for element, share in mass_fractions(composition).items():
        z = atomic_number(element)
        # The polynomial starts at carbon and is negative for hydrogen.
        total += share * max(-0.0254 + 0.016 * z - 1.86e-4 * z**2 + 8.3e-7 * z**3, 0.0)
    return total


def _grid(shape: tuple[int, int], spacing: float) -> npt.NDArray[np.int64]:
    """Square grid of measurements, half a spacing from the upper and left border."""
    row, column = (np.floor(np.arange(spacing / 2, length, spacing)).astype(np.int64) for length in shape)
    if not len(row) or not len(column):
        raise GdlsError(f"a field of {shape[0]} x {shape[1]} px has no room for a measurement every {spacing:g} px.")
    return np.stack(np.meshgrid(row, column, indexing="ij"), axis=-1).reshape(-1, 2)


def _checked_places(locations: npt.ArrayLike, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    places = np.asarray(locations)
    if places.ndim != 2 or places.shape[1] != 2 or places.dtype.kind not in "ui":
        raise FieldError(
            f"locations are {places.dtype} of shape {places.shape}; whole rows and columns, (N, 2), are needed."
        )
    outside = ((places < 0) | (places >= shape)).any(axis=1)
    if outside.any():
        raise FieldError(f"{np.count_nonzero(outside)} of {len(places)} locations lie outside the {shape} px image.")
    return places.astype(np.int64)


class _Weight:
    """Share of one material in every pixel, made when asked for: all of them at once would fill the memory."""

    def __init__(self, texture: Texture, index: int, end: str) -> None:
        self.texture = texture
        self.index = index
        self.end = end

    def __call__(self) -> npt.NDArray[np.float32]:
        here: npt.NDArray[np.float32] = (self.texture.phases == self.index).astype(np.float32)
        if self.end == "border":
            here *= self.texture.zoning
        elif self.end == "middle":
            here *= 1 - self.texture.zoning
        return here


def _materials(minerals: Sequence[Mineral], texture: Texture) -> tuple[list[Composition], list[_Weight]]:
    """Compositions that occur, and where; a zoned mineral gives two, of the middle and of the border."""
    materials: list[Composition] = []
    weights: list[_Weight] = []
    for index in np.unique(texture.phases):
        mineral = minerals[index]
        materials.append(mineral.formula)
        weights.append(_Weight(texture, index, "whole" if mineral.rim_formula is None else "middle"))
        if mineral.rim_formula is not None:
            materials.append(mineral.rim_formula)
            weights.append(_Weight(texture, index, "border"))
    return materials, weights


def _sampled(
    rng: np.random.Generator,
    fractions: npt.NDArray[np.float32],
    ideal: npt.NDArray[np.float64],
    counts: float,
    report: Progress,
) -> sp.csr_array[Any, tuple[int, int]]:
    """Poisson samples of mixtures of the ideal spectra, each expected to hold `counts`."""
    excited = np.flatnonzero(ideal.sum(axis=0) > 1e-9 * ideal.sum())
    if not len(excited):
        raise GdlsError("no X-ray of these minerals falls on the energy axis; check its offset and width, in eV.")
    first, last = int(excited[0]), int(excited[-1]) + 1
    blocks = []
    for start in range(0, len(fractions), _BLOCK):
        report("spectra", start / len(fractions))
        expected = fractions[start : start + _BLOCK] @ ideal[:, first:last]
        expected *= counts / expected.sum(axis=1, keepdims=True)
        drawn = sp.csr_array(rng.poisson(expected).astype(np.uint32))
        drawn.indices += first
        blocks.append(sp.csr_array((drawn.data, drawn.indices, drawn.indptr), shape=(drawn.shape[0], ideal.shape[1])))
    spectra = sp.vstack(blocks, format="csr")
    largest = int(spectra.data.max(initial=0))
    return sp.csr_array(spectra.astype(np.uint16 if largest < 1 << 16 else np.uint32))


def _connected_regions(phases: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    from skimage.measure import label

    regions: npt.NDArray[Any] = label(phases + 1, connectivity=1)
    return regions.astype(np.int32)
