from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.io import (
    MindifField,
    MindifPhase,
    describe_mindif,
    file_choices,
    read_field,
    read_mindif,
    write_mindif,
    write_tima_field,
)
from napari_gdls.io.mindif import is_mindif, open_mindif


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


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An export of two fields whose areas are known: 5 and 3 pixels of quartz, 1 of a phase without a name."""
    table = (MindifPhase(0, "[Unclassified]", "#000000"), MindifPhase(7, "Quartz", "#828282"))
    fields = []
    for name, n_quartz, x in (("A1", 5, 500.0), ("12", 3, -500.0)):
        phases = np.zeros((4, 6), np.int32)
        phases.flat[:n_quartz] = 7
        phases[3, 5] = 9
        mask = np.ones((4, 6), bool)
        mask[3, 0] = False
        fields.append(MindifField(name, np.full((4, 6), 9, np.uint8), phases, mask, 2.5, (x, 0.0), table))
    write_mindif(tmp_path / "small", fields)
    return tmp_path / "small"


def test_an_export_is_described(small: Path) -> None:
    whole = describe_mindif(small)
    assert {phase.name: area for phase, area in whole.areas.items()} == {
        "[Unclassified]": 2 * 23 - 10,
        "Quartz": 8,
        "not in the list of phases": 2,
    }
    assert (whole.shape, whole.pixel_size, whole.unmeasured) == ((4, 6), 2.5, 2)
    assert list(whole.fields.items()) == [("A1", (500.0, 0.0)), ("12", (-500.0, 0.0))]
    text = str(whole)
    assert "'A1' at x 500" in text
    assert "no spectra" in text
    for path, dataset in ((small, 0), (small, "A1"), (small / "fields" / "A1", None)):
        one = describe_mindif(path, dataset=dataset)
        assert {phase.name: area for phase, area in one.areas.items()}["Quartz"] == 5
        assert "of the field 'A1'" in str(one)


def test_fields_of_an_export_are_a_choice(small: Path) -> None:
    export, name = open_mindif(small)
    assert name is None
    assert [(each.index, each.title, each.shape) for each in file_choices(small).maps] == [
        (0, "A1", (4, 6, 0)),
        (1, "12", (4, 6, 0)),
    ]
    assert [export.chosen(dataset) for dataset in (0, 1, "A1", "12", 12)] == ["A1", "12", "A1", "12", "12"]
    for dataset in (None, 2, "A2", -1):
        with pytest.raises(ReadChoiceError, match="There are A1, 12") as refused:
            export.chosen(dataset)
        assert refused.value.option == "dataset"


def test_the_folder_of_one_field(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small / "fields" / "12"
    assert [field.name for field in read_mindif(folder)] == ["12"]
    assert file_choices(folder).maps == ()
    monkeypatch.chdir(folder)
    assert [field.name for field in read_mindif(Path())] == ["12"]
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, small / "fields" / "13")
    with pytest.raises(FieldReadError, match="does not list the field '13'"):
        read_mindif(small / "fields" / "13")
    shutil.copytree(folder, tmp_path / "alone" / "12")
    with pytest.raises(FieldReadError, match=r"measurement\.xml is missing"):
        read_mindif(tmp_path / "alone" / "12")


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("measurement.xml", "<ImageHeight>4<", "<ImageHeight>5<", "4 x 6 px, and 5 x 6 are declared"),
        ("measurement.xml", "<ImageHeight>4<", "<ImageHeight>4.5<", "4.5 px"),
        ("measurement.xml", "<ImageWidth>6<", "<ImageWidth>0<", "0.0 x 4.0 px"),
        ("measurement.xml", "ImageHeight", "ImageHigh", "ImageHeight is missing"),
        ("fields.xml", '"12"', '"A1"', "'A1' twice"),
    ],
)
def test_declared_sizes_and_names(small: Path, file: str, old: str, new: str, says: str) -> None:
    text = (small / file).read_text()
    assert old in text
    (small / file).write_text(text.replace(old, new))
    with pytest.raises(FieldReadError, match=says):
        read_mindif(small)


def test_phases_beside_spectra_are_a_field(tmp_path: Path, small: Path) -> None:
    from fuzz_targets import small_field

    write_tima_field(tmp_path / "field", small_field(), compress=False)
    shutil.copy(small / "fields" / "A1" / "phases.tif", tmp_path / "field" / "phases.tif")
    assert not is_mindif(tmp_path / "field")
    assert read_field(tmp_path / "field").shape == (9, 13)
