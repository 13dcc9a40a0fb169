"""Every format that a result can be written in, as one file and in a set."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from napari_gdls import Recipe, Segmentation, segment, simulate_field, write_labels, write_result
from napari_gdls.cli.options import Also
from napari_gdls.errors import GdlsError, OutputError
from napari_gdls.field import Field
from napari_gdls.io import faults_of_set, files_of_set, manifest_of, read_labels, read_mindif, read_spectrum
from napari_gdls.io.manifest import ENDING as MANIFEST_ENDING
from napari_gdls.segmentation import (
    BY_HAND,
    PhaseName,
    phase_at,
    phase_table,
    place_of_phase,
    read_segmentation,
    require_field_fits,
    require_writable_files,
    result_files,
    write_results,
)
from napari_gdls.segmentation.legend import legend_svg
from napari_gdls.segmentation.output_formats import FORMATS, format_of
from napari_gdls.segmentation.phase_spectrum_files import sums_of_phases

OPTIONAL = {"parquet": "pyarrow", "hspy": "rsciio"}
NAMES = ("quartz", 'K-feldspar <b> & "x" \u0007µ', "quartz")


def of_pixels(field: Field, size: float | None, dtype: type = np.uint16) -> Field:
    return Field(
        field.bse.astype(dtype), field.spectra, field.locations, field.energy,
        bse_full_scale=65535.0, sampling_distance=field.sampling_distance, pixel_size=size,
    )  # fmt: skip


@pytest.fixture(scope="module")
def result() -> Segmentation:
    found = segment(of_pixels(simulate_field((40, 36), seed=3, grain_size=12), 2.0), device="cpu")
    called = [PhaseName(NAMES[k % 3], source=BY_HAND) for k in range(found.n_phases)]
    return found.with_names(called)


def installed(names: list[str]) -> list[str]:
    import importlib.util

    return [name for name in names if name not in OPTIONAL or importlib.util.find_spec(OPTIONAL[name])]


def tree(path: Path) -> dict[str, bytes]:
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("primary", ["rock.ome.tif", "rock.ome.zarr", "rock.geojson", "rock.png"])
def test_a_set_in_all_formats_is_whole_and_equal_when_written_twice(
    result: Segmentation, tmp_path: Path, primary: str
) -> None:
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files = result_files(tmp_path / name / primary, result.recipe, minerals=True, also=installed(list(FORMATS)))
        require_writable_files(files, overwrite=False)
        require_field_fits(files, result.field)
        write_results(result, files, overwrite=False)
        written.append(tree(tmp_path / name))
        assert {path.name for path in (tmp_path / name).iterdir()} == {path.name for path in files.values()}
    assert written[0] == written[1]
    assert faults_of_set(files["manifest"]) == ()
    for path in files_of_set(files["manifest"]).values():
        assert manifest_of(path) == files["manifest"]
    again = result_files(tmp_path / "b" / primary, result.recipe)
    write_results(result, again, overwrite=True)
    assert {path.name for path in (tmp_path / "b").iterdir()} == {path.name for path in again.values()}


def test_what_lies_in_a_folder_of_a_set_belongs_to_it(result: Segmentation, tmp_path: Path) -> None:
    files = result_files(tmp_path / "rock.png", result.recipe, also=["ome-zarr", "msa"])
    write_results(result, files, overwrite=False)
    (next(iter(files["spectra"].iterdir()))).unlink()
    (files["OME-Zarr"] / "mine.txt").write_text("x")
    faults = faults_of_set(files["manifest"])
    assert len(faults) == 2
    assert all(name in " ".join(faults) for name in ("rock.spectra", "rock.ome.zarr"))


def test_formats_say_before_a_run_what_they_lack(
    result: Segmentation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutputError, match="ome-zarr, geojson"):
        result_files(tmp_path / "a.png", Recipe(), also=["shapefile"])
    for name in ("legend", "msa", "mindif"):
        with pytest.raises(OutputError, match="makes no phases"):
            result_files(tmp_path / "a.png", Recipe(method="watershed"), also=[name])
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    with pytest.raises(OutputError, match="pip install"):
        result_files(tmp_path / "a.png", Recipe(), also=["hspy"])
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(OutputError, match="pip install"):
        result_files(tmp_path / "a.png", Recipe(), also=["parquet"])
    monkeypatch.undo()
    files = result_files(tmp_path / "a.png", Recipe(), also=["mindif"])
    field = result.field
    for lacking, problem in (
        (of_pixels(field, None), "size of a pixel"),
        (of_pixels(field, 2.0, np.float32), "float32"),
    ):
        with pytest.raises(OutputError, match=problem):
            require_field_fits(files, lacking)


def test_a_folder_of_something_else_stays(result: Segmentation, tmp_path: Path) -> None:
    for name, row in FORMATS.items():
        if row.mark is None:
            continue
        folder = tmp_path / f"a{row.endings[0]}"
        folder.mkdir()
        (folder / "thesis.docx").write_text("mine")
        files = result_files(tmp_path / "a.png", result.recipe, also=[name])
        with pytest.raises(OutputError, match="something else"):
            require_writable_files(files, overwrite=True)
        with pytest.raises(OutputError, match="something else"):
            write_result(folder, result, overwrite=True)
        assert (folder / "thesis.docx").exists()
        (folder / "thesis.docx").unlink()
        write_result(folder, result, overwrite=True)
        write_result(folder, result, overwrite=True)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_a_file_of_its_own_too(result: Segmentation, tmp_path: Path, name: str) -> None:
    if name in OPTIONAL:
        pytest.importorskip(OPTIONAL[name])
    for ending in FORMATS[name].endings:
        path = tmp_path / f"a{ending.upper() if name != 'hspy' else ending}"
        write_result(path, result)
        assert path.exists()
        with pytest.raises(OutputError, match="exists"):
            write_result(path, result)


def test_labels_are_the_same_in_every_format_that_is_read_back(result: Segmentation, tmp_path: Path) -> None:
    for name in ("a.ome.tif", "a.png", "a.ome.zarr"):
        write_result(tmp_path / name, result)
        assert np.array_equal(read_labels(tmp_path / name), result.labels)
    assert np.array_equal(read_labels(tmp_path / "a.ome.zarr" / "labels" / "phases"), result.phase_map())
    write_result(tmp_path / "a.gdls.zarr.zip", result)
    assert np.array_equal(read_segmentation(tmp_path / "a.gdls.zarr.zip").labels, result.labels)
    assert read_segmentation(tmp_path / "a.gdls.zarr.zip").timings == result.timings
    # In a set, which a script makes again byte by byte, it does not say how long the run took.
    files = result_files(tmp_path / "b.png", result.recipe, also=["store"])
    write_results(result, files, overwrite=False)
    assert read_segmentation(files["store"]).timings == {}
    other = dataclasses.replace(result, timings={"graph": 1.0})
    before = files["store"].read_bytes()
    write_results(other, files, overwrite=True)
    assert files["store"].read_bytes() == before
    with pytest.raises(OutputError, match="choose one"):
        write_result(tmp_path / "a.shp", result)


def test_names_and_colours_are_those_of_the_result(result: Segmentation, tmp_path: Path) -> None:
    write_result(tmp_path / "a.geojson", result)
    features = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]
    colours = np.round(255 * result.phase_colours).astype(int).tolist()
    for feature in features:
        phase = result.phases[feature["properties"]["label"] - 1]
        of_class = feature["properties"]["classification"]
        assert of_class == {"name": result.phase_titles[phase], "color": colours[phase]}
    write_result(tmp_path / "a.ome.zarr", result)
    header = json.loads((tmp_path / "a.ome.zarr" / "labels" / "phases" / "zarr.json").read_text(encoding="utf-8"))
    described = header["attributes"]["ome"]["image-label"]
    assert [each["rgba"][:3] for each in described["colors"]] == colours
    assert [each["area [%]"] for each in described["properties"]] == result.modal.percent.tolist()
    write_result(tmp_path / "a.mindif", result)
    (exported,) = read_mindif(tmp_path / "a.mindif")
    assert np.array_equal(exported.phases, result.phase_map())
    assert [phase.name for phase in exported.phase_table[1:]] == [
        title.replace("\u0007", "?") for title in result.phase_titles
    ]
    assert [phase.colour for phase in exported.phase_table[1:]] == phase_table(result)["colour"].tolist()
    assert exported.pixel_size == 2.0


def test_segments_without_phases_have_no_classes(result: Segmentation, tmp_path: Path) -> None:
    plain = dataclasses.replace(
        result,
        measurement_phases=None,
        names=(),
        phases=np.arange(result.n_segments),
        recipe=Recipe(method="threshold"),
    )
    write_result(tmp_path / "a.geojson", plain)
    feature = json.loads((tmp_path / "a.geojson").read_text())["features"][0]
    assert "classification" not in feature["properties"]
    assert len(feature["properties"]["color"]) == 3
    write_result(tmp_path / "a.ome.zarr", plain)
    assert [path.name for path in (tmp_path / "a.ome.zarr" / "labels").iterdir() if path.is_dir()] == ["segments"]
    with pytest.raises(GdlsError, match="no phases"):
        write_result(tmp_path / "a.svg", plain)


def test_the_legend_is_xml_with_every_phase(result: Segmentation) -> None:
    drawing = ET.fromstring(legend_svg(result))
    texts = [text.text or "" for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    order = np.argsort(-result.modal.percent, kind="stable")
    assert texts[1::2] == [f"{result.modal.percent[k]:.2f} ± {result.modal.error[k]:.2f} %" for k in order]
    for k, shown in zip(order.tolist(), texts[::2], strict=True):
        assert shown.startswith(result.phase_titles[k].replace("\u0007", "?"))
    fills = [box.get("fill") for box in drawing.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert fills == phase_table(result)["colour"][order].tolist()


def test_spectra_of_phases_say_where_they_are_found(result: Segmentation, tmp_path: Path) -> None:
    write_result(tmp_path / "a.spectra", result)
    files = sorted((tmp_path / "a.spectra").iterdir())
    sums, measurements = sums_of_phases(result)
    assert len(files) == result.n_phases
    for phase, file in enumerate(files):
        assert np.array_equal(read_spectrum(file).counts, sums[phase])
        text = file.read_text(encoding="ascii")
        row, column = place_of_phase(result, phase)
        assert f"{measurements[phase]} measurements" in text
        assert f"row {row}, column {column}" in " ".join(text.split())
        assert phase_at(result, row, column) == phase
    pure = result.grouped.partner < 0
    assert measurements.sum() == pure.sum()  # here every phase has some that are no mixtures
    assert sums.sum() == result.field.spectra[pure].sum()


def test_labels_of_others_as_polygons_and_ome_zarr(result: Segmentation, tmp_path: Path) -> None:
    field: Field = result.field
    labels = np.zeros(field.shape, np.int64)
    labels[:5, :7] = 3
    write_labels(tmp_path / "a.geojson", labels, pixel_size=0.5, titles={3: "zircon"})
    content = json.loads((tmp_path / "a.geojson").read_text())
    assert content["image"]["pixel_size_um"] == 0.5
    assert content["features"][0]["properties"] == {
        "label": 3, "objectType": "detection", "classification": {"name": "zircon"},
    }  # fmt: skip
    write_labels(tmp_path / "b.geojson", labels, field=field)
    assert json.loads((tmp_path / "b.geojson").read_text())["features"][0]["properties"]["area [px]"] == 35
    write_labels(tmp_path / "a.ome.zarr", labels, field=field, titles={3: "zircon"})
    assert np.array_equal(read_labels(tmp_path / "a.ome.zarr"), labels)
    with pytest.raises(OutputError, match="needs it"):
        write_labels(tmp_path / "b.ome.zarr", labels)
    for name in ("c.ome.zarr", "c.geojson"):
        with pytest.raises(OutputError, match="agree"):
            write_labels(tmp_path / name, labels[:3], field=field)


def test_the_list_is_consistent() -> None:
    contents = [file.content for row in FORMATS.values() for file in row.files]
    endings = [file.ending for row in FORMATS.values() for file in row.files]
    assert len(set(contents)) == len(contents)
    assert len(set(endings)) == len(endings)
    assert MANIFEST_ENDING not in endings
    option = Also.__metadata__[0]  # type: ignore[attr-defined]
    for name, row in FORMATS.items():
        assert name in option.help, "the option says what there is, without loading the list"
        assert all(format_of(f"x{ending}") is row for ending in row.endings)
    assert format_of("x.gdls.zarr") is None
    assert format_of(".geojson") is None
