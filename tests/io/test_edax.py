from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from edax_files import EdaxFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io import describe, file_choices, read_field
from napari_gdls.io.registry import find_reader

SPD = "Project 1/Sample 1/Area 1/Live Map 1/SPD"


def dense(field: Field) -> np.ndarray:
    spectra = field.spectra
    return np.asarray(spectra.toarray() if hasattr(spectra, "toarray") else spectra)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dtype=st.sampled_from(["<i2", ">i2", "<u2", ">u4", "<i4", "<f4", ">f8", "u1"]),
    flat=st.booleans(),
    lists=st.booleans(),
    company=st.booleans(),
    array_type=st.booleans(),
    chunks=st.sampled_from([None, (1, 1), (4, 4), (6, 2), (2, 9)]),
    size=st.tuples(st.integers(6, 12), st.integers(9, 12), st.integers(40, 70)),
    seed=st.integers(0, 9),
)
def test_all_that_may_differ_is_read_equal(
    tmp_path: Path, dtype: str, flat: bool, lists: bool, company: bool, array_type: bool,
    chunks: tuple[int, int] | None, size: tuple[int, int, int], seed: int,
) -> None:  # fmt: skip
    height, width, channels = size
    file = EdaxFile(
        height=height, width=width, channels=channels, dtype=dtype, flat=flat, lists=lists, company=company,
        array_type=array_type, chunks=chunks, seed=seed,
    )  # fmt: skip
    field = read_field(file.write(tmp_path / "x.edaxh5"), bse="Sample 1/Area 1/Live Map 1/MAPIMAGE", gain=1)
    assert np.array_equal(dense(field), file.counts().reshape(-1, channels))
    assert np.array_equal(field.bse, file.image())
    assert (field.energy.offset, field.energy.width, field.energy.size) == (-100.0, 10.0, channels)
    assert (field.pixel_size, field.beam_energy) == (0.5, 20.0)
    assert any("not published" in text for text in field.metadata["warnings"])


@pytest.mark.parametrize("name", ["x.edaxh5", "x.h5", "x.hdf5", "x"])
@pytest.mark.parametrize("company", [True, False])
def test_recognised_by_content(tmp_path: Path, name: str, company: bool) -> None:
    assert find_reader(EdaxFile(company=company).write(tmp_path / name)).name == "edaxh5"


def test_the_image_is_a_choice(tmp_path: Path) -> None:
    path = EdaxFile().write(tmp_path / "x.edaxh5")
    with pytest.raises(ReadChoiceError, match="MAPIMAGE") as refused:
        read_field(path)
    assert refused.value.option == "bse"
    with pytest.raises(ReadChoiceError, match="12 x 18 px"):
        read_field(path, bse="Sample 1/Area 1/FOVIMAGE")
    choices = file_choices(path)
    assert [(image.title, image.shape) for image in choices.images] == [
        ("Sample 1/Area 1/FOVIMAGE", (12, 18)),
        ("Sample 1/Area 1/Live Map 1/MAPIMAGE", (6, 9)),
    ]
    assert "experimental" in describe(path).format


def test_several_maps_are_a_choice(tmp_path: Path) -> None:
    file = EdaxFile(maps=2)
    path = file.write(tmp_path / "x.edaxh5")
    with pytest.raises(ReadChoiceError, match="2 maps") as refused:
        read_field(path, bse="counts")
    assert refused.value.option == "dataset"
    for dataset in (1, "Sample 1/Area 1/Live Map 2"):
        field = read_field(path, bse="counts", dataset=dataset, gain=1)
        assert np.array_equal(dense(field), file.counts(1).reshape(-1, 50))


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (EdaxFile(total_channels=400), r"energies of the 50 channels of its map; its sum spectrum has 400"),
        (EdaxFile(total=False), "width of a channel"),
        (EdaxFile(total_channels=400, width_of_map=10.0), "energies of the 50 channels"),
        (EdaxFile(total=False, width_of_map=10.0), "energy of the first channel"),
        (EdaxFile(width_of_map=20.0), "20 eV as the width of a channel of the map, and 10 eV"),
        (EdaxFile(without=("eVOffset",)), "energy of the first channel"),
        (EdaxFile(ev=float("nan")), "width of a channel"),
        (EdaxFile(ev=0.0), "width of a channel"),
        (EdaxFile(ev=0.01), "no calibration of EDS"),
    ],
)
def test_a_calibration_that_is_not_of_the_map_is_asked_for(tmp_path: Path, file: EdaxFile, says: str) -> None:
    path = file.write(tmp_path / "x.edaxh5")
    with pytest.raises(ReadChoiceError, match=says) as refused:
        read_field(path, bse="counts")
    assert refused.value.option == "energy"
    assert says.split(";")[0].replace("\\", "") in file_choices(path).maps[0].problem
    field = read_field(path, bse="counts", energy=(-60.0, 20.0), gain=1)
    assert (field.energy.offset, field.energy.width) == (-60.0, 20.0)
    assert np.array_equal(dense(field), file.counts().reshape(-1, 50))


def test_a_width_of_the_map_that_agrees(tmp_path: Path) -> None:
    field = read_field(EdaxFile(width_of_map=10.0).write(tmp_path / "x.edaxh5"), bse="counts")
    assert (field.energy.offset, field.energy.width) == (-100.0, 10.0)


def _set(name: str, value: Any) -> Callable[[h5py.File], None]:
    return lambda file: file[SPD].attrs.__setitem__(name, value)


def _replace_counts(data: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        attributes = dict(file[SPD].attrs)
        del file[SPD]
        file[SPD] = data
        file[SPD].attrs.update(attributes)

    return change


def _negative(file: h5py.File) -> None:
    counts = file[SPD][...]
    counts[2, 3, 4] = -5
    file[SPD][...] = counts


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_set("NumberOfLines", [7]), "declares 7 lines"),
        (_set("NumberOfPoints", [90]), "declares 90 points"),
        (_set("NumberofChannels", [51]), "declares 51 channels"),
        (_set("NumberofChannels", ["many"]), "declares many channels"),
        (_replace_counts(np.zeros((6, 9), np.int16)), "lines, points and channels"),
        (_replace_counts(np.zeros((6, 9, 50), np.complex64)), "complex64"),
        (_replace_counts(np.full((6, 9, 50), np.nan)), "."),
        (_replace_counts(np.zeros((6, 0, 50), np.int16)), "lines, points and channels"),
        (_negative, "negative"),
        (lambda file: file.__delitem__(SPD), "no map of spectra.*SPD of a Live Map"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: Callable[[h5py.File], None], says: str) -> None:
    path = EdaxFile().write(tmp_path / "x.edaxh5")
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(FieldReadError, match=says):
        read_field(path, bse="counts")


def test_files_that_are_cut(tmp_path: Path) -> None:
    path = EdaxFile().write(tmp_path / "x.edaxh5")
    whole = path.read_bytes()
    for length in np.linspace(1, len(whole) - 1, 60, dtype=int):
        path.write_bytes(whole[:length])
        with pytest.raises(FieldReadError):
            read_field(path, bse="counts")


def test_no_part_of_a_map_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.edaxh5"
    EdaxFile().write(path)
    kind = np.dtype((np.dtype("<i2"), (50,)))
    with h5py.File(path, "r+") as file:
        del file[SPD]
        data = file.create_dataset(SPD, (6, 9), kind, chunks=(2, 9))
    with pytest.raises(FieldReadError, match="never filled"):
        read_field(path, bse="counts", energy=(0, 10))
    with h5py.File(path, "r+") as file:
        data = file[SPD]
        data[:4] = EdaxFile().counts()[:4]
    field = read_field(path, bse="counts", energy=(0, 10), gain=1)
    assert len(field.unmeasured) == 18
    assert any("1 of 3 parts" in text for text in field.metadata["warnings"])


def test_an_image_of_other_pixels_over_the_same_extent(tmp_path: Path) -> None:
    file = EdaxFile(image_scale=2.0)
    title = "Sample 1/Area 1/Live Map 1/MAPIMAGE"
    field = read_field(file.write(tmp_path / "x.edaxh5"), bse=title)
    means = file.image(2.0).astype(float).reshape(6, 2, 9, 2).mean(axis=(1, 3))
    assert np.abs(field.bse - means).max() <= 0.5
    assert any("12 x 18 px is resampled" in text for text in field.metadata["warnings"])
    with h5py.File(tmp_path / "x.edaxh5", "r+") as edax:  # of another extent, or of none that is known
        table = edax[f"{SPD[:-3]}MAPIMAGEIPR"]
        table[...] = np.array([(0.4, 0.25)], table.dtype)
    with pytest.raises(ReadChoiceError, match="12 x 18 px"):
        read_field(tmp_path / "x.edaxh5", bse=title)


def test_an_image_that_is_not_understood_is_left_out_and_named(tmp_path: Path) -> None:
    path = EdaxFile().write(tmp_path / "x.edaxh5")
    with h5py.File(path, "r+") as file:
        file[f"{SPD[:-3]}MAPIMAGE"].attrs["PixelHeight"] = [5]
    field = read_field(path, bse="counts")
    assert any("MAPIMAGE is left out: it declares an image of 5 x 9 px" in text for text in field.metadata["warnings"])
    assert [image.title for image in file_choices(path).images] == ["Sample 1/Area 1/FOVIMAGE"]
