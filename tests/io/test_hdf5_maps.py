from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdf5_files import SHAPE, counts, energies, make, nexus, pymca
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io import describe, file_choices, read_field
from napari_gdls.io.registry import find_reader


def dense(field: Field) -> np.ndarray:
    spectra = field.spectra
    return np.asarray(spectra.toarray() if hasattr(spectra, "toarray") else spectra)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations("yxe").map("".join).filter(lambda order: order.index("y") < order.index("x")),
    dtype=st.sampled_from(["<u2", ">u2", "<i4", ">f4", "<f8", ">i8", "u1"]),
    unit=st.sampled_from(["keV", "eV", ""]),
    edges=st.booleans(),
    seed=st.integers(0, 99),
)
def test_nexus_in_any_order_of_axes(tmp_path: Path, order: str, dtype: str, unit: str, edges: bool, seed: int) -> None:
    data = counts(dtype=dtype, seed=seed)
    values = energies() * (1000 if unit == "eV" else 1)
    if edges:
        step = values[1] - values[0]
        values = np.append(values, values[-1] + step) - step / 2
    path = make(tmp_path / "x.nxs", nexus, data, order=order, unit=unit, values=values)
    field = read_field(path, bse="counts", gain=1)
    assert np.array_equal(dense(field), data.reshape(-1, SHAPE[2]))
    assert (field.energy.offset, field.energy.width) == (pytest.approx(-200.0), pytest.approx(10.0))
    assert field.pixel_size == pytest.approx(2.5)
    assert field.metadata["dataset"] == "h5:/entry/map/data"
    assert bool(unit) != any("keV is taken" in text for text in field.metadata["warnings"])


@pytest.mark.parametrize(
    ("calibration", "units", "read"),
    [
        ((-0.2, 0.01, 0.0), "", True),
        ((-200.0, 10.0, 0.0), "", True),
        ((-200.0, 10.0), "", True),
        ((-0.2, 0.01, 0.0), "keV", True),
        ((0.0, 1.0, 0.0), "", False),  # what stands where nobody has calibrated
        ((5.0, 1.0, 0.0), "", False),
        ((0.0, 500.0, 0.0), "", False),
        ((-0.2, 0.01, 0.0), "eV", False),
    ],
)
def test_calibrations_of_pymca(tmp_path: Path, calibration: tuple[float, ...], units: str, read: bool) -> None:
    path = make(tmp_path / "x.h5", pymca, counts(), calibration)
    if units:
        with h5py.File(path, "r+") as file:
            file["entry/measurement/mca_0/info/calibration"].attrs["units"] = units
    if read:
        field = read_field(path, bse="counts", gain=1)
        assert (field.energy.offset, field.energy.width) == (pytest.approx(-200.0), pytest.approx(10.0))
        assert np.array_equal(dense(field), counts().reshape(-1, SHAPE[2]))
        return
    with pytest.raises(ReadChoiceError, match="calibration") as refused:
        read_field(path, bse="counts")
    assert refused.value.option == "energy"
    assert read_field(path, bse="counts", energy=(-200, 10), gain=1).energy.offset == -200


def test_a_calibration_that_is_no_straight_line_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "x.h5", pymca, counts(), (-0.2, 0.01, 1e-5))
    with pytest.raises(FieldReadError, match="not evenly spaced"):
        read_field(path, bse="counts", energy=(-200, 10))
    straight = make(tmp_path / "y.h5", pymca, counts(), (-0.2, 0.01, 1e-9))  # a hundred-thousandth of a channel
    assert read_field(straight, bse="counts").energy.width == pytest.approx(10, rel=1e-3)


def test_numbers_of_channels_and_live_times_of_pymca(tmp_path: Path) -> None:
    live = np.full(SHAPE[:2], 0.1)
    live[0, 0] = 0.2
    path = make(tmp_path / "x.h5", pymca, counts(), channels=20 + np.arange(SHAPE[2]), live_time=live)
    field = read_field(path, bse="counts")
    assert field.energy.offset == pytest.approx(0.0, abs=1e-6)
    assert field.metadata["acquisition"]["Detector"]["live_time_s"] == pytest.approx(live.mean())
    assert any("0.1 to 0.2 s" in text for text in field.metadata["warnings"])
    wrong = make(tmp_path / "y.h5", pymca, counts(), channels=np.arange(61))
    with pytest.raises(FieldReadError, match="numbers 61 channels"):
        read_field(wrong, bse="counts")


def test_energies_beside_the_data_tell_their_axis(tmp_path: Path) -> None:
    def maps(file: h5py.File) -> None:  # as programs at synchrotrons write them, energy first
        file["MAPS/mca_arr"] = np.moveaxis(counts(), 2, 0)
        file["MAPS/energy"] = energies()

    field = read_field(make(tmp_path / "x.h5", maps), bse="counts", gain=1)
    assert np.array_equal(dense(field), counts().reshape(-1, SHAPE[2]))
    assert field.energy.offset == pytest.approx(-200)
    assert any("along axis 0 of /MAPS/mca_arr" in text for text in field.metadata["warnings"])


def test_as_many_energies_as_two_axes_have_values(tmp_path: Path) -> None:
    data = counts((60, 7, 60))

    def square(file: h5py.File) -> None:
        file["data"], file["energy"] = data, energies()

    field = read_field(make(tmp_path / "x.h5", square), bse="counts", gain=1)
    assert np.array_equal(dense(field), data.reshape(-1, 60))
    assert any("along axis 2 of /data" in text for text in field.metadata["warnings"])


@pytest.mark.parametrize(
    "value", [h5py.Empty("f4"), np.arange(3), np.nan, np.zeros(0), np.zeros(2, "i4,f4"), 2**63, ["a", "bb"]]
)
@pytest.mark.parametrize("name", ["axes", "signal", "interpretation", "units"])
def test_attributes_that_are_something_else(tmp_path: Path, name: str, value: Any) -> None:
    path = make(tmp_path / "x.nxs", nexus, counts())
    with h5py.File(path, "r+") as file:
        for item in ("entry/map", "entry/instrument/detector/data", "entry/map/energy"):
            file[item].attrs[name] = value
    field = read_field(path, bse="counts", gain=1)  # energies beside the data, in the one unit that makes sense
    assert np.array_equal(dense(field), counts().reshape(-1, 60))
    assert field.energy.width == pytest.approx(10)


def test_units_that_are_no_text_can_be_printed(tmp_path: Path) -> None:
    path = make(tmp_path / "x.nxs", nexus, counts())
    with h5py.File(path, "r+") as file:
        file["entry/map/energy"].attrs["units"] = b"\xff"
    with pytest.raises(ReadChoiceError, match="energy calibration") as refused:
        read_field(path, bse="counts")
    assert str(refused.value).encode("utf-8")


def plain(file: h5py.File) -> None:
    file["a/counts"] = counts()
    file["a/bse"] = np.arange(63, dtype=np.uint16).reshape(7, 9)
    file["b/volume"] = counts((5, 6, 20))
    file["rgb"] = np.zeros((7, 9, 3), np.uint8)
    file["list"] = counts((63, 60))
    file["frames"] = counts((2, 7, 9, 60))
    file["words"] = "nothing"


def test_any_data_set_by_its_path(tmp_path: Path) -> None:
    path = make(tmp_path / "x.h5", plain)
    with pytest.raises(ReadChoiceError, match=r"2 maps.*h5:/a/counts.*h5:/b/volume") as refused:
        read_field(path)
    assert refused.value.option == "dataset"
    assert [(each.title, each.shape) for each in file_choices(path).maps] == [
        ("h5:/a/counts", (7, 9, 60)),
        ("h5:/b/volume", (5, 6, 20)),
    ]
    with pytest.raises(ReadChoiceError, match="energy calibration") as asked:
        read_field(path, dataset="h5:/a/counts")
    assert asked.value.option == "energy"
    for dataset in ("h5:/a/counts", "h5:a/counts", 0):
        field = read_field(path, dataset=dataset, energy=(-200, 10), gain=1)
        assert np.array_equal(dense(field), counts().reshape(-1, 60))
        assert np.array_equal(field.bse, np.arange(63).reshape(7, 9))
        assert any("does not say which axis" in text for text in field.metadata["warnings"])
    assert describe(path, dataset="h5:/b/volume", energy=(0, 20)).shape == (5, 6)
    text = str(describe(path))
    assert all(words in text for words in ("h5:/a/counts", "h5:/b/volume", "no energy calibration"))


def test_a_path_through_another_link(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        plain(file)
        file["same"] = file["a"]
        file["soft"] = h5py.SoftLink("/a/counts")
        file["loop"] = file["/"]

    path = make(tmp_path / "x.h5", fill)
    for place in ("/same/counts", "/soft", "/a/counts", "/loop/loop/a/counts"):
        field = read_field(path, dataset=f"h5:{place}", energy=(0, 10), bse="counts", gain=1)
        assert np.array_equal(dense(field), counts().reshape(-1, 60))
    assert len(file_choices(path).maps) == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_of_the_spectra_may_be_given(tmp_path: Path, axis: int) -> None:
    def fill(file: h5py.File) -> None:
        file.create_dataset("x", data=np.moveaxis(counts(), 2, axis), chunks=True, compression="gzip")

    path = make(tmp_path / "x.h5", fill)
    field = read_field(path, dataset=f"h5:/x@{axis}", energy=(-200, 10), bse="counts", gain=1)
    assert np.array_equal(dense(field), counts().reshape(-1, 60))
    assert not any("does not say which axis" in text for text in field.metadata["warnings"])


@pytest.mark.parametrize(
    ("dataset", "option", "says"),
    [
        ("h5:/list", "dataset", r"63 x 60 values.*reshape\(rows, columns, channels\)"),
        ("h5:/frames", "dataset", "Sum over"),
        ("h5:/words", "dataset", "single value"),
        ("h5:/a", "dataset", "no data set.*h5:/a/counts"),
        ("h5:/nowhere", "dataset", "no data set"),
        ("h5:", "dataset", "no data set"),
        ("h5:/x@7", "dataset", "no data set"),
        (2, "dataset", "no maps called 2"),
    ],
)
def test_paths_of_what_is_no_map(tmp_path: Path, dataset: str | int, option: str, says: str) -> None:
    with pytest.raises(ReadChoiceError, match=says) as refused:
        read_field(make(tmp_path / "x.h5", plain), dataset=dataset)
    assert refused.value.option == option


def test_files_without_a_cube(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["list"] = counts((63, 60))

    path = make(tmp_path / "x.h5", fill)
    with pytest.raises(FieldReadError, match=r"no map of spectra.*h5:/list \(63 x 60\)"):
        read_field(path)
    with pytest.raises(FieldReadError, match="no map of spectra"):
        read_field(make(tmp_path / "y.h5", lambda file: None))


def test_one_that_says_it_is_spectra_is_taken_and_others_can_be_chosen(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        plain(file)
        nexus(file, counts(seed=5))

    path = make(tmp_path / "x.h5", fill)
    assert read_field(path, bse="bse").metadata["dataset"] == "h5:/entry/map/data"
    assert [each.title for each in file_choices(path).maps] == ["h5:/entry/map/data", "h5:/a/counts", "h5:/b/volume"]
    assert read_field(path, dataset=1, energy=(0, 10)).metadata["dataset"] == "h5:/a/counts"


def test_axes_that_do_not_fit(tmp_path: Path) -> None:
    path = make(tmp_path / "x.nxs", nexus, counts(), values=energies(n=58))
    with pytest.raises(FieldReadError, match="58 positions for the 60 values"):
        read_field(path, bse="counts", energy=(0, 10))
    uneven = make(tmp_path / "y.nxs", nexus, counts(), values=np.geomspace(0.1, 20, 60))
    with pytest.raises(FieldReadError, match="not evenly spaced"):
        read_field(uneven, bse="counts")

    def two(file: h5py.File) -> None:
        nexus(file, counts())
        file["entry/map/y"].attrs["units"] = "keV"

    with pytest.raises(FieldReadError, match="2 axes of energies"):
        read_field(make(tmp_path / "z.nxs", two), bse="counts")


def test_losses_of_energy_are_no_x_rays(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        nexus(file, counts())
        group = file["entry/map"]
        group.move("energy", "energy_loss")
        group.attrs["axes"] = ["y", "x", "energy_loss"]

    with pytest.raises(FieldReadError, match="EELS"):
        read_field(make(tmp_path / "x.nxs", fill), bse="counts")


def test_scales_of_dimensions(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["cube"] = np.moveaxis(counts(), 2, 0)
        file["e"] = energies()
        file["e"].attrs["units"] = "keV"
        file["e"].make_scale("Energy")
        file["cube"].dims[0].attach_scale(file["e"])

    field = read_field(make(tmp_path / "x.h5", fill), bse="counts", gain=1)
    assert np.array_equal(dense(field), counts().reshape(-1, 60))
    assert field.energy.width == pytest.approx(10)


def test_other_readers_come_first_and_paths_go_to_any_hdf5_file(tmp_path: Path) -> None:
    def hyperspy(file: h5py.File) -> None:
        file.attrs["file_format"] = "HyperSpy"
        file["Experiments/x/data"] = counts()

    path = make(tmp_path / "x.hdf5", hyperspy)
    assert find_reader(path).name == "hspy"
    assert find_reader(make(tmp_path / "y.hdf5", plain)).name == "hdf5"
    assert find_reader(make(tmp_path / "y.dat", plain)).name == "hdf5"
    assert read_field(path, dataset="h5:/Experiments/x/data", energy=(0, 10), bse="counts").shape == (7, 9)


def test_damaged_files(tmp_path: Path) -> None:
    path = make(tmp_path / "x.nxs", nexus, counts())
    whole = path.read_bytes()
    for length in np.linspace(1, len(whole) - 1, 50, dtype=int):
        path.write_bytes(whole[:length])
        with pytest.raises(FieldReadError):
            read_field(path, bse="counts")
