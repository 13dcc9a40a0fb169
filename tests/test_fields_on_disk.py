"""A field whose spectra lie on disk gives the same answers as the same field in memory, to the bit."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_gdls as gdls
from napari_gdls.embedding.cache import EmbeddingCache
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, GdlsWarning
from napari_gdls.field import Field, spectra_on_disk
from napari_gdls.field.rows import rows_are_sparse
from napari_gdls.field.spectra_on_disk import SpectraOnDisk, SpectraWriter
from napari_gdls.mineralogy import element_maps
from napari_gdls.simulation import simulate_field
from napari_gdls.simulation.rock import ROCK
from napari_gdls.spectra import measure_drift, without_drift
from napari_gdls.spectra.windows import window_counts, window_counts_of_groups

PLAIN = tuple(dataclasses.replace(ROCK[i], rim_formula=None) for i in (0, 2, 3, 9))
"""Quartz, plagioclase, biotite, magnetite."""
AXIS = EnergyAxis(-40.0, 10.0, 60)


def on_disk(counts: Any, folder: Path, rows: int = 97) -> SpectraOnDisk:
    writer = SpectraWriter(counts.shape[1], counts.dtype, folder)
    for first in range(0, counts.shape[0], rows):
        writer.append(counts[first : first + rows])
    return writer.finish()


def moved_to_disk(field: Field, folder: Path) -> Field:
    other = copy.copy(field)
    other.spectra = on_disk(field.spectra, folder)
    return other


def values(result: Any) -> Any:
    if isinstance(result, SpectraOnDisk):
        result = result[:]
    return result.toarray() if sp.issparse(result) else result


def assert_same(one: Any, other: Any) -> None:
    one, other = values(one), values(other)
    assert one.dtype == other.dtype
    assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_field_is_made_alike_of_both(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    shape = data.draw(st.integers(3, 30)), data.draw(st.integers(3, 30))
    places = np.argwhere(np.indices(shape).sum(axis=0) % data.draw(st.integers(1, 3)) == 0)
    counts = rng.poisson(data.draw(st.sampled_from([0.2, 3.0, 30.0])), (len(places), AXIS.size))
    if data.draw(st.booleans()):
        counts[len(places) // 2 :] = 0  # a scan that was stopped
    counts = counts * data.draw(st.sampled_from([1, 1, 3, 7.5]))
    counts = counts.astype(data.draw(st.sampled_from(["u2", "i4", "f4"])) if (counts % 1 == 0).all() else "f4")
    if data.draw(st.booleans()):
        order = rng.permutation(len(places))
        places, counts = places[order], counts[order]
    gain = data.draw(st.sampled_from([None, None, 1.0, 2.5]))
    bse = rng.integers(0, 255, shape).astype(np.uint8)
    fields, problems = [], []
    for spectra in (counts, on_disk(counts, tmp_path_factory.mktemp("disk"))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GdlsWarning)
            try:
                fields.append(Field(bse, spectra, places, AXIS, gain=gain))
            except FieldError as error:
                problems.append(str(error))
    assert len(problems) in (0, 2)
    if problems:
        assert problems[0] == problems[1]
        return
    memory, disk = fields
    assert isinstance(disk.spectra, SpectraOnDisk)
    assert_same(memory.spectra, disk.spectra)
    for name in ("locations", "valid", "unmeasured", "input_order", "total_counts", "total_spectrum"):
        assert_same(getattr(memory, name), getattr(disk, name))
    assert (memory.gain, memory.sampling_distance, repr(memory)) == (disk.gain, disk.sampling_distance, repr(disk))
    groups = rng.integers(-1, 4, memory.n_measurements)
    assert_same(memory.summed_spectra(groups, 4), disk.summed_spectra(groups, 4))
    assert_same(memory.window_counts(100, 300), disk.window_counts(100, 300))
    assert_same(memory.rebinned(EnergyAxis(3.0, 20.0, 20)), disk.rebinned(EnergyAxis(3.0, 20.0, 20)))
    if (values(memory.spectra) % 1 == 0).all():
        assert_same(memory.thinned(0.4, seed=3).spectra, disk.thinned(0.4, seed=3).spectra)


@pytest.mark.parametrize(
    ("value", "problem"),
    [(-1.0, "negative"), (np.nan, "NaN"), (np.inf, "infinite"), (1e12, "no more")],
)
def test_counts_that_cannot_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float, problem: str
) -> None:
    monkeypatch.setattr(spectra_on_disk, "_READ_BYTES", 1200)
    counts = np.ones((300, 60), np.float32)
    counts[250, 7] = value
    places = np.argwhere(np.ones((15, 20), bool))
    counts[270, 3] = value  # in another block of those on disk, so that all are counted
    problems = []
    for spectra in (counts, sp.csr_array(counts), on_disk(counts, tmp_path)):
        with pytest.raises(FieldError, match=problem) as caught:
            Field(np.zeros((15, 20), np.uint8), spectra, places, AXIS, gain=1)
        problems.append(str(caught.value))
    assert len(set(problems)) == 1


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Field, Field]]:
    made = {
        "sparse": simulate_field((60, 54), seed=5, minerals=PLAIN, grain_size=14),
        "dense": simulate_field((36, 33), seed=5, minerals=PLAIN, dense=True, counts=500),
    }
    return {name: (field, moved_to_disk(field, tmp_path_factory.mktemp(name))) for name, field in made.items()}


OPERATIONS: dict[str, Callable[[Field], Any]] = {
    "windows": window_counts,
    "windows of groups": lambda field: window_counts_of_groups(field, np.arange(field.n_measurements) % 5 - 1, 4),
    "embedding": lambda field: gdls.embed(field),
    "drift": lambda field: np.concatenate([measure_drift(field).offset, measure_drift(field).gain]),
    "without drift": lambda field: without_drift(field, measure_drift(field)).spectra,
    "segments": lambda field: gdls.segment(field).labels,
    "element maps": lambda field: gdls.segment(field, method="bse_only").labels,
    "pixelwise": lambda field: gdls.segment(field, method="pixelwise").labels,
    "watershed": lambda field: gdls.segment(field, method="watershed").labels,
    "ranges": lambda field: gdls.segment(field, method="bse_ranges").labels,
    "net counts": lambda field: element_maps(field, ("Si", "Al")).counts,
    "signal": lambda field: np.asarray(gdls.Field.to_xarray(field).counts.values),
}


@pytest.mark.parametrize("kind", ["sparse", "dense"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_are_the_same(fields: dict[str, tuple[Field, Field]], kind: str, name: str) -> None:
    if name == "signal":
        pytest.importorskip("xarray")
    memory, disk = fields[kind]
    assert_same(OPERATIONS[name](memory), OPERATIONS[name](disk))


def test_embeddings_of_fields_on_disk_are_kept_and_found(
    fields: dict[str, tuple[Field, Field]], tmp_path: Path
) -> None:
    cache = EmbeddingCache(tmp_path)
    disk = fields["sparse"][1]
    made = gdls.embed(disk, cache=cache)
    assert len(list(tmp_path.iterdir())) == 1
    assert np.array_equal(gdls.embed(disk, cache=cache), made)
    assert len(list(tmp_path.iterdir())) == 1


def test_rows_are_sparse_where_they_come_so(fields: dict[str, tuple[Field, Field]]) -> None:
    for memory, disk in fields.values():
        assert rows_are_sparse(disk.spectra)
        assert rows_are_sparse(memory.spectra) == sp.issparse(memory.spectra)
