"""Opening files and samples in napari."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager

import napari_gdls as gdls
from napari_gdls.io import write_msa, write_tima_field
from napari_gdls.plugin.layers.metadata import layer_field, layer_role
from napari_gdls.plugin.readers import NOTHING, get_reader, read


@pytest.fixture
def errors():
    notification_manager.records.clear()
    yield lambda: [record.message for record in notification_manager.records if record.severity == "error"]
    notification_manager.records.clear()


@pytest.fixture
def store(tmp_path, sparse_field):
    path = tmp_path / "pair.gdls.zarr.zip"
    gdls.write_field(path, sparse_field)
    return path


def assert_same_field(opened: gdls.Field, field: gdls.Field) -> None:
    np.testing.assert_array_equal(opened.bse, field.bse)
    np.testing.assert_array_equal(opened.locations, field.locations)
    np.testing.assert_array_equal(opened.window_counts(0, 1e9), field.window_counts(0, 1e9))


@pytest.mark.parametrize("name", ["pair.gdls.zarr.zip", "pair.gdls.zarr"])
def test_open_a_store(model, tmp_path, sparse_field, name):
    gdls.write_field(tmp_path / name, sparse_field)
    layers = model.open(tmp_path / name, plugin="napari-gdls")
    assert [layer_role(layer) for layer in layers] == ["bse", "measurements"]
    assert layers[0].name == "pair: BSE"
    assert_same_field(layer_field(layers[0]), sparse_field)
    assert layer_field(layers[0]) is layer_field(layers[1])


def test_open_a_store_with_segments(model, tmp_path, segmentation):
    path = tmp_path / "pair.gdls.zarr.zip"
    gdls.write_field(path, segmentation.field, labels=segmentation.labels, recipe=segmentation.recipe)
    layers = model.open(path, plugin="napari-gdls")
    assert [layer_role(layer) for layer in layers] == ["bse", "segments", "measurements"]
    np.testing.assert_array_equal(layers[1].data, segmentation.labels)
    assert layers[1].metadata["napari_gdls"]["recipe"] == segmentation.recipe
    assert layers[1].name == "pair: segments"
    assert layers[1].features["area [px]"].sum() == (segmentation.labels > 0).sum()


@pytest.mark.parametrize("compressed", [False, True])
def test_open_a_tima_folder(model, tmp_path, sparse_field, compressed, errors):
    axis = gdls.EnergyAxis(offset=0.0, width=10.0, size=3000)
    counts = np.zeros((sparse_field.n_measurements, axis.size), dtype=np.uint8)
    counts[:, 640] = np.arange(sparse_field.n_measurements) % 250
    field = gdls.Field(sparse_field.bse, counts, sparse_field.locations, axis)
    folder = tmp_path / "field 1"
    write_tima_field(folder, field)
    map_file = folder / "xray.map"
    if compressed and map_file.exists():
        map_file.with_name("xray.map.gz").write_bytes(gzip.compress(map_file.read_bytes()))
        map_file.unlink()
    for place in (folder, next(folder.glob("xray.map*"))):
        layers = model.open(place, plugin="napari-gdls")
        assert errors() == []
        assert_same_field(layer_field(layers[0]), field)


def test_open_a_vendor_file(model, shared_data):
    pytest.importorskip("rsciio")
    layers = model.open(shared_data / "p45_dacite" / "p45_122.bcf", plugin="napari-gdls")
    field = layer_field(layers[0])
    assert field.shape == (75, 100)
    assert str(layers[0].units[0]) == "micrometer"
    assert layers[0].scale[0] == pytest.approx(field.pixel_size)


def test_other_files_are_left_to_others(tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "folder").mkdir()
    assert get_reader(str(picture)) is None
    assert get_reader(str(tmp_path / "folder")) is None
    assert get_reader(str(tmp_path / "missing.tif")) is None


def test_fields_do_not_stack(store):
    assert get_reader([str(store), str(store)]) is None
    assert get_reader([str(store)]) is read


def test_a_damaged_file_is_one_message_and_no_layer(model, store, errors):
    data = bytearray(store.read_bytes())
    data[len(data) // 2] ^= 0xFF
    store.write_bytes(data)
    assert model.open(store, plugin="napari-gdls") == []
    (message,) = errors()
    assert str(store) in message
    assert "\n" not in message
    assert len(model.layers) == 0


def test_an_empty_file_is_one_message(tmp_path, errors):
    path = tmp_path / "empty.bcf"
    path.touch()
    reader = get_reader(str(path)) or read
    assert reader(str(path)) == NOTHING
    assert "empty" in errors()[0]


def test_a_single_spectrum_is_one_message_that_says_what_it_is_good_for(tmp_path, errors):
    path = tmp_path / "albite.msa"
    write_msa(path, np.full(300, 7.0), gdls.EnergyAxis(-10.0, 10.0, 300), title="albite")
    reader = get_reader(str(path))
    assert reader is not None
    assert reader(str(path)) == NOTHING
    (message,) = errors()
    assert "one spectrum, no map" in message
    assert "\n" not in message


def test_a_folder_of_points_opens(tmp_path, sparse_field, model):
    folder = tmp_path / "grain"
    folder.mkdir()
    tifffile.imwrite(folder / "bse.tif", sparse_field.bse)
    axis, (rows, columns) = sparse_field.energy, sparse_field.locations.T
    spectra = sparse_field.spectra if isinstance(sparse_field.spectra, np.ndarray) else sparse_field.spectra.toarray()
    calibration = {"energy_first_ev": axis.offset, "energy_width_ev": axis.width}
    np.savez_compressed(folder / "spectra.npz", counts=spectra, row=rows, column=columns, **calibration)
    for place in (folder, folder / "spectra.npz"):
        field = layer_field(model.open(place, plugin="napari-gdls")[0])
        np.testing.assert_array_equal(field.locations, sparse_field.locations)
        np.testing.assert_array_equal(field.bse, sparse_field.bse)


@pytest.mark.parametrize("key", ["dacite", "dacite-fast", "synthetic", "overlapping"])
def test_samples(model, key):
    layers = model.open_sample("napari-gdls", key)
    field = layer_field(layers[0])
    assert layer_role(layers[0]) == "bse"
    np.testing.assert_array_equal(layers[0].data, field.bse)
    if key == "synthetic":
        assert layers[-1].name == "synthetic: truth"
        assert not layers[-1].visible
        np.testing.assert_array_equal(layers[-1].data, field.metadata["truth"])
    if key == "overlapping":
        truth = field.metadata["truth"]["presence"]
        assert [layer.name for layer in layers[-2:]] == [f"overlapping: truth, {grain}" for grain in truth]
        for layer, mask in zip(layers[-2:], truth.values(), strict=True):
            assert not layer.visible
            np.testing.assert_array_equal(layer.data > 0, mask)


def test_a_missing_sample_is_one_message(monkeypatch, errors, tmp_path):
    from napari_gdls import samples
    from napari_gdls.plugin.samples import dacite, synthetic

    monkeypatch.setattr(samples, "_sample_file", lambda name: tmp_path / f"{name}.gdls.zarr.zip")
    monkeypatch.setattr(samples, "SAMPLES", {"dacite": ""})
    assert dacite() == NOTHING
    assert synthetic() == NOTHING
    assert len(errors()) == 2
