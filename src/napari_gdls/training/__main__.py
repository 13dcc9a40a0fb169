"""Train an embedding: ``python -m napari_gdls.training RECIPE [-o NAME.safetensors] [--resume]``.

RECIPE is a TOML file, or the name of a recipe of the shipped weights (windows, cnn, pca). Without ``-o`` the shipped
weights of that name are rebuilt in place.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from napari_gdls.errors import GdlsError
from napari_gdls.training.config import available_recipes, load_config
from napari_gdls.training.trainer import train

_INTERVAL = 5.0  # seconds between two reports


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 0 if weights were written, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m napari_gdls.training", description="Train an embedding.")
    parser.add_argument("recipe", help=f"TOML file, or one of: {', '.join(available_recipes())}")
    parser.add_argument("-o", "--output", help="weights to write, NAME.safetensors")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint beside the output")
    parser.add_argument("--note", default="", help="remark for the card")
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.recipe)
        if options.output is None and options.recipe not in available_recipes():
            parser.error("-o is needed for a recipe of your own")
        shipped = Path(__file__).parents[1] / "embedding" / "weights" / f"{options.recipe}.safetensors"
        path = train(
            config, output=options.output or shipped, resume=options.resume, progress=_Line(), note=options.note
        )
    except GdlsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\nwrote {path}", file=sys.stderr)
    return 0


class _Line:
    """Progress on one line of the terminal, a few times a minute."""

    def __init__(self) -> None:
        self.shown = 0.0

    def __call__(self, stage: str, fraction: float, /) -> None:
        now = time.monotonic()
        if now - self.shown > _INTERVAL:
            self.shown = now
            print(f"\r{stage}: {100 * fraction:5.1f} %", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
