from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io import describe, read_field


def dense(field: Field) -> np.ndarray:
    return field.spectra.toarray() if sp.issparse(field.spectra) else np.asarray(field.spectra)


def ripple(folder: Path, cube: np.ndarray, *, raw: str = "map.raw", tab: str = "\t", **header: Any) -> Path:
    height, width, depth = cube.shape
    kind = {"u": "unsigned", "i": "signed", "f": "float"}[cube.dtype.kind]
    order = {"<": "little-endian", "=": "little-endian", ">": "big-endian", "|": "dont-care"}[cube.dtype.byteorder]
    keys = {
        "width": width,
        "height": height,
        "depth": depth,
        "offset": 0,
        "data-length": cube.itemsize,
        "data-type": kind,
        "byte-order": order,
        "record-by": "vector",
        "width-units": "um",
        "width-scale": 0.5,
        "height-units": "um",
        "height-scale": 0.5,
        "depth-units": "keV",
        "depth-scale": 0.02,
        "depth-origin": -0.1,
        **header,
    }
    lines = "".join(f"{k}{tab}{v}\n" for k, v in keys.items() if v is not None)
    (folder / "map.rpl").write_text(f"key{tab}value\n{lines}")
    data = cube if keys["record-by"] != "image" else np.moveaxis(cube, 2, 0)
    (folder / raw).write_bytes(np.ascontiguousarray(data).tobytes())
    return folder / "map.rpl"


@pytest.fixture
def cube() -> np.ndarray:
    return np.random.default_rng(0).poisson(0.3, (6, 7, 50)).astype(np.uint16)


@pytest.mark.parametrize("order", ["vector", "image"])
def test_both_orders(tmp_path: Path, cube: np.ndarray, order: str) -> None:
    field = read_field(ripple(tmp_path, cube, **{"record-by": order}), bse="counts")
    assert np.array_equal(dense(field), cube.reshape(42, 50))
    assert field.energy == EnergyAxis(-100, 20, 50)
    assert field.pixel_size == 0.5


@pytest.mark.parametrize("dtype", ["u1", ">u2", "<u4", ">u4", "<i2", ">i4", "<u8", "<f2", ">f2", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("order", ["vector", "image"])
def test_every_kind_of_number_gives_the_same_counts(tmp_path: Path, cube: np.ndarray, dtype: str, order: str) -> None:
    field = read_field(ripple(tmp_path, cube.astype(dtype), **{"record-by": order}), bse="counts")
    assert np.array_equal(dense(field), cube.reshape(42, 50))
    assert field.spectra.dtype.isnative
    assert field.gain == 1


@pytest.mark.parametrize("width", [1, 7])
@pytest.mark.parametrize("height", [1, 6])
def test_maps_of_one_row_or_column(tmp_path: Path, cube: np.ndarray, height: int, width: int) -> None:
    part = np.maximum(cube[:height, :width], 1)
    field = read_field(ripple(tmp_path, part), bse="counts")
    assert field.shape == (height, width)
    assert np.array_equal(dense(field), part.reshape(-1, 50))


@pytest.mark.parametrize("given", ["little-endian", "big-endian", "dont-care", None])
def test_one_byte_has_no_order(tmp_path: Path, cube: np.ndarray, given: str | None) -> None:
    path = ripple(tmp_path, cube.astype(np.uint8), **{"byte-order": given})
    assert np.array_equal(dense(read_field(path, bse="counts")), cube.reshape(42, 50))


def test_two_bytes_without_an_order_are_told(tmp_path: Path, cube: np.ndarray) -> None:
    field = read_field(ripple(tmp_path, cube, **{"byte-order": None}), bse="counts")
    assert "little-endian is taken" in field.metadata["warnings"][0]


@pytest.mark.parametrize(
    "style",
    [
        {"tab": " "},
        {"tab": ": "},
        {"tab": " = "},
        {"depth-scale": "0,02", "depth-origin": "-0,1", "width-scale": "0,5"},
        {"Width": 7, "width": None, "data-length": None, "data-Length": 2},
        {"raw": "map.RAW"},
        {"raw": "map.Raw"},
        {"record-by": "Vector", "byte-order": "Little-Endian"},
        {"comment": "a line that is no key ; and more"},
    ],
)
def test_headers_as_other_programs_write_them(tmp_path: Path, cube: np.ndarray, style: dict[str, Any]) -> None:
    field = read_field(ripple(tmp_path, cube, **style), bse="counts")
    assert np.array_equal(dense(field), cube.reshape(42, 50))
    assert (field.energy, field.pixel_size) == (EnergyAxis(-100, 20, 50), 0.5)


def test_the_header_of_inca(tmp_path: Path, cube: np.ndarray) -> None:
    path = ripple(tmp_path, cube, **{"ev-per-chan": 20})
    lines = path.read_text().splitlines()[1:]
    path.write_text("(MLX::\n" + "".join(f"(MLX::{' : '.join(line.split(chr(9)))})\n" for line in lines) + ")\n")
    field = read_field(path, bse="counts")
    assert np.array_equal(dense(field), cube.reshape(42, 50))
    assert field.energy == EnergyAxis(-100, 20, 50)


OLD = dict.fromkeys(("depth-units", "depth-scale", "depth-origin", "width-units", "height-units"))


def test_the_one_calibration_of_the_old_format_does_not_say_where_it_begins(tmp_path: Path, cube: np.ndarray) -> None:
    path = ripple(tmp_path, cube, **OLD, **{"ev-per-chan": 10})
    field = read_field(path, bse="counts")
    assert field.energy == EnergyAxis(0, 10, 50)
    assert field.pixel_size is None
    assert "taken to be at 0 eV" in field.metadata["warnings"][0]
    assert any("taken to be at 0 eV" in warning for warning in describe(path).warnings)
    given = read_field(path, bse="counts", energy=(-200, 10))
    assert given.energy == EnergyAxis(-200, 10, 50)


@pytest.mark.parametrize(("unit", "origin"), [("eV", -200), ("keV", -0.2)])
def test_an_origin_beside_the_old_calibration(tmp_path: Path, cube: np.ndarray, unit: str, origin: float) -> None:
    header = {"depth-units": unit, "depth-origin": origin, "depth-scale": None, "ev-per-chan": 10}
    field = read_field(ripple(tmp_path, cube, **header), bse="counts")
    assert field.energy == EnergyAxis(-200, 10, 50)
    assert not any("0 eV" in text for text in field.metadata["warnings"])


def test_without_any_calibration(tmp_path: Path, cube: np.ndarray) -> None:
    path = ripple(tmp_path, cube, **OLD)
    with pytest.raises(ReadChoiceError, match="no energy calibration") as raised:
        read_field(path, bse="counts")
    assert raised.value.option == "energy"
    assert read_field(path, bse="counts", energy=(-200, 10)).energy == EnergyAxis(-200, 10, 50)


@pytest.mark.parametrize("unit", ["micron", "Microns", "micrometer", "micrometres", "mu m", "µm", "μm", "[um]"])
def test_pixel_sizes_in_words(tmp_path: Path, cube: np.ndarray, unit: str) -> None:
    field = read_field(ripple(tmp_path, cube, **{"width-units": unit, "height-units": unit}), bse="counts")
    assert field.pixel_size == 0.5


def test_a_unit_that_nobody_knows_is_told(tmp_path: Path, cube: np.ndarray) -> None:
    field = read_field(ripple(tmp_path, cube, **{"width-units": "furlong", "height-units": "furlong"}), bse="counts")
    assert field.pixel_size is None
    assert "0.5 'furlong'" in field.metadata["warnings"][0]


def test_pixels_that_are_not_square(tmp_path: Path, cube: np.ndarray) -> None:
    field = read_field(ripple(tmp_path, cube, **{"width-scale": 2.0}), bse="counts")
    assert field.pixel_size == pytest.approx(1.0)
    assert "2 um wide and 0.5 um high" in field.metadata["warnings"][0]


def test_other_spectra_than_of_x_rays(tmp_path: Path, cube: np.ndarray) -> None:
    with pytest.raises(FieldReadError, match="energy losses"):
        read_field(ripple(tmp_path, cube, signal="EELS"), bse="counts")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"width": 6}, r"map.raw holds 4,200 bytes, and 3,600 are declared \(6 x 6 px, 50 channels of 2 bytes\)"),
        ({"offset": 1}, "from byte 1 on"),
        ({"data-length": 4}, "8,400 are declared"),
        ({"data-length": 3}, "counts of 3 bytes"),
        ({"data-type": "float", "data-length": 1}, "float counts of 1 bytes"),
        ({"depth": None}, "depth is missing"),
        ({"depth": "-5"}, "depth is -5"),
        ({"depth": "\u0665\u0660"}, "a whole number"),
        ({"width": "9" * 400}, "a whole number"),
        ({"data-type": "complex"}, "there are unsigned, signed, float"),
        ({"record-by": "dont-care"}, "spectrum after spectrum"),
        ({"depth-scale": "wide"}, "depth-scale is 'wide', no number"),
        ({"byte-order": "middle-endian"}, "byte-order is middle-endian"),
        ({"Width": 8}, "gives width twice"),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, cube: np.ndarray, header: dict[str, Any], problem: str) -> None:
    with pytest.raises(FieldReadError, match=problem):
        read_field(ripple(tmp_path, cube, **header), bse="counts")


def test_a_header_that_was_cut_in_a_number_is_told(tmp_path: Path, cube: np.ndarray) -> None:
    path = ripple(tmp_path, cube, **{"depth-units": "eV", "depth-origin": 0, "depth-scale": None, "ev-per-chan": 57})
    whole = path.read_bytes()
    assert not any("cut off" in text for text in describe(path).warnings)
    path.write_bytes(whole[:-2])
    assert read_field(path, bse="counts").energy.width == 5
    assert any("look whether the file was cut off" in text for text in describe(path).warnings)


def test_lost_and_lengthened_counts(tmp_path: Path, cube: np.ndarray) -> None:
    path = ripple(tmp_path, cube)
    for n in range(-2, 3):
        (tmp_path / "map.raw").write_bytes(cube.tobytes()[: 4200 + n] + b"\0" * max(n, 0))
        if n:
            with pytest.raises(FieldReadError, match="4,200 are declared"):
                read_field(path, bse="counts")
    (tmp_path / "map.raw").unlink()
    with pytest.raises(FieldReadError, match=r"map\.raw is not beside it"):
        read_field(path, bse="counts")


def test_the_counts_in_place_of_the_header(tmp_path: Path, cube: np.ndarray) -> None:
    with pytest.raises(FieldReadError, match=r"Open its header, map\.rpl"):
        read_field(ripple(tmp_path, cube).with_suffix(".raw"))
    (tmp_path / "map.raw").replace(tmp_path / "b.rpl")
    with pytest.raises(FieldReadError, match=r"is no \.rpl header"):
        read_field(tmp_path / "b.rpl")


def test_a_header_that_declares_more_than_there_is_in_the_world(tmp_path: Path, cube: np.ndarray) -> None:
    path = ripple(tmp_path, cube, width=10**7, height=10**4, depth=800)
    start = time.monotonic()
    with pytest.raises(FieldReadError, match="160,000,000,000,000 are declared"):
        read_field(path, bse="counts")
    assert time.monotonic() - start < 1
    program = (
        "import resource, sys; from napari_gdls.io import read_field; import napari_gdls.io.ripple\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_field(sys.argv[1])\nexcept Exception as error: print(type(error).__name__)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    name, grown = done.stdout.split()
    assert (name, int(grown) < 64 * 1024) == ("FieldReadError", True)  # KiB
