"""Expressions of maps: arithmetic as everybody reads it, unknown stays unknown, and nothing is run as Python."""

from __future__ import annotations

import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_gdls.mineralogy.map_expressions import LONGEST, ExpressionError, read_expression

MAPS = {
    "Fe": np.array([3.0, 0.0, np.nan, 8.0]),
    "Mg": np.array([1.0, 0.0, 2.0, 0.0]),
    "Ca": np.array([0.5, 0.1, 0.3, 0.0]),
    "Si": np.array([2.0, 5.0, 0.0, 1.0]),
    "BSE": np.array([10.0, 20.0, 30.0, 40.0]),
    "wt(Fe)": np.array([50.0, 1.0, np.nan, 0.0]),
}
NAN = math.nan


def value_of(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_expression(text).value(MAPS).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fe/(Fe+Mg)", [0.75, NAN, NAN, 1.0]),
        ("Ca > 0.2 & Si", [1, 0, 0, 0]),
        ("Fe > 1 | Mg > 1", [1, 0, 1, 1]),
        ("!Fe > 1", [0, 1, NAN, 0]),
        ("not (Mg == 0) and Si >= 2", [1, 0, 0, 0]),
        ("-Mg^2 + 2*Si - 1", [2, 9, -5, 1]),
        ("2^-Mg^2", [0.5, 1, 0.0625, 1]),
        ("Si/2/2", [0.5, 1.25, 0, 0.25]),
        ("1/(1/Mg)", [1, NAN, 2, NAN]),
        ("log10(Si*10)", [math.log10(20), math.log10(50), NAN, 1]),
        ("where(BSE < 25, sqrt(BSE - 15), max(Si, Mg, 1.5))", [NAN, math.sqrt(5), 2, 1.5]),
        ("wt(Fe) + .5e1", [55, 6, NAN, 5]),
        ("min(Fe, Ca)", [0.5, 0, NAN, 0]),
        ("+abs(-Ca)", [0.5, 0.1, 0.3, 0]),
    ],
)
def test_values(text, expected):
    assert value_of(text) == pytest.approx(expected, nan_ok=True)


def test_names_are_what_it_needs():
    assert read_expression("wt(Fe)/at(Si) + Ca*BSE - Ca").names == ("BSE", "Ca", "at(Si)", "wt(Fe)")


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "missing"),
        ("Fe/(Fe+Mg", 9, r"a \"\)\" is missing"),
        ("Fe + ", 4, "a number, an element or a bracket is missing"),
        ("Fe Mg", 3, "an operator"),
        ("Fe)", 2, "no bracket is open"),
        ("Fe + Xx", 5, "Xx is no element"),
        ("Fe + fe", 5, "fe is no element"),
        ("Fe @ 2", 3, "no meaning"),
        ("open(Fe)", 0, "there is no function open; there are wt, at, abs"),
        ("wt(2)", 3, "the symbol of an element"),
        ("wt", 2, "in brackets is missing"),
        ("log + Fe", 4, "a function"),
        ("where(Fe, 1)", 0, "takes 3 values, not 2"),
        ("0 < Fe < 3", 7, "cannot follow one another"),
        ("3 + 4", 0, "names no element"),
        ("Fe.real", 2, "no meaning"),
        ("Fe[0]", 2, "no meaning"),
        ("'Fe'", 0, "no meaning"),
        ("(" * 60 + "Fe" + ")" * 60, 40, "more than 40 deep"),
        ("Fe" + "+Fe" * 200, LONGEST, "longer than 500"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text, position, words):
    with pytest.raises(ExpressionError, match=words) as caught:
        read_expression(text)
    assert caught.value.position == position


@given(st.text(alphabet="FeMg()+-*/^<>=&|!,. 019wtan_[]'\\\"x#:;{}@", max_size=80))
def test_any_text_is_read_or_refused(text):
    try:
        expression = read_expression(text)
    except ExpressionError:
        return
    shape = (2, 3)
    found = expression.value({name: np.ones(shape) for name in expression.names})
    assert found.shape == shape
    assert not np.isinf(found).any()


_leaves = st.sampled_from(["Fe", "Mg", "2.0", "0.5", "Si"])


def _joined(inner):
    return st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner)


@given(st.recursive(_leaves, _joined, max_leaves=12))
@example("(2.0 / ((2.0 + 2.0) - (2.0 + 2.0)))")
def test_arithmetic_is_that_of_numpy(text):
    text = f"{text} + 0*Si"
    values = {"Fe": np.array([3.0, 0.25]), "Mg": np.array([1.0, -2.0]), "Si": np.array([0.0, 7.0])}
    with np.errstate(all="ignore"):
        numbers = re.sub(r"\d+\.\d+", r"np.float64(\g<0>)", text)  # Python's own numbers raise where numpy's do not
        expected = eval(numbers, {"np": np}, {**values})
    if np.isfinite(expected).all() and "/" not in text:
        assert read_expression(text).value(values) == pytest.approx(expected)
    else:
        found = read_expression(text).value(values)
        finite = np.isfinite(found)
        assert found[finite] == pytest.approx(expected[finite])
