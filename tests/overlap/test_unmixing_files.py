"""The files of an unmixing, and the tables in them."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import tifffile

from napari_gdls.errors import OutputError
from napari_gdls.io import faults_of_set, files_of_set, manifest_of
from napari_gdls.overlap import (
    UnmixingRecipe,
    decompose,
    require_writable_folder,
    separate_phases,
    unmix_overlapping,
    unmixing_files,
    write_separation,
    write_unmixing,
)
from napari_gdls.overlap.files import MANIFEST_NAME
from napari_gdls.overlap.tables import evidence_table, ratio_table, share_table, spectrum_table, tie_table, trace_table
from napari_gdls.simulation import simulate_overlapping


@pytest.fixture(scope="module")
def field():
    return simulate_overlapping((48, 48), counts=200.0, seed=5, name="small")


@pytest.fixture(scope="module")
def by_hand(field):
    truth = field.metadata["truth"]
    return separate_phases(field, truth["presence"], matrix=truth["matrix"])


@pytest.fixture(scope="module")
def unmixing(field):
    return unmix_overlapping(field, seed=1)


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_that_was_found_is_in_the_folder(unmixing, tmp_path):
    files = write_unmixing(unmixing, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in files.values())
    assert list(files)[-1] == "manifest"
    assert faults_of_set(files["manifest"]) == ()
    assert files_of_set(files["manifest"]) == {what: path for what, path in files.items() if what != "manifest"}
    assert manifest_of(files["masks"]) == files["manifest"]
    separation = unmixing.separation
    masks = tifffile.imread(files["masks"]) > 0
    expected = [*(separation.presence[grain] for grain in separation.grains), separation.pure_matrix]
    np.testing.assert_array_equal(masks, [*expected, separation.intersection])
    abundances = tifffile.imread(files["abundances"])
    assert abundances.dtype == np.float32
    np.testing.assert_allclose(abundances, [unmixing.abundances[name] for name in unmixing.names], rtol=1e-6)
    scores = tifffile.imread(files["scores"])
    np.testing.assert_allclose(scores, np.moveaxis(unmixing.decomposition.scores, 2, 0), rtol=1e-5)
    assert UnmixingRecipe.from_json(files["recipe"].read_text()) == unmixing.recipe
    assert len(table(files["loadings"])) == unmixing.field.energy.size
    assert [row["grain"] for row in table(files["shares"])] == list(separation.grains)
    assert sum(row["chosen"] == "True" for row in table(files["evidence"])) == 1


def test_another_program_reads_the_spectra(unmixing, tmp_path):
    msa = pytest.importorskip("rsciio.msa")
    files = write_unmixing(unmixing, tmp_path / "out")
    for name in unmixing.names:
        for kind, spectra in (("pure", unmixing.separation.spectra), ("mask", unmixing.separation.mask_spectra)):
            (read,) = msa.file_reader(str(files[f"{name}, {kind}"]))
            np.testing.assert_array_equal(read["data"], spectra[name])
            assert read["metadata"]["General"]["title"] == f"{name}, {kind}"


def test_equal_results_are_equal_files(unmixing, tmp_path):
    first, second = (write_unmixing(unmixing, tmp_path / folder) for folder in "ab")
    for what, path in first.items():
        assert path.read_bytes() == second[what].read_bytes(), what


def test_masks_made_by_hand_have_no_recipe(by_hand, tmp_path):
    files = write_separation(by_hand, tmp_path / "out")
    assert not {"scores", "loadings", "evidence", "recipe"} & set(files)
    assert faults_of_set(files["manifest"]) == ()
    assert json.loads(files["manifest"].read_text())["recipe"] == {"masks": "made by hand"}
    assert files["Ca-perovskite, pure"].name == "Ca-perovskite.msa"


def test_a_decomposition_with_a_given_number_brings_no_evidence(by_hand, field, tmp_path):
    files = write_separation(by_hand, tmp_path / "out", decomposition=decompose(field, 2))
    assert "evidence" not in files
    assert files["scores"].is_file()


def test_a_folder_with_anything_else_in_it_is_left_alone(by_hand, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"notes\.txt, which no unmixing has written"):
            write_separation(by_hand, tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(OutputError, match="a file is there"):
        require_writable_folder(tmp_path / "notes.txt", overwrite=True)
    with pytest.raises(OutputError, match="no folder"):
        require_writable_folder(tmp_path / "no" / "such")


def test_an_earlier_unmixing_is_replaced_as_a_whole_and_only_if_told_to(by_hand, unmixing, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    before = write_unmixing(unmixing, folder)  # an empty folder is as good as none
    with pytest.raises(OutputError, match="already"):
        write_separation(by_hand, folder)
    assert faults_of_set(before["manifest"]) == ()
    after = write_separation(by_hand, folder, overwrite=True)
    assert {path.name for path in folder.iterdir()} == {path.name for path in after.values()}
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        write_separation(by_hand, folder, overwrite=True)


def test_a_run_that_fails_leaves_the_folder_as_it_was(by_hand, unmixing, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    files = write_unmixing(unmixing, folder)

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_gdls.overlap.files.write_manifest", fails)
    with pytest.raises(OutputError, match="No space left"):
        write_separation(by_hand, folder, overwrite=True)
    assert faults_of_set(files["manifest"]) == ()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("phases", "names"),
    [
        (("phase 1", "phase 2"), ("phase_1.msa", "phase_2.msa")),
        (("a/b", "a b", "A:B"), ("a_b.msa", "a_b_2.msa", "A_B_3.msa")),
        (("../../etc", "", "\u03b1"), ("etc.msa", "phase.msa", "phase_2.msa")),
        (("Ca-Pv", "masks"), ("Ca-Pv.msa", "masks_2.msa")),
        (("x" * 300,), (f"{'x' * 60}.msa",)),
    ],
)
def test_names_of_phases_become_names_of_files(phases, names, tmp_path):
    files = unmixing_files(tmp_path, phases)
    assert tuple(files[f"{phase}, pure"].name for phase in phases) == names
    assert all(path.parent == tmp_path for path in files.values())
    assert len({path.name.lower() for path in files.values()}) == len(files)


def test_tables_hold_what_the_separation_says(by_hand):
    grain = by_hand.grains[0]
    shares = share_table(by_hand)
    low, high = by_hand.intervals[grain]
    assert (shares["share of matrix"][0], shares["low"][0], shares["high"][0]) == (by_hand.factors[grain], low, high)
    assert shares["pixels"][0] == np.count_nonzero(by_hand.masks[grain])
    assert shares["under"][0] == by_hand.matrix
    ties = tie_table(by_hand)
    assert set(ties["element"][ties["used"] & (ties["grain"] == grain)]) == set(shares["tie elements"][0].split())
    dragged = by_hand.with_factor(grain, 0.25)
    assert share_table(dragged)["share of matrix"][0] == 0.25
    spectra = spectrum_table(by_hand)
    np.testing.assert_array_equal(spectra["energy [eV]"], by_hand.field.energy.centers)
    np.testing.assert_array_equal(spectra[f"{grain}, pure [counts]"], by_hand.spectra[grain])
    np.testing.assert_array_equal(spectra[f"{grain}, variance [counts^2]"], by_hand.variances[grain])


def test_ratios_are_to_the_commonest_element_and_partition_to_the_matrix(by_hand):
    report = by_hand.trace_report()
    traces, ratios = trace_table(report), ratio_table(report, by_hand.matrix)
    assert len(traces["phase"]) == len(report.rows)
    found = {(row.phase, row.element) for row in report.rows if row.net > row.detection_limit}
    assert set(ratios["quantity"]) == {"atomic ratio", "partition coefficient"}
    for i, (element, phase) in enumerate(zip(ratios["element"], ratios["phase"], strict=True)):
        if ratios["quantity"][i] == "atomic ratio":
            assert (phase, element) in found
            expected = report.ratio(element, ratios["reference element"][i], phase)
        else:
            assert ratios["reference phase"][i] == by_hand.matrix
            assert {(phase, element), (by_hand.matrix, element)} & found
            expected = report.partition(element, phase, by_hand.matrix)
        if np.isfinite(expected).all():
            assert (ratios["value"][i], ratios["error"][i]) == expected
        else:
            assert np.isnan(ratios["value"][i])


def test_eigenvalues_and_deviances_stand_beside_each_other(unmixing):
    evidence = dataclasses.replace(
        unmixing.decomposition.evidence,
        n=np.array([1, 2, 3]),
        deviance=np.array([3.0, 1.0, 2.0]),
        chosen=2,
        eigenvalues=np.arange(300, 0, -1.0),
    )
    columns = evidence_table(evidence)
    assert columns["components"].tolist() == list(range(1, 21))
    assert columns["deviance"][:3].tolist() == [3, 1, 2]
    assert np.isnan(columns["deviance"][3:]).all()
    assert np.flatnonzero(columns["chosen"]).tolist() == [1]
    assert columns["eigenvalue"][0] == 300


def test_the_manifest_has_the_usual_ending():
    assert MANIFEST_NAME.endswith(".manifest.json")
