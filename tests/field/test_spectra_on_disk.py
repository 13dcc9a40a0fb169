"""Spectra on disk behave as the same spectra in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.field.spectra_on_disk import SpectraOnDisk, SpectraWriter


def on_disk(counts: np.ndarray, folder: Path, cuts: tuple[int, ...] = ()) -> SpectraOnDisk:
    writer = SpectraWriter(counts.shape[1], counts.dtype, folder)
    for k, block in enumerate(np.split(counts, sorted(cuts))):
        writer.append(sp.csr_array(block) if k % 2 else block)
    return writer.finish()


@given(st.data())
def test_rows_sums_and_products_are_those_of_the_array(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    n, d = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 50))
    counts = rng.poisson(data.draw(st.sampled_from([0.05, 3.0])), (n, d)).astype(
        data.draw(st.sampled_from(["u1", "u4"]))
    )
    cuts = data.draw(st.lists(st.integers(0, n), max_size=4))
    spectra = on_disk(counts, tmp_path_factory.mktemp("disk"), tuple(cuts))
    assert (spectra.shape, spectra.dtype, spectra.nnz) == (counts.shape, counts.dtype, np.count_nonzero(counts))
    rows = np.array(data.draw(st.lists(st.integers(-n, n - 1), max_size=30)), int)
    first, last = data.draw(st.integers(-n, n)), data.draw(st.integers(-n, n))
    for key in (rows, slice(first, last), slice(None, None, 3), rng.random(n) < 0.3):
        found = spectra[key]
        assert found.dtype == counts.dtype
        assert np.array_equal(found.toarray(), counts[key])
    assert np.array_equal(spectra[:, 1:4].toarray(), counts[:, 1:4])
    for axis in (0, 1, None):
        assert np.array_equal(spectra.sum(axis=axis, dtype=np.float64), counts.sum(axis=axis, dtype=np.float64))
    right, left = rng.integers(0, 5, (d, 3)), rng.integers(0, 5, (2, n))
    assert np.array_equal(spectra @ right, counts @ right)
    assert np.array_equal(left @ spectra, left @ counts)
    assert np.array_equal((sp.csr_array(left) @ spectra).toarray(), left @ counts)


def test_a_row_that_is_not_there_is_an_index_error(tmp_path: Path) -> None:
    with pytest.raises(IndexError, match="0 to 2"):
        on_disk(np.ones((3, 2), np.uint8), tmp_path)[[3]]


def test_the_file_is_gone_with_the_spectra(tmp_path: Path) -> None:
    spectra = on_disk(np.ones((3, 2), np.uint8), tmp_path)
    assert spectra.nnz == 6
    del spectra
    assert not list(tmp_path.iterdir())
