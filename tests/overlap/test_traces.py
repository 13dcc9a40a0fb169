"""Trace elements, ratios and partition coefficients of phases that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from films import film

from napari_gdls import separate_phases
from napari_gdls.errors import RecipeError


@pytest.fixture(scope="module")
def separation():
    field = film("mantle", 300.0, seed=2)
    return separate_phases(field, field.metadata["truth"]["presence"], matrix="bridgmanite")


@pytest.fixture(scope="module")
def report(separation):
    return separation.trace_report(["O", "Mg", "Al", "Si", "Ca", "Fe", "Nd", "Hf"])


def row(report, phase, element):
    return next(each for each in report.rows if (each.phase, each.element) == (phase, element))


def test_there_is_a_row_for_each_element_of_each_phase(report) -> None:
    assert len(report.rows) == 3 * 8
    assert {each.line for each in report.rows if each.element == "Nd"} == {"Nd L"}


def test_atomic_percent_are_those_of_the_minerals(report) -> None:
    for phase, expected in {
        "ferropericlase": {"Mg": 44.0, "Fe": 6.0, "O": 50.0, "Si": 0.0, "Ca": 0.0},
        "Ca-perovskite": {"Ca": 18.77, "Si": 19.58, "O": 60.5, "Nd": 0.81, "Hf": 0.30, "Mg": 0.0, "Al": 0.0},
    }.items():
        for element, percent in expected.items():
            found = row(report, phase, element)
            assert abs(found.atomic_percent - percent) < 4 * found.atomic_percent_error + 0.02 * percent, element
        assert sum(each.atomic_percent for each in report.rows if each.phase == phase) == pytest.approx(100)


def test_what_is_not_there_is_below_its_limit_of_detection(report) -> None:
    neodymium = row(report, "ferropericlase", "Nd")
    assert abs(neodymium.significance) < 3
    assert neodymium.net < neodymium.detection_limit
    assert row(report, "Ca-perovskite", "Nd").net > 3 * row(report, "Ca-perovskite", "Nd").detection_limit


def test_the_whole_mask_gains_over_a_box(separation, report) -> None:
    neodymium = row(report, "Ca-perovskite", "Nd")
    assert neodymium.significance > neodymium.box_significance > 0
    assert neodymium.gain > 2
    wider = separation.trace_report(["Nd"], box=separation.masks["Ca-perovskite"])
    assert row(wider, "Ca-perovskite", "Nd").gain == pytest.approx(1.0, rel=0.25)


def test_partition_and_ratios(report) -> None:
    value, error = report.partition("Ca", "Ca-perovskite", "bridgmanite")
    assert value > 10 * error or math.isinf(value)
    value, error = report.ratio("Mg", "Si", "bridgmanite")
    assert value == pytest.approx(0.87 / 0.96, abs=4 * error)
    assert report.ratio("Ca", "Si", "bridgmanite")[0] == pytest.approx(0.0, abs=0.01)
    assert report.fraction("Fe", ("Fe", "Mg"), "ferropericlase")[0] == pytest.approx(0.12, abs=0.01)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda r: r.ratio("Zr", "Si", "bridgmanite"), "not in the report"),
        (lambda r: r.ratio("Mg", "Si", "quartz"), "no phase"),
        (lambda r: r.fraction("Fe", ("Mg",), "bridgmanite"), "not among"),
        (lambda r: r.partition("Mg", "quartz", "bridgmanite"), "no phase"),
    ],
)
def test_what_is_not_there_is_one_clear_error(report, ask, words) -> None:
    with pytest.raises(RecipeError, match=words):
        ask(report)


@pytest.mark.parametrize(
    ("elements", "box", "words"),
    [
        (["H"], None, "no line"),
        ([], None, "no element"),
        (None, np.zeros((64, 64), dtype=bool), "no pixel"),
        (None, np.zeros((3, 3), dtype=bool), "shape"),
    ],
)
def test_what_cannot_be_asked_likewise(separation, elements, box, words) -> None:
    with pytest.raises(RecipeError, match=words):
        separation.trace_report(elements, box=box)
