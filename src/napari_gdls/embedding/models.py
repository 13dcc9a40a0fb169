"""The embeddings there are, by name, and what all of them have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from napari_gdls.embedding.calibration import Calibration
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import EmbeddingError

if TYPE_CHECKING:
    import os

    import torch

DEFAULT = "cosine"


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
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def dimension(self) -> int: ...  # noqa: D102

    @property
    def energy(self) -> EnergyAxis: ...  # noqa: D102

    @property
    def calibration(self) -> Calibration: ...  # noqa: D102

    def network(self) -> torch.nn.Module:
        """Module from counts, (n, D) float32, to unit vectors, (n, d) float32; new, on the CPU, in evaluation mode."""
        ...


def available_embeddings() -> tuple[str, ...]:
    """Names that `load_embedding` knows; "default" stands for one of them."""
    from napari_gdls.embedding.cosine import COSINES

    return tuple(COSINES)


def load_embedding(name_or_path: str | os.PathLike[str] = "default") -> Embedding:
    """An embedding by name.

    Parameters
    ----------
    name_or_path : str
        "default", or one of `available_embeddings`.

    Raises
    ------
    EmbeddingError
        If there is none of that name.
    """
    from napari_gdls.embedding.cosine import COSINES

    name = DEFAULT if name_or_path == "default" else str(name_or_path)
    try:
        return COSINES[name]
    except KeyError:
        known = ", ".join(available_embeddings())
        raise EmbeddingError(f"no embedding {name!r}; there are: default, {known}.") from None
