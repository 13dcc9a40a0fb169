"""How long computations report where they are, and how they are stopped."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A callable that long computations call often, at least a few times a second.

    It receives the name of the running stage and the fraction of it that is done, from 0 to 1. It may raise
    `napari_gdls.errors.Cancelled`, which ends the computation and changes nothing.
    """

    def __call__(self, stage: str, fraction: float, /) -> None:
        """Take note of the progress, or raise `Cancelled`."""


def silent(stage: str, fraction: float, /) -> None:
    """Report nothing: the default `Progress`."""
