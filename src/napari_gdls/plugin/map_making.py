"""Maps that a user asks for, computed beside the window. No widgets."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.plugin.field_calibration import calibration_of
from napari_gdls.plugin.spectrum_answers import known_instrument

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.mineralogy.compositions_of_segments import SegmentCompositions
    from napari_gdls.mineralogy.instrument import Instrument
    from napari_gdls.plugin.field_state import FieldState, Result
    from napari_gdls.progress import Progress
    from napari_gdls.segmentation.result import Segmentation

KINDS = {
    "counts": "Net counts",
    "window": "Counts in the window of the line",
    "segments": "wt% of segments",
    "phases": "wt% of phases",
}
"""What of an element is mapped, and how it is called."""

_compositions: weakref.WeakKeyDictionary[Segmentation, dict[tuple[Instrument, bool], SegmentCompositions]] = (
    weakref.WeakKeyDictionary()
)
"""Compositions of segments of results that are in use: by instrument, and whether they are those of phases."""


@dataclass(frozen=True)
class MapRequest:
    """What is asked for.

    Parameters
    ----------
    elements : tuple of str
        Symbols.
    kind : str
        Of `KINDS`.
    fill : {"nearest", "segments", "dots"}
        See `napari_gdls.mineralogy.measurement_maps.filled_map`.
    expression : str
        An expression of maps; "" for none.
    quantity : str
        A coordinate of solid solutions, such as "An"; "" for none.
    """

    elements: tuple[str, ...] = ()
    kind: str = "counts"
    fill: str = "nearest"
    expression: str = ""
    quantity: str = ""


@dataclass(frozen=True, eq=False)
class MadeMap:
    """A map to be shown.

    Attributes
    ----------
    title : str
        Second part of the layer's name: "Fe net counts". Maps of one title replace one another.
    unit : str
        Of its values: "counts", "wt%", or "".
    values : (H, W) float32
        NaN where nothing is known.
    element : str
        That it shows; "" for expressions and coordinates.
    """

    title: str
    unit: str
    values: npt.NDArray[np.float32]
    element: str = ""


def instrument_of(state: FieldState, field: Field, progress: Progress) -> Instrument:
    """Calibration of a field; takes seconds where its phases have no names yet, the first time.

    Parameters
    ----------
    state : FieldState
    field : Field
        Its field.
    progress : Progress

    Raises
    ------
    RecipeError
        If the beam energy is not known.
    """
    beam_energy = state.beam_energy
    if beam_energy is None:
        raise RecipeError(
            "The field does not say its beam energy, which lines of elements follow from. Set it in the dock Segment, "
            "under Minerals."
        )
    return known_instrument(state) or calibration_of(field, beam_energy, progress)


def made_maps(state: FieldState, shown: Result | None, request: MapRequest, progress: Progress) -> list[MadeMap]:
    """Compute maps; for a thread beside the window.

    Parameters
    ----------
    state : FieldState
        Its field and beam energy are read alone.
    shown : Result or None
        What was shown when it was asked for.
    request : MapRequest
    progress : Progress

    Raises
    ------
    GdlsError
        If something that is asked for cannot be mapped.
    """
    maps: list[MadeMap] = []
    if request.elements:
        maps += _element_maps(state, shown, request, progress)
    if request.expression:
        maps.append(_expression_map(state, shown, request, progress))
    if request.quantity:
        maps.append(_coordinate_map(state, shown, request.quantity, progress))
    return maps


def _element_maps(state: FieldState, shown: Result | None, request: MapRequest, progress: Progress) -> list[MadeMap]:
    if request.kind == "window":
        return [_line_window(state, shown, element, request.fill, progress) for element in request.elements]
    percents = request.kind in ("segments", "phases")
    names = [f"wt({element})" if percents else element for element in request.elements]
    images = _images(state, shown, names, request, progress)
    unit = "wt%" if percents else "counts"
    what = {"counts": "net counts", "segments": "wt% by segment", "phases": "wt% by phase"}[request.kind]
    return [
        MadeMap(f"{element} {what}", unit, images[name], element)
        for element, name in zip(request.elements, names, strict=True)
    ]


def _line_window(state: FieldState, shown: Result | None, element: str, fill: str, progress: Progress) -> MadeMap:
    from napari_gdls.mineralogy.measurement_maps import filled_map
    from napari_gdls.spectra import element_window

    progress("window", 0.0)
    field = state.field
    low, high = element_window(element, beam_energy=state.beam_energy or field.assumed_beam_energy)
    if high > field.energy.edges[-1]:
        raise RecipeError(
            f"The line of {element} from {low / 1000:.2f} to {high / 1000:.2f} keV lies beyond the spectra; choose "
            f'"{KINDS["counts"]}", which takes all lines.'
        )
    values = field.window_counts(low, high)
    image = filled_map(field, values, fill, None if shown is None else shown.segmentation.labels)
    return MadeMap(f"{element} counts {low / 1000:.2f}-{high / 1000:.2f} keV", "counts", image, element)


def _expression_map(state: FieldState, shown: Result | None, request: MapRequest, progress: Progress) -> MadeMap:
    from napari_gdls.mineralogy import read_expression

    expression = read_expression(request.expression)
    images = _images(state, shown, expression.names, request, progress)
    return MadeMap(expression.text, "", expression.value(images).astype(np.float32))


def _coordinate_map(state: FieldState, shown: Result | None, quantity: str, progress: Progress) -> MadeMap:
    from napari_gdls.mineralogy import quantity_map

    if shown is None or not shown.segmentation.names:
        raise RecipeError(f"{quantity} is known of named phases alone: segment the field, and wait for their names.")
    instrument = instrument_of(state, state.field, progress)
    return MadeMap(quantity, "", quantity_map(shown.segmentation, quantity, instrument, progress=progress).values)


def _images(
    state: FieldState, shown: Result | None, names: tuple[str, ...] | list[str], request: MapRequest, progress: Progress
) -> dict[str, npt.NDArray[np.float32]]:
    from napari_gdls.mineralogy.quantity_images import quantity_images

    measured = any(name not in ("BSE", "counts") for name in names)
    instrument = instrument_of(state, state.field, progress) if measured else None
    compositions = None
    if shown is not None and instrument is not None and any("(" in name for name in names):
        compositions = _compositions_of(shown, instrument, request.kind == "phases", progress)
    return quantity_images(
        state.field,
        names,
        instrument,
        fill=request.fill,
        segmentation=None if shown is None else shown.segmentation,
        compositions=compositions,
        progress=progress,
    )


def _compositions_of(shown: Result, instrument: Instrument, of_phases: bool, progress: Progress) -> SegmentCompositions:
    """Compositions of the segments of a result, measured once, in some tenths of a second each."""
    from napari_gdls.mineralogy import segment_compositions

    known = _compositions.setdefault(shown.segmentation, {})
    key = (instrument, of_phases)
    if key not in known:
        known[key] = segment_compositions(
            shown.segmentation, instrument, minerals=shown.minerals, of_phases=of_phases, progress=progress
        )
    return known[key]


def possible_coordinates(shown: Result | None) -> tuple[str, ...]:
    """Coordinates of solid solutions that some phase of a result has, such as "An" and "Mg#", in order.

    Parameters
    ----------
    shown : Result or None
    """
    if shown is None or not shown.segmentation.names:
        return ()
    from napari_gdls.mineralogy.solid_solutions import compared_elements

    found = [name for each in shown.segmentation.names for name in compared_elements(each.group, each.name)]
    return tuple(dict.fromkeys(found))


def elements_of_field(shown: Result | None) -> tuple[str, ...]:
    """Elements that the named phases of a result hold, by atomic number; () where nobody has looked.

    Parameters
    ----------
    shown : Result or None
    """
    if shown is None or shown.minerals is None:
        return ()
    from napari_gdls.elements import SYMBOLS

    found = {symbol for row in shown.minerals.rows for symbol in row.composition.mass_percent}
    return tuple(symbol for symbol in SYMBOLS if symbol in found)
