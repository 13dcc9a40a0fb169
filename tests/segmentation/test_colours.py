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


def moved(first, second):
    """By how much the colours differ of phases that two segmentations of one field share, and 2 % of it lie in."""
    labels = [part.measurement_phases.labels for part in (first, second)]
    pairs, count = np.unique(np.stack(labels), axis=1, return_counts=True)
    sizes = [np.bincount(label)[phase] for label, phase in zip(labels, pairs, strict=True)]
    shared = (count > 0.02 * len(labels[0])) & (count > 0.8 * np.maximum(*sizes))
    assert count[shared].sum() > 0.6 * len(labels[0])
    return np.array([difference(first.phase_colours[a], second.phase_colours[b]) for a, b in pairs[:, shared].T])


@pytest.mark.parametrize("tau_z", [0.2, 0.45])
def test_phases_keep_their_colours_whatever_small_ones_come_and_go_at_another_tau_z(result, tau_z):
    """By less than the distance to any other phase, also where there are a third more."""
    other = segment(result.field, embedding=result.embedding, graph=result.graph, tau_z=tau_z)
    assert (moved(result, other) < 8).all()


@pytest.mark.parametrize("result", ["dacite", "synthetic"], indirect=True)
def test_phases_keep_their_colours_with_half_the_counts(result):
    assert (moved(result, segment(result.field.thinned(0.5, seed=1))) < 8).all()


def test_phases_taken_together_have_the_colour_of_the_largest(result):
    size = np.bincount(result.measurement_phases.labels)
    one = result.with_phases_merged(np.zeros(result.n_phases, dtype=int))
    assert np.array_equal(one.phase_colours, result.phase_colours[[size.argmax()]])
    two = result.with_phases_merged(np.minimum(np.arange(result.n_phases), 1))
    assert np.array_equal(two.phase_colours[0], result.phase_colours[0])
    assert np.array_equal(two.with_phases_merged([0, 0]).phase_colours, one.phase_colours)
    assert len(result.coarsened(0.8).phase_colours) == result.coarsened(0.8).n_phases


def test_equal_input_gives_equal_colours(result):
    assert phase_colours(result).tobytes() == phase_colours(dataclasses.replace(result)).tobytes()


def test_similar_compositions_have_similar_colours():
    albite, oligoclase, _ = composition_colours(1e5 * spectra_of(*FELDSPARS), AXIS)
    others = composition_colours(1e5 * spectra_of("FeS2", "Mg2SiO4", "CaCO3", "SiO2"), AXIS)
    near = difference(albite, oligoclase)
    assert near < 12
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
