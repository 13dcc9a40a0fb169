"""The tools with which grains are corrected on the map, and which of them is in the hand. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from napari_gdls.plugin.layers.marks import JOIN_COLOUR, PART_COLOUR
from napari_gdls.plugin.shortcuts import shortcut_of

ASSIGN_COLOUR = "#ffffff"
"""Of strokes that give grains a phase."""


@dataclass(frozen=True)
class Tool:
    """One tool.

    Parameters
    ----------
    title : str
        Of its button.
    tip : str
        What it does.
    hint : str
        What to do with it; stands in the status bar and in the dock while it is in the hand.
    nothing : str
        What is said where a stroke means nothing.
    colour : str
        Of the stroke, "" where there is none.
    mode : str
        Mode of the layer that the tool needs, by napari's name.
    """

    title: str
    tip: str
    hint: str
    nothing: str = ""
    colour: str = ""
    mode: str = "pan_zoom"

    @property
    def draws(self) -> bool:
        """Whether the mouse draws a line with it."""
        return bool(self.colour)


TOOLS: dict[str, Tool] = {
    "pick": Tool(
        "Pick",
        "A click on the map selects the grain, its phase and its measurement. Drag to move the map.",
        "Click a grain to select it; Shift+click for more.",
    ),
    "merge": Tool(
        "Join",
        "Grains become one: click one after the other, or draw a line over them.",
        "Click a grain, then those that belong to it; or draw a line over all of them. Esc begins anew.",
        "The line passes over one grain only; draw it over those that are to be one.",
        JOIN_COLOUR,
    ),
    "split": Tool(
        "Split",
        "Grains are parted along a line that you draw across them.",
        "Draw a line across a grain, from border to border. Esc gives it up.",
        "The line parts no grain; draw it across one, from border to border.",
        PART_COLOUR,
    ),
    "cut": Tool(
        "Cut",
        "Neighbouring measurements of a grain on both sides of a line are kept apart, each pair for itself: for "
        "experts. To part a grain, Split does it better.",
        "Draw a line over the edges of the graph that are to be cut.",
        "The line crosses no edge inside of a grain.",
        PART_COLOUR,
    ),
    "link": Tool(
        "Link",
        "The grains at both ends of a line become one, whatever lies between, touching or not.",
        "Draw a line from one grain to the other, or click both.",
        "Both ends of the line lie in one grain.",
        JOIN_COLOUR,
    ),
    "assign": Tool(
        "Assign",
        "Grains get the phase that is chosen below: click them, or draw a line over them.",
        "Click grains, or draw a line over them: they get the phase {phase}.",
        "These grains are of the phase {phase} already.",
        ASSIGN_COLOUR,
    ),
    "brush": Tool(
        "Brush",
        "Paint measurements into the selected grain, or a new one where none is selected.",
        "Paint: what lies under the brush goes to {grain}. [ and ] change the size; 5 and a click take another grain.",
        mode="paint",
    ),
    "bucket": Tool(
        "Bucket",
        "A click gives a whole grain to the selected one.",
        "Click a grain: all of it goes to {grain}. 5 and a click take another grain.",
        mode="fill",
    ),
}
"""All tools by name, in the order of their buttons."""


def tool_tip(name: str) -> str:
    """Tip of a tool with its key."""
    key = shortcut_of(name)
    return TOOLS[name].tip + (f" (key {key} on the layer of the segments)" if key else "")
