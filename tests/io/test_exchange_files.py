"""Tables, summed spectra and phases in the formats of other programs, read back by those."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import OutputError
from napari_gdls.io import MindifField, MindifPhase, read_mindif, write_hspy, write_mindif, write_parquet

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(allow_infinity=False), min_size=1, max_size=20), st.data())
def test_a_parquet_table_reads_back_with_units_and_gaps(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], data: st.DataObject
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path_factory.mktemp("p") / "t.parquet"
    n = len(values)
    names = data.draw(st.lists(WORDS, min_size=n, max_size=n))
    numbers = np.arange(n, dtype=np.int64) - 3
    write_parquet(path, {"area [um2]": np.array(values), "name": np.array(names, object), "label": numbers})
    once = path.read_bytes()
    write_parquet(path, {"area [um2]": np.array(values), "name": np.array(names, object), "label": numbers})
    assert path.read_bytes() == once
    table = pq.read_table(path)
    assert table.column("area [um2]").to_pylist() == [None if value != value else value for value in values]
    assert table.column("name").to_pylist() == names
    assert table.column("label").to_pylist() == numbers.tolist()
    assert table.schema.field("area [um2]").metadata == {b"unit": b"um2"}


def test_columns_of_different_lengths_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(OutputError, match="one length"):
        write_parquet(tmp_path / "t.parquet", {"a": np.zeros(2), "b": np.zeros(3)})
    assert not list(tmp_path.iterdir())


def test_summed_spectra_are_a_signal_of_hyperspy(tmp_path: Path) -> None:
    pytest.importorskip("rsciio")
    from rsciio.hspy import file_reader

    spectra = np.random.default_rng(0).poisson(4.0, (3, 50)).astype(float)
    for name in ("a.hspy", "b.hspy"):
        write_hspy(
            tmp_path / name, spectra, EnergyAxis(-95.0, 10.0, 50), title="rock", names=["quartz", "K-feldspar", "µ"],
            beam_energy=15.0,
        )  # fmt: skip
    assert (tmp_path / "a.hspy").read_bytes() == (tmp_path / "b.hspy").read_bytes()
    (signal,) = file_reader(str(tmp_path / "a.hspy"))
    assert np.array_equal(signal["data"], spectra)
    assert [axis["name"] for axis in signal["axes"]] == ["phase", "Energy"]
    assert (signal["axes"][1]["offset"], signal["axes"][1]["units"]) == (-0.095, "keV")
    assert signal["metadata"]["Acquisition_instrument"]["SEM"]["beam_energy"] == 15.0
    assert list(signal["metadata"]["Sample"]["names"]) == ["quartz", "K-feldspar", "µ"]
    hs = pytest.importorskip("hyperspy.api")
    loaded = hs.load(tmp_path / "a.hspy")
    assert (loaded.axes_manager.navigation_shape, loaded.axes_manager.signal_shape) == ((3,), (50,))
    with pytest.raises(OutputError, match="exists"):
        write_hspy(tmp_path / "a.hspy", spectra, EnergyAxis(0, 10, 50), title="", names="abc", overwrite=False)


def mindif_field(rng: np.random.Generator, name: str, dtype: type) -> MindifField:
    table = (MindifPhase(0, "[Unclassified]", "#000000"), MindifPhase(7, 'quartz & "x" <µ>', "#82ff82"))
    bse = rng.integers(0, np.iinfo(dtype).max, (12, 9), endpoint=True).astype(dtype)
    phases = rng.choice([0, 7], (12, 9)).astype(np.int32)
    return MindifField(name, bse, phases, rng.random((12, 9)) < 0.8, 2.5, (500.0, -12.25), table)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_mindif_export_reads_back(tmp_path: Path, dtype: type) -> None:
    rng = np.random.default_rng(0)
    fields = (mindif_field(rng, "A1", dtype), mindif_field(rng, "B 2", dtype))
    for name in ("one", "two"):
        write_mindif(tmp_path / name, fields)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 9
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    for read, given_ in zip(read_mindif(tmp_path / "one"), fields, strict=True):
        for part in dataclasses.fields(MindifField):
            a, b = getattr(read, part.name), getattr(given_, part.name)
            assert np.array_equal(a, b) and a.dtype == b.dtype if isinstance(b, np.ndarray) else a == b, part.name


def test_fields_that_make_no_export(tmp_path: Path) -> None:
    field = mindif_field(np.random.default_rng(0), "A1", np.uint8)
    cases = {
        "one field at least": (),
        "two fields have one name": (field, field),
        "one pixel size": (field, dataclasses.replace(field, name="b", pixel_size=1.0)),
        "one table of phases": (field, dataclasses.replace(field, name="b", phase_table=())),
        "cannot be a folder": (dataclasses.replace(field, name="../a"),),
        "8 or 16 bits": (dataclasses.replace(field, bse=field.bse.astype(np.float32)),),
    }
    for problem, fields in cases.items():
        with pytest.raises(OutputError, match=problem):
            write_mindif(tmp_path / "out", fields)
    assert not list(tmp_path.iterdir())
