"""Names of phases on the layers: features and status bar, files, and back from files."""

from __future__ import annotations

import csv
from types import MappingProxyType

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

import napari_gdls as gdls
from napari_gdls.io import write_table
from napari_gdls.plugin.layers.contents import contents_of_derived
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation
from napari_gdls.plugin.layers.name_features import in_short
from napari_gdls.plugin.layers.phases import phase_layer
from napari_gdls.plugin.layers.placing import place_layers, rename_layers
from napari_gdls.plugin.layers.segments import segment_layer
from napari_gdls.plugin.layers.viewer import show
from napari_gdls.progress import silent
from napari_gdls.segmentation import BY_HAND, BY_MEASUREMENT, PhaseName, phase_table

PLAGIOCLASE = PhaseName(
    "plagioclase",
    0.93,
    BY_MEASUREMENT,
    ("labradorite",),
    "feldspar",
    quantities=MappingProxyType({"Si [wt%]": 25.0, "An": 0.48, "An error": 0.02, "Ab": 0.5, "albite share": 0.5}),
)


@pytest.fixture
def named(segmentation) -> gdls.Segmentation:
    return segmentation.with_names((PLAGIOCLASE, PhaseName("quartz", 0.41, BY_MEASUREMENT)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (PLAGIOCLASE, "plagioclase An48 (0.93)"),
        (PhaseName("quartz", 0.41, BY_MEASUREMENT), "quartz? (0.41)"),
        (PhaseName("glass", source=BY_HAND), "glass (by hand)"),
        (PhaseName("sulphide", source="scheme"), "sulphide"),
        (PhaseName(), ""),
        # The first component says nothing of a potassium feldspar.
        (PhaseName("K-feldspar", 1.0, BY_MEASUREMENT, quantities={"An": 0.01, "Ab": 0.1, "Or": 0.89}), "Or89"),
        (PhaseName("biotite", 1.0, BY_MEASUREMENT, quantities={"Mg#": 0.706, "Fe [wt%]": 9.0}), "Mg#71"),
        (PhaseName("biotite", 1.0, BY_MEASUREMENT, quantities={"Mg#": float("nan")}), "biotite (1.00)"),
    ],
)
def test_a_name_in_a_line(name, text):
    assert text in in_short(name) if text else in_short(name) == ""


def test_the_mouse_tells_the_name(named):
    for layer in (phase_layer(named), segment_layer(named)):
        layer.visible = True
        place = (2 * 2.0, 2 * 2.0)  # um: a pixel is 2 um
        phase = named.phases[named.labels[2, 2] - 1]
        expected = ["plagioclase An48 (0.93)", "quartz? (0.41)"][phase]
        status = layer.get_status(place, world=True)["value"]
        assert status.split("; ", 1)[1].startswith(f"mineral: {expected}")


def test_without_names_there_is_no_such_column(segmentation):
    for layer in (phase_layer(segmentation), segment_layer(segmentation)):
        assert "mineral" not in layer.features
        assert layer.features.columns[0] == "index"


def test_show_has_names(named, display, make_napari_viewer):
    viewer = show(named, make_napari_viewer(show=False))
    layers = {layer_role(layer): layer for layer in viewer.layers}
    assert set(layers["phases"].features["mineral"]) == {"plagioclase An48 (0.93)", "quartz? (0.41)"}
    for role in ("phases", "segments", "graph"):
        assert layer_segmentation(layers[role]).names == named.names


@pytest.mark.parametrize(
    ("make", "expected"), [(segment_layer, gdls.Segmentation.segment_table), (phase_layer, phase_table)]
)
def test_tables_of_layers_carry_names(model, named, tmp_path, make, expected):
    make(named).save(str(tmp_path / "layer.csv"))
    write_table(tmp_path / "expected.csv", expected(named))
    assert (tmp_path / "layer.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert "plagioclase" in (tmp_path / "layer.csv").read_text(encoding="utf-8")


def test_corrected_segments_keep_their_name_in_the_table(model, named, tmp_path):
    layer = segment_layer(named)
    layer.data_setitem((np.array([0, 0]), np.array([0, 1])), 7)
    layer.save(str(tmp_path / "segments.csv"))
    with (tmp_path / "segments.csv").open(newline="", encoding="utf-8") as file:
        names = {int(row["label"]): row["name"] for row in csv.DictReader(file)}
    assert names.pop(7) == ""
    assert list(names.values()) == [named.names[phase].name for phase in named.phases]


def test_files_of_images_and_stores_carry_names(model, named, tmp_path):
    segment_layer(named).save(str(tmp_path / "segments.ome.tif"))
    with tifffile.TiffFile(tmp_path / "segments.ome.tif") as file:
        assert "1: " in file.ome_metadata
        assert "plagioclase" in file.ome_metadata
    path = tmp_path / "result.gdls.zarr.zip"
    segment_layer(named).save(str(path))
    again = next(layer for layer in model.open(path, plugin="napari-gdls") if layer_role(layer) == "segments")
    assert again.features["mineral"].tolist() == [named.names[phase].name for phase in named.phases]
    again.save(str(tmp_path / "again.gdls.zarr.zip"))
    assert "plagioclase" in gdls.io.read_results(tmp_path / "again.gdls.zarr.zip").names.values()


def test_new_names_change_the_layers_of_their_result_only(segmentation, named):
    viewer = ViewerModel()
    for layer in field_layers(segmentation.field):
        viewer.add_layer(layer)
    place_layers(viewer, contents_of_derived(segmentation, silent))
    earlier = [layer for layer in viewer.layers if layer_role(layer) in ("phases", "segments")]
    unnamed = segmentation.with_names(())
    place_layers(viewer, contents_of_derived(unnamed, silent), keep_earlier=True)
    before = list(viewer.layers)
    rename_layers(viewer, contents_of_derived(named, silent), unnamed)
    assert list(viewer.layers) == before
    for layer in before:
        if layer_role(layer) in ("phases", "segments"):
            assert ("mineral" in layer.features) == (layer not in earlier)
            assert layer_segmentation(layer) is (segmentation if layer in earlier else named)
