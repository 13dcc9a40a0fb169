"""The header of a field says what reading it gives, without its counts."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from fuzz_targets import TARGETS

from napari_gdls.errors import GdlsWarning
from napari_gdls.field import Field
from napari_gdls.io import field_header, read_field
from napari_gdls.io.headers import FieldHeader

FIELDS = {
    "tima map": ("1", {}),
    "tima map packed": ("1", {}),
    "edax": ("x.edaxh5", {"bse": "counts"}),
    "nexus": ("x.nxs", {"bse": "counts"}),
    "pymca": ("x.h5", {"bse": "counts"}),
    "hyperspy": ("x.hspy", {"bse": "counts"}),
    "ripple header": ("map.rpl", {"bse": "counts"}),
    "jeol": ("x.pts", {"bse": "counts"}),
    "store": ("x.gdls.zarr.zip", {}),
    "h5oina": ("x.h5oina", {"bse": "counts"}),
    "points": ("", {}),
    "points archive": ("", {}),
}
"""Targets that hold a field: where it is in their folder, and how it is read."""

REAL = {
    "p45_dacite/p45_122.bcf": {},
    "vendor_files/bruker/Hitachi_TM3030Plus.bcf": {},
    "vendor_files/bruker/bcf_v2_50x50px.bcf": {"bse": 0},
    "vendor_files/jeol/View000_0000006.pts": {"bse": 0},
    "vendor_files/phenom/Elid2Version4.elid": {"dataset": 0, "bse": "counts"},
    "vendor_files/velox/si_empty_selection.emd": {},
    "stem_88gpa/88_ES-LP_G8_selection2_cropped2.hspy": {"bse": "counts"},
}


def agree(header: FieldHeader, field: Field) -> None:
    """The header says of the field what it is."""
    assert header.shape == field.shape
    assert header.energy == field.energy
    assert header.channels == field.energy.size
    assert header.pixel_size == field.pixel_size
    assert header.beam_energy == field.beam_energy
    assert field.n_measurements <= header.n_measurements <= field.shape[0] * field.shape[1]
    assert header.bse_bytes >= field.bse.nbytes
    spectra = field.spectra
    held = spectra.nbytes if isinstance(spectra, np.ndarray) else spectra.data.nbytes + spectra.indices.nbytes
    assert header.spectra_bytes + 64 * len(field.locations) >= held
    assert header.bytes_to_read >= held
    assert header.stored_bytes > 0


@pytest.mark.parametrize("target", [each for each in TARGETS if each.name in FIELDS], ids=lambda target: target.name)
def test_header_of_every_format_is_that_of_its_field(target: object, tmp_path: Path) -> None:
    place, options = FIELDS[target.name]  # type: ignore[attr-defined]
    target.make(tmp_path)  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GdlsWarning)
        agree(field_header(tmp_path / place, **options), read_field(tmp_path / place, **options))


@pytest.mark.parametrize("name", REAL)
def test_header_of_real_files_is_that_of_their_fields(name: str) -> None:
    folder = os.environ.get("GDLS_DATA")
    if not folder:
        pytest.skip("needs the folder of public data in GDLS_DATA")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GdlsWarning)
        header, field = (read(Path(folder) / name, **REAL[name]) for read in (field_header, read_field))
    agree(header, field)
