"""Files of single spectra: which they are, and reading them."""

from __future__ import annotations

import os

from napari_gdls.errors import FieldReadError
from napari_gdls.io.limits import existing_path, read_bounded
from napari_gdls.io.msa_reading import is_msa, read_msa
from napari_gdls.io.spectrum import Spectrum
from napari_gdls.io.spx import is_spx, read_spx

SPECTRUM_ENDINGS = (".msa", ".emsa", ".spx")
"""Lower-case endings of the names of files that `read_spectrum` takes; the content decides."""

_MOST_BYTES = 64 * 1024**2
"""Size of a file at most: a thousand times that of a spectrum."""

_HEAD = 4096
"""Bytes at the beginning by which a format is known."""


def read_spectrum(path: str | os.PathLike[str]) -> Spectrum:
    """Read one EDS spectrum from a file.

    EMSA/MAS (``.msa``, ``.emsa``; ISO 22029) and Bruker's Esprit (``.spx``), recognised by content.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Spectrum

    Raises
    ------
    FieldReadError
        If nothing is there, it is of another format, damaged, or no spectrum of X-rays that electrons excite.

    Warns
    -----
    GdlsWarning
        If the composition of a standard that it states cannot be read; it is left out.

    Examples
    --------
    >>> spectrum = read_spectrum("albite.msa")  # doctest: +SKIP
    """
    file = existing_path(path)
    if file.is_dir():
        raise FieldReadError(file, "is a folder, not the file of a spectrum")
    content = read_bounded(file, _MOST_BYTES, "a spectrum")
    if is_msa(content[:_HEAD]):
        return read_msa(file, content)
    if is_spx(content[:_HEAD]):
        return read_spx(file, content)
    if not content.strip():
        raise FieldReadError(file, "is an empty file", remedy="Copy it again from its source.")
    raise FieldReadError(
        file,
        "is no spectrum in a format that is known",
        remedy="Known are EMSA/MAS (.msa, .emsa) and Bruker's .spx; export it as one of these.",
    )


def is_spectrum_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `read_spectrum` takes, by the beginning of its content, or else by its name."""
    file = existing_path(path)
    if file.is_dir():
        return False
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
    except OSError as error:
        raise FieldReadError(file, f"cannot be read: {error.strerror or error}") from None
    return is_msa(head) or is_spx(head) or file.name.lower().endswith(SPECTRUM_ENDINGS)
