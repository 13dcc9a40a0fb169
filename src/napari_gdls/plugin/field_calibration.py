"""The calibration of open fields, found once for all docks: it takes seconds."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.mineralogy.instrument import Instrument
    from napari_gdls.progress import Progress

_known: weakref.WeakKeyDictionary[Field, Instrument] = weakref.WeakKeyDictionary()
"""Of each field the latest; as long as it is open."""


def calibration_of(field: Field, beam_energy: float, progress: Progress) -> Instrument:
    """Instrument that a field was measured with, by its own peaks; for a thread beside the window.

    Parameters
    ----------
    field : Field
    beam_energy : float
        keV.
    progress : Progress

    Returns
    -------
    Instrument
        The same object for the same field and beam energy.
    """
    found = _known.get(field)
    if found is None or found.beam_energy != beam_energy:
        progress("calibration", 0.0)
        from napari_gdls.mineralogy import calibrate_field

        found = _known[field] = calibrate_field(field, beam_energy=beam_energy)
    return found
