"""The formats that are read through RosettaSciIO, one row each. The reader is chosen from this table, never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from napari_gdls.io import hdf5


@dataclass(frozen=True)
class RosettaFormat:
    """One format, and how RosettaSciIO is asked for it.

    Attributes
    ----------
    name, title : str
    endings : tuple of str
    magic : bytes
        First bytes of such files; empty where the format has none.
    lazy : bool
        Whether the reader of RosettaSciIO can read lazily.
    sparse : bool
        Whether its lazy data are sparse inside, so that parts of a chunk come cheap.
    compiled : bool
        Whether its reader runs compiled code that trusts the file, and so gets a process of its own.
    keywords : dict
        Further arguments of its ``file_reader``.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    magic: bytes = b""
    lazy: bool = True
    sparse: bool = False
    compiled: bool = False
    keywords: dict[str, Any] = field(default_factory=dict)


ROSETTA_FORMATS = (
    RosettaFormat("bruker", "Bruker .bcf", (".bcf",), b"AAMVHFSS", compiled=True, keywords={"index": "all"}),
    RosettaFormat("edax", "EDAX .spd", (".spd",), b"MAPSPECTRA_DATA"),
    RosettaFormat("emd", "Thermo Fisher Velox .emd", (".emd",), hdf5.MAGIC, sparse=True, compiled=True),
    RosettaFormat("phenom", "Phenom .elid", (".elid",), b"BZh", lazy=False),
    RosettaFormat("digitalmicrograph", "DigitalMicrograph .dm3, .dm4", (".dm3", ".dm4")),
    RosettaFormat("tia", "FEI TIA .emi with .ser", (".emi", ".ser")),
)
"""In the order in which they are listed."""
