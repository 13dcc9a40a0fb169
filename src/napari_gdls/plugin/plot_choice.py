"""What a plot of a field shows: plain data that is kept, and saved, with the field."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

Kind = Literal["scatter", "ternary"]
"""Two quantities along two axes, or shares of three in a triangle."""

Subject = Literal["measurements", "segments"]
"""What each point of a plot is."""

_LONGEST = 500
"""Characters of the text of an axis: more than any formula that somebody types."""


@dataclass(frozen=True)
class PlotChoice:
    """Kind and axes of a plot.

    Parameters
    ----------
    kind : {"scatter", "ternary"}
    subject : {"measurements", "segments"}
    axes : (str, str)
        Quantities of a scatter plot as `napari_gdls.plugin.plotting.quantities` reads them: x, y.
    logarithmic : (bool, bool)
        Whether these axes are logarithmic.
    corners : (str, str, str)
        Quantities of a ternary plot: top, left, right; "" where none is chosen yet.
    """

    kind: Kind = "scatter"
    subject: Subject = "measurements"
    axes: tuple[str, str] = ("BSE", "counts")
    logarithmic: tuple[bool, bool] = (False, False)
    corners: tuple[str, str, str] = ("", "", "")

    @property
    def quantities(self) -> tuple[str, ...]:
        """Those that the plot shows."""
        return self.axes if self.kind == "scatter" else self.corners

    def to_plain(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> PlotChoice:
        """From plain values, such as a file holds; what cannot be one is left at its default."""
        usual = cls()
        kind, subject = values.get("kind"), values.get("subject")
        logarithmic = values.get("logarithmic")
        if not isinstance(logarithmic, list | tuple) or [type(each) for each in logarithmic] != [bool, bool]:
            logarithmic = usual.logarithmic
        return cls(
            cast("Kind", kind if kind in get_args(Kind) else usual.kind),
            cast("Subject", subject if subject in get_args(Subject) else usual.subject),
            cast("tuple[str, str]", _texts(values.get("axes"), usual.axes)),
            cast("tuple[bool, bool]", tuple(logarithmic)),
            cast("tuple[str, str, str]", _texts(values.get("corners"), usual.corners)),
        )


def _texts(values: object, usual: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or len(values) != len(usual):
        return usual
    if not all(isinstance(each, str) and len(each) <= _LONGEST for each in values):
        return usual
    return tuple(values)
