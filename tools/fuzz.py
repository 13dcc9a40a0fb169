"""Look for input that the project's own parsers do not survive: ``make fuzz``, or ``python tools/fuzz.py``.

Where atheris is installed (Linux, `pip install atheris`), it looks for input that reaches new lines of the parsers;
else damage is seeded at random. What a parser does not survive is kept in ``tests/io/corpus``, where the tests try it
again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests" / "io"
sys.path.insert(0, str(TESTS))


def main() -> int:
    """Fuzz one target, or all in turn; the exit status is the number of targets with findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", help="name of a target; all in turn if not given")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each target")
    parser.add_argument("--without-atheris", action="store_true", help="damage at random")
    options = parser.parse_args()
    guided = not options.without_atheris and importlib.util.find_spec("atheris") is not None
    if options.target is not None:
        return (_guided if guided else _at_random)(options.target, options.seconds)
    from fuzz_targets import TARGETS

    findings = 0
    for target in TARGETS:  # each in a process of its own: one that is killed takes no other along
        command = [sys.executable, __file__, "--target", target.name, "--seconds", str(options.seconds)]
        done = subprocess.run([*command, *(["--without-atheris"] if not guided else [])], check=False)
        findings += done.returncode != 0
        print(f"{target.name}: {'survived' if done.returncode == 0 else 'FINDINGS'}", flush=True)
    return findings


def _try(name: str, folder: Path, content: bytes) -> bool:
    """Whether the parser survives; if not, the content is kept."""
    from fuzz_targets import TARGETS
    from test_fuzz import CORPUS, try_read

    target = next(target for target in TARGETS if target.name == name)
    target.write(folder, content)
    try:
        try_read(target, folder)
    except Exception:
        traceback.print_exc()
        kept = CORPUS / name.replace(" ", "-")
        kept.mkdir(parents=True, exist_ok=True)
        file = kept / hashlib.sha256(content).hexdigest()[:16]
        file.write_bytes(content)
        print(f"kept as {file}", file=sys.stderr)
        return False
    return True


def _at_random(name: str, seconds: float) -> int:
    from damage import mutations
    from fuzz_targets import TARGETS

    target = next(target for target in TARGETS if target.name == name)
    end, tried, findings = time.monotonic() + seconds, 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        whole = target.whole(folder)
        while time.monotonic() < end:
            for damaged in mutations(whole, 100, random.randrange(2**31), head=target.head):
                tried += 1
                findings += not _try(name, folder, damaged)
    print(f"{name}: {tried} damaged inputs, {findings} findings")
    return int(findings > 0)


def _guided(name: str, seconds: float) -> int:
    import atheris

    with atheris.instrument_imports(include=["napari_gdls.io", "napari_gdls.recipe", "napari_gdls.field"]):
        from fuzz_targets import TARGETS
    target = next(target for target in TARGETS if target.name == name)
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as seeds:
        folder = Path(scratch)
        Path(seeds, "whole").write_bytes(target.whole(folder))

        def one(content: bytes) -> None:
            if not _try(name, folder, content):
                os._exit(1)

        atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}", "-print_final_stats=1", seeds], one)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
