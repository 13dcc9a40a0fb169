"""Embedded spectra kept on disk, so that a second run on a field takes them up at once."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.errors import OutputError
from napari_gdls.field.rows import row_blocks, rows_are_sparse
from napari_gdls.io.atomic import atomic_file
from napari_gdls.io.cached_files import cache_folder, keep_latest

if TYPE_CHECKING:
    from napari_gdls.embedding.models import Embedding
    from napari_gdls.field import Field

_ENDING = ".embedding.npy"
"""Of the files: one array each, as `numpy.save` writes it."""


class EmbeddingCache:
    """Folder of embedded fields, found by the content of their spectra and by the weights.

    Whatever cannot be read or written is computed again: a cache never fails a run.

    Parameters
    ----------
    folder : path-like, optional
        None: the cache folder of the user for this program.
    limit : int
        Bytes to keep, 1 GiB unless given: a million spectra in 256 dimensions. Files not used for the longest time go
        first.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, limit: int = 1 << 30) -> None:
        self.folder = cache_folder() if folder is None else Path(folder)
        self.limit = limit

    def get(self, field: Field, embedding: Embedding) -> npt.NDArray[np.float32] | None:
        """Vectors of an earlier run, (N, d) float32; None when there are none."""
        path = self._path(field, embedding)
        try:
            vectors = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError, SyntaxError):
            return None
        if vectors.dtype != np.float32 or vectors.shape != (field.n_measurements, embedding.dimension):
            return None
        if not np.isfinite(vectors).all():
            return None
        with suppress(OSError):
            path.touch()
        return np.asarray(vectors)

    def put(self, field: Field, embedding: Embedding, vectors: npt.NDArray[np.float32]) -> None:
        """Keep the vectors of a field; what exceeds the limit goes, the oldest first."""
        with suppress(OSError, OutputError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(self._path(field, embedding)) as file:
                np.save(file, vectors, allow_pickle=False)
            keep_latest(self.folder, _ENDING, self.limit)

    def clear(self) -> None:
        """Forget everything."""
        for path in self._files():
            with suppress(OSError):
                path.unlink()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_ENDING}")) if self.folder.is_dir() else []

    def _path(self, field: Field, embedding: Embedding) -> Path:
        digest = hashlib.blake2b(digest_size=20)
        axis = field.energy
        digest.update(f"{embedding.fingerprint} {axis.offset!r} {axis.width!r} {axis.size}".encode())
        spectra = field.spectra
        digest.update(f" {spectra.dtype.str} {spectra.shape} {rows_are_sparse(spectra)}".encode())
        for _, block in row_blocks(spectra):
            arrays = (np.diff(block.indptr), block.indices, block.data) if sp.issparse(block) else (block,)
            for array in arrays:
                digest.update(f" {array.dtype.str} {array.shape} ".encode())
                digest.update(np.ascontiguousarray(array).data)
        return self.folder / f"{digest.hexdigest()}{_ENDING}"
