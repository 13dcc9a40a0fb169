from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oxford_files import TEXT, OxfordFile
from scipy.ndimage import map_coordinates

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io import describe, file_choices, read_field
from napari_gdls.io.oxford_images import Frame, in_frame
from napari_gdls.io.oxford_spectra import SpectrumRows
from napari_gdls.io.registry import find_reader

HEADER = "1/EDS/Header"
SPECTRUM = "1/EDS/Data/Spectrum"
BSE = "1/Electron Image/Data/BSE/Elektronenbild 2"


def dense(field: Field) -> np.ndarray:
    spectra = field.spectra[:]
    return np.asarray(spectra.toarray() if hasattr(spectra, "toarray") else spectra)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dtype=st.sampled_from(["<i4", ">i4", "<i2", "<u2", "<u4", "<i8", "u1"]),
    image_dtype=st.sampled_from(["u1", "<u2", ">u2"]),
    version=st.sampled_from(["7.0", "8.0", "6.0"]),
    spec_dims=st.booleans(),
    chunk=st.sampled_from([None, 1, 5, 1000]),
    size=st.tuples(st.integers(2, 12), st.integers(2, 12), st.integers(40, 70)),
    outside=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    relative=st.booleans(),
    seed=st.integers(0, 9),
)
def test_all_that_may_differ_is_read_equal(
    tmp_path: Path, dtype: str, image_dtype: str, version: str, spec_dims: bool, chunk: int | None,
    size: tuple[int, int, int], outside: tuple[int, int], relative: bool, seed: int,
) -> None:  # fmt: skip
    height, width, channels = size
    file = OxfordFile(
        height=height, width=width, channels=channels, dtype=dtype, image_dtype=image_dtype, version=version,
        spec_dims=spec_dims, chunk=chunk, outside=outside, seed=seed,
    )  # fmt: skip
    if not relative:
        file = file.but(offset=None, size=None)
    field = read_field(file.write(tmp_path / "x.h5oina"), gain=1)
    assert np.array_equal(dense(field), file.counts()[file.valid])
    assert np.array_equal(field.valid, file.valid)
    assert np.array_equal(field.locations, np.argwhere(file.valid))
    assert np.array_equal(field.bse, file.image(1))
    assert (field.energy.offset, field.energy.width, field.energy.size) == (-192.554, 20.000347, channels)
    assert (field.pixel_size, field.beam_energy, field.sampling_distance) == (0.316, 20.0, 1.0)
    assert field.metadata["bse_image"] == "BSE/Elektronenbild 2"
    assert field.metadata["acquisition"]["SEM"]["Detector"]["EDS"]["elevation_angle"] == pytest.approx(35.0, abs=1e-4)
    assert field.metadata["acquisition"]["Oxford"]["Stage Position/Y"] == -3.25


@pytest.mark.parametrize("name", ["x.h5oina", "x.h5", "x.hdf5", "x"])
@pytest.mark.parametrize("manufacturer", ["Oxford Instruments", None])
def test_recognised_by_content(tmp_path: Path, name: str, manufacturer: str | None) -> None:
    assert find_reader(OxfordFile(manufacturer=manufacturer).write(tmp_path / name)).name == "h5oina"


@pytest.mark.parametrize("version", ["9.0", "12.5", "next", ""])
def test_versions_to_come_are_read_with_a_warning(tmp_path: Path, version: str) -> None:
    path = OxfordFile(version=version).write(tmp_path / "x.h5oina")
    assert any("version" in text and "8" in text for text in read_field(path, gain=1).metadata["warnings"])
    assert any("version" in text for text in describe(path).warnings)


def test_what_info_says(tmp_path: Path) -> None:
    summary = describe(OxfordFile(outside=(2, 0)).write(tmp_path / "x.h5oina"))
    assert [image.title for image in summary.images] == ["BSE/Elektronenbild 2", "SE/Electron Image 1"]
    assert (summary.shape, summary.beam_energy, summary.pixel_size) == ((6, 9), 20.0, 0.316)
    assert any("18 pixels lie outside" in text for text in summary.warnings)


def test_detectors_are_a_choice_and_so_is_their_sum(tmp_path: Path) -> None:
    file = OxfordFile(names=("EDS1", "EDS2"), apart=2.0, outside=(1, 0))
    path = file.write(tmp_path / "x.h5oina")
    with pytest.raises(ReadChoiceError, match=r"3 maps.*'EDS1'.*'EDS2'.*'EDS1 \+ EDS2'") as refused:
        read_field(path)
    assert refused.value.option == "dataset"
    for number, title in enumerate(("EDS1", "EDS2")):
        field = read_field(path, dataset=title, gain=1)
        assert np.array_equal(dense(field), file.counts(number)[file.valid])
        assert field.energy.offset == pytest.approx(-192.554 + 2 * number, abs=1e-4)
    both = read_field(path, dataset=2, gain=1)
    assert both.metadata["dataset"] == "EDS1 + EDS2"
    assert np.array_equal(dense(both), (file.counts(0) + file.counts(1))[file.valid])
    assert both.energy.offset == pytest.approx(-191.554, abs=1e-4)
    assert both.energy.width == pytest.approx(20.000347)
    assert np.array_equal(both.bse, file.image(1))


def test_detectors_that_cannot_be_added(tmp_path: Path) -> None:
    path = OxfordFile(names=("EDS1", "EDS2"), apart=6.0).write(tmp_path / "x.h5oina")
    assert [found.title for found in file_choices(path).maps] == ["EDS1", "EDS2"]


def test_detectors_with_frames_of_their_own(tmp_path: Path) -> None:
    truth = OxfordFile(names=("EDS1", "EDS2"), image_cells=(20, 30), offset=(4 / 30, 7 / 20), size=(9 / 30, 6 / 20))
    path = truth.write(tmp_path / "x.h5oina")
    with h5py.File(path, "r+") as file:
        file["1/EDS2/Header/Relative Offset"][...] = [[11 / 30, 2 / 20]]
    choices = file_choices(path)
    assert [found.title for found in choices.maps] == ["EDS1", "EDS2"]
    assert choices.images[0].title == "BSE/Elektronenbild 2, frame of EDS1"
    assert np.array_equal(read_field(path, dataset="EDS1", gain=1).bse, truth.image(1)[7:13, 4:13])
    assert np.array_equal(read_field(path, dataset="EDS2", gain=1).bse, truth.image(1)[2:8, 11:20])


def test_a_detector_without_spectra_is_no_choice(tmp_path: Path) -> None:
    file = OxfordFile(names=("EDS1", "EDS2"), spectra=(False, True))
    field = read_field(file.write(tmp_path / "x.h5oina"), gain=1)
    assert field.metadata["dataset"] == "EDS2"
    assert np.array_equal(dense(field), file.counts(1).reshape(-1, 50))


def test_several_acquisitions_are_a_choice(tmp_path: Path) -> None:
    file = OxfordFile(slices=("1", "2"))
    path = file.write(tmp_path / "x.h5oina")
    assert [found.title for found in file_choices(path).maps] == ["1/EDS", "2/EDS"]
    field = read_field(path, dataset="2/EDS", gain=1)
    assert np.array_equal(dense(field), file.counts(0, 1).reshape(-1, 50))
    assert field.metadata["bse_image"] == "2/BSE/Elektronenbild 2"


@pytest.mark.parametrize(
    ("images", "title"),
    [
        ((("BSE", "Kompo", "Compo"), ("BSE", "Topo", "Topo 1")), "BSE/Kompo"),
        ((("BSE", "Elektronenbild 1", ""),), "BSE/Elektronenbild 1"),
        ((("BSE", "Elektronenbild 1", "Topo 2"),), None),
        ((("BSE", "Elektronenbild 1", "Inverted"), ("SE", "SE", "")), None),
        ((("BSE", "1", ""), ("BSE", "2", "")), None),
        ((("SE", "Electron Image 1", ""), ("FSE", "FSD Mixed", "")), None),
        ((), None),
    ],
)
def test_the_bse_image_is_the_one_that_is_called_so(
    tmp_path: Path, images: tuple[tuple[str, str, str], ...], title: str | None
) -> None:
    path = OxfordFile(images=images).write(tmp_path / "x.h5oina")
    if title is not None:
        assert read_field(path, gain=1).metadata["bse_image"] == title
        return
    with pytest.raises(ReadChoiceError, match="which image is the BSE image") as refused:
        read_field(path)
    assert refused.value.option == "bse"
    assert read_field(path, bse="counts", gain=1).metadata["bse_image"] == "counts"
    assert describe(path).n_measurements == 54
    if images:
        chosen = file_choices(path).images[-1].title
        assert read_field(path, bse=chosen, gain=1).metadata["bse_image"] == chosen


def test_the_dialog_knows_which_image_the_file_calls_bse(tmp_path: Path) -> None:
    images = (("BSE", "A", "Topo 1"), ("BSE", "B", "Compo"), ("SE", "C", ""))
    choices = file_choices(OxfordFile(names=("EDS1", "EDS2"), images=images).write(tmp_path / "x.h5oina"))
    assert [choices.images[found.bse or 0].title for found in choices.maps] == ["BSE/B"] * 3
    choices = file_choices(OxfordFile(images=images[::2]).write(tmp_path / "x.h5oina"))
    assert choices.maps[0].bse is None


def test_modes_that_show_no_atomic_number_are_named(tmp_path: Path) -> None:
    path = OxfordFile(images=(("BSE", "A", "Topo 1"),)).write(tmp_path / "x.h5oina")
    assert file_choices(path).images[0].title == "BSE/A (Topo 1)"


def test_an_image_in_twice_the_pixels_is_averaged(tmp_path: Path) -> None:
    file = OxfordFile(image_cells=(12, 18))
    field = read_field(file.write(tmp_path / "x.h5oina"), gain=1)
    means = file.image(1).astype(float).reshape(6, 2, 9, 2).mean(axis=(1, 3))
    assert np.array_equal(field.bse, np.rint(means))
    assert field.bse.dtype == np.uint16
    assert "12 x 18 px is resampled" in field.metadata["warnings"][0]
    assert "12 x 18 px is resampled" in describe(tmp_path / "x.h5oina").warnings[0]


def test_a_part_of_the_image_is_cropped(tmp_path: Path) -> None:
    file = OxfordFile(image_cells=(20, 30), offset=(4 / 30, 7 / 20), size=(9 / 30, 6 / 20))
    field = read_field(file.write(tmp_path / "x.h5oina"), gain=1)
    assert np.array_equal(field.bse, file.image(1)[7:13, 4:13])
    assert "20 x 30 px is cropped" in field.metadata["warnings"][0]


def test_a_part_of_a_finer_image(tmp_path: Path) -> None:
    file = OxfordFile(image_cells=(40, 60), offset=(5 / 60, 10 / 40), size=(27 / 60, 18 / 40), image_dtype="u1")
    field = read_field(file.write(tmp_path / "x.h5oina"), gain=1)
    means = file.image(1)[10:28, 5:32].astype(float).reshape(6, 3, 9, 3).mean(axis=(1, 3))
    assert np.array_equal(field.bse, np.rint(means))
    assert "cropped and resampled" in field.metadata["warnings"][0]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_images_smaller_than_the_map_are_interpolated(data: st.DataObject) -> None:
    """The reference is scipy's linear interpolation at the centres of the pixels of the map."""
    rows, columns = data.draw(st.integers(2, 20)), data.draw(st.integers(2, 20))
    pixels = np.random.default_rng(data.draw(st.integers(0, 9))).uniform(0, 1000, (rows, columns)).astype(np.float32)
    part = st.floats(0, 1)
    left, top = data.draw(part) * columns, data.draw(part) * rows
    wide = max(data.draw(part) * (columns - left), 0.1)
    high = max(data.draw(part) * (rows - top), 0.1)
    height, width = (int(np.ceil(span)) + data.draw(st.integers(1, 20)) for span in (high, wide))
    frame = Frame((height, width), (left / columns, top / rows), (wide / columns, high / rows), (None, None))
    placed, note = in_frame(pixels, frame)
    assert placed is not None
    assert placed.shape == (height, width)
    assert "resampled" in note
    down = top + high * (np.arange(height) + 0.5) / height - 0.5
    across = left + wide * (np.arange(width) + 0.5) / width - 0.5
    expected = map_coordinates(pixels, np.meshgrid(down, across, indexing="ij"), order=1, mode="nearest")
    assert np.allclose(placed, expected, rtol=1e-4, atol=0.01)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_means_over_cells_keep_the_sum(data: st.DataObject) -> None:
    """Cells larger than a pixel that cover the whole image share out its sum, whatever the two sizes."""
    height, width = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    rows, columns = height + data.draw(st.integers(0, 30)), width + data.draw(st.integers(0, 30))
    pixels = np.random.default_rng(data.draw(st.integers(0, 9))).uniform(0, 1000, (rows, columns))
    placed, _ = in_frame(pixels, Frame((height, width), (0.0, 0.0), (1.0, 1.0), (None, None)))
    assert placed is not None
    assert placed.sum() / placed.size == pytest.approx(pixels.sum() / pixels.size)
    assert placed.min() >= pixels.min() - 1e-9
    assert placed.max() <= pixels.max() + 1e-9


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        ((0.5, 0.0), (1.0, 1.0)), ((-0.5, 0.0), (0.4, 0.4)), ((0.0, 0.0), (0.0, 1.0)), ((0.0, 0.0), (-1.0, 1.0)),
        ((0.0, 0.0), (2.0, 1.0)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("cells", [(6, 9), (12, 18)])
def test_a_map_that_lies_nowhere_in_the_image(
    tmp_path: Path, cells: tuple[int, int], offset: tuple[float, float], size: tuple[float, float]
) -> None:
    path = OxfordFile(image_cells=cells).write(tmp_path / "x.h5oina")
    with h5py.File(path, "r+") as file:
        file[f"{HEADER}/Relative Offset"][...] = [offset]
        file[f"{HEADER}/Relative Size"][...] = [size]
    with pytest.raises(ReadChoiceError) as refused:
        read_field(path)
    assert refused.value.option == "bse"
    assert read_field(path, bse="counts", gain=1).n_measurements == 54


def test_a_place_in_the_image_of_another_extent_is_not_believed(tmp_path: Path) -> None:
    path = OxfordFile(image_cells=(12, 18)).write(tmp_path / "x.h5oina")
    with h5py.File(path, "r+") as file:
        file["1/Electron Image/Header/X Step"][...] = 0.316
    with pytest.raises(ReadChoiceError) as refused:
        read_field(path)
    assert refused.value.option == "bse"


def _put(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value

    return change


def _counts(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[h5py.File], None]:
    return lambda file: _put(SPECTRUM, change(file[SPECTRUM][...]))(file)


def _negative(counts: np.ndarray) -> np.ndarray:
    counts[30, 4] = -5
    return counts


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_put(SPECTRUM, None), r"maps of elements \(Si Ka1\), and no spectra.*AZtec 6\.2 or later"),
        (_put("1/EDS/Data", None), "EDS data without spectra.*6.2"),
        (_put("1/EDS", None), "no EDS data, but Electron Image, Layered Image.*6.2"),
        (_put("1", None), "lists an acquisition '1', and does not hold it"),
        (_put("Index", None), "does not list what it holds"),
        (_put("Index", np.array([], TEXT)), "does not list what it holds"),
        (_put("Index", np.array(["7"], TEXT)), "lists an acquisition '7'"),
        (lambda file: file["Index"].attrs.__setitem__("Type", "Feature"), "particle analysis"),
        (lambda file: file["Index"].attrs.__setitem__("Type", np.array([b"Feature"])), "particle analysis"),
        (_counts(lambda counts: counts[:-1]), "6 x 9 pixels, 54 spectra, and holds 53"),
        (_counts(lambda counts: counts[:, :-1]), "declares 50 channels, and its spectra have 49"),
        (_counts(lambda counts: counts.T), "holds 50"),
        (_counts(lambda counts: counts.reshape(6, 9, 50)), "whole numbers of pixels x channels"),
        (_counts(lambda counts: counts.astype(float)), "whole numbers of pixels x channels"),
        (_counts(lambda counts: counts.astype("S9")), "whole numbers of pixels x channels"),
        (_counts(_negative), "negative counts, -5 at row 3, column 3, channel 4"),
        (_put(SPECTRUM + "/inner", np.zeros(3)), "."),
        (_put(f"{HEADER}/X Cells", np.array([10], np.int32)), "6 x 10 pixels"),
        (_put(f"{HEADER}/X Cells", None), "does not say the size of its map"),
        (_put(f"{HEADER}/Y Cells", np.array([0], np.int32)), "Y Cells is 0"),
        (_put(f"{HEADER}/Y Cells", np.array([-6], np.int32)), "Y Cells is -6"),
        (_put(f"{HEADER}/Y Cells", np.array([6.5])), "Y Cells is 6.5"),
        (_put(f"{HEADER}/Y Cells", np.array([np.nan])), "Y Cells is nan"),
        (_put(f"{HEADER}/Y Cells", np.array(["six"], TEXT)), "Y Cells is not a number"),
        (_put(f"{HEADER}/Y Cells", np.array([6, 6], np.int32)), "Y Cells is not a number"),
        (_put(f"{HEADER}/Number Channels", np.array([51], np.int32)), "declares 51 channels"),
        (_put(f"{HEADER}/Channel Width", np.array(["ten"], TEXT)), "Channel Width is not a number"),
        (_put(f"{HEADER}/Relative Offset", np.zeros(3, np.float32)), "Relative Offset is not 2 numbers"),
        (_put(f"{HEADER}/Relative Size", np.full((1, 2), np.nan)), "Relative Size is nan, nan"),
        (_put(HEADER, None), "spectra without a header"),
        (_put("1/EDS/Data/Live Time", np.ones(53)), "53 live times for 54 pixels"),
        (_put("1/EDS/Data/Live Time", np.array(["x"] * 54, TEXT)), "54 live times for 54 pixels"),
        (_put("1/EDS/Data/Live Time", np.full(54, np.nan)), "no spectrum that was measured"),
        (_put(BSE, np.zeros(53, np.uint16)), "images of 6 x 9 px, and holds 53"),
        (_put(BSE, np.array(["x"] * 54, TEXT)), "images of 6 x 9 px, and holds 54 values of object"),
        (_put("1/Electron Image/Header", None), "has no Header"),
        (_put("1/Electron Image/Header/X Cells", None), "size of its images"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: Callable[[h5py.File], None], says: str) -> None:
    path = OxfordFile().write(tmp_path / "x.h5oina")
    with h5py.File(path, "r+") as file:
        if says == ".":
            del file[SPECTRUM]
        change(file)
    with pytest.raises(FieldReadError, match=says) as refused:
        read_field(path)
    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_put(f"{HEADER}/Channel Width", None), "no energy calibration"),
        (_put(f"{HEADER}/Channel Width", np.array([np.nan], np.float32)), "no energy calibration"),
        (_put(f"{HEADER}/Channel Width", np.array([0.02], np.float32)), "no calibration of EDS"),
        (_put(f"{HEADER}/Start Channel", None), "no energy calibration"),
        (_put(f"{HEADER}/Energy Range", np.array([10.0], np.float32)), "10 keV, and its channels cover 1 keV"),
    ],
)
def test_a_calibration_that_is_missing_or_contradicts_is_asked_for(
    tmp_path: Path, change: Callable[[h5py.File], None], says: str
) -> None:
    file = OxfordFile()
    path = file.write(tmp_path / "x.h5oina")
    with h5py.File(path, "r+") as opened:
        change(opened)
    with pytest.raises(ReadChoiceError, match=says) as refused:
        read_field(path)
    assert refused.value.option == "energy"
    assert file_choices(path).maps[0].problem
    field = read_field(path, energy=(-100.0, 20.0), gain=1)
    assert (field.energy.offset, field.energy.width) == (-100.0, 20.0)
    assert np.array_equal(dense(field), file.counts().reshape(-1, 50))


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (OxfordFile(height=1, step=(0.3, 0.0)), "line scan of 9 points"),
        (OxfordFile(height=1), "line scan of 9 points"),
        (OxfordFile(height=1, width=1, chunk=None), "one spectrum"),
    ],
)
def test_lines_and_points_are_no_maps(tmp_path: Path, file: OxfordFile, says: str) -> None:
    path = file.but(images=()).write(tmp_path / "x.h5oina")
    with pytest.raises(FieldReadError, match=says):
        read_field(path)
    with pytest.raises(FieldReadError, match=says):
        describe(path)


def test_what_is_odd_but_harmless_is_said(tmp_path: Path) -> None:
    path = OxfordFile(beam=20_000.0, step=(0.3, 0.6)).write(tmp_path / "x.h5oina")
    with h5py.File(path, "r+") as file:
        del file["1/EDS/Data/Live Time"]
    field = read_field(path, gain=1)
    warnings = " ".join(field.metadata["warnings"])
    assert field.beam_energy is None
    assert "20000 kV" in warnings
    assert field.pixel_size == pytest.approx((0.3 * 0.6) ** 0.5)
    assert "geometric mean" in warnings
    assert "no live times" in warnings
    assert read_field(path, beam_energy=15.0, gain=1).beam_energy == 15.0


WRONG: dict[str, Any] = {
    "gone": None,
    "a group": {},
    "text": np.array(["many"], TEXT),
    "numbers": np.arange(7.0),
    "nothing": np.array([], np.int32),
    "negative": np.array([-7], np.int32),
    "infinite": np.array([np.inf], np.float32),
    "complex": np.array([1j]),
    "compound": np.zeros(1, [("a", "i4"), ("b", "f4")]),
}


READ = (
    "Format Version", "Index", "1", "1/EDS", "1/EDS/Data", "1/EDS/Data/Live Time", SPECTRUM, HEADER,
    *(f"{HEADER}/{name}" for name in ("X Cells", "Y Cells", "X Step", "Channel Width", "Start Channel")),
    *(f"{HEADER}/{name}" for name in ("Number Channels", "Energy Range", "Beam Voltage", "Relative Offset")),
    "1/Electron Image/Header/X Cells", "1/Electron Image/Header/X Step", "1/Electron Image/Data", BSE,
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_stands_for_a_value_the_counts_are_right_or_refused(tmp_path: Path, wrong: str) -> None:
    truth = OxfordFile(outside=(1, 2), image_cells=(12, 18))
    path = truth.write(tmp_path / "x.h5oina")
    whole = path.read_bytes()
    n_refused = 0
    for name in READ:
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            del file[name]
            if wrong == "a group":
                file.create_group(name)
            elif WRONG[wrong] is not None:
                file[name] = WRONG[wrong]
        try:
            field = read_field(path, gain=1)
        except FieldReadError:
            n_refused += 1
            continue
        if name != "1/EDS/Data/Live Time":
            assert np.array_equal(dense(field), truth.counts()[truth.valid]), name
            assert field.energy.width == 20.000347, name
    assert n_refused >= 8


def test_files_that_are_cut(tmp_path: Path) -> None:
    path = OxfordFile().write(tmp_path / "x.h5oina")
    whole = path.read_bytes()
    for length in np.linspace(1, len(whole) - 1, 80, dtype=int):
        path.write_bytes(whole[:length])
        with pytest.raises(FieldReadError):
            read_field(path)


def test_a_small_file_that_declares_a_large_map(tmp_path: Path) -> None:
    path = OxfordFile().write(tmp_path / "x.h5oina")
    with h5py.File(path, "r+") as file:
        del file[SPECTRUM]
        file.create_dataset(SPECTRUM, (10**9, 4096), np.int32, chunks=(64, 4096), compression="lzf")
        for name, cells in (("X Cells", 10**5), ("Y Cells", 10**4)):
            file[f"{HEADER}/{name}"][...] = cells
    tracemalloc.start()
    with pytest.raises(FieldReadError, match="claims"):
        read_field(path)
    assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    tracemalloc.stop()


class _Counted:
    """A table that counts how often each chunk of it is unpacked."""

    def __init__(self, counts: np.ndarray, chunk: int) -> None:
        self.counts, self.chunks, self.shape, self.dtype = counts, (chunk, counts.shape[1]), counts.shape, counts.dtype
        self.unpacked = np.zeros(-(-len(counts) // chunk), int)

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.unpacked[rows.start // self.chunks[0] : -(-rows.stop // self.chunks[0])] += 1
        return self.counts[rows]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000, 6000])
def test_no_chunk_is_unpacked_twice(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("napari_gdls.io.oxford_spectra.BLOCK_BYTES", 100 * 4 * 8)
    table = _Counted(np.arange(6000 * 8, dtype=np.int32).reshape(6000, 8), chunk)
    blocks = list(SpectrumRows(Path("x"), (table,), 60, 100).blocks())  # type: ignore[arg-type]
    assert np.array_equal(np.concatenate(blocks), table.counts)
    assert max(map(len, blocks)) <= 100
    assert (table.unpacked == 1).all()
