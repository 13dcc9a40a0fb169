"""Shapes layers built in bulk are the same as those that napari builds."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Layer, Shapes

from napari_gdls.plugin.layers import _edge_shapes
from napari_gdls.plugin.layers._edge_shapes import EdgeShapeList, edge_shapes, move_line
from napari_gdls.plugin.layers.edge_lines import fault


def random_lines(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 40, (n, 2, 2)), rng.random((n, 4)), {"delta": rng.random(n), "u": np.arange(n)}


def both(n: int = 80, width: float = 0.3, seed: int = 0) -> tuple[Shapes, Shapes]:
    """The same layer, built in bulk and by napari."""
    ends, colors, features = random_lines(n, seed)
    usual = Shapes(
        ends, shape_type="line", edge_width=width, edge_color=colors, face_color="transparent", features=features
    )
    return edge_shapes(ends, edge_width=width, edge_color=colors, features=features), usual


def picked(layer: Shapes) -> list[int | None]:
    """Shapes under a grid of points and under the middle of every line."""
    grid = np.stack(np.meshgrid(np.linspace(0, 40, 25), np.linspace(0, 40, 25)), axis=-1).reshape(-1, 2)
    middles = [np.mean(line, axis=0) for line in layer.data]
    return [layer.get_value(point)[0] for point in (*grid, *middles)]


def drawn(layer: Shapes) -> np.ndarray:
    mesh = layer._data_view._mesh
    return mesh.vertices[mesh.displayed_triangles]


def assert_same(quick: Shapes, usual: Shapes) -> None:
    np.testing.assert_allclose(np.concatenate(quick.data), np.concatenate(usual.data), atol=1e-5)
    np.testing.assert_allclose(quick.edge_color, usual.edge_color, atol=1e-6)
    np.testing.assert_allclose(drawn(quick), drawn(usual), atol=1e-4)
    assert quick.shape_type == usual.shape_type
    assert quick.edge_width == usual.edge_width
    assert quick.z_index == usual.z_index
    assert quick.features.equals(usual.features)
    assert picked(quick) == picked(usual)


def test_the_installed_napari_is_supported():
    assert fault() == ""


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 60), width=st.floats(0.01, 8.0), seed=st.integers(0, 1000))
def test_equals_the_public_constructor(n, width, seed):
    quick, usual = both(n, width, seed)
    assert type(quick) is Shapes
    assert_same(quick, usual)


def test_lines_along_the_axes_are_picked():
    ends = [[[5, 2], [5, 9]], [[12, 7], [3, 7]]]
    layer = edge_shapes(ends, edge_width=0.5, edge_color=np.ones((2, 4)))
    assert layer.get_value((5.2, 3)) == (0, None)
    assert layer.get_value((11, 7.2)) == (1, None)
    assert layer.get_value((11, 7.3)) == (None, None)


@pytest.mark.parametrize(
    "edit",
    [
        lambda layer: layer.remove([0, 5, 79]),
        lambda layer: layer.add(np.array([[1, 2], [3, 30]]), shape_type="line", edge_color="red"),
        lambda layer: layer.add([np.array([[1, 2], [3, 30], [9, 9]])], shape_type="polygon", face_color="blue"),
        lambda layer: setattr(layer, "edge_color", "green"),
        lambda layer: setattr(layer, "edge_color", "delta"),
        lambda layer: setattr(layer, "edge_width", 1.5),
        lambda layer: setattr(layer, "selected_data", {3, 8}) or layer.move_to_back(),
        lambda layer: setattr(layer, "selected_data", {3, 8}) or layer.remove_selected(),
        lambda layer: layer._data_view.shift(4, np.array([3.0, -2.0])) or layer.refresh(),
        lambda layer: layer._data_view.edit(4, np.array([[0.0, 0.0], [9.0, 1.0]])) or layer.refresh(),
    ],
)
def test_stays_equal_when_edited(edit):
    quick, usual = both()
    for layer in (quick, usual):
        edit(layer)
    assert_same(quick, usual)
    for layer in (quick, usual):  # and once more, from the edited state
        layer.remove([1])
        layer.add(np.array([[7, 7], [20, 20]]), shape_type="line", edge_width=2)
    assert_same(quick, usual)


def test_removing_everything_and_adding_again():
    quick, usual = both(5)
    for layer in (quick, usual):
        layer.remove(list(range(5)))
    assert quick.data == usual.data == []
    assert quick.get_value((3, 3)) == (None, None)
    for layer in (quick, usual):
        layer.add(np.array([[7, 7], [20, 20]]), shape_type="line", edge_width=2)
    assert picked(quick) == picked(usual)


def test_copies_do_not_share_data():
    ends, colors, _ = random_lines(4)
    layer = edge_shapes(ends, edge_width=1, edge_color=colors)
    duplicate = Layer.create(*copy.deepcopy(layer.as_layer_data_tuple()))
    move_line(layer, 0, [[0, 0], [1, 1]])
    np.testing.assert_allclose(duplicate.data[0], ends[0], atol=1e-5)
    np.testing.assert_allclose(ends, random_lines(4)[0])


@pytest.mark.parametrize(
    ("ends", "colors", "message"),
    [
        (np.zeros((0, 2, 2)), np.zeros((0, 4)), "E > 0"),
        (np.zeros((3, 2, 3)), np.zeros((3, 4)), r"\(E, 2, 2\)"),
        (np.zeros((1, 2, 2)), np.zeros((1, 4)), "no length"),
        (np.arange(8).reshape(2, 2, 2), np.zeros((1, 4)), "one RGBA per segment"),
    ],
)
def test_bad_input(ends, colors, message):
    with pytest.raises(ValueError, match=message):
        edge_shapes(ends, edge_width=1, edge_color=colors)


@pytest.fixture
def fresh_check():
    fault.cache_clear()
    yield
    fault.cache_clear()


@pytest.mark.parametrize(
    ("part", "wrong", "expected"),
    [
        ("_update_z_order", lambda self: None, ""),
        ("_bounding_boxes", property(lambda self: (np.zeros((50, 2)), np.ones((50, 2)))), "bounding boxes"),
        ("data", property(lambda self: [shape._data + 1 for shape in self.shapes]), "data"),
        ("_fill", lambda self, *_: self.nothing_like_that, "AttributeError"),
    ],
)
def test_the_check_finds_what_is_wrong(fresh_check, monkeypatch, part, wrong, expected):
    monkeypatch.setattr(EdgeShapeList, part, wrong)
    assert fault() != ""
    assert expected in fault()


@pytest.mark.parametrize("missing", ["_shape_list", "_shapes_models", "shape_types"])
def test_the_check_finds_that_private_parts_are_gone(fresh_check, monkeypatch, missing):
    monkeypatch.delitem(sys.modules, _edge_shapes.__name__)
    monkeypatch.setitem(sys.modules, f"napari.layers.shapes.{missing}", None)
    assert missing in fault()


def test_the_check_finds_an_unknown_line(fresh_check, monkeypatch):
    monkeypatch.setattr(_edge_shapes, "_PER_LINE", (*_edge_shapes._PER_LINE, "_new_attribute"))
    assert "_new_attribute" in fault()
