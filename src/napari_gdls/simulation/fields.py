"""Simulated fields with known truth: a rock's texture, its BSE image, and the spectra measured on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import DEFAULT_BEAM_ENERGY, EnergyAxis
from napari_gdls.errors import FieldError, GdlsError
from napari_gdls.field import Field
from napari_gdls.materials.composition import Composition
from napari_gdls.progress import Progress, silent
from napari_gdls.simulation.disturbances import Disturbances, drifted, landing_nodes, take_off_nodes
from napari_gdls.simulation.dots import grid_dots, tima_dots
from napari_gdls.simulation.mixing import Rock, interpolated
from napari_gdls.simulation.rock import ROCK, Mineral
from napari_gdls.simulation.texture import Texture, checked_phases, connected_regions, rock_texture, texture_of_phases
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import LOWEST_BEAM_ENERGY, Emission
from napari_gdls.spectra.sampling import sample_counts

TIMA_AXIS = EnergyAxis(offset=0.0, width=10.0, size=3000)
"""0 to 30 keV in channels of 10 eV, as in the paper (section 3)."""

BSE_SATURATION = 0.5
"""Backscatter coefficient that gives the full scale of the BSE image; quartz then lies at a quarter of it."""

_BLOCK = 1024
"""Spectra sampled at a time; part of what a seed means, so do not change it."""


def simulate_field(
    shape: tuple[int, int] | None = None,
    *,
    seed: int = 0,
    counts: float = 1000.0,
    spacing: float = 3.0,
    dense: bool = False,
    dots: str = "grid",
    minerals: Sequence[Mineral] | Mapping[str, str | Composition] = ROCK,
    texture: Texture | npt.ArrayLike | None = None,
    bse: npt.ArrayLike | None = None,
    grain_size: float = 16.0,
    blur: float = 0.6,
    bse_blur: float = 0.4,
    bse_noise: float = 0.005,
    energy: EnergyAxis = TIMA_AXIS,
    beam_energy: float = DEFAULT_BEAM_ENERGY,
    take_off: float = 35.0,
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
    minerals : sequence of Mineral, or mapping
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
    GdlsError
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
    lowest = {"counts": 0.0, "spacing": 1.0, "blur": 0.0, "bse_blur": 0.0, "bse_noise": 0.0}
    given = {"counts": counts, "spacing": spacing, "blur": blur, "bse_blur": bse_blur, "bse_noise": bse_noise}
    for parameter, value in given.items():
        if not (math.isfinite(value) and value >= lowest[parameter]):
            raise GdlsError(f"{parameter} is {value}; it must be finite and at least {lowest[parameter]:g}.")
    if dots not in ("grid", "tima"):
        raise GdlsError(f"dots is {dots!r}; choose 'grid' or 'tima'.")
    disturbed = Disturbances() if disturbances is None else disturbances
    if disturbed.charging > 0 and beam_energy - disturbed.charging < LOWEST_BEAM_ENERGY:
        raise GdlsError(
            f"charging of {disturbed.charging:g} kV leaves a beam of {beam_energy:g} keV less than the "
            f"{LOWEST_BEAM_ENERGY:g} keV that the simulation needs."
        )
    report = progress or silent
    texture_seed, bse_seed, spectra_seed, charge_seed, tilt_seed, counts_seed = np.random.SeedSequence(seed).spawn(6)

    report("texture", 0.0)
    phases = _minerals(minerals, texture)
    rock = _texture(shape, phases, texture, texture_seed, grain_size, disturbed)
    size = (rock.phases.shape[0], rock.phases.shape[1])
    valid = rock.phases >= 0
    charge = disturbed.charge(size, charge_seed)
    materials = Rock(phases, rock)
    if bse is None:
        noise = np.random.default_rng(bse_seed).standard_normal(size, dtype=np.float32)
        brightness = materials.backscatter(bse_blur) / BSE_SATURATION + np.float32(bse_noise) * noise
        bse_dtype = np.dtype(np.uint16)
    else:
        brightness, bse_dtype = _given_bse(bse, size)
    brightness += np.float32(disturbed.charging_brightness) * charge
    highest = np.iinfo(bse_dtype).max
    image = np.rint((highest + 1) * brightness).clip(0, highest).astype(bse_dtype)

    distance = 1.0 if dense else float(spacing)
    if locations is not None:
        places = _checked_places(locations, size)
    else:
        places = grid_dots(size, distance) if dense or dots == "grid" else tima_dots(image, distance)
        places = places[valid[places[:, 0], places[:, 1]]]
        if not len(places):
            raise GdlsError(f"no measurement falls on the sample at a spacing of {distance:g} px; make it smaller.")
    at = places[:, 0], places[:, 1]
    tilts = disturbed.tilt(rock.grains, tilt_seed)[at]
    angles, angle_position = take_off_nodes(take_off, tilts)
    landing, landing_position = landing_nodes(beam_energy, disturbed.charging * charge[at])
    shares = materials.shares(places, blur, report)
    weights = interpolated(shares, (landing_position, angle_position), (len(landing), len(angles)))

    counter = Detector() if detector is None else detector
    if disturbed.pile_up > 0:
        counter = replace(counter, pile_up=counter.pile_up + disturbed.pile_up)
    expected = _expected(materials.compositions, landing, angles, counter, energy, coating)
    totals = disturbed.expected_counts(len(places), counts, counts_seed)
    calibration = disturbed.calibration(places, size) if disturbed.drifts else None
    spectra = _sampled(int(spectra_seed.generate_state(1)[0]), weights, expected, totals, energy, calibration, report)
    return Field(
        image,
        spectra,
        places,
        energy,
        sampling_distance=distance if locations is None else None,
        pixel_size=pixel_size,
        beam_energy=beam_energy,
        valid=valid,
        name=name,
        metadata={
            "truth": connected_regions(rock.phases),
            "truth_phases": rock.phases + np.int32(1),
            "phase_names": [mineral.name for mineral in phases],
            "compositions": [mineral.composition for mineral in phases],
            "rim_compositions": {m.name: m.rim_composition for m in phases if m.rim_composition is not None},
            "seed": seed,
            "options": {
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
            },
        },
    )


def _minerals(
    minerals: Sequence[Mineral] | Mapping[str, str | Composition], texture: Texture | npt.ArrayLike | None
) -> Sequence[Mineral]:
    if not isinstance(minerals, Mapping):
        return minerals
    if texture is None:
        raise GdlsError("minerals given by name and composition need a texture that says where they are.")
    return [Mineral(name, composition, 1.0) for name, composition in minerals.items()]


def _texture(
    shape: tuple[int, int] | None,
    minerals: Sequence[Mineral],
    texture: Texture | npt.ArrayLike | None,
    seed: np.random.SeedSequence,
    grain_size: float,
    disturbed: Disturbances,
) -> Texture:
    zoned = disturbed.zoning
    if zoned > 0 and all(mineral.rim_formula is None for mineral in minerals):
        raise GdlsError("zoning needs a mineral with a rim_formula; none of these has one.")
    if texture is None:
        return rock_texture(shape or (256, 256), minerals, seed=seed, grain_size=grain_size, zoned=zoned)
    if isinstance(texture, Texture):
        if zoned > 0:
            raise GdlsError("the texture brings its own zoning; leave out that of the disturbances.")
        checked_phases(texture.phases, len(minerals))
        rock = texture
    else:
        rock = texture_of_phases(texture, minerals, seed=seed, zoned=zoned)
    if shape is not None and rock.phases.shape != tuple(shape):
        raise GdlsError(f"the texture has shape {rock.phases.shape} and the field shall have {tuple(shape)}.")
    return rock


def _given_bse(bse: npt.ArrayLike, shape: tuple[int, int]) -> tuple[npt.NDArray[np.float32], np.dtype[Any]]:
    """BSE image as a part of its full scale, and its dtype."""
    image = np.asarray(bse)
    if image.shape != shape or image.dtype not in (np.uint8, np.uint16):
        raise GdlsError(
            f"bse is {image.dtype} of shape {image.shape}; 8 or 16 bits without sign in the shape of the texture, "
            f"{shape}, are needed."
        )
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max + 1), image.dtype


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


def _expected(
    compositions: Sequence[Composition],
    landing_energies: npt.NDArray[np.float64],
    take_offs: npt.NDArray[np.float64],
    detector: Detector,
    axis: EnergyAxis,
    coating: tuple[str, float] | None,
) -> npt.NDArray[np.float32]:
    """Spectra by composition, landing energy and take-off angle, (m * k * l, D), in the order of `interpolated`."""
    elements = sorted({element for composition in compositions for element in composition})
    spectra = np.empty((len(compositions), len(landing_energies), len(take_offs), axis.size), dtype=np.float32)
    for i, beam_energy in enumerate(landing_energies):
        emissions = [
            Emission(float(beam_energy), float(take_off), elements=elements, coating=coating) for take_off in take_offs
        ]
        # The lines, and so the response, are the same at all angles.
        response = emissions[0].response(detector, axis)
        for k, emission in enumerate(emissions):
            spectra[:, i, k] = emission.intensities(compositions) @ response
    return detector.add_pile_up(spectra.reshape(-1, axis.size), axis)


def _sampled(
    seed: int,
    weights: sp.csr_array[Any, tuple[int, int]],
    spectra: npt.NDArray[np.float32],
    totals: npt.NDArray[np.float64],
    axis: EnergyAxis,
    calibration: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
    report: Progress,
) -> sp.csr_array[Any, tuple[int, int]]:
    """Poisson samples of weighted sums of spectra, each expected to hold its total."""
    excited = np.flatnonzero(spectra.sum(axis=0) > 1e-9 * spectra.sum())
    if not len(excited):
        raise GdlsError("no X-ray of these minerals falls on the energy axis; check its offset and width, in eV.")
    reach = 0
    if calibration is not None:
        shift = np.abs(calibration[0]).max() + np.abs(calibration[1]).max() * np.abs(axis.edges[[0, -1]]).max()
        reach = math.ceil(shift / axis.width) + 1
    first, last = max(int(excited[0]) - reach, 0), min(int(excited[-1]) + 1 + reach, axis.size)
    part = EnergyAxis(axis.offset + first * axis.width, axis.width, last - first)
    spectra = np.ascontiguousarray(spectra[:, first:last])
    values, channels, lengths = [], [], []
    for start in range(0, len(totals), _BLOCK):
        report("spectra", start / len(totals))
        block = slice(start, start + _BLOCK)
        expected = weights[block] @ spectra
        if calibration is not None:
            expected = drifted(expected, part, calibration[0][block], calibration[1][block])
        drawn = sample_counts(expected, totals[block], seed + start)
        filled = np.flatnonzero(drawn > 0)
        length = np.count_nonzero(drawn, axis=1)
        values.append(drawn.ravel()[filled].astype(np.uint32))
        row_start = np.repeat(np.arange(len(drawn)) * drawn.shape[1] - first, length)
        channels.append((filled - row_start).astype(np.int32))
        lengths.append(length)
    counted = np.concatenate(values)
    counted = counted.astype(np.uint16 if int(counted.max(initial=0)) < 1 << 16 else np.uint32)
    begin = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return sp.csr_array((counted, np.concatenate(channels), begin), shape=(len(totals), axis.size))
