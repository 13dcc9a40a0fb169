"""Small maps in HDF5 files, as the documentation of PyMca and NeXus has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SHAPE = (7, 9, 60)


def counts(shape: tuple[int, ...] = SHAPE, dtype: str = "<u2", seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).poisson(3.0, shape)
    made[..., 1] = 1 + np.arange(made[..., 1].size).reshape(shape[:-1])  # every spectrum is another
    return made.astype(dtype)


def energies(first: float = -0.2, width: float = 0.01, n: int = SHAPE[2]) -> np.ndarray:
    return first + width * np.arange(n)


def pymca(file: h5py.File, data: np.ndarray, calibration: Any = (-0.2, 0.01, 0.0), **more: Any) -> None:
    """A stack as PyMca documents it, with what it calls `info`."""
    group = file.create_group("entry/measurement/mca_0")
    group["data"] = data
    group["data"].attrs["interpretation"] = "spectrum"
    info = group.create_group("info")
    info["calibration"] = np.asarray(calibration)
    for key, value in more.items():
        info[key] = value


def nexus(file: h5py.File, data: np.ndarray, *, order: str = "yxe", unit: str = "keV", values: Any = None) -> None:
    """A group NXdata that names its signal and axes; the data stand in an NXdetector, as NeXus links them."""
    axis = "yxe".index
    file["entry/instrument/detector/data"] = np.moveaxis(data, [0, 1, 2], [order.index(one) for one in "yxe"])
    group = file.create_group("entry/map")
    group.attrs["NX_class"] = "NXdata"
    group.attrs["signal"] = "data"
    names = ("y", "x", "energy")
    group.attrs["axes"] = [names[axis(one)] for one in order]
    group["data"] = h5py.SoftLink("/entry/instrument/detector/data")
    for name, n in (("y", data.shape[0]), ("x", data.shape[1])):
        group[name] = 2.5 * np.arange(n)
        group[name].attrs["units"] = "um"
    group["energy"] = energies() if values is None else values
    if unit:
        group["energy"].attrs["units"] = unit


def make(path: Path, fill: Callable[..., None], *arguments: Any, **more: Any) -> Path:
    with h5py.File(path, "w") as file:
        fill(file, *arguments, **more)
    return path
