"""The benchmark of names runs, and its judgements are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from benchmarks.mineralogy import naming, simulated
from benchmarks.mineralogy.peers import methods

from napari_gdls.mineralogy import identify_fit, naming_library


def test_specimens_depend_on_the_seed_alone():
    first, second, other = (simulated.specimens(3, seed) for seed in (1, 1, 2))
    assert [each.kind for each in first] == list(simulated.KINDS)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.spectrum, b.spectrum)
        assert a.spectrum.sum() == 1 or abs(a.spectrum.sum() - 1) < 1e-6
    assert not np.array_equal(first[0].spectrum, other[0].spectrum)


def test_names_are_judged():
    library = naming_library()
    (case,) = naming.cases(1, 5, [1e4])
    right = naming.is_right(case.specimen, library)
    assert right[library.species[case.specimen.index]]
    assert right.sum() < len(right) / 10
    found = identify_fit(case.composition, library)
    judged = naming.judge(found, case.specimen, library)
    assert judged.stated == found.probability
    # Under the name of something else the same answer is wrong.
    other = replace(case.specimen, index=0, fractions=library.materials.compositions[0])
    assert not naming.judge(found, other, library).first
    left = naming.without(library, case.specimen)
    assert not np.isfinite(left.log_prior[case.specimen.index])


def test_the_report_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(naming, "COUNTS", (1e4,))
    naming.report(3, 5, peers=False)
    text = capsys.readouterr().out
    assert "top-1" in text
    assert "Stated -> right" in text


def test_every_peer_scores_all_materials():
    library = naming_library()
    (case,) = naming.cases(1, 5, [1e4])
    scores = {name: method(case) for name, method in methods(library).items() if "embedding" not in name}
    assert len(scores) == 3
    for score in scores.values():
        assert score.shape == (len(library.materials),)
        assert np.isfinite(score).all()
