"""Labels as GeoJSON polygons, which QuPath, geographic information systems and shapely read.

Coordinates are pixels of the image, x to the right and y down, (0, 0) its upper left corner: what QuPath asks for. One
feature a label; its geometry runs along the edges of pixels, so that rasterising it gives back the labels exactly
(`napari_gdls.io.label_polygons`). A last member of the collection, ``image``, says the size of the image in px and,
where it is known, of a pixel in um: RFC 7946 lets programs pass over members that they do not know.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import atomic_file
from napari_gdls.io.described_labels import DescribedLabels
from napari_gdls.io.label_polygons import label_polygons

ENDING = ".geojson"

_LONGEST_POINT = 24
"""Bytes of a point, "[2147483647,2147483647],": coordinates have ten digits at most."""


def write_geojson(
    path: str | os.PathLike[str],
    described: DescribedLabels,
    *,
    pixel_size: float | None = None,
    overwrite: bool = True,
) -> None:
    """Write labels as a GeoJSON collection of polygons, atomically; equal labels give equal files.

    Parameters
    ----------
    path : path-like
    described : DescribedLabels
        Labels that have no row in its table are left out, as 0 is. The columns of the table become properties of the
        features. For QuPath a feature is a detection with its class, which has the colour, and with the numbers of the
        table as measurements.
    pixel_size : float, optional
        Edge of a pixel, in um.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the image is too large to be traced, or the system refuses; what stood at the target is untouched.

    Notes
    -----
    RFC 7946, The GeoJSON format (2016), but for its coordinates, which are those of a map of the earth there. QuPath:
    the properties that its class PathObjectTypeAdapters reads (version 0.4 and later): ``objectType``,
    ``classification`` with ``name`` and ``color``, ``measurements``.
    """
    name = os.fspath(path)
    height, width = described.labels.shape
    try:
        polygons = label_polygons(described.labels)
    except ValueError as error:
        raise OutputError(f"{name}: {error}; write the labels as OME-TIFF or OME-Zarr.") from None
    image = {"height": height, "width": width}
    sized = image if pixel_size is None else {**image, "pixel_size_um": float(pixel_size)}
    coordinates, ends = _coordinates(polygons.points, polygons.rings, polygons.polygons)
    first = np.searchsorted(polygons.labels, described.values)
    last = np.searchsorted(polygons.labels, described.values, side="right")
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        separator = b"\n"
        for k, properties in enumerate(_properties(described)):
            if first[k] == last[k]:  # described, and nowhere in the image
                continue
            geometry = _geometry(coordinates, ends, int(first[k]), int(last[k]))
            head = f'{{"type":"Feature","id":{properties["label"]},"geometry":'
            file.write(separator + head.encode() + geometry + b',"properties":' + _json(properties) + b"}")
            separator = b",\n"
        file.write(b'\n],"image":' + _json(sized) + b"}\n")


def _properties(described: DescribedLabels) -> list[dict[str, Any]]:
    colours = described.colours_8bit()
    features = []
    for k, row in enumerate(described.rows()):
        numbers = {key: value for key, value in row.items() if not isinstance(value, str | bool) and key != "label"}
        properties: dict[str, Any] = {**row, "objectType": "detection"}
        if described.classes is not None and described.classes[k]:
            of_class: dict[str, Any] = {"name": described.classes[k]}
            properties["classification"] = of_class if colours is None else {**of_class, "color": colours[k]}
        elif colours is not None:
            properties["color"] = colours[k]
        features.append({**properties, "measurements": numbers} if numbers else properties)
    return features


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _geometry(coordinates: bytes, ends: npt.NDArray[np.int64], first: int, last: int) -> bytes:
    """The polygon, or the polygons, of one label: those of these numbers."""
    parts = [coordinates[(ends[k - 1] if k else 0) : ends[k]] for k in range(first, last)]
    if len(parts) == 1:
        return b'{"type":"Polygon","coordinates":' + parts[0] + b"}"
    return b'{"type":"MultiPolygon","coordinates":[' + b",".join(parts) + b"]}"


def _coordinates(
    points: npt.NDArray[np.int32], rings: npt.NDArray[np.int64], polygons: npt.NDArray[np.int64]
) -> tuple[bytes, npt.NDArray[np.int64]]:
    """Coordinates of all polygons as text, one behind the other, and where each ends."""
    room = _LONGEST_POINT * (len(points) + len(rings)) + 4 * (len(rings) + len(polygons))
    text, ends = _written(points, rings, polygons, np.empty(room, dtype=np.uint8))
    return text.tobytes(), ends


@nb.njit(cache=True, nogil=True)
def _written(
    points: npt.NDArray[np.int32],
    rings: npt.NDArray[np.int64],
    polygons: npt.NDArray[np.int64],
    text: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Text such as "[[[x,y],[x,y]],[[x,y]]]" for each polygon, its rings closed.

    Relies on what `napari_gdls.io.label_polygons.LabelPolygons` says of its arrays, and on room for all in `text`, as
    `_coordinates` makes it.
    """
    opening, closing, comma, zero = 91, 93, 44, 48  # of ASCII: "[", "]", ",", "0"
    ends = np.empty(len(polygons) - 1, dtype=np.int64)
    digits = np.empty(10, dtype=np.uint8)
    n = 0
    for polygon in range(len(polygons) - 1):
        text[n] = opening
        n += 1
        for ring in range(polygons[polygon], polygons[polygon + 1]):
            if ring > polygons[polygon]:
                text[n] = comma
                n += 1
            text[n] = opening
            n += 1
            length = rings[ring + 1] - rings[ring]
            for k in range(length + 1):
                point = rings[ring] + k % length
                if k:
                    text[n] = comma
                    n += 1
                for axis in range(2):
                    text[n] = comma if axis else opening
                    n += 1
                    value = points[point, axis]
                    m = 0
                    while True:
                        digits[m] = zero + value % 10
                        m += 1
                        value //= 10
                        if value == 0:
                            break
                    for place in range(m - 1, -1, -1):
                        text[n] = digits[place]
                        n += 1
                text[n] = closing
                n += 1
            text[n] = closing
            n += 1
        text[n] = closing
        n += 1
        ends[polygon] = n
    return text[:n], ends
