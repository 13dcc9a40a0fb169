"""Messages name arguments once, and every front end says them in its own words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import napari_gdls as gdls
from napari_gdls.argument_words import plain_value, reworded
from napari_gdls.cli.reading_options import option_words
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.io import write_field

OPTION = re.compile(r"(?<![\w-])--[a-z]")
"""Of the command line."""


def test_arguments_and_their_values_are_put_in_words() -> None:
    text = "Give `bse=`, `bse='counts'`, `energy=(FIRST, WIDTH)`, `memory_limit=1610612736` or `overwrite=True`."
    expected = "Give --bse, --bse counts, --energy WIDTH,FIRST, --memory-limit 1.50 or --overwrite."
    assert reworded(text, option_words) == expected
    assert reworded("no arguments here", option_words) == "no arguments here"


@pytest.mark.parametrize(("text", "value"), [("'a'", "a"), ("5", 5), ("(FIRST, WIDTH)", "(FIRST, WIDTH)"), ("", "")])
def test_values_are_what_python_reads(text: str, value: object) -> None:
    assert plain_value(text) == value


def ripple(folder: Path, **changes: object) -> Path:
    keys = {
        "width": 6, "height": 5, "depth": 40, "offset": 0, "data-length": 1, "data-type": "unsigned",
        "byte-order": "dont-care", "record-by": "vector", "depth-units": "eV", "depth-scale": 20, "depth-origin": 0,
        **changes,
    }  # fmt: skip
    (folder / "map.rpl").write_text("key\tvalue\n" + "".join(f"{k}\t{v}\n" for k, v in keys.items()))
    counts = np.random.default_rng(0).poisson(3.0, (5, 6, 40)).astype(np.uint8)
    (folder / "map.raw").write_bytes(counts.tobytes())
    return folder / "map.rpl"


def _no_image(folder: Path) -> object:
    return gdls.read_field(ripple(folder))


def _no_calibration(folder: Path) -> object:
    return gdls.read_field(ripple(folder, **{"depth-units": "", "depth-scale": 1}), bse="counts")


def _no_such_map(folder: Path) -> object:
    return gdls.read_field(ripple(folder), bse="counts", dataset="another")


def _too_large(folder: Path) -> object:
    return gdls.read_field(ripple(folder), bse="counts", memory_limit=100)


def _is_there(folder: Path) -> object:
    field = gdls.read_field(ripple(folder), bse="counts", gain=1)
    write_field(folder / "x.gdls.zarr", field)
    return write_field(folder / "x.gdls.zarr", field)


def _nothing_to_choose(folder: Path) -> object:
    write_field(folder / "y.gdls.zarr", gdls.read_field(ripple(folder), bse="counts", gain=1))
    return gdls.read_field(folder / "y.gdls.zarr", bse="counts")


def _too_many_counts(_: Path) -> object:
    places = np.argwhere(np.ones((2, 2), bool))
    return Field(np.zeros((2, 2), np.uint8), np.full((4, 3), 2.0**31), places, EnergyAxis(0, 10, 3), gain=1)


def _too_large_to_segment(folder: Path) -> object:
    return gdls.segment(gdls.read_field(ripple(folder), bse="counts", gain=1), memory_limit=1000)


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "bse": (_no_image, "--bse"),
    "energy": (_no_calibration, "--energy"),
    "dataset": (_no_such_map, "--dataset"),
    "memory_limit": (_too_large, "--memory-limit"),
    "overwrite": (_is_there, "--overwrite"),
    "bse ": (_nothing_to_choose, "--bse"),
    "gain": (_too_many_counts, "--gain"),
    "memory_limit ": (_too_large_to_segment, "--memory-limit"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_every_front_end_has_its_own_words(name: str, tmp_path: Path) -> None:
    pytest.importorskip("qtpy")
    from napari_gdls.plugin.failures import window_words

    act, option = REFUSALS[name]
    with pytest.raises(GdlsError) as refused:
        act(tmp_path)
    in_python = str(refused.value)
    assert f"{name.strip()}=" in in_python
    assert not OPTION.search(in_python)
    on_the_command_line = reworded(in_python, option_words)
    assert option in on_the_command_line
    in_the_window = reworded(in_python, window_words)
    assert not OPTION.search(in_the_window)
    for said in (on_the_command_line, in_the_window):
        assert not re.search(r"`|\b(bse|dataset|energy|gain|memory_limit|beam_energy|overwrite)=", said)
