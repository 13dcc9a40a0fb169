"""What a batch makes of its fields when all are segmented: names, a mosaic, a report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from napari_gdls.errors import RecipeError

POSITION_SOURCES = ("auto", "table", "fields.xml", "stage", "names", "none")
"""Where the positions of fields are taken from: the first of the others that has all of them; a CSV of paths; TIMA's
list of fields; the stage coordinates in the files; their names, by a pattern. "none": there is no mosaic."""

FLIPS = ("none", "x", "y", "xy")
"""Axes of the positions that run against the image: columns, rows, or both."""

BSE_LEVELS = ("auto", "overlap", "phases", "none")
"""How BSE levels of fields are matched: by what fields measured both, by phases that fields have in common, not at
all. "auto": by overlaps where there are some, else by phases."""


@dataclass(frozen=True)
class SectionChoices:
    """What is made of the fields of a batch.

    Attributes
    ----------
    names : bool
        Whether the minerals of the phases are named.
    library : str, tuple of str, or None
        Minerals that they are named by, as ``identify --library``. None: those of the package.
    scheme : str or None
        File with rules of classes, as ``identify --scheme``.
    take_off_angle : float or None, degrees
        None: that of the files, or the usual one.
    mosaic : bool
        Whether the map of the section is written, where the positions of the fields are known.
    positions : str
        One of `POSITION_SOURCES`.
    pattern : str or None
        Of the names of fields, for positions by name: "{row}_{column}", or a regular expression with groups of these
        names.
    flip : str
        One of `FLIPS`.
    bse_levels : str
        One of `BSE_LEVELS`.
    report : bool
        Whether a report is written.

    Raises
    ------
    RecipeError
        If a choice is none of those that there are.
    """

    names: bool = True
    library: str | tuple[str, ...] | None = None
    scheme: str | None = None
    take_off_angle: float | None = None
    mosaic: bool = True
    positions: str = "auto"
    pattern: str | None = None
    flip: str = "none"
    bse_levels: str = "auto"
    report: bool = True

    def __post_init__(self) -> None:
        choices = {"positions": POSITION_SOURCES, "flip": FLIPS, "bse_levels": BSE_LEVELS}
        for name, known in choices.items():
            given = getattr(self, name)
            if given not in known:
                raise RecipeError(f"`{name}={given!r}`: choose one of {', '.join(known)}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
