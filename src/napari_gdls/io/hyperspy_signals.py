"""Fields as signals of HyperSpy, and back: `napari_gdls.Field.to_hyperspy` and `from_hyperspy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, FieldReadError
from napari_gdls.io.bse_choice import COUNTS
from napari_gdls.io.contracts import ReadOptions
from napari_gdls.io.counts_source import rows_of_a_block
from napari_gdls.io.limits import checked_energy, checked_memory_limit
from napari_gdls.io.map_contents import FileContents, MapImage
from napari_gdls.io.map_files import field_of
from napari_gdls.io.rosetta.signals import as_map

if TYPE_CHECKING:
    from napari_gdls.field import Field

_INSTALL = 'Install HyperSpy with its EDS signals: pip install "napari-gdls[hyperspy]"'
_TRANSMISSION_FROM = 60.0
"""keV. Scanning microscopes have beams of up to 30 keV, transmission microscopes of 80 keV and more; HyperSpy keeps
them apart in its signal types and metadata."""

_OWN = "napari_gdls"
"""Where in the original metadata of a signal stands what HyperSpy has no place for."""
_SCALARS = ("sampling_distance", "pixel_size", "beam_energy", "bse_full_scale")


def field_from_signal(
    signal: Any,
    bse: Any = None,
    *,
    energy: tuple[float, float] | None = None,
    gain: float | None = None,
    memory_limit: int | None = None,
) -> Field:
    """The field in a signal of HyperSpy; see `napari_gdls.Field.from_hyperspy`."""
    if not (hasattr(signal, "_to_dictionary") and hasattr(signal, "axes_manager")):
        raise FieldError(f"a {type(signal).__name__} is no signal of HyperSpy; give what hs.load returned.")
    place = Path(f"signal {signal.metadata.General.title or 'untitled'!r}".replace("/", "_"))
    own = _own(signal)
    if own is not None and "row" in own:
        return _field_of_points(signal, own, bse)
    found = as_map(place, {**signal._to_dictionary(add_learning_results=False), "data": signal.data})
    if found is None:
        raise FieldError(
            f"{place} is no map of spectra: its data have the shape {signal.data.shape}, its axes are "
            f"{', '.join(str(axis.name) for axis in signal.axes_manager._axes)}; two axes of pixels and one of energy, "
            "with its unit (eV or keV), are needed."
        )
    if own is not None:
        valid = np.ones(found.shape[:2], np.bool_)
        valid[tuple(np.array(own.get("not_valid") or np.zeros((0, 2)), np.int64).T)] = False
        found, gain = replace(found, valid=valid), own["gain"] if gain is None else gain
    images: tuple[MapImage, ...] = ()
    choice: str | int = COUNTS
    pixels = _pixels(bse)
    if pixels is not None:
        if pixels.shape != found.shape[:2]:
            raise FieldError(
                f"the BSE image has the shape {pixels.shape}, the map of spectra {found.shape[:2]}; crop or scale the "
                "image to the map, or give 'counts' for the map of total counts."
            )
        images, choice = (MapImage("BSE", pixels),), 0
    options = ReadOptions(checked_memory_limit(memory_limit), choice, gain=gain, energy=checked_energy(energy))
    try:
        field = field_of(place, "HyperSpy", FileContents(images, (found,)), options)
    except FieldReadError as error:
        raise FieldError(str(error)) from error
    field.name = str(signal.metadata.General.title)
    if own is not None:
        field = field.with_artefacts(own["artefacts"])
    field.metadata = {"acquisition": found.acquisition} | (
        {"warnings": notes} if (notes := field.metadata.get("warnings")) else {}
    )
    return field


def _own(signal: Any) -> dict[str, Any] | None:
    """What `signal_of_field` has left in a signal; None in the signals of others, and after their pixels were cut."""
    own: dict[str, Any] | None = signal.original_metadata.as_dictionary().get(_OWN)
    return own if own is not None and tuple(own["shape"]) == signal.data.shape else None


def _pixels(bse: Any) -> npt.NDArray[Any] | None:
    """Pixels of an image that may be a signal of HyperSpy; None for the map of total counts."""
    if bse is None or (isinstance(bse, str) and bse == COUNTS):
        return None
    return np.asarray(bse.data if hasattr(bse, "axes_manager") else bse)


def _field_of_points(signal: Any, own: Mapping[str, Any], bse: Any) -> Field:
    from napari_gdls.field import Field

    pixels = _pixels(bse)
    if pixels is None:
        raise FieldError("this signal holds spectra at single pixels; give the BSE image that they lie in as bse.")
    axis = signal.axes_manager.signal_axes[0]
    return Field(
        pixels,
        np.asarray(signal.data),
        np.transpose([own["row"], own["column"]]),
        EnergyAxis(round(1000 * axis.offset, 9), round(1000 * axis.scale, 9), axis.size),
        sampling_distance=own["sampling_distance"],
        pixel_size=own["pixel_size"],
        beam_energy=own["beam_energy"],
        bse_full_scale=own["bse_full_scale"] if pixels.dtype.kind == "f" else None,
        gain=own["gain"],
        artefacts=own["artefacts"],
        name=signal.metadata.General.title,
    )


def signal_of_field(field: Field, *, lazy: bool | None = None) -> Any:
    """A signal of HyperSpy with the spectra of a field; see `napari_gdls.Field.to_hyperspy`."""
    try:
        import hyperspy.api as hs
    except ImportError:
        raise FieldError(f"HyperSpy is not installed. {_INSTALL}") from None
    data = cube_of_field(field, lazy=lazy)
    size = field.pixel_size
    spacing = {"scale": size if size else 1.0, "units": "µm" if size else "px", "offset": 0.0, "navigate": True}
    if data.ndim == 3:
        axes = [{"name": name, "size": n, **spacing} for name, n in zip("yx", field.shape, strict=True)]
    else:
        axes = [{"name": "measurement", "size": len(data), "scale": 1.0, "offset": 0.0, "units": "", "navigate": True}]
    axes.append(
        {
            "name": "Energy",
            "size": field.energy.size,
            "scale": field.energy.width / 1000,
            "offset": field.energy.offset / 1000,
            "units": "keV",
            "navigate": False,
        }
    )
    signal = hs.signals.BaseSignal(data, axes=axes, metadata=_metadata(field))
    if not isinstance(data, np.ndarray):
        signal = signal.as_lazy()
    signal.set_signal_type(signal.metadata.Signal.signal_type)
    _fill(signal, field)
    return signal


def cube_of_field(field: Field, *, lazy: bool | None = None) -> Any:
    """(H, W, D) counts where each valid pixel has a spectrum, else (N, D); 0 where nothing was measured.

    Parameters
    ----------
    field : Field
    lazy : bool, optional
        Whether it is an array of dask. None: where the spectra of the field are not in memory.
    """
    if lazy is None:
        lazy = not (isinstance(field.spectra, np.ndarray) or sp.issparse(field.spectra))
    n, channels = field.spectra.shape
    if not field.is_dense:
        rows = np.arange(n)
        shape: tuple[int, ...] = (n, channels)
    else:
        rows = np.full(field.shape, -1, np.int64)
        rows[field.locations[:, 0], field.locations[:, 1]] = np.arange(n)
        shape = (*field.shape, channels)
    itemsize = field.spectra.dtype.itemsize
    step = rows_of_a_block((shape[0], shape[1] if len(shape) == 3 else 1, channels), itemsize)
    if not lazy:
        cube = np.zeros(shape, field.spectra.dtype)
        for first in range(0, shape[0], step):
            cube[first : first + step] = _block(field, rows[first : first + step])
        return cube
    import dask.array as da
    from dask.delayed import delayed

    made = delayed(_block, pure=True)
    blocks = [rows[first : first + step] for first in range(0, shape[0], step)]
    return da.concatenate(
        [da.from_delayed(made(field, block), (*block.shape, channels), field.spectra.dtype) for block in blocks]
    )


def _block(field: Field, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    measured = rows >= 0
    out = np.zeros((*rows.shape, field.energy.size), field.spectra.dtype)
    found = field.spectra[rows[measured]]
    out[measured] = found.toarray() if sp.issparse(found) else found
    return out


def is_transmission(field: Field) -> bool:
    """Whether a field was measured in a transmission microscope: as its file says, else by the energy of the beam."""
    kept = field.metadata.get("acquisition")
    if isinstance(kept, dict) and ("TEM" in kept) != ("SEM" in kept):
        return "TEM" in kept
    return field.beam_energy is not None and field.beam_energy >= _TRANSMISSION_FROM


def _metadata(field: Field) -> dict[str, Any]:
    column = "TEM" if is_transmission(field) else "SEM"
    return {
        "General": {"title": field.name},
        "Signal": {"signal_type": f"EDS_{column}"},
        "Acquisition_instrument": _acquisition(field, column),
    }


def _acquisition(field: Field, column: str) -> dict[str, Any]:
    kept = field.metadata.get("acquisition")
    tree = dict(kept) if isinstance(kept, dict) else {}
    stated = tree.get(column)
    instrument = dict(stated) if isinstance(stated, dict) else {}
    if field.beam_energy is not None:
        instrument["beam_energy"] = field.beam_energy
    return {**tree, column: instrument}


def _fill(signal: Any, field: Field) -> None:
    """What HyperSpy has no place for, in the metadata of its own tree."""
    own: dict[str, Any] = {"shape": list(signal.data.shape), "gain": 1.0, "artefacts": list(field.artefacts)}
    if not field.is_dense:
        own |= {"row": field.locations[:, 0].tolist(), "column": field.locations[:, 1].tolist()}
        own |= {name: getattr(field, name) for name in _SCALARS}
    elif not field.valid.all():
        own |= {"not_valid": np.argwhere(~field.valid).tolist()}
    signal.original_metadata.add_dictionary({_OWN: own})
