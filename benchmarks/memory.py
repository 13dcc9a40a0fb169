"""Memory and time of maps larger than memory: ``python -m benchmarks.memory [--quick] [--big] [--no-segment]``.

Makes a Ripple map of 1,024 x 1,024 spectra of 2,048 channels (2 GiB, 8 minerals, 1,000 counts each), with ``--big`` an
.h5oina of 2,048 x 1,408 x 1,024 at 300 counts besides, with ``--quick`` a small Ripple map alone. Runs ``napari-gdls
info``, ``convert`` and ``segment`` on it as whole processes, and the sum spectrum and the map of an element as this
package and as RosettaSciIO with HyperSpy make them, lazily. Prints the time on the clock, that of all processor cores,
and the peak memory of the process and its children (resident; pages of the file that are mapped count).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.h5oina import BEAM_ENERGY, GRAIN, MINERALS, bse_image, channel_tables, drawn_spectra, write_h5oina
from napari_gdls.energy import EnergyAxis
from napari_gdls.simulation import rock_texture

AXIS = EnergyAxis(-200.0, 10.0, 2048)
"""eV; of the Ripple map."""
SIDE, QUICK_SIDE = 1024, 96
"""Rows and columns of the Ripple map, in pixels."""
COUNTS = 1000.0
"""Of a spectrum of the Ripple map."""
BIG = (1408, 2048, 1024, 300.0)
"""Rows, columns, channels and counts of the .h5oina: those of a real map of AZtec."""
WINDOW = (6300.0, 6500.0)
"""eV; iron's K alpha line, 6,404 eV."""
ROWS_AT_A_TIME = 8
"""Of the map that are drawn at a time: 128 MiB while they are counted."""
EVERY = 0.02
"""Seconds between two looks at the memory."""

TARGETS = {"info": (1.2, 15.0), "convert": (1.5, 60.0), "segment": (3.0, None)}
"""GiB and seconds that are aimed at for the Ripple map of 2 GiB."""
BIG_TARGETS = {"convert": (3.0, None), "segment": (6.0, None)}
"""GiB and seconds that are aimed at for the .h5oina."""

OURS = """
import sys, warnings
from napari_gdls import read_field
warnings.simplefilter("ignore")
field = read_field(sys.argv[1], bse=sys.argv[2] or None)
spectrum = field.total_spectrum
window = field.window_map(float(sys.argv[3]), float(sys.argv[4]))
print(f"{spectrum.sum():.0f} {window.sum():.0f}")
"""
"""Sum spectrum and map of an element with this package."""

HYPERSPY = """
import sys, warnings
import hyperspy.api as hs
warnings.simplefilter("ignore")
hs.set_log_level("ERROR")
signal = hs.load(sys.argv[1], lazy=True)
spectrum = signal.sum(axis=signal.axes_manager.navigation_axes)
spectrum.compute(show_progressbar=False)
axis = signal.axes_manager.signal_axes[0]
energies = axis.offset * 1000 + 1000 * axis.scale * __import__("numpy").arange(axis.size)
inside = (energies >= float(sys.argv[3])) & (energies < float(sys.argv[4]))
first, last = int(inside.argmax()), int(inside.argmax() + inside.sum())
window = signal.isig[first:last].sum(axis=-1)
window.compute(show_progressbar=False)
print(f"{spectrum.data.sum():.0f} {window.data.sum():.0f}")
"""
"""The same with RosettaSciIO and HyperSpy, lazily."""


@dataclass(frozen=True)
class Measured:
    """What a process took.

    Attributes
    ----------
    name : str
    elapsed : float
        Seconds on the clock.
    processor : float
        Seconds of all processor cores together.
    memory : float
        Peak of the process and its children, GiB.
    said : str
        The last line that it printed, or why it failed.
    ok : bool
    """

    name: str
    elapsed: float
    processor: float
    memory: float
    said: str
    ok: bool


def write_rpl(path: Path, side: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Write a Ripple map of `MINERALS` and, beside it, its BSE image as ``.png``.

    Parameters
    ----------
    path : Path
        Of the ``.rpl``; the counts go to a ``.raw`` beside it.
    side : int
        Rows and columns.
    seed : int
        Equal seeds give equal maps.

    Returns
    -------
    (side, side) array of uint8
        The mineral of each pixel.
    """
    from PIL import Image

    phases = rock_texture((side, side), MINERALS, seed=seed, grain_size=GRAIN).phases.astype(np.uint8)
    rng = np.random.default_rng(seed)
    tables = channel_tables(AXIS)
    with path.with_suffix(".raw").open("wb") as file:
        for first in range(0, side, ROWS_AT_A_TIME):
            spectra = drawn_spectra(tables, phases[first : first + ROWS_AT_A_TIME].ravel(), COUNTS, AXIS.size, rng)
            assert spectra.max() < 256  # counts of one byte
            file.write(spectra.astype(np.uint8).tobytes())
    keys: dict[str, object] = {
        "width": side, "height": side, "depth": AXIS.size, "offset": 0, "data-length": 1, "data-type": "unsigned",
        "byte-order": "dont-care", "record-by": "vector", "width-name": "x", "width-scale": 1, "width-units": "um",
        "height-name": "y", "height-scale": 1, "height-units": "um", "depth-name": "Energy",
        "depth-scale": AXIS.width / 1000, "depth-origin": AXIS.offset / 1000, "depth-units": "keV",
        "beam-energy": BEAM_ENERGY, "signal": "EDS_SEM",
    }  # fmt: skip
    path.write_text("key\tvalue\n" + "".join(f"{key}\t{value}\n" for key, value in keys.items()))
    Image.fromarray(bse_image(phases, rng)).save(path.with_suffix(".png"))
    return phases


def measured(name: str, command: Sequence[str], folder: Path) -> Measured:
    """Run a command, and look at its memory meanwhile."""
    with (folder / "said").open("wb+") as said:
        start, before = time.monotonic(), os.times()
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, cwd=folder)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _resident(process.pid))
            time.sleep(EVERY)
        elapsed, after = time.monotonic() - start, os.times()
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines() or [""]
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(name, elapsed, processor, peak / 2**30, lines[-1], process.returncode == 0)


def _resident(pid: int) -> int:
    """Bytes in memory of a process and all that it has started (Linux; 0 elsewhere)."""
    total = 0
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        total = int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(_resident(int(child)) for child in (task / "children").read_text().split())
    except (OSError, IndexError, ValueError):  # it has ended meanwhile
        pass
    return total


def run(path: Path, bse: str, folder: Path, *, segment: bool) -> list[Measured]:
    """All steps on one map."""
    ours = [sys.executable, "-m", "napari_gdls"]
    choice = ["--bse", bse] if bse else []
    window = [str(path), bse, *map(str, WINDOW)]
    steps = [
        ("info", [*ours, "info", str(path), *choice]),
        ("convert", [*ours, "convert", str(path), "-o", str(folder / "out.gdls.zarr"), *choice]),
    ]
    if segment:
        steps.append(("segment", [*ours, "segment", str(path), "-o", str(folder / "out.ome.tif"), *choice]))
    steps.append(("sum spectrum + Fe map", [sys.executable, "-c", OURS, *window]))
    found = []
    for name, command in steps:
        found.append(measured(name, command, folder))
        print(line(found[-1]), flush=True)
    if importlib.util.find_spec("rsciio") is None or importlib.util.find_spec("hyperspy") is None:
        print("  RosettaSciIO and HyperSpy: not installed")
    elif path.suffix == ".h5oina":
        print("  RosettaSciIO has no reader of .h5oina")
    else:
        theirs = measured("the same, HyperSpy", [sys.executable, "-c", HYPERSPY, *window], folder)
        found.append(theirs)
        print(line(theirs), flush=True)
        if theirs.ok and theirs.said != found[-2].said:
            print(f"  they differ: {found[-2].said} here, {theirs.said} there")
    return found


def line(found: Measured) -> str:
    """A row of the table."""
    if not found.ok:
        return f"  {found.name:<24} failed: {found.said}"
    return f"  {found.name:<24} {found.elapsed:>7.1f} s {found.processor:>8.1f} s {found.memory:>7.2f} GiB"


def verdicts(found: Sequence[Measured], targets: dict[str, tuple[float, float | None]]) -> list[str]:
    """What misses its target."""
    missed = []
    for each in found:
        memory, seconds = targets.get(each.name, (float("inf"), None))
        if not each.ok or each.memory > memory or (seconds is not None and each.elapsed > seconds):
            missed.append(
                f"{each.name}: {each.elapsed:.0f} s, {each.memory:.2f} GiB; aimed at {seconds} s, {memory} GiB"
            )
    return missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"a map of {QUICK_SIDE} x {QUICK_SIDE} spectra")
    parser.add_argument("--big", action="store_true", help="the .h5oina, too")
    parser.add_argument("--no-segment", action="store_true", help="leave out segmenting, which takes minutes")
    parser.add_argument("--folder", type=Path, help="where files are made for the time being; 20 GiB are needed")
    options = parser.parse_args(arguments)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"  {'':<24} {'clock':>9} {'cores':>10} {'memory':>11}")
    missed = []
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="gdls-memory-") as name:
        folder = Path(name)
        side = QUICK_SIDE if options.quick else SIDE
        path = folder / "map.rpl"
        start = time.monotonic()
        write_rpl(path, side)
        size = path.with_suffix(".raw").stat().st_size / 2**20
        print(f"Ripple, {side} x {side} x {AXIS.size}, {size:.0f} MiB (made in {time.monotonic() - start:.0f} s)")
        found = run(path, str(path.with_suffix(".png")), folder, segment=not options.no_segment)
        missed += [] if options.quick else verdicts(found, TARGETS)
        failed = [each for each in found if not each.ok]
        if options.big:
            path.with_suffix(".raw").unlink()
            shutil.rmtree(folder / "out.gdls.zarr", ignore_errors=True)
            path = folder / "map.h5oina"
            start = time.monotonic()
            write_h5oina(path, *BIG)
            height, width, channels, counts = BIG
            size = path.stat().st_size / 2**20
            print(
                f".h5oina, {width} x {height} x {channels} at {counts:g} counts, {size:.0f} MiB "
                f"(made in {time.monotonic() - start:.0f} s)"
            )
            for old in folder.glob("out*"):
                old.unlink()
            found = run(path, "", folder, segment=not options.no_segment)
            missed += verdicts(found, BIG_TARGETS)
            failed += [each for each in found if not each.ok]
    for text in missed:
        print(f"missed: {text}")
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main())
