"""Vendor readers in a process of their own.

Some readers of RosettaSciIO run compiled code that trusts the file: one in three damaged Bruker maps made the whole
program crash. Here such a reader works in a second Python process, which hands the field back as a native store in a
temporary folder beside the cache; if it crashes, the file is refused like any other damaged one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, GdlsError, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.field.gain import warn_of_gain
from napari_gdls.io.cached_files import scratch_folder
from napari_gdls.io.contracts import FieldSummary, FileChoices, ImageInfo, ReadOptions
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.kept_process import READY, KeptProcess
from napari_gdls.io.rosetta.formats import ROSETTA_FORMATS, RosettaFormat
from napari_gdls.io.rosetta.reading import choices_here, describe_here, header_here, read_here
from napari_gdls.io.store import read_field_store, write_quickly

_ADDRESS_SPACE = 4 * 1024**3  # bytes
"""What an interpreter with its libraries and compiled code may map beyond the memory limit."""

_TURNING = 512 * 1024**2
"""Bytes that reading a store may take beyond what making it took: for its chunks, and the block that is turned."""


_OTHER_PROGRAM = 360 * 1024**2
"""Bytes that the other process takes itself, with RosettaSciIO and what it loads: 352 MiB at most, measured on Linux
with maps of a few pixels, of Velox."""

_STAY = "--stay"

_DAMAGED = "The file may be damaged: copy it again from its source, or export it in another format."


def read_apart(kind: RosettaFormat, path: Path, options: ReadOptions) -> Field:
    """Read a field with the reader of a format in another process.

    Raises
    ------
    FieldReadError
        As the reader does, and when its process crashes.
    """
    with scratch_folder("apart") as scratch:
        store = scratch / "field.gdls.zarr"
        _answer(kind, path, options, "field", store)
        field = read_field_store(store, memory_limit=options.memory_limit + _TURNING)
    if options.gain is None and field.gain != 1:
        warn_of_gain(field.gain)
    return field


def describe_apart(kind: RosettaFormat, path: Path, options: ReadOptions) -> FieldSummary:
    """Describe a file with the reader of a format in another process; errors as in `read_apart`."""
    summary = _answer(kind, path, options, "summary")["summary"]
    return FieldSummary(
        **{
            **summary,
            "images": tuple(ImageInfo(im["title"], tuple(im["shape"]), im["dtype"]) for im in summary["images"]),
            "shape": summary["shape"] and tuple(summary["shape"]),
            "energy": summary["energy"] and EnergyAxis(**summary["energy"]),
            "counts": summary["counts"] and {int(q): value for q, value in summary["counts"].items()},
            "low_counts": summary["low_counts"] and tuple(summary["low_counts"]),
            "artefacts": tuple(summary["artefacts"]),
            "warnings": tuple(summary["warnings"]),
            "choices": summary["choices"] and FileChoices.from_dict(summary["choices"]),
        }
    )


def choices_apart(kind: RosettaFormat, path: Path, options: ReadOptions) -> FileChoices:
    """What can be chosen in a file, with the reader of its format in another process; errors as in `read_apart`."""
    return FileChoices.from_dict(_answer(kind, path, options, "choices")["choices"])


def header_apart(kind: RosettaFormat, path: Path, options: ReadOptions) -> FieldHeader:
    """What is known of a field before its counts are read, in another process, which is kept; errors as there.

    Reading takes the memory of that other process, too.
    """
    question = _question(kind, path, options, "header")
    try:
        line = _KEPT.ask(json.dumps(question))
    except OSError as error:
        raise FieldReadError(path, f"no other process can be started to read it ({error})") from None
    if line is None:
        raise FieldReadError(path, "the reader crashed on it, or did not come to an end", remedy=_DAMAGED)
    answer = json.loads(line)
    if "error" in answer:
        raise _error(**answer["error"])
    found = FieldHeader.from_dict(answer["header"])
    # The other process has ended before its store is read here.
    here = found.spectra_bytes + min(_TURNING, 4 * found.spectra_bytes)
    return dataclasses.replace(found, bytes_to_read=max(_OTHER_PROGRAM + found.bytes_to_read, here))


def _question(kind: RosettaFormat, path: Path, options: ReadOptions, wanted: str) -> dict[str, Any]:
    options_plain = {**dataclasses.asdict(options), "bse": _plain(options.bse)}
    return {"wanted": wanted, "format": kind.name, "path": os.fspath(path), "options": options_plain}


def _environment() -> dict[str, str]:
    package_root = str(Path(__file__).resolve().parents[3])
    paths = [package_root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _answer(
    kind: RosettaFormat, path: Path, options: ReadOptions, wanted: str, store: Path | None = None
) -> dict[str, Any]:
    question = {**_question(kind, path, options, wanted), "store": store and os.fspath(store)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__],
        input=json.dumps(question).encode(),
        capture_output=True,
        env=_environment(),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        check=False,
    )
    # Readers may print; the answer is the last line.
    lines = done.stdout.splitlines()
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        last_words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise FieldReadError(
            path,
            f"the reader crashed on it (exit status {done.returncode}: {last_words[0][:200]})",
            remedy=_DAMAGED,
        ) from None
    if "error" in answer:
        raise _error(**answer["error"])
    return answer


def _plain(choice: str | int | os.PathLike[str] | None) -> str | int | None:
    return os.fspath(choice) if isinstance(choice, os.PathLike) else choice


def _error(option: str = "", **parts: str) -> FieldReadError:
    return ReadChoiceError(**parts, option=option) if option else FieldReadError(**parts)


def main(*arguments: str) -> None:
    """Answer the question on the standard input: a field into a store, a summary, what can be chosen, or an error.

    Parameters
    ----------
    *arguments : str
        `_STAY`: answer line by line, until the input ends.
    """
    if _STAY in arguments:
        answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # readers may print
        print(READY, file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(_answered(json.loads(line))), file=answers, flush=True)
        return
    print(f"\n{json.dumps(_answered(json.loads(sys.stdin.buffer.read())))}", flush=True)


def _answered(question: dict[str, Any]) -> dict[str, Any]:
    options = ReadOptions(**question["options"])
    _limit_memory(options.memory_limit)
    kind = next(kind for kind in ROSETTA_FORMATS if kind.name == question["format"])
    path = Path(question["path"])
    answer: dict[str, Any] = {}
    try:
        if question["wanted"] == "summary":
            answer["summary"] = describe_here(kind, path, options).to_dict()
        elif question["wanted"] == "header":
            answer["header"] = header_here(kind, path, options).to_dict()
        elif question["wanted"] == "choices":
            answer["choices"] = choices_here(kind, path, options).to_dict()
        else:
            write_quickly(question["store"], read_here(kind, path, options))
    except FieldReadError as error:
        parts = {"problem": error.problem, "where": error.where, "remedy": error.remedy}
        if isinstance(error, ReadChoiceError):
            parts["option"] = error.option
        answer["error"] = {"path": error.path, **parts}
    except GdlsError as error:  # the parts do not fit together, or the temporary folder is full
        answer["error"] = {"path": os.fspath(path), "problem": str(error)}
    except MemoryError:
        answer["error"] = {"path": os.fspath(path), "problem": "needs more memory than there is or is allowed"}
    return answer


_KEPT = KeptProcess(lambda: [sys.executable, "-W", "ignore", "-m", __name__, _STAY], _environment)


def _limit_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = limit + _ADDRESS_SPACE
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    except (ValueError, OSError):  # macOS refuses some limits
        return


if __name__ == "__main__":
    main(*sys.argv[1:])
