from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from damage import mutations
from PIL import Image

from napari_gdls.errors import FieldReadError
from napari_gdls.io import read_field, read_mindif


@pytest.fixture
def export(shared_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared_data / "vendor_files" / "tima_mindif", tmp_path / "export"))


def test_a_real_export(export: Path) -> None:
    fields = read_mindif(export)
    assert [field.name for field in fields] == ["D10", "D11", "E10", "E11"]
    assert [field.position for field in fields] == [(500, -6500), (-500, -6500), (500, -5500), (-500, -5500)]
    first = fields[0]
    assert first.pixel_size == 10
    assert (first.bse.shape, first.bse.dtype, first.phases.dtype, first.mask.dtype) == (
        (100, 100),
        np.uint16,
        np.int32,
        bool,
    )
    assert np.array_equal(first.bse, np.asarray(Image.open(export / "fields" / "D10" / "bse.png")))
    assert int(first.mask.sum()) == 9993
    names = {phase.number: phase.name for phase in first.phase_table}
    assert names[106] == "Quartz"
    assert next(phase.colour for phase in first.phase_table if phase.name == "Quartz") == "#828282"
    # Every number in the images is in the table, and the common phases are those of the rock.
    assert all(set(np.unique(field.phases).tolist()) <= names.keys() for field in fields)
    numbers, areas = np.unique(np.stack([field.phases[field.mask] for field in fields[:1]]), return_counts=True)
    assert {names[number] for number in numbers[np.argsort(areas)[-3:]]} & {"Quartz", "Albite", "[Unclassified]"}


def test_an_export_is_no_field(export: Path) -> None:
    for path in (export, export / "fields" / "D10"):
        with pytest.raises(FieldReadError, match=r"no spectra.*read_mindif"):
            read_field(path)


@pytest.mark.parametrize(
    "name", ["measurement.xml", "fields.xml", "phases.xml", "fields/D11/bse.png", "fields/E10/phases.tif"]
)
def test_incomplete_exports(export: Path, name: str) -> None:
    (export / name).unlink()
    with pytest.raises(FieldReadError, match="missing"):
        read_mindif(export)


@pytest.mark.parametrize("name", ["../D10", "/etc", "..", ".", "a/b", ""])
def test_field_names_that_lead_elsewhere(export: Path, name: str) -> None:
    text = (export / "fields.xml").read_text()
    (export / "fields.xml").write_text(text.replace('name="D10"', f'name="{name}"'))
    with pytest.raises(FieldReadError, match="no folder name"):
        read_mindif(export)


def test_images_of_different_shapes(export: Path) -> None:
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(export / "fields" / "D10" / "mask.png")
    with pytest.raises(FieldReadError, match="different shapes"):
        read_mindif(export)


@pytest.mark.parametrize(
    "name", ["measurement.xml", "fields.xml", "phases.xml", "fields/D10/phases.tif", "fields/D10/mask.png"]
)
def test_damaged_exports_are_refused_or_read(export: Path, name: str) -> None:
    whole = (export / name).read_bytes()
    refused = 0
    for damaged in mutations(whole, 150, seed=5, head=200):
        (export / name).write_bytes(damaged)
        try:
            read_mindif(export, memory_limit=1 << 28)
        except FieldReadError:
            refused += 1
    assert refused > 50
