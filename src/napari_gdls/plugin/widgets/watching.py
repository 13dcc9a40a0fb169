"""Widgets that follow signals of things that outlive them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from psygnal import SignalInstance
from qtpy.QtCore import QObject


def watch(widget: QObject, signal: SignalInstance, slot: Callable[..., Any]) -> None:
    """Connect a signal to a method of a widget, until Qt deletes the widget.

    Parameters
    ----------
    widget : QObject
    signal : psygnal.SignalInstance
        Of a session. It holds the widget weakly only; but Qt may delete a widget that Python still knows.
    slot : method
        Of the widget.
    """
    signal.connect(slot)
    known = weakref.WeakMethod(slot)

    def disconnect(_: object = None) -> None:
        method = known()
        if method is not None:
            signal.disconnect(method, missing_ok=True)

    widget.destroyed.connect(disconnect)
