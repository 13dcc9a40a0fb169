"""Summed spectra in one file of HyperSpy: a row for each segment or phase."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls._version import __version__
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import write_bytes


def require_hspy(path: str | os.PathLike[str]) -> None:
    """Refuse an .hspy file where RosettaSciIO is not installed.

    Raises
    ------
    OutputError
    """
    if importlib.util.find_spec("rsciio") is None:
        raise OutputError(
            f"{os.fspath(path)}: .hspy files are written by RosettaSciIO, which is not installed: pip install "
            '"napari-gdls[formats]".'
        )


def write_hspy(
    path: str | os.PathLike[str],
    spectra: npt.ArrayLike,
    energy: EnergyAxis,
    *,
    title: str,
    names: Sequence[str],
    what: str = "phase",
    beam_energy: float | None = None,
    transmission: bool = False,
    overwrite: bool = True,
) -> None:
    """Write summed spectra as one signal of HyperSpy, atomically; equal spectra give equal files.

    Parameters
    ----------
    path : path-like
        Ends in ``.hspy``.
    spectra : (K, D) array of float
        Counts.
    energy : EnergyAxis
        Calibration of the D channels; stored in keV, as EDS signals of HyperSpy are.
    title : str
    names : sequence of str
        Of the K rows; they stand in the metadata of the signal, ``Sample.names``.
    what : str
        Name of the first axis, which counts from 1.
    beam_energy : float, optional
        In keV.
    transmission : bool
        Whether it was measured in a transmission microscope, which HyperSpy's signal types tell apart.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If RosettaSciIO is not installed, the parts do not fit together, or the system refuses; what stood at the
        target is untouched.
    """
    require_hspy(path)
    from rsciio.hspy import file_writer

    counts = np.asarray(spectra, dtype=np.float64)
    if counts.ndim != 2 or counts.shape != (len(names), energy.size):
        raise OutputError(
            f"{os.fspath(path)}: spectra of shape {counts.shape} do not fit {len(names)} names and "
            f"{energy.size} channels."
        )
    column = "TEM" if transmission else "SEM"
    axis = {"_type": "UniformDataAxis", "is_binned": True}
    signal: dict[str, Any] = {
        "data": counts,
        "axes": [
            {**axis, "is_binned": False, "name": what, "size": len(counts), "offset": 1.0, "scale": 1.0, "units": "",
             "navigate": True},
            {**axis, "name": "Energy", "size": energy.size, "offset": energy.offset / 1000,
             "scale": energy.width / 1000, "units": "keV", "navigate": False},
        ],
        "metadata": {
            "General": {"title": title},
            "Signal": {"signal_type": f"EDS_{column}"},
            "Acquisition_instrument": {column: {} if beam_energy is None else {"beam_energy": beam_energy}},
            "Sample": {"names": list(names)},
        },
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "package_info": {"package": "napari-gdls", "package_version": __version__},
        "learning_results": {},
        "models": {},
        "tmp_parameters": {},
    }  # fmt: skip
    # It writes to names only, with the ending that it knows, and so not through a file of ours.
    with tempfile.TemporaryDirectory(prefix="napari-gdls-") as scratch:
        made = Path(scratch, "spectra.hspy")
        file_writer(os.fspath(made), signal)
        write_bytes(path, made.read_bytes(), overwrite=overwrite)
