"""How long a user waits, and how long the window does not answer: ``python -m benchmarks.interaction [--sizes ...]``.

Every gesture is made in a shown window with the real docks, on fields of 7,500 to 300,000 measurements; it needs a
display, on a server that of ``xvfb-run``. One table for each field: seconds until what the gesture does is in sight,
processor seconds of the whole program meanwhile, and the longest time that the thread of the window did not answer, on
the clock and of its processor time. On a busy machine the processor times tell more.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

_SETTINGS = tempfile.TemporaryDirectory(prefix="napari-gdls-benchmark-")
os.environ.setdefault("NAPARI_CONFIG", str(Path(_SETTINGS.name) / "settings.yaml"))  # before napari reads the user's

import numpy as np  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from benchmarks.reference_field import COARSE_AXIS, example_field  # noqa: E402
from napari_gdls import Field, sample_field, simulate_field  # noqa: E402

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.widgets.element_maps import ElementMapsWidget
    from napari_gdls.plugin.widgets.plots.dock import PlotsWidget
    from napari_gdls.plugin.widgets.segment import SegmentWidget
    from napari_gdls.plugin.widgets.spectrum.dock import SpectrumWidget
    from napari_gdls.segmentation import Segmentation

SIZES = ("7.5k", "32k", "100k", "300k")
"""Measurements of the fields; the first is the real dacite, the others are simulated."""
_EDGES = {"100k": 1156, "300k": 1985}
"""Pixels of the edge of the simulated fields with a dot every 3.62 px."""
_HEARTBEAT = 5
"""Milliseconds between two looks at whether the thread of the window answers."""
_LONGEST_WAIT = 300.0
"""Seconds after which a gesture is given up."""
TARGETS = {"7.5k": (0.1, 0.3), "32k": (0.1, 0.3), "100k": (0.3, 1.0), "300k": (0.3, 1.0)}
"""Seconds: the longest block aimed at, and the time until a correction is in sight."""


@dataclass(frozen=True)
class Waited:
    """What one gesture took, in seconds.

    Attributes
    ----------
    gesture : str
    done : float
        On the clock, until what it does is in sight.
    processor : float
        Of all threads of the program.
    block : float
        Longest time on the clock in which the thread of the window did not answer.
    block_processor : float
        Processor time of that thread in its busiest such time.
    """

    gesture: str
    done: float
    processor: float
    block: float
    block_processor: float


class Heartbeat:
    """Notes when the thread of the window answers."""

    def __init__(self) -> None:
        from qtpy.QtCore import QTimer

        self._beats: list[tuple[float, float]] = []
        self._timer = QTimer()
        self._timer.setInterval(_HEARTBEAT)
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        self._beats.append((time.perf_counter(), time.thread_time()))

    def start(self) -> None:
        """Begin a measurement."""
        self._beats = []
        self._beat()
        self._timer.start()

    def stop(self) -> tuple[float, float]:
        """End it; the longest gap on the clock and of the processor time of this thread, less the interval."""
        self._timer.stop()
        self._beat()
        gaps = np.diff(np.array(self._beats), axis=0)
        longest, busiest = gaps.max(axis=0) if len(gaps) else (0.0, 0.0)
        return max(float(longest) - _HEARTBEAT / 1000, 0.0), float(busiest)


class Day:
    """A viewer with the docks, and the gestures of a day on one field.

    Parameters
    ----------
    field : Field
    folder : Path
        For files.
    """

    def __init__(self, field: Field, folder: Path) -> None:
        import napari
        from qtpy.QtCore import QTimer

        from napari_gdls import write_field
        from napari_gdls.plugin.docks import open_dock
        from napari_gdls.plugin.viewers import viewer_session

        self.path = folder / "field.gdls.zarr.zip"
        write_field(self.path, field)
        self.viewer: napari.Viewer = napari.Viewer(show=True)
        self.dock = cast("SegmentWidget", open_dock(self.viewer, "segment"))
        self.followed = viewer_session(self.viewer)
        self.heartbeat = Heartbeat()
        self.rows: list[Waited] = []
        self._later = QTimer.singleShot
        settle(1.0)

    @contextmanager
    def timed(self, gesture: str, is_done: Callable[[], bool]) -> Iterator[None]:
        """Measure what happens inside, and on until it is done."""
        self.heartbeat.start()
        start, processor = time.perf_counter(), time.process_time()
        yield
        while not is_done():
            settle(0.0)
            if time.perf_counter() - start > _LONGEST_WAIT:
                raise TimeoutError(f"{gesture}: not done after {_LONGEST_WAIT:g} s")
        done, used = time.perf_counter() - start, time.process_time() - processor
        settle(0.2)  # what is drawn afterwards blocks, too
        self.rows.append(Waited(gesture, done, used, *self.heartbeat.stop()))

    def is_quiet(self) -> bool:
        """Whether nothing runs or waits to be shown."""
        return not (self.dock.running or self.followed.busy)

    @property
    def shown(self) -> Segmentation:
        """What is in sight."""
        state = self.dock.session.chosen
        assert state is not None
        assert state.shown is not None
        return state.shown.segmentation

    def all(self) -> list[Waited]:
        """Every gesture of the day."""
        from napari_gdls.plugin.docks import open_dock
        from napari_gdls.plugin.layers.metadata import layer_role
        from napari_gdls.plugin.readers import get_reader
        from napari_gdls.recipe import Assign, Join, Split
        from napari_gdls.segmentation import place_of_phase, place_of_segment, places_of_segment

        session = self.dock.session
        reader = get_reader(str(self.path))
        assert reader is not None
        with self.timed("open", lambda: session.chosen is not None and len(self.viewer.layers) > 1):
            self._later(0, lambda: reader(str(self.path)))
        state = session.chosen
        assert state is not None
        session.ask_names(state, wanted=False)  # it is measured alone, and runs beside all others otherwise
        with self.timed("first run", lambda: state.shown is not None and self.is_quiet()):
            self.dock.run_button.click()
        with self.timed("run again", lambda: not self.dock.running and self.is_quiet()):
            self.dock.run_button.click()
        spectrum = cast("SpectrumWidget", open_dock(self.viewer, "spectrum"))
        settle(1.0)
        with self.timed("click: spectrum", lambda: bool(spectrum.spectra) and not spectrum.busy):
            session.select(state, segments={1}, phases={int(self.shown.phases[0])}, measurements=())
        tau_z = self.shown.recipe.tau_z
        assert tau_z is not None
        with self.timed("slider", self.is_quiet):
            self.dock.recipe_form["tau_z"]["number"].value = 2 * tau_z
        with self.timed("slider back", self.is_quiet):
            self.dock.recipe_form["tau_z"]["number"].value = tau_z

        largest = int(np.argmax(np.bincount(self.shown.labels.ravel())[1:])) + 1
        places = np.array(places_of_segment(self.shown, largest))
        row, column = np.median(places, axis=0)
        reach = float(self.shown.field.shape[1])
        with self.timed("split", self.is_quiet):
            session.do(state, Split(((row + 0.5, column - reach), (row + 0.5, column + reach))))
        with self.timed("undo", self.is_quiet):
            session.undo(state)
        with self.timed("merge grains", self.is_quiet):
            session.do(state, Join((place_of_segment(self.shown, 1), place_of_segment(self.shown, 2))))
        with self.timed("assign a grain", self.is_quiet):
            other = place_of_phase(self.shown, int((self.shown.phases[2] + 1) % self.shown.n_phases))
            session.do(state, Assign(tuple(places_of_segment(self.shown, 3)), other))
        with self.timed("show the graph", self.is_quiet):
            for layer in list(self.viewer.layers):
                if layer_role(layer) == "graph":
                    layer.visible = True
        self._plot()
        self._map()
        session_file = self.path.with_name("session.gdls.zarr.zip")
        files = self.dock.session_files
        with self.timed("save the session", lambda: session_file.exists() and not files.saving):
            files.save(str(session_file))
        self.viewer.layers.clear()
        settle(0.5)
        reader = get_reader(str(session_file))
        assert reader is not None
        with self.timed("open the session", lambda: session.chosen is not None and session.chosen.shown is not None):
            self._later(0, lambda: reader(str(session_file)))
        self.viewer.close()
        return self.rows

    def _plot(self) -> None:
        from napari_gdls.plugin.docks import open_dock

        state = self.dock.session.chosen
        assert state is not None
        opened: list[PlotsWidget] = []
        with self.timed("plot", lambda: opened[0].points is not None and not opened[0].busy):
            opened.append(cast("PlotsWidget", open_dock(self.viewer, "plots")))
        (plots,) = opened
        with self.timed("lasso", self.is_quiet):
            points = plots.points
            low, high = (np.array([f(points.x), f(points.y)]) for f in (np.nanmin, np.nanmax))
            outline = low + _HALF * (high - low)
            plots.canvas.box.outlined.emit(outline, "replace")

    def _map(self) -> None:
        from napari_gdls.plugin.docks import open_dock

        maps = cast("ElementMapsWidget", open_dock(self.viewer, "maps"))
        before = len(self.viewer.layers)
        with self.timed("element map", lambda: len(self.viewer.layers) > before and not maps.busy):
            maps.elements.set_elements(("Si",))
            maps.make()


_HALF = np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]])
"""Vertices of a lasso around the left half of a plot, in parts of its width and height."""


def settle(seconds: float) -> None:
    """Let the window answer for some time, in a loop of events as that of a user's."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(max(round(1000 * seconds), 1), loop.quit)
    loop.exec()


def field_of_size(size: str) -> Field:
    """The field of one of `SIZES`."""
    if size == "7.5k":
        return sample_field("dacite")
    if size == "32k":
        return example_field()[0]
    edge = _EDGES[size]
    return simulate_field((edge, edge), seed=2, spacing=3.62, energy=COARSE_AXIS, grain_size=20.0, name=size)


def table_of(size: str, field: Field, rows: list[Waited]) -> str:
    """What was measured, in Markdown."""
    block, correction = TARGETS[size]
    lines = [
        f"### {size}: {field.n_measurements:,} measurements, {field.shape[0]} x {field.shape[1]} px",
        f"Aimed at: no block above {1000 * block:g} ms; corrections in sight within {1000 * correction:g} ms.",
        "",
        "| gesture | done, s | processor, s | longest block, s | its processor time, s |",
        "|---|---|---|---|---|",
    ]
    for each in rows:
        times = f"{each.done:.2f} | {each.processor:.2f} | {each.block:.3f} | {each.block_processor:.3f}"
        lines += [f"| {each.gesture} | {times} |"]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interaction", description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--quick", action="store_true", help="the smallest field alone")
    chosen = parser.parse_args(arguments)
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        print("A window is needed: run under xvfb-run -a -s '-screen 0 1280x1024x24'.", file=sys.stderr)
        return 1
    print(machine())
    if hasattr(os, "getloadavg"):
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    for size in SIZES[:1] if chosen.quick else chosen.sizes:
        field = field_of_size(size)
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n{table_of(size, field, Day(field, Path(folder)).all())}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
