"""Names of the phases of a real rock, of grains too small to be measured alone, and of mixtures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_gdls import identify, sample_field, segment
from napari_gdls.errors import Cancelled
from napari_gdls.mineralogy import PhaseTable, fit_spectrum, scheme_from_json
from napari_gdls.mineralogy.pure_parts import parts_of_mixture, without_host
from napari_gdls.segmentation.names import BY_HAND, PhaseName
from napari_gdls.spectra import simulate_spectra


@pytest.fixture(scope="module")
def dacite() -> PhaseTable:
    return identify(segment(sample_field("dacite")))


def _row(table: PhaseTable, name: str):
    rows = [row for row in table.rows if row.name.name == name]
    assert rows, f"no {name} among {[row.name.name for row in table.rows]}"
    return rows[0]


def test_minerals_of_a_dacite_have_their_names(dacite: PhaseTable):
    plagioclase = [row for row in dacite.rows if row.name.name in ("oligoclase", "andesine", "labradorite")]
    assert len(plagioclase) >= 2
    an = {c.name: c for c in plagioclase[0].identification.coordinates}["An"]
    assert 0.2 < an.low < an.value < an.high < 0.6  # plagioclase of dacites: oligoclase to labradorite
    assert _row(dacite, "biotite").name.probability > 0.8
    assert _row(dacite, "magnetite").formula is not None
    assert _row(dacite, "hornblende").name.probability > 0.5


def test_the_groundmass_is_a_mixture_and_no_mineral(dacite: PhaseTable):
    found = dacite.segmentation.measurement_phases
    assert found is not None
    for phase in np.flatnonzero(found.intergrown):
        name = dacite.rows[phase].name
        assert "mixture" in name.name
        assert name.probability is None
        assert dacite.rows[phase].formula is None


def test_probabilities_are_of_all_candidates(dacite: PhaseTable):
    for row in dacite.rows:
        assert sum(c.probability for c in row.identification.candidates) == pytest.approx(1)
        assert any(c.name == "unknown" for c in row.identification.candidates)


def test_phases_of_one_name_are_one_line_with_evidence(dacite: PhaseTable):
    lines = [line for line in dacite.could_be_one if line.name == "andesine"]
    named = [row.phase for row in dacite.rows if row.name.name == "andesine" and not row.mixture_of]
    assert len(lines) == len(named) - 1
    assert all(line.significance > 0 and "could be one" in line.text for line in lines)
    assert {phase for line in lines for phase in line.phases} == set(named)


def test_names_by_hand_stay(dacite: PhaseTable):
    by_hand = list(dacite.names)
    by_hand[1] = PhaseName("plagioclase of my own", source=BY_HAND)
    again = identify(dacite.segmentation.with_names(by_hand), instrument=dacite.instrument)
    assert again.names[1].name == "plagioclase of my own"
    assert again.names[1].source == BY_HAND
    assert again.names[1].details == dacite.names[1].details
    assert again.names[2] == dacite.names[2]
    assert again.named().renamed(1, "").names[1] == dacite.names[1]


def test_the_table_as_json_says_what_it_shows(dacite: PhaseTable):
    read = json.loads(dacite.to_json())
    assert [phase["name"] for phase in read["phases"]] == [name.name for name in dacite.names]
    assert read["phases"][3]["mass_percent"] == pytest.approx(dacite.rows[3].composition.mass_percent)
    assert len(read["could_be_one"]) == len(dacite.could_be_one)


def test_no_nitrogen_is_found_in_silicates(dacite: PhaseTable):
    assert not any("N" in row.composition.mass_percent for row in dacite.rows)


def test_rules_name_phases_and_are_made_of_a_result(dacite: PhaseTable):
    ruled = identify(dacite.segmentation, scheme="silicate_rock", instrument=dacite.instrument)
    by_name = {row.phase: row.name.name for row in ruled.rows}
    assert by_name[_row(dacite, "biotite").phase] == "biotite"
    assert by_name[_row(dacite, "hornblende").phase] == "amphibole"
    assert all(name.source == "scheme" and name.probability is None for name in ruled.names)
    own = dacite.scheme()
    again = identify(dacite.segmentation, scheme=scheme_from_json(own.to_json()), instrument=dacite.instrument)
    assert again.rows[_row(dacite, "biotite").phase].name.name == "biotite"


def test_it_can_be_cancelled(dacite: PhaseTable):
    def cancel(stage: str, fraction: float) -> None:
        if stage == "names":
            raise Cancelled

    with pytest.raises(Cancelled):
        identify(dacite.segmentation, instrument=dacite.instrument, progress=cancel)


@pytest.fixture(scope="module")
def instrument(dacite: PhaseTable):
    return dacite.instrument


def _fit(formulas: dict[str, float], counts: float, instrument, seed: int = 0):
    """Counts of grains side by side under one beam: spectra add."""
    from napari_gdls.materials import composition_of

    spectra = simulate_spectra(
        [composition_of(formula) for formula in formulas],
        beam_energy=instrument.beam_energy,
        take_off=instrument.take_off_angle,
        detector=instrument.detector,
        energy=instrument.energy,
    )
    expected = np.array(list(formulas.values())) @ spectra
    return fit_spectrum(np.random.default_rng(seed).poisson(counts * expected).astype(float), instrument)


_QUARTZ, _ALBITE, _ORTHOCLASE, _APATITE = "SiO2", "NaAlSi3O8", "KAlSi3O8", "Ca5(PO4)3F"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.7])
def test_a_host_is_taken_away(instrument, share: float):
    mixed = _fit({_APATITE: 1 - share, _ALBITE: share}, 20_000, instrument)
    part = without_host(mixed, _fit({_ALBITE: 1.0}, 200_000, instrument))
    assert part is not None
    assert part.share == pytest.approx(share, abs=0.05)
    pure = fit_spectrum(part.counts, instrument)
    left = dict(zip(("Na", "Al", "Si"), pure.open_masses[[10, 12, 13]], strict=True))
    assert sum(left.values()) < 0.08, left  # of 0.7 or less that the host made up
    assert pure.masses[[14, 19]].sum() > 0.5  # P and Ca


def test_nothing_is_taken_away_from_what_holds_none_of_the_host(instrument):
    assert without_host(_fit({_QUARTZ: 1.0}, 20_000, instrument), _fit({_APATITE: 1.0}, 20_000, instrument)) is None


def test_a_mixture_is_told_by_its_parts(instrument):
    parts = [_fit({formula: 1.0}, 100_000, instrument) for formula in (_QUARTZ, _ALBITE, _ORTHOCLASE, _APATITE)]
    found = dict(parts_of_mixture(_fit({_QUARTZ: 0.5, _ORTHOCLASE: 0.5}, 50_000, instrument), parts))
    assert set(found) == {0, 2}
    assert found[0] == pytest.approx(0.5, abs=0.1)
    assert parts_of_mixture(_fit({_ALBITE: 1.0}, 50_000, instrument), parts) == []
    assert parts_of_mixture(_fit({"Fe2O3": 1.0}, 50_000, instrument), parts) == []
