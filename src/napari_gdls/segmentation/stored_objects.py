"""Results as plain values and arrays that a file can hold, and back, every value checked for what it has to be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_gdls.embedding import Calibration
from napari_gdls.errors import OutputError
from napari_gdls.field import Field
from napari_gdls.graph import MeasurementGraph
from napari_gdls.graph.merging import MergeTree
from napari_gdls.labelling.brightness import LabelBrightness
from napari_gdls.labelling.local_walker import PixelTask
from napari_gdls.phases.constraints import Constraints
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.measurement_phases import MeasurementPhases
from napari_gdls.phases.over_dispersion import Dispersion
from napari_gdls.phases.sums import Pool
from napari_gdls.recipe import Recipe
from napari_gdls.segmentation.names import PhaseName
from napari_gdls.segmentation.result import Segmentation
from napari_gdls.spectra import Drift

Spec = str | type | tuple[type, ...]
"""What a value has to be: an array ("int32 HW": its dtype, and a letter for every side; a trailing "?" for one that may
be missing), or of one of some types."""

_NONE = type(None)
_NUMBER = (float, int, np.floating, np.integer)

_SPECS: Mapping[type, Mapping[str, Spec]] = {
    Calibration: {"c": _NUMBER, "f": _NUMBER},
    Drift: {
        "offset": "float64 2",
        "gain": "float64 2",
        "offset_error": "float64 2",
        "gain_error": "float64 2",
        "n_lines": int,
    },
    MeasurementGraph: {
        "locations": "int64 N2",
        "edges": "int64 E2",
        "delta_b": "float64 E",
        "delta_z": "float64 E",
        "distance_z": "float64 E",
        "length": "float64 E",
        "height": "float64 E?",
    },
    MergeTree: {
        "n_measurements": int,
        "kept": "int64 M",
        "absorbed": "int64 M",
        "height": "float64 M",
        "degrees_of_freedom": int,
    },
    Scale: {"calibration": Calibration, "dispersion": _NUMBER, "height": _NUMBER, "tau_z": _NUMBER},
    Dispersion: {"counts": _NUMBER, "embedded": _NUMBER, "n_segments": int},
    Pool: {"counts": "int64 PW", "z": "float64 Pd", "size": "int64 P", "bse": "float64 P"},
    MeasurementPhases: {
        "labels": "int64 N",
        "partner": "int64 N",
        "fraction": "float32 N",
        "confidence": "float32 N",
        "pool": Pool,
        "intergrown": "bool P",
        "scale": Scale,
        "dispersion": Dispersion,
    },
    LabelBrightness: {"mean": "float32 K", "spread": "float32 K", "global_weight": np.float32},
    PixelTask: {
        "labels": "int32 N",
        "names": "int64 K",
        "purity": "float32 N",
        "brightness": LabelBrightness,
        "beta": _NUMBER,
        "reach": _NUMBER,
    },
    PhaseName: {
        "name": str,
        "probability": (*_NUMBER, _NONE),
        "source": str,
        "cannot_be_told_from": tuple,
        "group": str,
        "formula": str,
        "details": str,
        "quantities": (dict, MappingProxyType),
        "measured": (PhaseName, _NONE),
    },
    Segmentation: {
        "labels": "int32 HX",
        "measurement_labels": "int64 N",
        "phases": "int64 K",
        "graph": MeasurementGraph,
        "embedding": "float32 Nd",
        "recipe": Recipe,
        "field": Field,
        "timings": dict,
        "drift": (Drift, _NONE),
        "calibration": (Calibration, _NONE),
        "confidence": "float32 HX?",
        "tree": (MergeTree, _NONE),
        "measurement_phases": (MeasurementPhases, _NONE),
        "constraints": Constraints,
        "merged_from": (Segmentation, _NONE),
        "uncorrected": (Segmentation, _NONE),
        "phases_before": "int64 Q?",
        "pixel_task": (PixelTask, _NONE),
        "names": tuple,
    },
}
"""Every class that is stored, with what each of its fields has to be."""

_BY_NAME = {cls.__name__: cls for cls in _SPECS}


def to_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as mappings, lists, numbers, text and arrays; what stands in several places is written once.

    Parameters
    ----------
    values : mapping
        Of plain values, and of objects of the classes that results are made of.

    Raises
    ------
    OutputError
        If there is something else among them.
    """
    known: dict[int, int] = {}
    objects: list[Any] = []

    def plain(value: Any) -> Any:
        if isinstance(value, Field):
            return {"field": True}
        if isinstance(value, Recipe | Constraints):
            return {type(value).__name__.lower(): value.to_json()}
        if type(value) in _SPECS:
            if id(value) not in known:
                fields = {name: plain(getattr(value, name)) for name in _fields_of(type(value))}
                known[id(value)] = len(objects)
                objects.append({"class": type(value).__name__, "fields": fields})
            return {"object": known[id(value)]}
        if isinstance(value, Mapping):
            return {"mapping": {key: plain(each) for key, each in value.items()}}
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(plain(each) for each in value)
        if value is None or isinstance(value, bool | int | float | str | np.ndarray | np.generic):
            return value
        raise OutputError(f"results hold a {type(value).__name__}, which cannot be stored; the program has a fault.")

    stored = {name: plain(value) for name, value in values.items()}
    return {"objects": objects, "values": stored}


def from_parts(parts: Any, field: Field) -> dict[str, Any]:
    """The values that `to_parts` was given.

    Parameters
    ----------
    parts
        As it was made; anything else is refused.
    field : Field
        That the results are of.

    Raises
    ------
    ValueError, TypeError, KeyError, IndexError, AttributeError, GdlsError
        If they are nothing that `to_parts` has made of results of this field.
    """
    objects: list[Any] = []
    for each in parts["objects"]:
        cls = _BY_NAME[each["class"]]
        given = {str(name): _value(value, objects, field) for name, value in each["fields"].items()}
        objects.append(_made(cls, given, field))
    return {str(name): _value(value, objects, field) for name, value in parts["values"].items()}


def _value(value: Any, objects: Sequence[Any], field: Field) -> Any:
    if isinstance(value, tuple):
        return tuple(_value(each, objects, field) for each in value)
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    readers: dict[str, Callable[[], Any]] = {
        "field": lambda: field,
        "recipe": lambda: Recipe.from_json(content),
        "constraints": lambda: Constraints.from_json(content),
        "object": lambda: objects[_index(content, len(objects))],
        "mapping": lambda: {str(key): _value(each, objects, field) for key, each in content.items()},
    }
    return readers[kind]()


def _index(value: Any, n: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < n:
        raise ValueError(f"there is no object {value!r}")
    return value


def _made(cls: type, given: dict[str, Any], field: Field) -> Any:
    """An object of a class, its fields checked."""
    fields = _fields_of(cls)
    if set(given) != set(fields):
        raise ValueError(f"{cls.__name__} has the fields {', '.join(fields)}, not {', '.join(given)}")
    sides = {"N": field.n_measurements, "2": 2}
    if cls is Segmentation:
        sides |= {"H": field.shape[0], "X": field.shape[1]}
    for name, spec in _SPECS[cls].items():
        _check(f"{cls.__name__}.{name}", given[name], spec, sides)
    made = cls(**given)
    _CHECKS.get(cls, _nothing)(made)
    return made


def _check(where: str, value: Any, spec: Spec, sides: dict[str, int]) -> None:
    if not isinstance(spec, str):
        if not isinstance(value, spec) or (isinstance(value, bool) and spec is not bool):
            raise ValueError(f"{where} is a {type(value).__name__}")
        return
    if spec.endswith("?") and value is None:
        return
    dtype, letters = spec.rstrip("?").split()
    if not isinstance(value, np.ndarray) or value.dtype != np.dtype(dtype) or value.ndim != len(letters):
        raise ValueError(f"{where} is no array of {dtype} with {len(letters)} sides")
    for letter, length in zip(letters, value.shape, strict=True):
        if sides.setdefault(letter, length) != length:
            raise ValueError(f"{where} has the shape {value.shape}")
    if value.dtype.kind == "f" and np.isnan(value).any():
        raise ValueError(f"{where} holds what is no number")


def _within(where: str, values: Any, low: int, high: int) -> None:
    if values.size and not (values.min() >= low and values.max() <= high):
        raise ValueError(f"{where} runs from {values.min()} to {values.max()}, and not from {low} to {high}")


def _check_phases(found: MeasurementPhases) -> None:
    n = len(found.pool)
    _within("MeasurementPhases.labels", found.labels, 0, n - 1)
    _within("MeasurementPhases.partner", found.partner, -1, n - 1)
    for name in ("fraction", "confidence"):
        _within(f"MeasurementPhases.{name}", getattr(found, name), 0, 1)
    if len(found.intergrown) != n or found.pool.size.min(initial=0) < 0 or found.pool.counts.min(initial=0) < 0:
        raise ValueError("MeasurementPhases.pool does not fit its phases")


def _check_task(task: PixelTask) -> None:
    _within("PixelTask.labels", task.labels, 0, len(task.names) - 1)
    if len(task.brightness.mean) != len(task.names):
        raise ValueError("PixelTask.brightness does not fit its labels")


def _check_name(name: PhaseName) -> None:
    if not all(isinstance(each, str) for each in name.cannot_be_told_from):
        raise ValueError("PhaseName.cannot_be_told_from holds other things than names")
    if not all(isinstance(each, float | int | np.generic) for each in name.quantities.values()):
        raise ValueError("PhaseName.quantities holds other things than numbers")


def _check_segmentation(result: Segmentation) -> None:
    n = result.n_segments
    result.graph.require_field(result.field)
    _within("Segmentation.labels", result.labels, 0, n)
    _within("Segmentation.measurement_labels", result.measurement_labels, 0, n - 1)
    _within("Segmentation.phases", result.phases, 0, result.n_phases - 1)
    if result.confidence is not None:
        _within("Segmentation.confidence", result.confidence, 0, 1)
    if result.tree is not None and result.tree.n_measurements != len(result.measurement_labels):
        raise ValueError("Segmentation.tree is of another number of measurements")
    if not all(isinstance(name, PhaseName) for name in result.names) or len(result.names) not in (0, result.n_phases):
        raise ValueError("Segmentation.names is not one name for each phase")
    if not all(isinstance(seconds, float | int) for seconds in result.timings.values()):
        raise ValueError("Segmentation.timings holds other things than seconds")
    before = result.phases_before
    if (before is None) != (result.uncorrected is None or not result.has_phases):
        raise ValueError("Segmentation.phases_before does not fit its corrections")
    if before is not None and result.uncorrected is not None:
        _within("Segmentation.phases_before", before, -1, result.n_phases - 1)
        if len(before) != result.uncorrected.n_phases:
            raise ValueError("Segmentation.phases_before does not fit the result before its corrections")


def _nothing(value: Any) -> None:
    """What needs no further check."""


_CHECKS: Mapping[type, Callable[[Any], None]] = {
    MeasurementPhases: _check_phases,
    PixelTask: _check_task,
    PhaseName: _check_name,
    Segmentation: _check_segmentation,
}


def _fields_of(cls: type) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(cls, "_fields", ()) or tuple(each.name for each in dataclasses.fields(cls))
    return names
