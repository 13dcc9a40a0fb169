"""Which materials a measurement sees: what lies within reach of the beam, by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import scipy.sparse as sp

from napari_gdls.progress import Progress
from napari_gdls.simulation.backscatter import backscatter_coefficient
from napari_gdls.simulation.rock import RockMineral
from napari_gdls.simulation.texture import Texture

_ZONES = 5  # compositions from the middle of a zoned grain to its border, linear in between


@dataclass(frozen=True)
class _Material:
    """A composition that occurs, and where: its share in a pixel falls linearly with the distance from its zone."""

    composition: dict[str, float]
    mineral: int
    zone: float | None

    def share(self, texture: Texture) -> npt.NDArray[np.float32]:
        here: npt.NDArray[np.float32] = (texture.phases == self.mineral).astype(np.float32)
        if self.zone is not None:
            here *= np.maximum(1 - (_ZONES - 1) * np.abs(texture.zoning - np.float32(self.zone)), 0)
        return here


class Rock:
    """Compositions of a texture, and their shares in what the beam reaches.

    Parameters
    ----------
    minerals : sequence of RockMineral
    texture : Texture
        A zoned mineral gives several compositions.

    Attributes
    ----------
    compositions : list of dict
        Mass fractions by element symbol.
    """

    def __init__(self, minerals: Sequence[RockMineral], texture: Texture) -> None:
        self._texture = texture
        self._materials = list(_materials(minerals, texture))
        self.compositions = [material.composition for material in self._materials]

    def backscatter(self, blur: float) -> npt.NDArray[np.float32]:
        """Backscatter coefficient of every pixel, (H, W) float32, blurred by `blur` (standard deviation, pixels)."""
        eta = np.zeros(self._texture.phases.shape, dtype=np.float32)
        for material in self._materials:
            coefficient = np.float32(backscatter_coefficient(material.composition))
            eta += coefficient * _blurred(material.share(self._texture), blur)
        return eta

    def shares(self, places: npt.NDArray[np.int64], blur: float, report: Progress) -> npt.NDArray[np.float32]:
        """Shares of the compositions in measurements.

        Parameters
        ----------
        places : (n, 2) array of int64
            Row and column.
        blur : float
            Standard deviation of the volume that X-rays come from, in pixels.
        report : Progress

        Returns
        -------
        (n, len(compositions)) float32
            Rows sum to 1, to less beside what is no sample.
        """
        # One composition at a time: all images at once would fill the memory.
        result = np.empty((len(places), len(self._materials)), dtype=np.float32)
        for column, material in enumerate(self._materials):
            report("mixing", column / len(self._materials))
            result[:, column] = _blurred(material.share(self._texture), blur)[places[:, 0], places[:, 1]]
        return result


def _materials(minerals: Sequence[RockMineral], texture: Texture) -> Iterator[_Material]:
    for index in np.unique(texture.phases[texture.phases >= 0]):
        mineral = minerals[index]
        rim = mineral.rim_composition
        if rim is None or not texture.zoning[texture.phases == index].any():
            yield _Material(mineral.composition, int(index), None)
            continue
        for zone in np.linspace(0, 1, _ZONES):
            elements = {**mineral.composition, **rim}
            mixed = {
                element: (1 - zone) * mineral.composition.get(element, 0.0) + zone * rim.get(element, 0.0)
                for element in elements
            }
            yield _Material(mixed, int(index), float(zone))


def _blurred(image: npt.NDArray[np.float32], blur: float) -> npt.NDArray[np.float32]:
    return np.asarray(ndi.gaussian_filter(image, blur, mode="nearest"))


def interpolated(
    shares: npt.NDArray[np.float32], positions: Sequence[npt.NDArray[np.floating[Any]]], sizes: Sequence[int]
) -> sp.csr_array[Any, tuple[int, int]]:
    """Shares of compositions as weights of their spectra at the nodes of some conditions.

    Parameters
    ----------
    shares : (n, m) float32
    positions : sequence of (n,) arrays
        Of each measurement among the nodes of each condition, 0 to size - 1.
    sizes : sequence of int
        Numbers of nodes.

    Returns
    -------
    csr_array, (n, m * prod(sizes)) float32
        Columns run over the nodes of the last condition first, then over those before, then over compositions. Linear
        interpolation: rows have the sums of `shares`.
    """
    weights = sp.csr_array(shares)
    rows = np.repeat(np.arange(len(shares)), np.diff(weights.indptr))
    columns, values = weights.indices.astype(np.int64), weights.data
    for position, size in zip(positions, sizes, strict=True):
        at = position[rows]
        low = np.clip(np.floor(at), 0, max(size - 2, 0)).astype(np.int64)
        above = (at - low).astype(np.float32)
        rows = np.concatenate([rows, rows])
        columns = np.concatenate([columns * size + low, columns * size + np.minimum(low + 1, size - 1)])
        values = np.concatenate([values * (1 - above), values * above])
        used = values > 0
        rows, columns, values = rows[used], columns[used], values[used]
    shape = (len(shares), shares.shape[1] * int(np.prod(sizes, initial=1)))
    return sp.csr_array(sp.coo_array((values, (rows, columns)), shape=shape))
