"""Work beside the window with a bar in the activity dock: what opens files and other layers has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari.utils import progress

from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.task import Task

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

    from napari_gdls.progress import Progress


def run_beside(
    name: str,
    function: Callable[[Progress], Any],
    then: Callable[[Any], None],
    otherwise: Callable[[Exception], None] = show_failure,
) -> None:
    """Run a function beside the window.

    Parameters
    ----------
    name : str
        What is opened, for the bar.
    function : callable
    then : callable
        Receives what the function returned.
    otherwise : callable
        Receives the exception that it raised.
    """
    bar = progress(total=0, desc=f"Opening {name}")

    def ended(answer: object) -> None:
        bar.close()
        then(answer)

    def failed(error: Exception) -> None:
        bar.close()
        otherwise(error)

    task = Task(function)
    task.succeeded.connect(ended)
    task.failed.connect(failed)
    task.start()


def add_beside(viewer: napari.Viewer, name: str, make: Callable[[], Sequence[Layer]]) -> None:
    """Make layers beside the window, then add them; a problem is shown as one message.

    Parameters
    ----------
    viewer : napari.Viewer
    name : str
        What is opened.
    make : callable
    """

    def layers(report: Progress) -> Sequence[Layer]:
        report("reading", 0.0)
        return make()

    def add(made: Sequence[Layer]) -> None:
        for layer in made:
            viewer.add_layer(layer)

    run_beside(name, layers, add)
