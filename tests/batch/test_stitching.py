"""Grains across the borders of fields: as if the fields had never been cut, for any phases and any tiling."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import made_phases, made_result, regions_of, written

from napari_gdls.batch.layout import Layout
from napari_gdls.batch.mosaic_fields import MosaicFields
from napari_gdls.batch.mosaic_reading import is_mosaic, open_mosaic
from napari_gdls.batch.mosaic_writing import write_mosaic
from napari_gdls.batch.places import places_of
from napari_gdls.batch.stitching import stitched_segments

N_PHASES = 3


def cut_section(folder, phases, rows, columns, rng, *, overlap=0):
    """Fields of a phase map: tiles between these rows and columns, each phase in two parts at random."""
    results, of_parts, corners, shapes = [], {}, [], []
    for i in range(len(rows) - 1):
        for j in range(len(columns) - 1):
            top, left = max(rows[i] - overlap, 0), max(columns[j] - overlap, 0)
            tile = phases[top : rows[i + 1] + overlap, left : columns[j + 1] + overlap]
            labels = regions_of(tile)
            n = int(labels.max())
            phase = np.array([tile[labels == k][0] - 1 for k in range(1, n + 1)], dtype=np.int64)
            name = f"{i}-{j}"
            results.append(made_result(name, labels, 2 * phase + rng.integers(0, 2, n), 2 * N_PHASES))
            of_parts[name] = np.arange(2 * N_PHASES) // 2
            corners.append((top, left))
            shapes.append(tile.shape)
    places = places_of(tuple(of_parts), np.array(corners, dtype=float), np.array(shapes), pixel_size=2.0)
    return places, made_phases(N_PHASES, of_parts), written(folder, *results)


def assembled(fields, stitched):
    out = np.zeros(fields.places.shape, dtype=np.int64)
    for number, window in enumerate(fields.windows):
        own = fields.owners(window) == number
        place = out[window.top : window.bottom, window.left : window.right]
        place[own] = stitched.of_field[number][fields[number].labels[own]]
    return out


def same_partition(one, other):
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == pairs.shape[1] == len(np.unique(pairs[1]))


cuts = st.lists(st.integers(1, 29), max_size=3, unique=True).map(lambda inner: [0, *sorted(inner), 30])


@settings(max_examples=12)
@given(seed=st.integers(0, 2**31), rows=cuts, columns=cuts, grain=st.integers(1, 6), holes=st.booleans())
def test_fields_side_by_side_give_the_regions_of_the_uncut_map(tmp_path_factory, seed, rows, columns, grain, holes):
    rng = np.random.default_rng(seed)
    small = rng.integers(0 if holes else 1, N_PHASES + 1, (30 // grain + 1, 30 // grain + 1))
    phases = np.kron(small, np.ones((grain, grain), dtype=int))[:30, :30]
    places, section, results = cut_section(tmp_path_factory.mktemp("cut"), phases, rows, columns, rng)
    fields = MosaicFields(places, section, results)
    stitched = stitched_segments(fields)
    found = assembled(fields, stitched)
    assert same_partition(found, regions_of(phases))
    np.testing.assert_array_equal(np.concatenate([[0], stitched.phases + 1])[found], phases)


@settings(max_examples=6)
@given(seed=st.integers(0, 2**31), rows=cuts, columns=cuts)
def test_fields_that_overlap_and_agree_give_the_same(tmp_path_factory, seed, rows, columns):
    rng = np.random.default_rng(seed)
    phases = np.kron(rng.integers(1, N_PHASES + 1, (8, 8)), np.ones((4, 4), dtype=int))[:30, :30]
    places, section, results = cut_section(tmp_path_factory.mktemp("cut"), phases, rows, columns, rng, overlap=3)
    fields = MosaicFields(places, section, results)
    stitched = stitched_segments(fields)
    found = assembled(fields, stitched)
    np.testing.assert_array_equal(np.concatenate([[0], stitched.phases + 1])[found], phases)
    reference = regions_of(phases)
    for number in np.unique(found):  # no segment holds pixels of two grains
        assert len(np.unique(reference[found == number])) == 1
    assert set(np.unique(found)) == set(range(1, stitched.n_segments + 1))


def test_the_mosaic_and_its_table_hold_what_was_stitched(tmp_path):
    rng = np.random.default_rng(1)
    phases = np.kron(rng.integers(1, N_PHASES + 1, (10, 12)), np.ones((130, 110), dtype=int))
    places, section, results = cut_section(tmp_path, phases, [0, 700, 1300], [0, 640, 1320], rng)
    layout = Layout(tmp_path)
    colours = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    done = write_mosaic(layout, places, section, results, names=["a", "b", "c"], colours=colours)
    assert is_mosaic(done.mosaic)
    assert not is_mosaic(tmp_path)
    mosaic = open_mosaic(done.mosaic)
    assert mosaic.pixel_size == 2.0
    assert mosaic.names == {1: "a", 2: "b", 3: "c"}
    np.testing.assert_array_equal(mosaic.colours, colours)
    segments = mosaic.levels["segments"][0][...]
    np.testing.assert_array_equal(mosaic.levels["phases"][0][...], phases)
    assert same_partition(segments, regions_of(phases))
    assert [each.shape for each in mosaic.levels["bse"]] == [(1300, 1320), (650, 660)]
    for name, levels in mosaic.levels.items():
        four = np.stack([levels[0][...][i::2, j::2] for i in (0, 1) for j in (0, 1)])
        if name in ("segments", "phases"):
            assert (four == levels[1][...]).any(axis=0).all()
    import pyarrow.parquet as pq

    table = pq.read_table(done.segments).to_pydict()
    np.testing.assert_array_equal(table["area [px]"], np.bincount(segments.ravel())[1:])
    np.testing.assert_allclose(table["area [um2]"], 4.0 * np.array(table["area [px]"]))
    rows, columns = np.nonzero(segments == 1)
    assert table["centroid row [px]"][0] == rows.mean()
    assert (table["first column [px]"][0], table["last column [px]"][0]) == (columns.min(), columns.max())
    assert table["name"][0] == "abc"[phases[rows[0], columns[0]] - 1]
    assert sum(table["measurements"]) == sum(int(f.labels.max()) for f in
                                             (MosaicFields(places, section, results)[k] for k in range(4)))  # fmt: skip


def test_grains_end_where_the_fields_do(tmp_path):
    """A section is no rectangle: one field of four was not measured."""
    import pyarrow.parquet as pq

    rng = np.random.default_rng(3)
    phases = np.kron(rng.integers(1, N_PHASES + 1, (10, 10)), np.ones((4, 4), dtype=int))
    places, section, results = cut_section(tmp_path, phases, [0, 20, 40], [0, 20, 40], rng)
    names = places.names[:3]
    places = places_of(names, places.origins[:3].astype(float), places.shapes[:3], pixel_size=2.0)
    layout = Layout(tmp_path)
    done = write_mosaic(layout, places, section, {name: results[name] for name in names},
                        names=["a", "b", "c"], colours=np.eye(3))  # fmt: skip
    segments = open_mosaic(done.mosaic).levels["segments"][0][...]
    measured = np.zeros((42, 42), dtype=bool)
    measured[1:41, 1:41] = True
    measured[21:, 21:] = False
    inside = measured[:-2, 1:-1] & measured[2:, 1:-1] & measured[1:-1, :-2] & measured[1:-1, 2:]
    table = pq.read_table(done.segments).to_pydict()
    expected = [bool((~inside)[segments == k].any()) for k in table["segment"]]
    assert table["at border"] == expected
    assert not all(expected)


def test_what_touches_only_where_another_field_hides_it_stays_apart(tmp_path):
    """In the second field two parts of one phase meet in columns that lie nearer to the centre of the first one."""
    first = np.full((8, 12), 1)
    second = np.full((8, 12), 1)
    second[:3], second[5:] = 2, 3
    second[3:5, :2] = 2  # in the overlap of four columns, of which two are those of the first field
    results = written(
        tmp_path,
        made_result("a", first, np.array([0]), 2 * N_PHASES),
        made_result("b", second, np.array([0, 2, 3]), 2 * N_PHASES),
    )
    of_parts = {name: np.arange(2 * N_PHASES) // 2 for name in "ab"}
    places = places_of(("a", "b"), np.array([[0.0, 0], [0, 8]]), np.array([first.shape, second.shape]), pixel_size=1.0)
    fields = MosaicFields(places, made_phases(N_PHASES, of_parts), results)
    stitched = stitched_segments(fields)
    _, upper, lower = stitched.of_field[1][1:]
    assert upper != lower
    assert stitched.phases[upper - 1] == stitched.phases[lower - 1]


def test_a_mosaic_written_twice_has_equal_bytes(tmp_path):
    rng = np.random.default_rng(2)
    phases = np.kron(rng.integers(1, N_PHASES + 1, (5, 5)), np.ones((8, 8), dtype=int))
    places, section, results = cut_section(tmp_path, phases, [0, 20, 40], [0, 20, 40], rng)
    bytes_of = []
    for folder in ("first", "second"):
        layout = Layout(tmp_path / folder)
        layout.folder.mkdir()
        write_mosaic(layout, places, section, results, names=["a", "b", "c"], colours=np.eye(3))
        files = sorted(path for path in layout.folder.rglob("*") if path.is_file())
        bytes_of.append({path.relative_to(layout.folder).as_posix(): path.read_bytes() for path in files})
    assert bytes_of[0] == bytes_of[1]


def test_a_viewer_of_the_format_takes_it(tmp_path):
    import pytest
    import zarr

    models = pytest.importorskip("ome_zarr_models")
    rng = np.random.default_rng(2)
    phases = np.kron(rng.integers(1, N_PHASES + 1, (5, 5)), np.ones((8, 8), dtype=int))
    places, section, results = cut_section(tmp_path, phases, [0, 20, 40], [0, 20, 40], rng)
    write_mosaic(Layout(tmp_path), places, section, results, names=["a", "b", "c"], colours=np.eye(3))
    assert models.open_ome_zarr(zarr.open_group(tmp_path / "mosaic.ome.zarr", mode="r"))
