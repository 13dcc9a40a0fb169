"""The protocol without a stroke."""

from __future__ import annotations

import numpy as np
import pytest
from films import angle, film, matched, overlap_of, true_share
from threadpoolctl import threadpool_limits

from napari_gdls import Field, read_field, unmix_overlapping
from napari_gdls.errors import Cancelled, FieldError, RecipeError
from napari_gdls.overlap import detect_presence


@pytest.fixture(scope="module")
def mantle():
    return unmix_overlapping(film("mantle", 100.0))


def test_phases_masks_and_shares_are_found(mantle) -> None:
    truth = mantle.field.metadata["truth"]
    assert mantle.names == ("phase 1", "phase 2", "phase 3")
    assert mantle.matrix == "phase 1"
    grain_of = matched(mantle.presence, mantle.field)
    assert sorted(grain_of.values()) == ["phase 2", "phase 3"]
    own = mantle.separation.prepared.own
    for name, grain in grain_of.items():
        assert overlap_of(mantle.presence[grain], truth["presence"][name]) > 0.8
        share = true_share(mantle.field, mantle.separation.masks[grain])
        low, high = mantle.separation.intervals[grain]
        assert low - 0.01 < share < high + 0.01
        assert angle(mantle.separation.spectra[grain], truth["spectra"][name], own) < 5
    both = truth["presence"]["ferropericlase"] & truth["presence"]["Ca-perovskite"]
    assert overlap_of(mantle.separation.intersection, both) > 0.7
    counts = [mantle.separation.subtraction.spectra[name].sum() for name in mantle.names[1:]]
    assert counts == sorted(counts, reverse=True)


def test_abundances_are_near_the_truth(mantle) -> None:
    truth = mantle.field.metadata["truth"]["abundances"]
    names = {**matched(mantle.presence, mantle.field), "bridgmanite": "phase 1"}
    total, found = sum(truth.values()), mantle.abundances
    everything = sum(found.values())
    for name, phase in names.items():
        assert np.sqrt(np.nanmean((found[phase] / everything - truth[name] / total) ** 2)) < 0.12


def same(one, other) -> bool:
    return (
        all(np.array_equal(one.presence[name], other.presence[name]) for name in one.presence)
        and all(one.separation.spectra[n].tobytes() == other.separation.spectra[n].tobytes() for n in one.names)
        and one.separation.intervals == other.separation.intervals
        and all(one.abundances[n].tobytes() == other.abundances[n].tobytes() for n in one.names)
    )


def test_equal_seeds_give_equal_bytes_with_one_or_two_threads(mantle) -> None:
    with threadpool_limits(1):
        one = unmix_overlapping(film("mantle", 100.0))
    with threadpool_limits(2):
        two = unmix_overlapping(film("mantle", 100.0))
    assert same(mantle, one)
    assert same(one, two)


def test_the_recipe_repeats_the_run(mantle) -> None:
    again = unmix_overlapping(mantle.field, **type(mantle.recipe).from_json(mantle.recipe.to_json()).arguments())
    assert same(mantle, again)


def test_ten_counts_a_pixel_are_enough_for_what_differs_clearly() -> None:
    """At so few counts faint grains are partly missed; what is found must not be wrong in silence."""
    result = unmix_overlapping(film("metal", 10.0, seed=3, size=72), 4)
    grain_of = matched(result.presence, result.field)
    right = [
        low - 0.02 <= true_share(result.field, result.separation.masks[grain]) <= high + 0.02
        for grain in grain_of.values()
        for low, high in [result.separation.intervals[grain]]
    ]
    assert sum(right) >= 2
    iron = grain_of["FeNi"]
    assert overlap_of(result.presence[iron], result.field.metadata["truth"]["presence"]["FeNi"]) > 0.7


@pytest.mark.filterwarnings("ignore:component:napari_gdls.errors.GdlsWarning")
def test_too_many_phases_leave_those_that_are_there() -> None:
    field = film("mantle", 100.0)
    result = unmix_overlapping(field, 5)
    truth = field.metadata["truth"]["presence"]
    grain_of = matched(result.presence, field)
    assert overlap_of(result.presence[grain_of["Ca-perovskite"]], truth["Ca-perovskite"]) > 0.5


def test_the_user_may_say_which_component_is_the_matrix() -> None:
    field = film("mantle", 100.0, seed=1, depth=(0.8, 1.0), coverage=0.8)
    first = unmix_overlapping(field, 3)
    truth = field.metadata["truth"]["spectra"]
    matrix = min(range(3), key=lambda k: angle(first.decomposition.loadings[k], truth["bridgmanite"], np.s_[:]))
    result = unmix_overlapping(field, 3, matrix=matrix)
    own = result.separation.prepared.own
    assert angle(result.separation.spectra["phase 1"], truth["bridgmanite"], own) < 6


def test_ties_by_name_and_for_all(mantle) -> None:
    grain_of = matched(mantle.presence, mantle.field)
    chosen = unmix_overlapping(mantle.field, 3, tie_element={grain_of["ferropericlase"]: "Si"})
    assert chosen.separation.reasons[grain_of["ferropericlase"]].startswith("Si was chosen")
    with pytest.raises(RecipeError, match="no grain"):
        unmix_overlapping(mantle.field, 3, tie_element={"phase 9": "Si"})


def test_one_phase_is_no_overlap() -> None:
    with pytest.raises(RecipeError, match="n_phases is 1"):
        unmix_overlapping(film("mantle", 100.0), 1)


def test_smoothness_may_be_chosen(mantle) -> None:
    rough = unmix_overlapping(mantle.field, 3, smoothness=0.0)
    assert rough.smoothness == 0.0
    with pytest.raises(RecipeError, match="smoothness"):
        unmix_overlapping(mantle.field, 3, smoothness=4.0)


def test_it_can_be_stopped_anywhere() -> None:
    stages = []

    def all_stages(stage, fraction, /):
        if not stages or stages[-1] != stage:
            stages.append(stage)

    unmix_overlapping(film("mantle", 100.0), progress=all_stages)
    assert {"lines", "presence"} <= set(stages)
    for wanted in set(stages):

        def stop(stage, fraction, /, wanted=wanted):
            if stage == wanted:
                raise Cancelled("enough.")

        with pytest.raises(Cancelled):
            unmix_overlapping(film("mantle", 100.0), progress=stop)


def test_presence_follows_from_true_spectra() -> None:
    field = film("mantle", 100.0)
    truth = field.metadata["truth"]
    found = detect_presence(field, truth["spectra"], "bridgmanite")
    for name, mask in truth["presence"].items():
        assert overlap_of(found[name], mask) > 0.85
    with pytest.raises(RecipeError, match="matrix"):
        detect_presence(field, truth["spectra"], "quartz")
    with pytest.raises(RecipeError, match="shape"):
        detect_presence(field, {**truth["spectra"], "x": np.ones(3)}, "bridgmanite")


def test_pixels_that_were_not_measured_stay_out(mantle) -> None:
    field = mantle.field
    keep = ~((field.locations[:, 0] < 8) & (field.locations[:, 1] < 8))
    valid = np.ones(field.shape, dtype=bool)
    valid[:8, :8] = False
    part = Field(
        field.bse, field.spectra[keep], field.locations[keep], field.energy, valid=valid, beam_energy=200.0, gain=1.0,
        sampling_distance=1.0, artefacts=("Cu",),
    )  # fmt: skip
    result = unmix_overlapping(part, 3)
    for name in result.names:
        assert not result.separation.masks[name][:8, :8].any()
        assert np.isnan(result.abundances[name][:8, :8]).all()


def test_a_real_map_of_the_lower_mantle(shared_data) -> None:
    """88 GPa: bridgmanite, ferropericlase and a film of Ca-perovskite, with what the notes of the map say of them."""
    path = shared_data / "stem_88gpa" / "88_ES-LP_G8_selection2_cropped2.hspy"
    result = unmix_overlapping(read_field(path, bse="counts").with_artefacts(("Cu", "Ga")))
    assert len(result.names) == 3
    report = result.separation.trace_report(["Mg", "Al", "Si", "Ca", "Fe", "Nd", "Sm", "Lu"])
    rows = {(row.phase, row.element): row for row in report.rows}
    oxide = max(result.names, key=lambda name: rows[name, "Mg"].atomic_percent)
    film_of_ca = max(result.names, key=lambda name: rows[name, "Ca"].atomic_percent)
    assert oxide != film_of_ca != result.matrix
    assert abs(rows[oxide, "Si"].significance) < 2
    ratio, error = report.ratio("Ca", "Si", film_of_ca)
    assert ratio == pytest.approx(1.0, abs=2 * error)
    for element in ("Nd", "Sm"):
        assert rows[film_of_ca, element].significance > 4
        assert rows[film_of_ca, element].gain > 2


def test_empty_evidence_of_a_second_phase_is_said() -> None:
    """Noise around one spectrum: no second phase, and no result that looks like one."""
    field = film("mantle", 100.0)
    spectrum = field.metadata["truth"]["spectra"]["bridgmanite"]
    drawn = np.random.default_rng(0).poisson(100 * spectrum, (field.n_measurements, len(spectrum)))
    with pytest.raises(FieldError, match="one phase"):
        unmix_overlapping(field.with_spectra(drawn))
