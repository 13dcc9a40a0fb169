"""Phases, confidence and mixed measurements as layers."""

from __future__ import annotations

import dataclasses

import numpy as np

from napari_gdls import segment
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation
from napari_gdls.plugin.layers.phases import confidence_look, mixed_look, phase_layer
from napari_gdls.plugin.layers.segments import segment_layer
from napari_gdls.segmentation.colours import phase_colours


def test_phases_have_one_colour_each_and_their_modal_composition(segmentation, sparse_field):
    layer = phase_layer(segmentation)
    assert layer_role(layer) == "phases"
    np.testing.assert_array_equal(layer.data, segmentation.phase_map())
    assert layer.features["index"].tolist() == list(range(1, segmentation.n_phases + 1))
    np.testing.assert_allclose(layer.features["area [%]"].sum(), 100)
    assert (layer.features["error [%]"] > 0).all()
    assert layer.features["segments"].sum() == segmentation.n_segments
    bright, dark = segmentation.phase_map()[22, 30], segmentation.phase_map()[2, 2]
    by_phase = layer.features.set_index("index")["mean BSE"]
    assert abs(by_phase[bright] - 40_000) < 500
    assert abs(by_phase[dark] - 15_000) < 500
    # Segments have the colour of their phase.
    colours = phase_colours(segmentation)
    np.testing.assert_allclose(layer.get_color(bright)[:3], colours[bright - 1], atol=1e-6)
    segments = segment_layer(segmentation)
    np.testing.assert_array_equal(segments.get_color(segmentation.labels[22, 30]), layer.get_color(bright))
    assert segments.features.set_index("index")["phase"][segmentation.labels[22, 30]] == bright


def test_confidence(segmentation):
    layer = confidence_look(segmentation).layer()
    np.testing.assert_array_equal(layer.data, segmentation.confidence)
    assert layer.contrast_limits == [0, 1]
    assert not layer.visible
    assert layer_segmentation(layer) is segmentation


def with_mixed(segmentation, places):
    """The segmentation with some measurements of phase 0 or 1 that are mixed with the other one."""
    phases = segmentation.measurement_phases
    partner, fraction = phases.partner.copy(), phases.fraction.copy()
    partner[places], fraction[places] = 1 - phases.labels[places], 0.75
    return dataclasses.replace(
        segmentation, measurement_phases=dataclasses.replace(phases, partner=partner, fraction=fraction)
    )


def test_mixed_measurements(segmentation):
    assert mixed_look(segmentation) is None  # there are none
    mixed = with_mixed(segmentation, [3, 90])
    layer = mixed_look(mixed).layer()
    phases = segmentation.measurement_phases
    np.testing.assert_array_equal(layer.data, segmentation.field.locations[[3, 90]])
    assert not layer.visible
    assert layer.features["phase"].tolist() == (phases.labels[[3, 90]] + 1).tolist()
    assert layer.features["second phase"].tolist() == (2 - phases.labels[[3, 90]]).tolist()
    assert layer.features["fraction"].tolist() == [0.75, 0.75]
    np.testing.assert_allclose(layer.face_color[:, :3], phase_colours(mixed)[1 - phases.labels[[3, 90]]], atol=1e-6)


def test_dense_fields_show_no_mixed_measurements(segmentation, dense_field):
    dense = dataclasses.replace(with_mixed(segmentation, [3]), field=dense_field)
    assert mixed_look(dense) is None


def test_methods_without_phases(sparse_field, segmentation):
    plain = segment(
        sparse_field, method="threshold", device="cpu", embedding=segmentation.embedding, graph=segmentation.graph
    )
    assert (phase_layer(plain), confidence_look(plain), mixed_look(plain)) == (None, None, None)
