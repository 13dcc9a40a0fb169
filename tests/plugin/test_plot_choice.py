"""What a plot shows, as it is saved with a field."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.plugin.plot_choice import PlotChoice

texts = st.text(max_size=20)
choices = st.builds(
    PlotChoice,
    st.sampled_from(["scatter", "ternary"]),
    st.sampled_from(["measurements", "segments"]),
    st.tuples(texts, texts),
    st.tuples(st.booleans(), st.booleans()),
    st.tuples(texts, texts, texts),
)


@given(choices)
def test_choices_come_back_from_files(choice):
    assert PlotChoice.from_plain(json.loads(json.dumps(choice.to_plain()))) == choice


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"kind": "pie", "subject": 3, "axes": ["x"], "logarithmic": [1, 0], "corners": "abc"},
        {"axes": [1, 2], "corners": ["", "", "x" * 501], "logarithmic": None},
    ],
)
def test_what_cannot_be_a_choice_is_the_usual_one(damaged):
    assert PlotChoice.from_plain(damaged) == PlotChoice()
