"""One list of phases for all fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from benchmarks.section import cut

from napari_gdls import EnergyAxis, Field, Recipe, Segmentation, segment, simulate_field
from napari_gdls.batch.field_results import FieldResult, field_result, read_field_result, write_field_result
from napari_gdls.batch.phase_list import section_phases
from napari_gdls.batch.section_phases import SectionPhases, read_section_phases, write_section_phases
from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.simulation import RockMineral

MINERALS = [
    RockMineral("Quartz", "SiO2", 1.0),
    RockMineral("Albite", "NaAlSi3O8", 1.0),
    RockMineral("Biotite", "KMg1.1Fe1.9AlSi3O10(OH)2", 1.0),
]
ZIRCON = RockMineral("Zircon", "ZrSiO4", 1.0)
RECIPE = Recipe()


def _texture(side: int, seed: int) -> npt.NDArray[np.int32]:
    """Grains of three minerals, all of them there, in the cells around random points."""
    rng = np.random.default_rng(seed)
    points, kind = rng.uniform(0, side, (9, 2)), np.arange(9) % 3
    rows, columns = np.mgrid[:side, :side]
    apart = (rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2
    return np.asarray(kind[apart.argmin(axis=-1)], dtype=np.int32)


def _written(folder: Path, results: Sequence[FieldResult]) -> dict[str, Path]:
    paths = {each.name: folder / f"{each.name}.gdls-field" for each in results}
    for each in results:
        write_field_result(paths[each.name], each)
    return paths


def _minerals(
    found: SectionPhases, results: Sequence[FieldResult], truth: dict[str, npt.NDArray[np.int32]]
) -> list[int]:
    """Mineral that each phase shares most of its area with."""
    shared = np.zeros((found.n_phases, 1 + max(int(each.max()) for each in truth.values())))
    for each in results:
        assert each.labels is not None
        there = each.labels > 0
        phase = found.of_parts[each.name][each.part_of_segment[each.labels[there] - 1]]
        np.add.at(shared, (phase, truth[each.name][there]), 1)
    return [int(k) for k in shared.argmax(axis=1)]


@pytest.fixture(scope="module")
def segmented() -> list[tuple[Field, Segmentation]]:
    field = simulate_field(seed=4, minerals=MINERALS, texture=_texture(120, 2))
    return [(tile, segment(tile, RECIPE)) for _, tile in cut(field, 2)]


@pytest.fixture(scope="module")
def results(segmented: list[tuple[Field, Segmentation]]) -> list[FieldResult]:
    return [field_result(found, field.name, "00") for field, found in segmented]


def _same(one: SectionPhases, other: SectionPhases) -> bool:
    return (
        np.array_equal(one.pool.counts, other.pool.counts)
        and np.array_equal(one.spectra, other.spectra)
        and np.array_equal(one.borders, other.borders)
        and list(one.of_parts) == list(other.of_parts)
        and all(np.array_equal(one.of_parts[name], other.of_parts[name]) for name in one.of_parts)
    )


def test_each_mineral_of_all_fields_is_one_phase(results: list[FieldResult], tmp_path: Path) -> None:
    found = section_phases(_written(tmp_path, results), RECIPE)
    phases = np.concatenate(list(found.of_parts.values()))
    assert found.n_phases == len(MINERALS)
    assert found.n_phases < len(phases)
    assert found.points.sum() == pytest.approx(sum(each.n_measurements for each in results))
    assert found.points.argmax() == 0


def test_the_order_of_the_fields_says_nothing(results: list[FieldResult], tmp_path: Path) -> None:
    paths = _written(tmp_path, results)
    assert _same(section_phases(paths, RECIPE), section_phases(dict(reversed(paths.items())), RECIPE))


def test_what_is_read_again_for_want_of_memory_is_the_same(
    results: list[FieldResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = _written(tmp_path, results)
    found = section_phases(paths, RECIPE)
    monkeypatch.setattr("napari_gdls.batch.phase_list._KEPT_SPECTRA", 4 * results[0].parts.spectra.size + 1)
    assert _same(section_phases(paths, RECIPE), found)


def test_one_field_keeps_the_phases_that_it_has_alone(
    segmented: list[tuple[Field, Segmentation]], results: list[FieldResult], tmp_path: Path
) -> None:
    found = section_phases(_written(tmp_path, results[:1]), RECIPE)
    of_parts = found.of_parts[results[0].name]
    assert len(np.unique(of_parts)) == len(of_parts) == segmented[0][1].n_phases


def test_sums_are_those_of_the_fields(results: list[FieldResult], tmp_path: Path) -> None:
    found = section_phases(_written(tmp_path, results), RECIPE)
    pools = [(each.parts.pool, found.of_parts[each.name], each.parts.inside) for each in results]
    for k in range(found.n_phases):
        expected = sum(pool.counts[(of == k) & inside].sum(axis=0) for pool, of, inside in pools)
        assert np.array_equal(found.pool.counts[k], expected)


def _intergrown(each: FieldResult, of: np.ndarray, *, with_phase: int | None) -> FieldResult:
    """The field with its part of phase 0 a fine-grained mixture, half of it of another phase if one is given."""
    mixed, other = of == 0, np.flatnonzero(of == with_phase)
    parts = dataclasses.replace(each.parts, intergrown=mixed)
    if len(other):
        pool, part, more = parts.pool, np.flatnonzero(mixed)[0], other[0]
        counts, spectra, z = pool.counts.copy(), parts.spectra.copy(), pool.z.copy()
        times = pool.total[part] // max(pool.total[more], 1) + 1
        counts[part] += times * counts[more]
        spectra[part] += times * spectra[more]
        z[part] = (z[part] + z[more]) / np.linalg.norm(z[part] + z[more])
        parts = dataclasses.replace(parts, pool=dataclasses.replace(pool, counts=counts, z=z), spectra=spectra)
    return dataclasses.replace(each, parts=parts)


def test_fine_mixtures_are_no_phase_of_pure_grains(results: list[FieldResult], tmp_path: Path) -> None:
    plain = section_phases(_written(tmp_path, results), RECIPE)
    changed = [
        _intergrown(each, plain.of_parts[each.name], with_phase=1) if number % 2 == 0 else each
        for number, each in enumerate(results)
    ]
    assert any(each.parts.intergrown.any() for each in changed)
    found = section_phases(_written(tmp_path, changed), RECIPE)
    for each in changed:
        assert np.array_equal(found.intergrown[found.of_parts[each.name]], each.parts.intergrown)


def test_what_is_no_mixture_in_other_fields_is_none(results: list[FieldResult], tmp_path: Path) -> None:
    """A field of nearly one mineral may take it for a mixture; its spectrum says that it is none."""
    plain = section_phases(_written(tmp_path, results), RECIPE)
    changed = [_intergrown(results[0], plain.of_parts[results[0].name], with_phase=None), *results[1:]]
    found = section_phases(_written(tmp_path, changed), RECIPE)
    assert found.n_phases == plain.n_phases
    assert not found.intergrown.any()


def test_a_mineral_of_small_grains_in_many_fields_is_one_phase(tmp_path: Path) -> None:
    found_in, truth = [], {}
    for seed in range(8):
        texture, rng = _texture(48, seed), np.random.default_rng(seed)
        for _ in range(3):
            row, column = rng.integers(3, 39, 2)
            texture[row : row + 6, column : column + (3, 6)[seed % 2]] = 3
        field = simulate_field(seed=seed, minerals=[*MINERALS, ZIRCON], texture=texture, name=f"field {seed}")
        found_in.append(field_result(segment(field, RECIPE), field.name, "00"))
        truth[field.name] = field.metadata["truth_phases"]
    found = section_phases(_written(tmp_path, found_in), RECIPE)
    assert sorted(_minerals(found, found_in, truth)) == [1, 2, 3, 4]


@pytest.mark.parametrize(("offset", "gain"), [(4.0, 0.0), (0.0, 0.0015), (-3.0, 0.001)])
def test_fields_with_another_calibration_have_the_same_phases(offset: float, gain: float, tmp_path: Path) -> None:
    found_in, truth = [], {}
    for seed in (0, 1):
        energy = EnergyAxis(offset * seed, 10.0 * (1 + gain * seed), 2000)
        field = simulate_field(seed=seed, minerals=MINERALS, texture=_texture(60, seed), energy=energy)
        measured = Field(
            field.bse,
            field.spectra,
            field.locations,
            EnergyAxis(0.0, 10.0, 2000),
            sampling_distance=field.sampling_distance,
            bse_full_scale=field.bse_full_scale,
            beam_energy=field.beam_energy,
            name=f"{seed}",
        )
        found_in.append(field_result(segment(measured, RECIPE), measured.name, "00"))
        truth[measured.name] = field.metadata["truth_phases"]
    found = section_phases(_written(tmp_path, found_in), RECIPE)
    assert sorted(_minerals(found, found_in, truth)) == [1, 2, 3]


def test_without_results_there_are_no_phases() -> None:
    with pytest.raises(GdlsError, match="no field of the batch has a result"):
        section_phases({}, RECIPE)


def test_files_come_back_as_they_were_and_equal_ones_are_equal_bytes(
    results: list[FieldResult], tmp_path: Path
) -> None:
    paths = _written(tmp_path, results)
    back = read_field_result(paths[results[0].name])
    for name in ("labels", "confidence", "bse", "valid", "part_of_segment", "total_spectrum"):
        assert np.array_equal(getattr(back, name), getattr(results[0], name))
        assert getattr(back, name).dtype == getattr(results[0], name).dtype
    for name in ("spectra", "inside", "intergrown", "points", "mixtures", "borders"):
        assert np.array_equal(getattr(back.parts, name), getattr(results[0].parts, name))
    assert {**back.facts} == results[0].facts
    found = section_phases(paths, RECIPE)
    one, other = tmp_path / "one", tmp_path / "other"
    write_section_phases(one, found)
    write_section_phases(other, read_section_phases(one))
    assert _same(read_section_phases(one), found)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    "read",
    [read_field_result, lambda path: read_field_result(path, images=False)],
    ids=["with its images", "sums alone"],
)
def test_any_changed_byte_of_a_result_is_found(
    results: list[FieldResult], tmp_path: Path, read: Callable[[Path], FieldResult]
) -> None:
    path = _written(tmp_path, results[:1])[results[0].name]
    data, rng = path.read_bytes(), np.random.default_rng(1)
    for place in rng.integers(0, len(data), 40):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :])
        with pytest.raises(FieldReadError):
            read(path)
    for length in rng.integers(0, len(data), 10):
        path.write_bytes(data[:length])
        with pytest.raises(FieldReadError):
            read(path)


def test_sums_that_are_read_alone_are_right_or_refused(results: list[FieldResult], tmp_path: Path) -> None:
    path = _written(tmp_path, results[:1])[results[0].name]
    data, rng, refused = path.read_bytes(), np.random.default_rng(2), 0
    for place in rng.integers(0, len(data), 60):
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        try:
            back = read_field_result(path, images=False, whole=False)
        except FieldReadError:
            refused += 1
        else:
            assert np.array_equal(back.parts.spectra, results[0].parts.spectra)
            assert np.array_equal(back.parts.pool.counts, results[0].parts.pool.counts)
    assert refused > 0
