"""Large maps of a few minerals as Oxford's .h5oina, written block by block.

The tests have a generator of small files with all that the format allows, `tests/io/oxford_files.py`.
"""

from __future__ import annotations

from os import PathLike
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.materials.formula import composition_of
from napari_gdls.simulation import RockMineral, rock_texture
from napari_gdls.simulation.backscatter import backscatter_coefficient
from napari_gdls.spectra.synthesis import simulate_spectra

MINERALS = (
    RockMineral("quartz", "SiO2", 0.22),
    RockMineral("orthoclase", "K0.85Na0.15AlSi3O8", 0.16),
    RockMineral("plagioclase", "Na0.5Ca0.5Al1.5Si2.5O8", 0.22),
    RockMineral("biotite", "KMg1.1Fe1.9AlSi3O10(OH)2", 0.12),
    RockMineral("almandine", "Fe2.3Mg0.5Ca0.2Al2Si3O12", 0.10),
    RockMineral("calcite", "CaCO3", 0.08),
    RockMineral("apatite", "Ca5(PO4)3F", 0.05),
    RockMineral("ilmenite", "FeTiO3", 0.05),
)
"""What the map is made of, with shares of its area."""

FIRST_CHANNEL = -200.0  # eV, as in files of AZtec
ENERGY_RANGE = 20_000.0  # eV above the first channel, as in files of AZtec
BEAM_ENERGY = 20.0  # keV
STEP = 0.316  # um, of a map of 2048 x 1408 points of AZtec
GRAIN = 40.0  # px
NOISE = 0.01  # of the full scale of the BSE image
BRIGHTEST = 0.5  # backscatter coefficient that is the full scale of the BSE image, that of gold
SPECTRA_A_CHUNK = 256  # 1 MiB of 1,024 channels, what h5py keeps unpacked
CHUNKS_A_BLOCK = 16  # 16 MiB of counts are drawn at a time
CHOICES = 1 << 16  # entries of the tables that channels are drawn from: what 16 random bits can choose


def write_h5oina(
    path: str | PathLike[str], height: int, width: int, channels: int, counts: float, seed: int = 0
) -> npt.NDArray[np.uint8]:
    """Write a map of `MINERALS`, format version 7.0, with a BSE image of the same size.

    Parameters
    ----------
    path : path-like
        Replaced if it exists.
    height, width, channels : int
        Of the map; the channels cover `ENERGY_RANGE`.
    counts : float
        Expected counts of a spectrum.
    seed : int
        Equal seeds give equal maps.

    Returns
    -------
    (height, width) array of uint8
        The mineral of each pixel, an index into `MINERALS`.

    Notes
    -----
    The number of counts of a spectrum is of Poisson, the channel of each count is drawn from a table of 65,536
    entries, so that probabilities are rounded to 1/65,536. Pixels are of one mineral each.
    """
    axis = EnergyAxis(FIRST_CHANNEL, ENERGY_RANGE / channels, channels)
    phases = rock_texture((height, width), MINERALS, seed=seed, grain_size=GRAIN).phases.astype(np.uint8)
    tables = channel_tables(axis)
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        for name, text in (("Manufacturer", "Oxford Instruments"), ("Format Version", "7.0"), ("Index", "1")):
            file[name] = np.array([text], h5py.string_dtype())
        file["Software Version"] = np.array(["6.2.0.0"], h5py.string_dtype())
        file["Index"].attrs["Type"] = "Single"
        _write_image(file.create_group("1/Electron Image"), phases, rng)
        eds = file.create_group("1/EDS")
        header = _header(eds, height, width)
        for name, value in (("Channel Width", axis.width), ("Start Channel", axis.offset)):
            header[name] = np.array([value], np.float32)
        header["Number Channels"] = np.array([channels], np.int32)
        header["Energy Range"] = np.array([ENERGY_RANGE / 1000], np.float32)  # keV
        data = eds.create_group("Data")
        data.create_dataset("Live Time", data=np.full(phases.size, 0.001, np.float32), chunks=True, compression="lzf")
        spectrum = data.create_dataset(
            "Spectrum",
            (phases.size, channels),
            np.int32,
            chunks=(min(SPECTRA_A_CHUNK, phases.size), channels),
            compression="lzf",
        )
        step = SPECTRA_A_CHUNK * CHUNKS_A_BLOCK
        for first in range(0, phases.size, step):
            spectrum[first : first + step] = drawn_spectra(
                tables, phases.ravel()[first : first + step], counts, channels, rng
            )
    return phases


def channel_tables(axis: EnergyAxis) -> npt.NDArray[np.uint16]:
    """For each of `MINERALS` the channels, each as often as it is counted in a spectrum of `CHOICES` counts."""
    return np.stack([_table(mineral.formula, axis) for mineral in MINERALS])


def _table(formula: str, axis: EnergyAxis) -> npt.NDArray[np.uint16]:
    expected = simulate_spectra(composition_of(formula), beam_energy=BEAM_ENERGY, energy=axis).ravel().astype(float)
    ends = np.rint(CHOICES * np.cumsum(expected) / expected.sum()).astype(int)
    return np.repeat(np.arange(axis.size, dtype=np.uint16), np.diff(ends, prepend=0))


def drawn_spectra(
    tables: npt.NDArray[np.uint16],
    phases: npt.NDArray[np.uint8],
    counts: float,
    channels: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Spectra of a block of pixels of `MINERALS`, (n, channels), of Poisson's `counts` each."""
    numbers = rng.poisson(counts, len(phases))
    owners = np.repeat(np.arange(len(phases), dtype=np.int64), numbers)
    choices = rng.integers(0, CHOICES, len(owners), dtype=np.uint16)
    drawn = tables.ravel()[np.repeat(phases.astype(np.int64) * CHOICES, numbers) + choices]
    return np.bincount(owners * channels + drawn, minlength=len(phases) * channels).reshape(-1, channels)


def _write_image(group: Any, phases: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    _header(group, *phases.shape)
    pixels = bse_image(phases, rng)
    group.create_dataset("Data/BSE/Electron Image 1", data=pixels.ravel(), chunks=True, compression="lzf")


def bse_image(phases: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """BSE image of `MINERALS`, with noise."""
    bright = np.array([backscatter_coefficient(mineral.formula) for mineral in MINERALS], np.float32)[phases]
    noisy = bright / BRIGHTEST + NOISE * rng.standard_normal(phases.shape, dtype=np.float32)
    return np.clip(np.rint(255 * noisy), 0, 255).astype(np.uint8)


def _header(parent: Any, height: int, width: int) -> Any:
    header = parent.create_group("Header")
    for name, cells in (("X Cells", width), ("Y Cells", height)):
        header[name] = np.array([cells], np.int32)
    for name, value in (("X Step", STEP), ("Y Step", STEP), ("Beam Voltage", BEAM_ENERGY)):
        header[name] = np.array([value], np.float32)
    header["Relative Offset"] = np.array([[0, 0]], np.float32)
    header["Relative Size"] = np.array([[1, 1]], np.float32)
    return header
