"""Whether a batch survives whatever dies, and what that costs: ``python -m benchmarks.batch [--quick]``.

Small simulated fields are segmented by a plain loop, by a batch on one process and on two; then by a batch on two whose
workers are killed (SIGKILL) again and again, and whose driver is killed at 30, 60 and 90 percent and started anew. The
results must be those of the plain loop, to the byte. Then the scan with which a batch of ten thousand finished fields
goes on, which must find nothing to do.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from benchmarks.machine import machine
from benchmarks.section import cut
from napari_gdls import simulate_field, write_field
from napari_gdls.batch.inputs import FieldInput, field_inputs
from napari_gdls.batch.journal import JournalWriter, read_journal, stamp_of
from napari_gdls.batch.layout import FIELD_ENDING, Layout
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.running import is_done
from napari_gdls.batch.task_keys import InputFiles, key_of
from napari_gdls.batch.tasks import FieldReport, attempt, task_of

FIELDS, TILE, TILES = 1000, 48, 16
"""Fields, pixels a side of one, and tiles a side of the simulated images that they are cut from."""

DEATHS = 20
"""Of workers: of a thousand fields, one after every 50."""

KILL_DRIVER_AT = (0.3, 0.6, 0.9)
"""Shares of the fields at which the driver is killed."""

FINISHED = 10_000
"""Fields of the batch that is only looked at."""


def make_fields(folder: Path, n: int) -> None:
    """Fields as files of the native store."""
    made = 0
    for seed in range(10_000):
        field = simulate_field((TILES * TILE, TILES * TILE), seed=seed, counts=1000, spacing=2.0)
        for _, tile in cut(field, TILES):
            write_field(folder / f"{seed}-{tile.name}.gdls.zarr.zip", tile)
            made += 1
            if made == n:
                return


def digests(layout: Layout) -> dict[str, str]:
    """SHA-256 of all results."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in layout.fields.glob(f"*{FIELD_ENDING}")}


def loop(inputs: tuple[FieldInput, ...], layout: Layout) -> tuple[float, float]:
    """Segment and write field after field in this process; seconds, and seconds of CPU."""
    layout.folder.mkdir()
    plan, journal = BatchPlan(inputs), read_journal(layout)
    files = InputFiles()
    start, cpu = time.perf_counter(), time.process_time()
    for each in inputs:
        answer = attempt(task_of(plan, each, layout, journal, files))
        assert isinstance(answer, FieldReport), answer
    return time.perf_counter() - start, time.process_time() - cpu


def command(source: Path, out: Path, workers: int) -> list[str]:
    plain = ["--no-mosaic", "--no-names", "--no-report"]
    return [
        sys.executable, "-m", "napari_gdls", "batch", str(source), "-o", str(out), "--workers", str(workers), *plain,
    ]  # fmt: skip


def run(source: Path, out: Path, workers: int) -> tuple[float, float]:
    """A batch that nothing happens to: seconds until all fields are done, and seconds of CPU in all processes."""
    start, before = time.perf_counter(), os.times()
    with (out.parent / f"{out.name}.log").open("wb") as log:
        subprocess.run(command(source, out, workers), check=True, stderr=log, stdout=log)
    seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu


def working_seconds(out: Path) -> float:
    """From the first field that was begun to the last that was done: without the start of the program."""
    states = read_journal(Layout(out)).fields.values()
    return max(each.since for each in states) - min(each.since - (each.seconds or 0) for each in states)


def run_through_deaths(source: Path, out: Path, n: int, every: int) -> tuple[int, int]:
    """A batch whose workers and drivers are killed; how many of each were."""
    layout, workers, drivers = Layout(out), 0, 0
    waiting, next_kill = [int(share * n) for share in KILL_DRIVER_AT], every
    while True:
        with (out.parent / f"{out.name}.log").open("ab") as log:
            driver = subprocess.Popen(command(source, out, 2), stderr=log, stdout=log)
        while driver.poll() is None:
            done = len(list(layout.fields.glob(f"*{FIELD_ENDING}"))) if layout.fields.is_dir() else 0
            if waiting and done >= waiting[0]:
                waiting.pop(0)
                os.kill(driver.pid, signal.SIGKILL)
                drivers += 1
                driver.wait()
            elif done >= next_kill and done < n - 2:
                children = [
                    each for each in psutil.Process(driver.pid).children(recursive=True)
                    if "spawn_main" in " ".join(each.cmdline())
                ]  # fmt: skip
                if children:
                    children[workers % len(children)].kill()
                    workers += 1
                    next_kill += every
            time.sleep(0.02)
        if driver.returncode != -signal.SIGKILL:
            assert driver.returncode == 0, (driver.returncode, (out.parent / f"{out.name}.log").read_text()[-2000:])
            return workers, drivers


def look(folder: Path, n: int) -> float:
    """Seconds in which a batch of so many finished fields sees that there is nothing to do."""
    source, layout = folder / "finished", Layout(folder / "finished-out")
    source.mkdir()
    layout.fields.mkdir(parents=True)
    plan = BatchPlan(tuple(FieldInput(f"{k:05d}", source / f"{k:05d}.rpl") for k in range(n)))
    journal, recipe = JournalWriter(layout), plan.recipe.to_json()
    for each in plan.inputs:
        each.path.write_bytes(each.name.encode())
    files = InputFiles()
    for each in plan.inputs:
        digest = hashlib.sha256(each.name.encode()).hexdigest()
        key = key_of(digest, recipe, {})
        layout.field(each.name, key).write_bytes(b"result")
        journal.write("digest", each.name, stamp=stamp_of(files.of(each.path, {})), digest=digest)
        journal.write("done", each.name, key=key, seconds=1.0, peak=1, size=6, sha256="")
    start, files = time.perf_counter(), InputFiles()
    known = read_journal(layout)
    assert all(is_done(each, plan, layout, known, files) for each in plan.inputs)
    return time.perf_counter() - start


def speed(folder: Path, source: Path, seconds: float) -> None:
    """Batches that nothing happens to, against the seconds of the plain loop."""
    took = {}
    for workers in (1, 2):
        whole, used = run(source, folder / f"on-{workers}", workers)
        took[workers] = working_seconds(folder / f"on-{workers}")
        print(
            f"{f'batch on {workers}':34s} {took[workers]:7.1f} s  {used:7.1f} s of CPU  (whole command {whole:.1f} s)"
        )
    print(f"overhead against the plain loop    {100 * (took[1] / seconds - 1):+6.1f} % of time")
    print(f"efficiency of two processes        {100 * took[1] / took[2] / 2:6.1f} %")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="sixty fields")
    parser.add_argument("--fields", type=int, default=FIELDS, help="how many; a worker dies twenty times in all")
    parser.add_argument("--skip-speed", action="store_true", help="deaths and the scan only")
    options = parser.parse_args(arguments)
    n = 60 if options.quick else options.fields
    every = max(1, n // DEATHS)
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "fields"
        source.mkdir()
        make_fields(source, n)
        inputs = field_inputs(source)
        warm = Layout(folder / "warm")
        loop(inputs[:1], warm)  # compiles what is not compiled yet
        seconds, cpu = loop(inputs, Layout(folder / "loop"))
        print(f"{n:,} fields of {TILE} x {TILE} px")
        print(f"{'plain loop':34s} {seconds:7.1f} s  {cpu:7.1f} s of CPU")
        if not options.skip_speed:
            speed(folder, source, seconds)
        start = time.perf_counter()
        workers, drivers = run_through_deaths(source, folder / "deaths", n, every)
        print(f"{workers} workers and {drivers} drivers killed: {time.perf_counter() - start:.1f} s")
        expected, found = digests(Layout(folder / "loop")), digests(Layout(folder / "deaths"))
        made: Counter[str] = Counter()
        for path in Layout(folder / "deaths").journal.glob("*.jsonl"):
            made.update(
                line.split('"name":"')[1].split('"')[0]
                for line in path.read_text().splitlines()
                if '"event":"done"' in line and '"skipped":false' in line
            )
        lost = len(expected.keys() - found.keys())
        different = sum(found[name] != expected[name] for name in expected.keys() & found.keys())
        twice = sum(number > 1 for number in made.values())
        print(f"lost {lost}, made twice {twice}, other bytes than the plain loop {different}")
        seconds = look(folder, FINISHED)
        print(f"going on with {FINISHED:,} finished fields: {seconds:.2f} s until nothing is found to do")
    return int(bool(lost or twice or different))


if __name__ == "__main__":
    sys.exit(main())
