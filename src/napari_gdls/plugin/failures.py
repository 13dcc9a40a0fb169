"""How the plugin shows that something went wrong."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_error

from napari_gdls.argument_words import plain_value, reworded
from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.io.limits import GIB

_IN_DIALOG = "File > IO Utilities > Open a field and choose what in it…"

_WORDS = {
    "bse": "the BSE image",
    "dataset": "the map",
    "energy": "the energy axis",
    "gain": "the gain",
    "beam_energy": "the energy of the beam",
}
"""What the dialog that asks how a file is to be opened calls the arguments of reading."""


def window_words(name: str, value: str) -> str:
    """Words of the window for an argument; see `napari_gdls.argument_words.reworded`."""
    if name in _WORDS:
        return f"{_WORDS[name]} ({_IN_DIALOG})"
    if name == "memory_limit":
        limit = plain_value(value)
        size = f" of {limit / GIB:.2f} GiB" if isinstance(limit, int) else ""
        return f"a memory limit{size} in a script or on the command line"
    if name == "overwrite":
        return "leave to replace it"
    return name.replace("_", " ")


def show_failure(error: BaseException) -> None:
    """Show an error in napari: complaints of this package as their text, faults of the program with their traceback.

    Parameters
    ----------
    error : BaseException
        Complaints are `GdlsError`: what they say is for the user. Anything else is for a report, so the message has a
        button that shows where it came from.
    """
    if isinstance(error, GdlsError):
        text = error.reason_first if isinstance(error, FieldReadError) else str(error)
        show_error(reworded(text, window_words))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
