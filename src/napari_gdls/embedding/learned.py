"""Learned embeddings and their files: safetensors with a card inside, nothing that could run code."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.embedding.calibration import Calibration
from napari_gdls.energy import CANONICAL_AXIS, EnergyAxis
from napari_gdls.errors import EmbeddingError, OutputError
from napari_gdls.io.atomic import write_bytes, write_text

if TYPE_CHECKING:
    import torch

FORMAT = "napari-gdls embedding 1"
_KEY = "napari-gdls"
_LARGEST_FILE = 256 * 1024**2
"""Bytes; a hundred times what the shipped weights take. What is larger is something else, and would fill the memory."""


@dataclass(frozen=True)
class LearnedEmbedding:
    """A trained network; see `napari_gdls.embedding.Embedding`.

    Parameters
    ----------
    name : str
    architecture : str
        See `embedding.networks.ARCHITECTURES`.
    options : mapping
        Parameters of the architecture.
    tensors : mapping from str to array
        State of the network.
    calibration : Calibration
    card : mapping
        How it was made and what it reaches; plain values.
    energy : EnergyAxis
    """

    name: str
    architecture: str
    options: Mapping[str, Any]
    tensors: Mapping[str, npt.NDArray[Any]]
    calibration: Calibration
    card: Mapping[str, Any]
    energy: EnergyAxis = CANONICAL_AXIS

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self.card["dimension"])

    @property
    def fingerprint(self) -> str:
        """Digest of the weights."""
        return _digest(self.tensors, {"architecture": self.architecture, "network": dict(self.options)})

    def network(self) -> torch.nn.Module:
        """Module from counts to unit vectors; see `Embedding.network`."""
        import torch

        network = _matching_network(self.architecture, self.options, self.tensors, self.name)
        network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in self.tensors.items()})
        ready: torch.nn.Module = network.for_inference().requires_grad_(False)
        return ready


def shipped_weights() -> dict[str, Path]:
    """Weights that come with the package, by name."""
    folder = Path(str(resources.files("napari_gdls.embedding"))) / "weights"
    return {each.stem: each for each in sorted(folder.glob("*.safetensors"))}


def load_learned(path: str | os.PathLike[str]) -> LearnedEmbedding:
    """Read weights.

    Parameters
    ----------
    path : path-like
        A file written by `save_learned`.

    Raises
    ------
    EmbeddingError
        If the file cannot be read, is damaged, is something else, or does not fit the architecture that it names.
    """
    import safetensors
    from safetensors.numpy import load

    where = os.fspath(path)
    try:
        if Path(where).stat().st_size > _LARGEST_FILE:
            raise EmbeddingError(
                f"{where}: larger than {_LARGEST_FILE >> 20} MB; that is no embedding of this program."
            )
        data = Path(where).read_bytes()
    except OSError as error:
        raise EmbeddingError(f"{where}: cannot be read ({error.strerror}).") from None
    damaged = f"{where}: damaged. Get the file again from its source."
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (safetensors.SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise EmbeddingError(f"{where}: no safetensors file, or damaged ({error}).") from None
    metadata = header.get("__metadata__") or {}
    if _KEY not in metadata:
        raise EmbeddingError(f"{where}: not weights of this program; its safetensors file carries no card.")
    try:
        stored = json.loads(metadata[_KEY])
        card, digest = stored["card"], stored["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise EmbeddingError(damaged) from None
    if not isinstance(card, dict) or digest != _digest(tensors, card):
        raise EmbeddingError(damaged)
    if card.get("format") != FORMAT:
        raise EmbeddingError(
            f"{where}: format {card.get('format')!r}; this version reads {FORMAT!r}. Update napari-gdls."
        )
    try:
        calibration = Calibration(c=float(card["calibration"]["c"]), f=float(card["calibration"]["f"]))
        architecture, options = str(card["architecture"]), dict(card["network"])
        name = str(card["name"])
        dimension = int(card["dimension"])
    except (KeyError, TypeError, ValueError) as error:
        raise EmbeddingError(f"{where}: its card lacks or garbles {error}.") from None
    _matching_network(architecture, options, tensors, where, dimension)
    return LearnedEmbedding(name, architecture, options, tensors, calibration, card)


def save_learned(
    path: str | os.PathLike[str], tensors: Mapping[str, npt.NDArray[Any]], card: Mapping[str, Any]
) -> None:
    """Write weights, and their card as JSON beside them; whole or not at all.

    Parameters
    ----------
    path : path-like
        Ends with .safetensors; the card goes to the same name with .json.
    tensors : mapping from str to array
        State of the network.
    card : mapping
        Holds name, architecture, network (its parameters), dimension, calibration (c, f) and anything else that JSON
        can hold.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    from safetensors.numpy import save

    target = Path(path)
    if target.suffix != ".safetensors":
        raise OutputError(f"{target}: weights are written to names that end with .safetensors.")
    whole = {"format": FORMAT, **card}
    plain = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    # One metadata entry: the order of several is not defined, and equal weights shall give equal bytes.
    metadata = {_KEY: json.dumps({"card": whole, "sha256": _digest(plain, whole)}, sort_keys=True)}
    write_bytes(target, save(plain, metadata=metadata))
    write_text(target.with_suffix(".json"), json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def _digest(tensors: Mapping[str, npt.NDArray[Any]], card: Mapping[str, Any]) -> str:
    """SHA-256 over the card and all tensors with their names, types and shapes."""
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _matching_network(
    architecture: str,
    options: Mapping[str, Any],
    tensors: Mapping[str, npt.NDArray[Any]],
    where: str,
    dimension: int | None = None,
) -> Any:
    """An untrained network, if the tensors are those that it needs."""
    from napari_gdls.embedding.networks import build_network

    try:
        network = build_network(architecture, dict(options))
    except EmbeddingError as error:
        raise EmbeddingError(f"{where}: {error}") from None
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if wanted != found:
        name = sorted(set(wanted.items()) ^ set(found.items()))[0][0]
        raise EmbeddingError(
            f"{where}: {name} has the shape {found.get(name, 'none')}, and the architecture {architecture!r} needs "
            f"{wanted.get(name, 'none')}; the weights do not fit it."
        )
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise EmbeddingError(f"{where}: holds values that are not finite.")
    if dimension is not None and network.dimension != dimension:
        raise EmbeddingError(f"{where}: its card says {dimension} dimensions, its network has {network.dimension}.")
    return network
