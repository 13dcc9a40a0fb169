"""Small files of EDAX APEX in the layout that public readers expect; EDAX has published none.

Names are those of pynxtools-em (hfive_apex) and SciFiReaders (edax_reader): a group of the project, attributes that are
lists of one, spectra as (rows, columns) of arrays of channels. Types other than that of the spectra are assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class EdaxFile:
    """What differs from file to file.

    Attributes
    ----------
    dtype : str
        Of the counts.
    total_channels : int or None
        Of the sum spectrum, where they differ from those of the map.
    width_of_map : float or None
        eV of a channel, as an attribute of the map.
    flat : bool
        Whether images are one line of values.
    lists : bool
        Whether attributes are lists of one.
    image_scale : float or None
        Pixels of the image of a map in one of the map; None: no images.
    """

    height: int = 6
    width: int = 9
    channels: int = 50
    first: float = -100.0
    ev: float = 10.0
    um: tuple[float, float] = (0.5, 0.5)
    maps: int = 1
    dtype: str = "<i2"
    total_channels: int | None = None
    total: bool = True
    width_of_map: float | None = None
    company: bool = True
    flat: bool = True
    lists: bool = True
    image_scale: float | None = 1.0
    array_type: bool = True
    chunks: tuple[int, int] | None = (4, 4)
    seed: int = 0
    without: tuple[str, ...] = field(default=())

    def but(self, **changes: Any) -> EdaxFile:
        return replace(self, **changes)

    def counts(self, number: int = 0) -> npt.NDArray[Any]:
        rng = np.random.default_rng(self.seed + number)
        spectrum = 30 * np.exp(-np.arange(self.channels) / 20.0) + 0.4
        counts = rng.poisson(spectrum, (self.height, self.width, self.channels))
        counts[..., 1] = 1 + np.arange(self.height * self.width).reshape(self.height, self.width)
        return counts.astype(self.dtype)

    def image(self, scale: float = 1.0) -> npt.NDArray[np.uint16]:
        shape = (round(self.height * scale), round(self.width * scale))
        return np.random.default_rng(self.seed + 99).integers(0, 65_535, shape, dtype=np.uint16)

    def write(self, path: Path) -> Path:
        with h5py.File(path, "w") as file:
            project = file.create_group("Project 1")
            if self.company:
                self._attributes(project, Company=np.bytes_("EDAX, LLC"))
            self._attributes(project, PRODUCT_VERSION=np.bytes_("2.5.1001.0001"))
            area = project.create_group("Sample 1/Area 1")
            if self.image_scale is not None:
                self._image(area, "FOVIMAGE", "FOVIPR", self.image(2.0))
            for number in range(self.maps):
                self._map(area.create_group(f"Live Map {number + 1}"), self.counts(number))
        return path

    def _attributes(self, item: Any, **values: Any) -> None:
        for key, value in values.items():
            if key not in self.without:
                item.attrs[key] = np.asarray([value]) if self.lists else value

    def _image(self, group: h5py.Group, name: str, table: str, pixels: npt.NDArray[Any]) -> None:
        data = group.create_dataset(name, data=pixels.ravel() if self.flat else pixels)
        self._attributes(data, PixelHeight=np.int32(pixels.shape[0]), PixelWidth=np.int32(pixels.shape[1]))
        scale = pixels.shape[1] / self.width
        self._table(group, table, MicronsPerPixelX=self.um[1] / scale, MicronsPerPixelY=self.um[0] / scale)

    def _table(self, group: h5py.Group, name: str, **fields: Any) -> None:
        parts = {key: np.asarray(value) for key, value in fields.items() if key not in self.without}
        row = np.zeros(
            1, [(key, "f4" if part.dtype == float else part.dtype, part.shape) for key, part in parts.items()]
        )
        for key, part in parts.items():
            row[key] = part
        group.create_dataset(name, data=row)

    def _map(self, group: h5py.Group, counts: npt.NDArray[Any]) -> None:
        if self.total:
            points = self.channels if self.total_channels is None else self.total_channels
            sums = np.zeros(points, np.int32)
            n_equal = min(points, self.channels)
            sums[:n_equal] = counts.sum(axis=(0, 1), dtype=np.int32)[:n_equal]
            self._table(
                group, "SPC", eVOffset=self.first, evPch=self.ev, NumberOfPoints=np.int32(points), KV=20.0,
                LiveTime=60.0, SpectrumCounts=sums,
            )  # fmt: skip
        if self.image_scale is not None:
            self._image(group, "MAPIMAGE", "MAPIMAGEIPR", self.image(self.image_scale))
        group.create_dataset("ROIs/Si K.dat", data=counts[..., 10:20].sum(axis=2, dtype=np.uint32))
        shape, kind = (self.height, self.width), np.dtype((np.dtype(self.dtype), (self.channels,)))
        how: dict[str, Any] = {} if self.chunks is None else {"chunks": self.chunks, "compression": "gzip"}
        if self.array_type:
            data = group.create_dataset("SPD", shape, kind, **how)
            data[...] = counts
        else:
            data = group.create_dataset("SPD", data=counts)
        self._attributes(
            data, NumberOfLines=np.int32(self.height), NumberOfPoints=np.int32(self.width),
            NumberofChannels=np.int32(self.channels), MicronPerPixelX=np.float32(self.um[1]),
            MicronPerPixelY=np.float32(self.um[0]),
        )  # fmt: skip
        if self.width_of_map is not None:
            self._attributes(data, evPerChannel=np.float32(self.width_of_map))
