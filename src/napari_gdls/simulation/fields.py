"""Simulated fields with known truth: a rock's texture, its BSE image, and the spectra measured on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_choice, checked_kind, checked_number, checked_whole_number
from napari_gdls.energy import DEFAULT_BEAM_ENERGY, EnergyAxis
from napari_gdls.errors import FieldError, RecipeError
from napari_gdls.field import Field
from napari_gdls.materials.composition import Composition
from napari_gdls.progress import Progress, silent
from napari_gdls.simulation.disturbances import Disturbances, landing_nodes, take_off_nodes
from napari_gdls.simulation.dots import grid_dots, tima_dots
from napari_gdls.simulation.measuring import expected_spectra, sampled_spectra
from napari_gdls.simulation.mixing import Rock, interpolated
from napari_gdls.simulation.rock import ROCK, RockMineral
from napari_gdls.simulation.texture import (
    Texture,
    checked_phases,
    checked_shape,
    regions_of_phases,
    rock_texture,
    texture_of_phases,
)
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import DEFAULT_TAKE_OFF, LOWEST_BEAM_ENERGY, checked_beam_energy, checked_take_off
from napari_gdls.spectra.sampling import LARGEST_TOTAL

TIMA_AXIS = EnergyAxis(offset=0.0, width=10.0, size=3000)
"""0 to 30 keV in channels of 10 eV, as in the paper (section 3)."""

DOTS = ("grid", "tima")
"""Ways to place measurements."""

BSE_SATURATION = 0.5
"""Backscatter coefficient that gives the full scale of the BSE image; quartz then lies at a quarter of it. A choice."""

_USUAL_SHAPE = (256, 256)
"""Height and width (px) where neither they nor a texture is given."""

_LIMITS = {
    "counts": (0.0, LARGEST_TOTAL),
    "spacing": (1.0, 1e6),
    "blur": (0.0, 1e3),
    "bse_blur": (0.0, 1e3),
    "bse_noise": (0.0, 1.0),
}
"""Limits of parameters, in their units: beyond them nothing of the field is left to be seen."""


def simulate_field(
    shape: tuple[int, int] | None = None,
    *,
    seed: int = 0,
    counts: float = 1000.0,
    spacing: float = 3.0,
    dense: bool = False,
    dots: str = "grid",
    minerals: Sequence[RockMineral] | Mapping[str, str | Composition] = ROCK,
    texture: Texture | npt.ArrayLike | None = None,
    bse: npt.ArrayLike | None = None,
    grain_size: float = 16.0,
    blur: float = 0.6,
    bse_blur: float = 0.4,
    bse_noise: float = 0.005,
    energy: EnergyAxis = TIMA_AXIS,
    beam_energy: float = DEFAULT_BEAM_ENERGY,
    take_off: float = DEFAULT_TAKE_OFF,
    detector: Detector | None = None,
    coating: tuple[str, float] | None = None,
    disturbances: Disturbances | None = None,
    pixel_size: float = 3.0,
    locations: npt.ArrayLike | None = None,
    name: str = "synthetic",
    progress: Progress | None = None,
) -> Field:
    """Simulate a field of which every grain is known.

    Parameters
    ----------
    shape : (int, int), optional
        Height and width of the BSE image, in pixels. None: that of `texture`, or (256, 256).
    seed : int
        Equal seeds and parameters give equal fields.
    counts : float
        Expected counts of each spectrum: dots end at a fixed number of X-rays, as in TIMA's dot mapping.
    spacing : float
        Distance between measurements, in pixels.
    dense : bool
        Measure every pixel, whatever `spacing` says.
    dots : {"grid", "tima"}
        One square grid, or a grid of its own in each piece of even brightness of the BSE image, as TIMA places its dots
        (see `napari_gdls.simulation.dots.tima_dots`).
    minerals : sequence of RockMineral, or mapping
        What the phases are made of. A mapping goes from names to formulas or mass fractions and needs a `texture`.
    texture : Texture, or (H, W) array of int, optional
        Where each mineral is: indices into `minerals`, in a phase map -1 where there is no sample. None: drawn from
        `seed`, see `rock_texture`.
    bse : (H, W) array of uint8 or uint16, optional
        A measured BSE image that belongs to the texture. None: simulated.
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
        In keV, 2 to 50.
    take_off : float
        Angle between the surface and the detector, in degrees.
    detector : Detector, optional
        None: `Detector()`.
    coating : (str, float), optional
        Element and thickness (nm) of a conducting film, as in ``("C", 15.0)``.
    disturbances : Disturbances, optional
        Drift, zoning, charging, topography, pile-up, uneven counts. None: none of them.
    pixel_size : float
        In um.
    locations : (N, 2) array of int, optional
        Row and column of every measurement, instead of `dots`; the sampling distance is then estimated.
    name : str
    progress : Progress, optional

    Returns
    -------
    Field
        BSE as uint16, or as given. Pixels without sample are not valid. `metadata` holds

        - "truth": (H, W) int32, connected regions of one mineral, from 1; 0 where there is no sample;
        - "truth_phases": (H, W) int32, mineral from 1; the mineral of phase k is ``phase_names[k - 1]``;
        - "phase_names": list of str;
        - "compositions": list of mass fractions by element, in the order of the names;
        - "rim_compositions": the same at the border of zoned grains, by name, of the minerals that may be zoned;
        - "seed", and "options": every parameter that is a number or a name.

    Raises
    ------
    RecipeError
        If a parameter is impossible, or the parts do not fit.
    FieldError
        If locations are no pairs of whole numbers, lie outside the image or twice on a pixel.

    Notes
    -----
    Spectra are Poisson samples of mixtures of the spectra that leave the materials around each measurement (`Emission`
    and `Detector`; per electron, so what emits more weighs more). Gradually zoned grains are one segment of the truth.
    Pile-up is that of the pure materials. Tilted surfaces change the way out of the X-rays, not the angle at which the
    beam falls in. The BSE signal is the backscatter coefficient of the mixture.

    Examples
    --------
    >>> field = simulate_field((64, 64), seed=1, spacing=4)
    >>> field.n_measurements, field.metadata["truth"].shape
    (256, (64, 64))
    """
    given = {"counts": counts, "spacing": spacing, "blur": blur, "bse_blur": bse_blur, "bse_noise": bse_noise}
    given = {
        name: checked_number(name, value, lowest=_LIMITS[name][0], highest=_LIMITS[name][1])
        for name, value in given.items()
    }
    checked_choice("dots", dots, DOTS)
    checked_kind("dense", dense, bool)
    checked_kind("energy", energy, EnergyAxis)
    disturbed = Disturbances() if disturbances is None else checked_kind("disturbances", disturbances, Disturbances)
    counter = Detector() if detector is None else checked_kind("detector", detector, Detector)
    beam = _Beam(checked_beam_energy(beam_energy), checked_take_off(take_off))
    _check_charging(disturbed, beam)
    seeds = _Seeds(*np.random.SeedSequence(checked_whole_number("seed", seed, 0)).spawn(len(_Seeds._fields)))
    report = progress or silent

    report("texture", 0.0)
    phases = _minerals(minerals, texture)
    rock = _texture(shape, phases, texture, seeds.texture, grain_size, disturbed)
    size = (rock.phases.shape[0], rock.phases.shape[1])
    valid = rock.phases >= 0
    charge = disturbed.charge(size, seeds.charge)
    materials = Rock(phases, rock)
    if bse is None:
        brightness, bse_dtype = _simulated_bse(materials, size, given["bse_blur"], given["bse_noise"], seeds.bse)
    else:
        brightness, bse_dtype = _given_bse(bse, size)
    image = _grey_values(brightness + np.float32(disturbed.charging_brightness) * charge, bse_dtype)

    distance = None if locations is not None else 1.0 if dense else given["spacing"]
    if distance is None:
        places = _checked_places(locations, size)
    else:
        places = _places(image, valid, "grid" if dense else dots, distance)
    at = places[:, 0], places[:, 1]
    tilts = disturbed.tilt(rock.grains, seeds.tilt)[at]
    angles, angle_position = take_off_nodes(beam.take_off, tilts)
    landing, landing_position = landing_nodes(beam.energy, disturbed.charging * charge[at])
    shares = materials.shares(places, given["blur"], report)
    weights = interpolated(shares, (landing_position, angle_position), (len(landing), len(angles)))

    if disturbed.pile_up > 0:
        counter = replace(counter, pile_up=counter.pile_up + disturbed.pile_up)
    expected = expected_spectra(materials.compositions, landing, angles, counter, energy, coating)
    totals = disturbed.expected_counts(len(places), given["counts"], seeds.counts)
    calibration = disturbed.calibration(places, size) if disturbed.drifts else None
    seed_of_counts = int(seeds.spectra.generate_state(1)[0])
    spectra = sampled_spectra(seed_of_counts, weights, expected, totals, energy, calibration, report)
    options = {
        **given,
        "dense": dense,
        "dots": "given" if locations is not None else dots,
        "texture": "drawn" if texture is None else "given",
        "bse": "simulated" if bse is None else "given",
        "grain_size": grain_size,
        "beam_energy": beam_energy,
        "take_off": take_off,
        "detector": asdict(counter),
        "coating": coating,
        "disturbances": asdict(disturbed),
    }
    return Field(
        image,
        spectra,
        places,
        energy,
        sampling_distance=distance,
        pixel_size=pixel_size,
        beam_energy=beam_energy,
        valid=valid,
        name=name,
        metadata={**_truth(rock, phases), "seed": seed, "options": options},
    )


class _Seeds(NamedTuple):
    """One stream of random numbers for each thing that is drawn."""

    texture: np.random.SeedSequence
    bse: np.random.SeedSequence
    spectra: np.random.SeedSequence
    charge: np.random.SeedSequence
    tilt: np.random.SeedSequence
    counts: np.random.SeedSequence


class _Beam(NamedTuple):
    """Energy (keV) and take-off angle (degrees)."""

    energy: float
    take_off: float


def _check_charging(disturbed: Disturbances, beam: _Beam) -> None:
    if disturbed.charging > 0 and beam.energy - disturbed.charging < LOWEST_BEAM_ENERGY:
        raise RecipeError(
            f"charging of {disturbed.charging:g} kV leaves a beam of {beam.energy:g} keV less than the "
            f"{LOWEST_BEAM_ENERGY:g} keV that the simulation needs."
        )


def _truth(rock: Texture, minerals: Sequence[RockMineral]) -> dict[str, Any]:
    """What the metadata say of the rock."""
    return {
        "truth": regions_of_phases(rock.phases),
        "truth_phases": rock.phases + np.int32(1),
        "phase_names": [mineral.name for mineral in minerals],
        "compositions": [mineral.composition for mineral in minerals],
        "rim_compositions": {m.name: m.rim_composition for m in minerals if m.rim_composition is not None},
    }


def _minerals(
    minerals: Sequence[RockMineral] | Mapping[str, str | Composition], texture: Texture | npt.ArrayLike | None
) -> Sequence[RockMineral]:
    if not isinstance(minerals, Mapping):
        return minerals
    if texture is None:
        raise RecipeError("minerals given by name and composition need a texture that says where they are.")
    return [RockMineral(name, composition, 1.0) for name, composition in minerals.items()]


def _texture(
    shape: tuple[int, int] | None,
    minerals: Sequence[RockMineral],
    texture: Texture | npt.ArrayLike | None,
    seed: np.random.SeedSequence,
    grain_size: float,
    disturbed: Disturbances,
) -> Texture:
    zoned = disturbed.zoning
    if zoned > 0 and all(mineral.rim_formula is None for mineral in minerals):
        raise RecipeError("zoning needs a mineral with a rim_formula; none of these has one.")
    if texture is None:
        return rock_texture(
            _USUAL_SHAPE if shape is None else shape, minerals, seed=seed, grain_size=grain_size, zoned=zoned
        )
    if isinstance(texture, Texture):
        if zoned > 0:
            raise RecipeError("the texture brings its own zoning; leave out that of the disturbances.")
        checked_phases(texture.phases, len(minerals))
        rock = texture
    else:
        rock = texture_of_phases(texture, minerals, seed=seed, zoned=zoned)
    if shape is not None and rock.phases.shape != checked_shape(shape):
        raise RecipeError(f"the texture has shape {rock.phases.shape} and the field shall have {shape}.")
    return rock


def _simulated_bse(
    materials: Rock, shape: tuple[int, int], blur: float, noise: float, seed: np.random.SeedSequence
) -> tuple[npt.NDArray[np.float32], np.dtype[Any]]:
    """BSE image as a part of its full scale, and its dtype."""
    drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return materials.backscatter(blur) / BSE_SATURATION + np.float32(noise) * drawn, np.dtype(np.uint16)


def _given_bse(bse: npt.ArrayLike, shape: tuple[int, int]) -> tuple[npt.NDArray[np.float32], np.dtype[Any]]:
    """BSE image as a part of its full scale, and its dtype."""
    image = np.asarray(bse)
    if image.shape != shape or image.dtype not in (np.uint8, np.uint16):
        raise RecipeError(
            f"bse is {image.dtype} of shape {image.shape}; 8 or 16 bits without sign in the shape of the texture, "
            f"{shape}, are needed."
        )
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max + 1), image.dtype


def _grey_values(brightness: npt.NDArray[np.float32], dtype: np.dtype[Any]) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Parts of the full scale as whole numbers; what is beyond the scale saturates."""
    highest = np.iinfo(dtype).max
    image: npt.NDArray[np.unsignedinteger[Any]] = np.rint((highest + 1) * brightness).clip(0, highest).astype(dtype)
    return image


def _places(
    image: npt.NDArray[np.unsignedinteger[Any]], valid: npt.NDArray[np.bool_], dots: str, spacing: float
) -> npt.NDArray[np.int64]:
    """Row and column of the measurements on the sample."""
    size = (image.shape[0], image.shape[1])
    places = grid_dots(size, spacing) if dots == "grid" else tima_dots(image, spacing)
    places = places[valid[places[:, 0], places[:, 1]]]
    if not len(places):
        raise RecipeError(f"no measurement falls on the sample at a spacing of {spacing:g} px; make it smaller.")
    return places


def _checked_places(locations: npt.ArrayLike | None, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    places = np.asarray(locations)
    if places.ndim != 2 or places.shape[1] != 2 or places.dtype.kind not in "ui":
        raise FieldError(
            f"locations are {places.dtype} of shape {places.shape}; whole rows and columns, (N, 2), are needed."
        )
    if not len(places):
        raise FieldError("locations are empty; a field needs a measurement.")
    outside = ((places < 0) | (places >= shape)).any(axis=1)
    if outside.any():
        raise FieldError(f"{np.count_nonzero(outside)} of {len(places)} locations lie outside the {shape} px image.")
    return places.astype(np.int64)
