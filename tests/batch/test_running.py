"""Running tasks on workers that die: nothing is lost, nothing made twice, nobody blamed for what others did."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_gdls as gdls
from napari_gdls.batch import running
from napari_gdls.batch.finishing import finish, results_of
from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.journal import JournalWriter, read_journal, stamp_of
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.plan import BatchPlan, read_plan, write_plan
from napari_gdls.batch.running import is_done, run_map, share_of
from napari_gdls.batch.task_keys import InputFiles, digest_of, key_of
from napari_gdls.batch.tasks import FieldFailure, FieldReport, attempt, segment_field, task_of
from napari_gdls.errors import FieldReadError, GdlsError, OutputError
from napari_gdls.progress import silent
from napari_gdls.recipe import Recipe

distributed = pytest.importorskip("distributed")


class Future:
    """The answer to come of a task."""

    def __init__(self, task):
        self.task, self.status, self.answer = task, "pending", None

    def result(self):
        return self.answer


class Workers:
    """Stand-ins for the client of a cluster: tasks end as a script says, one after the other.

    Parameters
    ----------
    layout : Layout
    fates : mapping of str to list of str
        By field, how its tries end: "ok", "error", "before", "during", "after": of the death of the worker; "ok" when
        the list is at its end.
    together : int
        Tasks that run at a time.
    """

    def __init__(self, layout, fates, together=2):
        self.layout, self.fates, self.together = layout, {k: list(v) for k, v in fates.items()}, together
        self.journal = JournalWriter(layout)
        self.committed: Counter[str] = Counter()
        self.alone: Counter[str] = Counter()
        self.running: list[Future] = []

    def nthreads(self):
        return {f"worker {k}": 1 for k in range(self.together)}

    def submit(self, function, task, **_):
        assert function is attempt
        future = Future(task)
        self.running.append(future)
        return future

    def cancel(self, futures, **_):
        self.running = []

    def wait(self, futures, **_):
        future = self.running.pop(0)
        if not self.running:
            self.alone[future.task.name] += 1
        self._end(future)
        return SimpleNamespace(done={future})

    def _end(self, future):
        task = future.task
        fate = self.fates.get(task.name) or ["ok"]
        fate = fate.pop(0) if self.fates.get(task.name) else "ok"
        if fate == "before":
            future.status = "error"
            return
        files = InputFiles().of(Path(task.path), task.reading)
        digest = digest_of(files)
        key = key_of(digest, task.recipe, task.reading)
        target = self.layout.field(task.name, key)
        self.journal.write("started", task.name, token=task.token)
        self.journal.write("digest", task.name, stamp=stamp_of(files), digest=digest)
        self.journal.write("started", task.name, key=key, token=task.token)
        if fate == "error":
            future.status, future.answer = "finished", FieldFailure(task.name, key, "it is broken")
            return
        if fate == "during":
            future.status = "error"
            return
        skipped = target.exists()
        if not skipped:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"result")
            self.committed[task.name] += 1
        if fate == "after":
            future.status = "error"
            return
        future.status = "finished"
        future.answer = FieldReport(task.name, key, 1.0, 1, 6, "s", skipped)
        self.journal.write(
            "done", task.name, version="1", key=key, digest=digest, seconds=1.0, peak=1, size=6, sha256="s"
        )


@pytest.fixture
def cluster(monkeypatch):
    def made(layout, fates, together=2):
        workers = Workers(layout, fates, together)
        monkeypatch.setattr(distributed, "wait", workers.wait)
        monkeypatch.setattr(running, "is_whole", lambda path: path.is_file())
        return workers

    return made


def plan_of(folder, names):
    for name in names:
        (folder / f"{name}.rpl").write_text(name)
    return BatchPlan(tuple(FieldInput(name, folder / f"{name}.rpl") for name in names))


deaths = st.lists(st.sampled_from(["before", "during", "after", "error", "ok"]), max_size=5)


@settings(max_examples=60)
@given(fates=st.dictionaries(st.sampled_from("abcdef"), deaths, max_size=6), together=st.integers(1, 3))
def test_whatever_dies_nothing_is_lost_or_made_twice(tmp_path_factory, fates, together):
    folder = tmp_path_factory.mktemp("run")
    layout = Layout(folder / "out")
    workers = Workers(layout, fates, together)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "wait", workers.wait)
        patch.setattr(running, "is_whole", lambda path: path.is_file())
        told = []
        aside = run_map(plan_of(folder, "abcdef"), layout, workers, report=told.append)
    assert max(workers.committed.values()) == 1
    journal = read_journal(layout)
    for name in "abcdef":
        bad = sum(fate in ("error", "during") for fate in fates.get(name, ()))
        if name in aside:
            assert journal.of(name).state == "set aside"
            assert bad >= running.MOST_TRIES
            assert workers.alone[name] >= 2  # it was blamed when nothing else ran
        else:
            assert journal.of(name).state == "done"
    assert told[-1].done + told[-1].set_aside == 6
    assert told[-1].running == ()


def test_an_innocent_field_is_not_blamed(tmp_path, cluster):
    """Two run side by side, and the workers of both die: the one that had not begun goes on without blame."""
    layout = Layout(tmp_path / "out")
    workers = cluster(layout, {"a": ["during"] * 9, "b": ["before"] * 4})
    assert run_map(plan_of(tmp_path, "abc"), layout, workers) == ("a",)
    journal = read_journal(layout)
    assert journal.of("b").state == "done"
    assert journal.of("b").tries == 0
    assert "died" in journal.of("a").error


def test_workers_that_never_begin_end_the_batch(tmp_path, cluster):
    layout = Layout(tmp_path / "out")
    workers = cluster(layout, {"a": ["before"] * 100})
    with pytest.raises(GdlsError, match="died before they began"):
        run_map(plan_of(tmp_path, "a"), layout, workers)


def test_a_full_disk_ends_the_batch_and_keeps_what_is_done(tmp_path, cluster):
    layout = Layout(tmp_path / "out")
    workers = cluster(layout, {})
    end = workers._end

    def full(future):
        if future.task.name == "b":
            future.status = "finished"
            future.answer = FieldFailure("b", "", "out/b: cannot be written (No space left on device).", of_batch=True)
        else:
            end(future)

    workers._end = full
    with pytest.raises(OutputError, match="No space left"):
        run_map(plan_of(tmp_path, "abc"), layout, workers)
    assert read_journal(layout).of("a").state == "done"
    assert read_journal(layout).of("b").state == "waiting"


@pytest.mark.parametrize("fate", ["error", "during"])
def test_what_was_set_aside_stays_so_until_something_changes(tmp_path, cluster, fate):
    layout = Layout(tmp_path / "out")
    plan = plan_of(tmp_path, "ab")
    failing = {"a": [fate] * 5}
    assert run_map(plan, layout, cluster(layout, failing)) == ("a",)
    workers = cluster(layout, {})
    assert run_map(plan, layout, workers) == ("a",)
    assert "a" not in workers.alone
    other = BatchPlan(plan.inputs, Recipe(tau_z=0.6))
    assert run_map(other, layout, cluster(layout, {})) == ()
    assert run_map(plan, layout, cluster(layout, failing)) == ("a",)
    assert run_map(plan, layout, cluster(layout, {}), retry=True) == ()
    (tmp_path / "a.rpl").write_text("damaged")
    assert run_map(plan, layout, cluster(layout, failing)) == ("a",)
    (tmp_path / "a.rpl").write_text("mended")
    workers = cluster(layout, {})
    assert run_map(plan, layout, workers) == ()
    assert workers.committed == {"a": 1}


def test_a_file_that_cannot_be_read_is_tried_by_every_call(tmp_path, cluster):
    """There is no digest by which to tell whether it has changed."""
    plan, layout = plan_of(tmp_path, "a"), Layout(tmp_path / "out")
    answers = [FieldFailure("a", "", "a.rpl: cannot be read")] * 3

    def unreadable(future):
        future.status, future.answer = "finished", answers.pop()

    workers = cluster(layout, {})
    end, workers._end = workers._end, unreadable
    assert run_map(plan, layout, workers) == ("a",)
    workers._end = end
    assert run_map(plan, layout, workers) == ()


@given(deaths=st.lists(st.sampled_from(["during", "after", "error"]), max_size=3), skew=st.floats(-1e4, 1e4))
def test_clocks_of_workers_decide_nothing(tmp_path_factory, deaths, skew):
    """The clock of the workers is hours ahead of that of the driver, or behind it."""
    folder = tmp_path_factory.mktemp("clocks")
    layout, plan = Layout(folder / "out"), plan_of(folder, "ab")
    workers = Workers(layout, {"a": deaths}, 1)
    write = workers.journal.write

    def skewed(event, name="", **values):
        now = time.time()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", lambda: now + skew)
            write(event, name, **values)

    workers.journal.write = skewed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "wait", workers.wait)
        patch.setattr(running, "is_whole", lambda path: path.is_file())
        aside = run_map(plan, layout, workers)
        assert run_map(plan, layout, workers) == aside
    assert max(workers.committed.values()) == 1
    assert set(results_of(layout, plan, aside)) == {"a", "b"} - set(aside)


def test_a_result_that_is_missing_is_said(tmp_path, cluster):
    layout, plan = Layout(tmp_path / "out"), plan_of(tmp_path, "ab")
    assert run_map(plan, layout, cluster(layout, {})) == ()
    assert [path.is_file() for path in results_of(layout, plan).values()] == [True, True]
    os.utime(tmp_path / "b.rpl", (1, 1))  # as another computer may see its times: the journal knows no such file
    assert set(results_of(layout, plan)) == {"a", "b"}
    results_of(layout, plan)["b"].unlink()
    with pytest.raises(FieldReadError, match="result of field b is missing"):
        results_of(layout, plan)
    assert set(results_of(layout, plan, ("b",))) == {"a"}


@given(n=st.integers(0, 40), shares=st.integers(1, 9))
def test_shares_are_all_fields_each_once(n, shares):
    inputs = [FieldInput(f"{k}", os.devnull) for k in range(n)]
    parts = [share_of(inputs, (number, shares)) for number in range(1, shares + 1)]
    assert Counter(each.name for part in parts for each in part) == Counter(each.name for each in inputs)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    with pytest.raises(GdlsError, match="no share"):
        share_of(inputs, (shares + 1, shares))


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    for k in range(2):
        gdls.write_field(folder / f"f{k}.gdls.zarr.zip", gdls.simulate_field((24, 24), seed=k, spacing=2.0))
    return folder


def test_a_task_is_done_once_and_gives_equal_bytes(stored, tmp_path):
    path = stored / "f0.gdls.zarr.zip"
    layouts = [Layout(tmp_path / name) for name in ("one", "two")]
    plan = BatchPlan((FieldInput("f0", path),))
    reports = []
    for layout in layouts:
        layout.folder.mkdir()
        task = task_of(plan, plan.inputs[0], layout, read_journal(layout), InputFiles())
        reports.append(segment_field(task))
    assert reports[0].sha256 == reports[1].sha256
    again = segment_field(task)
    assert again.skipped
    assert again.sha256 == reports[1].sha256
    journal = read_journal(layouts[1])
    assert is_done(plan.inputs[0], plan, layouts[1], journal, InputFiles())
    assert task_of(plan, plan.inputs[0], layouts[1], journal, InputFiles()).digest  # known without reading the file


def test_another_recipe_or_input_makes_another_result(stored, tmp_path):
    path = tmp_path / "f.gdls.zarr.zip"
    path.write_bytes((stored / "f0.gdls.zarr.zip").read_bytes())
    layout = Layout(tmp_path / "out")
    layout.folder.mkdir()
    plan = BatchPlan((FieldInput("f", path),))
    first = segment_field(task_of(plan, plan.inputs[0], layout, read_journal(layout), InputFiles()))
    other = BatchPlan(plan.inputs, Recipe(tau_z=0.6))
    assert not is_done(plan.inputs[0], other, layout, read_journal(layout), InputFiles())
    path.write_bytes((stored / "f1.gdls.zarr.zip").read_bytes())
    assert not is_done(plan.inputs[0], plan, layout, read_journal(layout), InputFiles())
    second = segment_field(task_of(plan, plan.inputs[0], layout, read_journal(layout), InputFiles()))
    assert second.key != first.key
    assert [each.name for each in layout.fields.iterdir()] == [layout.field("f", second.key).name]


def test_a_damaged_result_is_made_again(stored, tmp_path):
    plan = BatchPlan((FieldInput("f0", stored / "f0.gdls.zarr.zip"),))
    layout = Layout(tmp_path)
    task = task_of(plan, plan.inputs[0], layout, read_journal(layout), InputFiles())
    report = segment_field(task)
    path = layout.field("f0", report.key)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = segment_field(task)
    assert not again.skipped
    assert again.sha256 == report.sha256
    path.write_bytes(bytes(data[: len(data) // 2]))
    assert not is_done(plan.inputs[0], plan, layout, read_journal(layout), InputFiles())


def test_a_damaged_result_ends_the_section_and_the_next_call_makes_it_again(stored, tmp_path):
    layout = Layout(tmp_path / "out")
    layout.folder.mkdir()
    plan = BatchPlan(
        tuple(FieldInput(f"f{k}", stored / f"f{k}.gdls.zarr.zip") for k in range(2)),
        section=gdls.batch.SectionChoices(names=False, mosaic=False, report=False),
    )
    for each in plan.inputs:
        assert isinstance(attempt(task_of(plan, each, layout, read_journal(layout), InputFiles())), FieldReport)
    path = results_of(layout, plan)["f1"]
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes(len(whole) - 400) + whole[-200:])
    with pytest.raises(FieldReadError, match="the same command makes it again") as caught:
        finish(layout, plan, progress=silent)
    assert caught.value.path == os.fspath(path)
    assert [is_done(each, plan, layout, read_journal(layout), InputFiles()) for each in plan.inputs] == [True, False]
    segment_field(task_of(plan, plan.inputs[1], layout, read_journal(layout), InputFiles()))
    assert path.read_bytes() == whole
    assert finish(layout, plan, progress=silent).phases.n_phases > 0


def test_a_worker_of_another_version_ends_the_batch(stored, tmp_path):
    plan = BatchPlan((FieldInput("f0", stored / "f0.gdls.zarr.zip"),))
    task = task_of(plan, plan.inputs[0], Layout(tmp_path), read_journal(Layout(tmp_path)), InputFiles())
    answer = attempt(replace(task, version="0.0.1"))
    assert isinstance(answer, FieldFailure)
    assert answer.of_batch
    assert "0.0.1" in answer.error
    assert list(tmp_path.iterdir()) == []


def test_errors_of_a_field_come_as_values(tmp_path):
    (tmp_path / "bad.bcf").write_bytes(b"no such format")
    plan = BatchPlan((FieldInput("bad", tmp_path / "bad.bcf"),))
    answer = attempt(task_of(plan, plan.inputs[0], Layout(tmp_path), read_journal(Layout(tmp_path)), InputFiles()))
    assert isinstance(answer, FieldFailure)
    assert "bad.bcf" in answer.error
    assert "\n" not in answer.error


def test_keys_depend_on_all_that_matters_and_on_nothing_else():
    recipe = Recipe().to_json()
    assert key_of("d", recipe, {}) == key_of("d", recipe, {"memory_limit": 5})
    assert len({key_of("d", recipe, {}), key_of("e", recipe, {}), key_of("d", Recipe(tau_z=1).to_json(), {}),
                key_of("d", recipe, {"bse": 1})}) == 4  # fmt: skip


def test_a_plan_comes_back_as_it_was(tmp_path):
    plan = BatchPlan(
        (FieldInput("a", tmp_path / "a.bcf", (1.5, 2.0)), FieldInput("b", tmp_path / "b.bcf")),
        Recipe(tau_z=0.5),
        {"energy": (0.0, 10.0), "bse": "BSE"},
        gdls.batch.SectionChoices(names=False, library=("quartz", "feldspar")),
    )
    write_plan(Layout(tmp_path), plan)
    assert read_plan(Layout(tmp_path)) == plan
    (tmp_path / "batch.json").write_text('{"batch_version": 1}')
    with pytest.raises(FieldReadError, match="no plan of a batch"):
        read_plan(Layout(tmp_path))


def command(*arguments):
    return [sys.executable, "-m", "napari_gdls", "batch", *map(str, arguments)]


def test_the_command_runs_and_is_asked_how_it_fares(stored, tmp_path):
    out = tmp_path / "out"
    run = command(stored, "-o", out, "--workers", 1, "--no-names", "--no-report")
    done = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 fields are done" in done.stdout
    status = subprocess.run(command("status", out), capture_output=True, text=True, timeout=100)
    assert "2 fields: 2 done; nobody works on it." in status.stdout
    wrong = subprocess.run(command("status", tmp_path), capture_output=True, text=True, timeout=100)
    assert wrong.returncode == 1
    assert "is no folder of a batch" in wrong.stderr
    assert len(wrong.stderr.strip().splitlines()) == 1


@pytest.fixture
def many_fields(tmp_path):
    for k in range(12):
        gdls.write_field(tmp_path / f"f{k}.gdls.zarr.zip", gdls.simulate_field((96, 96), seed=k, spacing=2.0))
    return sorted(tmp_path.glob("*.zip"))


def wait_for_a_result(process, out):
    while not list(out.glob("fields/*")):
        assert process.poll() is None
        time.sleep(0.05)


@pytest.mark.slow
def test_a_lost_scheduler_is_one_line_and_the_same_command_goes_on(many_fields, tmp_path):
    out, address = tmp_path / "out", tmp_path / "scheduler.json"
    begun = []

    def dask(what, *options):
        run = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", address, *options]
        begun.append(subprocess.Popen(list(map(str, run)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    try:
        dask("scheduler", "--port", 0, "--dashboard-address", ":0")
        dask("worker", "--nworkers", 1, "--nthreads", 1)
        run = command(*many_fields, "-o", out, "--scheduler-file", address, "--no-names", "--no-report")
        process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for_a_result(process, out)
        begun[0].kill()
        said = process.communicate(timeout=100)[1]
    finally:
        for each in begun:
            each.kill()
            each.wait()
    assert process.returncode == 1
    assert "connection to the scheduler of the workers is lost" in said.splitlines()[-1]
    assert "Traceback" not in said
    again = command(*many_fields, "-o", out, "--workers", 1, "--no-names", "--no-report")
    assert subprocess.run(again, timeout=300).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(many_fields, tmp_path):
    import signal

    import psutil

    out = tmp_path / "out"
    run = command(*many_fields, "-o", out, "--workers", 2, "--no-names", "--no-report")
    process = subprocess.Popen(run, stderr=subprocess.PIPE, text=True)
    wait_for_a_result(process, out)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    gone = psutil.wait_procs(children, timeout=10)[1]
    assert not [each for each in gone if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert not list(out.rglob("*.tmp"))
    assert subprocess.run(run, timeout=300).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_killed_workers_and_drivers_change_no_byte(tmp_path):
    from benchmarks.batch import digests, loop, make_fields, run_through_deaths

    from napari_gdls.batch.inputs import field_inputs

    source = tmp_path / "fields"
    source.mkdir()
    make_fields(source, 40)
    loop(field_inputs(source), Layout(tmp_path / "loop"))
    workers, drivers = run_through_deaths(source, tmp_path / "out", 40, 8)
    assert workers >= 3
    assert drivers == 3
    assert digests(Layout(tmp_path / "out")) == digests(Layout(tmp_path / "loop"))
