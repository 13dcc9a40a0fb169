# ruff: noqa: RUF001  (Siegbahn names are written with Greek letters)
import pytest

from napari_gdls.errors import GdlsError
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.line_list import line_table


def test_lines_of_iron():
    table = line_table("Fe", 15.0)
    assert [row.energy for row in table] == sorted(row.energy for row in table)
    assert max(row.height for row in table) == 1
    named = {row.siegbahn: row for row in table}
    assert named["Kα1"].iupac == "K-L3"
    assert named["Kα1"].energy == pytest.approx(6404, abs=1)
    assert named["Kα1"].height / named["Kα2"].height == pytest.approx(2, abs=0.1)
    assert 0.1 < named["Kβ1"].height / named["Kα1"].height < 0.2
    assert all(row.element == "Fe" for row in table)


def test_beam_decides_what_is_excited():
    assert not [row for row in line_table("Fe", 7.0) if row.iupac.startswith("K")]
    low, high = ({row.siegbahn: row.height for row in line_table("Zn", kv)} for kv in (12.0, 30.0))
    assert high["Kα1"] / high["Lα1"] > 3 * low["Kα1"] / low["Lα1"]


def test_lines_of_a_material():
    table = line_table({"Pb": 0.866, "S": 0.134}, smallest=0.05)
    strong = {(row.element, row.siegbahn) for row in table}
    assert {("Pb", "Mα1"), ("S", "Kα1")} <= strong
    assert all(row.height >= 0.05 for row in table)
    assert len(table) < len(line_table({"Pb": 0.866, "S": 0.134}, smallest=0.0))


def test_detector_decides_on_soft_lines():
    def oxygen(detector):
        table = line_table({"Fe": 0.7, "O": 0.3}, 15.0, detector=detector)
        heights = {row.element + row.siegbahn: row.height for row in table}
        return heights["OKα1"] / heights["FeKα1"]

    assert oxygen(Detector(window="none")) > 1.3 * oxygen(Detector(window="polymer"))


def test_bad_requests():
    for material in ("Quartz", "H", {"Fe": -1.0}):
        with pytest.raises(GdlsError):
            line_table(material)
    with pytest.raises(GdlsError, match="smallest"):
        line_table("Fe", smallest=2)
