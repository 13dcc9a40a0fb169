"""Maps of DigitalMicrograph: files that are written here as its format is described, and read through RosettaSciIO."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.io import read_field

pytest.importorskip("rsciio.digitalmicrograph", reason="needs the extra formats")

KINDS = {"uint16": (4, 10), "uint32": (5, 11), "int32": (3, 7), "float32": (6, 2)}
"""Kinds of numbers in the tree, and in images."""


def dm(path: Path, tags: dict[str, Any], version: int) -> Path:
    """Chris Boothroyd's description of the format of DM3, and Bernhard Schaffer's of DM4: a tree of tags."""
    size = ">I" if version == 3 else ">Q"

    def group(values: dict[str, Any]) -> bytes:
        return b"\1\0" + struct.pack(size, len(values)) + b"".join(tag(*item) for item in values.items())

    def tag(name: str, value: Any) -> bytes:
        label = b"" if name.startswith("_") else name.encode()
        inside = group(value) if isinstance(value, dict) else data(value)
        length = struct.pack(">Q", len(inside)) if version == 4 else b""
        return bytes([20 if isinstance(value, dict) else 21]) + struct.pack(">H", len(label)) + label + length + inside

    def data(value: Any) -> bytes:
        if isinstance(value, str):
            value = np.frombuffer(value.encode("utf-16-le"), np.uint16)
        if isinstance(value, np.ndarray):
            info = (20, KINDS[value.dtype.name][0], value.size)
            stored = value.astype(value.dtype.newbyteorder("<")).tobytes()
        elif isinstance(value, int):
            info, stored = (5,), struct.pack("<I", value)
        else:
            info, stored = (6,), struct.pack("<f", value)
        return b"%%%%" + struct.pack(f">{len(info) + 1}{size[1]}", len(info), *info) + stored

    body = group(tags) + bytes(8)
    head = struct.pack(">I", version) + struct.pack(size, len(body) - 4 if version == 3 else len(body) - 8)
    path.write_bytes(head + struct.pack(">I", 1) + body)
    return path


def spectrum_image(cube: np.ndarray, signal: str = "X-ray") -> dict[str, Any]:
    height, width, channels = cube.shape
    dimensions = {
        "_x": {"Origin": 0.0, "Scale": 2.0, "Units": "nm"},
        "_y": {"Origin": 0.0, "Scale": 2.0, "Units": "nm"},
        "_e": {"Origin": 20.0, "Scale": 0.01, "Units": "keV"},
    }
    image = {
        "ImageData": {
            "Calibrations": {
                "Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": ""},
                "Dimension": dimensions,
            },
            "Data": np.ascontiguousarray(np.moveaxis(cube, 2, 0)).ravel(),
            "DataType": KINDS[cube.dtype.name][1],
            "Dimensions": {"_x": width, "_y": height, "_e": channels},
            "PixelDepth": cube.itemsize,
        },
        "ImageTags": {
            "Meta Data": {"Format": "Spectrum image", "Signal": signal},
            "Microscope Info": {"Voltage": 200000.0},
        },
        "Name": "EDS map",
    }
    return {"ImageList": {"_0": image}}


@pytest.fixture
def cube() -> np.ndarray:
    return np.random.default_rng(0).poisson(1.0, (5, 6, 300)).astype(np.uint16)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "int32", "float32"])
@pytest.mark.parametrize("version", [3, 4])
def test_a_map(tmp_path: Path, cube: np.ndarray, version: int, dtype: str) -> None:
    field = read_field(dm(tmp_path / f"a.dm{version}", spectrum_image(cube.astype(dtype)), version), bse="counts")
    spectra = field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra
    assert np.array_equal(spectra, cube.reshape(30, 300))
    assert field.energy.offset == pytest.approx(-200)
    assert field.energy.width == pytest.approx(10)
    assert field.energy.size == EnergyAxis(0, 10, 300).size
    assert (field.pixel_size, field.beam_energy) == (pytest.approx(0.002), 200)


@pytest.mark.parametrize(("signal", "problem"), [("EELS", "EELS"), ("CL", "cathodoluminescence")])
def test_other_maps(tmp_path: Path, cube: np.ndarray, signal: str, problem: str) -> None:
    with pytest.raises(FieldReadError, match=problem):
        read_field(dm(tmp_path / "a.dm4", spectrum_image(cube, signal), 4), bse="counts")
