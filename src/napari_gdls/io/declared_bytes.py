"""Sizes that a file declares beside the bytes that are there: others would shift or shear a map."""

from __future__ import annotations

from pathlib import Path

from napari_gdls.errors import FieldReadError


def require_bytes(path: Path, name: str, there: int, declared: int, what: str, where: str) -> None:
    """Refuse a file that holds more or fewer bytes than it declares.

    Parameters
    ----------
    path : Path
        The file that was asked for.
    name : str
        Name of the file that holds the bytes, which may stand beside it.
    there, declared : int
        Bytes.
    what : str
        What is declared, in words.
    where : str
        Where that is declared.

    Raises
    ------
    FieldReadError
    """
    if there != declared:
        raise FieldReadError(
            path,
            f"{name} holds {there:,} bytes, and {declared:,} are declared ({what})",
            remedy=f"Copy it again from its source if it was cut off; else correct {where}.",
        )
