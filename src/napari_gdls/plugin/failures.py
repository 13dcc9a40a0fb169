"""How the plugin shows that something went wrong."""

from __future__ import annotations

from napari.utils.notifications import notification_manager, show_error

from napari_gdls.errors import FieldReadError, GdlsError


def show_failure(error: BaseException) -> None:
    """Show an error in napari: complaints of this package as their text, faults of the program with their traceback.

    Parameters
    ----------
    error : BaseException
        Complaints are `GdlsError`: what they say is for the user. Anything else is for a report, so the message has a
        button that shows where it came from.
    """
    if isinstance(error, GdlsError):
        show_error(error.reason_first if isinstance(error, FieldReadError) else str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)
