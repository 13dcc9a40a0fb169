"""The table of keys says what is true of napari's own."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels, Shapes
from napari.utils.key_bindings import coerce_keybinding

from napari_gdls.plugin.docks import DOCKS
from napari_gdls.plugin.gestures.tools import TOOLS, tool_tip
from napari_gdls.plugin.shortcuts import SHORTCUTS, bind_keys, shortcut_of
from napari_gdls.plugin.viewers import viewer_session

KINDS = {"segments": Labels, "phases": Labels, "graph": Shapes}


@pytest.fixture
def keys_of_napari(viewer):
    """Keys that layers of a kind have without this plugin."""
    plain = {Labels: viewer.add_labels(np.zeros((4, 4), dtype=np.uint8)), Shapes: viewer.add_shapes(ndim=2)}
    found = {}
    for kind, layer in plain.items():
        viewer.layers.selection.active = layer
        found[kind] = set(viewer.window._qt_viewer._key_map_handler.active_keymap)
    return found


def test_keys_of_napari_that_are_replaced_are_said_and_no_others(keys_of_napari):
    for each in SHORTCUTS:
        key = coerce_keybinding(each.key)
        taken = [key in keys_of_napari[KINDS[role]] for role in each.roles]
        assert any(taken) == bool(each.replaces), each


def test_no_key_does_two_things_on_a_layer():
    keys = [(role, each.key) for each in SHORTCUTS for role in each.roles]
    assert len(keys) == len(set(keys))


def test_every_key_has_a_command_and_every_tool_a_key(viewer):
    commands = viewer_session(viewer).keys.commands
    assert {each.command for each in SHORTCUTS} <= set(commands)
    for name in TOOLS:
        assert f"key {shortcut_of(name)} " in tool_tip(name)
    assert set(DOCKS) >= {"segment", "corrections"}


def test_keys_are_bound_by_role():
    labels, graph = Labels(np.zeros((4, 4), dtype=np.uint8)), Shapes(ndim=2)
    done = []
    commands = {each.command: lambda layer, name=each.command: done.append(name) for each in SHORTCUTS}
    bind_keys(labels, "segments", commands)
    bind_keys(graph, "graph", commands)
    labels.keymap[coerce_keybinding("X")](labels)
    graph.keymap[coerce_keybinding("Delete")](graph)
    assert done == ["split", "cut_selected"]
    assert coerce_keybinding("X") not in graph.keymap
    assert [each.shown for each in SHORTCUTS if each.command == "redo"] == ["Ctrl+Shift+Z"]
