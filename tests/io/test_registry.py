from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.field import Field
from napari_gdls.io import describe, read_field, supported_formats, write_field
from napari_gdls.io.contracts import FieldReader
from napari_gdls.io.registry import find_reader, readers


def field() -> Field:
    return Field(
        np.zeros((2, 3), np.uint16), np.ones((6, 4), np.uint8), np.argwhere(np.ones((2, 3))), EnergyAxis(0, 10, 4)
    )


def test_formats_are_listed() -> None:
    listed = {name: (title, endings) for name, title, endings in supported_formats()}
    assert listed["store"][1] == (".gdls.zarr", ".gdls.zarr.zip", ".gdls.zip")
    assert listed["bruker"] == ("Bruker .bcf", (".bcf",))
    assert len(listed) == len(supported_formats())
    assert all(ending == ending.lower() for _, endings in listed.values() for ending in endings)


def test_readers_keep_the_contract() -> None:
    known: tuple[FieldReader, ...] = readers()
    for reader in known:
        assert reader.name
        assert not reader.sniff(Path("/nonexistent"))


def test_content_comes_before_the_name(tmp_path: Path) -> None:
    write_field(tmp_path / "a.gdls.zarr.zip", field())
    (tmp_path / "a.gdls.zarr.zip").rename(tmp_path / "a.bcf")
    assert find_reader(tmp_path / "a.bcf").name == "store"
    assert read_field(tmp_path / "a.bcf").n_measurements == 6
    with pytest.raises(FieldReadError):
        read_field(tmp_path / "a.bcf", reader="bruker")


def test_the_name_decides_when_the_content_does_not_tell(tmp_path: Path) -> None:
    (tmp_path / "a.gdls.zarr.zip").write_bytes(b"nothing of the kind")
    with pytest.raises(FieldReadError, match="damaged zip archive"):
        read_field(tmp_path / "a.gdls.zarr.zip")


def broken_link(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "gone")
    return folder / "link"


def link_to_itself(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


def empty_file(folder: Path) -> Path:
    (folder / "empty.bcf").touch()
    return folder / "empty.bcf"


def text_file(folder: Path) -> Path:
    (folder / "notes.txt").write_text("hello")
    return folder / "notes.txt"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (lambda folder: "", "no valid file name"),
        (lambda folder: "a\0b", "no valid file name"),
        (lambda folder: folder / "missing", "does not exist"),
        (lambda folder: folder / ("n" * 4000), "cannot be opened"),
        (lambda folder: folder, "folder without a field"),
        (empty_file, "empty file"),
        (text_file, "no known format"),
        (broken_link, "does not exist"),
        (link_to_itself, "cannot be opened"),
    ],
)
@pytest.mark.parametrize("ask", [read_field, describe, find_reader])
def test_what_is_no_field(tmp_path: Path, path: object, problem: str, ask: object) -> None:
    with pytest.raises(FieldReadError, match=problem):
        ask(path(tmp_path))


def test_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(FieldReadError, match=r"no format 'tiff'.*bruker"):
        read_field(tmp_path, reader="tiff")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.bcf")
    with pytest.raises(FieldReadError, match="neither a file nor a folder"):
        read_field(tmp_path / "pipe.bcf")


def test_importing_the_package_is_quick() -> None:
    code = (
        "import sys; import napari_gdls.io, napari_gdls.io.registry as r; r.readers();"
        "print({'zarr', 'h5py', 'tifffile', 'PIL', 'rsciio', 'torch', 'napari', 'dask'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
