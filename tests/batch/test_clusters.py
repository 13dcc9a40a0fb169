"""The ways onto a cluster that the documentation ships: shares in a job array, Snakemake, a running scheduler."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import napari_gdls as gdls

DOCS = Path(__file__).resolve().parents[2] / "docs"

pytestmark = pytest.mark.skipif(os.name != "posix" or not DOCS.is_dir(), reason="scripts of POSIX shells, and the docs")


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fields")
    for k in range(4):
        gdls.write_field(folder / f"A{k}.gdls.zarr.zip", gdls.simulate_field((24, 24), seed=k, spacing=2.0))
    return folder


@pytest.fixture
def environment(tmp_path):
    """A path on which ``napari-gdls`` is this one."""
    tool = tmp_path / "bin" / "napari-gdls"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m napari_gdls "$@"\n')
    tool.chmod(0o755)
    return {**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"}


def results(out: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (out / "fields").iterdir()}


def whole(fields: Path, out: Path) -> dict[str, str]:
    subprocess.run(
        [sys.executable, "-m", "napari_gdls", "batch", str(fields), "-o", str(out), "--workers", "1", "--no-names"],
        check=True,
        capture_output=True,
    )
    return results(out)


def test_the_page_names_the_files_that_are_there():
    page = (DOCS / "cluster.md").read_text(encoding="utf-8")
    for path in (DOCS / "cluster").iterdir():
        assert f"cluster/{path.name}" in page


@pytest.mark.slow
def test_an_array_of_jobs_and_the_job_after_it(fields, tmp_path, environment):
    out = tmp_path / "array"
    said = {**environment, "FIELDS": str(fields), "OUT": str(out), "SLURM_CPUS_PER_TASK": "1"}
    script = ["bash", str(DOCS / "cluster" / "array.sbatch")]
    for number in (1, 3):  # the second is lost
        one = {**said, "SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_MAX": "3"}
        subprocess.run(script, env=one, check=True, capture_output=True)
    assert not (out / "section").exists()
    assert 0 < len(results(out)) < 4
    subprocess.run(script, env={**said, "SHARE": "all"}, check=True, capture_output=True)
    assert results(out) == whole(fields, tmp_path / "whole")
    assert (out / "section" / "phases.csv").is_file()


@pytest.mark.slow
def test_snakemake_runs_the_shares_and_the_section(fields, tmp_path, environment):
    if shutil.which("snakemake") is None and importlib.util.find_spec("snakemake") is None:
        pytest.skip("snakemake is not installed")
    out = tmp_path / "made"
    command = [
        sys.executable, "-m", "snakemake", "-s", str(DOCS / "cluster" / "Snakefile"), "--cores", "2",
        "--config", f"fields={fields}", f"out={out}", "shares=2",
    ]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=600)
    assert results(out) == whole(fields, tmp_path / "whole")
    assert (out / "section" / "phases.csv").is_file()


@pytest.mark.slow
def test_a_running_scheduler_serves(fields, tmp_path):
    pytest.importorskip("distributed")
    file, out = tmp_path / "scheduler.json", tmp_path / "out"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen([*dask, "scheduler", "--scheduler-file", str(file), "--port", "0",
                                  "--no-dashboard"], **quiet)  # fmt: skip
    worker = subprocess.Popen([*dask, "worker", "--scheduler-file", str(file), "--nthreads", "1",
                               "--no-dashboard"], **quiet)  # fmt: skip
    try:
        start = time.monotonic()
        while not file.is_file():
            assert time.monotonic() - start < 60
            time.sleep(0.1)
        subprocess.run(
            [sys.executable, "-m", "napari_gdls", "batch", str(fields), "-o", str(out), "--no-names",
             "--scheduler-file", str(file)], check=True, capture_output=True, timeout=300,
        )  # fmt: skip
    finally:
        worker.terminate()
        scheduler.terminate()
    assert results(out) == whole(fields, tmp_path / "whole")


def test_a_scheduler_that_does_not_answer_is_one_line(fields, tmp_path):
    (tmp_path / "none.json").write_text('{"address": "tcp://127.0.0.1:9"}')
    run = subprocess.run(
        [sys.executable, "-m", "napari_gdls", "batch", str(fields), "-o", str(tmp_path / "out"), "--scheduler-file",
         str(tmp_path / "none.json")], capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 1
    assert "no dask scheduler answers" in run.stderr
    assert "Traceback" not in run.stderr


def test_jobqueue_makes_a_job(monkeypatch):
    pytest.importorskip("dask_jobqueue")
    spec = importlib.util.spec_from_file_location("jobqueue", DOCS / "cluster" / "jobqueue.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.cluster() as made:
        script = made.job_script()
    assert "--nthreads 1" in script
    assert "#SBATCH" in script
