"""Tables, spectra and report of a section: a small batch of simulated fields, one of them set aside."""

from __future__ import annotations

import csv
import re
import shutil
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from napari_gdls import Field, Recipe, segment, simulate_field
from napari_gdls.batch import section_report
from napari_gdls.batch.field_results import field_result, read_field_result, write_field_result
from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.journal import JournalWriter
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.phase_list import section_phases
from napari_gdls.batch.places import SectionPlaces, places_of
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.batch.section_fields import section_fields
from napari_gdls.batch.section_names import named_phases
from napari_gdls.batch.section_overview import LONGEST_SIDE, section_overview
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.batch.section_report import warnings_of, write_section_report
from napari_gdls.batch.section_summary import SectionSummary, blocks_of, summarized_section
from napari_gdls.batch.section_tables import write_section_tables
from napari_gdls.errors import GdlsError
from napari_gdls.io import read_spectrum
from napari_gdls.mineralogy import identify
from napari_gdls.segmentation import Segmentation

SIDE, COLUMNS, ROWS = 40, 3, 2
"""Pixels of a field, and fields of the section."""

LIBRARY = ("quartz", "orthoclase", "labradorite", "hornblende", "biotite", "muscovite", "ilmenite", "calcite")
"""What phases may be: a short list, so that naming them takes no time."""

BAD = "bad <b>&field"
"""A name that has a meaning in HTML."""


@dataclass
class Made:
    layout: Layout
    plan: BatchPlan
    results: dict[str, Path]
    places: SectionPlaces
    section: SectionSummary
    fields: list[Segmentation]


def tiles() -> list[Field]:
    whole = simulate_field((ROWS * SIDE, COLUMNS * SIDE), seed=4, counts=1000, pixel_size=2.0)
    made = []
    for i in range(ROWS):
        for j in range(COLUMNS):
            low = np.array([i * SIDE, j * SIDE])
            inside = ((whole.locations >= low) & (whole.locations < low + SIDE)).all(axis=1)
            box = (slice(low[0], low[0] + SIDE), slice(low[1], low[1] + SIDE))
            made.append(
                Field(
                    whole.bse[box],
                    whole.spectra[inside],
                    whole.locations[inside] - low,
                    whole.energy,
                    sampling_distance=whole.sampling_distance,
                    pixel_size=2.0,
                    beam_energy=whole.beam_energy,
                    bse_full_scale=whole.bse_full_scale,
                    name=f"F{i}{j}",
                )
            )
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    layout = Layout(tmp_path_factory.mktemp("batch") / "section 7 <i>")
    layout.fields.mkdir(parents=True)
    layout.section.mkdir()
    journal, results, inputs, segmented = JournalWriter(layout), {}, [], []
    for number, field in enumerate(tiles()):
        key, centre = f"{number:064x}", (np.array(divmod(number, COLUMNS)) + 0.5) * SIDE * 2.0
        segmented.append(segment(field))
        path = layout.field(field.name, key)
        write_field_result(path, field_result(segmented[-1], field.name, key))
        journal.write("done", field.name, key=key, seconds=1.5, peak=2**28, size=path.stat().st_size, sha256="")
        results[field.name] = path
        inputs.append(FieldInput(field.name, Path(f"/data/{field.name}.bcf"), (centre[0], centre[1])))
    for _ in range(3):
        journal.write("failed", BAD, key="0", error="the file is <cut> off")
    journal.write("set aside", BAD, key="0", error="the file is <cut> off")
    plan = BatchPlan((*inputs, FieldInput(BAD, Path("/data/bad.bcf"))), Recipe(), {}, SectionChoices(library=LIBRARY))
    corners = np.array([divmod(k, COLUMNS) for k in range(ROWS * COLUMNS)], dtype=float) * SIDE
    shapes = np.full((len(results), 2), SIDE)
    places = places_of(tuple(results), corners, shapes, pixel_size=2.0, source="table")
    phases = section_phases(results, plan.recipe)
    fields = section_fields(phases, results)
    names = named_phases(phases, fields, plan.section)
    section = summarized_section(layout, phases, names, fields, places)
    return Made(layout, plan, results, places, section, segmented)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_of_phases_sums_up_all_fields(made: Made) -> None:
    files = write_section_tables(made.layout, made.plan, made.section)
    rows = rows_of(files["phases"])
    assert [row["phase"] for row in rows] == [str(k + 1) for k in range(made.section.phases.n_phases)]
    assert sum(float(row["area [%]"]) for row in rows) == pytest.approx(100)
    assert sum(float(row["measurements"]) for row in rows) == pytest.approx(
        sum(each.field.n_measurements for each in made.fields)
    )
    assert sum(int(row["segments"]) for row in rows) == sum(len(each.phases) for each in made.fields)
    total = sum(int(each.field.total_counts.sum()) for each in made.fields)
    assert sum(int(row["counts"]) for row in rows) == pytest.approx(total, abs=len(rows))
    assert all(re.fullmatch("#[0-9a-f]{6}", row["colour"]) for row in rows)
    assert [row["name"] for row in rows] == [name.name for name in made.section.names.names]
    assert [row["formula"] for row in rows_of(files["minerals"])] == [n.formula for n in made.section.names.names]


def test_what_fields_are_made_of_gives_back_the_section(made: Made) -> None:
    files = write_section_tables(made.layout, made.plan, made.section)
    rows = rows_of(files["composition of fields"])
    shares = [heading for heading in rows[0] if heading.endswith("[%]")]
    assert len(shares) == made.section.phases.n_phases
    weight = np.array([float(row["measurements"]) for row in rows])
    percent = np.array([[float(row[heading]) for heading in shares] for row in rows])
    np.testing.assert_allclose(percent.sum(axis=1), 100)
    np.testing.assert_allclose(weight @ percent / weight.sum(), made.section.composition.percent)
    assert [(float(row["y [um]"]), float(row["x [um]"])) for row in rows[:2]] == [(40.0, 40.0), (40.0, 120.0)]


def test_every_field_has_a_row_also_one_that_is_set_aside(made: Made) -> None:
    files = write_section_tables(made.layout, made.plan, made.section)
    rows = rows_of(files["fields"])
    assert [row["field"] for row in rows] == [each.name for each in made.plan.inputs]
    assert [row["state"] for row in rows] == ["done"] * 6 + ["set aside"]
    assert (rows[0]["seconds"], rows[0]["peak memory [MiB]"]) == ("1.5", "256.0")
    assert rows[-1]["measurements"] == ""
    for row in rows[:-1]:
        assert float(row["count level"]) == pytest.approx(1, abs=0.02)
        assert float(row["BSE level"]) == pytest.approx(1, abs=0.02)
        assert abs(float(row["energy offset [eV]"]) + 60 * float(row["energy gain [%]"])) < 3
    (aside,) = rows_of(files["set aside"])
    assert (aside["field"], aside["tries"], aside["error"]) == (BAD, "3", "the file is <cut> off")


def test_spectra_of_the_phases_read_back(made: Made) -> None:
    folder = write_section_tables(made.layout, made.plan, made.section)["spectra of the phases"]
    paths = sorted(folder.iterdir())
    assert len(paths) == made.section.phases.n_phases
    for path, spectrum in zip(paths, made.section.phases.spectra, strict=True):
        np.testing.assert_array_equal(read_spectrum(path).counts, spectrum)


def test_files_written_twice_are_equal(made: Made) -> None:
    def written() -> dict[str, bytes]:
        write_section_tables(made.layout, made.plan, made.section)
        write_section_report(made.layout, made.plan, made.section, made.results)
        inside = sorted(path for path in made.layout.section.rglob("*") if path.is_file())
        return {path.name: path.read_bytes() for path in inside}

    first = written()
    shutil.rmtree(made.layout.section)
    made.layout.section.mkdir()
    assert written() == first
    assert "report.html" in first


class Page(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.mark.parametrize("with_places", [True, False])
def test_the_report_holds_all_of_it_and_needs_nothing_else(made: Made, with_places: bool) -> None:
    section = made.section if with_places else replace(made.section, places=None)
    page = Page(write_section_report(made.layout, made.plan, section, made.results).read_text(encoding="utf-8"))
    assert not {tag for tag, _ in page.tags} & {"b>", "i", "script", "link", "iframe"}  # names are not taken for tags
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            if name in attributes:
                assert (tag, str(attributes[name])[:11]) == ("img", "data:image/")
    texts = " ".join(page.texts)
    for text in ("section 7 <i>", BAD, "the file is <cut> off", *section.names.titles):
        assert text in texts
    assert sum(tag == "img" for tag, _ in page.tags) >= 4
    assert ("The positions of the fields are not known" in texts) == (not with_places)


def test_the_map_shows_every_pixel_in_the_colour_of_its_phase(made: Made) -> None:
    colours = np.random.default_rng(0).random(made.section.names.colours.shape)
    overview = section_overview(made.section.phases, made.results, colours, made.places)
    assert overview.shape == (ROWS * SIDE, COLUMNS * SIDE, 3)
    found = read_field_result(made.results["F12"])
    assert found.labels is not None
    phase = made.section.phases.of_parts["F12"][found.part_of_segment][found.labels - 1]
    np.testing.assert_array_equal(overview[SIDE:, 2 * SIDE :], np.round(255 * colours[phase]))


def test_a_large_map_shows_pixels_at_regular_steps(made: Made) -> None:
    far = replace(made.places, origins=made.places.origins * 71 + [0, 5], shape=(71 * SIDE + SIDE, 144 * SIDE))
    colours = np.random.default_rng(0).random(made.section.names.colours.shape)
    overview = section_overview(made.section.phases, made.results, colours, far)
    step = -(-max(far.shape) // LONGEST_SIDE)
    assert max(overview.shape) <= LONGEST_SIDE
    for name, (top, left) in zip(far.names, far.origins, strict=True):
        found = read_field_result(made.results[name])
        assert found.labels is not None
        phase = made.section.phases.of_parts[name][found.part_of_segment][found.labels - 1]
        for y in range(-(-top // step), -(-(top + SIDE) // step)):
            for x in range(-(-left // step), -(-(left + SIDE) // step)):
                np.testing.assert_array_equal(
                    overview[y, x], np.round(255 * colours[phase[step * y - top, step * x - left]])
                )


def test_warnings_name_the_fields_that_are_otherwise(made: Made) -> None:
    level, offset = made.section.fields.count_level.copy(), made.section.fields.offset.copy()
    level[1], offset[4] = 0.7, 12.0
    odd = replace(made.section, fields=replace(made.section.fields, count_level=level, offset=offset))
    lines = warnings_of(made.plan, odd)
    assert any(line.startswith("Counts") and line.endswith(": F01.") for line in lines)
    assert any(line.startswith("X-ray lines") and line.endswith(": F11.") for line in lines)
    assert any(BAD in line for line in lines)
    assert not any("Counts" in line for line in warnings_of(made.plan, made.section))


def test_without_its_packages_a_report_says_how_to_get_them(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section_report, "find_spec", lambda name: None if name == "jinja2" else object())
    with pytest.raises(GdlsError, match=r"jinja2 not installed; pip install 'napari-gdls\[report\]'"):
        write_section_report(made.layout, made.plan, made.section, made.results)


def test_a_section_of_one_field_is_named_as_the_field(made: Made) -> None:
    segmentation = made.fields[0]
    found = read_field_result(made.results["F00"])
    parts = found.parts
    alone = SectionPhases(
        parts.pool, parts.spectra, found.energy, parts.inside, parts.intergrown, parts.borders, parts.points,
        {"F00": np.arange(len(parts))},
    )  # fmt: skip
    fields = section_fields(alone, {"F00": made.results["F00"]})
    named = named_phases(alone, fields, made.plan.section)
    assert named.names == identify(segmentation, library=LIBRARY).names
    np.testing.assert_allclose(100 * fields.points[0] / fields.points.sum(), segmentation.modal.percent)


def test_phases_without_names_are_called_by_number(made: Made) -> None:
    named = named_phases(made.section.phases, made.section.fields, SectionChoices(names=False))
    assert named.titles[0] == "phase 1"
    section = replace(made.section, names=named)
    files = write_section_tables(made.layout, made.plan, section)
    assert "minerals" not in files
    assert "name" not in rows_of(files["phases"])[0]


def test_fields_belong_to_blocks_where_there_are_enough() -> None:
    corners = np.array([(i, j) for i in range(10) for j in range(10)], dtype=float) * 50
    names = tuple(f"{k}" for k in range(100))
    blocks = blocks_of(names, places_of(names, corners, np.full((100, 2), 50)))
    assert blocks is not None
    assert (np.bincount(blocks) == 4).all()
    assert blocks[0] == blocks[1] == blocks[10] == blocks[11] != blocks[2]
    few = places_of(names[:9], corners[:9], np.full((9, 2), 50))
    assert blocks_of(names[:9], few) is None
    assert blocks_of(names, None) is None
