"""The part of the dock that says what the selected phase is: candidates, composition, formula."""

from __future__ import annotations

import pytest
from stand_in_minerals import COMPOSITION, minerals

import napari_gdls as gdls
from napari_gdls.mineralogy.identification import Candidate
from napari_gdls.plugin.field_state import Result
from napari_gdls.plugin.session import Session
from napari_gdls.plugin.widgets.material_details import against, with_error
from napari_gdls.plugin.widgets.phase_details import PhaseDetails
from napari_gdls.segmentation import phase_table
from napari_gdls.segmentation.colours import phase_colours

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture
def shown(qtbot, segmentation):
    """A session with a result whose phases have been named, and the panel."""
    session = Session()
    session.set_fields([(segmentation.field, "pair")])
    known = minerals(segmentation)
    named = segmentation.with_names(known.names)
    session.finish_run(
        segmentation.field, gdls.Recipe(), Result(named, phase_colours(named), phase_table(named), known)
    )
    panel = PhaseDetails(session)
    qtbot.addWidget(panel)
    return session, panel


def cells(table) -> list[list[str]]:
    return [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


def test_one_selected_phase_is_told_of(shown):
    session, panel = shown
    assert panel.row is None
    assert "Select a phase" in panel.title.text()
    assert panel.tabs.isHidden()
    session.select(session.chosen, phases={0, 1})
    assert panel.row is None
    session.select(session.chosen, phases={0})
    assert panel.title.text() == "<b>Phase 1: plagioclase An41 (0.93)</b>"
    assert panel.notes.text().split("<br>") == [
        "Not to be told from: labradorite.",
        "An 0.41 ± 0.03 (95 %: 0.35 to 0.47)",
    ]
    assert not panel.tabs.isHidden()
    session.select(session.chosen, phases={1})
    assert "biotite" in panel.title.text()
    assert panel.notes.text() == "Named from its pure part."
    session.set_fields([])
    assert panel.tabs.isHidden()


def test_candidates_say_what_speaks_against_them(shown):
    session, panel = shown
    session.select(session.chosen, phases={0})
    assert cells(panel.candidates) == [
        ["plagioclase", "0.93", "", "labradorite", "(Ca,Na)(Al,Si)4O8"],
        ["scapolite", "0.06", "Cl -4.2, Na +2.1", "", ""],
        ["unknown", "0.007", "", "", ""],
    ]


def test_what_is_in_it_comes_with_errors_and_limits(shown):
    session, panel = shown
    session.select(session.chosen, phases={0})
    rows = cells(panel.composition)
    assert [row[0] for row in rows] == list(COMPOSITION)
    assert rows[0] == ["O", "46.6 ± 2.3", "61.5", "0.08", "stoichiometry"]
    assert rows[3] == ["Ca", "6.90 ± 0.35", "3.6", "0.08", "K411"]
    assert rows[4][4] == "physics"
    assert panel.artefacts.text() == "Oxygen by its lines: 44.1 wt%.<br>Carbon of a coating was left out."


def test_the_structural_formula_has_end_members_and_doubts(shown):
    session, panel = shown
    session.select(session.chosen, phases={0})
    assert panel.tabs.isTabEnabled(2)
    assert panel.formula.text() == "(Ca0.41Na0.58)(Al1.41Si2.59)O8, on 8 oxygens"
    rows = cells(panel.atoms)
    assert rows[0] == ["Ca", "0.410 ± 0.020"]
    assert rows[-1] == ["albite", "59.0 ± 3.0 %"]
    assert panel.doubts.text() == "OH is not measured."
    session.select(session.chosen, phases={1})
    assert not panel.tabs.isTabEnabled(2)


def test_the_tables_are_to_look_at_only(shown):
    _, panel = shown
    for table in (panel.candidates, panel.composition, panel.atoms):
        assert table.editTriggers() == table.EditTrigger.NoEditTriggers


@pytest.mark.parametrize(
    ("misfit", "text"),
    [
        ({}, ""),
        ({"Si": 0.9, "Al": -0.99}, ""),
        ({"Si": 1.0, "Al": -3.14, "Na": 2.0, "K": -1.5}, "Al -3.1, Na +2.0, K -1.5"),
    ],
)
def test_the_strongest_misfits_are_named(misfit, text):
    assert against(Candidate("a", 0.5, misfit=misfit)) == text


def test_errors_have_two_digits():
    assert with_error(25.634, 0.482) == "25.63 ± 0.48"
    assert with_error(46.62, 2.31) == "46.6 ± 2.3"
