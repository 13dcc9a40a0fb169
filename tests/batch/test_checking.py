"""Fields that do not go together or do not fit, and folders that cannot take results, are named before the work."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_gdls.batch.checking import CheckedFields, FieldsError, checked_fields
from napari_gdls.batch.field_results import read_field_result
from napari_gdls.batch.inputs import FieldInput, field_inputs
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.phase_list import section_phases
from napari_gdls.batch.plan import BatchPlan, write_plan
from napari_gdls.batch.positions import placed_fields
from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.batch.section_fields import section_fields
from napari_gdls.batch.section_names import named_phases
from napari_gdls.batch.target import require_target, result_bytes
from napari_gdls.batch.task_memory import PROGRAM_BYTES, choose_workers, memory_of_task, require_room_in
from napari_gdls.batch.tasks import FieldTask, segment_field
from napari_gdls.energy import EnergyAxis, common_axis
from napari_gdls.errors import Cancelled, GdlsError, OutputError
from napari_gdls.field import Field
from napari_gdls.io import field_header, write_field
from napari_gdls.io.headers import FieldHeader
from napari_gdls.recipe import Recipe

Make = Callable[..., Path]
PEAKS = ((525.0, 60.0), (1740.0, 120.0)), ((525.0, 30.0), (6400.0, 90.0))
"""Energies (eV) and counts of the lines of two phases."""


def small(
    *, shape: tuple[int, int] = (6, 8), width: float = 10.0, size: int = 1000, offset: float = 0.0,
    pixel_size: float | None = 2.0, beam_energy: float | None = 20.0, seed: int = 0,
) -> Field:  # fmt: skip
    """A field of two phases, side by side."""
    rng = np.random.default_rng(seed)
    energy = EnergyAxis(offset, width, size)
    means = np.full((2, size), 0.002 * width)
    for phase, lines in enumerate(PEAKS):
        for at, counts in lines:
            if 0 <= energy.index(at) < size:
                means[phase, energy.index(at)] += counts
    locations = np.argwhere(np.ones(shape, bool))
    phase = (locations[:, 1] >= shape[1] // 2).astype(int)
    bse = (phase.reshape(shape) * 20_000 + 20_000 + rng.normal(0, 200, shape)).astype(np.uint16)
    counts = rng.poisson(means[phase]).astype(np.uint16)
    return Field(bse, counts, locations, energy, gain=1, pixel_size=pixel_size, beam_energy=beam_energy)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes fields into a folder: each name with how it differs from the others."""

    def made(**differences: dict[str, Any]) -> Path:
        folder = tmp_path / "fields"
        folder.mkdir(exist_ok=True)
        for name, values in differences.items():
            write_field(folder / f"{name}.gdls.zarr.zip", small(**values), overwrite=True)
        return folder

    return made


def checked(folder: Path, **options: Any) -> CheckedFields:
    return checked_fields(field_inputs(folder), **options)


def test_fields_that_are_alike_pass(make: Make) -> None:
    found = checked(make(F1={}, F2={"seed": 1}, F3={"shape": (7, 5)}))
    assert [each.name for each in found.inputs] == list(found.headers) == ["F1", "F2", "F3"]
    assert found.energy == EnergyAxis(0.0, 10.0, 1000)
    assert found.notes == ()
    assert not found.left_out
    assert found.stored_bytes == sum(each.path.stat().st_size for each in found.inputs)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"width": 5.0}, r"1 of 3 fields has 1,000 channels of 5 eV from 0 eV \(odd\), where 2 have .* of 10 eV"),
        ({"size": 900}, r"1 of 3 fields has 900 channels of 10 eV from 0 eV \(odd\), where 2 have 1,000 channels"),
        ({"offset": -200.0}, r"1,000 channels of 10 eV from -200 eV \(odd\)"),
        ({"beam_energy": 15.0}, r"1 of 3 fields has a beam of 15 keV \(odd\), where 2 have a beam of 20 keV"),
        ({"beam_energy": None}, r"1 of 3 fields has no beam energy \(odd\), where 2 have a beam of 20 keV"),
        ({"pixel_size": 2.5}, r"1 of 3 fields has pixels of 2.5 um \(odd\), where 2 have pixels of 2 um"),
        ({"pixel_size": None}, r"1 of 3 fields has no pixel size \(odd\), where 2 have pixels of 2 um"),
    ],
)
def test_a_field_that_was_measured_otherwise_is_named(make: Make, other: dict[str, Any], said: str) -> None:
    folder = make(F1={}, odd=other, F2={})
    with pytest.raises(FieldsError, match=said) as raised:
        checked(folder)
    assert len(raised.value.problems) == 1
    assert "\n" not in str(raised.value)
    left = checked(folder, leave_out=True)
    assert [each.name for each in left.inputs] == ["F1", "F2"]
    assert list(left.left_out) == ["odd"]
    assert len(left.left_out_in_words()) == 1


def test_what_a_detector_is_calibrated_anew_is_alike(make: Make) -> None:
    folder = make(F1={"offset": -1.2, "width": 10.003}, F2={"offset": 3.0, "width": 9.998})
    found = checked(folder)
    assert found.energy.width == 10.003
    assert found.energy.size in (998, 999)


def test_all_that_is_wrong_is_said_at_once(make: Make) -> None:
    folder = make(F1={}, F2={}, kv={"beam_energy": 5.0}, px={"pixel_size": 9.0}, ev={"width": 5.0})
    (folder / "broken.gdls.zarr.zip").write_bytes(b"PK\x03\x04 no more")
    (folder / "empty.bcf").touch()
    with pytest.raises(FieldsError) as raised:
        checked(folder)
    text = str(raised.value)
    assert len(raised.value.problems) == 5
    assert all(name in text for name in ("broken.gdls.zarr.zip", "empty.bcf", "(kv)", "(px)", "(ev)"))


def test_many_files_with_one_fault_are_one_line(make: Make, tmp_path: Path) -> None:
    folder = make(F1={})
    for i in range(30):
        (folder / f"E{i}.bcf").touch()
    with pytest.raises(
        FieldsError, match=r"30 of 31 fields: each is an empty file: .*E0\.bcf, .* and 25 more"
    ) as raised:
        checked(folder)
    assert len(raised.value.problems) == 1
    assert len(checked(folder, leave_out=True).left_out_in_words()) == 21
    for each in folder.glob("F*"):
        each.unlink()
    with pytest.raises(FieldsError):
        checked(folder, leave_out=True)


def test_fields_on_other_axes_are_converted_where_asked(make: Make) -> None:
    folder = make(F1={}, fine={"width": 5.0, "size": 1800}, F2={})
    found = checked(folder, convert=True)
    assert [each.name for each in found.inputs] == ["F1", "F2", "fine"]
    assert found.energy == EnergyAxis(10.0, 10.0, 899)
    assert len(found.notes) == 1
    assert "1 of 3 fields has 1,800 channels of 5 eV" in found.notes[0]


def test_a_calibration_for_all_makes_them_alike(make: Make) -> None:
    folder = make(F1={"beam_energy": None}, F2={"beam_energy": 15.0})
    assert {header.beam_energy for header in checked(folder, reading={"beam_energy": 12.0}).headers.values()} == {12.0}


def test_what_no_field_says_is_noted(make: Make) -> None:
    notes = checked(make(F1={"beam_energy": None, "pixel_size": None})).notes
    assert len(notes) == 2
    assert "areas are in pixels" in notes[0]


def test_the_look_at_headers_can_be_cancelled(make: Make) -> None:
    def stop(stage: str, fraction: float, /) -> None:
        assert stage == "headers"
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        checked_fields(field_inputs(make(F1={}, F2={})), progress=stop)
    assert threading.active_count() < 20


def test_the_common_axis_lies_within_all() -> None:
    axes = [EnergyAxis(0.0, 10.0, 2000), EnergyAxis(-478.0, 5.0, 4096), EnergyAxis(0.0, 20.0, 900)]
    for order in (axes, axes[::-1]):
        found = common_axis(order)
        assert found.width == 20.0
        assert found.edges[0] >= max(axis.edges[0] for axis in axes)
        assert found.edges[-1] <= min(axis.edges[-1] for axis in axes)
    assert common_axis(axes[:1]) == axes[0]


def result_of(folder: Path, name: str, field: Field) -> Path:
    path = folder / f"{name}.gdls.zarr.zip"
    write_field(path, field, overwrite=True)
    (folder / "fields").mkdir(exist_ok=True)
    segment_field(FieldTask(name, str(path), str(folder), Recipe().to_json(), {}))
    (found,) = (folder / "fields").glob(f"{name}.*")
    return found


def test_sums_of_fields_on_other_axes_are_of_the_same_phases(tmp_path: Path) -> None:
    """Half of the fields on channels of half the width: the phases are the same two, and no count is lost."""
    fields = {"A": small(shape=(24, 24)), "B": small(shape=(24, 24), width=5.0, size=2000, seed=1)}
    results = {name: result_of(tmp_path, name, field) for name, field in fields.items()}
    found = section_phases(results, Recipe())
    assert found.n_phases == 2
    assert found.energy == EnergyAxis(10.0, 10.0, 999)
    for (_, (line, _)), spectrum in zip(PEAKS, found.spectra, strict=True):
        near = found.energy.window(line - 30, line + 30)
        other = found.energy.window(2500.0, 6000.0)
        assert spectrum[near].sum() > 10 * spectrum[other].sum()
    sums = [read_field_result(path, images=False) for path in results.values()]
    inside = sum(float(each.parts.spectra[:, each.energy.window(1000.0, 9000.0)].sum()) for each in sums)
    assert found.spectra[:, found.energy.window(1000.0, 9000.0)].sum() == pytest.approx(inside, rel=1e-3)
    assert len(named_phases(found, section_fields(found, results), SectionChoices()).names) == 2


# What a task takes


def header(**values: Any) -> FieldHeader:
    """Of a field of 1,000 x 1,000 px and 30,000 spectra."""
    known = FieldHeader(
        "F", "TIMA", (1000, 1000), 30_000, "uint16", EnergyAxis(0.0, 10.0, 3000), 3.0, 20.0, None, 10**7, 2 * 10**6,
        180 * 10**6, 400 * 10**6,
    )  # fmt: skip
    return dataclasses.replace(known, **values)


GIB = 2**30


def test_workers_are_as_many_as_there_is_room_for() -> None:
    headers = {f"F{i}": header() for i in range(10)}
    needed = memory_of_task(header(), Recipe())
    assert PROGRAM_BYTES + 400 * 10**6 < needed < 2 * GIB
    assert choose_workers(headers, Recipe(), cores=8, memory=64 * GIB).workers == 8
    assert choose_workers(headers, Recipe(), cores=64, memory=64 * GIB).workers == 10
    few = choose_workers(headers, Recipe(), cores=8, memory=int(3.5 * needed))
    assert few.workers == 3
    assert few.memory_limit >= needed
    assert choose_workers(headers, Recipe(), workers=2, cores=8, memory=64 * GIB).workers == 2


def test_a_field_that_does_not_fit_is_named_with_what_would_do() -> None:
    large = header(n_measurements=4_000_000, shape=(2000, 2000))
    headers = {"F1": header(), "large": large, "F2": header()}
    with pytest.raises(
        GdlsError, match=r"a field does not fit into the 4\.0 GiB of a worker: large \(5\.\d GiB\)\. Crop"
    ):
        choose_workers(headers, Recipe(), cores=4, memory=4 * GIB)
    with pytest.raises(GdlsError, match=r"4\.0 GiB of a worker: large .* There is room for 3 such .* `workers=3`"):
        choose_workers(headers, Recipe(), workers=4, memory=16 * GIB)
    assert choose_workers(headers, Recipe(), memory=12 * GIB, cores=8).workers == 2
    with pytest.raises(GdlsError, match=r"Start the workers with 5\.\d GiB or more each"):
        require_room_in(headers, Recipe(), 2 * GIB)
    require_room_in(headers, Recipe(), None)
    require_room_in(headers, Recipe(), 8 * GIB)


def test_taking_out_drift_takes_more() -> None:
    assert memory_of_task(header(), Recipe(drift="correct")) > memory_of_task(header(), Recipe()) + 10**9


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system does not tell the peak of memory")
@pytest.mark.slow
def test_the_peak_of_a_worker_is_below_what_was_said(tmp_path: Path) -> None:
    import subprocess
    import sys

    field = small(shape=(256, 256))
    write_field(tmp_path / "x.gdls.zarr.zip", field)
    (tmp_path / "fields").mkdir()
    program = (
        "import distributed, sys\n"
        "from napari_gdls.batch.tasks import FieldTask, segment_field\n"
        "from napari_gdls.recipe import Recipe\n"
        "path, folder = sys.argv[1:]\n"
        "print(segment_field(FieldTask('x', path, folder, Recipe().to_json(), {})).peak)\n"
    )
    said = memory_of_task(field_header(tmp_path / "x.gdls.zarr.zip"), Recipe())
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x.gdls.zarr.zip"), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    peak = int(done.stdout.split()[-1])
    assert peak <= said <= 2 * peak


# Where results go


@pytest.fixture
def plan(make: Make) -> BatchPlan:
    return BatchPlan(field_inputs(make(F1={}, F2={}, F3={})))


def refused(folder: Path, plan: BatchPlan, said: str, **options: Any) -> None:
    before = sorted(folder.rglob("*")) if folder.is_dir() else None
    with pytest.raises(OutputError, match=said):
        require_target(Layout(folder), plan, {"F1": header()}, **options)
    if before is not None:
        assert sorted(folder.rglob("*")) == before


def test_a_new_folder_and_one_of_the_same_batch_are_taken(plan: BatchPlan, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "deep" / "out")
    require_target(layout, plan, {})
    assert list(layout.folder.iterdir()) == []
    for made in (layout.journal, layout.folder / "drivers"):
        made.mkdir()
    require_target(layout, plan, {})  # another share of it has begun
    write_plan(layout, plan)
    require_target(layout, plan, {})


def test_results_do_not_go_among_fields(plan: BatchPlan, tmp_path: Path) -> None:
    refused(tmp_path / "fields", plan, "holds the field .*F1.gdls.zarr.zip, and results do not go among fields")
    refused(tmp_path, plan, "results do not go among fields")
    folder = tmp_path / "tima"
    folder.mkdir()
    refused(folder / "out", BatchPlan((FieldInput("1", folder),)), "the results would go into the field")
    assert not (folder / "out").exists()


def test_a_folder_of_other_things_is_left_alone(plan: BatchPlan, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").touch()
    refused(tmp_path / "thesis", plan, r"holds other files \(chapter1.tex\), and no batch")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", plan, "is a file, and a batch needs a folder")
    refused(tmp_path / "file" / "out", plan, "no folder can be made")


def test_another_batch_is_not_overwritten_unasked(plan: BatchPlan, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "out")
    layout.folder.mkdir()
    write_plan(layout, plan)
    recipe = dataclasses.replace(plan, recipe=Recipe(tau_z=0.7))
    fewer = dataclasses.replace(plan, inputs=plan.inputs[1:])
    renamed = dataclasses.replace(plan, inputs=(dataclasses.replace(plan.inputs[0], name="new"), *plan.inputs[1:]))
    moved = dataclasses.replace(
        plan, inputs=(dataclasses.replace(plan.inputs[0], path=Path("/elsewhere")), *plan.inputs[1:])
    )
    reading = dataclasses.replace(plan, reading={"bse": "counts"})
    for other, said in (
        (recipe, r"its recipe differs \(tau_z was None, is 0\.7\)"),
        (fewer, r"1 field is missing \(F1\)"),
        (renamed, r"1 field is new \(new\); 1 field is missing \(F1\)"),
        (moved, r"1 field is in other files \(F1\)"),
        (reading, r"its reading differs \(bse was None, is counts\)"),
    ):
        refused(layout.folder, other, f"holds another batch: {said}")
        require_target(layout, other, {}, overwrite=True)
    require_target(layout, dataclasses.replace(plan, reading={"memory_limit": 10**9}), {})
    layout.plan.write_text("{")
    with pytest.raises(GdlsError, match="is no plan of a batch, or damaged"):
        require_target(layout, plan, {})
    require_target(layout, plan, {}, overwrite=True)


def test_a_full_disk_is_seen_before(plan: BatchPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**6))
    refused(tmp_path / "out", plan, r"the results of 1 fields would take about .* and 976\.6 KiB are free there")
    assert result_bytes(header()) > result_bytes(header(), mosaic=False) > 10**6


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(plan: BatchPlan, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir(mode=0o500)
    refused(folder, plan, "cannot be written to")


def test_rows_and_columns_of_a_table_put_fields_side_by_side(tmp_path: Path) -> None:
    results = {}
    for name in ("A", "B"):
        results[name] = result_of(tmp_path, name, small(shape=(12, 20)))
    inputs = tuple(FieldInput(name, results[name], cell=(2, column)) for column, name in enumerate(results, 5))
    places = placed_fields(inputs, results, SectionChoices(positions="table"))
    assert places is not None
    assert np.array_equal(places.origins[1] - places.origins[0], [0, 20])
