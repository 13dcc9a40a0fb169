"""A set of named files that knows when it is damaged: as a folder, or in one zip archive. One is in memory at a time.

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
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from napari_gdls.errors import FieldReadError
from napari_gdls.io.atomic import atomic_file, atomic_folder
from napari_gdls.io.file_sinks import FolderSink
from napari_gdls.io.limits import member, read_bounded, require_memory, require_plausible_expansion

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)\n")
_COMMENT = re.compile(rb"sha256 before this comment: ([0-9a-f]{64})")
_MAX_SUMS_BYTES = 16 * 1024**2  # of a list of sums that is read: more than 100,000 files, far beyond any store
_WHAT = "a file of it"
_DAMAGED = "Copy it again from its source, or restore it from a backup."


class SummedWriter:
    """Takes files by name, ``writer[name] = content``, each once, and keeps their sums."""

    def __init__(self, put: Callable[[str, bytes], None]) -> None:
        self._put = put
        self._digests: dict[str, str] = {}

    def __setitem__(self, name: str, data: bytes, /) -> None:
        if name in self._digests:
            raise ValueError(f"{name} is written twice")
        self._digests[name] = hashlib.sha256(data).hexdigest()
        self._put(name, data)

    def finish(self) -> None:
        """Write the sums."""
        lines = [f"{digest}  {name}\n" for name, digest in sorted(self._digests.items())]
        self._put(SUMS, "".join(lines).encode())


@contextmanager
def folder_writer(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[SummedWriter]:
    """Take files, and write them and their sums as a folder; atomic.

    Raises
    ------
    OutputError
        See `napari_gdls.io.atomic.atomic_folder`.
    """
    with atomic_folder(path, overwrite=overwrite) as folder:
        writer = SummedWriter(FolderSink(folder).__setitem__)
        yield writer
        writer.finish()


@contextmanager
def archive_writer(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[SummedWriter]:
    """Take files, and write them and their sums as an uncompressed zip archive; atomic.

    Equal files in an equal order give equal bytes.

    Raises
    ------
    OutputError
        See `napari_gdls.io.atomic.atomic_file`.
    """
    with atomic_file(path, overwrite=overwrite) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:

            def put(name: str, data: bytes) -> None:
                entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                entry.create_system = 3  # Unix, so that the bytes do not depend on the system
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)

            writer = SummedWriter(put)
            yield writer
            writer.finish()
            archive.comment = _comment("0" * 64)
        length = file.seek(0, io.SEEK_END) - len(_comment("0" * 64))
        file.seek(0)
        digest = _digest_of_start(file, length)
        file.seek(length)
        file.write(_comment(digest))


class SummedFiles(Mapping[str, bytes]):
    """Files whose sums were found right; each is read, and compared with its sum again, when it is asked for."""

    def __init__(self, path: Path, sums: Mapping[str, str], content: Callable[[str], bytes]) -> None:
        self._path, self._sums, self._content = path, sums, content

    def __getitem__(self, name: str) -> bytes:
        digest = self._sums[name]
        data = self._content(name)
        if hashlib.sha256(data).hexdigest() != digest:
            raise _misfit(self._path, name)
        return data

    def __contains__(self, name: object) -> bool:
        return name in self._sums

    def __iter__(self) -> Iterator[str]:
        return iter(self._sums)

    def __len__(self) -> int:
        return len(self._sums)


@contextmanager
def opened_folder(path: Path, limit: int, *, at_once: bool = True) -> Iterator[SummedFiles]:
    """Files of a folder, after checking each against its sum.

    Parameters
    ----------
    path : Path
    limit : int
        Most bytes that any file may have.
    at_once : bool
        Whether all are checked now; else each when it is read, for whoever wants a few of them only.

    Raises
    ------
    FieldReadError
        If a file is missing, damaged, a link out of the folder, or too large.
    """
    sums_file = member(path, SUMS)
    if sums_file is None:
        raise FieldReadError(path, f"is incomplete: {SUMS} is missing", remedy=_DAMAGED)
    sums = _parsed_sums(path, read_bounded(sums_file, _MAX_SUMS_BYTES, SUMS))

    def place(name: str) -> Path:
        file = member(path, *name.split("/"))
        if file is None:
            raise FieldReadError(path, "is incomplete: a file is missing", where=name, remedy=_DAMAGED)
        return file

    for name, digest in sums.items() if at_once else ():
        try:
            with place(name).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                require_memory(path, size, limit, _WHAT)
                found = _digest_of_start(file, size)
        except OSError as error:
            raise FieldReadError(path, f"cannot be read: {error.strerror or error}", where=name) from None
        if found != digest:
            raise _misfit(path, name)
    yield SummedFiles(path, sums, lambda name: read_bounded(place(name), limit, _WHAT))


@contextmanager
def opened_archive(path: Path, limit: int, *, at_once: bool = True) -> Iterator[SummedFiles]:
    """Files of an archive, after checking all its bytes, and each of its files.

    Parameters and errors as in `opened_folder`.
    """
    with ExitStack() as stack:
        with _explained(path):
            file = stack.enter_context(path.open("rb"))
            size = os.fstat(file.fileno()).st_size
            archive = stack.enter_context(zipfile.ZipFile(file))
            if at_once:
                _check_archive_digest(path, file, archive, size)
            files = _archive_files(path, archive, size, limit)
            for name in files if at_once else ():
                _ = files[name]
        yield files


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
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


def _archive_files(path: Path, archive: zipfile.ZipFile, size: int, limit: int) -> SummedFiles:
    entries = {entry.filename: entry for entry in archive.infolist()}
    if len(entries) != len(archive.infolist()):
        raise FieldReadError(path, "holds several files of one name", remedy=_DAMAGED)
    # An archive packed from the folder by hand holds that folder.
    roots = [name.removesuffix(SUMS) for name in entries if name == SUMS or name.endswith(f"/{SUMS}")]
    if len(roots) != 1:
        raise FieldReadError(path, f"is no field archive: one {SUMS} is needed, {len(roots)} are there")
    require_memory(path, max(entry.file_size for entry in entries.values()), limit, _WHAT)
    require_plausible_expansion(path, sum(entry.file_size for entry in entries.values()), size, "the archive")

    def content(name: str) -> bytes:
        entry = entries[roots[0] + name]
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FieldReadError(
                path, "is encrypted or packed in an unusual way", where=name, remedy="Pack it again with deflate."
            )
        with _explained(path), archive.open(entry) as stream:
            data = stream.read(entry.file_size + 1)
        if len(data) != entry.file_size:
            raise FieldReadError(path, "a file has another size than the archive says", where=name, remedy=_DAMAGED)
        return data

    if entries[roots[0] + SUMS].file_size > _MAX_SUMS_BYTES:
        raise FieldReadError(path, f"{SUMS} is too large")
    sums = _parsed_sums(path, content(SUMS))
    for name in sums:
        if roots[0] + name not in entries:
            raise FieldReadError(path, "is incomplete: a file is missing", where=name, remedy=_DAMAGED)
    return SummedFiles(path, sums, content)


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


def _misfit(path: Path, name: str) -> FieldReadError:
    return FieldReadError(path, "is damaged: a file does not fit its checksum", where=name, remedy=_DAMAGED)
