from pathlib import Path

import pytest

from napari_gdls import Recipe, sample_field, segment
from napari_gdls.errors import OutputError
from napari_gdls.segmentation.files import check_targets, print_summary, targets


def printed(capsys, result):
    print_summary(result)
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def result():
    return segment(sample_field("dacite-fast"))


def with_dispersion(result, embedded):
    from dataclasses import replace

    from napari_gdls.phases.over_dispersion import Dispersion

    found = replace(result.measurement_phases, dispersion=Dispersion(counts=0.0, embedded=embedded, n_segments=99))
    return replace(result, measurement_phases=found)


def test_the_summary_tells_phases_with_their_errors(result, capsys):
    text = printed(capsys, result)
    assert f"{result.n_segments:,} segments of {result.n_phases:,} phases from 7,500 spectra" in text
    for percent, error in zip(result.modal.percent[:5], result.modal.error[:5], strict=True):
        assert any({f"{percent:.2f}", f"{error:.2f}"} <= set(line.split()) for line in text.splitlines())
    assert "false borders" in text
    assert "labelling" in text


def test_scatter_is_told_where_it_matters(result, capsys):
    assert "2,000 counts" in printed(capsys, with_dispersion(result, 0.5))
    assert "scatter" not in printed(capsys, with_dispersion(result, 0.001))


def test_many_phases_are_not_all_printed(result, capsys, monkeypatch):
    monkeypatch.setattr("napari_gdls.segmentation.files._MOST_ROWS", 2)
    assert f"and {result.n_phases - 2} more" in printed(capsys, result)


def test_names_follow_that_of_the_labels():
    paths = targets(Path("a/b.OME.TIF"), Recipe(), confidence=True, constraints=True)
    assert paths["phase map"] == Path("a/b.phases.OME.TIF")
    assert paths["constraints"] == Path("a/b.constraints.json")
    assert "phases" not in targets(Path("b.png"), Recipe(method="watershed"))
    with pytest.raises(OutputError, match="watershed"):
        targets(Path("b.png"), Recipe(method="watershed"), confidence=True)


def test_files_that_are_there_stay(tmp_path):
    paths = targets(tmp_path / "b.png", Recipe())
    paths["phase merges"].write_text("mine")
    with pytest.raises(OutputError, match="phase_merges"):
        check_targets(paths, overwrite=False)
    check_targets(paths, overwrite=True)
