"""Names of phases: by measurement and by hand, over merges and further runs."""

import csv
import dataclasses
import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls import Recipe, segment, simulate_field
from napari_gdls.errors import GdlsWarning, RecipeError
from napari_gdls.io import faults_of_set, files_of_set, manifest_of
from napari_gdls.segmentation import BY_HAND, BY_MEASUREMENT, PhaseName, phase_at, place_of_phase
from napari_gdls.segmentation.files import result_files, write_results
from napari_gdls.segmentation.names import UNKNOWN, UNNAMED, merged_names, titles_of
from napari_gdls.segmentation.picture import segmentation_picture
from napari_gdls.segmentation.summary import naming_line, percent_of, summary_lines
from napari_gdls.segmentation.tables import mineral_table, phase_table
from napari_gdls.simulation.rock import ROCK


@pytest.fixture(scope="module")
def found():
    return segment(simulate_field((72, 72), seed=4, minerals=[ROCK[i] for i in (0, 2, 3, 4)]), tau_z=0.2)


def measured(name, probability=0.9, **known):
    return PhaseName(name, probability, BY_MEASUREMENT, **known)


def again(result, **changes):
    return segment(result.field, result.recipe, embedding=result.embedding, graph=result.graph, **changes)


def all_named(result, *first):
    rest = [f"mineral {k}" for k in range(len(first), result.n_phases)]
    return result.with_names([measured(name) for name in (*first, *rest)])


def test_nobody_has_named_the_phases_of_a_run(found):
    assert found.names == ()
    assert found.phase_titles == tuple(f"phase {k + 1}" for k in range(found.n_phases))
    assert "name" not in phase_table(found)
    assert "name" not in found.segment_table()
    assert found.with_names(()).names == ()


def test_there_is_one_name_for_each_phase(found):
    with pytest.raises(RecipeError, match=f"1 names for {found.n_phases} phases"):
        found.with_names([measured("quartz")])
    plain = again(found, method="threshold")
    for use in (
        lambda: plain.with_names([UNNAMED] * plain.n_segments),
        lambda: plain.renamed(0, "quartz"),
        lambda: plain.phase_titles,
        lambda: place_of_phase(plain, 0),
    ):
        with pytest.raises(RecipeError, match="'threshold' makes no phases"):
            use()


def test_tables_show_names(found):
    names = [
        measured("quartz", 0.5, group="silica", cannot_be_told_from=("cristobalite", "tridymite")),
        PhaseName("my ore", source=BY_HAND),
        *[UNNAMED] * (found.n_phases - 2),
    ]
    table = phase_table(found.with_names(names))
    assert list(table)[:5] == ["phase", "name", "probability", "not to be told from", "group"]
    assert table["name"][:2].tolist() == ["quartz", "my ore"]
    assert table["not to be told from"][0] == "cristobalite; tridymite"
    assert table["group"].tolist() == ["silica"] + [""] * (found.n_phases - 1)
    assert table["probability"][0] == 0.5
    assert np.isnan(table["probability"][1:]).all()
    segments = found.with_names(names).segment_table()
    assert segments["name"].tolist() == [names[phase - 1].name for phase in segments["phase"]]


def test_the_table_of_minerals_has_all_quantities_of_all_phases(found):
    quartz = measured("quartz", 0.5, formula="SiO2", quantities={"Si [wt%]": 46.7, "O [wt%]": 53.3})
    albite = measured("albite", quantities={"Si [wt%]": 32.1, "An": 0.05})
    table = mineral_table(found.with_names([quartz, albite, *[UNNAMED] * (found.n_phases - 2)]))
    assert list(table) == [
        "phase", "name", "probability", "not to be told from", "group", "source", "formula",
        "Si [wt%]", "O [wt%]", "An",
    ]  # fmt: skip
    assert table["source"][:3].tolist() == [BY_MEASUREMENT, BY_MEASUREMENT, ""]
    np.testing.assert_array_equal(table["An"][:2], [np.nan, 0.05])
    np.testing.assert_array_equal(table["Si [wt%]"][:3], [46.7, 32.1, np.nan])
    assert {len(column) for column in table.values()} == {found.n_phases}
    assert mineral_table(found)["name"].tolist() == [""] * found.n_phases


def test_names_go_into_the_files_of_a_result(found, tmp_path):
    named = all_named(found, "quartz", "albite", "albite").renamed(0, "my ore")
    files = result_files(tmp_path / "rock.ome.tif", named.recipe, minerals=True)
    assert files["minerals"].name == "rock.minerals.csv"
    write_results(named, files, overwrite=False)
    assert faults_of_set(manifest_of(files["labels"])) == ()
    assert files_of_set(files["manifest"])["minerals"] == files["minerals"]
    for what in ("phases", "minerals", "segments"):
        with files[what].open(encoding="utf-8", newline="") as file:
            names = {row["name"] for row in csv.DictReader(file)}
        assert {"my ore", "albite"} <= names
    with tifffile.TiffFile(files["phase map"]) as tiff:
        description = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Description"]
    assert description.startswith("1: my ore; 2: albite 1; 3: albite 2")
    assert Recipe.from_json(files["recipe"].read_text()) == named.recipe
    write_results(found, result_files(tmp_path / "rock.ome.tif", found.recipe), overwrite=True)
    assert not files["minerals"].exists()
    assert "minerals" not in result_files(tmp_path / "a.png", Recipe(method="threshold"), minerals=True)


def test_the_summary_says_what_is_named_and_what_is_not(found):
    order = np.argsort(-found.modal.percent, kind="stable")
    names = [UNNAMED] * found.n_phases
    names[order[0]], names[order[1]] = measured("quartz", 0.983), measured("albite", 0.4)
    names[order[2]] = measured(UNKNOWN, 0.9)
    rest = f"; {found.n_phases - 3} without a name" if found.n_phases > 3 else ""
    line = naming_line(found.with_names(names))
    assert line == f"Named: quartz 98 %, albite? 40 %; 1 unknown{rest}."
    assert line in summary_lines(found.with_names(names))
    assert not any("amed" in text for text in summary_lines(found))
    none = found.with_names([measured(UNKNOWN)] * found.n_phases)
    assert naming_line(none) == f"No phase has a name; {found.n_phases} unknown."
    assert [percent_of(p) for p in (0.0, 0.004, 0.5, 0.99, 0.991, 1.0)] == [
        "< 1 %", "< 1 %", "50 %", "99 %", "> 99 %", "> 99 %",
    ]  # fmt: skip


def test_long_names_leave_room_for_fewer_columns_of_the_legend(found, monkeypatch):
    texts = []

    def written(self, at, text, **how):
        assert text.isascii()  # the font has no more: "µ" is an empty box
        if not text.endswith(" um"):  # that is the scale bar
            texts.append((at[0], text))

    monkeypatch.setattr("PIL.ImageDraw.ImageDraw.text", written)
    names = [measured(f"mixture of plagioclase, sanidine and quartz {k}", 0.4) for k in range(found.n_phases)]
    segmentation_picture(found.with_names(names))
    long = texts.copy()
    assert len(long) == found.n_phases
    assert all(text.startswith("mixture of plagioclase, sanidine") and "...?: " in text for _, text in long)
    texts.clear()
    segmentation_picture(found)
    assert {text for _, text in texts} == {
        f"phase {k + 1}: {found.modal.percent[k]:.1f} %{', mixture' * bool(found.measurement_phases.intergrown[k])}"
        for k in range(found.n_phases)
    }


def test_titles_tell_phases_of_one_name_apart():
    def titles(*names):
        return titles_of([PhaseName(name) for name in names])

    assert titles("quartz", "", "albite", "albite", "") == ("quartz", "phase 2", "albite 1", "albite 2", "phase 5")
    assert titles("albite", "albite 1", "albite") == ("albite 2", "albite 1", "albite 3")


@given(st.lists(st.sampled_from(["", "a", "a 1", "a 2", "phase 1", "phase 2", "phase 2 1"]), max_size=8))
def test_titles_are_all_different(names):
    assert len(set(titles_of([PhaseName(name) for name in names]))) == len(names)


def test_improbable_names_are_doubtful():
    assert [measured("quartz", p).doubt for p in (0.0, 0.49, 0.5, 1.0)] == ["?", "?", "", ""]
    assert PhaseName("quartz", source=BY_HAND).doubt == UNNAMED.doubt == ""


class TestMerging:
    def merged(self, *names, size=None):
        together = merged_names(names, np.zeros(len(names), int), np.array(size or range(len(names), 0, -1)))
        assert len(together) == 1
        return together[0]

    def test_one_phase_keeps_all_that_is_known(self):
        name = measured("quartz", formula="SiO2", quantities={"Si [wt%]": 46.7})
        assert self.merged(name) is name

    def test_of_one_name_keep_it_but_no_composition(self):
        one = measured("albite", 0.9, group="feldspar", formula="NaAlSi3O8", quantities={"An": 0.1})
        two = measured("albite", 0.6, group="feldspar", cannot_be_told_from=("ferrierite",))
        assert self.merged(one, two) == measured("albite", 0.6, group="feldspar", cannot_be_told_from=("ferrierite",))

    def test_of_different_names_have_none(self):
        assert self.merged(measured("quartz"), measured("albite")) == UNNAMED
        assert self.merged(measured("quartz"), UNNAMED) == UNNAMED

    def test_by_hand_wins_and_of_two_the_larger(self):
        ore, gangue = PhaseName("ore", source=BY_HAND), PhaseName("gangue", source=BY_HAND)
        assert self.merged(measured("quartz"), ore) == ore
        assert self.merged(ore, gangue, size=[3, 4]) == gangue
        assert self.merged(ore, gangue, size=[4, 4]) == ore

    def test_in_a_result(self, found):
        named = all_named(found, "quartz", "quartz", "albite")
        group = np.arange(found.n_phases)
        group[1] = 0
        merged = named.with_phases_merged(group)
        assert [name.name for name in merged.names] == ["quartz", "albite", *[n.name for n in named.names[3:]]]
        assert named.with_phases_merged(np.zeros(found.n_phases, int)).names == (UNNAMED,)
        assert all_named(found).coarsened(1000.0).names == (UNNAMED,)
        assert found.coarsened(1000.0).names == ()


class TestPlaces:
    def test_lie_in_their_phase_far_from_its_border(self, found):
        phases = found.phase_map()
        for phase in range(found.n_phases):
            row, column = place_of_phase(found, phase)
            assert phases[row, column] == phase + 1
            assert phase_at(found, row, column) == phase
            around = phases[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            if (phases == phase + 1).sum() > 100:
                assert (around == phase + 1).all()
            i = np.flatnonzero((found.field.locations == (row, column)).all(axis=1))[0]
            assert found.measurement_phases.partner[i] < 0
            assert place_of_phase(found, phase) == (row, column)

    def test_are_asked_for_phases_that_there_are(self, found):
        for phase in (-1, found.n_phases, 0.5, True):
            with pytest.raises(RecipeError, match="phase is"):
                place_of_phase(found, phase)
        assert phase_at(found, -1, 0) is None
        assert phase_at(found, 0, found.field.shape[1]) is None


class TestByHand:
    def test_stays_over_reruns_with_other_numbers_of_phases(self, found):
        named = found.renamed(2, " my ore ")
        assert named.names[2] == PhaseName("my ore", source=BY_HAND)
        place = named.recipe.names[0]
        assert place == (*place_of_phase(found, 2), "my ore")
        with warnings.catch_warnings():
            warnings.simplefilter("error", GdlsWarning)
            for tau_z in (0.2, 0.5, 2.0):
                rerun = again(named, tau_z=tau_z)
                assert [name.name for name in rerun.names].count("my ore") == 1
                assert rerun.names[phase_at(rerun, place.row, place.column)].name == "my ore"
                assert rerun.recipe.names == named.recipe.names

    def test_stays_where_phases_are_measured_anew(self, found):
        named = all_named(found.renamed(1, "my ore"))
        assert [name.name for name in named.names[:2]] == ["mineral 0", "my ore"]
        assert named.names[1].measured == measured("mineral 1")
        assert named.names[1].probability is None
        assert named.renamed(1, "").names[1] == measured("mineral 1")
        assert named.with_names(()).names[1].name == "my ore"
        assert named.with_names(()).names[0] == UNNAMED

    def test_keeps_what_was_measured_but_not_what_another_name_says(self, found):
        known = {"formula": "SiO2", "group": "silica", "quantities": {"Si [wt%]": 46.7}, "details": "Si 46.7"}
        before = found.with_names([measured("quartz", **known)] * found.n_phases)
        other = before.renamed(0, "opal").names[0]
        assert (other.formula, other.group, other.details) == ("", "", "Si 46.7")
        assert other.quantities == known["quantities"]
        same = before.renamed(0, "Quartz").names[0]
        assert same == dataclasses.replace(
            before.names[0], name="Quartz", source=BY_HAND, probability=None, measured=before.names[0]
        )

    def test_changes_and_goes(self, found):
        once = found.renamed(0, "one")
        twice = once.renamed(0, "two").renamed(1, "three")
        assert [place.name for place in twice.recipe.names] == ["two", "three"]
        assert [name.name for name in twice.names[:2]] == ["two", "three"]
        gone = twice.renamed(0, "").renamed(1, "  ")
        assert gone.recipe == found.recipe
        assert gone.names == ()
        for wrong in ("x" * 101, "two\nlines"):
            with pytest.raises(RecipeError, match="printable"):
                found.renamed(0, wrong)

    def test_warns_of_places_outside_and_of_two_names_for_one_phase(self, found):
        row, column = place_of_phase(found, 0)
        places = ((row, column, "first"), (row, column, "second"), (10_000, 0, "far"), (row, column, "first"))
        with pytest.warns(GdlsWarning) as caught:
            result = again(found, names=places)
        said = [str(each.message) for each in caught if each.category is GdlsWarning]
        assert len(said) == 2
        assert "'first'" in said[0]
        assert "'second'" in said[0]
        assert "'far'" in said[1]
        assert "outside" in said[1]
        assert result.names[0] == PhaseName("first", source=BY_HAND)
        assert all(name == UNNAMED for name in result.names[1:])

    def test_cannot_be_kept_where_there_are_no_phases(self, found):
        with pytest.warns(GdlsWarning, match="makes no phases"):
            result = again(found, method="threshold", names=((0, 0, "ore"),))
        assert result.names == ()
        assert result.recipe == Recipe.from_json(result.recipe.to_json())
