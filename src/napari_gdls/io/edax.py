"""Files of EDAX APEX, ``.edaxh5`` and ``.h5`` of the same layout: maps of spectra and images in groups of areas.

EDAX has published no specification. Names of groups and attributes are those that public readers expect, pynxtools-em
(hfive_apex, 2026) and SciFiReaders (edax_reader, 2023), which were made on real files. What these do not settle, above
all the calibration, is asked for and not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.io.contracts import ReadOptions
from napari_gdls.io.hdf5_counts import Hdf5Counts, unwritten, whole_shape
from napari_gdls.io.hdf5_tree import attribute, data_sets, is_hdf5, number, opened, plain, text_attribute
from napari_gdls.io.limits import require_memory
from napari_gdls.io.map_contents import FileContents, MapImage, SpectralMap
from napari_gdls.io.map_files import MapFileReader
from napari_gdls.io.oxford_images import Frame, in_frame
from napari_gdls.io.rosetta.signals import as_map

if TYPE_CHECKING:
    import h5py

_COUNTS, _TOTAL = "SPD", "SPC"  # spectra of the pixels, and their sum
_IMAGES = {"MAPIMAGE": "MAPIMAGEIPR", "FOVIMAGE": "FOVIPR"}  # images, and the tables that hold their calibration
_DECLARED = ("NumberOfLines", "NumberOfPoints", "NumberOfChannels")  # compared without case: files say NumberofChannels
_EXPERIMENTAL = (
    "the layout of EDAX files is not published, and this reader has not been tried on a real one: check the elements "
    "that you know in a spectrum before you rely on the result"
)
_SAME_WIDTH = 1e-3
"""Part by which two widths of a channel in a file may differ: they are kept in single precision, or as decimals."""
_MOST_KV = 400.0
"""kV, of the strongest beams of common electron microscopes."""


class EdaxReader(MapFileReader):
    """EDAX APEX .edaxh5 and .h5."""

    name = "edaxh5"
    title = "EDAX APEX .edaxh5, .h5 (experimental)"
    endings = (".edaxh5",)

    def sniff(self, path: Path) -> bool:
        """Whether a file is HDF5 and has a project of EDAX in it, or a map as EDAX names it."""
        if not is_hdf5(path):
            return False
        try:
            with opened(path, self.title) as file:
                return any(_is_project(item) for item in (file, *file.values())) or any(
                    place.endswith(f"/{_COUNTS}") and attribute(data, *_DECLARED) is not None
                    for place, data in data_sets(path, file)
                )
        except FieldReadError:  # the ending of the name remains
            return False

    @contextmanager
    def contents(self, path: Path, options: ReadOptions) -> Iterator[FileContents]:
        """Images and maps of a file, as long as it is open; raises `FieldReadError`."""
        with opened(path, self.title) as file:
            places = dict(data_sets(path, file))
            maps = [
                _map(path, file, place, data)
                for place, data in places.items()
                if place.endswith(f"/{_COUNTS}") and len(whole_shape(data)) > 1
            ]
            images: list[MapImage] = []
            left_out: list[str] = []
            for place, data in places.items():
                if place.rsplit("/", 1)[-1] in _IMAGES:
                    try:
                        images.append(_image(path, file, place, data, options.memory_limit))
                    except FieldReadError as error:  # a map can do without it, and its layout is the least known
                        left_out.append(f"the image {_title(file, place)} is left out: it {error.problem}")
            maps = [replace(found, notes=(*found.notes, *left_out)) for found in maps]
            others = (
                "a map of EDAX is a data set SPD of a Live Map, and there is none: save the project with the spectra "
                "of its maps"
            )
            yield FileContents(tuple(images), tuple(maps), others)


EDAX_READER = EdaxReader()


def _is_project(item: Any) -> bool:
    return "edax" in text_attribute(item, "Company").lower() or (
        attribute(item, "PRODUCT_VERSION") is not None and any("/Area" in place for place in _two_below(item))
    )


def _two_below(group: Any) -> Iterator[str]:
    for name, item in group.items():
        yield f"/{name}"
        if hasattr(item, "keys"):
            yield from (f"/{name}/{inner}" for inner in item)


def _title(file: h5py.File, place: str) -> str:
    """Path without the project, of which a file holds one as a rule."""
    parts = place.split("/")[1:]
    return "/".join(parts[1:] if len(file) == 1 and len(parts) > 2 else parts)


def _map(path: Path, file: h5py.File, place: str, data: h5py.Dataset) -> SpectralMap:
    shape = whole_shape(data)
    if len(shape) != 3 or 0 in shape or data.dtype.base.kind not in "uif":
        raise FieldReadError(
            path, f"holds spectra as {data.dtype.base} of the shape {shape}; numbers of lines, points and channels "
            "are needed", where=place, remedy="Save the map again.",
        )  # fmt: skip
    declared = tuple(attribute(data, key) for key in _DECLARED)
    for name, says, holds in zip(("lines", "points", "channels"), declared, shape, strict=True):
        if says is not None and says != holds:
            raise FieldReadError(
                path, f"declares {says} {name}, and its spectra have {holds}", where=place,
                remedy="Copy it again from its source, or save the map again.",
            )  # fmt: skip
    group = data.parent
    first, width, problem = _calibration(group, data, shape[2])
    rows, columns = (_microns(group, data, letter, shape) for letter in "YX")
    kv = number(_field(group.get(_TOTAL), "KV"))
    axes = [
        {"name": "y", "units": "um", "scale": rows, "offset": 0.0, "size": shape[0]},
        {"name": "x", "units": "um", "scale": columns, "offset": 0.0, "size": shape[1]},
        {"name": "energy", "units": "eV", "scale": width, "offset": first, "size": shape[2]},
    ]
    sem = {"beam_energy": kv} if kv is not None and 0 < kv <= _MOST_KV else {}
    title = _title(file, place.rpartition("/")[0])
    counts = Hdf5Counts(data)
    metadata = {"General": {"title": title}, "Acquisition_instrument": {"SEM": sem}}
    found = as_map(path, {"data": np.broadcast_to(np.uint8(0), shape), "axes": axes, "metadata": metadata})
    assert found is not None  # there are three axes, one of energy
    notes = (_EXPERIMENTAL, *found.notes, *filter(None, [unwritten(path, data)]))
    found = replace(found, counts=counts, notes=notes)
    if not problem:
        return found
    remedy = "Look up the calibration of the map in APEX, and give it with `energy=`: first channel and width, in eV."
    refused = ReadChoiceError(path, problem, option="energy", where=place, remedy=remedy)
    return replace(found, energy=None, refused=refused)


def _calibration(group: h5py.Group, data: h5py.Dataset, channels: int) -> tuple[float | None, float | None, str]:
    """Energy of the first channel and width of a channel in eV; or why they cannot be taken.

    The sum spectrum has a calibration of its own, and may have other channels than the map (4,096 beside 1,000 have
    been seen): then it says nothing about the map.
    """
    width = number(attribute(data, "evPerChannel", "evPch"))
    first = number(attribute(data, "evOffset"))
    total = group.get(_TOTAL)
    spectrum = _field(total, "SpectrumCounts")
    n_total = number(_field(total, "NumberOfPoints"))
    if n_total is None and isinstance(spectrum, np.ndarray):
        n_total = spectrum.size
    if n_total == channels:
        of_total = number(_field(total, "evPch"))
        if width is not None and of_total is not None and abs(width - of_total) > _SAME_WIDTH * abs(width):
            return None, None, (
                f"gives {width:g} eV as the width of a channel of the map, and {of_total:g} eV as that of its sum "
                "spectrum, which has as many channels"
            )  # fmt: skip
        width = of_total if width is None else width
        first = number(_field(total, "eVOffset")) if first is None else first
    if width is not None and first is not None and width > 0:
        return first, width, ""
    if n_total is not None and n_total != channels:
        return None, None, (
            f"does not say the energies of the {channels:,} channels of its map; its sum spectrum has {n_total:,.0f} "
            "others"
        )  # fmt: skip
    lacks = "width of a channel" if width is None or width <= 0 else "energy of the first channel"
    return None, None, f"does not say the {lacks} of its map"


def _microns(group: h5py.Group, data: h5py.Dataset, letter: str, shape: tuple[int, ...]) -> float | None:
    """Size of a pixel in um: of the map, else of an image of the map in its frame."""
    own = number(attribute(data, f"MicronPerPixel{letter}", f"MicronsPerPixel{letter}"))
    if own is not None and own > 0:
        return own
    image = group.get("MAPIMAGE")
    if image is None or (attribute(image, "PixelHeight"), attribute(image, "PixelWidth")) != shape[:2]:
        return None
    of_image = number(_field(group.get(_IMAGES["MAPIMAGE"]), f"MicronsPerPixel{letter}"))
    return of_image if of_image is not None and of_image > 0 else None


def _field(table: Any, name: str) -> Any:
    """A field of the first row of a table, its name compared without case; None where there is no such."""
    names = getattr(getattr(table, "dtype", None), "names", None) or ()
    for each in names:
        if each.lower() == name.lower() and table.size:
            return plain(np.ravel(table[()])[0][each])
    return None


def _image(path: Path, file: h5py.File, place: str, data: h5py.Dataset, limit: int) -> MapImage:
    declared = (attribute(data, "PixelHeight"), attribute(data, "PixelWidth"))
    shape = whole_shape(data)
    n_pixels = int(np.prod(shape, dtype=object)) if shape else 0
    size = tuple(int(n) for n in declared) if all(isinstance(n, int) and n > 0 for n in declared) else None
    if size is None and len(shape) == 2:
        size = shape
    if size is None or size[0] * size[1] != n_pixels or data.dtype.base.kind not in "uif":
        raise FieldReadError(
            path, f"declares an image of {declared[0]} x {declared[1]} px, and holds {n_pixels:,} values of "
            f"{data.dtype.base}", where=place, remedy="Copy it again from its source, or save it again.",
        )  # fmt: skip
    if len(shape) == 2 and shape != size:
        raise FieldReadError(
            path, f"declares an image of {size[0]} x {size[1]} px, and holds one of {shape[0]} x {shape[1]}",
            where=place, remedy="Copy it again from its source, or save it again.",
        )  # fmt: skip
    require_memory(path, n_pixels * data.dtype.itemsize, limit, "an image")
    pixels: npt.NDArray[Any] = np.asarray(data[()]).reshape(size)
    pixels = pixels.astype(data.dtype.base.newbyteorder("="), copy=False)
    placed, note = _in_frame_of_map(data.parent, place, pixels)
    return MapImage(_title(file, place), placed, note)


def _in_frame_of_map(group: h5py.Group, place: str, pixels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], str]:
    """An image in the pixels of the map that it stands beside, if both are of one extent by their own words."""
    counts = group.get(_COUNTS)
    name = place.rsplit("/", 1)[-1]
    shape = () if counts is None else whole_shape(counts)
    if name != "MAPIMAGE" or len(shape) != 3 or pixels.shape == shape[:2]:
        return pixels, ""
    of_map = (_microns(group, counts, "X", shape), _microns(group, counts, "Y", shape))
    of_image = tuple(number(_field(group.get(_IMAGES[name]), f"MicronsPerPixel{letter}")) for letter in "XY")
    if None in of_map or None in of_image:
        return pixels, ""
    frame = Frame((shape[0], shape[1]), offset=(0.0, 0.0), size=(1.0, 1.0), step=of_map)
    placed, note = in_frame(pixels, frame, (of_image[0], of_image[1]))
    return (pixels, "") if placed is None else (placed, note)
