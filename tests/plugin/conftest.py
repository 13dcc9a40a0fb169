"""Fixtures for the tests of the napari plugin; those with a window need a display (Xvfb will do)."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

# Before napari reads its settings: a test with a viewer empties the settings file in use.
_SETTINGS = tempfile.TemporaryDirectory(prefix="napari-gdls-tests-")
os.environ["NAPARI_CONFIG"] = str(Path(_SETTINGS.name) / "settings.yaml")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from napari.components import ViewerModel  # noqa: E402
from npe2 import PluginManager  # noqa: E402
from stand_in_minerals import StandIn  # noqa: E402

from napari_gdls import (  # noqa: E402
    EnergyAxis,
    Field,
    Recipe,
    Segmentation,
    first_use,
    segment,
)
from napari_gdls.plugin.layers.contents import LayerContents, contents_of_run  # noqa: E402
from napari_gdls.progress import silent  # noqa: E402


@pytest.fixture(autouse=True)
def compiled(monkeypatch) -> None:
    """No test starts a process that compiles for the first use; `test_compiling.py` has its own."""
    monkeypatch.setattr(first_use, "is_compiled", lambda: True)


@pytest.fixture(scope="session")
def display() -> None:
    """Skip where no window can be opened."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        pytest.skip("needs a display; run under xvfb-run, with QT_QPA_PLATFORM=xcb")


@pytest.fixture
def viewer(display, make_napari_viewer):
    """A napari viewer with a hidden window."""
    return make_napari_viewer(show=False)


@pytest.fixture
def model() -> ViewerModel:
    """A viewer without a window, with the plugins of this environment: readers, writers, samples."""
    PluginManager.instance().discover()
    return ViewerModel()


def two_minerals(step: int, *, pixel_size: float | None = 2.0, name: str = "pair", seed: int = 0) -> Field:
    """A 60 x 48 px field: a bright disc with a peak at 6.4 keV in a dark matrix with one at 1.74 keV.

    Measurements lie every `step` px; 1 gives a dense field.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((48, 60))
    disc = (rows - 22) ** 2 + (columns - 30) ** 2 < 15**2
    bse = np.where(disc, 40_000, 15_000) + rng.normal(0, 300, disc.shape)
    axis = EnergyAxis(offset=0.0, width=20.0, size=512)
    lines = [np.exp(-0.5 * ((axis.centers - peak) / 60) ** 2) for peak in (1740.0, 6400.0)]
    expected = np.stack([800 * line / line.sum() + 0.2 for line in lines])
    first = step // 2
    places = np.stack(np.meshgrid(range(first, 48, step), range(first, 60, step), indexing="ij"), axis=-1).reshape(
        -1, 2
    )
    material = disc[places[:, 0], places[:, 1]].astype(int)
    counts = rng.poisson(expected[material]).astype(np.uint16)
    return Field(bse.astype(np.uint16), counts, places, axis, pixel_size=pixel_size, name=name)


def zoned_mineral(*, seed: int = 0, beam_energy: float | None = None) -> Field:
    """Like `two_minerals` every 3 px, with the disc in two zones that differ by a tenth of their counts."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((48, 60))
    disc = (rows - 22) ** 2 + (columns - 30) ** 2 < 15**2
    zone = np.where(disc, np.where(columns < 30, 1, 2), 0)
    bse = np.array([15_000, 40_000, 41_000])[zone] + rng.normal(0, 300, zone.shape)
    axis = EnergyAxis(offset=0.0, width=20.0, size=512)
    silicon, iron, calcium = (np.exp(-0.5 * ((axis.centers - peak) / 60) ** 2) for peak in (1740.0, 6400.0, 3690.0))
    shares = [silicon, 0.9 * iron + 0.1 * silicon, 0.8 * iron + 0.1 * silicon + 0.1 * calcium]
    expected = np.stack([1500 * share / share.sum() + 0.2 for share in shares])
    places = np.stack(np.meshgrid(range(1, 48, 3), range(1, 60, 3), indexing="ij"), axis=-1).reshape(-1, 2)
    counts = rng.poisson(expected[zone[places[:, 0], places[:, 1]]]).astype(np.uint16)
    return Field(bse.astype(np.uint16), counts, places, axis, pixel_size=1.0, beam_energy=beam_energy, name="zoned")


@pytest.fixture(scope="session")
def zoned_field() -> Field:
    return zoned_mineral()


@pytest.fixture(scope="session")
def field_to_name() -> Field:
    """The zoned field with the energy of the beam: its phases are named after every run."""
    return zoned_mineral(beam_energy=20.0)


@pytest.fixture(scope="session")
def contents_to_name(field_to_name: Field) -> LayerContents:
    """What a run on it finds."""
    return contents_of_run(field_to_name, Recipe(), silent)


@pytest.fixture
def quick_runs(monkeypatch, contents_to_name: LayerContents) -> None:
    """Runs of the dock on the field to name are there at once, as long as they are asked for what is usual."""
    from napari_gdls.plugin.widgets import segment as dock

    def compute(field, recipe, progress, **known):
        if field is contents_to_name.result.segmentation.field and recipe == Recipe():
            return contents_to_name
        return contents_of_run(field, recipe, progress, **known)

    monkeypatch.setattr(dock, "contents_of_run", compute)


@pytest.fixture
def naming(monkeypatch) -> StandIn:
    """What names the phases in the place of `identify`; see there how it is led."""
    stand_in = StandIn()
    monkeypatch.setattr("napari_gdls.plugin.phase_naming.minerals_of", stand_in)
    monkeypatch.setattr("napari_gdls.plugin.phase_naming.DELAY", 50)
    monkeypatch.setattr("napari_gdls.plugin.widgets.minerals._libraries", lambda progress: ("granite", "basalt"))
    return stand_in


@pytest.fixture(scope="session")
def sparse_field() -> Field:
    return two_minerals(4)


@pytest.fixture(scope="session")
def dense_field() -> Field:
    return two_minerals(1, pixel_size=None, name="")


@pytest.fixture(scope="session")
def segmentation(sparse_field: Field) -> Segmentation:
    return segment(sparse_field, device="cpu")
