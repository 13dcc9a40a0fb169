"""The header of a field says what reading it gives, without its counts."""

from __future__ import annotations

import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from damage import LONGEST, mutations
from fuzz_targets import MEMORY, TARGETS, Target, small_field

from napari_gdls.errors import FieldReadError, GdlsError, GdlsWarning, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io import field_header, read_field, write_field, write_tima_field
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

SLOW = [name for name in REAL if name.endswith((".emd", ".elid")) or "Hitachi" in name]


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
def test_header_of_every_format_is_that_of_its_field(target: Target, tmp_path: Path) -> None:
    place, options = FIELDS[target.name]
    target.make(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GdlsWarning)
        agree(field_header(tmp_path / place, **options), read_field(tmp_path / place, **options))


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in REAL])
def test_header_of_real_files_is_that_of_their_fields(name: str) -> None:
    folder = os.environ.get("GDLS_DATA")
    if not folder:
        pytest.skip("needs the folder of public data in GDLS_DATA")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GdlsWarning)
        header, field = (read(Path(folder) / name, **REAL[name]) for read in (field_header, read_field))
    agree(header, field)


@pytest.mark.parametrize("target", [each for each in TARGETS if each.name in FIELDS], ids=lambda target: target.name)
def test_damaged_headers_are_read_or_refused(target: Target, tmp_path: Path) -> None:
    place, options = FIELDS[target.name]
    whole = target.whole(tmp_path)
    for damaged in mutations(whole, 60, 5, head=target.head):
        target.write(tmp_path, damaged)
        start = time.process_time()
        try:
            header = field_header(tmp_path / place, memory_limit=MEMORY, **options)
        except GdlsError:
            header = None
        assert header is None or min(*header.shape, header.channels) > 0
        assert header is None or 0 <= header.n_measurements <= header.shape[0] * header.shape[1]
        assert time.process_time() - start < LONGEST


def test_a_store_is_not_read_for_its_header(tmp_path: Path) -> None:
    """Damage to counts is found when they are read; the header does not look at them."""
    path = tmp_path / "x.gdls.zarr"
    write_field(path, small_field())
    counts = max(
        (each for each in (path / "counts").rglob("c/**/*") if each.is_file()), key=lambda each: each.stat().st_size
    )
    data = bytearray(counts.read_bytes())
    data[len(data) // 2] ^= 1
    counts.write_bytes(bytes(data))
    assert field_header(path).shape == (9, 13)
    with pytest.raises(FieldReadError, match="does not fit its checksum"):
        read_field(path)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"bse": "counts"}, None),
        ({}, ReadChoiceError),
        ({"bse": 3}, ReadChoiceError),
        ({"dataset": 4}, ReadChoiceError),
    ],
)
def test_a_choice_that_reading_needs_is_asked_for(
    tmp_path: Path, options: dict[str, object], error: type[Exception] | None
) -> None:
    (target,) = (each for each in TARGETS if each.name == "ripple header")
    target.make(tmp_path)
    for read in (field_header, read_field):
        if error is None:
            assert read(tmp_path / "map.rpl", **options).energy.size > 0  # type: ignore[operator]
            continue
        with pytest.raises(error) as raised:
            read(tmp_path / "map.rpl", **options)  # type: ignore[operator]
    if error is not None:
        with pytest.raises(error) as first:
            field_header(tmp_path / "map.rpl", **options)  # type: ignore[arg-type]
        assert str(first.value) == str(raised.value)


def test_options_of_reading_mean_the_same(tmp_path: Path) -> None:
    (target,) = (each for each in TARGETS if each.name == "ripple header")
    target.make(tmp_path)
    options = {"bse": "counts", "energy": (-200.0, 20.0), "beam_energy": 7.0, "gain": 1.0}
    agree(field_header(tmp_path / "map.rpl", **options), read_field(tmp_path / "map.rpl", **options))
    write_field(tmp_path / "x.gdls.zarr.zip", small_field())
    with pytest.raises(FieldReadError, match="leaves no choice of an energy calibration"):
        field_header(tmp_path / "x.gdls.zarr.zip", energy=(0.0, 10.0))


def test_headers_survive_a_way_through_json(tmp_path: Path) -> None:
    write_field(tmp_path / "x.gdls.zarr.zip", small_field())
    header = field_header(tmp_path / "x.gdls.zarr.zip")
    assert FieldHeader.from_dict(json.loads(json.dumps(header.to_dict()))) == header


def test_headers_of_own_formats_take_milliseconds(tmp_path: Path) -> None:
    write_field(tmp_path / "x.gdls.zarr.zip", small_field())
    write_tima_field(tmp_path / "1", small_field())
    for path in (tmp_path / "x.gdls.zarr.zip", tmp_path / "1"):
        field_header(path)
        start = time.process_time()
        for _ in range(20):
            field_header(path)
        assert (time.process_time() - start) / 20 < 0.03
