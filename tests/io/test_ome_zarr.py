"""Images with labels as OME-Zarr."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr

from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.io import read_labels
from napari_gdls.io.described_labels import DescribedLabels
from napari_gdls.io.ome_zarr import write_ome_zarr

RNG = np.random.default_rng(0)


def labelled(name: str, shape: tuple[int, int], largest: int) -> DescribedLabels:
    labels = RNG.integers(0, 5, shape) * (largest // 4)
    present = np.unique(labels[labels > 0])
    table = {
        "label": present,
        "area [px]": np.array([np.sum(labels == k) for k in present]),
        "unknown": np.full(len(present), np.nan),
    }
    return DescribedLabels(name, labels, table, ["K-feldspar", "µ", "", "x"], RNG.random((4, 3)))


def written(folder: Path, dtype: type = np.uint16, shape: tuple[int, int] = (520, 301)) -> tuple[Any, ...]:
    image = (RNG.random(shape) * 1000).astype(dtype)
    labels = [labelled("segments", shape, 70_000), labelled("phases", shape, 400)]
    write_ome_zarr(folder, image, labels, pixel_size=0.25, overwrite=True)
    return image, labels


def test_it_is_valid_and_says_what_is_known(tmp_path: Path) -> None:
    models = pytest.importorskip("ome_zarr_models.v05")
    image_label = pytest.importorskip("ome_zarr_models.v05.image_label")
    path = tmp_path / "a.ome.zarr"
    _, labels = written(path)
    group = zarr.open_group(path, mode="r")
    image = models.Image.from_zarr(group)
    assert [axis.unit for axis in image.ome_attributes.multiscales[0].axes] == ["micrometer"] * 2
    for each in labels:
        found = image_label.ImageLabel.from_zarr(group[f"labels/{each.name}"]).ome_attributes.image_label
        assert [colour.label_value for colour in found.colors] == each.values.tolist()
        assert [list(colour.rgba) for colour in found.colors] == [[*colour, 255] for colour in each.colours_8bit()]
        properties = [known.model_dump() for known in found.properties]
        assert [known.get("class") for known in properties] == ["K-feldspar", "µ", None, "x"]
        assert [known["area [px]"] for known in properties] == each.table["area [px]"].tolist()
        assert not any("unknown" in known for known in properties)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_pyramids_hold_means_and_labels_and_lie_upon_each_other(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "a.ome.zarr"
    image, labels = written(path, dtype)
    group = zarr.open_group(path, mode="r")
    for name, whole in [("", image), *((f"labels/{each.name}/", each.labels) for each in labels)]:
        levels = group[name or "/"].attrs["ome"]["multiscales"][0]["datasets"]
        assert [level["path"] for level in levels] == ["0", "1", "2"]
        assert np.array_equal(group[f"{name}0"][:], whole)
        assert [group[f"{name}{k}"].shape for k in range(3)] == [(520, 301), (260, 151), (130, 76)]
        # Every pixel of level 1 lies in the middle of those that it stands for.
        scale, shift = (
            change.get("scale", change.get("translation")) for change in levels[1]["coordinateTransformations"]
        )
        assert (scale, shift) == ([0.5, 0.5], [0.125, 0.125])
    coarse = group["1"][:]
    blocks = image[:, :300].reshape(260, 2, 150, 2).astype(np.float64).mean(axis=(1, 3))
    assert np.abs(coarse[:, :150] - blocks).max() <= (0.5 if np.dtype(dtype).kind in "ui" else 1e-3)
    assert np.array_equal(coarse[:, 150], image[:, 300].reshape(260, 2).astype(np.float64).mean(axis=1).round()
                          if np.dtype(dtype).kind in "ui" else image[:, 300].reshape(260, 2).mean(axis=1))  # fmt: skip
    for each in labels:
        few = group[f"labels/{each.name}/1"][:]
        four = each.labels[:, :300].reshape(260, 2, 150, 2).swapaxes(1, 2).reshape(260, 150, 4)
        chosen = (four == few[:, :150, None]).sum(axis=2)
        most = (four[..., None] == four[..., None, :]).sum(axis=2).max(axis=2)
        assert np.array_equal(chosen, most)


def test_it_is_written_twice_alike_and_read_back(tmp_path: Path) -> None:
    image = np.arange(600, dtype=np.uint16).reshape(20, 30)
    labels = [labelled("segments", (20, 30), 70_000), labelled("phases", (20, 30), 8)]
    for name in ("a", "b"):
        write_ome_zarr(tmp_path / f"{name}.ome.zarr", image, labels)
    files = sorted(file.relative_to(tmp_path / "a.ome.zarr") for file in (tmp_path / "a.ome.zarr").rglob("*.*"))
    assert files
    for file in files:
        if (tmp_path / "a.ome.zarr" / file).is_file():
            assert (tmp_path / "a.ome.zarr" / file).read_bytes() == (tmp_path / "b.ome.zarr" / file).read_bytes()
    assert np.array_equal(read_labels(tmp_path / "a.ome.zarr"), labels[0].labels)
    assert np.array_equal(read_labels(tmp_path / "a.ome.zarr" / "labels" / "phases"), labels[1].labels)
    axes = zarr.open_group(tmp_path / "a.ome.zarr", mode="r").attrs["ome"]["multiscales"][0]["axes"]
    assert not any("unit" in axis for axis in axes)
    with pytest.raises(OutputError, match="exists"):
        write_ome_zarr(tmp_path / "a.ome.zarr", image, labels)


@pytest.mark.parametrize(
    ("name", "shape", "problem"),
    [("segments", (3, 3), "shape"), ("../x", (20, 30), "name"), ("phases", (20, 30), "one name")],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, name: str, shape: tuple[int, int], problem: str) -> None:
    labels = [labelled("phases", (20, 30), 8), labelled(name, shape, 8)]
    with pytest.raises(OutputError, match=problem):
        write_ome_zarr(tmp_path / "a.ome.zarr", np.zeros((20, 30), np.uint8), labels)
    assert not list(tmp_path.iterdir())


def damaged(path: Path, name: str, change: Any) -> None:
    data = (path / name).read_bytes()
    (path / name).write_bytes(change(data))


def with_shape(data: bytes) -> bytes:
    header = json.loads(data)
    header["shape"] = header["chunk_grid"]["configuration"]["chunk_shape"] = [2**20, 2**20]
    return json.dumps(header).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: shutil.rmtree(path / "labels" / "segments" / "0" / "c"),
        lambda path: shutil.rmtree(path / "labels" / "segments"),
        lambda path: shutil.rmtree(path / "labels"),
        lambda path: damaged(path, "zarr.json", lambda data: data[:-20]),
        lambda path: damaged(path, "labels/zarr.json", lambda data: data.replace(b"segments", b"../../..")),
        lambda path: damaged(path, "labels/segments/0/zarr.json", with_shape),
        lambda path: damaged(path, "labels/segments/0/c/0/0", lambda data: data[:-3]),
        lambda path: damaged(path, "labels/segments/0/c/0/0", lambda data: data[:40] + b"\0\0\0" + data[43:]),
        lambda path: damaged(path, "labels/segments/0/c/0/0", lambda data: data + b"\0"),
        lambda path: damaged(path, "labels/segments/zarr.json", lambda data: data.replace(b"multiscales", b"multi")),
    ],
)
def test_damaged_labels_are_refused(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr(path, np.zeros((20, 30), np.uint8), [labelled("segments", (20, 30), 8)])
    damage(path)
    with pytest.raises(FieldReadError):
        read_labels(path)


def test_several_label_images_need_a_choice(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    labels = [labelled("one", (20, 30), 8), labelled("two", (20, 30), 8)]
    write_ome_zarr(path, np.zeros((20, 30), np.uint8), labels)
    with pytest.raises(FieldReadError, match="labels/one"):
        read_labels(path)


def test_labels_of_other_programs_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr(path, np.zeros((20, 30), np.uint8), [labelled("segments", (20, 30), 8)])
    shutil.rmtree(path / "labels" / "segments" / "0")
    array = zarr.create_array(path / "labels" / "segments" / "0", shape=(20, 30), dtype="u2")
    array[...] = 1
    with pytest.raises(FieldReadError, match="OME-TIFF"):
        read_labels(path)


def shown_range(image: npt.NDArray[Any], folder: Path, **given: Any) -> tuple[float, float]:
    write_ome_zarr(folder, image, [labelled("segments", image.shape, 8)], overwrite=True, **given)
    window = zarr.open_group(folder, mode="r").attrs["ome"]["omero"]["channels"][0]["window"]
    return window["start"], window["end"]


def test_brightness_is_that_of_the_specimen(tmp_path: Path) -> None:
    image = np.tile(np.arange(100, dtype=np.float32), (40, 1))
    valid = (image >= 50) & (image < 60)
    low, high = shown_range(image, tmp_path / "a.ome.zarr", valid=valid)
    assert 50 <= low < high <= 59
    image[0, 0] = np.nan
    low, high = shown_range(image, tmp_path / "a.ome.zarr")
    assert 0 <= low < high <= 99
    assert shown_range(np.full((9, 9), 7, np.uint8), tmp_path / "b.ome.zarr") == (7.0, 8.0)
