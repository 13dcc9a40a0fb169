"""Which fields files, folders, patterns and tables stand for, and what they are called."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.batch.field_names import LONGEST, names_of, natural_key, safe_name
from napari_gdls.batch.inputs import FieldInput, field_inputs, found_inputs
from napari_gdls.errors import FieldReadError

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes files below the folder of the test, by their paths; returns the folder."""

    def made(*places: str) -> Path:
        for place in places:
            path = tmp_path / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return made


def names(*given: object) -> list[str]:
    return [each.name for each in field_inputs(*given)]  # type: ignore[arg-type]


def table(folder: Path, text: str, *, encoding: str = "utf-8", name: str = "fields.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_folders_are_searched_at_any_depth_and_other_files_are_counted(make: Make) -> None:
    folder = make("a/F2.bcf", "a/F10.bcf", "b/c/F1.rpl", "b/c/F1.raw", "notes.txt", ".hidden/F3.bcf", "a/.F4.bcf")
    found = found_inputs(folder)
    assert [each.name for each in found.fields] == ["F1", "F2", "F10"]
    assert found.skipped == 2
    assert all(each.path.is_absolute() and each.path.is_file() for each in found.fields)


def test_a_measurement_of_tima_is_its_fields(make: Make) -> None:
    fields = [f"m/fields/{i}/{name}" for i in (1, 2, 11) for name in ("bse.png", "xray.map", "pixelmask.png")]
    folder = make(*fields, "m/configuration/profile.xml", "m/fields.xml")
    found = found_inputs(folder / "m")
    assert [each.name for each in found.fields] == ["1", "2", "11"]
    assert [each.path.name for each in found.fields] == ["1", "2", "11"]
    assert found.skipped == 2
    one = folder / "m/fields/1"
    assert field_inputs(one) == field_inputs(one / "xray.map") == (FieldInput("1", one),)
    assert names(str(folder / "m/fields/*")) == ["1", "2", "11"]


def test_patterns_are_looked_up_here(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make("a/F2.bcf", "a/F10.bcf", "a/x.txt", "b/F1.bcf", "c [1]/F7.bcf")
    assert names(str(folder / "a/*")) == ["F2", "F10"]
    assert names(str(folder / "**/*.bcf")) == ["F1", "F2", "F7", "F10"]
    assert names(str(folder / "**")) == ["F1", "F2", "F7", "F10"]
    assert names(folder / "c [1]/F7.bcf") == ["F7"]
    monkeypatch.chdir(folder)
    assert names("a/F?.bcf") == ["F2"]


def test_the_order_is_that_of_the_names_however_fields_are_given(make: Make) -> None:
    folder = make(*(f"F{i}.bcf" for i in (1, 2, 3, 10, 20)))
    files = [folder / f"F{i}.bcf" for i in (20, 1, 10, 3, 2)]
    assert field_inputs(*files) == field_inputs(folder) == field_inputs(str(folder / "*.bcf"))


def test_names_take_as_much_of_the_path_as_tells_them_apart(make: Make) -> None:
    folder = make("A/fields/1.bcf", "A/fields/2.bcf", "B/fields/1.bcf")
    assert names(folder) == ["A_1", "A_2", "B_1"]
    assert names(folder / "A") == ["1", "2"]


def test_files_that_lead_to_others_stand_for_them(make: Make) -> None:
    folder = make("x.emi", "x_1.ser", "x_2.ser", "y_1.ser", "p.asw", "Sample/p.pts")
    assert names(folder) == ["p", "x", "y_1"]


def test_results_of_a_batch_are_no_fields(make: Make) -> None:
    folder = make("a.bcf", "out/batch.json", "out/fields/a.0123.gdls-field", "out/copy.bcf", "x.ome.zarr/c/0.h5")
    assert names(folder) == ["a"]
    with pytest.raises(FieldReadError, match="is the folder of a batch"):
        field_inputs(folder / "out")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("nothing", "does not exist"),
        ("empty", r"is a folder without a field; 1 other files are in it\. Fields are files that end in .*\.bcf"),
        ("*.emd", "is a pattern without a field: nothing matches it"),
        ("empty/*", "1 files and folders match, none of them a field"),
        ("", "no valid file name"),
    ],
)
def test_what_gives_no_field_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch, given: str, problem: str) -> None:
    monkeypatch.chdir(make("empty/readme.txt"))
    with pytest.raises(FieldReadError, match=problem):
        field_inputs(given)


def test_a_field_that_is_given_twice_is_refused(make: Make) -> None:
    folder = make("A/1.bcf", "B/bse.png", "B/xray.map")
    (folder / "link.bcf").symlink_to(folder / "A/1.bcf")
    for again in (folder, folder / "A/1.bcf", str(folder / "A/*"), folder / "link.bcf"):
        with pytest.raises(FieldReadError, match="is given twice"):
            field_inputs(folder / "A", again)
    with pytest.raises(FieldReadError, match="is given twice"):
        field_inputs(folder / "B", folder / "B/xray.map")


def test_one_field_in_two_formats_is_refused(make: Make) -> None:
    with pytest.raises(FieldReadError, match=r"F1\.\w+: differs from F1\.\w+ in its ending alone"):
        field_inputs(make("F1.bcf", "F1.hspy"))


def test_links_that_lead_in_circles_end(make: Make) -> None:
    folder = make("a/F1.bcf")
    (folder / "a/again").symlink_to(folder, target_is_directory=True)
    assert names(folder) == ["F1"]


def test_ten_thousand_fields_take_no_time(tmp_path: Path) -> None:
    for i in range(10_000):
        (tmp_path / f"F{i}.bcf").touch()
    start = time.process_time()
    assert len(field_inputs(tmp_path)) == 10_000
    assert time.process_time() - start < 2.0


def test_a_table_gives_names_and_positions(make: Make) -> None:
    folder = make("data/F1.bcf", "data/F2.bcf", "F3.bcf")
    text = f"path,Name,X [mm],y [um]\ndata/F1.bcf,left,1.5,-20\ndata\\F2.bcf,,2.5,0\n\n{folder}/F3.bcf,top right,,\n"
    assert field_inputs(table(folder, text)) == (
        FieldInput("F2", folder / "data/F2.bcf", (0.0, 2500.0)),
        FieldInput("left", folder / "data/F1.bcf", (-20.0, 1500.0)),
        FieldInput("top right", folder / "F3.bcf"),
    )


def test_a_table_gives_places_in_a_grid(make: Make) -> None:
    folder = make("a.bcf", "b.bcf")
    found = field_inputs(table(folder, "row\tcolumn\tpath\n0\t-1\ta.bcf\n3\t12\tb.bcf\n", name="grid.tsv"))
    assert [each.cell for each in found] == [(0, -1), (3, 12)]


@given(
    separator=st.sampled_from(";,\t"),
    encoding=st.sampled_from(("utf-8", "utf-8-sig", "utf-16")),
    newline=st.sampled_from(("\n", "\r\n", "\r")),
    said=st.booleans(),
    quoted=st.booleans(),
    positions=st.lists(st.tuples(*2 * [st.floats(-1e5, 1e5).map(lambda x: round(x, 2))]), min_size=1, max_size=4),
    unit=st.sampled_from(("[um]", "(µm)", "_um", "[ μm ]", "[mm]")),
)
def test_tables_of_any_spreadsheet_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, separator: str, encoding: str, newline: str, said: bool, quoted: bool,
    positions: list[tuple[float, float]], unit: str,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("table")
    scale = 1000.0 if "mm" in unit else 1.0
    lines = [f"sep={separator}"] if said else []
    lines.append(separator.join(("path", f"x {unit}", f"Y {unit}")))
    for i, (x, y) in enumerate(positions):
        (folder / f"F{i}.bcf").touch()
        numbers = [f"{value / scale:.5f}" for value in (x, y)]
        numbers = numbers if separator == "," else [number.replace(".", ",") for number in numbers]
        lines.append(separator.join([f'"F{i}.bcf"' if quoted else f"F{i}.bcf", *numbers]))
    found = field_inputs(table(folder, newline.join([*lines, separator * 2, ""]), encoding=encoding))
    assert [each.name for each in found] == [f"F{i}" for i in range(len(positions))]
    for each, (x, y) in zip(found, positions, strict=True):
        assert each.position == pytest.approx((y, x), abs=0.01)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("file,x [um]\na.bcf,1\n", r"has no column path; its first line is 'file,x \[um\]' \(line 1\)"),
        ("path,x,y\na.bcf,1,2\n", r"gives no unit of its column 'x' \(line 1\). Name it x \[um\] or x \[mm\]"),
        ("path,X (inch),y [um]\na.bcf,1,2\n", r"has a column 'x \(inch\)' in an unknown unit \(line 1\)"),
        ("path,x [um]\na.bcf,1\n", "has a column of x, and none of y"),
        ("path,row\na.bcf,1\n", "has a column of row, and none of column"),
        ("path,x [um],y [um]\na.bcf,1,\n", r"its y \[um\] '' is no position on a stage \(line 2\)"),
        ("path,x [um],y [um]\na.bcf,1,far\n", r"its y \[um\] 'far' is no position"),
        ("path,x [mm],y [mm]\na.bcf,1,40000\n", r"is no position on a stage \(line 2\). Check the unit"),
        ("path;x [um];y [um]\na.bcf;1.234,5;3\n", "without marks of thousands"),
        ("path,row,column\na.bcf,1,1.5\n", r"its column '1.5' is no whole number \(line 2\)"),
        ("path\na.bcf\nb.bcf\nc.bcf\n", "names 2 files that do not exist: line 3: b.bcf; line 4: c.bcf"),
        ("path\n", "names no field"),
        ("path,path\na.bcf,a.bcf\n", "has two columns 'path'"),
        ("path,name\na.bcf,1\na2.bcf,1\n", r"gives the name '1' twice \(lines 2 and 3\)"),
        ("path\na.bcf\na.bcf\n", "is given twice, as fields.csv, line 2, and as fields.csv, line 3"),
        ("path,name\n,1\n", r"names no file \(line 2\)"),
        ("path\n.\n", "a folder that is no field"),
        ("path,name\na.bcf,1,2,3\n", r"has 4 cells where the first line has 2 \(line 2\)"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_line(make: Make, text: str, problem: str) -> None:
    with pytest.raises(FieldReadError, match=problem):
        field_inputs(table(make("a.bcf", "a2.bcf"), text))


def test_a_table_in_an_encoding_of_old_is_refused(make: Make) -> None:
    with pytest.raises(FieldReadError, match=r"is no text in UTF-8 \(line 2\)"):
        field_inputs(table(make("a.bcf"), "path\nKörner.bcf\n", encoding="cp1252"))


def test_a_table_of_points_is_a_field(make: Make) -> None:
    folder = make("F/bse.png", "F/s.msa")
    table(folder / "F", "row,column,spectrum\n0,0,s.msa\n", name="points.csv")
    assert field_inputs(folder / "F/points.csv") == (FieldInput("F", folder / "F"),)


@given(st.text(max_size=300))
def test_any_text_makes_a_name_of_a_file(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= LONGEST
    assert len(name.encode()) <= 2 * LONGEST
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
    assert name == name.strip(" .")
    assert name.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9", "COM¹"}
    assert safe_name(name) == name


def test_names_that_are_good_stay() -> None:
    for name in ("F1", "Probe 12 \u2013 1.5 kV", "Körner", "comet", "x" * LONGEST):
        assert safe_name(name) == name
    assert safe_name("nul") == "nul_"
    assert safe_name("a\udcffb") == "a_b"
    assert safe_name("x" * 100) != safe_name("x" * 101)


_PART = st.text("aAbB12_. \u00e4", max_size=4)


@given(st.lists(st.lists(_PART, min_size=1, max_size=4).map(tuple), unique=True, max_size=12))
def test_names_are_different_whatever_the_paths(parts: list[tuple[str, ...]]) -> None:
    found = names_of(parts)
    assert len({name.casefold() for name in found}) == len(parts)
    assert found == names_of(parts)


@given(st.lists(st.tuples(st.sampled_from("FG"), st.integers(0, 2000)), max_size=20))
def test_natural_order_is_that_of_the_numbers(named: list[tuple[str, int]]) -> None:
    by_key = sorted((f"{letter}{number}" for letter, number in named), key=natural_key)
    assert by_key == [f"{letter}{number}" for letter, number in sorted(named)]


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="the superuser may look anywhere")
def test_a_folder_that_may_not_be_looked_into_is_named(make: Make) -> None:
    folder = make("a/F1.bcf")
    (folder / "a").chmod(0)
    try:
        with pytest.raises(FieldReadError, match="cannot be looked into"):
            field_inputs(folder)
    finally:
        (folder / "a").chmod(0o755)
