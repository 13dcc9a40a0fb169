"""The embeddings there are, by name, and what all of them have in common."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from napari_gdls.embedding.calibration import Calibration
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import EmbeddingError

if TYPE_CHECKING:
    import torch

DEFAULT = "windows"
_SUFFIX = ".safetensors"


@runtime_checkable
class Embedding(Protocol):
    """A map from spectra to unit vectors.

    Attributes
    ----------
    name : str
    dimension : int
        Length d of the vectors.
    energy : EnergyAxis
        Axis of the D channels that it takes; spectra on other axes are rebinned.
    calibration : Calibration
        Scale of its distances.
    fingerprint : str
        Changes whenever the vectors of any spectrum do; see `EmbeddingCache`.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def dimension(self) -> int: ...  # noqa: D102

    @property
    def energy(self) -> EnergyAxis: ...  # noqa: D102

    @property
    def calibration(self) -> Calibration: ...  # noqa: D102

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    def network(self) -> torch.nn.Module:
        """Module from counts, (n, D) float32, to unit vectors, (n, d) float32; new, on the CPU, in evaluation mode."""
        ...


def available_embeddings() -> tuple[str, ...]:
    """Names that `load_embedding` knows, the learned ones first; "default" stands for one of them."""
    from napari_gdls.embedding.cosine import COSINES
    from napari_gdls.embedding.learned import shipped_weights

    return (*shipped_weights(), *COSINES)


def load_embedding(name_or_path: str | os.PathLike[str] = "default") -> Embedding:
    """An embedding by name, or from a file of weights.

    Parameters
    ----------
    name_or_path : str or path-like
        "default", one of `available_embeddings`, or the path of a .safetensors file that `napari_gdls.training.train`
        wrote.

    Raises
    ------
    EmbeddingError
        If there is none of that name, or the file cannot be read, is damaged or holds something else.
    """
    from napari_gdls.embedding.cosine import COSINES
    from napari_gdls.embedding.learned import load_learned, shipped_weights

    name = DEFAULT if name_or_path == "default" else os.fspath(name_or_path)
    if name in COSINES:
        return COSINES[name]
    shipped = shipped_weights()
    if name in shipped:
        return load_learned(shipped[name])
    if name.endswith(_SUFFIX):
        return load_learned(name)
    known = ", ".join(available_embeddings())
    raise EmbeddingError(f"no embedding {name!r}; there are: default, {known}, or the path of a {_SUFFIX} file.")
