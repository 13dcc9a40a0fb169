from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_gdls.errors import Cancelled, OutputError
from napari_gdls.io import atomic
from napari_gdls.io.atomic import (
    _temporary_names,
    atomic_file,
    atomic_folder,
    require_writable,
    write_bytes,
    write_text,
)


def fill(folder: Path, content: bytes) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("a", "deep/b", "deep/er/c"):
        (folder / name).write_bytes(content)


def content_of(folder: Path) -> set[bytes]:
    return {file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_files_appear_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with atomic_file(target) as file:
        file.write(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    with atomic_file(target) as file:
        file.write(b"newer")
        assert target.read_bytes() == b"new"
    assert target.read_bytes() == b"newer"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_folders_appear_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "store"
    for content in (b"1", b"2"):
        with atomic_folder(target, overwrite=True) as folder:
            fill(folder, content)
            assert not target.exists() or content_of(target) == {b"1"}
        assert content_of(target) == {content}
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("error", [Cancelled("stop"), KeyboardInterrupt(), ValueError("bug")])
def test_an_interruption_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    write_bytes(tmp_path / "file", b"old")
    with atomic_folder(tmp_path / "folder") as folder:
        fill(folder, b"old")

    def interrupted_file() -> None:
        with atomic_file(tmp_path / "file") as file:
            file.write(b"new")
            raise error

    def interrupted_folder() -> None:
        with atomic_folder(tmp_path / "folder", overwrite=True) as folder:
            fill(folder, b"new")
            raise error

    for interrupted in (interrupted_file, interrupted_folder):
        with pytest.raises(type(error)):
            interrupted()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert content_of(tmp_path / "folder") == {b"old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_existing_targets_are_kept_unless_allowed(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old\r\n")
    with pytest.raises(OutputError, match="exists"):
        write_text(tmp_path / "file", "new", overwrite=False)
    assert (tmp_path / "file").read_bytes() == b"old\r\n"
    with atomic_folder(tmp_path / "folder") as folder:
        fill(folder, b"old")
    with pytest.raises(OutputError, match="exists"), atomic_folder(tmp_path / "folder"):
        pass
    with pytest.raises(OutputError, match="is a folder"):
        write_bytes(tmp_path / "folder", b"")
    with pytest.raises(OutputError, match="is a file"), atomic_folder(tmp_path / "file", overwrite=True):
        pass


def test_a_target_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "file"

    def overtaken() -> None:
        with atomic_file(target, overwrite=False) as file:
            file.write(b"new")
            target.write_bytes(b"of another program")

    with pytest.raises(OutputError, match="exists"):
        overtaken()
    assert target.read_bytes() == b"of another program"


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_impossible_names(name: str) -> None:
    with pytest.raises(OutputError, match="no valid file name"):
        write_bytes(name, b"")


def test_names_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    write_bytes(tmp_path / ("n" * 255), b"long")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"long"
    with pytest.raises(OutputError):
        write_bytes(tmp_path / ("n" * 300), b"too long")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX systems")
def test_permissions(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        write_bytes(tmp_path / "new", b"")
    finally:
        os.umask(umask)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    (tmp_path / "new").chmod(0o604)
    write_bytes(tmp_path / "new", b"again")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o604


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "file")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "file").read_bytes() == b"new"


def test_folders_are_replaced_where_names_cannot_be_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_swap_names", lambda first, second: False)
    for content in (b"1", b"2", b"3"):
        with atomic_folder(tmp_path / "store", overwrite=True) as folder:
            fill(folder, content)
    assert content_of(tmp_path / "store") == {b"3"}
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="an exchange of names in one step is tested on Linux")
def test_names_are_exchanged_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "1").touch()
    assert atomic._swap_names(os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b"))
    assert (tmp_path / "b" / "1").exists()
    assert not atomic._swap_names(os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "none"))


FULL_DISK = """
import resource, signal, sys
from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import atomic_folder, write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    if sys.argv[1] == "file":
        write_bytes(sys.argv[2], bytes(5000))
    else:
        with atomic_folder(sys.argv[2], overwrite=True) as folder:
            (folder / "a").write_bytes(bytes(5000))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs limits of POSIX systems")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_write_that_fails_halfway_changes_nothing(tmp_path: Path, kind: str) -> None:
    """A limit on file sizes stands in for a full disk: writing fails in the middle in the same way."""
    target = tmp_path / "target"
    if kind == "file":
        target.write_bytes(b"old")
    else:
        target.mkdir()
        fill(target, b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, kind, str(target)], check=True, capture_output=True, text=True
    )
    assert "cannot be written (File too large). What stood there is unchanged" in done.stdout
    assert (target.read_bytes() == b"old") if kind == "file" else (content_of(target) == {b"old"})
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


KILLED = """
import sys
from napari_gdls.io.atomic import atomic_folder, write_bytes
print("ready", flush=True)
number = 0
while True:
    number += 1
    content = bytes([number % 256]) * 200_000
    if sys.argv[1] == "file":
        write_bytes(sys.argv[2], content)
    else:
        with atomic_folder(sys.argv[2], overwrite=True) as folder:
            for name in "abc":
                (folder / name).write_bytes(content)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("repetitions", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_the_old_content_or_the_new(tmp_path: Path, kind: str, repetitions: int) -> None:
    target = tmp_path / "target"
    if kind == "folder" and not sys.platform.startswith(("linux", "darwin")):
        pytest.skip("folders cannot be exchanged in one step here")
    rng = random.Random(0)
    if kind == "file":
        target.write_bytes(b"\0" * 200_000)
    else:
        target.mkdir()
        for name in "abc":
            (target / name).write_bytes(b"\0" * 200_000)
    for _ in range(repetitions):
        writer = subprocess.Popen([sys.executable, "-c", KILLED, kind, str(target)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0, 0.05))
        writer.kill()
        writer.wait()
        writer.stdout.close()
        found = {target.read_bytes()} if kind == "file" else content_of(target)
        assert len(found) == 1
        assert len(found.pop()) == 200_000
        if kind == "folder":
            assert sorted(path.name for path in target.iterdir()) == ["a", "b", "c"]


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.skipif(os.name != "posix", reason="elsewhere it cannot be told which processes live")
def test_what_killed_writers_left_goes_at_the_next_write(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    prefix, ending = _temporary_names(target)
    dead, alive = dead_process(), os.getpid()
    stale = [tmp_path / f"{prefix}{dead}-0123{ending}", tmp_path / f"{prefix}{dead}-folder{ending}"]
    stale[0].write_text("half")
    stale[1].mkdir()
    (stale[1] / "part").write_text("half")
    kept = [
        tmp_path / f"{prefix}{alive}-0123{ending}",  # being written by a living process
        tmp_path / f".a.txt.ffffffff-{dead}-0123{ending}",  # by a process of another computer
        tmp_path / f".b.txt.{prefix.rpartition('.')[2]}{dead}-0123{ending}",  # for another target
        tmp_path / f"{prefix}x-0123{ending}",
    ]
    for path in kept:
        path.write_text("theirs")
    write_text(target, "new")
    assert sorted(tmp_path.iterdir()) == sorted([target, *kept])
    require_writable(target)
    assert sorted(tmp_path.iterdir()) == sorted([target, *kept])
