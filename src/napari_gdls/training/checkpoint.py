"""The state of a training, from which it goes on as if it had never stopped: safetensors with JSON inside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from napari_gdls.errors import RecipeError
from napari_gdls.io.atomic import write_bytes

_KEY = "napari-gdls training"


@dataclass(frozen=True)
class Checkpoint:
    """Numbers of a stored training.

    Parameters
    ----------
    step : int
        Steps done.
    config : dict
        Settings that it runs with.
    materials : str
        Digest of its materials.
    curves : list of dict
        See `trainer.train`.
    recent_loss : float
        Running mean of the loss.
    """

    step: int
    config: dict[str, Any]
    materials: str
    curves: list[dict[str, float]]
    recent_loss: float


def write_checkpoint(
    path: Path, state: Checkpoint, network: torch.nn.Module, loss: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Write everything that a training needs to go on; whole or not at all."""
    from safetensors.torch import save

    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"loss.{name}": value for name, value in loss.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in values.items()}
    numbers = json.dumps(vars(state))
    write_bytes(path, save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, metadata={_KEY: numbers}))


def read_checkpoint(
    path: Path, network: torch.nn.Module, loss: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> Checkpoint:
    """Put a stored training into `network`, `loss` and `optimiser`.

    Raises
    ------
    RecipeError
        If the file cannot be read, is damaged, or comes from another architecture or loss.
    """
    import safetensors
    from safetensors.torch import load

    try:
        data = path.read_bytes()
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        state = Checkpoint(**json.loads(header["__metadata__"][_KEY]))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); do not resume, start again.") from None
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{path}: no checkpoint, or damaged ({error}); do not resume, start again.") from None

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in part("optimiser.").items():
        index, _, kind = name.partition(".")
        moments.setdefault(int(index), {})[kind] = value
    try:
        network.load_state_dict(part("network."))
        loss.load_state_dict(part("loss."))
        optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    except (RuntimeError, ValueError, KeyError) as error:
        raise RecipeError(f"{path}: does not fit these settings ({error}); do not resume, start again.") from None
    return state
