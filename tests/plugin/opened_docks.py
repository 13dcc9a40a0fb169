"""Docks of a viewer, opened as their buttons do."""

from __future__ import annotations

from napari_gdls.plugin.docks import open_dock
from napari_gdls.plugin.widgets.phases import PhasePanel
from napari_gdls.plugin.widgets.segment import SegmentWidget


def phases_of(widget: SegmentWidget) -> PhasePanel:
    """The list of phases beside a dock."""
    return open_dock(widget._viewer, "phases").panel
