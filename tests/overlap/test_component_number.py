"""The number of components that the counts themselves speak for."""

from __future__ import annotations

import numpy as np
import pytest
from line_mixture import mixture_field
from threadpoolctl import threadpool_limits

from napari_gdls import Field
from napari_gdls.errors import Cancelled, FieldError, RecipeError
from napari_gdls.io import read_field
from napari_gdls.overlap import component_evidence, decompose
from napari_gdls.simulation import simulate_overlapping


@pytest.mark.parametrize("system", ["mantle", "metal", "ceramic"])
@pytest.mark.parametrize("counts", [30.0, 100.0])
def test_as_many_components_as_phases(system, counts):
    field = simulate_overlapping((64, 64), system=system, counts=counts, seed=5)
    found = component_evidence(field, largest=6)
    assert found.chosen == len(field.metadata["truth"]["spectra"])


def test_the_evidence_is_complete(mixture):
    field = mixture[0]
    found = component_evidence(field)
    assert found.chosen == 3
    assert found.n[0] == 1
    assert np.array_equal(found.n, np.arange(1, len(found.n) + 1))
    assert len(found.n) < 8  # the search ended when the deviance rose
    assert found.deviance.shape == found.n.shape
    assert found.n[found.deviance.argmin()] == found.chosen
    assert (np.diff(found.eigenvalues) <= 0).all()
    assert found.eigenvalues.min() >= 0
    above = np.count_nonzero(found.eigenvalues > 1.05 * found.edge)
    assert 2 <= above <= 4


def test_noise_ends_at_the_edge():
    """Poisson noise of one spectrum alone: one component, and one eigenvalue above the edge."""
    field, _, spectra = mixture_field()
    drawn = np.random.default_rng(1).poisson(100 * spectra[0], (field.n_measurements, spectra.shape[1]))
    found = component_evidence(Field(field.bse, drawn, field.locations, field.energy, gain=1.0))
    assert found.chosen == 1
    assert np.count_nonzero(found.eigenvalues > 1.2 * found.edge) == 1


def test_decompose_takes_the_number_from_it(mixture):
    found = decompose(mixture[0], seed=2)
    again = component_evidence(mixture[0], seed=2)
    assert found.n_components == again.chosen
    assert found.evidence is found.n_components_evidence
    assert found.evidence.deviance.tobytes() == again.deviance.tobytes()


def test_the_number_of_threads_changes_no_byte():
    field, *_ = mixture_field(shape=(50, 50))
    found = []
    for n in (1, 2):
        with threadpool_limits(n):
            found.append(component_evidence(field, largest=4))
    assert found[0].deviance.tobytes() == found[1].deviance.tobytes()
    assert found[0].eigenvalues.tobytes() == found[1].eigenvalues.tobytes()


def test_fractions_of_counts_cannot_be_thinned(mixture):
    field = mixture[0]
    with pytest.raises(FieldError, match="Give the number of components"):
        component_evidence(field.with_spectra(field.spectra * np.float32(0.3)))


@pytest.mark.parametrize("arguments", [{"largest": 0}, {"largest": 51}, {"largest": 2.0}, {"seed": -1}])
def test_arguments_out_of_range(mixture, arguments):
    with pytest.raises(RecipeError, match=next(iter(arguments))):
        component_evidence(mixture[0], **arguments)


def test_it_can_be_watched_and_cancelled(mixture):
    fractions = []
    component_evidence(
        mixture[0], largest=4, progress=lambda stage, f: fractions.append(f) if "components" in stage else None
    )
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 10

    def stop(stage, fraction):
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        component_evidence(mixture[0], progress=stop)


def test_a_real_map_holds_three(shared_data):
    path = next((shared_data / "stem_88gpa").glob("*.hspy"), None)
    if path is None:
        pytest.skip("no map in stem_88gpa")
    pytest.importorskip("rsciio")
    field = read_field(path, bse="counts")
    assert {component_evidence(field, artefacts=("Cu", "Ga"), seed=seed).chosen for seed in range(3)} == {3}
