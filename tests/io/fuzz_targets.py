"""The project's own parsers, each with small valid input to damage, for `test_fuzz` and ``make fuzz``."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from edax_files import EdaxFile
from hdf5_files import counts, make, nexus, pymca
from oxford_files import OxfordFile
from PIL import Image
from test_hyperspy_files import write as hyperspy
from test_jeol import pts, words_of
from test_ripple import ripple

import napari_gdls as gdls
from napari_gdls.energy import EnergyAxis
from napari_gdls.field import Field
from napari_gdls.io import (
    MindifField,
    MindifPhase,
    read_field,
    read_labels,
    read_mindif,
    read_results,
    read_spectrum,
    write_field,
    write_labels,
    write_mindif,
    write_msa,
    write_tima_field,
)
from napari_gdls.io.described_labels import described_by_titles
from napari_gdls.io.images import png_bytes, read_image
from napari_gdls.io.manifest import faults_of_set, write_manifest
from napari_gdls.io.ome_zarr import write_ome_zarr

MEMORY = 1 << 28
"""Bytes that reading a damaged file may take."""


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes
    ----------
    name : str
    make : callable
        Writes whole, small input into a folder.
    damaged : str
        The file in the folder that is damaged.
    read : callable
        Reads the input in the folder.
    packed : bool
        Whether the file is damaged as it is under gzip, so that the damage reaches what lies behind the checksum.
    head : int
        Bytes at the beginning that are damaged more often.
    refused : float
        Share of damaged inputs that is refused at least: 1 where checksums cover every byte.
    number : int
        Damaged inputs in the default run of the tests: fewer where reading one takes longer.
    """

    name: str
    make: Callable[[Path], object]
    damaged: str
    read: Callable[[Path], object]
    packed: bool = False
    head: int = 400
    refused: float = 0.0
    number: int = 500

    def whole(self, folder: Path) -> bytes:
        """Make the input in an empty folder, and give the content that is to be damaged."""
        self.make(folder)
        content = (folder / self.damaged).read_bytes()
        return gzip.decompress(content) if self.packed else content

    def write(self, folder: Path, content: bytes) -> None:
        """Put damaged content in its place."""
        (folder / self.damaged).write_bytes(gzip.compress(content, 1) if self.packed else content)


def small_field(*, dense: bool = False) -> Field:
    rng = np.random.default_rng(0)
    locations = np.argwhere(np.ones((9, 13), bool) if dense else np.indices((9, 13)).sum(axis=0) % 3 == 0)
    counts = rng.poisson(np.geomspace(0.01, 300, 40), (len(locations), 40)).astype(np.uint16)
    bse = rng.integers(0, 65_536, (9, 13)).astype(np.uint16)
    return Field(
        bse, counts, locations, EnergyAxis(0.0, 10.0, 40), gain=1, pixel_size=3.0, beam_energy=25.0,
        sampling_distance=1.0 if dense else 3.0,
    )  # fmt: skip


def _tima(folder: Path) -> None:
    write_tima_field(folder / "1", small_field(), compress=False)


def _tima_packed(folder: Path) -> None:
    write_tima_field(folder / "1", small_field(), compress=True)


def _mindif(folder: Path) -> None:
    rng = np.random.default_rng(0)
    table = (MindifPhase(0, "[Unclassified]", "#000000"), MindifPhase(7, "Quartz", "#828282"))
    bse = rng.integers(0, 65_536, (10, 12)).astype(np.uint16)
    phases = rng.choice([0, 7], (10, 12)).astype(np.int32)
    write_mindif(folder / "m", [MindifField("A1", bse, phases, phases > 0, 2.5, (500.0, -12.0), table)])


def _spectrum(folder: Path) -> None:
    counts = np.random.default_rng(0).poisson(30.0, 60)
    comments = ["one line of words"]
    write_msa(
        folder / "x.msa", counts, EnergyAxis(-20.0, 10.0, 60), title="albite", beam_energy=15.0, take_off_angle=40.0,
        live_time=30.0, comments=comments,
    )  # fmt: skip


def _spx(folder: Path) -> None:
    counts = ",".join(map(str, np.random.default_rng(0).poisson(30.0, 60)))
    (folder / "x.spx").write_bytes(
        '<?xml version="1.0" encoding="WINDOWS-1252" standalone="yes"?><TRTSpectrum>'
        '<ClassInstance Type="TRTSpectrum" Name="Körner 1"><TRTHeaderedClass>'
        '<ClassInstance Type="TRTSpectrumHardwareHeader"><LifeTime>50000</LifeTime></ClassInstance>'
        '<ClassInstance Type="TRTESMAHeader"><PrimaryEnergy>2.0E1</PrimaryEnergy><ElevationAngle>35</ElevationAngle>'
        '</ClassInstance></TRTHeaderedClass><ClassInstance Type="TRTSpectrumHeader"><ChannelCount>60</ChannelCount>'
        f"<CalibAbs>-1.0E-2</CalibAbs><CalibLin>1.0E-2</CalibLin></ClassInstance><Channels>{counts}</Channels>"
        "</ClassInstance></TRTSpectrum>".encode("cp1252")
    )


def _store(folder: Path) -> None:
    recipe = gdls.Recipe()
    labels = np.zeros((9, 13), np.uint8)
    write_field(folder / "x.gdls.zarr.zip", small_field(), labels=labels, recipe=recipe, names={0: "quartz"})


def _read_store(folder: Path) -> None:
    read_field(folder / "x.gdls.zarr.zip", memory_limit=MEMORY)
    read_results(folder / "x.gdls.zarr.zip", memory_limit=MEMORY)


def _labels(ending: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        labels = np.random.default_rng(0).integers(0, 999, (20, 30))
        path = folder / f"x{ending}"
        np.save(path, labels) if ending == ".npy" else write_labels(path, labels, pixel_size=1.0)

    return make


def _recipe(folder: Path) -> None:
    (folder / "x.json").write_text(gdls.Recipe().to_json())


def _manifest(folder: Path) -> None:
    (folder / "a.csv").write_text("label\n1\n")
    write_manifest(folder / "x.manifest.json", {"segments": folder / "a.csv"}, {"method": "merge"})


def _map_target(name: str, make: Callable[[Path], object], damaged: str, file: str, head: int = 400) -> Target:
    def read(folder: Path) -> object:
        return read_field(folder / file, bse="counts", memory_limit=MEMORY)

    return Target(name, make, damaged, read, head=head)  # type: ignore[arg-type]


def _jeol(folder: Path) -> None:
    cube = np.zeros((8, 16, 4096), np.int64)
    cube[:, :, 100:400] = np.random.default_rng(0).poisson(0.02, (8, 16, 300))
    pts(folder / "x.pts", words_of(cube, np.arange(128).reshape(8, 16)), (8, 16))


def _image_target(ending: str, dtype: type) -> Target:
    def make_image(folder: Path) -> None:
        values = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(dtype)
        Image.fromarray(values).save(folder / f"x{ending}")

    def read(folder: Path) -> object:
        return read_image(folder / f"x{ending}", MEMORY)

    return Target(f"image {ending}", make_image, f"x{ending}", read, head=200)


def _hdf5_target(name: str, file: str, write: Callable[[Path], object]) -> Target:
    """Checksums cover no byte of these files, but almost every byte of the structure must be right."""

    def read(folder: Path) -> object:
        return read_field(folder / file, bse="counts", memory_limit=MEMORY)

    return Target(name, lambda folder: write(folder / file), file, read, head=2000, refused=0.5, number=150)


def _tima_target(name: str, damaged: str, *, packed: bool = False, head: int = 400, refused: float = 0.0) -> Target:
    def read(folder: Path) -> object:
        return read_field(folder / "1", memory_limit=MEMORY)

    return Target(name, _tima_packed if damaged.endswith(".gz") else _tima, f"1/{damaged}", read, packed, head, refused)


def _mindif_target(name: str, damaged: str) -> Target:
    return Target(name, _mindif, f"m/{damaged}", lambda f: read_mindif(f / "m", memory_limit=MEMORY), head=200)


def _labels_target(ending: str) -> Target:
    def read(folder: Path) -> object:
        return read_labels(folder / f"x{ending}", memory_limit=MEMORY)

    return Target(f"labels {ending}", _labels(ending), f"x{ending}", read, head=300)


def _ome_zarr(folder: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 5, (9, 13))
    described = described_by_titles("segments", labels, {1: "quartz"})
    write_ome_zarr(folder / "x.ome.zarr", np.zeros((9, 13), np.uint8), [described])


def _ome_zarr_target(name: str, damaged: str, *, refused: float = 0.0) -> Target:
    def read(folder: Path) -> object:
        return read_labels(folder / "x.ome.zarr", memory_limit=MEMORY)

    return Target(f"ome-zarr {name}", _ome_zarr, f"x.ome.zarr/{damaged}", read, refused=refused)


def _points_target(name: str, damaged: str, refused: float = 0.0) -> Target:
    counts = np.random.default_rng(0).poisson(2.0, (3, 40))
    energy = EnergyAxis(-20.0, 10.0, 40)

    def make_points(folder: Path) -> None:
        (folder / "bse.png").write_bytes(png_bytes(np.arange(20, dtype=np.uint8).reshape(4, 5)))
        if damaged == "spectra.npz":
            numbers = {"energy_first_ev": energy.offset, "energy_width_ev": energy.width}
            np.savez_compressed(folder / damaged, counts=counts, row=[0, 1, 3], column=[2, 0, 4], **numbers)
            return
        (folder / "points.csv").write_text("row,column,spectrum\n0,2,s0.msa\n1,0,s1.msa\n3,4,s2.msa\n")
        for index, spectrum in enumerate(counts):
            write_msa(folder / f"s{index}.msa", spectrum, energy, title="", beam_energy=15.0)

    return Target(
        name, make_points, damaged, lambda f: read_field(f, reader="points", memory_limit=MEMORY), refused=refused
    )


TARGETS = (
    _tima_target("tima map", "xray.map", refused=0.5),
    _tima_target("tima map packed", "xray.map.gz", refused=0.98),
    _tima_target("tima map under gzip", "xray.map.gz", packed=True),
    _tima_target("tima image", "bse.png", head=60),
    _tima_target("tima mask", "pixelmask.png", head=60),
    _tima_target("tima profile", "profile.xml"),
    _hdf5_target("edax", "x.edaxh5", EdaxFile().write),
    _hdf5_target("nexus", "x.nxs", lambda path: make(path, nexus, counts())),
    _hdf5_target("pymca", "x.h5", lambda path: make(path, pymca, counts())),
    _hdf5_target("hyperspy", "x.hspy", lambda path: hyperspy(path, counts())),
    _map_target("ripple header", lambda folder: ripple(folder, counts()), "map.rpl", "map.rpl"),
    _map_target("ripple counts", lambda folder: ripple(folder, counts()), "map.raw", "map.rpl"),
    _map_target("jeol", _jeol, "x.pts", "x.pts", head=1000),
    _image_target(".png", np.uint16),
    _image_target(".tif", np.uint16),
    _image_target(".jpg", np.uint8),
    Target("store", _store, "x.gdls.zarr.zip", _read_store, refused=1.0),
    _hdf5_target("h5oina", "x.h5oina", OxfordFile(height=4, width=5, channels=40, images=(("BSE", "A", ""),)).write),
    Target("emsa", _spectrum, "x.msa", lambda f: read_spectrum(f / "x.msa")),
    Target("spx", _spx, "x.spx", lambda f: read_spectrum(f / "x.spx")),
    _mindif_target("mindif measurement", "measurement.xml"),
    _mindif_target("mindif fields", "fields.xml"),
    _mindif_target("mindif phases", "phases.xml"),
    _mindif_target("mindif image", "fields/A1/phases.tif"),
    *(_labels_target(ending) for ending in (".ome.tif", ".png", ".npy")),
    _ome_zarr_target("group", "zarr.json"),
    _ome_zarr_target("labels", "labels/segments/zarr.json"),
    _ome_zarr_target("array", "labels/segments/0/zarr.json"),
    _ome_zarr_target("chunk", "labels/segments/0/c/0/0", refused=1.0),
    _points_target("points", "points.csv", refused=0.2),
    _points_target("points spectrum", "s0.msa"),
    _points_target("points archive", "spectra.npz", refused=0.9),
    Target("recipe", _recipe, "x.json", lambda f: gdls.Recipe.from_json((f / "x.json").read_text("utf-8", "replace"))),
    Target("manifest", _manifest, "x.manifest.json", lambda f: faults_of_set(f / "x.manifest.json")),
)
"""Every parser of the project for what comes from outside."""
