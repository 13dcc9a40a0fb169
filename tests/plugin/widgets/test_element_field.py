"""Elements typed, and chosen in the periodic table."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_gdls.elements import SYMBOLS
from napari_gdls.plugin.widgets import element_field
from napari_gdls.plugin.widgets.element_field import ElementField
from napari_gdls.plugin.widgets.periodic_table import PeriodicTable

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture
def field(qtbot):
    widget = ElementField()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def heard(field):
    elements = []
    field.changed.connect(elements.append)
    return elements


@pytest.fixture
def complaints(monkeypatch):
    said = []
    monkeypatch.setattr(element_field, "show_failure", lambda error: said.append(str(error)))
    return said


def _type(field, text):
    field.text.selectAll()
    QTest.keyClicks(field.text, text)
    QTest.keyClick(field.text, Qt.Key.Key_Return)


def test_the_table_has_every_element_once_in_its_place(qtbot):
    table = PeriodicTable()
    qtbot.addWidget(table)
    assert set(table.buttons) == set(SYMBOLS)
    layout = table.layout()
    place = {symbol: layout.getItemPosition(layout.indexOf(button))[:2] for symbol, button in table.buttons.items()}
    assert len(set(place.values())) == len(SYMBOLS)
    groups = ("F Cl Br I At", "C Si Ge Sn Pb", "Ca Sr Ba Ra", "Ti Zr Hf", "Zn Cd Hg", "He Ne Ar Kr Xe Rn")
    for group in groups:
        assert len({place[symbol][1] for symbol in group.split()}) == 1


def test_what_is_typed_is_pressed_in_the_table(field, heard):
    _type(field, "si, FE mg")
    assert field.elements == ("Si", "Fe", "Mg")
    assert heard == [("Si", "Fe", "Mg")]
    assert field.table.chosen == ("Mg", "Si", "Fe")


def test_a_click_in_the_table_adds_and_takes_away(field, heard):
    _type(field, "Si")
    QTest.mouseClick(field.table.buttons["Ca"], Qt.MouseButton.LeftButton)
    assert field.text.text() == "Si Ca"
    QTest.mouseClick(field.table.buttons["Si"], Qt.MouseButton.LeftButton)
    assert field.text.text() == "Ca"
    assert heard == [("Si",), ("Si", "Ca"), ("Ca",)]


def test_a_symbol_that_is_none_is_said_once_and_changes_nothing(field, heard, complaints):
    _type(field, "Si")
    _type(field, "Si Xx")
    field.text.editingFinished.emit()  # as when the line is left
    assert len(complaints) == 1
    assert "Xx" in complaints[0]
    assert field.elements == ("Si",)
    assert heard == [("Si",)]


def test_clearing_takes_all_away(field, heard):
    _type(field, "Si Fe")
    field.text.clear()
    assert field.elements == ()
    assert field.table.chosen == ()
    assert heard[-1] == ()
