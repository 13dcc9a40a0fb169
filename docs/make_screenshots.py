"""Makes the screenshots of the documentation in docs/images, with the real plugin in a real window.

Run with ``make screenshots``; without a display, under ``xvfb-run -a -s "-screen 0 1600x1200x24"``.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from pathlib import Path

# Before napari reads its settings: the user's own would change the pictures.
_SETTINGS = tempfile.TemporaryDirectory(prefix="napari-gdls-screenshots-")
os.environ["NAPARI_CONFIG"] = str(Path(_SETTINGS.name) / "settings.yaml")

import napari  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from qtpy.QtGui import QCursor, QImage  # noqa: E402
from qtpy.QtWidgets import QApplication, QWidget  # noqa: E402

import napari_gdls as gdls  # noqa: E402
from napari_gdls.plugin.docks import open_dock  # noqa: E402
from napari_gdls.plugin.layers.metadata import layer_role  # noqa: E402
from napari_gdls.plugin.viewers import viewer_session  # noqa: E402
from napari_gdls.plugin.widgets.batch.dock import BatchWidget  # noqa: E402
from napari_gdls.plugin.widgets.segment import SegmentWidget  # noqa: E402
from napari_gdls.recipe import Split  # noqa: E402

IMAGES = Path(__file__).parent / "images"
WINDOW = (1440, 1000)
PICTURE = (1000, 700)
ANIMATION = 960  # px, width of the animation
FRAME = 1500  # ms that each of its pictures stands
GAP = 16  # px between pictures of one file


def main() -> None:
    """Make all of them."""
    IMAGES.mkdir(exist_ok=True)
    dock_with_segments()
    workbench()
    graph_close_up()
    sparse_field()
    overlapping_phases()
    ome_zarr_elsewhere()
    batch_of_fields()


def dock_with_segments() -> None:
    """The whole window: the dock with the named phases of the dacite, their segments, and what one of them is."""
    viewer, widget = opened("dacite")
    run(widget)
    wait_for_names(viewer)
    viewer.reset_view(margin=0.02)
    save(viewer, "dock.png", canvas_only=False)
    phases = open_dock(viewer, "phases")
    phases.panel.phases.selectRow(1)
    settle()
    details = phases.details
    pictures = []
    for number in range(details.tabs.count()):
        details.tabs.setCurrentIndex(number)
        settle()
        pictures.append(picture_of(details))
    save_beside("phase_details.png", pictures)
    viewer.close()


def workbench() -> None:
    """The docks at work, and a short animation: the slider, a click on a grain, a line through it."""
    viewer, widget = opened("dacite")
    run(widget)
    wait_for_names(viewer)
    session, state = widget.session, widget.session.chosen
    frames = [frame_of(viewer)]
    for tau_z in (0.5, 0.8, 1.2, 0.3):
        widget.recipe_form["tau_z"]["number"].value = tau_z
        wait_for_result(viewer)
        frames.append(frame_of(viewer))
    open_dock(viewer, "phases")
    spectrum = open_dock(viewer, "spectrum")
    found = state.shown.segmentation
    label = int(found.labels[10, 53])  # a prism of biotite
    session.select(state, segments={label}, phases={int(found.phases[label - 1])})
    while spectrum.busy:
        settle(0.02)
    settle(1)
    save(viewer, "workbench.png", canvas_only=False)
    frames.append(frame_of(viewer))
    session.do(state, Split(((12.0, 40.0), (12.0, 62.0))))
    wait_for_result(viewer)
    frames.append(frame_of(viewer))
    session.undo(state)
    wait_for_result(viewer)
    frames.append(frame_of(viewer))
    path = IMAGES / "workbench.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=FRAME, loop=0, optimize=True)
    print(path)
    viewer.close()


def wait_for_result(viewer: napari.Viewer) -> None:
    """Wait until what was asked for is in sight."""
    settle(0.2)
    while viewer_session(viewer).busy:
        settle(0.02)
    settle(0.3)


def frame_of(viewer: napari.Viewer) -> Image.Image:
    """The window as a frame of an animation."""
    settle(0.3)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    height = round(ANIMATION * picture.height / picture.width)
    return picture.resize((ANIMATION, height), Image.Resampling.LANCZOS).quantize(256)


def graph_close_up() -> None:
    """The graph of some grains, coloured by the height at which the tree joins two neighbours, over the BSE image."""
    viewer, widget = opened("dacite")
    run(widget)
    layer_of(viewer, "segments").visible = False
    layer_of(viewer, "graph").visible = True
    look_at(viewer, row=0.74, column=0.24, width=0.4)
    save(viewer, "graph.png", canvas_only=True)
    viewer.close()


def sparse_field() -> None:
    """A field measured at every third pixel: dots, graph and segments."""
    viewer, widget = opened("synthetic")
    run(widget)
    for role in ("segments", "graph", "measurements"):
        layer_of(viewer, role).visible = True
    look_at(viewer, row=0.45, column=0.5, width=0.4)
    save(viewer, "sparse.png", canvas_only=True)
    viewer.close()


def ome_zarr_elsewhere() -> None:
    """A result as OME-Zarr, opened by napari-ome-zarr (pip install napari-ome-zarr); left out where that is missing."""
    if importlib.util.find_spec("napari_ome_zarr") is None:
        print("napari-ome-zarr is not installed: ome_zarr.png stays as it is")
        return
    field = gdls.sample_field("dacite")
    result = gdls.identify(gdls.segment(field)).named()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dacite.ome.zarr")
        gdls.write_result(path, result)
        viewer = napari.Viewer()
        viewer.open(path, plugin="napari-ome-zarr")
        for layer in viewer.layers[1:]:
            layer.visible = layer is viewer.layers[-1]
            layer.opacity = 0.6
        viewer.layers.selection.active = viewer.layers[-1]
        viewer.window._qt_window.resize(*WINDOW)
        viewer.window.add_plugin_dock_widget("napari", "Features table widget")
        settle()
        viewer.reset_view(margin=0.02)
        settle()
        save(viewer, "ome_zarr.png", canvas_only=False)
        viewer.close()


def batch_of_fields() -> None:
    """The dock of batches and the mosaic of a simulated section in nine fields."""
    whole = gdls.simulate_field((288, 288), seed=4, counts=1000, grain_size=30.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(3):
            for j in range(3):
                low = np.array([96 * i, 96 * j])
                inside = ((whole.locations >= low) & (whole.locations < low + 96)).all(axis=1)
                box = (slice(low[0], low[0] + 96), slice(low[1], low[1] + 96))
                tile = gdls.Field(
                    whole.bse[box],
                    whole.spectra[inside],
                    whole.locations[inside] - low,
                    whole.energy,
                    pixel_size=whole.pixel_size,
                    beam_energy=whole.beam_energy,
                )
                gdls.write_field(folder / f"{'ABC'[i]}{j + 1}.gdls.zarr.zip", tile)
        gdls.segment_many([folder / "*.zip"], folder / "section 7")
        viewer = napari.Viewer()
        viewer.window.resize(*WINDOW)
        dock = BatchWidget(viewer)
        viewer.window.add_dock_widget(dock, name="Batch of fields", area="right")
        dock.inputs.add("day1", "day2")
        dock.watch(folder / "section 7")
        settle(3.0)
        dock.open_mosaic()
        settle(5.0)
        viewer.reset_view(margin=0.02)
        save(viewer, "batch.png", canvas_only=False)
        viewer.close()


def overlapping_phases() -> None:
    """The dock of overlapping phases: masks after an automatic run, ties of a grain, and traces."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(*WINDOW)
    QCursor.setPos(0, 0)
    _, widget = viewer.window.add_plugin_dock_widget("napari-gdls", "Overlapping phases")
    viewer.open_sample("napari-gdls", "overlapping")
    viewer.canvas.overlays.scale_bar.visible = True
    settle()
    widget.unmix_button.click()
    while widget.running or widget.overlap.work.busy:
        settle(0.02)
    viewer.reset_view(margin=0.02)
    state = widget.overlap.session.chosen
    widget.components.lines.setText("Mg, Si, Ca, Fe")
    widget.components.lines.editingFinished.emit()
    widget.components.logarithmic.click()
    for number, name in enumerate(("components", "masks", "separation", "traces")):
        widget.tabs.setCurrentIndex(number)
        if name == "masks":
            widget.masks.brushes[state.grains[0]].click()
        save(viewer, f"overlap_{name}.png", canvas_only=False)
    viewer.close()


def opened(sample: str) -> tuple[napari.Viewer, SegmentWidget]:
    """A viewer with a sample and the dock, as a user opens them."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(*WINDOW)
    QCursor.setPos(0, 0)  # off the canvas, where it would write the value under it into the status bar
    _, widget = viewer.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")
    viewer.open_sample("napari-gdls", sample)
    viewer.canvas.overlays.scale_bar.visible = True
    settle()
    return viewer, widget


def run(widget: SegmentWidget) -> None:
    """Press the button with the defaults of the method, wait."""
    widget.run_button.click()
    while widget.running:
        settle(0.02)


def wait_for_names(viewer: napari.Viewer) -> None:
    """Wait until the phases are named, and the layers show it."""
    followed = viewer_session(viewer)
    while followed.naming.busy or followed.busy:
        settle(0.02)


def layer_of(viewer: napari.Viewer, role: str) -> napari.layers.Layer:
    """The layer that shows "bse", "phases", "segments", "graph" or "measurements"."""
    return next(layer for layer in viewer.layers if layer_role(layer) == role)


def look_at(viewer: napari.Viewer, *, row: float, column: float, width: float) -> None:
    """Zoom in: centre and width of the view as fractions of the field."""
    (top, left), (bottom, right) = layer_of(viewer, "bse").extent.world
    viewer.scene.camera.center = (top + row * (bottom - top), left + column * (right - left))
    viewer.scene.camera.zoom = PICTURE[0] / (width * (right - left))


def save(viewer: napari.Viewer, name: str, *, canvas_only: bool) -> None:
    """Take the picture."""
    settle(0.5)
    size = (PICTURE[1], PICTURE[0]) if canvas_only else None
    viewer.screenshot(str(IMAGES / name), canvas_only=canvas_only, size=size, flash=False)
    print(IMAGES / name)


def picture_of(widget: QWidget) -> Image.Image:
    """What a widget looks like, whether it is in sight or not."""
    picture = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    lines = np.frombuffer(picture.constBits(), dtype=np.uint8).reshape(picture.height(), picture.bytesPerLine())
    return Image.fromarray(np.ascontiguousarray(lines[:, : 3 * picture.width()]).reshape(picture.height(), -1, 3))


def save_beside(name: str, pictures: list[Image.Image]) -> None:
    """Save pictures as one, side by side on the ground of the first."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    ground = pictures[0].getpixel((0, 0))
    whole = Image.new("RGB", (width, max(picture.height for picture in pictures)), ground)
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + GAP
    whole.save(IMAGES / name)
    print(IMAGES / name)


def settle(seconds: float = 0.3) -> None:
    """Let the window draw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
