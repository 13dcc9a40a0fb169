"""Simulated maps of thin films in which grains lie over one another, with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.checks import checked_choice, checked_kind, checked_number, checked_whole_number
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.materials.composition import atomic_number
from napari_gdls.materials.formula import composition_of
from napari_gdls.progress import Progress, silent
from napari_gdls.simulation.film_grains import FilmShapes, film_shares, film_thickness
from napari_gdls.simulation.measuring import sampled_spectra
from napari_gdls.simulation.texture import checked_shape
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.sampling import LARGEST_TOTAL
from napari_gdls.spectra.thin_film import DEFAULT_FILM_BEAM_ENERGY, DEFAULT_FILM_TAKE_OFF, ThinFilm

STEM_AXIS = EnergyAxis(offset=0.0, width=10.0, size=2000)
"""0 to 20 keV in channels of 10 eV, as usual on transmission microscopes."""

GRID_ELEMENT = "Cu"
"""What the grid that carries the film is made of: declared an artefact of simulated fields."""

_OFFSET_ERROR, _GAIN_ERROR = 5.0, 1e-3  # eV, and relative: how far calibrations of maps are off as a rule
_FWHM = (125.0, 140.0)  # eV at Mn K-alpha: the range of detectors of transmission microscopes
_HAADF_EXPONENT = 1.7  # of the atomic number in the HAADF signal (Pennycook 1989, Ultramicroscopy 30:58: 1.6 to 2)
_HAADF_BRIGHT, _HAADF_NOISE = 0.7, 0.01  # brightest pixel, and standard deviation, as parts of the full scale: choices
_FULL_SCALE = 65535  # of 16 bits


@dataclass(frozen=True)
class FilmPhase:
    """One phase of a simulated film.

    Parameters
    ----------
    name : str
    formula : str
        As `napari_gdls.materials.parse_formula` reads it.
    density : float
        In g/cm3; from handbooks, at ambient pressure.
    """

    name: str
    formula: str
    density: float


SYSTEMS: dict[str, tuple[FilmPhase, ...]] = {
    "mantle": (
        FilmPhase("bridgmanite", "Mg0.87Fe0.1Al0.06Si0.96Nd0.0005Hf0.0015O3", 4.2),
        FilmPhase("ferropericlase", "Mg0.88Fe0.12O", 3.9),
        FilmPhase("Ca-perovskite", "Ca0.93Nd0.04Si0.97Hf0.015O3", 4.3),
    ),
    "metal": (
        FilmPhase("olivine", "Mg1.76Fe0.23Ca0.008Ti0.002SiO4", 3.4),
        FilmPhase("FeNi", "Fe0.92Ni0.08", 7.9),
        FilmPhase("troilite", "FeS", 4.7),
        FilmPhase("chromite", "Fe0.75Mg0.25Cr1.6Al0.35Ti0.05O4", 4.8),
    ),
    "ceramic": (
        FilmPhase("alumina", "Al2O3", 4.0),
        FilmPhase("spinel", "Mg0.99Al2Ti0.01O4", 3.6),
        FilmPhase("zirconia", "Zr0.98Hf0.015Ti0.005O2", 5.8),
    ),
}
"""Phases of each system, the matrix first. Trace elements (Nd and Hf; Ca and Ti; Hf and Ti) prefer one phase, as in
nature. Spinel in alumina is a trap: what is left of it without alumina looks like a phase of its own, MgO."""


def simulate_overlapping(
    shape: tuple[int, int] = (96, 96),
    *,
    system: str = "mantle",
    counts: float = 100.0,
    seed: int = 0,
    beam_energy: float = DEFAULT_FILM_BEAM_ENERGY,
    grain_size: float = 18.0,
    coverage: float = 0.45,
    overlaid: float = 0.45,
    depth: tuple[float, float] = (0.35, 0.8),
    nested: bool = False,
    pierced: bool = False,
    grid: float = 0.02,
    miscalibration: float = 1.0,
    energy: EnergyAxis = STEM_AXIS,
    detector: Detector | None = None,
    pixel_size: float = 0.01,
    name: str = "",
    progress: Progress = silent,
) -> Field:
    """Simulate a STEM-EDS map of a thin film whose grains fill a part of its thickness and lie over one another.

    Parameters
    ----------
    shape : (int, int)
        Height and width, in pixels; every pixel is measured.
    system : {"mantle", "metal", "ceramic"}
        See `SYSTEMS`.
    counts : float
        Median of the expected counts of a pixel.
    seed : int
        Equal seeds and parameters give equal fields.
    beam_energy : float
        In keV, 2 to 400.
    grain_size : float
        Typical diameter of a grain, in pixels.
    coverage : float
        Part of the pixels with a grain, 0.05 to 0.95; reached up to a grain.
    overlaid : float
        Part of the grains that is put over a grain of another phase on purpose, 0 to 1.
    depth : (float, float)
        Least and largest part of the film that a grain fills in its middle, 0.05 to 1. With ``(0.8, 1.0)`` and a
        `coverage` of 0.9 the matrix is not the largest phase.
    nested : bool
        Grains of the last phase lie inside grains of the phase before, and nowhere else: core and shell.
    pierced : bool
        Grains of the second phase (the first that is not the matrix) reach from face to face: no matrix is left there.
    grid : float
        Counts from the copper grid, as a part of `counts`: the same in all pixels. 0 to 1.
    miscalibration : float
        Offset and gain that the energy axis is off by are drawn from +-5 eV and +-0.1 %, times this number, 0 to 10.
    energy : EnergyAxis
        What the field says of its channels.
    detector : Detector, optional
        None: without window, and a resolution of 125 to 140 eV, which is drawn.
    pixel_size : float
        In um.
    name : str
    progress : Progress

    Returns
    -------
    Field
        With a HAADF image in the place of the BSE image, and ``artefacts == ("Cu",)``. ``metadata["truth"]`` holds

        - "matrix": str, its name;
        - "presence": by the name of each grain, (H, W) bool, where it is;
        - "abundances": by name, matrix included, (H, W) float64, its expected counts;
        - "spectra": by name, (D,) float64, its expected spectrum; the sum is 1;
        - "compositions": by name, mass fractions by element symbol;
        - "shares": by name, (H, W) float64, the part of the film's thickness that it fills;
        - "grid": (H, W) float64, expected counts of the grid, and "grid_spectrum": (D,);

        and ``metadata["options"]`` the parameters, with what was drawn of them.

    Raises
    ------
    RecipeError
        If a parameter is out of range.

    Notes
    -----
    Grains are ellipsoids, cut off where they are thinner than a quarter of their middle. The film is a wedge with
    bumps. Counts of phases add up (`napari_gdls.spectra.ThinFilm`: nothing is absorbed). Spectra are Poisson samples.

    Examples
    --------
    >>> field = simulate_overlapping((48, 48), counts=50, seed=1)
    >>> field.shape, sorted(field.metadata["truth"]["presence"])
    ((48, 48), ['Ca-perovskite', 'ferropericlase'])
    """
    size = checked_shape(shape)
    phases = SYSTEMS[checked_choice("system", system, tuple(SYSTEMS))]
    shapes = FilmShapes(grain_size, coverage, overlaid, depth, nested, pierced)
    counts = checked_number("counts", counts, positive=True, highest=LARGEST_TOTAL)
    grid = checked_number("grid", grid, "a part of the counts", highest=1.0)
    wrong = checked_number("miscalibration", miscalibration, highest=10.0)
    checked_kind("energy", energy, EnergyAxis)
    number = checked_whole_number("seed", seed, 0)
    film = ThinFilm(beam_energy, DEFAULT_FILM_TAKE_OFF)
    seeds = _Seeds(*np.random.SeedSequence(number).spawn(len(_Seeds._fields)))

    drawn = np.random.default_rng(seeds.instrument).uniform(-1, 1, 3)
    if detector is None:
        middle, half = sum(_FWHM) / 2, (_FWHM[1] - _FWHM[0]) / 2
        detector = Detector(fwhm=middle + half * float(drawn[0]), window="none")
    counter = checked_kind("detector", detector, Detector)
    offset_error, gain_error = wrong * _OFFSET_ERROR * float(drawn[1]), wrong * _GAIN_ERROR * float(drawn[2])
    true_axis = EnergyAxis(energy.offset + offset_error, energy.width * (1 + gain_error), energy.size)

    shares = film_shares(size, len(phases) - 1, shapes, np.random.default_rng(seeds.grains), progress)
    thickness = film_thickness(size, np.random.default_rng(seeds.thickness))
    compositions = [composition_of(phase.formula) for phase in phases]
    expected = _expected_spectra(film, [*compositions, {GRID_ELEMENT: 1.0}], counter, true_axis)
    yields = expected.sum(axis=1)
    if not (yields[:-1] > 0).all():
        silent_phase = phases[int(np.argmin(yields[:-1]))].name
        raise RecipeError(f"no X-ray of {silent_phase} falls on the energy axis; check its offset and width, in eV.")
    masses = np.stack([share * thickness * phase.density for share, phase in zip(shares, phases, strict=True)])
    abundances = masses * yields[:-1, None, None]
    abundances *= (1 - grid) * counts / np.median(abundances.sum(axis=0))
    of_grid = np.full(size, grid * counts)

    everything = np.concatenate([abundances, of_grid[None]]).reshape(len(phases) + 1, -1).T
    shapes_of_spectra = expected / np.where(yields > 0, yields, 1.0)[:, None]
    spectra = sampled_spectra(
        int(seeds.spectra.generate_state(1)[0]),
        sp.csr_array(everything.astype(np.float32)),
        shapes_of_spectra.astype(np.float32),
        everything.sum(axis=1),
        energy,
        None,
        progress,
    )
    names = [phase.name for phase in phases]
    rows, columns = np.indices(size)
    return Field(
        _haadf(masses, compositions, np.random.default_rng(seeds.image)),
        spectra,
        np.column_stack([rows.ravel(), columns.ravel()]),
        energy,
        sampling_distance=1.0,
        pixel_size=pixel_size,
        beam_energy=film.beam_energy,
        gain=1.0,
        artefacts=(GRID_ELEMENT,),
        name=name or f"simulated {system} film",
        metadata={
            "bse_image": "HAADF",
            "truth": {
                "matrix": names[0],
                "presence": {key: share > 0 for key, share in zip(names[1:], shares[1:], strict=True)},
                "abundances": dict(zip(names, abundances, strict=True)),
                "spectra": dict(zip(names, shapes_of_spectra, strict=False)),
                "compositions": dict(zip(names, compositions, strict=True)),
                "shares": dict(zip(names, shares, strict=True)),
                "grid": of_grid,
                "grid_spectrum": shapes_of_spectra[-1],
            },
            "options": {
                "system": system,
                "counts": counts,
                "seed": number,
                "grain_size": shapes.grain_size,
                "coverage": shapes.coverage,
                "overlaid": shapes.overlaid,
                "depth": list(shapes.depth),
                "nested": nested,
                "pierced": pierced,
                "grid": grid,
                "offset_error": offset_error,
                "gain_error": gain_error,
                "detector": asdict(counter),
            },
        },
    )


class _Seeds(NamedTuple):
    """One stream of random numbers for each thing that is drawn."""

    grains: np.random.SeedSequence
    thickness: np.random.SeedSequence
    instrument: np.random.SeedSequence
    image: np.random.SeedSequence
    spectra: np.random.SeedSequence


def _expected_spectra(
    film: ThinFilm, compositions: Sequence[dict[str, float]], detector: Detector, axis: EnergyAxis
) -> npt.NDArray[np.float64]:
    """Counts per electron and g/cm2 of each composition, (n, D)."""
    elements = sorted({element for composition in compositions for element in composition}, key=atomic_number)
    own = ThinFilm(film.beam_energy, film.take_off, elements=elements)
    # Without BLAS, whose sums depend on the number of threads.
    spectra = np.einsum("ij,jk->ik", own.intensities(compositions), own.response(detector, axis))
    return detector.add_pile_up(spectra, axis).astype(np.float64)


def _haadf(
    masses: npt.NDArray[np.float64], compositions: Sequence[dict[str, float]], random: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """HAADF image, (H, W): atoms along the beam, each with a power of its atomic number."""
    signal = np.zeros(masses.shape[1:])
    for mass, composition in zip(masses, compositions, strict=True):
        # Atoms per mass go with 1 / (2 Z): close enough for a picture.
        signal += mass * sum(w * atomic_number(s) ** (_HAADF_EXPONENT - 1) for s, w in composition.items())
    grey = _HAADF_BRIGHT * signal / signal.max() + _HAADF_NOISE * random.standard_normal(signal.shape)
    image: npt.NDArray[np.uint16] = np.rint(_FULL_SCALE * grey).clip(0, _FULL_SCALE).astype(np.uint16)
    return image
