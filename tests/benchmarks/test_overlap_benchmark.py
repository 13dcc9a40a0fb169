"""The benchmark of overlapping phases judges rightly."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import benchmarks.overlap.__main__ as overlap
import numpy as np
import pytest
from benchmarks.overlap import fields, scores
from benchmarks.overlap.methods import AUTOMATIC, Found, methods, strokes_of

from napari_gdls import Field
from napari_gdls.overlap.channels import analysis_channels
from napari_gdls.simulation import simulate_overlapping


@pytest.fixture(scope="module")
def field() -> Field:
    return simulate_overlapping((48, 48), counts=60.0, seed=3)


def perfect(field: Field, shift: float = 0.0) -> Found:
    """The truth as if it had been found, with names of its own and shares that are off by `shift`."""
    truth = field.metadata["truth"]
    own = {name: f"phase {i}" for i, name in enumerate(truth["spectra"], start=1)}
    presence = {own[name]: mask for name, mask in truth["presence"].items()}
    number = sum(mask.astype(int) for mask in presence.values())
    matrix = own[truth["matrix"]]
    masks = {matrix: number == 0, **{name: mask & (number == 1) for name, mask in presence.items()}}
    shares = {name: scores.true_share(field, masks[name]) + shift for name in presence}
    rows = [
        SimpleNamespace(phase=own[name], element=element, line=f"{element} L", sigma=2.0, net=net + 3.0)
        for name in truth["spectra"]
        for element in ("Nd", "Hf")
        for net in [scores.true_net_counts(field, name, element, "L", masks[own[name]])]
    ]
    separation: Any = SimpleNamespace(
        pure_matrix=masks[matrix],
        masks=masks,
        factors=shares,
        intervals={name: (share - 0.01, share + 0.01) for name, share in shares.items()},
        confirmed=dict.fromkeys(shares, True),
        under=dict.fromkeys(shares, (matrix,)),
        trace_report=lambda elements: SimpleNamespace(rows=rows),
    )
    return Found(
        matrix,
        {own[name]: 500 * spectrum for name, spectrum in truth["spectra"].items()},
        separation,
        presence,
        {own[name]: counts for name, counts in truth["abundances"].items()},
        n_phases_found=True,
    )


def test_the_truth_is_judged_perfect(field: Field) -> None:
    judged = scores.judge(field, perfect(field))
    for angle in (judged.matrix_wide, judged.matrix_narrow, *judged.wide.values(), *judged.narrow.values()):
        assert angle == pytest.approx(0, abs=1e-4)
    assert judged.right_matrix
    assert judged.right_number
    assert set(judged.overlap.values()) == {1.0}
    assert judged.intersections == 1
    assert judged.abundance_error == pytest.approx(0, abs=1e-12)
    assert all(judged.covered.values())
    assert list(judged.share_error.values()) == pytest.approx([0, 0])
    assert judged.trace_z == pytest.approx([1.5] * 6)


def test_errors_are_seen(field: Field) -> None:
    found = perfect(field, shift=0.05)
    found.separation.intervals = dict.fromkeys(found.presence, (0.0, 0.0))
    judged = scores.judge(field, found)
    assert list(judged.share_error.values()) == pytest.approx([0.05, 0.05])
    assert not any(judged.covered.values())
    lost = perfect(field)
    name, mask = list(lost.presence.items())[-1]
    lost.presence[name] = np.zeros_like(mask)
    judged = scores.judge(field, lost)
    assert judged.overlap["Ca-perovskite"] == 0
    assert judged.narrow["Ca-perovskite"] == scores.UNFOUND
    assert "Ca-perovskite" not in judged.share_error
    assert judged.intersections == 0


def test_decompositions_are_matched_by_their_angles(field: Field) -> None:
    spectra = field.metadata["truth"]["spectra"]
    found = Found("b", dict(zip("bca", spectra.values(), strict=True)))
    judged = scores.judge(field, found)
    assert max(judged.wide.values()) == pytest.approx(0, abs=1e-4)
    assert judged.right_matrix
    assert not scores.judge(field, Found("a", found.spectra)).right_matrix


def test_angles_leave_out_artefacts(field: Field) -> None:
    channels = analysis_channels(field)
    spectrum = field.metadata["truth"]["spectra"]["bridgmanite"]
    copper = spectrum.copy()
    copper[field.energy.window(8000, 8080)] += 1
    assert scores.angle(copper, spectrum, channels) == pytest.approx(0, abs=1e-4)
    assert scores.angle(copper, spectrum, channels, narrow=True) == pytest.approx(0, abs=1e-4)
    assert scores.angle(np.zeros_like(spectrum), spectrum, channels) == scores.UNFOUND


def test_net_counts_of_the_truth_are_those_of_the_simulated_spectrum() -> None:
    field = simulate_overlapping((32, 32), counts=100.0, seed=1)
    truth = field.metadata["truth"]
    everywhere = np.ones(field.shape, dtype=bool)
    net = scores.true_net_counts(field, "Ca-perovskite", "Ca", "K", everywhere)
    spectrum = truth["spectra"]["Ca-perovskite"] * truth["abundances"]["Ca-perovskite"].sum()
    peak = spectrum[field.energy.window(3500, 4250)].sum()
    background = spectrum[field.energy.window(4300, 4500)].mean() * 75
    assert net == pytest.approx(peak - background, rel=0.02)
    assert scores.true_net_counts(field, "ferropericlase", "Ca", "K", everywhere) == 0


def test_strokes_lie_in_their_classes(field: Field) -> None:
    truth = field.metadata["truth"]
    strokes = strokes_of(truth, seed=0)
    first, second = truth["presence"].values()
    assert set(np.unique(strokes)) == {0, 1, 2, 3, 4}
    assert not (strokes == 1)[first | second].any()
    assert (first & ~second)[strokes == 2].all()
    assert (first & second)[strokes == 4].all()


def test_every_field_is_described() -> None:
    cases = [*fields.fields(), fields.large_field(), *fields.hard_fields()]
    assert len({case.name for case in cases}) == len(cases)
    assert min(fields.SEEDS) >= 100


def test_tables_are_printed(field: Field, capsys: pytest.CaptureFixture[str]) -> None:
    judged = scores.judge(field, perfect(field))
    spectra = field.metadata["truth"]["spectra"]
    alone = scores.judge(field, Found("0", dict(zip("012", spectra.values(), strict=True))))
    overlap.print_tables("title", {"psnmf": [alone], AUTOMATIC: [judged, "no element tells the share"]})
    text = capsys.readouterr().out
    assert "automatic gave up: no element tells the share" in text
    assert "grains deg" in text
    assert set(overlap.DECOMPOSITIONS) < set(methods())
