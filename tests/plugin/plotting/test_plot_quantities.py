"""Values of the axes of plots."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_gdls.errors import GdlsError
from napari_gdls.mineralogy import calibrate_field
from napari_gdls.mineralogy.element_counting import element_counts
from napari_gdls.plugin.field_state import FieldState
from napari_gdls.plugin.plot_choice import PlotChoice
from napari_gdls.plugin.plotting.points import plot_points, table_of
from napari_gdls.plugin.plotting.quantities import PlotSource, Quantities, offered, principal_components, title_of
from napari_gdls.progress import silent
from napari_gdls.recipe import Recipe


@pytest.fixture
def source(contents_to_name):
    """A field with its beam energy, and a run on it."""
    result = contents_to_name.result
    field = result.segmentation.field
    return PlotSource.of_state(FieldState(field, "zoned", Recipe(), run=result.segmentation, shown=result))


@pytest.fixture(scope="module")
def quantities():
    """One for all tests: calibration and net counts are found once."""
    return Quantities()


def values(quantities, source, text, subject="measurements"):
    return quantities.values(text, source, subject, silent)


def test_net_counts_and_expressions_of_them(quantities, source):
    field = source.field
    reference = element_counts(field, ("Fe", "Ca"), calibrate_field(field, beam_energy=20.0)).counts
    iron, calcium = values(quantities, source, "Fe"), values(quantities, source, "Ca")
    np.testing.assert_allclose(np.stack([iron, calcium], axis=1), reference, rtol=1e-5, atol=0.05)
    np.testing.assert_allclose(values(quantities, source, "Ca/(Ca+Fe)"), calcium / (calcium + iron))
    np.testing.assert_allclose(values(quantities, source, "Fe+2*Ca"), iron + 2 * calcium)


def test_segments_have_means_and_expressions_are_those_of_the_means(quantities, source):
    found, field = source.segmentation, source.field
    iron, calcium = values(quantities, source, "Fe"), values(quantities, source, "Ca")
    ratio = values(quantities, source, "Ca/(Ca+Fe)", "segments")
    grey = values(quantities, source, "BSE", "segments")
    for segment in range(found.n_segments):
        own = found.measurement_labels == segment
        assert grey[segment] == pytest.approx(field.bse_at_measurements[own].mean())
        assert ratio[segment] == pytest.approx(calcium[own].sum() / (calcium[own] + iron[own]).sum())
    points = plot_points(PlotChoice(subject="segments"), source, quantities, silent)
    np.testing.assert_array_equal(points.area, np.bincount(found.labels.ravel())[1:])
    assert set(table_of(points)) >= {"segment", "area [px]", "phase", "BSE [grey values, mean]"}


def test_percents_are_those_of_the_segments(quantities, source, monkeypatch):
    table = np.zeros((source.segmentation.n_segments, 94))
    table[:, 25] = np.arange(len(table)) + 10.0  # Fe
    monkeypatch.setattr(
        "napari_gdls.mineralogy.compositions_of_segments.segment_compositions",
        lambda *given, **more: SimpleNamespace(mass_percent=table, atomic_percent=table / 2),
    )
    np.testing.assert_allclose(values(quantities, source, "wt(Fe)", "segments"), table[:, 25])
    np.testing.assert_allclose(values(quantities, source, "at(Fe)+at(Si)", "segments"), table[:, 25] / 2)
    with pytest.raises(GdlsError, match="plot segments"):
        values(quantities, source, "wt(Fe)")


def test_a_triangle_of_net_counts(quantities, source):
    choice = PlotChoice("ternary", corners=("Si", "Fe", "Ca"))
    points = plot_points(choice, source, quantities, silent)
    amounts = np.stack([values(quantities, source, name) for name in choice.corners], axis=1)
    shares = amounts / amounts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(points.x, shares[:, 2] + shares[:, 0] / 2)
    np.testing.assert_allclose(points.y, shares[:, 0] * np.sqrt(3) / 2)
    assert points.titles == ("Si [net counts]", "Fe [net counts]", "Ca [net counts]")


def test_components_have_one_sign_and_the_variance_in_order():
    rng = np.random.default_rng(1)
    embedding = (rng.normal(size=(200, 5)) * [5, 3, 1, 1, 0.1]).astype(np.float32)
    found = principal_components(embedding, 3)
    _, singular, directions = np.linalg.svd(embedding - embedding.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), singular[:3], rtol=1e-4)
    np.testing.assert_allclose(principal_components(embedding[::-1], 3)[::-1], found, atol=1e-4)
    for k in range(3):
        sign = np.sign(directions[k][np.abs(directions[k]).argmax()])
        np.testing.assert_allclose(
            found[:, k], sign * ((embedding - embedding.mean(axis=0)) @ directions[k]), atol=1e-3
        )


def test_what_is_offered_can_be_had(quantities, source):
    names = offered(source, "measurements")
    assert {"BSE", "counts", "PC1", "Si", "Fe"} <= set(names)
    assert not any("(" in name for name in names)
    assert "wt(Si)" in offered(source, "segments")
    for name in names:
        assert len(values(quantities, source, name)) == source.field.n_measurements
        assert title_of(name, "measurements")
    bare = PlotSource(source.state, None)
    assert "PC1" not in offered(bare, "measurements")
    with pytest.raises(GdlsError, match="press Segment"):
        values(quantities, bare, "PC1")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("BSE", "BSE [grey values, mean]"),
        ("wt(Fe)", "Fe [wt%]"),
        ("Fe/(Fe+Mg)", "Fe/(Fe+Mg) of net counts"),
        ("at(Na)+at(K)", "at(Na)+at(K)"),
        ("PC2", "principal component 2 of the embedding"),
    ],
)
def test_titles_have_units(text, title):
    assert title_of(text, "segments") == title
