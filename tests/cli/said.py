"""What the command line says where a command ends with an error."""

from __future__ import annotations

from typing import Any

from napari_gdls.argument_words import reworded
from napari_gdls.cli.reading_options import option_words


def said(result: Any) -> str:
    """Its error as `napari_gdls.cli.main` prints it."""
    return reworded(str(result.exception), option_words)
