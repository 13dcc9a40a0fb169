"""Running an embedding over many spectra, in batches, on any device."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.embedding.models import Embedding, load_embedding
from napari_gdls.embedding.projection import OnAxis, on_axis
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import EmbeddingError
from napari_gdls.field import Field
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import in_blocks, one_thread_for_torch

if TYPE_CHECKING:
    from napari_gdls.embedding.cache import EmbeddingCache

_BATCH_BYTES = {"cpu": 6 << 20, "cuda": 512 << 20, "mps": 128 << 20}
"""Bytes of spectra in a batch, as float32, by kind of device: on the CPU about what its caches hold for each thread, on
others enough to keep them busy in a fraction of their memory. Choices; they change speed and memory alone."""

FEWEST_ON_DEVICE = 20_000
"""Spectra for which "auto" takes a device that is not the CPU: fewer take the CPU less than a tenth of a second, about
what such a device needs to begin with. A choice; `benchmarks.gpu` measures where the two meet."""

_SMALLEST_BATCH = 64
"""Spectra at a time on a device that is not the CPU: smaller batches are slower there than the CPU is."""

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
"""What torch says on its devices and operating systems where it raises a mere RuntimeError."""


def available_devices() -> tuple[str, ...]:
    """Devices of this machine that torch can use, the fastest first; "cpu" is always the last."""
    import torch

    devices = [f"cuda:{i}" if i else "cuda" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return (*devices, "cpu")


def embed(
    field_or_spectra: Field | npt.ArrayLike | sp.sparray,
    model: str | os.PathLike[str] | Embedding | None = None,
    *,
    energy: EnergyAxis | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    progress: Progress | None = None,
    cache: EmbeddingCache | None = None,
) -> npt.NDArray[np.float32]:
    """Embed spectra: unit vectors z whose distances tell materials apart (paper, section 3.5).

    Parameters
    ----------
    field_or_spectra : Field, or (N, D) array or sparse array of counts
    model : str, path or Embedding, optional
        See `load_embedding`. None: the default.
    energy : EnergyAxis, optional
        Axis of bare spectra; a field knows its own. None: the axis of the model.
    device : str
        "auto" (a GPU when there is one, and spectra enough to be worth it), "cpu", "cuda", "cuda:1", "mps".
    batch_size : int, optional
        Spectra at a time. None: what suits the device.
    progress : Progress, optional
        Called after every batch.
    cache : EmbeddingCache, optional
        Where results for fields are kept and looked for. None: nowhere.

    Returns
    -------
    (N, d) array of float32
        Rows of length 1.

    Raises
    ------
    EmbeddingError
        If the model or the device is not there, or the spectra do not fit the axis.
    Cancelled
        If `progress` asks for it.

    Warns
    -----
    RuntimeWarning
        Once, when the device runs out of memory; smaller batches and at last the CPU are tried, with the same result.
    """
    chosen = checked_device(device)
    embedding = load_embedding(model or "default") if not isinstance(model, Embedding) else model
    spectra, axis = _spectra_and_axis(field_or_spectra, energy, embedding)
    if batch_size is not None and batch_size < 1:
        raise EmbeddingError(f"batch size {batch_size}: at least one spectrum at a time is needed.")
    report = progress or silent
    if cache is not None and isinstance(field_or_spectra, Field):
        report("embedding", 0.0)
        known = cache.get(field_or_spectra, embedding)
        if known is not None:
            report("embedding", 1.0)
            return known
    out = np.empty((spectra.shape[0], embedding.dimension), dtype=np.float32)
    report("embedding", 0.0)
    if device == "auto" and len(out) < FEWEST_ON_DEVICE:
        chosen = "cpu"
    _Run(on_axis(embedding, axis), spectra, out, report).embed_all(chosen, batch_size, embedding.energy.size)
    report("embedding", 1.0)
    if cache is not None and isinstance(field_or_spectra, Field):
        cache.put(field_or_spectra, embedding, out)
    return out


def embedder(
    model: str | os.PathLike[str] | Embedding | None, energy: EnergyAxis
) -> Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float32]]:
    """Function that embeds a few spectra at a time, on the CPU, without setting up the network every time.

    Parameters
    ----------
    model : str, path or Embedding
        As in `embed`.
    energy : EnergyAxis
        Axis of the spectra.

    Returns
    -------
    callable
        From counts (M, D), which may be fractions, to unit vectors (M, d) float32.
    """
    embedding = load_embedding(model or "default") if not isinstance(model, Embedding) else model
    prepared = on_axis(embedding, energy)

    def embed_few(spectra: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        with one_thread_for_torch():
            return prepared.vectors(spectra, 0, spectra.shape[0], "cpu")

    return embed_few


def _spectra_and_axis(
    source: Field | npt.ArrayLike | sp.sparray, energy: EnergyAxis | None, embedding: Embedding
) -> tuple[Any, EnergyAxis]:
    if isinstance(source, Field):
        if energy is not None and energy != source.energy:
            raise EmbeddingError("a field has its own energy axis; do not give another.")
        return source.spectra, source.energy
    spectra: Any = sp.csr_array(source) if sp.issparse(source) else np.asarray(source)
    axis = energy or embedding.energy
    if spectra.ndim != 2 or spectra.shape[1] != axis.size:
        raise EmbeddingError(
            f"spectra have shape {spectra.shape}; (N, {axis.size}) fits the energy axis. Give `energy` for another."
        )
    return spectra, axis


def checked_device(device: str) -> str:
    """The device that a name stands for.

    Parameters
    ----------
    device : str
        "auto", or one of `available_devices`.

    Returns
    -------
    str

    Raises
    ------
    EmbeddingError
        If this machine has no such device.
    """
    devices = available_devices()
    if device == "auto":
        return devices[0]
    if device == "cuda:0":
        device = "cuda"
    if device not in devices:
        raise EmbeddingError(f"no device {device!r} on this machine; there are: auto, {', '.join(devices)}.")
    return device


class _Run:
    """Spectra (N, D) embedded batch by batch into an array (N, d)."""

    def __init__(self, prepared: OnAxis, spectra: Any, out: npt.NDArray[np.float32], report: Progress) -> None:
        self._prepared, self._spectra, self._out, self._report = prepared, spectra, out, report
        self._known = np.zeros(len(out), dtype=np.bool_)

    def embed_all(self, device: str, batch_size: int | None, n_channels: int) -> None:
        """Embed all on a device: in smaller batches and at last on the CPU where memory does not suffice."""
        size = batch_size or max(1, _BATCH_BYTES[device.split(":")[0]] // (4 * n_channels))
        warned = False
        while not self._known.all():
            try:
                self._embed_in_batches(device, size)
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                size, device = _smaller(size, device)
                if not warned:
                    warnings.warn(
                        "the device ran out of memory; smaller batches are tried, and at last the CPU.",
                        RuntimeWarning,
                        stacklevel=3,
                    )
                warned = True

    def _embed_in_batches(self, device: str, size: int) -> None:
        on_threads = device == "cpu" and self._prepared.is_thread_safe

        def embed_batch(first: int, last: int) -> None:
            if self._known[first:last].all():
                return
            with one_thread_for_torch() if on_threads else nullcontext():
                self._out[first:last] = self._prepared.vectors(self._spectra, first, last, device)
            self._known[first:last] = True

        if on_threads:
            in_blocks(len(self._out), embed_batch, size=size, poll=self._poll)
            return
        for first in range(0, len(self._out), size):
            embed_batch(first, min(first + size, len(self._out)))
            self._poll()

    def _poll(self) -> None:
        self._report("embedding", float(self._known.mean()))


def _smaller(size: int, device: str) -> tuple[int, str]:
    """What to try when a batch does not fit: half of it, then the CPU, there down to a single spectrum.

    Each step makes batches smaller or leaves the device for good, so there are less than 100 of them.
    """
    if size > _SMALLEST_BATCH or (device == "cpu" and size > 1):
        return max(size // 2, 1), device
    if device != "cpu":
        return min(size, _SMALLEST_BATCH), "cpu"
    raise EmbeddingError(
        "not even one spectrum at a time can be embedded in the memory that is free; close other programs."
    )


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(phrase in words for phrase in _OUT_OF_MEMORY)
