"""Positions of fields: where they come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_results import made_phases, made_result, written

from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.positions import placed_fields
from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.errors import GdlsError, RecipeError

SIDE = 20


def fields(folder: Path, names, positions=None, **given):
    labels = np.ones((SIDE, SIDE), dtype=np.int32)
    results = written(folder, *(made_result(name, labels, [0], 1, **given) for name in names))
    positions = positions or [None] * len(names)
    inputs = [FieldInput(name, folder / name, place) for name, place in zip(names, positions, strict=True)]
    return inputs, results


def choices(**given) -> SectionChoices:
    return SectionChoices(**{"bse_levels": "none", **given})


def test_positions_in_a_table_are_those_of_centres_in_um(tmp_path):
    # 2 um a pixel: 40 um are a field.
    inputs, results = fields(tmp_path, ["a", "b", "c"], [(0.0, 0.0), (0.0, 40.0), (40.0, 0.0)])
    places = placed_fields(inputs, results, choices())
    assert places.source == "table"
    np.testing.assert_array_equal(places.origins, [[0, 0], [0, SIDE], [SIDE, 0]])
    assert places.shape == (2 * SIDE, 2 * SIDE)


@pytest.mark.parametrize(
    ("flip", "origins"), [("x", [[0, SIDE], [0, 0]]), ("y", [[0, 0], [0, SIDE]]), ("xy", [[0, SIDE], [0, 0]])]
)
def test_axes_that_run_against_the_image_are_flipped(tmp_path, flip, origins):
    inputs, results = fields(tmp_path, ["a", "b"], [(0.0, 0.0), (0.0, 40.0)])
    np.testing.assert_array_equal(placed_fields(inputs, results, choices(flip=flip)).origins, origins)


def test_steps_of_nearly_a_field_leave_no_gap(tmp_path):
    inputs, results = fields(tmp_path, ["a", "b", "c"], [(0.0, 0.0), (0.0, 40.06), (0.0, 80.12)])
    np.testing.assert_array_equal(placed_fields(inputs, results, choices()).origins[:, 1], [0, SIDE, 2 * SIDE])


def test_the_list_of_tima_has_x_falling_to_the_right(tmp_path):
    (tmp_path / "fields.xml").write_text(
        '<ExportedMeasurementFields xmlns="http://www.tescan.cz/tima/1_4"><FieldDir>fields</FieldDir><Fields>'
        '<Field name="D10" x="500" y="-6500"/><Field name="D11" x="460" y="-6500"/><Field name="E10" x="500" '
        'y="-6460"/></Fields></ExportedMeasurementFields>'
    )
    (tmp_path / "fields").mkdir()
    inputs, results = fields(tmp_path / "fields", ["D10", "D11", "E10"])
    places = placed_fields(inputs, results, choices())
    assert places.source == "fields.xml"
    np.testing.assert_array_equal(places.origins, [[0, 0], [0, SIDE], [SIDE, 0]])


def test_the_stage_gives_positions_with_y_upwards(tmp_path):
    labels = np.ones((SIDE, SIDE), dtype=np.int32)
    stages = {"a": (1000.0, 500.0), "b": (1040.0, 500.0), "c": (1000.0, 460.0)}
    results = written(
        tmp_path, *(made_result(name, labels, [0], 1, stage_position=place) for name, place in stages.items())
    )
    inputs = [FieldInput(name, tmp_path / name) for name in stages]
    places = placed_fields(inputs, results, choices(positions="stage"))
    np.testing.assert_array_equal(places.origins, [[0, 0], [0, SIDE], [SIDE, 0]])


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["A1", "A2", "B1"], None),
        (["s_1_1", "s_1_2", "s_2_1"], "{row}_{column}"),
        (["x1y1", "x2y1", "x1y2"], r"x(?P<column>\d)y(?P<row>\d)"),
    ],
)
def test_names_tell_row_and_column(tmp_path, names, pattern):
    inputs, results = fields(tmp_path, names)
    places = placed_fields(inputs, results, choices(pattern=pattern))
    assert places.source == "names"
    np.testing.assert_array_equal(places.origins, [[0, 0], [0, SIDE], [SIDE, 0]])


def test_fields_without_a_result_leave_their_place_empty(tmp_path):
    inputs, results = fields(tmp_path, ["A1", "A2", "A3"])
    del results["A2"]
    places = placed_fields(inputs, results, choices(positions="names"))
    np.testing.assert_array_equal(places.origins[:, 1], [0, 2 * SIDE])


def test_without_positions_there_is_no_mosaic(tmp_path):
    inputs, results = fields(tmp_path, ["first", "second"])
    assert placed_fields(inputs, results, choices()) is None
    assert placed_fields(inputs, results, choices(positions="none")) is None
    with pytest.raises(GdlsError, match=r"table of paths"):
        placed_fields(inputs, results, choices(positions="table"))


def test_what_cannot_be_is_refused_by_name(tmp_path):
    inputs, results = fields(tmp_path, ["a", "b", "c"], [(0.0, 0.0), (0.0, 40.0), (0.0, 40.0)])
    with pytest.raises(GdlsError, match="'b' and 'c' lie at one place"):
        placed_fields(inputs, results, choices())
    inputs = [FieldInput(each.name, each.path, place) for each, place in
              zip(inputs, [(0.0, 0.0), (0.0, 40.0), (9e6, 0.0)], strict=True)]  # fmt: skip
    with pytest.raises(GdlsError, match="'c' lies furthest"):
        placed_fields(inputs, results, choices())


@pytest.mark.parametrize("names", [["F1", "F2", "F3"], ["IMG001", "IMG002"], ["s_A1", "s_B2"], ["A1", "B1"]])
def test_numbers_of_anything_are_no_positions(tmp_path, names):
    inputs, results = fields(tmp_path, names)
    assert placed_fields(inputs, results, choices()) is None


def test_positions_of_some_fields_alone_are_refused(tmp_path):
    inputs, results = fields(tmp_path, ["a", "b"], [(0.0, 0.0), None])
    with pytest.raises(GdlsError, match="no position of 'b'"):
        placed_fields(inputs, results, choices())


@pytest.mark.parametrize("step", [39.98, 40.03, 40.06])
def test_a_long_row_of_nearly_a_field_has_no_gap(tmp_path, step):
    n = 40
    inputs, results = fields(tmp_path, [f"f{k}" for k in range(n)], [(0.0, step * k) for k in range(n)])
    np.testing.assert_array_equal(placed_fields(inputs, results, choices()).origins[:, 1], SIDE * np.arange(n))


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{row}_{column}", "does not fit 'first'"),
        ("(?P<row>(", "no pattern"),
        (r"(?P<row>\d)", "names no row and no column"),
    ],
)
def test_patterns_that_do_not_serve_are_refused(tmp_path, pattern, words):
    inputs, results = fields(tmp_path, ["first", "second"])
    with pytest.raises(GdlsError, match=words):
        placed_fields(inputs, results, choices(pattern=pattern))


def test_unknown_choices_are_refused():
    with pytest.raises(RecipeError, match="choose one of"):
        SectionChoices(positions="gps")
    with pytest.raises(RecipeError, match="choose one of"):
        SectionChoices(flip="z")


def test_levels_are_matched_by_phases_where_nothing_overlaps(tmp_path):
    labels = np.array([[1, 2, 3]] * 3, dtype=np.int32)
    section = made_phases(3, {"A1": [0, 1, 2], "A2": [0, 1, 2]})
    import dataclasses

    plain = made_result("A1", labels, [0, 1, 2], 3)
    darker = dataclasses.replace(plain.parts.pool, bse=0.5 * plain.parts.pool.bse + 0.1)
    other = dataclasses.replace(plain, name="A2", parts=dataclasses.replace(plain.parts, pool=darker))
    results = written(tmp_path, plain, other)
    inputs = [FieldInput("A1", tmp_path / "A1"), FieldInput("A2", tmp_path / "A2")]
    places = placed_fields(inputs, results, choices(bse_levels="phases", positions="names"), section)
    np.testing.assert_allclose(places.bse_gain, [1, 2], rtol=0.05)
    np.testing.assert_allclose(places.bse_offset, [0, -0.2 * 255], atol=2.5)
