"""Small files of Oxford Instruments (.h5oina) to the published specification, format versions 7.0 and 8.0.

H5OINAFile.md in oinanoanalysis/h5oina; that real files store (1,) where it says (1, 1), and how they name images, is
seen in printed headers of some. `benchmarks.h5oina` writes large ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

TEXT = h5py.string_dtype("utf-8")


@dataclass(frozen=True)
class OxfordFile:
    """What differs from file to file.

    Attributes
    ----------
    first, ev : float
        Energy of the first channel and width of a channel in eV, for each detector shifted by `apart` times its number.
    images : tuple of (group, name, Mixing Mode or "")
    image_cells : (int, int) or None
        Height and width of the images, px; None: those of the map.
    offset, size : (float, float) or None
        Relative Offset and Size of the map, x before y; None: not in the file.
    spec_dims : bool
        Whether dimensions are (1, 1) and (size, 1) as the specification has them, or (1,) and (size,) as files have.
    outside : (int, int)
        Rows and columns at the top and on the left without data.
    spectra : tuple of bool
        Whether each detector has its spectra in the file.
    """

    height: int = 6
    width: int = 9
    channels: int = 50
    first: float = -192.554
    ev: float = 20.000347
    apart: float = 0.0
    step: tuple[float, float] = (0.316, 0.316)
    beam: float = 20.0
    version: str = "7.0"
    names: tuple[str, ...] = ("EDS",)
    spectra: tuple[bool, ...] = (True, True, True)
    images: tuple[tuple[str, str, str], ...] = (("SE", "Electron Image 1", ""), ("BSE", "Elektronenbild 2", "None"))
    image_cells: tuple[int, int] | None = None
    image_dtype: str = "u2"
    offset: tuple[float, float] | None = (0.0, 0.0)
    size: tuple[float, float] | None = (1.0, 1.0)
    spec_dims: bool = False
    outside: tuple[int, int] = (0, 0)
    chunk: int | None = 7
    dtype: str = "i4"
    slices: tuple[str, ...] = ("1",)
    kind: str = "Single"
    manufacturer: str | None = "Oxford Instruments"
    seed: int = 0

    def but(self, **changes: Any) -> OxfordFile:
        return replace(self, **changes)

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        valid = np.ones((self.height, self.width), dtype=bool)
        valid[: self.outside[0]] = valid[:, : self.outside[1]] = False
        return valid

    def counts(self, detector: int = 0, slice_: int = 0) -> npt.NDArray[Any]:
        """Counts, (height, width, channels), one of them beyond 16 bits; none outside of the measured area."""
        rng = np.random.default_rng([self.seed, detector, slice_])
        spectrum = 30 * np.exp(-np.arange(self.channels) / 20.0) + 0.4
        counts = rng.poisson(spectrum, (self.height, self.width, self.channels)).astype(np.int64)
        counts[..., 1] = 70_000 if np.dtype(self.dtype).itemsize > 2 else 70
        counts[..., 1] += np.arange(self.height * self.width).reshape(self.height, self.width) % 50
        counts[~self.valid] = 0
        return counts

    def image(self, number: int) -> npt.NDArray[Any]:
        cells = self.image_cells or (self.height, self.width)
        top = 256 if np.dtype(self.image_dtype).itemsize == 1 else 65_536
        return np.random.default_rng([self.seed, 99, number]).integers(0, top, cells).astype(self.image_dtype)

    def write(self, path: Path) -> Path:
        with h5py.File(path, "w") as file:
            for name, text in (("Manufacturer", self.manufacturer), ("Format Version", self.version)):
                if text is not None:
                    self._put(file, name, text)
            self._put(file, "Software Version", "6.2.7983.1")
            index = np.asarray(self.slices, TEXT)
            file.create_dataset("Index", data=index[:, None] if self.spec_dims else index)
            file["Index"].attrs["Type"] = self.kind
            for number, name in enumerate(self.slices):
                self._slice(file.create_group(name), number)
        return path

    def _slice(self, group: h5py.Group, number: int) -> None:
        for detector, name in enumerate(self.names):
            self._eds(group.create_group(name), detector, number)
        if self.images:
            cells = self.image_cells or (self.height, self.width)
            size = self.size or (1.0, 1.0)
            steps = tuple(
                step * of_map / (part * of_image)
                for step, of_map, of_image, part in zip(
                    self.step, (self.width, self.height), cells[::-1], size, strict=True
                )
            )
            electrons = group.create_group("Electron Image")
            self._header(electrons, cells, (steps[0], steps[1]), (0.0, 0.0), (1.0, 1.0))
            for which, (detector_name, name, mode) in enumerate(self.images):
                data = self._put(electrons.require_group(f"Data/{detector_name}"), name, self.image(which).ravel())
                if mode:
                    data.attrs["Mixing Mode"] = mode
            if self.version == "8.0":
                tiles = np.zeros(cells[0] * cells[1], np.uint16)
                self._put(electrons, "Data/LAM Field Coordinate X", tiles).attrs["Folding Type"] = "None"
        layered = group.create_group("Layered Image/EDS Layered Image 1")
        layered.create_dataset("Data/Color", data=np.zeros((self.height * self.width, 3), np.uint8))

    def _eds(self, group: h5py.Group, detector: int, number: int) -> None:
        header = self._header(group, (self.height, self.width), self.step, self.offset, self.size)
        self._put(header, "Channel Width", np.float32(self.ev), "eV")
        self._put(header, "Start Channel", np.float32(self.first + detector * self.apart), "eV")
        self._put(header, "Number Channels", np.int32(self.channels))
        self._put(header, "Energy Range", np.float32(round(self.ev * self.channels / 1000, 1) or 0.1), "keV")
        self._put(header, "Detector Elevation", np.float32(np.deg2rad(35.0)), "rad")
        self._put(header, "Process Time", np.int32(4))
        self._put(header, "Detector Type Id", np.int32(36)).attrs["Name"] = "Ultim Max 100"
        self._put(header, "Processor Type", "XP3")
        counts = self.counts(detector, number)
        n = self.height * self.width
        data = group.create_group("Data")
        live = np.where(self.valid.ravel(), 0.01, np.nan).astype(np.float32)
        self._put(data, "Live Time", live, "s")
        rows, columns = np.indices((self.height, self.width)).reshape(2, -1)
        self._put(data, "X", (columns * self.step[0]).astype(np.float32), "um")
        self._put(data, "Y", (rows * self.step[1]).astype(np.float32), "um")
        window = (counts.reshape(n, -1)[:, 10] / live).astype(np.float32)
        integral = self._put(data, "Window Integral/Si Ka1", window, "cps")
        integral.attrs["Atomic Number"] = np.int32(14)
        if self.spectra[detector]:
            how: dict[str, Any] = (
                {} if self.chunk is None else {"chunks": (min(self.chunk, n), self.channels), "compression": "lzf"}
            )
            data.create_dataset("Spectrum", data=counts.reshape(n, -1).astype(self.dtype), **how)

    def _header(
        self, group: h5py.Group, cells: tuple[int, int], step: tuple[float, float],
        offset: tuple[float, float] | None, size: tuple[float, float] | None,
    ) -> h5py.Group:  # fmt: skip
        header = group.create_group("Header")
        for name, text in (("Project Label", "Gneis"), ("Site Label", "Stelle 1"), ("Analysis Label", "Map Data 1")):
            self._put(header, name, text)
        self._put(header, "Acquisition Date", "2026-03-14T09:26:53")
        self._put(header, "Beam Voltage", np.float32(self.beam), "kV")
        self._put(header, "Magnification", np.float32(500.0))
        self._put(header, "Y Cells", np.int32(cells[0]), "px")
        self._put(header, "X Cells", np.int32(cells[1]), "px")
        self._put(header, "X Step", np.float32(step[0]), "um")
        self._put(header, "Y Step", np.float32(step[1]), "um")
        self._put(header, "Drift Correction", np.bool_(True))
        for name, pair in (("Relative Offset", offset), ("Relative Size", size)):
            if pair is not None:
                header.create_dataset(name, data=np.asarray([pair], np.float32))
        for name, value in (("X", 12.5), ("Y", -3.25), ("Z", 10.0)):
            self._put(header, f"Stage Position/{name}", np.float32(value), "mm")
        return header

    def _put(self, group: h5py.Group, name: str, value: Any, unit: str = "") -> h5py.Dataset:
        array = np.asarray([value], TEXT) if isinstance(value, str) else np.atleast_1d(np.asarray(value))
        if array.dtype == bool:
            array = array.astype(np.uint8)
        data = group.create_dataset(name, data=array[:, None] if self.spec_dims else array)
        if unit:
            data.attrs["Unit"] = unit
        return data
