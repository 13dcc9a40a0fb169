"""Writing that leaves either the old content or the new one, whatever interrupts it.

The new content goes to a temporary sibling, is flushed to the disk, and takes the place of the target in one step. A
file is replaced with `os.replace`. A folder is exchanged with the target in one step where the system can do that
(Linux, macOS); elsewhere the old folder is renamed to ``.NAME.replaced`` first and, should the power fail between the
two renames, stands there. A process that is killed leaves its temporary sibling, ``.NAME.HOST-PID-*.tmp``; the next
write to the same target removes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import hashlib
import os
import platform
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from napari_gdls.errors import OutputError

_RENAME_EXCHANGE = 2  # Linux renameat2(2); the same value is RENAME_SWAP in macOS renamex_np(2)
_AT_FDCWD = -100  # Linux: paths are relative to the working folder (openat(2))


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Open a file whose content appears at `path` only when the block ends without an error.

    Parameters
    ----------
    path : path-like
        Target. A link is followed: the file that it names is replaced, the link stays.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    file
        Binary file, open for writing, reading and seeking.

    Raises
    ------
    OutputError
        If the target exists and `overwrite` is False, is a folder, or the system refuses (disk full, read-only, no such
        folder). What stood at the target is untouched.
    """
    target = _checked_target(path, overwrite=overwrite, kind="file")
    with _explained(path):
        temporary = _sibling(target)
        # Opened by name: libraries ask the file for it. The user's umask decides on access, as for any file.
        try:
            with temporary.open("x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                _checked_target(path, overwrite=overwrite, kind="file")
                shutil.copymode(target, temporary)
            os.replace(temporary, target)  # noqa: PTH105 (the name of the call that is atomic)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _flush_folder(target.parent)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Fill a folder that appears at `path` only when the block ends without an error.

    Parameters
    ----------
    path : path-like
        Target folder.
    overwrite : bool
        Whether an existing folder may be replaced, with all that it holds.

    Yields
    ------
    Path
        Empty temporary folder beside the target, to be filled.

    Raises
    ------
    OutputError
        As in `atomic_file`.
    """
    target = _checked_target(path, overwrite=overwrite, kind="folder")
    with _explained(path):
        temporary = _sibling(target)
        temporary.mkdir()
        try:
            yield temporary
            _flush_tree(temporary)
            if target.exists():
                _checked_target(path, overwrite=overwrite, kind="folder")
                _exchange(temporary, target)
            else:
                temporary.rename(target)
            _flush_folder(target.parent)
        finally:
            # After an exchange this is the old content; after an error, the unfinished one.
            shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = True) -> None:
    """Write a whole file atomically.

    Raises
    ------
    OutputError
        See `atomic_file`.
    """
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(data)


def write_text(path: str | os.PathLike[str], text: str, *, overwrite: bool = True) -> None:
    """Write a whole UTF-8 text file atomically; line ends are written as they are.

    Raises
    ------
    OutputError
        See `atomic_file`.
    """
    write_bytes(path, text.encode("utf-8"), overwrite=overwrite)


def _checked_target(path: str | os.PathLike[str], *, overwrite: bool, kind: str) -> Path:
    name = os.fspath(path)
    if not name or "\0" in name:
        raise OutputError(f"{name!r} is no valid file name; nothing was written.")
    try:
        target = Path(name).resolve()
        exists = target.exists()
        is_folder = target.is_dir()
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{name}: cannot be written ({error}).") from None
    if exists and is_folder != (kind == "folder"):
        found = "folder" if is_folder else "file"
        raise OutputError(f"{name} is a {found}, and a {kind} is to be written there; choose another name.")
    if exists and not overwrite:
        raise OutputError(f"{name} exists; choose another name, or give `overwrite=True`.")
    if not target.parent.is_dir():
        raise OutputError(f"{name}: there is no folder {target.parent}; make it first.")
    return target


def require_writable(path: str | os.PathLike[str], *, overwrite: bool = True, folder: bool = False) -> None:
    """Refuse a target that `atomic_file` would refuse, before the work is done whose result is to go there.

    Parameters
    ----------
    path : path-like
    overwrite : bool
        Whether what is there may be replaced.
    folder : bool
        Whether a folder is to be written, by `atomic_folder`.

    Raises
    ------
    OutputError
        As `atomic_file`. Nothing is left at the target or beside it.
    """
    target = _checked_target(path, overwrite=overwrite, kind="folder" if folder else "file")
    with _explained(path):
        temporary = _sibling(target)
        if folder:
            temporary.mkdir()
            temporary.rmdir()
        else:
            temporary.open("xb").close()
            temporary.unlink()


def _sibling(target: Path) -> Path:
    """A new name beside the target; what killed processes of this computer have left under such names goes."""
    prefix, ending = _temporary_names(target)
    for stale in target.parent.glob(f"{glob.escape(prefix)}*{ending}"):
        if _is_stale(stale.name.removeprefix(prefix)):
            if stale.is_dir() and not stale.is_symlink():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    stale.unlink()
    return target.with_name(f"{prefix}{os.getpid()}-{secrets.token_hex(4)}{ending}")


def _temporary_names(target: Path) -> tuple[str, str]:
    # Short, so that the name stays valid when the target's own is near the longest that the file system takes.
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    name = target.name.encode()[:64].decode(errors="ignore")
    return f".{name}.{host}-", ".tmp"


def _is_stale(name: str) -> bool:
    """Whether no process writes to a temporary file any more, by the number of the process in its name."""
    number = name.partition("-")[0]
    if not (number.isascii() and number.isdigit()) or os.name != "posix":
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it lives, under another user
        return False
    return False


@contextlib.contextmanager
def _explained(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"{os.fspath(path)}: cannot be written ({reason}). What stood there is unchanged; check the free space of "
            "the disk and that the folder may be written to, or choose another place."
        ) from error


def _flush_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            with Path(root, name).open("rb+") as file:
                os.fsync(file.fileno())
        _flush_folder(Path(root))


def _flush_folder(folder: Path) -> None:
    """Make the names in a folder durable; systems without that (Windows) do it on their own."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, old: Path) -> None:
    """Let two folders swap their names; afterwards `new` holds the old content."""
    if _swap_names(os.fsencode(new), os.fsencode(old)):
        return
    replaced = old.with_name(f".{old.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    old.rename(replaced)
    try:
        new.rename(old)
    except OSError:
        replaced.rename(old)
        raise
    replaced.rename(new)


def _swap_names(first: bytes, second: bytes) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot."""
    system: str = sys.platform
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if system == "linux":
            return int(libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)) == 0
        if system == "darwin":
            return int(libc.renamex_np(first, second, _RENAME_EXCHANGE)) == 0
    except (AttributeError, OSError, TypeError):  # no such call, or no C library to be loaded
        return False
    return False
