"""Make the sample fields from the Bruker maps inside HyperSpy's source distribution.

Usage::

    pip download hyperspy==1.1.2 --no-deps --no-binary hyperspy
    python sample_data/build.py hyperspy-1.1.2.tar.gz

Writes ``dacite.gdls.zarr.zip`` and ``dacite-fast.gdls.zarr.zip`` beside this script and prints their SHA-256. The
script needs the package with its extra ``formats``. Equal versions of zarr and numcodecs give equal bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from napari_gdls.field import Field
from napari_gdls.io import read_field, write_field

SDIST_SHA256 = "67e65ede20071bf20a88a4481e66f1be29f438c3827f82396cf955f301dc70dc"
MEMBERS = {
    "dacite": "hyperspy-1.1.2/hyperspy/tests/io/bcf_data/P45_instructively_packed_16bit_compressed.bcf",
    "dacite-fast": "hyperspy-1.1.2/hyperspy/tests/io/bcf_data/P45_12bit_packed_8bit.bcf",
}
PROVENANCE = {
    "sample": "P45, dacite, Polish Sudetes",
    "author": "Petras Jokubauskas",
    "instrument": "Zeiss Sigma FE-SEM, Bruker XFlash 6|10",
    "licence": "Public Domain Dedication and License 1.0 (PDDL-1.0)",
    "source": "HyperSpy 1.1.2, source distribution",
}


def build(sdist: Path, folder: Path) -> None:
    """Write the sample fields into `folder`."""
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    if digest != SDIST_SHA256:
        sys.exit(f"{sdist} has SHA-256 {digest}; the source distribution of hyperspy 1.1.2 has {SDIST_SHA256}")
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(sdist) as archive:
        for name, path in MEMBERS.items():
            member = archive.extractfile(path)
            assert member is not None, f"{path} is missing in {sdist}"
            source = Path(scratch, Path(path).name)
            source.write_bytes(member.read())
            given = read_field(source)
            field = Field(
                given.bse,
                given.spectra,
                given.locations,
                given.energy,
                sampling_distance=given.sampling_distance,
                pixel_size=given.pixel_size,
                beam_energy=given.beam_energy,
                name=name,
                metadata={**given.metadata, **PROVENANCE},
            )
            target = folder / f"{name}.gdls.zarr.zip"
            write_field(target, field, overwrite=True)
            _check_equal(read_field(target), field)
            print(f"{hashlib.sha256(target.read_bytes()).hexdigest()}  {target.name}  {target.stat().st_size:,} bytes")


def _check_equal(stored: Field, given: Field) -> None:
    assert np.array_equal(stored.bse, given.bse)
    assert np.array_equal(stored.locations, given.locations)
    assert (sp.csr_array(stored.spectra) != sp.csr_array(given.spectra)).nnz == 0
    assert stored.spectra.dtype == given.spectra.dtype
    assert (stored.energy, stored.pixel_size, stored.beam_energy) == (given.energy, given.pixel_size, given.beam_energy)
    assert stored.metadata == given.metadata


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sdist", type=Path, help="hyperspy-1.1.2.tar.gz")
    parser.add_argument(
        "--folder", type=Path, default=Path(__file__).parent, help="where to write; default: beside the script"
    )
    arguments = parser.parse_args()
    build(arguments.sdist, arguments.folder)
