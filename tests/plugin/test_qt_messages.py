"""How a process ends that has shown a window."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

START = """
import sys
import napari
from napari_gdls import samples, show
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer()
"""
USE = {
    "show": "show(samples.sample_field('synthetic'), viewer)",
    "dock": "viewer.window.add_plugin_dock_widget('napari-gdls', 'Segment EDS field')",
}
END = """
for _ in range(20):
    QApplication.processEvents()
viewer.close()
print("closed", flush=True)
"""


@pytest.mark.parametrize("use", USE)
def test_late_messages_of_qt_do_no_harm(display, use, tmp_path):
    # Qt is made to report every library that it unloads, which happens when Python has gone.
    environment = {**os.environ, "QT_DEBUG_PLUGINS": "1", "NAPARI_CONFIG": str(tmp_path / "settings.yaml")}
    command = [sys.executable, "-c", START + USE[use] + END]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert "closed" in done.stdout, done.stderr[-2000:]
    assert done.returncode == 0
    assert "unload" in done.stderr
