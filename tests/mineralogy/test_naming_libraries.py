"""Libraries that spectra are named by: all materials, rock types, lists of names, files of users."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.materials import MaterialError, load_materials
from napari_gdls.mineralogy import naming_library
from napari_gdls.mineralogy.library_file import read_library_file
from napari_gdls.mineralogy.rock_types import rock_types

FILE = """name,formula,group,density,colour,commonness
quartz,SiO2,silica,2.65,#aabbcc,1
my oxide,Fe2O3,,,,
"""


def written(tmp_path, text, name="mine.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_all_materials_are_the_default():
    library = naming_library()
    assert library.materials is load_materials()
    assert naming_library(library) is library
    assert library.fractions[:, :5].max() == 0
    assert np.isfinite(library.log_prior).all()


def test_members_of_series_count_for_the_nearest_named_one_of_their_group():
    library = naming_library()
    materials = library.materials
    members = [i for i, m in enumerate(materials) if m.source == "series" and m.name.startswith("plagioclase")]
    assert len(members) > 5
    assert {"andesine", "labradorite"} & {materials[library.species[member]].name for member in members}
    assert {materials[library.species[member]].group for member in members} == {"feldspar"}
    named = [index for index, material in enumerate(materials) if material.source != "series"]
    assert np.array_equal(library.species[named], named)


@pytest.mark.parametrize("rock", list(rock_types()))
def test_every_name_of_a_rock_type_is_in_the_library(rock):
    materials = load_materials()
    groups = {material.group for material in materials} | {material.group.split(",")[0] for material in materials}
    entry = rock_types()[rock]
    assert entry.groups <= groups
    for name in entry.minerals:
        materials.index(name)


def test_a_rock_type_makes_its_minerals_likelier_than_others():
    everything, granite = naming_library(), naming_library("Granite")
    materials = everything.materials
    for name, likely in (("quartz", True), ("albite", True), ("biotite", True), ("galena", False), ("halite", False)):
        index = materials.index(name)
        assert (granite.log_prior[index] == everything.log_prior[index]) == likely, name
        assert np.isfinite(granite.log_prior[index])
    assert np.isneginf(naming_library("granite", exclusive=True).log_prior[materials.index("galena")])


def test_names_of_minerals_and_groups_narrow_with_their_solid_solutions():
    library = naming_library(["albite", "garnet"], exclusive=True)
    names = {library.materials[i].name for i in np.flatnonzero(np.isfinite(library.log_prior))}
    assert {"albite", "almandine", "pyrope"} <= names
    assert "quartz" not in names
    assert any(library.materials[library.materials.index(name)].source == "series" for name in names)


@pytest.mark.parametrize("spec", ["granit", "quarz", ["quartz", "galenna"]])
def test_an_unknown_name_says_what_was_meant(spec):
    with pytest.raises(MaterialError, match=r"Did you mean .*(granite|quartz|galena)"):
        naming_library(spec)


@pytest.mark.parametrize("spec", [[], [""], [1], 7.0])
def test_what_is_no_name_is_refused(spec):
    with pytest.raises((MaterialError, TypeError)):
        naming_library(spec)


def test_a_file_of_a_user_is_the_whole_library(tmp_path):
    library = naming_library(written(tmp_path, FILE))
    assert library.materials.names == ("quartz", "my oxide")
    assert library.materials[0].density == 2.65
    assert library.materials[1].density is None
    assert library.colours == {"quartz": "#aabbcc"}
    assert library.title == "mine.csv"
    assert str(library.materials[0].group) == "silica"


EQUAL_FILES = {
    "semicolons and decimal commas": "name;SiO2;MgO;density\nenstatite;59,8;40,2;3,2\n",
    "tabs": "Mineral\tSiO2 [wt%]\tMgO [wt%]\tDensity [g/cm3]\nenstatite\t59.8\t40.2\t3.2\n",
    "masses in a cell": "name,wt%,density\nenstatite,SiO2 59.8; MgO 40.2,3.2\n",
    "masses and commas": 'name,wt%,density\nenstatite,"SiO2 59.8, MgO 40.2",3.2\n',
    "a line for Excel": "sep=;\nname;SiO2;MgO;density\nenstatite;59,8;40,2;3,2\n",
    "comments and empty lines": "# mine\n\nname,SiO2,MgO,density\n\nenstatite,59.8,40.2,3.2\n,,,\n",
    "quotes": '"name","SiO2","MgO","density"\n"enstatite","59.8","40.2","3.2"\n',
    "Windows line ends": "name,SiO2,MgO,density\r\nenstatite,59.8,40.2,3.2\r\n",
}


@pytest.mark.parametrize("kind", list(EQUAL_FILES))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_of_spreadsheets_are_read(tmp_path, kind, encoding):
    (material,) = read_library_file(written(tmp_path, EQUAL_FILES[kind], encoding=encoding)).materials
    assert material.name == "enstatite"
    assert material.density == 3.2
    assert material.mass_fractions["Si"] == pytest.approx(0.2795, abs=1e-3)
    assert sum(material.mass_fractions.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("name,formula\nodd,Xy2O3\n", 2, "Xy|X"),
        ("name,formula\nodd,Si(O2\n", 2, "never closed"),
        ("name,formula\na,SiO2\n\nb,FeS2\nA,FeS\n", 5, "line 2 already"),
        ("name,SiO2,MgO\na,59.8,10\n", 2, "sum to 69.8"),
        ("name,SiO2\na,-3\n", 2, "negative"),
        ("name,SiO2\na,much\n", 2, "a number is needed"),
        ("name,formula\n,SiO2\n", 2, "has no name"),
        ("name,formula\na,\n", 2, "no composition"),
        ("name,formula,SiO2\na,SiO2,100\n", 2, "twice"),
        ("name,formula,colour\na,SiO2,blueish\n", 2, "#rrggbb"),
        ("name,formula,density\na,SiO2,2650\n", 2, "g/cm3"),
        ("name,formula,commonness\na,SiO2,9\n", 2, "commonness"),
        ("name,wt%\na,SiO2 sixty\n", 2, "constituent"),
        ('name,formula\na,"SiO2\n', 2, "row of a table"),
    ],
)
def test_a_fault_is_named_with_file_and_line(tmp_path, text, line, problem):
    path = written(tmp_path, text)
    with pytest.raises(MaterialError, match=problem) as error:
        read_library_file(path)
    assert str(error.value).startswith(f"{path}, line {line}:")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("name,formula\n", "holds no entry"),
        ("formula\nSiO2\n", "no column 'name'"),
        ("name,density\na,3\n", "no composition"),
        ("name,formula,densty\na,SiO2,3\n", "densty.* Did you mean density"),
        ("name,formula,Name\na,SiO2,b\n", "two columns"),
        ("PK\x03\x04 rest", "spreadsheet"),
    ],
)
def test_a_file_that_is_no_library_is_refused(tmp_path, text, problem):
    path = written(tmp_path, text)
    with pytest.raises(MaterialError, match=problem) as error:
        naming_library(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MaterialError, match=r"absent\.csv: cannot be read"):
        naming_library(tmp_path / "absent.csv")
    with pytest.raises(MaterialError, match=r"absent\.csv: cannot be read"):
        naming_library(str(tmp_path / "absent.csv"))
