from __future__ import annotations

import csv
import sys

import numpy as np
import pytest
from skimage.io import imread

from napari_gdls import Recipe, build_graph, embed, evaluate, segment
from napari_gdls.errors import Cancelled, GdlsError, OutputError, RecipeError
from napari_gdls.evaluation import Sweep, sweep, sweep_field
from napari_gdls.evaluation.sweep import CURVES, SWEEPS
from napari_gdls.recipe import METHODS
from napari_gdls.simulation import simulate_field

TRUTH = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((16, 16), int))


def blocks(edge: float) -> np.ndarray:
    """Squares of this edge: those of the truth at 16 px, finer or coarser otherwise."""
    row, column = np.indices(TRUTH.shape) // int(edge)
    return 1 + row * 64 + column


@pytest.fixture(scope="module")
def field():
    return simulate_field((60, 60), seed=3, counts=2000, grain_size=20.0)


@pytest.fixture(scope="module")
def curves():
    return sweep({"squares": blocks, "stripes": lambda width: blocks(width) // 64 + 1}, TRUTH, [8, 16, 32])


def test_points_are_the_scores_of_each_method_at_each_value(curves):
    assert [(point.method, point.value) for point in curves.points] == [
        (method, value) for method in ("squares", "stripes") for value in (8, 16, 32)
    ]
    for point in curves.of("squares"):
        assert point.scores == evaluate(blocks(point.value), TRUTH)
        assert point.seconds >= 0
    assert [point.scores.n_segments for point in curves.of("squares")] == [64, 16, 4]
    assert curves.best("squares").value == 16
    assert curves.best("squares").scores.f1 == 1.0
    assert curves.best("stripes", "asa").scores.asa == 0.25


def test_each_method_may_have_its_own_values_and_parameter():
    found = sweep(
        {"a": blocks, "b": blocks}, TRUTH, {"a": [16], "b": [8, 4]}, parameters={"a": "edge", "b": "size"}, tolerance=2
    )
    assert [(point.parameter, point.value) for point in found.points] == [("edge", 16), ("size", 8), ("size", 4)]
    assert {point.scores.tolerance for point in found.points} == {2}


def test_table_and_csv_hold_every_point(curves, tmp_path):
    table = curves.table()
    assert {"method", "parameter", "value", "seconds", "n_segments", *CURVES} <= set(table)
    assert {len(column) for column in table.values()} == {6}
    curves.to_csv(tmp_path / "curves.csv")
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["asa"]) for row in rows] == table["asa"].tolist()
    assert [row["method"] for row in rows] == table["method"].tolist()
    with pytest.raises(OutputError, match="exists"):
        curves.to_csv(tmp_path / "curves.csv", overwrite=False)


def test_the_plot_has_a_line_for_each_method_in_each_panel(curves, tmp_path):
    pytest.importorskip("matplotlib")
    figure = curves._figure()
    assert [panel.get_title() for panel in figure.axes] == list(CURVES.values())
    for panel, name in zip(figure.axes, CURVES, strict=True):
        for method in curves.methods:
            line = next(line for line in panel.get_lines() if str(line.get_label()).startswith(method))
            assert line.get_xdata().tolist() == [point.scores.n_segments for point in curves.of(method)]
            assert line.get_ydata().tolist() == [getattr(point.scores, name) for point in curves.of(method)]
    curves.plot(tmp_path / "curves.png")
    assert imread(tmp_path / "curves.png").std() > 5
    curves.plot(tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text()
    with pytest.raises(OutputError, match="png"):
        curves.plot(tmp_path / "curves.xls")


def test_without_matplotlib_the_error_names_the_extra(curves, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(GdlsError, match=r"napari-gdls\[report\]"):
        curves.plot(tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_threshold_runs_share_the_embedding_and_equal_single_runs(field, monkeypatch):
    from napari_gdls import pipeline

    calls = []
    monkeypatch.setattr(pipeline, "embed", lambda *args, **options: calls.append(1) or embed(*args, **options))
    found = sweep_field(field, field.metadata["truth"], ["threshold"], values={"threshold": [0.5, 1.0, 3.0]})
    assert len(calls) == 1
    for point in found.points:
        alone = segment(field, method="threshold", tau_z=point.value).labels
        assert point.scores == evaluate(alone, field.metadata["truth"])
    counts = [point.scores.n_segments for point in found.points]
    assert counts == sorted(counts, reverse=True)


def test_a_given_embedding_and_recipe_are_used(field, monkeypatch):
    from napari_gdls import pipeline

    z = embed(field, "cosine")
    graph = build_graph(field, np.zeros_like(z))
    monkeypatch.setattr(pipeline, "embed", None)
    monkeypatch.setattr(pipeline, "build_graph", None)
    found = sweep_field(
        field,
        field.metadata["truth"],
        ["threshold"],
        values={"threshold": [0.5]},
        recipe=Recipe(tau_b=1.0),
        embedding=z,
        graph=graph,
    )
    # All spectra alike, and no BSE step too large: one segment.
    assert found.points[0].scores.n_segments == 1


def test_every_method_with_a_parameter_can_be_swept(field):
    assert set(SWEEPS) <= set(METHODS)
    extremes = {name: (values[0], values[-1]) for name, values in ((name, row.values) for name, row in SWEEPS.items())}
    found = sweep_field(field, field.metadata["truth"], SWEEPS, values=extremes)
    assert found.methods == tuple(SWEEPS)
    for name in found.methods:
        fine, coarse = found.of(name)
        assert fine.parameter == SWEEPS[name].parameter
        assert fine.scores.n_segments > coarse.scores.n_segments
        assert fine.scores.asa > coarse.scores.asa


def test_progress_rises_to_one_and_can_cancel(field):
    heard = []
    sweep_field(
        field,
        field.metadata["truth"],
        ["threshold"],
        values={"threshold": [1.0, 2.0]},
        progress=lambda stage, fraction: heard.append((stage, fraction)),
    )
    fractions = [fraction for _, fraction in heard]
    assert {stage for stage, _ in heard} == {"sweep"}
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0

    def stop(stage: str, fraction: float, /) -> None:
        if fraction >= 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        sweep({"squares": blocks}, TRUTH, [8, 16], progress=stop)


def test_what_cannot_be_swept_is_refused(field):
    with pytest.raises(GdlsError, match="at least one"):
        sweep({}, TRUTH, [1])
    with pytest.raises(RecipeError, match="conjure"):
        sweep_field(field, field.metadata["truth"], ["conjure"])
    with pytest.raises(RecipeError, match="conjure"):
        sweep_field(field, field.metadata["truth"], ["threshold"], values={"conjure": [1]})
    with pytest.raises(GdlsError, match="same image"):
        sweep_field(field, TRUTH, ["threshold"])
    with pytest.raises(GdlsError, match="holds squares"):
        Sweep(sweep({"squares": blocks}, TRUTH, [8]).points).of("stripes")
