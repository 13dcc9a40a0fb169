"""Folders of an image and points: read right, or refused with the file and the line that is wrong."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damage import mutations
from PIL import Image

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io import describe, file_choices, read_field, write_msa

HEIGHT, WIDTH, DEPTH = 20, 30, 200
AXIS = EnergyAxis(-20.0, 10.0, DEPTH)
PLACES = np.array([(2, 3), (2, 9), (8, 3), (8, 9), (19, 29)])
COUNTS = np.random.default_rng(0).poisson(2.0, (len(PLACES), DEPTH))
BSE = (np.arange(HEIGHT * WIDTH) * 97).astype(np.uint16).reshape(HEIGHT, WIDTH)
LINES = [f"{row},{column},s{index}.msa" for index, (row, column) in enumerate(PLACES)]


def spectra(folder: Path, **options: object) -> None:
    for index, counts in enumerate(COUNTS):
        settings = {"beam_energy": 15.0, "live_time": 2.0 + index} | options
        write_msa(folder / f"s{index}.msa", counts, AXIS, title=f"point {index}", **settings)


def folder_of(path: Path, table: str | bytes, **options: object) -> Path:
    path.mkdir(exist_ok=True)
    Image.fromarray(BSE).save(path / "bse.png")
    spectra(path, **options)
    (path / "points.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    return path


def table(*lines: str, header: str = "row,column,spectrum", end: str = "\n") -> str:
    return end.join([header, *lines]) + end


def require_right(field: Field) -> None:
    np.testing.assert_array_equal(field.bse, BSE)
    np.testing.assert_array_equal(field.locations, PLACES)
    spectra = field.spectra if isinstance(field.spectra, np.ndarray) else field.spectra.toarray()
    np.testing.assert_array_equal(spectra, COUNTS)
    assert field.energy == AXIS


SEMICOLONS = [line.replace(",", ";") for line in LINES]
TABLES = {
    "plain": table(*LINES),
    "lines of Windows": table(*LINES, end="\r\n"),
    "lines of old Macintoshes": table(*LINES, end="\r"),
    "byte order mark": b"\xef\xbb\xbf" + table(*LINES).encode(),
    "unicode text of Excel": table(*LINES).replace(",", "\t").encode("utf-16"),
    "semicolons": table(*SEMICOLONS, header="row;column;spectrum"),
    "semicolons, said by Excel": "sep=;\n" + table(*SEMICOLONS, header="row;column;spectrum"),
    "decimal commas": table(
        *[line.replace(";s", ",2;s") for line in SEMICOLONS], header="row;column;spectrum"
    ),
    "fractions": table(*[line.replace(",s", ".4,s") for line in LINES]),
    "other order, capitals, blanks, more columns": table(
        *[f"s{i}.msa, {column} ,x, {row} " for i, (row, column) in enumerate(PLACES)],
        header="Spectrum, COLUMN ,note, Row",
    ),
    "quotes and empty lines": table(
        "", *[f'"{row}","{column}","s{i}.msa"\n' for i, (row, column) in enumerate(PLACES)],
        header='"row","column","spectrum"',
    ),
    "any order": table(*LINES[::-1]),
}  # fmt: skip


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_tables_as_programs_write_them(tmp_path: Path, content: str | bytes) -> None:
    field = read_field(folder_of(tmp_path / "grain 7", content))
    require_right(field)
    assert (field.name, field.beam_energy, field.gain) == ("grain 7", 15.0, 1.0)
    assert not field.is_dense


def test_the_table_itself_can_be_opened_and_described(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "f", table(*LINES))
    require_right(read_field(path / "points.csv"))
    summary = describe(path)
    assert [image.title for image in summary.images] == ["bse.png"]
    assert (summary.format, summary.n_measurements, summary.shape) == ("Image and points", 5, (HEIGHT, WIDTH))


def test_live_times_are_kept_in_the_order_of_the_table(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "f", table(*LINES))
    np.testing.assert_array_equal(read_field(path).metadata["live_times"], [2, 3, 4, 5, 6])
    lines = [f"{line},{index / 2}" for index, line in enumerate(LINES)]
    folder_of(path, table(*lines, header="row,column,spectrum,live_time_s"))
    np.testing.assert_array_equal(read_field(path).metadata["live_times"], [0, 0.5, 1, 1.5, 2])


def test_spectra_in_a_folder_of_their_own(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "f", table(*[line.replace("s", "spectra/s", 1) for line in LINES]))
    (path / "spectra").mkdir()
    for file in path.glob("*.msa"):
        file.rename(path / "spectra" / file.name)
    require_right(read_field(path))
    content = (path / "points.csv").read_text().replace("/", "\\")
    (path / "points.csv").write_text(content)
    require_right(read_field(path))


WRONG_TABLES = {
    "no column": (table(*LINES, header="row,col,spectrum"), r"no column column; its first line .* \(line 1\)"),
    "a column twice": (table(*LINES, header="row,column,spectrum,row"), "two columns 'row'"),
    "no number": (table(*LINES[:2], "x,1,s2.msa"), r"its row 'x' is no number \(line 4\)"),
    "nan": (table("nan,1,s2.msa"), r"its row 'nan' is no number \(line 2\)"),
    "outside": (table(LINES[0], "20,3,s1.msa"), r"row 20 lies outside the BSE image, 20 x 30 px \(line 3\)"),
    "negative": (table("2,-1,s1.msa"), r"column -1 lies outside .* \(line 2\)"),
    "far outside": (table("2,1e300,s1.msa"), "column 1e300 lies outside"),
    "a pixel twice": (table(*LINES[:2], "2,9.3,s2.msa"), r"in the pixel of row 2, column 9 \(lines 3 and 4\)"),
    "a spectrum twice": (table(*LINES[:2], "7,7,s0.msa"), r"names the spectrum 's0.msa' twice \(lines 2 and 4\)"),
    "a spectrum that is missing": (table(*LINES[:2], "7,7,s9.msa"), r"'s9.msa', which is not in the folder \(line 4\)"),
    "no name": (table("7,7,"), r"names no spectrum \(line 2\)"),
    "outside of the folder": (table("7,7,../s0.msa"), r"'../s0.msa', which lies outside the folder \(line 2\)"),
    "absolute": (table("7,7,/etc/passwd"), "outside the folder"),
    "absolute at Windows": (table("7,7,C:\\s0.msa"), "outside the folder"),
    "decimal commas between commas": (table("2,5,3,5,s0.msa"), r"has 5 cells where the first line has 3 \(line 2\)"),
    "thousands": (table('2,"1,024",s0.msa'), r"its column '1,024' is no number \(line 2\)"),
    "other alphabet": (table(LINES[0], "3,3,k\u00f6rner.msa").encode("cp1252"), r"no text in UTF-8 \(line 3\)"),
    "no points": (table(), "names no point"),
    "live time": (table("2,3,s0.msa,-1", header="row,column,spectrum,live_time_s"), r"live time '-1' .* \(line 2\)"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "problem"), WRONG_TABLES.values(), ids=WRONG_TABLES)
def test_wrong_tables_are_one_error_with_the_line(tmp_path: Path, content: str | bytes, problem: str) -> None:
    path = folder_of(tmp_path / "f", content)
    with pytest.raises(FieldReadError, match=problem) as caught:
        read_field(path)
    assert caught.value.path == str(path / "points.csv")
    assert "\n" not in str(caught.value)


def replaced(**options: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        settings = {"counts": COUNTS[3], "energy": AXIS, "beam_energy": 15.0} | options
        counts, energy = settings.pop("counts"), settings.pop("energy")
        write_msa(folder / "s3.msa", counts, energy, title="x", **settings)

    return change


def without_image(folder: Path) -> None:
    (folder / "bse.png").unlink()


def two_images(folder: Path) -> None:
    Image.fromarray(BSE).save(folder / "BSE.tif")


def archive_too(folder: Path) -> None:
    (folder / "spectra.npz").write_bytes(b"PK")


def cut_spectrum(folder: Path) -> None:
    (folder / "s3.msa").write_bytes((folder / "s3.msa").read_bytes()[:-300])


def link_out(folder: Path) -> None:
    (folder / "s3.msa").rename(folder.parent / "s3.msa")
    (folder / "s3.msa").symlink_to(folder.parent / "s3.msa")


@pytest.mark.parametrize(
    ("change", "file", "problem"),
    [
        (replaced(energy=EnergyAxis(-20.0, 10.2, DEPTH)), "s3.msa", "200 channels of 10.2 eV.*and s0.msa 200 of 10 eV"),
        (replaced(counts=COUNTS[3][:150], energy=EnergyAxis(-20.0, 10.0, 150)), "s3.msa", "150 channels.*s0.msa 200"),
        (replaced(beam_energy=20.0), "s3.msa", r"at 20 kV and s0.msa at 15 kV \(points.csv, line 5\)"),
        (replaced(counts=COUNTS[3] - 5.0), "s3.msa", r"negative counts.*line 5"),
        (cut_spectrum, "s3.msa", "holds|cut short"),
        (link_out, "s3.msa", "leads out of its folder"),
        (without_image, "", "no BSE image"),
        (two_images, "", "2 BSE images, BSE.tif, bse.png"),
        (archive_too, "", "points.csv and spectra.npz"),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path: Path, change: Callable[[Path], None], file: str, problem: str
) -> None:
    path = folder_of(tmp_path / "f", table(*LINES))
    change(path)
    with pytest.raises(FieldReadError, match=problem) as caught:
        read_field(path)
    assert caught.value.path == str(path / file)


def test_an_image_can_be_chosen(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "f", table(*LINES))
    (path / "bse.png").rename(tmp_path / "other.png")
    with pytest.raises(FieldReadError, match="no BSE image"):
        read_field(path)
    require_right(read_field(path, bse=tmp_path / "other.png"))
    for choice in (0, "counts", "SE"):
        with pytest.raises(FieldReadError, match=f"has no image {choice!r}"):
            read_field(path, bse=choice)
    (tmp_path / "other.png").rename(path / "bse.png")
    require_right(read_field(path, bse=0))
    require_right(read_field(path, bse="bse.png"))


def test_what_a_dialog_asks(tmp_path: Path) -> None:
    path = archive_folder(tmp_path / "f", archive(energy_width_ev=0.01))
    with pytest.raises(ReadChoiceError, match="no calibration of EDS") as caught:
        read_field(path)
    assert caught.value.option == "energy"
    choices = file_choices(path)
    assert [(image.title, image.shape) for image in choices.images] == [("bse.tif", (HEIGHT, WIDTH))]
    (spectra,) = choices.maps
    assert (spectra.shape, spectra.energy) == ((HEIGHT, WIDTH, DEPTH), (-20.0, 0.01))
    assert "no calibration" in spectra.problem
    require_right(read_field(path, bse=0, energy=(AXIS.offset, AXIS.width)))


def test_fractional_counts_and_axes_that_are_rounded(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "f", table(*LINES))
    write_msa(path / "s3.msa", COUNTS[3], EnergyAxis(-20.3, 10.001, DEPTH), title="x")
    require_right(read_field(path))
    write_msa(path / "s3.msa", COUNTS[3] + 0.25, AXIS, title="x")
    field = read_field(path, gain=1)
    np.testing.assert_allclose(field.summed_spectra(np.arange(5))[3], COUNTS[3] + 0.25)


def archive(**changes: object) -> bytes:
    arrays = {
        "counts": COUNTS.astype(np.uint16),
        "row": PLACES[:, 0],
        "column": PLACES[:, 1].astype(float),
        "energy_first_ev": AXIS.offset,
        "energy_width_ev": AXIS.width,
        "pixel_size_um": 2.5,
        "beam_kv": 15,
    } | changes
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=True, **{name: a for name, a in arrays.items() if a is not None})
    return file.getvalue()


def archive_folder(path: Path, content: bytes) -> Path:
    path.mkdir(exist_ok=True)
    Image.fromarray(BSE).save(path / "bse.tif")
    (path / "spectra.npz").write_bytes(content)
    return path


def test_all_spectra_in_one_file(tmp_path: Path) -> None:
    field = read_field(archive_folder(tmp_path / "f", archive()))
    require_right(field)
    assert (field.pixel_size, field.beam_energy) == (2.5, 15.0)
    require_right(read_field(tmp_path / "f" / "spectra.npz"))
    bare = read_field(
        archive_folder(tmp_path / "f", archive(pixel_size_um=None, beam_kv=None, live_time_s=np.arange(5)))
    )
    assert (bare.pixel_size, bare.beam_energy) == (None, None)
    np.testing.assert_array_equal(bare.metadata["live_times"], np.arange(5))
    require_right(read_field(archive_folder(tmp_path / "f", archive(counts=np.asfortranarray(COUNTS.astype(">u4"))))))


WRONG_ARCHIVES = {
    "empty": (b"", "no .npz file"),
    "text": (b"PK\3\4 nothing", "no .npz file"),
    "missing": (archive(row=None, energy_width_ev=None), "lacks row, energy_width_ev"),
    "objects": (archive(row=np.array([{}] * 5, dtype=object)), "object where numbers are needed"),
    "shape": (archive(counts=COUNTS[None]), r"of shape \(1, 5, 200\)"),
    "length": (archive(row=PLACES[:4, 0]), r"row has shape \(4,\) for 5 spectra"),
    "outside": (archive(row=PLACES[:, 0] + 5), "row of spectrum 4 is 24, outside the BSE image"),
    "nan": (archive(column=PLACES[:, 1] * np.nan), "column of spectrum 0 is nan"),
    "doubled": (archive(row=[2, 2, 2, 2, 2], column=[3, 9, 3, 9, 7]), "doubled"),
    "keV": (archive(energy_width_ev=0.01), "no calibration of EDS"),
    "no width": (archive(energy_width_ev=0.0), "no energy axis"),
    "two widths": (archive(energy_width_ev=[10, 10]), "no single number"),
    "counts of nan": (archive(counts=np.where(COUNTS == 3, np.nan, COUNTS)), "counts are nan in spectrum"),
    "cut short": (archive()[:-200], "no .npz file"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "problem"), WRONG_ARCHIVES.values(), ids=WRONG_ARCHIVES)
def test_wrong_archives_are_one_error(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(FieldReadError, match=problem) as caught:
        read_field(archive_folder(tmp_path / "f", content))
    assert "\n" not in str(caught.value)


def test_archives_that_declare_what_they_have_not_are_refused_at_once(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<u4", "fortran_order": False, "shape": (10**7, 4096)})
    members = zipfile.ZipFile(io.BytesIO(archive()))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in members.namelist():
            bomb.writestr(name, header.getvalue() + bytes(4096) if name == "counts.npy" else members.read(name))
    start = time.monotonic()
    with pytest.raises(FieldReadError, match="declares an array of shape"):
        read_field(archive_folder(tmp_path / "f", file.getvalue()))
    with pytest.raises(FieldReadError, match="memory"):
        read_field(archive_folder(tmp_path / "f", archive(counts=np.zeros((5, 10**6), np.uint8))), memory_limit=10**6)
    assert time.monotonic() - start < 2


def test_damaged_folders_are_read_or_refused(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "f", table(*LINES))
    for damaged in mutations(table(*LINES).encode(), 150, 1):
        (path / "points.csv").write_bytes(damaged)
        try:
            assert read_field(path, reader="points").n_measurements <= 5
        except FieldReadError:
            continue
    path = archive_folder(tmp_path / "g", archive())
    refused = 0
    for damaged in mutations(archive(), 150, 2):
        (path / "spectra.npz").write_bytes(damaged)
        try:
            read_field(path, memory_limit=1 << 26)
        except FieldReadError:
            refused += 1
    assert refused > 120


def test_tables_of_other_points_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("index,axis-0,axis-1\n0,1,2\n")
    with pytest.raises(FieldReadError, match="no known format"):
        read_field(tmp_path / "points.csv")
    with pytest.raises(FieldReadError, match="folder without a field"):
        read_field(tmp_path)


def test_one_spectrum_is_no_field_and_says_what_it_is_good_for(tmp_path: Path) -> None:
    spectra(tmp_path)
    for ask in (read_field, describe):
        with pytest.raises(FieldReadError, match=r"is one spectrum, no map.*identify.*quantify.*points\.csv"):
            ask(tmp_path / "s0.msa")
