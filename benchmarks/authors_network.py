"""The authors' trained network, rebuilt in torch from their Keras file: the reference for our embeddings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional


class AuthorsNetwork(nn.Module):
    """From counts (n, 1536) on 200 to 15,550 eV to unit vectors (n, 64).

    Parameters
    ----------
    path : path-like
        ``embedding.h5``.

    Notes
    -----
    The layers are taken from the file in its order. Differences to Keras: channels come before positions, so kernels
    are transposed, and the flattened features are put back into Keras' order.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        with h5py.File(path) as file:
            layers = json.loads(file.attrs["model_config"])["config"]["layers"]
            weights = file["model_weights"]
            stack: list[nn.Module] = []
            for layer in layers:
                kind, config = layer["class_name"], layer["config"]
                if kind == "TensorFlowOpLayer":
                    value = torch.tensor(np.ravel(config["constants"]["1"]), dtype=torch.float32)
                    stack.append(_Shift(value) if config["node_def"]["op"] == "Sub" else _Division(value))
                elif kind == "Conv1D":
                    stack.append(_convolution(_arrays(weights[config["name"]])))
                elif kind == "BatchNormalization":
                    stack.append(_normalisation(_arrays(weights[config["name"]]), config["epsilon"]))
                elif kind == "AveragePooling1D":
                    stack.append(nn.AvgPool1d(config["pool_size"][0]))
                elif kind == "Activation":
                    stack.append(nn.ReLU())
                elif kind == "Flatten":
                    stack.append(_Flatten())
                elif kind == "Dense":
                    stack.append(_dense(_arrays(weights[config["name"]])))
                    if config["activation"] == "relu":
                        stack.append(nn.ReLU())
                elif kind not in {"InputLayer", "Dropout", "Lambda"}:
                    raise ValueError(f"{path}: unexpected layer {kind}")
        self.stack = nn.Sequential(*stack).eval().requires_grad_(False)

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        """Unit vectors of counts."""
        return functional.normalize(self.stack(counts[:, None]), dim=1)


class _Shift(nn.Module):
    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("value", value)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.get_buffer("value")


class _Division(_Shift):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.get_buffer("value")


class _Flatten(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2).flatten(1)


def _arrays(group: h5py.Group) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}

    def take(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name.rsplit("/", 1)[-1].split(":")[0]] = torch.from_numpy(np.array(item))

    group.visititems(take)
    return found


def _convolution(arrays: dict[str, torch.Tensor]) -> nn.Module:
    kernel = arrays["kernel"].permute(2, 1, 0)
    layer = nn.Conv1d(kernel.shape[1], kernel.shape[0], kernel.shape[2])
    layer.weight.data, layer.bias.data = kernel.contiguous(), arrays["bias"]
    return layer


def _normalisation(arrays: dict[str, torch.Tensor], epsilon: float) -> nn.Module:
    layer = nn.BatchNorm1d(len(arrays["gamma"]), eps=epsilon)
    layer.weight.data, layer.bias.data = arrays["gamma"], arrays["beta"]
    layer.running_mean.data, layer.running_var.data = arrays["moving_mean"], arrays["moving_variance"]
    return layer


def _dense(arrays: dict[str, torch.Tensor]) -> nn.Module:
    kernel = arrays["kernel"].T
    layer = nn.Linear(kernel.shape[1], kernel.shape[0])
    layer.weight.data, layer.bias.data = kernel.contiguous(), arrays["bias"]
    return layer
