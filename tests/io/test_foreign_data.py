"""Files that are read right or refused in one line: other signals, other calibrations, other sizes than declared."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
import tifffile
from PIL import Image

from napari_gdls.errors import FieldReadError, OutputError, ReadChoiceError, RecipeError
from napari_gdls.io import (
    describe,
    faults_of_set,
    read_field,
    read_field_store,
    read_labels,
    read_mindif,
    read_results,
    read_tima_field,
    write_float_image,
    write_labels,
    write_table,
    write_text,
)
from napari_gdls.io.text_numbers import number_in

pytest.importorskip("rsciio", reason="needs the extra formats")
pytest.importorskip("sparse", reason="needs the extra formats")

HEIGHT, WIDTH, DEPTH = 6, 8, 300


def counts() -> np.ndarray:
    return np.random.default_rng(0).poisson(3.0, (HEIGHT, WIDTH, DEPTH)).astype("<u2")


def ripple(folder: Path, data: np.ndarray | None = None, *, raw: bytes | None = None, **keys: object) -> Path:
    cube = counts() if data is None else data
    header: dict[str, object] = {
        "width": WIDTH,
        "height": HEIGHT,
        "depth": DEPTH,
        "offset": 0,
        "data-length": cube.itemsize,
        "data-type": "unsigned",
        "byte-order": "little-endian" if cube.itemsize > 1 else "dont-care",
        "record-by": "vector",
        "depth-scale": 10,
        "depth-origin": 0,
        "depth-units": "eV",
    } | {key.replace("_", "-"): value for key, value in keys.items()}
    lines = "".join(f"{key}\t{value}\n" for key, value in header.items() if value is not None)
    (folder / "map.rpl").write_text(f"key\tvalue\n{lines}")
    (folder / "map.raw").write_bytes(cube.tobytes() if raw is None else raw)
    return folder / "map.rpl"


def hyperspy(path: Path, kind: str, width: float, unit: str, name: str = "a") -> Path:
    """A map in the format of HyperSpy, of a signal type and with channels of a width; added to a file that is there."""
    data = counts()
    with h5py.File(path, "a") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.1"})
        signal = file.create_group(f"Experiments/{name}")
        signal.create_dataset("data", data=data, chunks=data.shape)
        for i, (size, scale, units) in enumerate(((HEIGHT, 1.0, "um"), (WIDTH, 1.0, "um"), (DEPTH, width, unit))):
            axis = {"name": "yxE"[i], "size": size, "scale": scale, "offset": 0.0, "units": units, "navigate": i < 2}
            signal.create_group(f"axis-{i}").attrs.update(axis)
        signal.create_group("metadata/General").attrs["title"] = name
        signal.create_group("metadata/Signal").attrs["signal_type"] = kind
        for name in ("original_metadata", "learning_results"):
            signal.create_group(name)
    return path


def refused(path: Path, **options: object) -> str:
    """The one message with which both reading and describing refuse a file."""
    messages = []
    for function in (read_field, describe):
        with pytest.raises(FieldReadError) as caught:
            function(path, bse="counts", **options)  # type: ignore[operator]
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    return messages[0]


def test_a_whole_ripple_map_is_read(tmp_path: Path) -> None:
    field = read_field(ripple(tmp_path), bse="counts")
    assert np.array_equal(sp.csr_array(field.spectra).toarray(), counts().reshape(-1, DEPTH))


@pytest.mark.parametrize(
    "keys",
    [
        {"width": WIDTH - 1},
        {"width": WIDTH + 1},
        {"height": HEIGHT * 2},
        {"depth": DEPTH // 2},
        {"data-length": 4},
        {"data-length": 1, "byte-order": "dont-care"},
        {"offset": 1},
        {"width": HEIGHT * 10**12},
    ],
    ids=lambda keys: ",".join(f"{key}={value}" for key, value in keys.items()),
)
def test_ripple_headers_that_declare_other_sizes_are_refused(tmp_path: Path, keys: dict[str, object]) -> None:
    message = refused(ripple(tmp_path, **keys))
    assert f"map.raw holds {counts().nbytes:,} bytes" in message
    assert "declared" in message


@pytest.mark.parametrize("change", [b"\0", b"\0\0\0\0"])
def test_ripple_data_that_are_longer_than_declared_are_refused(tmp_path: Path, change: bytes) -> None:
    for raw in (change + counts().tobytes(), counts().tobytes() + change, counts().tobytes()[: -len(change)]):
        assert "declared" in refused(ripple(tmp_path, raw=raw))


@pytest.mark.parametrize("value", ["0", "-3", "1_0", "٣", "8.5", "many", ""])
@pytest.mark.parametrize("key", ["width", "depth"])
def test_sizes_are_plain_whole_numbers(tmp_path: Path, key: str, value: str) -> None:
    assert key in refused(ripple(tmp_path, **{key: value}))


def test_a_header_without_its_data_says_which_file_is_missing(tmp_path: Path) -> None:
    path = ripple(tmp_path)
    (tmp_path / "map.raw").unlink()
    message = refused(path)
    assert "map.raw is not beside it" in message
    assert "damaged" not in message


def test_the_data_without_the_header_point_to_it(tmp_path: Path) -> None:
    ripple(tmp_path)
    assert "map.rpl" in refused(tmp_path / "map.raw")


@pytest.mark.parametrize("order", ["little-endian", "big-endian", "dont-care"])
def test_an_order_of_single_bytes_does_not_matter(tmp_path: Path, order: str) -> None:
    field = read_field(ripple(tmp_path, counts().astype("u1"), byte_order=order), bse="counts", gain=1)
    assert int(field.spectra.sum(dtype=np.int64)) == int(counts().astype("u1").sum(dtype=np.int64))


@pytest.mark.parametrize(
    ("width", "unit"),
    [(10_000, "eV"), (10, "keV"), (0.01, "eV"), (0.0, "eV"), (-10, "eV"), (1e-4, "keV")],
)
def test_calibrations_that_no_detector_has_are_refused(tmp_path: Path, width: float, unit: str) -> None:
    path = ripple(tmp_path, depth_scale=width, depth_units=unit)
    with pytest.raises(ReadChoiceError, match="energy") as error:
        read_field(path, bse="counts")
    assert error.value.option == "energy"
    described = describe(path)  # what can be told without the calibration is
    assert described.energy is None
    assert any("energy" in text for text in described.warnings)


@pytest.mark.parametrize(("width", "unit"), [(10, "eV"), (0.01, "keV"), (2.5, "eV"), (80, "eV")])
def test_calibrations_that_detectors_have_are_read(tmp_path: Path, width: float, unit: str) -> None:
    field = read_field(ripple(tmp_path, depth_scale=width, depth_units=unit), bse="counts")
    assert field.energy.width == pytest.approx(width * (1000 if unit == "keV" else 1))


@pytest.mark.parametrize(
    ("kind", "width", "unit", "words"),
    [
        ("EELS", 0.5, "eV", "electron energy losses"),
        ("CL", 0.003, "eV", "cathodoluminescence"),
        ("CLSEM", 0.003, "eV", "cathodoluminescence"),
        ("Something new", 10, "eV", "Something new"),
    ],
)
def test_other_signals_are_not_taken_for_x_rays(tmp_path: Path, kind: str, width: float, unit: str, words: str) -> None:
    message = refused(hyperspy(tmp_path / "a.hspy", kind, width, unit))
    assert words in message
    assert "not of X-rays" in message


@pytest.mark.parametrize("kind", ["EDS_SEM", "EDS_TEM", ""])
def test_x_rays_and_what_is_not_said_are_read(tmp_path: Path, kind: str) -> None:
    field = read_field(hyperspy(tmp_path / "a.hspy", kind, 10.0, "eV"), bse="counts")
    assert field.n_measurements == HEIGHT * WIDTH


def test_the_one_map_of_x_rays_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.hspy"
    for name, kind, width in (("a", "EELS", 0.5), ("b", "EDS_TEM", 5.0), ("c", "EELS", 0.1)):
        hyperspy(path, kind, width, "eV", name)
    field = read_field(path, bse="counts")
    assert (field.energy.width, field.metadata["dataset"]) == (5.0, "b")
    energy = describe(path, bse="counts").energy
    assert energy is not None
    assert energy.width == 5.0


@pytest.mark.parametrize("dtype", [">u2", ">u4", ">f4", ">f8"])
def test_the_order_of_bytes_does_not_matter(tmp_path: Path, dtype: str) -> None:
    kind = "float" if "f" in dtype else "unsigned"
    path = ripple(tmp_path, counts().astype(dtype), byte_order="big-endian", data_type=kind)
    field = read_field(path, bse="counts")
    assert np.array_equal(sp.csr_array(field.spectra).toarray(), counts().reshape(-1, DEPTH))


BAD_PATHS = ["", "a\0b", "n" * 300, "no/such/file", "/proc/self/mem", "\udcff"]


@pytest.mark.parametrize(
    "function",
    [read_field, describe, read_labels, read_mindif, read_tima_field, read_field_store, read_results, faults_of_set],
)
@pytest.mark.parametrize("path", BAD_PATHS)
def test_paths_that_cannot_be_read_are_one_error(function: Callable[[str], object], path: str) -> None:
    with pytest.raises(FieldReadError):
        function(path)


@pytest.mark.parametrize("ending", [".ome.tif", ".png", ".csv", ".float.tif", ".txt"])
@pytest.mark.parametrize("folder", ["no", "/proc", "n" * 300, "a\0b", "taken"])
def test_targets_that_cannot_be_written_are_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, ending: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    path = f"{folder}/a{ending}"
    write = {
        ".csv": lambda: write_table(path, {"a": np.zeros(2)}),
        ".float.tif": lambda: write_float_image(path, np.zeros((2, 2))),
        ".txt": lambda: write_text(path, "a"),
    }.get(ending, lambda: write_labels(path, np.zeros((2, 2), int)))
    with pytest.raises(OutputError):
        write()
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("change", [-1, 1, 600])
def test_edax_maps_of_other_sizes_than_declared_are_refused(tmp_path: Path, change: int) -> None:
    head = struct.pack("<16s7iI120s900x", b"MAPSPECTRA_DATA", 1, HEIGHT * WIDTH, WIDTH, HEIGHT, DEPTH, 2, 1068, 1, b"")
    body = counts().tobytes()
    path = tmp_path / "map.spd"
    path.write_bytes(head + (body + b"\0" * change if change > 0 else body[:change]))
    assert "declared" in refused(path)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *((text, float(text)) for text in ("1.5", " -2e3 ", ".5", "5.", "+7", "1e-3")),
        *((text, None) for text in ("1_0", "٣", "nan", "inf", "1e999", "", "1,5", "0x10")),
    ],
)
def test_numbers_in_files_are_plain(text: str, number: float | None) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan"), 10**400, True, "1"])
def test_memory_limits_are_positive_numbers(tmp_path: Path, limit: object) -> None:
    path = ripple(tmp_path)
    for function in (read_field, describe):
        with pytest.raises(RecipeError, match="memory_limit"):
            function(path, memory_limit=limit)  # type: ignore[operator]


def hspy(path: Path, data: np.ndarray) -> Path:
    rows, columns, depth = data.shape
    axes = [
        {"name": name, "units": units, "scale": scale, "offset": 0.0, "size": size, "navigate": navigate,
         "_type": "UniformDataAxis", "index_in_array": index}
        for index, (name, units, scale, size, navigate) in enumerate(
            (("y", "um", 1.0, rows, True), ("x", "um", 1.0, columns, True), ("Energy", "keV", 0.01, depth, False))
        )
    ]  # fmt: skip
    metadata = {"General": {"title": "EDS"}, "Signal": {"signal_type": "EDS_SEM"}}
    from rsciio.hspy import file_writer

    signal = {"data": data, "axes": axes, "metadata": metadata, "original_metadata": {}, "learning_results": {},
              "attributes": {"_lazy": False, "ragged": False}, "tmp_parameters": {}, "models": {},
              "package_info": {"package": "", "package_version": ""}}  # fmt: skip
    file_writer(str(path), signal)
    return path


def test_spectra_of_nan_are_pixels_that_were_not_measured(tmp_path: Path) -> None:
    shifted = counts().astype("f4")
    shifted[1], shifted[4, 5] = np.nan, np.nan
    path = hspy(tmp_path / "map.hspy", shifted)
    field = read_field(path, bse="counts", gain=1)
    expected = np.ones((HEIGHT, WIDTH), bool)
    expected[1], expected[4, 5] = False, False
    np.testing.assert_array_equal(field.valid, expected)
    assert field.n_measurements == HEIGHT * WIDTH - 9
    np.testing.assert_array_equal(np.asarray(field.total_spectrum), np.nansum(shifted, axis=(0, 1)))
    assert any("counts of 9 pixels are NaN" in text for text in describe(path).warnings)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "nan"), (np.inf, "inf")])
def test_counts_that_are_no_numbers_are_blamed_where_they_are(tmp_path: Path, value: float, word: str) -> None:
    broken = counts().astype("f8")
    broken[3, 2, 17] = value
    with pytest.raises(FieldReadError, match=f"its counts are {word} at row 3, column 2, channel 17") as caught:
        read_field(hspy(tmp_path / "map.hspy", broken), bse="counts")
    assert ".." not in str(caught.value)
    assert "valid" not in str(caught.value)
    with pytest.raises(FieldReadError, match="no spectrum that was measured"):
        read_field(hspy(tmp_path / "all.hspy", np.full_like(broken, np.nan)), bse="counts")


def test_an_image_with_nan_is_blamed_itself(tmp_path: Path) -> None:
    image = np.ones((HEIGHT, WIDTH), np.float32)
    image[2, 3:5] = np.nan
    tifffile.imwrite(tmp_path / "bse.tif", image)
    with pytest.raises(
        FieldReadError, match="2 pixels that are NaN or infinite, the first at row 2, column 3"
    ) as caught:
        read_field(ripple(tmp_path), bse=tmp_path / "bse.tif")
    assert caught.value.path == str(tmp_path / "bse.tif")


def test_a_grey_image_is_taken_from_any_kind_of_file(tmp_path: Path) -> None:
    grey = (np.arange(HEIGHT * WIDTH) * 5).astype(np.uint8).reshape(HEIGHT, WIDTH)
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    tifffile.imwrite(tmp_path / "bse.tif", rgb, photometric="rgb")
    Image.fromarray(rgb).save(tmp_path / "bse.png")
    Image.fromarray(grey).save(tmp_path / "bse.jpg", quality=95)
    path = ripple(tmp_path)
    for name in ("bse.tif", "bse.png"):
        field = read_field(path, bse=tmp_path / name)
        np.testing.assert_array_equal(field.bse, grey)
        assert "warnings" not in field.metadata
    (note,) = read_field(path, bse=tmp_path / "bse.jpg").metadata["warnings"]
    assert "JPEG" in note
