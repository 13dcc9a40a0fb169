from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials import Material, MaterialError, Materials, load_materials, mass_fractions_of
from napari_gdls.materials.assembly import EQUAL_WITHIN
from napari_gdls.materials.library import MEMBER


@pytest.fixture(scope="module")
def materials() -> Materials:
    return load_materials()


def visible(compositions: np.ndarray) -> np.ndarray:
    """Compositions without H, He and Li."""
    rest = compositions.copy()
    rest[:, :3] = 0
    return rest / rest.sum(axis=1, keepdims=True)


def test_more_distinct_materials_than_the_paper(materials: Materials) -> None:
    assert len(materials) >= 4507
    assert {m.source for m in materials} == {"mineral", "series", "glass", "alloy", "other"}
    assert materials.compositions.shape == (len(materials), 94)
    assert materials.compositions.sum(axis=1) == pytest.approx(np.ones(len(materials)))
    assert not materials.compositions.flags.writeable


def test_no_two_are_equal_without_hydrogen_helium_lithium(materials: Materials) -> None:
    rest = visible(materials.compositions)
    # Equal ones are neighbours by oxygen and by silicon; only such neighbours need a closer look.
    oxygen, silicon = rest[:, SYMBOLS.index("O")], rest[:, SYMBOLS.index("Si")]
    order = np.argsort(oxygen, kind="stable")
    for place, row in enumerate(order):
        near = order[place + 1 : place + np.searchsorted(oxygen[order[place:]], oxygen[row] + EQUAL_WITHIN)]
        near = near[np.abs(silicon[near] - silicon[row]) <= EQUAL_WITHIN]
        equal = near[np.abs(rest[near] - rest[row]).max(axis=1, initial=0) < EQUAL_WITHIN * (1 - 1e-9)]
        assert not equal.size, (materials[int(row)].name, materials[int(equal[0])].name)


def test_polymorphs_and_invisible_elements_are_one_material(materials: Materials) -> None:
    quartz = materials[materials.index("Quartz")]
    assert {"tridymite", "cristobalite", "coesite"} <= set(quartz.synonyms)
    for name in ("calcite", "pyrite", "orthoclase", "rutile"):
        assert materials[materials.index(name)].name == name
    for one, other in [("calcite", "aragonite"), ("microcline", "sanidine"), ("kyanite", "andalusite")]:
        assert materials.index(one) == materials.index(other)
    assert materials.index("gypsum") != materials.index("anhydrite")  # water brings oxygen
    assert materials.index("forsterite") != materials.index("fayalite")


def test_families_walk_along_mixing_lines(materials: Materials) -> None:
    families = materials.families()
    assert len(families) > 1500
    assert len({family.members for family in families}) == len(families)
    for family in families:
        assert len(set(family.members)) == len(family.members) >= 2
        assert list(family.positions) == sorted(family.positions)
        assert family.positions[0] >= 0
        assert family.positions[-1] <= 1
    (line,) = [f for f in families if f.name == "olivine, forsterite to fayalite"]
    names = [materials[i].name for i in line.members]
    assert names[0] == "forsterite"
    assert names[-1] == "fayalite"
    iron = materials.compositions[list(line.members), SYMBOLS.index("Fe")]
    assert (np.diff(iron) > 0).all()
    assert len(names) >= 8


def test_equal_arguments_give_equal_materials(materials: Materials) -> None:
    from napari_gdls.materials import assembly

    again = assembly._load_materials.__wrapped__(0, True)
    assert again is not materials
    assert again.hash == materials.hash
    assert again.names == materials.names
    other = load_materials(seed=1)
    assert other.hash != materials.hash
    fewer = load_materials(exchange=False)
    assert 4507 <= len(fewer) < len(materials)


def test_hash_changes_with_names_compositions_and_families() -> None:
    def material(name: str, iron: float) -> Material:
        return Material(name, {"Fe": iron, "O": 1 - iron}, "test", "other", "FeO")

    base = Materials([material("a", 0.5)])
    assert base.hash == Materials([material("a", 0.5 + 1e-9)]).hash
    assert base.hash != Materials([material("b", 0.5)]).hash
    assert base.hash != Materials([material("a", 0.501)]).hash
    with pytest.raises(MaterialError, match="two materials"):
        Materials([material("a", 0.5), material("A", 0.6)])


def test_unknown_names_are_answered_with_close_ones(materials: Materials) -> None:
    with pytest.raises(MaterialError, match="Did you mean sphalerite"):
        materials.index("sphalerit")


def test_confusable_materials_by_name() -> None:
    def material(name: str, commonness: int, synonyms: tuple[str, ...] = ()) -> Material:
        return Material(name, {"Fe": 1.0}, "test", "mineral", "Fe", commonness=commonness, synonyms=synonyms)

    library = Materials(
        [material("rare", 4), material("common", 1, ("twin",)), material("far", 2), material("member", MEMBER)]
    )
    spectra = np.array([[100.0, 100.0], [100.0, 102.0], [100.0, 300.0], [100.0, 101.0]])
    found = library.confusable_with("twin", spectra, 1000)
    assert [c.name for c in found] == ["member", "rare"]
    assert found[0].separation < found[1].separation < 2.3
    assert library.confusable_with("far", spectra, 1000) == []
    assert library.merge_confusable(spectra, 1000).tolist() == [1, 1, 2, 1]
    with pytest.raises(MaterialError, match="one row for each of the 4"):
        library.confusable_with("far", spectra[:2], 1000)


# The chromite standard is rich in Al and poor in Fe3+: between three end members, 8 % from the nearest material.
FAR = {"Chromite": 0.08}


def test_microprobe_standards_are_near_a_material(materials: Materials, shared_data: Path) -> None:
    """Natural minerals analysed by the Smithsonian Institution lie within 5 % of mass of some material."""
    path = shared_data / "minerals" / "smithsonian_microbeam_standards.csv"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        next(file)
        header, *rows = csv.reader(file)
    rest = visible(materials.compositions)
    distances: dict[str, float] = {}
    for row in rows:
        parts: dict[str, float] = {}
        for column, value in zip(header[4:-2], row[4:-2], strict=True):
            oxide = {"Co2": "CO2", "H2O-": "H2O"}.get(column, column)
            if oxide not in ("nB2O5", "REE2O3", "PO4") and value and not value.startswith("<") and float(value) > 0:
                parts[oxide] = parts.get(oxide, 0.0) + float(value)
        if sum(parts.values()) < 90 or "lass" in row[0]:
            continue  # phosphates are listed without their phosphate; glasses can be anything
        composition = np.zeros((1, 94))
        for element, fraction in mass_fractions_of(parts).items():
            composition[0, SYMBOLS.index(element)] = fraction
        distances[row[0]] = float(np.abs(rest - visible(composition)).sum(axis=1).min() / 2)
    assert len(distances) >= 30
    assert {name: d for name, d in distances.items() if d > FAR.get(name, 0.05)} == {}
    assert np.median(list(distances.values())) < 0.025
