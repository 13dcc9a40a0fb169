"""Plots as files."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QRectF, QSize
from qtpy.QtGui import QPainter

from napari_gdls.errors import OutputError
from napari_gdls.io.tables import write_table
from napari_gdls.plugin.plotting.points import PlotPoints, table_of
from napari_gdls.plugin.widgets.plots.canvas import PlotCanvas


def save_points(path: str, points: PlotPoints) -> None:
    """Write the points of a plot as a CSV file; see `napari_gdls.plugin.plotting.points.table_of`.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    write_table(path if path.lower().endswith(".csv") else f"{path}.csv", table_of(points))


def save_plot(path: str, canvas: PlotCanvas) -> None:
    """Write what a plot shows as a PNG or, where the name ends so, as an SVG file.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    if path.lower().endswith(".svg"):
        from qtpy.QtSvg import QSvgGenerator

        generator = QSvgGenerator()
        generator.setFileName(path)
        generator.setSize(QSize(canvas.width(), canvas.height()))
        generator.setViewBox(QRectF(0, 0, canvas.width(), canvas.height()))
        painter = QPainter()
        written = painter.begin(generator)
        if written:
            canvas.render(painter)
            written = painter.end()
    else:
        path = path if path.lower().endswith(".png") else f"{path}.png"
        written = canvas.grab().save(path)
    if not written or not Path(path).exists():
        raise OutputError(f"{path}: the picture could not be written; choose another folder.")
