"""What else is done with a field gives the same answers whether its spectra lie in memory or on disk."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_gdls as gdls
from napari_gdls import mineralogy, overlap
from napari_gdls.energy import EnergyAxis
from napari_gdls.field import Field, spectra_on_disk
from napari_gdls.field.rows import ROWS_AT_A_TIME, blocks_with, row_blocks
from napari_gdls.field.spectra_on_disk import SpectraOnDisk, SpectraWriter
from napari_gdls.graph import build_graph, calibrate_on_field
from napari_gdls.io.tima import write_tima_field
from napari_gdls.materials.formula import composition_of
from napari_gdls.spectra import simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 1200)
MINERALS = ("SiO2", "FeS2", "CaCO3")
SCHEME = """{"format": "napari-gdls scheme", "version": 1, "name": "shares", "classes": [
  {"name": "pyrite", "conditions": [{"quantity": "S [area%]", "min": 35}]},
  {"name": "quartz", "conditions": [{"quantity": "Si [area%]", "min": 30}]}]}"""


def moved_to_disk(field: Field, folder: Path) -> Field:
    other = copy.copy(field)
    writer = SpectraWriter(field.energy.size, field.spectra.dtype, folder)
    for first in range(0, field.n_measurements, 50):
        writer.append(field.spectra[first : first + 50])
    other.spectra = writer.finish()
    return other


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> tuple[Field, Field]:
    """Three stripes of minerals, a spectrum at every pixel."""
    shape = (30, 36)
    places = np.argwhere(np.ones(shape, bool))
    stripe = places[:, 1] * len(MINERALS) // shape[1]
    expected = simulate_spectra(
        [composition_of(mineral) for mineral in MINERALS], beam_energy=15.0, energy=AXIS, counts=1000.0
    )
    rng = np.random.default_rng(0)
    counts = rng.poisson(expected[stripe]).astype(np.uint16)
    bse = (np.array([60, 120, 90])[stripe] + rng.normal(0, 3, len(stripe))).reshape(shape).astype(np.uint8)
    field = Field(bse, counts, places, AXIS, beam_energy=15.0, gain=1, sampling_distance=1.0)
    return field, moved_to_disk(field, tmp_path_factory.mktemp("spectra"))


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def written(write: Callable[[Path, Field], None], name: str) -> Callable[[Field, Path], Any]:
    def files(field: Field, folder: Path) -> dict[str, bytes]:
        write(folder / name, field)
        return bytes_below(folder)

    return files


def classes(field: Field, _: Path) -> Any:
    instrument = mineralogy.calibrate_field(field)
    return mineralogy.classify_measurements(field, mineralogy.scheme_from_json(SCHEME), instrument)


def named(field: Field, _: Path) -> Any:
    rows = mineralogy.identify(gdls.segment(field)).rows
    return repr([(row.identification.name, row.composition) for row in rows])


def unmixed(field: Field, _: Path) -> Any:
    found = gdls.unmix_overlapping(field)
    return np.concatenate([found.abundances[name].ravel() for name in found.names])


OPERATIONS: dict[str, Callable[[Field, Path], Any]] = {
    "names": named,
    "classes of measurements": classes,
    "element counts": lambda field, _: mineralogy.element_counts(field, ("Si", "Fe")).counts,
    "scale of the field": lambda field, _: repr(calibrate_on_field(field, build_graph(field, gdls.embed(field)))),
    "segments by that scale": lambda field, _: gdls.segment(field, calibration="field").labels,
    "segments without drift": lambda field, _: gdls.segment(field, drift="correct").labels,
    "thresholds": lambda field, _: gdls.segment(field, method="threshold").labels,
    "sums of segments": lambda field, _: gdls.segment(field).spectra(),
    "table of segments": lambda field, _: repr(gdls.segment(field).segment_table()),
    "components": lambda field, _: overlap.decompose(field, 3).scores,
    "principal components": lambda field, _: overlap.decompose(field, 3, method="pca").scores,
    "overlapping phases": unmixed,
    "store": written(lambda path, field: gdls.write_field(path, field), "field.gdls.zarr"),
    "TIMA folder": written(write_tima_field, "tima"),
}


LONG = ("names", "overlapping phases", "classes of measurements")
"""Operations that fit the lines of all elements."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in OPERATIONS])
def test_answers_are_the_same(
    fields: tuple[Field, Field], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(spectra_on_disk, "_READ_BYTES", 50_000)  # so that a small field has many blocks
    answers = []
    for field, where in zip(fields, ("memory", "disk"), strict=True):
        (tmp_path / where).mkdir()
        answers.append(OPERATIONS[name](field, tmp_path / where))
    one, other = answers
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    else:
        assert one
        assert one == other


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_blocks_hold_all_that_is_wanted_once(
    fields: tuple[Field, Field], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    n = fields[0].n_measurements
    wanted = np.zeros(n, bool)
    chosen = data.draw(st.lists(st.integers(0, n - 1), max_size=data.draw(st.sampled_from([3, 15, 200]))))
    wanted[chosen] = True
    everything = fields[0].spectra
    for field in fields:
        seen = []
        for rows, block in blocks_with(field.spectra, wanted):
            places = np.arange(n)[rows]
            seen += places[wanted[places]].tolist()
            both = [each if isinstance(each, np.ndarray) else each.toarray() for each in (block, everything[rows])]
            assert np.array_equal(*both)
        assert seen == np.flatnonzero(wanted).tolist()
    group = np.where(wanted, np.arange(n) % 3, -1)
    assert np.array_equal(*(field.summed_spectra(group, 3) for field in fields))


def test_blocks_of_sparse_spectra_in_memory_are_their_rows() -> None:
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    counts = sp.csr_array(rng.poisson(0.05, (2 * ROWS_AT_A_TIME + 77, 40)).astype(np.uint8))
    first_of_next = 0
    for first, block in row_blocks(counts):
        assert first == first_of_next
        first_of_next += block.shape[0]
        assert np.shares_memory(block.data, counts.data)
        assert (block != counts[first:first_of_next]).nnz == 0
    assert first_of_next == counts.shape[0]


def test_a_field_says_where_its_spectra_lie(fields: tuple[Field, Field]) -> None:
    memory, disk = fields
    assert not memory.is_on_disk
    assert disk.is_on_disk
    assert isinstance(disk.with_artefacts(["Cu"]).spectra, SpectraOnDisk)
