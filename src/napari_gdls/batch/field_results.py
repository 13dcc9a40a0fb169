"""What is kept of a segmented field: its labels and images, and sums of its phases. The spectra stay in their file.

``NAME.KEY.gdls-field`` is one zip archive with checksums (`napari_gdls.io.checksummed`) of a Zarr 3 group, which any
reader of Zarr opens.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls._version import __version__
from napari_gdls.batch.field_parts import Parts, parts_of
from napari_gdls.batch.stored_values import read_values, write_values
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.mineralogy.calibration import take_off_of
from napari_gdls.phases.sums import Pool
from napari_gdls.segmentation import Segmentation

VERSION = 1
"""Of the format."""

SURE = 255
"""Confidence of a pixel whose phase is certain; confidences are kept in parts of this."""

IMAGES = ("labels", "confidence", "bse", "valid")
"""What of a result can be left out when it is read."""

_KIND = "gdls-field-result"

_UM_IN_MM = 1000.0  # um


@dataclass(frozen=True, eq=False)
class FieldResult:
    """A segmented field of a batch.

    Attributes
    ----------
    name : str
    key : str
        Of the task: digest of input, recipe and version, hexadecimal.
    parts : Parts
    energy : EnergyAxis
        Of the spectra.
    total_spectrum : (D,) array of float64
        Sum of all spectra.
    n_measurements : int
    shape : (int, int)
        Height and width in pixels.
    bse_full_scale : float
    pixel_size : float or None, um
    beam_energy : float or None, keV
    sampling_distance : float, px
    scale : dict of str to float
        Units in which differences were judged, `napari_gdls.phases.difference.Scale`: "c", "f", "dispersion",
        "height", "tau_z".
    segments : dict of str to (K,) array
        `Segmentation.segment_table`, less names.
    part_of_segment : (K,) array of int64
        By segment from 0: segment k is label k + 1.
    stage_position : (float, float) or None
        x and y of the stage in um, where the file holds them.
    artefacts : tuple of str
        Symbols of elements that are no part of the specimen.
    facts : dict
        Whatever else is worth knowing: recipe, version, "take_off_angle" (degrees, or None). Nothing that differs from
        run to run.
    labels : (H, W) array of int32, or None
        Segments: connected regions of one part, from 1; 0 is nothing. None, as the other images, where only the sums
        were read.
    confidence : (H, W) array of uint8, or None
        Of the phase of each pixel, in parts of `SURE`.
    bse : (H, W) array, or None
        As measured.
    valid : (H, W) array of bool, or None
    """

    name: str
    key: str
    parts: Parts
    energy: EnergyAxis
    total_spectrum: npt.NDArray[np.float64]
    n_measurements: int
    shape: tuple[int, int]
    bse_full_scale: float
    pixel_size: float | None
    beam_energy: float | None
    sampling_distance: float
    scale: dict[str, float]
    segments: dict[str, npt.NDArray[Any]]
    part_of_segment: npt.NDArray[np.int64]
    stage_position: tuple[float, float] | None = None
    artefacts: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    labels: npt.NDArray[np.int32] | None = None
    confidence: npt.NDArray[np.uint8] | None = None
    bse: npt.NDArray[Any] | None = None
    valid: npt.NDArray[np.bool_] | None = None


def field_result(segmentation: Segmentation, name: str, key: str) -> FieldResult:
    """What is kept of a segmentation.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that makes phases.
    name : str
    key : str

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    measured, found = segmentation.field, segmentation.grouped
    confidence = segmentation.confidence
    return FieldResult(
        name=name,
        key=key,
        parts=parts_of(segmentation),
        energy=measured.energy,
        total_spectrum=np.asarray(measured.total_spectrum, dtype=np.float64),
        n_measurements=measured.n_measurements,
        shape=measured.shape,
        bse_full_scale=float(measured.bse_full_scale),
        pixel_size=measured.pixel_size,
        beam_energy=measured.beam_energy,
        sampling_distance=float(measured.sampling_distance),
        scale={
            "c": found.scale.calibration.c,
            "f": found.scale.calibration.f,
            "dispersion": found.scale.dispersion,
            "height": found.scale.height,
            "tau_z": found.scale.tau_z,
        },
        segments={title: column for title, column in segmentation.segment_table().items() if title != "name"},
        part_of_segment=segmentation.phases,
        stage_position=_stage_position(measured.metadata),
        artefacts=measured.artefacts,
        facts={
            "recipe": segmentation.recipe.to_json(),
            "program": f"napari-gdls {__version__}",
            "take_off_angle": take_off_of(measured.metadata),
        },
        labels=segmentation.labels,
        confidence=None if confidence is None else np.rint(confidence * SURE).astype(np.uint8),
        bse=np.asarray(measured.bse),
        valid=np.asarray(measured.valid),
    )


def _stage_position(metadata: Mapping[str, Any]) -> tuple[float, float] | None:
    """Where the stage was, in um: files of Oxford Instruments have it in mm; no other format says it with its unit."""
    said = metadata.get("acquisition", {})
    oxford = said.get("Oxford", {}) if isinstance(said, Mapping) else {}
    if not isinstance(oxford, Mapping):
        return None
    x, y = (oxford.get(f"Stage Position/{axis}") for axis in "XY")
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return None
    return float(x) * _UM_IN_MM, float(y) * _UM_IN_MM


def write_field_result(path: str | os.PathLike[str], result: FieldResult, *, overwrite: bool = True) -> None:
    """Write the result of a field, atomically; equal ones give equal bytes.

    Raises
    ------
    OutputError
        If the system refuses, or the target exists and `overwrite` is false.
    """
    values = {name: value for name, value in vars(result).items() if name not in IMAGES}
    values |= {"parts": {**vars(result.parts), "pool": vars(result.parts.pool)}, "energy": vars(result.energy)}
    images = {name: getattr(result, name) for name in IMAGES if getattr(result, name) is not None}
    write_values(path, _KIND, VERSION, values, images, overwrite=overwrite)


def read_field_result(
    path: str | os.PathLike[str],
    *,
    images: bool | Collection[str] = True,
    whole: bool = True,
    memory_limit: int | None = None,
) -> FieldResult:
    """Read the result of a field.

    Parameters
    ----------
    path : path-like
    images : bool or collection of str
        Whether all images are wanted, or which: of "labels", "confidence", "bse", "valid".
    whole : bool
        Whether all bytes are compared with their checksums; else those alone that are read, which is how sums of
        thousands of fields are read in a minute.
    memory_limit : int, optional
        Most bytes that reading may take. None: 4 GiB.

    Raises
    ------
    FieldReadError
        If it is none, is damaged, or comes from a later version.
    """
    wanted = (IMAGES if images else ()) if isinstance(images, bool) else tuple(images)
    values = read_values(path, _KIND, VERSION, images=wanted, whole=whole, memory_limit=memory_limit)
    try:
        parts = values.pop("parts")
        values |= {"energy": EnergyAxis(**values["energy"]), "parts": Parts(**{**parts, "pool": Pool(**parts["pool"])})}
        return FieldResult(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise FieldReadError(path, f"holds no result of a field: {error}") from error
