import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_gdls import EnergyAxis
from napari_gdls.errors import OutputError
from napari_gdls.io import write_msa

AXIS = EnergyAxis(-480.0, 10.5, 7)
COUNTS = np.array([0.0, -3.25, 1e-7, 12345678.125, 2.0, 1 / 3, 9.0])


def by_another_program(path):
    """What RosettaSciIO, which HyperSpy reads files with, finds in it."""
    msa = pytest.importorskip("rsciio.msa")
    (read,) = msa.file_reader(str(path))
    return read


def test_another_program_reads_counts_calibration_and_beam_back(tmp_path):
    path = tmp_path / "pure.msa"
    write_msa(path, COUNTS, AXIS, title="phase 2, pure", beam_energy=200.0, comments=["share of the matrix .13"])
    read = by_another_program(path)
    np.testing.assert_array_equal(read["data"], COUNTS)
    (axis,) = read["axes"]
    assert (axis["offset"], axis["scale"], axis["units"], axis["size"]) == (-480.0, 10.5, "eV", 7)
    assert read["metadata"]["General"]["title"] == "phase 2, pure"
    assert read["metadata"]["Signal"]["signal_type"] == "EDS_TEM"
    assert read["metadata"]["Acquisition_instrument"]["TEM"]["beam_energy"] == 200.0
    assert "share of the matrix .13" in read["original_metadata"]["COMMENT"]


@given(counts=arrays(np.float64, 7, elements=st.floats(-1e12, 1e12)), title=st.text(), comment=st.text())
def test_any_words_and_counts_give_a_file_that_reads_back(tmp_path_factory, counts, title, comment):
    path = tmp_path_factory.mktemp("msa") / "any.msa"
    write_msa(path, counts, AXIS, title=title, comments=[comment])
    np.testing.assert_array_equal(by_another_program(path)["data"], counts)
    content = path.read_bytes()
    assert content.isascii()
    assert all(line.endswith(b"\r") and len(line) <= 80 for line in content.split(b"\n")[:-1])


def test_keywords_that_the_format_requires_come_in_its_order(tmp_path):
    path = tmp_path / "pure.msa"
    write_msa(path, COUNTS, AXIS, title="Pérovskite " + "x" * 100)
    lines = path.read_text().splitlines()
    assert [line[1:13].strip() for line in lines[:12]] == [
        "FORMAT", "VERSION", "TITLE", "DATE", "TIME", "OWNER", "NPOINTS", "NCOLUMNS", "XUNITS", "YUNITS", "DATATYPE",
        "XPERCHAN",
    ]  # fmt: skip
    assert lines[2].startswith("#TITLE       : Perovskite xxx")
    assert len(lines[2]) == 15 + 64
    assert lines[-1].startswith("#ENDOFDATA   : ")


@pytest.mark.parametrize(
    ("name", "spectrum", "problem"),
    [
        ("pure.txt", COUNTS, "written as .msa"),
        ("pure.msa", COUNTS[:3], "7 channels"),
        ("pure.msa", COUNTS[None], "7 channels"),
        ("pure.msa", np.full(7, np.nan), "not finite"),
        ("pure.msa", np.full(7, np.inf), "not finite"),
        ("no/pure.msa", COUNTS, "no folder"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, spectrum, problem):
    with pytest.raises(OutputError, match=problem):
        write_msa(tmp_path / name, spectrum, AXIS, title="")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "pure.msa"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        write_msa(path, COUNTS, AXIS, title="", overwrite=False)
    assert path.read_text() == "mine"
    write_msa(path, COUNTS, AXIS, title="")
    assert path.read_text().startswith("#FORMAT")
