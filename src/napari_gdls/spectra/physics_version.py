"""Which physics simulated spectra come from: what is kept of them on disk is good for this physics alone."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from importlib.resources import files

_SOURCES = (
    "atomic.py",
    "bote_salvat_2009.csv",
    "continuum.py",
    "depth.py",
    "detector.py",
    "emission.py",
    "fluorescence.py",
    "ionisation.py",
    "strengths.py",
    "synthesis.py",
    "thin_film.py",
)


def _digest() -> str:
    digest = hashlib.sha256(f"xraylib {version('xraylib')}".encode())
    folder = files("napari_gdls.spectra")
    for name in _SOURCES:
        content = folder.joinpath(name).read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


PHYSICS_VERSION = _digest()
"""16 hexadecimal digits that change whenever expected spectra can change: a digest of the modules and tables that make
them, and of the version of xraylib. Make it a part of the key of what is kept on disk."""
