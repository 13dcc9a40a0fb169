"""Labels as polygons and as GeoJSON: exact, valid, in good order."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_gdls.errors import OutputError
from napari_gdls.io.described_labels import DescribedLabels, described_by_titles
from napari_gdls.io.geojson import write_geojson
from napari_gdls.io.label_polygons import LabelPolygons, label_polygons

SMALL = hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3))


def polygons(found: LabelPolygons) -> list[tuple[int, list[npt.NDArray[Any]]]]:
    """Label and rings of each polygon."""
    rings = [found.points[a:b] for a, b in zip(found.rings[:-1], found.rings[1:], strict=True)]
    ends = found.polygons.tolist()
    return [(label, rings[a:b]) for label, a, b in zip(found.labels.tolist(), ends[:-1], ends[1:], strict=True)]


def scanned(rings: list[Any], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels whose centres lie inside: an odd number of sides crosses the row to the left of them."""
    inside = np.zeros(shape, dtype=np.bool_)
    columns = np.arange(shape[1]) + 0.5
    for row in range(shape[0]):
        crossings = [
            x0 + (row + 0.5 - y0) / (y1 - y0) * (x1 - x0)
            for ring in rings
            for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True)
            if min(y0, y1) < row + 0.5 < max(y0, y1)
        ]
        inside[row] = np.searchsorted(np.sort(crossings), columns) % 2 == 1
    return inside


@settings(max_examples=150, deadline=None)
@given(SMALL)
def test_polygons_give_back_the_labels_exactly(labels: npt.NDArray[np.int64]) -> None:
    back = np.zeros_like(labels)
    for label, rings in polygons(label_polygons(labels)):
        inside = scanned([ring.tolist() for ring in rings], labels.shape)
        assert not back[inside].any()
        back[inside] = label
    assert np.array_equal(back, labels)


@settings(max_examples=150, deadline=None)
@given(SMALL)
def test_polygons_are_valid_and_one_for_each_part(labels: npt.NDArray[np.int64]) -> None:
    shapely = pytest.importorskip("shapely")
    from scipy.ndimage import label as parts

    found = polygons(label_polygons(labels))
    assert [label for label, _ in found] == sorted(label for label, _ in found)
    for value in np.unique(labels[labels > 0]):
        assert sum(label == value for label, _ in found) == parts(labels == value)[1]
    for _, (outer, *holes) in found:
        polygon = shapely.Polygon(outer, holes)
        assert polygon.is_valid
        assert shapely.LinearRing(outer).is_ccw  # in the numbers, as RFC 7946 asks for
        assert not any(shapely.LinearRing(hole).is_ccw for hole in holes)
        for ring in (outer, *holes):  # corners only
            sides = np.diff(np.vstack([ring, ring[:1]]), axis=0)
            assert ((sides == 0).sum(axis=1) == 1).all()
            assert ((sides[:, 0] == 0) != (np.roll(sides, 1, axis=0)[:, 0] == 0)).all()


def test_a_ring_that_closes_over_a_corner_has_a_hole_that_touches_it() -> None:
    labels = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]])
    ((label, (outer, hole)),) = polygons(label_polygons(labels))
    assert label == 1
    assert sorted(map(tuple, hole.tolist())) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [2, 2] in outer.tolist()


def test_large_labels_and_background_alone() -> None:
    found = label_polygons(np.array([[0, 2**32 - 1]], dtype=np.uint32))
    assert found.labels.tolist() == [2**32 - 1]
    assert len(label_polygons(np.zeros((2, 3), np.uint8)).labels) == 0


def described(labels: npt.NDArray[Any]) -> DescribedLabels:
    present = np.unique(labels[labels > 0])
    table = {
        "label": present,
        "name": np.array([f'"{k}" µ\n' for k in present.tolist()], dtype=np.str_),
        "area [px]": np.array([np.sum(labels == k) for k in present]),
        "mean confidence": np.where(present == 1, np.nan, 0.5),
    }
    return DescribedLabels("segments", labels, table, ["quartz"] * len(present), np.full((len(present), 3), 0.5))


@settings(max_examples=50, deadline=None)
@given(SMALL)
def test_a_geojson_file_is_exact_and_valid(tmp_path_factory: pytest.TempPathFactory, labels: Any) -> None:
    shapely = pytest.importorskip("shapely")
    path = tmp_path_factory.mktemp("g") / "a.geojson"
    write_geojson(path, described(labels), pixel_size=0.5)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["image"] == {"height": labels.shape[0], "width": labels.shape[1], "pixel_size_um": 0.5}
    assert [feature["id"] for feature in content["features"]] == np.unique(labels[labels > 0]).tolist()
    back = np.zeros_like(labels)
    for feature in content["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        parts = shape.geoms if feature["geometry"]["type"] == "MultiPolygon" else [shape]
        for part in parts:
            rings = [list(ring.coords)[:-1] for ring in (part.exterior, *part.interiors)]
            back[scanned(rings, labels.shape)] = feature["properties"]["label"]
    assert np.array_equal(back, labels)
    once = path.read_bytes()
    write_geojson(path, described(labels), pixel_size=0.5)
    assert path.read_bytes() == once


def test_features_say_what_qupath_and_tables_read(tmp_path: Path) -> None:
    labels = np.array([[1, 1, 0], [2, 0, 2]])
    write_geojson(tmp_path / "a.geojson", described(labels))
    first, second = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]
    assert first["geometry"] == {"type": "Polygon", "coordinates": [[[2, 0], [2, 1], [0, 1], [0, 0], [2, 0]]]}
    assert first["properties"] == {
        "label": 1, "name": '"1" µ\n', "area [px]": 2, "objectType": "detection",
        "classification": {"name": "quartz", "color": [128, 128, 128]}, "measurements": {"area [px]": 2},
    }  # fmt: skip
    assert second["geometry"]["type"] == "MultiPolygon"
    assert second["properties"]["measurements"] == {"area [px]": 2, "mean confidence": 0.5}


def test_labels_with_titles_alone(tmp_path: Path) -> None:
    labels = np.array([[1, 5]])
    write_geojson(tmp_path / "a.geojson", described_by_titles("segments", labels, {5: "zircon"}))
    plain, named = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert "classification" not in plain["properties"]
    assert named["properties"]["classification"] == {"name": "zircon"}


def test_what_is_no_label_image_is_refused() -> None:
    for labels in (np.zeros((2, 2)), np.array([[-1]]), np.array([[2**32]]), np.zeros(3, int), np.zeros((0, 3), int)):
        with pytest.raises(OutputError, match="label"):
            described_by_titles("segments", labels, {})
    with pytest.raises(OutputError, match="do not fit"):
        DescribedLabels("segments", np.ones((2, 2), int), {"label": np.array([1])}, classes=["a", "b"])


def test_thousands_of_segments_take_seconds(tmp_path: Path) -> None:
    from scipy.spatial import KDTree

    rng = np.random.default_rng(0)
    places = rng.random((5000, 2)) * 2000
    rows, columns = np.mgrid[:2000, :2000]
    labels = (KDTree(places).query(np.c_[rows.ravel(), columns.ravel()])[1] + 1).reshape(2000, 2000)
    write_geojson(tmp_path / "a.geojson", described_by_titles("segments", labels[:9, :9], {}))  # compiles
    start = time.process_time()
    write_geojson(tmp_path / "a.geojson", described_by_titles("segments", labels, {}))
    assert time.process_time() - start < 3
    # Green's theorem: what the polygons enclose is the number of pixels of each label.
    found = label_polygons(labels)
    area = np.zeros(5001)
    for label, rings in polygons(found):
        for ring in rings:
            following = np.roll(ring, -1, axis=0).astype(np.int64)
            area[label] += (ring[:, 0] * following[:, 1] - following[:, 0] * ring[:, 1]).sum() / 2
    assert np.array_equal(area, np.bincount(labels.ravel(), minlength=5001))
