"""A set of named files that knows when it is damaged: as a folder, or in one zip archive.

``SHA256SUMS`` lists the SHA-256 digest of every other file, in the format of the sha256sum program, so
``sha256sum -c SHA256SUMS`` checks a folder without this package. An archive carries the digest of all its bytes in its
comment besides, so that damage to its directory is found too. Files beside the listed ones are ignored.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from napari_gdls.errors import FieldReadError
from napari_gdls.io.atomic import atomic_file, atomic_folder
from napari_gdls.io.limits import member, read_bounded, require_memory, require_plausible_expansion

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)\n")
_COMMENT = re.compile(rb"sha256 before this comment: ([0-9a-f]{64})")
_MAX_SUMS_BYTES = 16 * 1024**2  # of a list of sums that is read: more than 100,000 files, far beyond any store
_DAMAGED = "Copy it again from its source, or restore it from a backup."


def write_folder(path: str | os.PathLike[str], files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write the files, and their sums, as a folder; atomic.

    Raises
    ------
    OutputError
        See `napari_gdls.io.atomic.atomic_folder`.
    """
    with atomic_folder(path, overwrite=overwrite) as folder:
        for name, data in _with_sums(files).items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def write_archive(path: str | os.PathLike[str], files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write the files, and their sums, as an uncompressed zip archive; atomic. Equal files give equal bytes.

    Raises
    ------
    OutputError
        See `napari_gdls.io.atomic.atomic_file`.
    """
    with atomic_file(path, overwrite=overwrite) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, data in _with_sums(files).items():
                entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                entry.create_system = 3  # Unix, so that the bytes do not depend on the system
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)
            archive.comment = _comment("0" * 64)
        length = file.seek(0, io.SEEK_END) - len(_comment("0" * 64))
        file.seek(0)
        digest = _digest_of_start(file, length)
        file.seek(length)
        file.write(_comment(digest))


def read_folder(path: Path, limit: int) -> dict[str, bytes]:
    """Files of a folder, after checking each against its sum.

    Parameters
    ----------
    path : Path
    limit : int
        Most bytes that all files together may have.

    Raises
    ------
    FieldReadError
        If a file is missing, damaged, a link out of the folder, or all are too large.
    """
    sums_file = member(path, SUMS)
    if sums_file is None:
        raise FieldReadError(path, f"is incomplete: {SUMS} is missing", remedy=_DAMAGED)
    sums = _parsed_sums(path, read_bounded(sums_file, _MAX_SUMS_BYTES, SUMS))
    files: dict[str, bytes] = {}
    left = limit
    for name, digest in sums.items():
        file = member(path, *name.split("/"))
        if file is None:
            raise FieldReadError(path, "is incomplete: a file is missing", where=name, remedy=_DAMAGED)
        files[name] = read_bounded(file, left, "the compressed data")
        left -= len(files[name])
        _check_digest(path, name, files[name], digest)
    return files


def read_archive(path: Path, limit: int) -> dict[str, bytes]:
    """Files of an archive, after checking all its bytes, or, once another program has repacked it, each of its files.

    Parameters and errors as in `read_folder`.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            require_memory(path, size, limit, "the compressed data")
            with zipfile.ZipFile(file) as archive:
                _check_archive_digest(path, file, archive, size)
                return _archive_files(path, archive, size, limit)
    except _ZIP_ERRORS as error:
        raise FieldReadError(path, f"is a damaged zip archive: {error}", remedy=_DAMAGED) from None


_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError
)  # fmt: skip


def is_archive(path: Path) -> bool:
    """Whether the file is a zip archive with sums, at its top or in its only folder."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return False
            with zipfile.ZipFile(file) as archive:
                return any(name == SUMS or name.endswith(f"/{SUMS}") for name in archive.namelist())
    except _ZIP_ERRORS:
        return False


def _archive_files(path: Path, archive: zipfile.ZipFile, size: int, limit: int) -> dict[str, bytes]:
    entries = {entry.filename: entry for entry in archive.infolist()}
    if len(entries) != len(archive.infolist()):
        raise FieldReadError(path, "holds several files of one name", remedy=_DAMAGED)
    # An archive packed from the folder by hand holds that folder.
    roots = [name.removesuffix(SUMS) for name in entries if name == SUMS or name.endswith(f"/{SUMS}")]
    if len(roots) != 1:
        raise FieldReadError(path, f"is no field archive: one {SUMS} is needed, {len(roots)} are there")
    declared = sum(entry.file_size for entry in entries.values())
    require_memory(path, declared, limit, "the compressed data")
    require_plausible_expansion(path, declared, size, "the archive")

    def content(name: str) -> bytes:
        entry = entries[roots[0] + name]
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FieldReadError(
                path, "is encrypted or packed in an unusual way", where=name, remedy="Pack it again with deflate."
            )
        with archive.open(entry) as stream:
            data = stream.read(entry.file_size + 1)
        if len(data) != entry.file_size:
            raise FieldReadError(path, "a file has another size than the archive says", where=name, remedy=_DAMAGED)
        return data

    files: dict[str, bytes] = {}
    if entries[roots[0] + SUMS].file_size > _MAX_SUMS_BYTES:
        raise FieldReadError(path, f"{SUMS} is too large")
    for name, digest in _parsed_sums(path, content(SUMS)).items():
        if roots[0] + name not in entries:
            raise FieldReadError(path, "is incomplete: a file is missing", where=name, remedy=_DAMAGED)
        files[name] = content(name)
        _check_digest(path, name, files[name], digest)
    return files


def _check_archive_digest(path: Path, file: BinaryIO, archive: zipfile.ZipFile, size: int) -> None:
    file.seek(max(size - 22, 0))
    end_record = file.read(22)
    if not archive.comment and end_record[:4] == b"PK\x05\x06":
        return  # packed by another program; the sums of the files remain
    match = _COMMENT.fullmatch(archive.comment)
    length = size - len(archive.comment)
    file.seek(0)
    if match is None or _digest_of_start(file, length) != match[1].decode():
        raise FieldReadError(path, "is damaged: its bytes do not fit its checksum", remedy=_DAMAGED)


def _comment(digest: str) -> bytes:
    return f"sha256 before this comment: {digest}".encode()


def _digest_of_start(file: BinaryIO, length: int) -> str:
    digest = hashlib.sha256()
    while length > 0:
        block = file.read(min(length, 1 << 20))
        if not block:
            break
        digest.update(block)
        length -= len(block)
    return digest.hexdigest()


def _with_sums(files: Mapping[str, bytes]) -> dict[str, bytes]:
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return {**{name: files[name] for name in sorted(files)}, SUMS: "".join(lines).encode()}


def _parsed_sums(path: Path, data: bytes) -> dict[str, str]:
    text = data.decode("latin-1")
    sums: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _LINE.match(text, position)
        if match is None or match[2] in sums or ".." in match[2].split("/") or match[2] == SUMS:
            raise FieldReadError(path, f"{SUMS} is damaged", where=f"byte {position}", remedy=_DAMAGED)
        sums[match[2]] = match[1]
        position = match.end()
    return sums


def _check_digest(path: Path, name: str, data: bytes, digest: str) -> None:
    if hashlib.sha256(data).hexdigest() != digest:
        raise FieldReadError(path, "is damaged: a file does not fit its checksum", where=name, remedy=_DAMAGED)
