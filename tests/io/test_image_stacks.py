import numpy as np
import pytest
import tifffile

from napari_gdls.errors import OutputError
from napari_gdls.io import write_image_stack

RANDOM = np.random.default_rng(0)
COUNTS = {"phase 1": RANDOM.random((5, 7)) * 1e4, "phase 2": RANDOM.integers(0, 9, (5, 7))}
MASKS = {"Fp": RANDOM.random((300, 7)) > 0.5, "intersection": np.zeros((300, 7), dtype=bool)}


def test_images_and_their_names_read_back(tmp_path):
    path = tmp_path / "abundances.ome.tif"
    write_image_stack(path, COUNTS, pixel_size=0.004)
    with tifffile.TiffFile(path) as file:
        (series,) = file.series
        assert series.axes == "CYX"
        assert series.dtype == np.float32
        np.testing.assert_allclose(series.asarray(), np.stack(list(COUNTS.values())), rtol=1e-6)
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [channel["Name"] for channel in pixels["Channel"]] == list(COUNTS)
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeYUnit"]) == (0.004, "µm")


def test_masks_are_binary_images(tmp_path):
    path = tmp_path / "masks.ome.tif"
    write_image_stack(path, MASKS)
    read = tifffile.imread(path)
    assert read.dtype == np.uint8
    assert set(np.unique(read)) == {0, 255}
    np.testing.assert_array_equal(read > 0, np.stack(list(MASKS.values())))


def test_a_single_image_is_a_channel_and_nan_stays(tmp_path):
    path = tmp_path / "one.ome.tif"
    write_image_stack(path, {"only": np.array([[1.0, np.nan]])})
    read = tifffile.imread(path)
    assert read.shape in ((1, 1, 2), (1, 2))
    assert np.isnan(read.ravel()[1])


def test_equal_images_are_equal_files(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_image_stack(tmp_path / folder / "x.ome.tif", COUNTS, pixel_size=1.0)
    assert (tmp_path / "a/x.ome.tif").read_bytes() == (tmp_path / "b/x.ome.tif").read_bytes()


@pytest.mark.parametrize(
    ("name", "images", "problem"),
    [
        ("x.tif", COUNTS, "NAME.ome.tif"),
        ("x.ome.tif", {}, "images of one size"),
        ("x.ome.tif", {"a": np.zeros((2, 3)), "b": np.zeros((3, 2))}, "images of one size"),
        ("x.ome.tif", {"a": np.zeros((2, 3, 1))}, "images of one size"),
        ("x.ome.tif", {"a": np.zeros((2, 3)), "b": np.zeros((2, 3), bool)}, "masks or real numbers"),
        ("x.ome.tif", {"a": np.zeros((2, 3), complex)}, "masks or real numbers"),
    ],
)
def test_what_is_no_stack_is_refused(tmp_path, name, images, problem):
    with pytest.raises(OutputError, match=problem):
        write_image_stack(tmp_path / name, images)
    assert list(tmp_path.iterdir()) == []
