"""Compiling before the first run: ``python -m napari_gdls.first_use``, which the window starts beside itself.

Numba compiles what a segmentation needs when it is first called, for some 20 seconds, and keeps it on disk. A process
of its own does so while the user opens a file, at a low priority. Nothing depends on it: what is not there yet when a
run begins is compiled by the run.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from napari_gdls.energy import EnergyAxis
from napari_gdls.io.cached_files import cache_folder

_NICENESS = 5
"""Of the process, where there is such a thing: it is to have what others leave over."""

_SIZE, _GRAIN = 48, 10.0
"""Height and width of the fields that are segmented for it, and diameter of their grains, in px: enough for each part
of the program to have something to do. Chosen by trial."""

_FINE, _COARSE = EnergyAxis(0.0, 10.0, 2000), EnergyAxis(0.0, 80.0, 250)
"""Axes on which spectra of 200 and of 20,000 counts are held sparse and dense."""


def is_compiled() -> bool:
    """Whether all that a first run needs was compiled by this very program on this machine."""
    return _stamp().is_file()


def compile_all() -> None:
    """Segment small fields of the usual kinds, so that what this takes is compiled, and remember that it is."""
    import numpy as np

    from napari_gdls.field import Field
    from napari_gdls.pipeline import segment
    from napari_gdls.simulation import simulate_field

    for counts, energy in ((200.0, _FINE), (20_000.0, _COARSE)):
        field = simulate_field((_SIZE, _SIZE), seed=1, counts=counts, energy=energy, dots="grid", grain_size=_GRAIN)
        for bse in (field.bse, (field.bse >> 8).astype(np.uint8)):
            for dtype in (np.uint8, np.uint16):
                spectra = field.spectra.astype(dtype)
                segment(Field(bse, spectra, field.locations, energy, beam_energy=20.0, gain=1.0), device="cpu")
    with suppress(OSError):  # then the next window does it again
        stamp = _stamp()
        stamp.parent.mkdir(parents=True, exist_ok=True)
        for other in stamp.parent.glob("compiled-*"):
            other.unlink()
        stamp.touch()


def _stamp() -> Path:
    """File whose presence says so; its name changes with all that numba looks at, and more."""
    here = Path(__file__).parent
    sources = sorted((str(path), path.stat().st_mtime_ns) for path in here.rglob("*.py"))
    program = (sys.version, platform.machine(), platform.processor(), version("numba"), version("llvmlite"))
    digest = hashlib.blake2b(repr((program, os.environ.get("NUMBA_CACHE_DIR"), sources)).encode(), digest_size=12)
    return cache_folder() / f"compiled-{digest.hexdigest()}"


def main() -> int:
    """Compile, in a process of its own."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    if not is_compiled():
        compile_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
