"""How good a section is that was put together of fields: ``python -m benchmarks.section [--quick]``.

A big simulated field is segmented whole; cut into tiles that are each segmented alone; and with the phases of the tiles
made one list and their grains joined at the borders, as a batch does. Then real textures (with ``GDLS_DATA``) as 4 x 4
tiles, each painted with spectra whose energy calibration is off by a little of its own: what counts there is how many
minerals are found twice. Last the time and memory of the list of phases of many fields.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.machine import machine
from benchmarks.segmentation.fields import AS_FOUND, SHARED_DATA, has_textures
from napari_gdls import EnergyAxis, Field, Recipe, evaluate, segment, simulate_field
from napari_gdls.batch.field_results import field_result, read_field_result, write_field_result
from napari_gdls.batch.mosaic_fields import MosaicFields
from napari_gdls.batch.phase_list import section_phases
from napari_gdls.batch.places import SectionPlaces, places_of
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.batch.stitching import stitched_segments
from napari_gdls.simulation import RockMineral

TILES, TILE = 6, 96
"""Tiles a side of the simulated section, and pixels a side of a tile."""

TEXTURE_TILES = 4
"""Tiles a side of a real texture."""

OFFSET, GAIN = 3.0, 0.001
"""Standard deviations of the calibration between fields, eV and as a part: what silicon drift detectors show over a
night without correction."""

LEAST_COUNTED = 0.05
"""Percent of the area from which on a phase counts as one that was found."""

_Image = npt.NDArray[np.int32]


def cut(field: Field, tiles: int) -> list[tuple[tuple[int, int], Field]]:
    """Corners and tiles of a field, without a pixel or a measurement twice."""
    edges = [np.linspace(0, side, tiles + 1).astype(int) for side in field.shape]
    made = []
    for i in range(tiles):
        for j in range(tiles):
            low, high = np.array([edges[0][i], edges[1][j]]), np.array([edges[0][i + 1], edges[1][j + 1]])
            inside = ((field.locations >= low) & (field.locations < high)).all(axis=1)
            box = (slice(low[0], high[0]), slice(low[1], high[1]))
            tile = Field(
                field.bse[box],
                field.spectra[inside],
                field.locations[inside] - low,
                field.energy,
                sampling_distance=field.sampling_distance,
                pixel_size=field.pixel_size,
                beam_energy=field.beam_energy,
                bse_full_scale=field.bse_full_scale,
                valid=field.valid[box],
                name=f"{i}_{j}",
            )
            made.append(((int(low[0]), int(low[1])), tile))
    return made


def section_of(
    tiles: Sequence[tuple[tuple[int, int], Field]], folder: Path, recipe: Recipe
) -> tuple[SectionPlaces, SectionPhases, _Image, _Image, list[int]]:
    """The section of some tiles: places, phases, maps of segments and of phases, and phases of each tile alone."""
    results, alone = {}, []
    for _, tile in tiles:
        found = segment(tile, recipe)
        alone.append(found.n_phases)
        results[tile.name] = folder / f"{tile.name}.gdls-field"
        write_field_result(results[tile.name], field_result(found, tile.name, ""))
    phases = section_phases(results, recipe)
    shapes = np.array([tile.shape for _, tile in tiles])
    places = places_of(
        tuple(tile.name for _, tile in tiles), np.array([corner for corner, _ in tiles], dtype=float), shapes
    )
    fields = MosaicFields(places, phases, results)
    stitched = stitched_segments(fields)
    segments = np.zeros(places.shape, dtype=np.int32)
    for number, window in enumerate(fields.windows):
        labels = fields[number].labels
        assert labels is not None
        segments[window.top : window.bottom, window.left : window.right] = stitched.of_field[number][labels]
    phase_map = np.concatenate([[0], stitched.phases + 1]).astype(np.int32)[segments]
    return places, phases, segments, phase_map, alone


def tiles_alone(tiles: Sequence[tuple[tuple[int, int], Field]], folder: Path, shape: tuple[int, int]) -> _Image:
    """Segments of tiles with numbers of their own."""
    segments, n = np.zeros(shape, dtype=np.int32), 0
    for (top, left), tile in tiles:
        labels = read_field_result(folder / f"{tile.name}.gdls-field").labels
        assert labels is not None
        place = (slice(top, top + tile.shape[0]), slice(left, left + tile.shape[1]))
        segments[place] = np.where(labels > 0, labels + n, 0)
        n += int(labels.max())
    return segments


def modal_error(phase_map: _Image, truth: _Image) -> tuple[float, int, int]:
    """Largest error of the area of a mineral in percent, phases found, and how many of these are a mineral again.

    Each phase counts as the mineral that it shares most of its area with.
    """
    n, m = int(phase_map.max()) + 1, int(truth.max()) + 1
    shared = np.zeros((n, m))
    np.add.at(shared, (phase_map.ravel(), truth.ravel()), 1)
    known = shared[1:, 1:]
    mineral = known.argmax(axis=1)
    total = known.sum()
    area = np.bincount(mineral, weights=known.sum(axis=1), minlength=m - 1)
    counted = 100 * known.sum(axis=1) / total >= LEAST_COUNTED
    twice = np.bincount(mineral[counted], minlength=m - 1)
    error = 100 * np.abs(area - known.sum(axis=0)).max() / total
    return float(error), int(counted.sum()), int(np.maximum(twice - 1, 0).sum())


def line(what: str, segments: _Image, phase_map: _Image | None, truth: Field, seconds: float) -> None:
    scores = evaluate(segments, truth.metadata["truth"])
    text = f"{what:28s} ASA {scores.asa:.4f}  F {scores.f1:.4f}  segments {int(segments.max()):6,}"
    if phase_map is not None:
        error, n, twice = modal_error(phase_map, truth.metadata["truth_phases"])
        text += f"  modal error {error:5.2f} %  phases {n:3d}, {twice} a mineral again"
    print(f"{text}  {seconds:6.1f} s")


def simulated(tiles: int, tile: int, seeds: Sequence[int]) -> None:
    """The simulated section: whole, in tiles, and in tiles put together."""
    for seed in seeds:
        field = simulate_field((tiles * tile, tiles * tile), seed=seed, counts=1000, name="section")
        print(f"\nsimulated, seed {seed}: {tiles} x {tiles} fields of {tile} x {tile} px")
        start = time.perf_counter()
        whole = segment(field)
        line("one big field", whole.labels, whole.phase_map(), field, time.perf_counter() - start)
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            pieces = cut(field, tiles)
            _, _, segments, phase_map, alone = section_of(pieces, Path(folder), Recipe())
            seconds = time.perf_counter() - start
            line("tiles alone", tiles_alone(pieces, Path(folder), field.shape), None, field, seconds)
            line("tiles with one list", segments, phase_map, field, seconds)
            print(f"{'':28s} phases of a tile alone: {min(alone)} to {max(alone)}")


def drifting(size: int | None) -> None:
    """Real textures in tiles with a calibration of their own each."""
    for number, path in enumerate(sorted((SHARED_DATA / "textures").glob("*.npz"))):
        with np.load(path) as saved:
            phases = saved["phase"].astype(np.int32)[:size, :size]
            names, bse = [str(each) for each in saved["phase_names"]], saved["bse"][:size, :size]
        minerals = [RockMineral(each, AS_FOUND[each], 1.0) for each in names]
        rng = np.random.default_rng(number)
        tiles = []
        nominal: EnergyAxis | None = None
        edges = [np.linspace(0, side, TEXTURE_TILES + 1).astype(int) for side in phases.shape]
        for i in range(TEXTURE_TILES):
            for j in range(TEXTURE_TILES):
                box = (slice(edges[0][i], edges[0][i + 1]), slice(edges[1][j], edges[1][j + 1]))
                plain = EnergyAxis(0.0, 10.0, 2048)
                true = EnergyAxis(rng.normal(0, OFFSET), 10.0 * (1 + rng.normal(0, GAIN)), 2048)
                seed = 1000 * number + 10 * i + j
                made = simulate_field(
                    seed=seed, counts=1000, minerals=minerals, texture=phases[box], bse=bse[box], energy=true
                )
                nominal = nominal or plain
                tile = Field(
                    made.bse, made.spectra, made.locations, nominal,
                    sampling_distance=made.sampling_distance, pixel_size=made.pixel_size,
                    beam_energy=made.beam_energy, bse_full_scale=made.bse_full_scale, valid=made.valid,
                    name=f"{i}_{j}",
                )  # fmt: skip
                tiles.append(((int(edges[0][i]), int(edges[1][j])), tile))
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            _, found, _, phase_map, alone = section_of(tiles, Path(folder), Recipe())
            error, n, twice = modal_error(phase_map, phases + 1)
            print(
                f"{path.stem:16s} minerals {len(names):3d}  phases {n:3d} ({found.n_phases} with the smallest), "
                f"{twice} a mineral again  modal error {error:5.2f} %  alone {min(alone)} to {max(alone)}  "
                f"{time.perf_counter() - start:6.1f} s"
            )


def many(n_fields: int) -> None:
    """The list of phases of many fields: results of a few, again and again."""
    import resource

    field = simulate_field((4 * TILE, 4 * TILE), seed=5, counts=1000)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = []
        for _, tile in cut(field, 4):
            write_field_result(root / tile.name, field_result(segment(tile), tile.name, ""))
            names.append(tile.name)
        results = {f"{k:05d}": root / names[k % len(names)] for k in range(n_fields)}
        start, cpu = time.perf_counter(), time.process_time()
        found = section_phases(results, Recipe())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"\n{n_fields:,} fields, {sum(map(len, found.of_parts.values())):,} parts: {found.n_phases} phases in "
            f"{time.perf_counter() - start:.1f} s, {time.process_time() - cpu:.1f} s of CPU; peak of the process "
            f"{peak:.2f} GiB"
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.section", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small section, no textures, a thousand fields")
    parser.add_argument("--seeds", type=int, nargs="+", default=[201, 202], help="of the simulated sections")
    parser.add_argument("--only", choices=["simulated", "textures", "many"], help="one part")
    options = parser.parse_args(arguments)
    print(machine())
    parts: dict[str, Callable[[], None]] = {
        "simulated": lambda: simulated(
            *((3, 64) if options.quick else (TILES, TILE)), options.seeds[:1] if options.quick else options.seeds
        ),
        "textures": lambda: drifting(None) if has_textures() else print("no textures at hand"),
        "many": lambda: many(1000 if options.quick else 10_000),
    }
    for name, part in parts.items():
        if options.only in (None, name) and not (options.quick and name == "textures"):
            part()
    return 0


if __name__ == "__main__":
    sys.exit(main())
