"""What a Bruker .bcf holds beside its map: sizes that must fit, and the sum spectrum that the map is compared with.

The file is a container of chunks of one size ("single file system"), which holds files of its own, plain or packed. Its
layout was found out by the authors of the reader in RosettaSciIO, which reads the map itself.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.limits import require_memory, require_plausible_expansion

_MAGIC = b"AAMVHFSS"
_CHUNKS = slice(0x118, None)  # bytes of the file that are cut into chunks
_CHUNK_SIZE = struct.Struct("<4xI")
"""At 0x124: version, bytes of a chunk."""
_TREE = struct.Struct("<III")
"""At 0x140: chunk of the first part of the list of files, files in it, chunks of the container."""
_NEXT = struct.Struct("<I")
"""First of a chunk's own bytes: the chunk with what follows of a table."""
_OWN = 32
"""Bytes of a chunk that are its own."""
_ENTRY = struct.Struct("<iQ24x4xi176x?3x256s32x")
"""Of the list of files: chunk of its table of chunks, size, folder it is in, whether it is a folder, name."""
_PACKED = struct.Struct("<4sI4xI")
"""Of a packed file: signature, bytes of a block when unpacked, blocks."""
_PACKED_HEADER = 0x80
"""Bytes before the first block of a packed file."""
_BLOCK = struct.Struct("<I12x")
"""Of a block: bytes that it has packed."""
_LONGEST_HEADER = 1 << 30
"""Bytes of the description with its images; those of large electron images are tens of millions."""
_MOST_FILES = 10_000
"""Files of a container; real ones have five."""
_MAP = re.compile(r"SpectrumData(\d)")
_SPECTRUM = rb"<SpectrumData%d>.*?<Channels>([0-9,\s]*)</Channels>"


@dataclass(frozen=True)
class _File:
    name: str
    size: int
    chunks: npt.NDArray[np.int64]


def require_whole_container(path: Path) -> None:
    """Refuse a container with other chunks than it declares, or with files that lead out of it.

    Raises
    ------
    FieldReadError
    """
    _files(path)


def sum_spectra(path: Path, limit: int) -> dict[int, npt.NDArray[np.int64]]:
    """The sum spectra that the file states of its maps, by the number of the map; counts of each channel.

    Parameters
    ----------
    path : Path
    limit : int
        Most bytes that the description may take.

    Raises
    ------
    FieldReadError
        If the description is damaged, or a map is of another size than it says.
    """
    files = {file.name: file for file in _files(path)}
    if "HeaderData" not in files:
        raise _damaged(path, "it has no description")
    text = b"".join(_content(path, files["HeaderData"], limit))
    found = {}
    for name, file in files.items():
        match = _MAP.fullmatch(name)
        if match is None:
            continue
        number = int(match[1])
        spectrum = re.search(_SPECTRUM % number, text, re.DOTALL)
        if spectrum is not None:
            found[number] = _numbers(path, spectrum[1])
        start = next(_content(path, file, limit), b"")
        if len(start) >= 8:
            _require_size(path, text, *struct.unpack("<II", start[:8]))
    return found


def _require_size(path: Path, text: bytes, height: int, width: int) -> None:
    counter = re.search(rb"<LineCounter>([0-9,\s]*)</LineCounter>", text)
    lines = 0 if counter is None else len([part for part in counter[1].split(b",") if part.strip()])
    if lines and lines != height:
        raise _damaged(path, f"its description has {lines} lines, its map {height} ({width} px wide)")


def _numbers(path: Path, text: bytes) -> npt.NDArray[np.int64]:
    try:
        return np.array([int(part) for part in text.split(b",") if part.strip()], np.int64)
    except (ValueError, OverflowError):
        raise _damaged(path, "its sum spectrum is not made of numbers") from None


def _files(path: Path) -> list[_File]:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_CHUNKS.start + 64)
        if len(head) < _CHUNKS.start + 64 or not head.startswith(_MAGIC):
            raise _damaged(path, "it is cut off in its header")
        (chunk,) = _CHUNK_SIZE.unpack_from(head, 0x124)
        first, n_files, n_chunks = _TREE.unpack_from(head, 0x140)
        declared = n_chunks * chunk + _CHUNKS.start
        if declared != size:
            raise FieldReadError(
                path,
                f"{path.name} holds {size:,} bytes, and {declared:,} are declared ({n_chunks:,} chunks of {chunk:,} "
                "bytes)",
                remedy="Copy it again from its source.",
            )
        if chunk <= _OWN + _ENTRY.size or n_files > min(_MOST_FILES, size // _ENTRY.size):
            raise _damaged(path, f"it declares {n_files:,} files in chunks of {chunk:,} bytes")
        data = np.memmap(path, np.uint8, "r")
    a_chunk = (chunk - _OWN) // _ENTRY.size
    entries = b"".join(
        part[: a_chunk * _ENTRY.size] for part in _table(path, data, first, -(-n_files // a_chunk), chunk, n_chunks)
    )
    found = []
    for i in range(n_files):
        at, length, _, is_folder, name = _ENTRY.unpack_from(entries, i * _ENTRY.size)
        if is_folder:
            continue
        n = -(-length // (chunk - _OWN))
        if n > n_chunks or not length:
            raise _damaged(path, f"a file of {length:,} bytes in it is larger than it is, or empty")
        table = b"".join(_table(path, data, at, -(-n * 4 // (chunk - _OWN)), chunk, n_chunks))
        chunks = np.frombuffer(table[: 4 * n], "<u4").astype(np.int64)
        if len(chunks) != n or (chunks >= n_chunks).any() or len(np.unique(chunks)) != n:
            raise _damaged(path, "a file in it leads out of it, or to one place twice")
        found.append(_File(name.split(b"\0")[0].decode("utf-8", errors="replace"), length, chunks))
    return found


def _table(path: Path, data: npt.NDArray[np.uint8], first: int, n: int, chunk: int, n_chunks: int) -> Iterator[bytes]:
    """The chunks of a table, each of which names the next, without their own bytes."""
    at = first
    for _ in range(n):
        if not 0 <= at < n_chunks:
            raise _damaged(path, "a table in it leads out of it")
        part = bytes(data[_CHUNKS.start + at * chunk :][:chunk])
        (at,) = _NEXT.unpack_from(part)
        yield part[_OWN:]


def _content(path: Path, file: _File, limit: int) -> Iterator[bytes]:
    """A file of the container, unpacked, in parts."""
    with path.open("rb") as opened:
        (chunk,) = _CHUNK_SIZE.unpack_from(opened.read(_CHUNKS.start + 64), 0x124)
    data = np.memmap(path, np.uint8, "r")

    def piece(at: int, length: int) -> bytes:
        if at + length > file.size:
            raise _damaged(path, f"{file.name} in it is cut off")
        usable = chunk - _OWN
        numbers = range(at // usable, -(-(at + length) // usable))
        start = [_CHUNKS.start + int(file.chunks[i]) * chunk + _OWN for i in numbers]
        joined = b"".join(bytes(data[byte : byte + usable]) for byte in start)
        return joined[at % usable :][:length]

    require_memory(path, file.size, min(limit, _LONGEST_HEADER), file.name)
    signature, _, n_blocks = _PACKED.unpack(piece(0, min(_PACKED.size, file.size)).ljust(_PACKED.size, b"\0"))
    if signature != b"AACS":
        step = chunk - _OWN
        for at in range(0, file.size, step):
            yield piece(at, min(step, file.size - at))
        return
    at, unpacked = _PACKED_HEADER, 0
    for _ in range(n_blocks):
        (length,) = _BLOCK.unpack(piece(at, _BLOCK.size))
        try:
            part = zlib.decompress(piece(at + _BLOCK.size, length))
        except zlib.error as error:
            raise _damaged(path, f"{file.name} in it cannot be unpacked ({error})") from None
        at += _BLOCK.size + length
        unpacked += len(part)
        require_plausible_expansion(path, unpacked, file.size, file.name)
        require_memory(path, unpacked, min(limit, _LONGEST_HEADER), file.name)
        yield part


def _damaged(path: Path, problem: str) -> FieldReadError:
    return FieldReadError(path, f"is damaged: {problem}", remedy="Copy it again from its source.")
