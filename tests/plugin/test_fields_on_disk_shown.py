"""Fields whose spectra lie on disk in the plugin: shown as those in memory are, and not loaded for it."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from napari_gdls import Recipe
from napari_gdls.field import spectra_on_disk
from napari_gdls.field.spectra_on_disk import SpectraOnDisk, SpectraWriter
from napari_gdls.io import read_field, sparse_spectra
from napari_gdls.plugin.layers.contents import contents_of_run
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import METADATA_KEY, layer_field
from napari_gdls.plugin.map_making import MapRequest, made_maps
from napari_gdls.plugin.saved_session import save_session, session_of
from napari_gdls.plugin.session import Session
from napari_gdls.plugin.spectrum_sums import result_sums, sum_of_measurements
from napari_gdls.progress import silent


def moved_to_disk(field, folder):
    other = copy.copy(field)
    writer = SpectraWriter(field.energy.size, field.spectra.dtype, folder)
    writer.append(field.spectra)
    other.spectra = writer.finish()
    return other


@pytest.fixture
def on_disk(field_to_name, tmp_path, monkeypatch):
    """The field to name, with its spectra on disk in many blocks."""
    monkeypatch.setattr(spectra_on_disk, "_READ_BYTES", 20_000)
    return moved_to_disk(field_to_name, tmp_path)


@pytest.fixture
def rows_read(monkeypatch):
    """How many spectra were read at a time."""
    read, rows = [], SpectraOnDisk._rows

    def counted(self, first, last):
        read.append(last - first)
        return rows(self, first, last)

    monkeypatch.setattr(SpectraOnDisk, "_rows", counted)
    return read


def test_layers_are_those_of_a_field_in_memory(on_disk, field_to_name, rows_read):
    for layer, other in zip(field_layers(on_disk), field_layers(field_to_name), strict=True):
        assert layer.name == other.name
        assert np.array_equal(np.asarray(layer.data), np.asarray(other.data))
    assert max(rows_read, default=0) < on_disk.n_measurements / 2


def test_one_spectrum_is_read_for_the_mouse(on_disk, field_to_name, rows_read):
    for k in (0, 17, on_disk.n_measurements - 1):
        rows_read.clear()
        one = sum_of_measurements(on_disk, np.array([k]))
        assert rows_read == [1]
        assert np.array_equal(one, sum_of_measurements(field_to_name, np.array([k])))
    many = np.arange(0, on_disk.n_measurements, 2)
    assert np.array_equal(sum_of_measurements(on_disk, many), sum_of_measurements(field_to_name, many))


def test_runs_sums_and_maps_are_the_same(on_disk, contents_to_name):
    found = contents_of_run(on_disk, Recipe(), silent)
    segmentation, other = found.result.segmentation, contents_to_name.result.segmentation
    assert np.array_equal(segmentation.labels, other.labels)
    sums, others = result_sums(segmentation), result_sums(other)
    for phase in range(other.n_phases):
        assert np.array_equal(sums.phases.sum_of([phase]), others.phases.sum_of([phase]))
    maps = []
    for field, result in ((on_disk, found.result), (other.field, contents_to_name.result)):
        session = Session()
        session.set_fields([(field, "zoned")])
        asked = [MapRequest(("Fe", "Si"), kind) for kind in ("counts", "window")]
        maps.append([each.values for one in asked for each in made_maps(session.chosen, result, one, silent)])
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*maps, strict=True))


def test_a_session_is_saved_and_opens_from_disk(model, on_disk, field_to_name, tmp_path, monkeypatch):
    contents = contents_of_run(on_disk, Recipe(), silent)
    session = Session()
    session.set_fields([(on_disk, "zoned")])
    assert session.finish_run(on_disk, Recipe(), contents.result)
    path = tmp_path / "day.gdls.zarr.zip"
    save_session(path, session_of(session.chosen))
    again = read_field(path)
    assert np.array_equal(again.spectra[:].toarray(), field_to_name.spectra.toarray())
    monkeypatch.setattr(sparse_spectra, "MEMORY_SHARE", 2**40)  # all spectra go to disk
    model.open(path, plugin="napari-gdls")
    (opened,) = {layer_field(layer) for layer in model.layers if METADATA_KEY in layer.metadata} - {None}
    assert isinstance(opened.spectra, SpectraOnDisk)
    assert {"zoned: BSE", "zoned: segments"} <= {layer.name for layer in model.layers}
