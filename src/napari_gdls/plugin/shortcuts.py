"""Keys of the plugin in the canvas: one table of what they do, on which layers, and what of napari's they replace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer


@dataclass(frozen=True)
class Shortcut:
    """One key.

    Parameters
    ----------
    key : str
        As napari writes it: "M", "Control-Z", "Delete".
    command : str
        What it does, by name; see `bind_keys`.
    words : str
        Likewise, for people.
    roles : tuple of str
        Roles of the layers that have it while they are active; see `napari_gdls.plugin.layers.metadata`.
    replaces : str
        What napari does with the key on such layers, "" if nothing.
    """

    key: str
    command: str
    words: str
    roles: tuple[str, ...] = ("segments",)
    replaces: str = ""

    @property
    def shown(self) -> str:
        """The key as menus and tooltips show it: "Ctrl+Z"."""
        return self.key.replace("Control", "Ctrl").replace("Escape", "Esc").replace("-", "+")


_RESULTS = ("segments", "phases", "graph")
SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("P", "pick", "Pick grains: a click selects", replaces="paint brush (2 has it, too)"),
    Shortcut("J", "merge", "Join grains: click two or more, or draw a line over them"),
    Shortcut("X", "split", "Split grains along a line that you draw", replaces="swap selected and background label"),
    Shortcut("C", "cut", "Cut the edges of the graph that a line crosses"),
    Shortcut("L", "link", "Link the grains at both ends of a line", replaces="label picker (5 has it, too)"),
    Shortcut("A", "assign", "Give grains the chosen phase"),
    Shortcut("B", "brush", "Paint the selected grain", replaces="preserve labels"),
    Shortcut("U", "bucket", "Pour the selected grain over others"),
    Shortcut("M", "merge_selected", "Join the selected grains, or phases", replaces="new label"),
    Shortcut("F", "fill_holes", "Fill the holes of the selected grains", replaces="fill bucket (4 has it, too)"),
    Shortcut("G", "grow", "Grow the selected grains by one measurement"),
    Shortcut("H", "shrink", "Shrink the selected grains by one measurement"),
    Shortcut(
        "[",
        "previous_phase",
        "Choose the previous phase; with a brush, make it smaller",
        replaces="smaller brush (done still)",
    ),
    Shortcut(
        "]", "next_phase", "Choose the next phase; with a brush, make it larger", replaces="larger brush (done still)"
    ),
    Shortcut("S", "spectrum", "Open the spectrum", roles=("segments", "phases")),
    Shortcut("Escape", "give_up", "Give up the line under way, or the tool", replaces="give up a polygon (done still)"),
    Shortcut("Space", "move", "Move the map while held", replaces="the same"),
    Shortcut("Control-Z", "undo", "Undo the last correction or name", _RESULTS, "undo of paint alone"),
    Shortcut("Control-Shift-Z", "redo", "Redo it", _RESULTS, "redo of paint alone"),
    Shortcut("Delete", "cut_selected", "Cut the selected edges", ("graph",), "delete shapes"),
    Shortcut("Backspace", "cut_selected", "Cut the selected edges", ("graph",), "delete shapes"),
    Shortcut("3", "cut_selected", "Cut the selected edges", ("graph",), "delete shapes"),
    Shortcut("M", "join_selected", "Join the ends of the selected edges", ("graph",)),
)
"""All keys that layers of this plugin have. Keys of napari that are not among them stay."""


def shortcut_of(command: str) -> str:
    """First key of a command as it is shown, "" if it has none."""
    return next((each.shown for each in SHORTCUTS if each.command == command), "")


def bind_keys(layer: Layer, role: str, commands: Mapping[str, Callable[[Layer], Any]]) -> None:
    """Give a layer of a role its keys.

    Parameters
    ----------
    layer : Layer
    role : str
    commands : mapping
        By name: functions of the layer, or generator functions that go on when the key is released.
    """
    for each in SHORTCUTS:
        if role in each.roles and each.command in commands:
            layer.bind_key(each.key, commands[each.command], overwrite=True)
