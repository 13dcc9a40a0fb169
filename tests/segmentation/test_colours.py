"""Colours of phases: one rule for dock, picture and tables."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_gdls import EnergyAxis, sample_field, segment
from napari_gdls.errors import RecipeError
from napari_gdls.materials import parse_formula
from napari_gdls.segmentation import phase_table
from napari_gdls.segmentation.colours import (
    composition_colours,
    phase_colours,
    segment_colours,
    smallest_distances,
)
from napari_gdls.spectra import simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 2000)
FELDSPARS = ("NaAlSi3O8", "Na0.9Ca0.1Al1.1Si2.9O8", "KAlSi3O8")


@pytest.fixture(scope="module", params=["dacite", "dacite-fast", "synthetic"])
def result(request):
    return segment(sample_field(request.param))


def spectra_of(*formulas):
    return simulate_spectra([parse_formula(formula).mass_fractions for formula in formulas], energy=AXIS)


def difference(first, second):
    return float(deltaE_ciede2000(rgb2lab(first), rgb2lab(second)))


def test_any_two_phases_can_be_told_apart_with_and_without_colour_vision(result):
    colours = phase_colours(result)
    assert colours.shape == (result.n_phases, 3)
    assert ((colours >= 0) & (colours <= 1)).all()
    assert (smallest_distances(colours) > 7).all()


def test_deficient_colour_vision_is_that_of_the_published_model():
    """Pairs that people without one kind of cones confuse are close for this kind alone."""
    red, green, grey = (0.62, 0.29, 0.12), (0.35, 0.42, 0.12), (0.5, 0.5, 0.5)
    normal, protan, deutan = smallest_distances([red, green])
    assert normal > 25
    assert deutan < normal / 2
    assert protan < normal
    assert smallest_distances([grey, grey]).tolist() == [0, 0, 0]
    assert np.isinf(smallest_distances([grey])).all()


def test_dock_picture_and_table_show_one_colour(result):
    from napari_gdls.plugin.layers.phases import phase_layer

    colours = phase_colours(result)
    table = phase_table(result)["colour"]
    for colour, text in zip(colours, table, strict=True):
        assert text == "#" + "".join(f"{round(255 * part):02x}" for part in colour)
    assert np.array_equal(segment_colours(result), colours[result.phases])
    layer = phase_layer(result)
    shown = np.array([layer.colormap.map(phase)[:3] for phase in range(1, result.n_phases + 1)])
    np.testing.assert_allclose(shown, colours, atol=1e-6)
    assert layer.features["colour"].tolist() == table.tolist()


def test_frequent_phases_keep_their_colours_from_run_to_run(result):
    """Whatever small phases come and go at another tau_z: those of most of the area look the same."""
    colours, own = phase_colours(result), result.measurement_phases.labels
    for tau_z in (0.25, 0.35):
        other = segment(result.field, embedding=result.embedding, graph=result.graph, tau_z=tau_z)
        others, labels = phase_colours(other), other.measurement_phases.labels
        pairs, count = np.unique(np.stack([own, labels]), axis=1, return_counts=True)
        moved = np.array([difference(colours[a], others[b]) for a, b in pairs.T])
        order = np.argsort(moved)
        share = np.cumsum(count[order]) / count.sum()
        assert moved[order][np.searchsorted(share, 0.8)] < 3


def test_half_the_counts_give_nearly_the_same_colours():
    field = sample_field("dacite")
    half = segment(field.thinned(0.5, seed=1))
    whole = segment(field)
    largest = [np.bincount(found.measurement_phases.labels).argmax() for found in (whole, half)]
    assert difference(phase_colours(whole)[largest[0]], phase_colours(half)[largest[1]]) < 3


def test_equal_input_gives_equal_colours(result):
    assert phase_colours(result).tobytes() == phase_colours(dataclasses.replace(result)).tobytes()


def test_similar_compositions_have_similar_colours():
    albite, oligoclase, _ = composition_colours(1e5 * spectra_of(*FELDSPARS), AXIS)
    others = composition_colours(1e5 * spectra_of("FeS2", "Mg2SiO4", "CaCO3", "SiO2"), AXIS)
    near = difference(albite, oligoclase)
    assert near < 10
    assert all(difference(albite, other) > 1.5 * near for other in others)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(1e3, 1e7))
def test_a_colour_depends_on_the_composition_alone(seed, counts):
    """Not on counts, nor on what else is in the field, nor on its place."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(AXIS.size, 0.1), 4)
    alone = np.vstack([composition_colours(1e5 * share[None], AXIS) for share in shares])
    order = rng.permutation(4)
    together = composition_colours(counts * shares[order], AXIS)
    np.testing.assert_allclose(together, alone[order], atol=1e-6)


def test_nothing_measured_is_grey():
    spectra = np.zeros((2, AXIS.size))
    spectra[0, 174] = 100
    colours = composition_colours(spectra, AXIS)
    assert colours[1].tolist() == [0.5, 0.5, 0.5]
    assert np.isfinite(colours).all()


def test_methods_without_phases_colour_segments_by_themselves(result):
    plain = segment(result.field, method="bse_only", embedding=result.embedding)
    assert segment_colours(plain).shape == (plain.n_segments, 3)
    with pytest.raises(RecipeError, match="bse_only"):
        phase_colours(plain)
