from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_gdls.errors import FieldReadError
from napari_gdls.io import counts_source, hdf5_counts
from napari_gdls.io.hdf5_counts import Hdf5Counts, unwritten


class Watched:
    """A data set that notes which parts are asked for."""

    def __init__(self, data: h5py.Dataset) -> None:
        self._data = data
        self.asked: list[tuple[slice, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def __getitem__(self, at: Any) -> Any:
        self.asked.append(at)
        return self._data[at]

    def times_unpacked(self) -> np.ndarray:
        """How often each chunk was asked for."""
        chunks = self._data.chunks
        times = np.zeros([-(-n // c) for n, c in zip(self._data.shape, chunks, strict=True)], int)
        for at in self.asked:
            bounds = [s.indices(n) for s, n in zip(at, self._data.shape, strict=False)]
            times[tuple(slice(a // c, -(-b // c)) for (a, b, _), c in zip(bounds, chunks, strict=False))] += 1
        return times


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 9), st.integers(1, 30)),
    chunks=st.tuples(st.integers(1, 20), st.integers(1, 9), st.integers(1, 30)),
    spectral=st.integers(0, 2),
    dtype=st.sampled_from(["u1", "<i2", ">u4", ">f8"]),
    block=st.sampled_from([16, 300, 5000]),
)
def test_blocks_are_the_spectra_and_no_chunk_is_unpacked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int], chunks: tuple[int, int, int],
    spectral: int, dtype: str, block: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(counts_source, "BLOCK_BYTES", block)
    monkeypatch.setattr(hdf5_counts, "BLOCK_BYTES", block)
    monkeypatch.setattr(hdf5_counts, "_MOST_BAND_BYTES", 8 * block)
    counts = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    stored = np.moveaxis(counts, 2, spectral)
    chunks = tuple(min(c, n) for c, n in zip(chunks, stored.shape, strict=True))  # type: ignore[assignment]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = Watched(file.create_dataset("x", data=stored, chunks=chunks, compression="gzip"))
        source = Hdf5Counts(data, spectral)  # type: ignore[arg-type]
        assert source.shape == shape
        blocks = list(source.blocks())
        assert np.array_equal(np.concatenate(blocks), counts.reshape(-1, shape[2]))
        assert all(each.dtype == np.dtype(dtype).newbyteorder("=") for each in blocks)
        assert (data.times_unpacked() == 1).all()
        row = shape[1] * shape[2] * counts.itemsize
        rows = chunks[0 if spectral else 1]
        assert source.all_at_once == (rows > 1 and rows * row > 8 * block)
        if not source.all_at_once:
            assert max(each.nbytes for each in blocks) <= max(block, row)


def test_arrays_of_channels_as_a_type(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 200, (5, 6, 7)).astype("<i2")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset("x", (5, 6), np.dtype(("<i2", (7,))), chunks=(2, 2))
        data[...] = counts
        assert Hdf5Counts(data).shape == (5, 6, 7)
        assert np.array_equal(np.concatenate(list(Hdf5Counts(data).blocks())), counts.reshape(-1, 7))


def test_parts_that_were_never_written(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        whole = file.create_dataset("whole", data=np.ones((4, 4, 4)), chunks=(2, 4, 4))
        assert unwritten(path, whole) == ""
        assert unwritten(path, file.create_dataset("plain", data=np.ones((4, 4, 4)))) == ""
        half = file.create_dataset("half", (4, 4, 4), "i4", chunks=(2, 4, 4))
        half[:2] = 1
        assert "1 of 2 parts" in unwritten(path, half)
        filled = file.create_dataset("filled", (4, 4, 4), "i4", chunks=(2, 4, 4), fillvalue=-1)
        filled[:2] = 1
        with pytest.raises(FieldReadError, match="no zeros for the rest"):
            unwritten(path, filled)
        for name, how in (("empty", {"chunks": (2, 4, 4)}), ("late", {})):
            with pytest.raises(FieldReadError, match="never filled"):
                unwritten(path, file.create_dataset(name, (4, 4, 4), "i4", **how))
