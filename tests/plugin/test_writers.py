"""Saving layers from napari."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from skimage.io import imread

import napari_gdls as gdls
from napari_gdls.errors import OutputError
from napari_gdls.io import read_labels, read_results, write_table
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.phases import phase_layer
from napari_gdls.plugin.layers.segments import segment_layer
from napari_gdls.segmentation import phase_table
from napari_gdls.segmentation.described import described_phases, described_segments


@pytest.fixture
def edited(segmentation) -> Labels:
    """Segments with a correction by hand."""
    layer = segment_layer(segmentation)
    layer.data_setitem((np.array([0, 0]), np.array([0, 1])), 7)
    return layer


@pytest.mark.parametrize("name", ["segments.ome.tif", "segments.ome.tiff", "segments.png"])
def test_images_hold_the_corrected_labels(model, edited, tmp_path, name):
    path = tmp_path / name
    assert edited.save(str(path)) == [str(path)]
    np.testing.assert_array_equal(read_labels(path), edited.data)


def test_ome_tiff_has_the_pixel_size(model, edited, tmp_path):
    path = tmp_path / "segments.ome.tif"
    edited.save(str(path))
    with tifffile.TiffFile(path) as file:
        assert 'PhysicalSizeX="2.0"' in file.ome_metadata


def test_pixel_size_of_labels_from_elsewhere(model, tmp_path):
    path = tmp_path / "other.ome.tif"
    Labels(np.eye(8, dtype=int), scale=(0.5, 0.5), units=("mm", "mm")).save(str(path), plugin="napari-gdls")
    with tifffile.TiffFile(path) as file:
        assert 'PhysicalSizeX="500.0"' in file.ome_metadata
    Labels(np.eye(8, dtype=int), scale=(0.5, 0.5)).save(str(path), plugin="napari-gdls")
    with tifffile.TiffFile(path) as file:
        assert "PhysicalSizeX" not in file.ome_metadata


def test_table_follows_the_corrections(model, edited, tmp_path):
    path = tmp_path / "segments.csv"
    assert edited.save(str(path)) == [str(path)]
    with path.open(newline="", encoding="utf-8") as file:
        rows = {int(row["label"]): row for row in csv.DictReader(file)}
    assert rows[7]["area [px]"] == "2"
    assert sum(int(row["area [px]"]) for row in rows.values()) == (edited.data > 0).sum()


@pytest.mark.parametrize(
    ("make", "expected"), [(segment_layer, gdls.Segmentation.segment_table), (phase_layer, phase_table)]
)
def test_the_table_of_an_unedited_result_has_all_its_columns(model, segmentation, tmp_path, make, expected):
    make(segmentation).save(str(tmp_path / "layer.csv"))
    write_table(tmp_path / "expected.csv", expected(segmentation))
    assert (tmp_path / "layer.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


def test_polygons_and_ome_zarr_have_the_colours_of_an_unedited_result(model, segmentation, tmp_path):
    for make, name, described in (
        (segment_layer, "segments", described_segments(segmentation)),
        (phase_layer, "phases", described_phases(segmentation)),
    ):
        make(segmentation).save(str(tmp_path / f"{name}.geojson"))
        make(segmentation).save(str(tmp_path / f"{name}.ome.zarr"))
        features = json.loads((tmp_path / f"{name}.geojson").read_text(encoding="utf-8"))["features"]
        found = [feature["properties"]["classification"] for feature in features]
        colours = described.colours_8bit()
        expected = [{"name": title, "color": colours[k]} for k, title in enumerate(described.classes)]
        assert found == [expected[k] for k, value in enumerate(described.values) if (described.labels == value).any()]
        np.testing.assert_array_equal(read_labels(tmp_path / f"{name}.ome.zarr"), described.labels)
    with pytest.raises(OutputError, match="exists"):
        phase_layer(segmentation).save(str(tmp_path / "phases.ome.zarr"))


def test_edited_labels_are_written_as_polygons_as_they_stand(model, edited, tmp_path):
    edited.save(str(tmp_path / "a.geojson"))
    features = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]
    assert [feature["id"] for feature in features] == np.unique(edited.data[edited.data > 0]).tolist()
    assert not any("color" in feature["properties"] for feature in features)
    Labels(np.eye(5, dtype=np.uint8)).save(str(tmp_path / "plain.geojson"))
    assert len(json.loads((tmp_path / "plain.geojson").read_text())["features"]) == 1


def test_corrected_segments_keep_their_phase_in_the_table(model, edited, segmentation, tmp_path):
    edited.save(str(tmp_path / "segments.csv"))
    with (tmp_path / "segments.csv").open(newline="", encoding="utf-8") as file:
        rows = {int(row["label"]): row for row in csv.DictReader(file)}
    assert "mean confidence" not in rows[7]
    assert rows.pop(7)["phase"] == "0"  # added by hand: no phase is known
    assert [int(row["phase"]) for row in rows.values()] == (segmentation.phases + 1).tolist()


def test_store_holds_field_labels_and_recipe(model, edited, segmentation, tmp_path):
    path = tmp_path / "result.gdls.zarr.zip"
    assert edited.save(str(path)) == [str(path)]
    stored = read_results(path)
    np.testing.assert_array_equal(stored.labels, edited.data)
    assert stored.recipe == segmentation.recipe
    np.testing.assert_array_equal(gdls.read_field(path).bse, segmentation.field.bse)
    again = model.open(path, plugin="napari-gdls")
    np.testing.assert_array_equal(again[1].data, edited.data)


@pytest.mark.parametrize("name", ["field.gdls.zarr.zip", "field.gdls.zarr"])
def test_the_image_of_a_field_saves_the_field(model, sparse_field, tmp_path, name):
    path = tmp_path / name
    assert field_layers(sparse_field)[0].save(str(path)) == [str(path)]
    field = gdls.read_field(path)
    np.testing.assert_array_equal(field.total_counts, sparse_field.total_counts)


def test_folders_are_not_replaced(model, sparse_field, tmp_path):
    path = tmp_path / "field.gdls.zarr"
    path.mkdir()
    (path / "precious").touch()
    with pytest.raises(OutputError):
        field_layers(sparse_field)[0].save(str(path))
    assert (path / "precious").exists()


def test_layers_without_a_field(model, tmp_path):
    for layer, name in (
        (Image(np.zeros((4, 4))), "image.gdls.zarr.zip"),
        (Labels(np.ones((4, 4), dtype=int)), "labels.gdls.zarr.zip"),
    ):
        with pytest.raises(OutputError, match="carries no field"):
            layer.save(str(tmp_path / name))
    with pytest.raises(OutputError, match="needs the field"):
        Labels(np.ones((4, 4), dtype=int)).save(str(tmp_path / "labels.csv"))
    assert list(tmp_path.iterdir()) == []


def test_volumes_are_refused(model, tmp_path):
    with pytest.raises(OutputError, match=r"shape"):
        Labels(np.ones((3, 4, 4), dtype=int)).save(str(tmp_path / "volume.ome.tif"), plugin="napari-gdls")


def test_napari_still_writes_plain_tiff(model, tmp_path):
    path = tmp_path / "plain.tif"
    Labels(np.eye(5, dtype=np.uint8)).save(str(path))
    np.testing.assert_array_equal(imread(path), np.eye(5))
