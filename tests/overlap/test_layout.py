"""What lies under what, and which pixels are summed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_gdls.errors import RecipeError
from napari_gdls.overlap.layout import checked_layout, intersections, pixels_to_sum, pure_matrix_pixels


def mask(rows, columns, shape=(12, 12)):
    out = np.zeros(shape, dtype=bool)
    out[rows, columns] = True
    return out


def test_every_grain_lies_on_the_matrix_unless_it_is_said() -> None:
    layout = checked_layout(["a", "b"], "film")
    assert layout.names == ("film", "a", "b")
    assert layout.under == {"a": ("film",), "b": ("film",)}


def test_nested_phases_come_after_what_is_under_them() -> None:
    layout = checked_layout(["core", "shell"], {"core": ["film", "shell"]})
    assert layout.matrix == "film"
    assert layout.grains == ("shell", "core")
    assert layout.under == {"shell": ("film",), "core": ("film", "shell")}


@pytest.mark.parametrize(
    ("names", "matrix", "words"),
    [
        (["film"], "film", "no mask besides"),
        (["a"], 3, "the name of the matrix"),
        (["a"], {}, "the name of the matrix"),
        (["a"], {"b": ["film"]}, "no mask"),
        (["a", "b"], {"a": ["film", "b"], "b": ["film", "a"]}, "circle"),
        (["a"], {"a": ["film", "gone"]}, "cannot lie on"),
        (["a"], {"a": []}, "under all"),
    ],
)
def test_what_cannot_be_is_one_clear_error(names, matrix, words) -> None:
    with pytest.raises(RecipeError, match=words):
        checked_layout(names, matrix)


def test_the_matrix_is_a_pixel_off_every_grain_or_its_own_mask() -> None:
    masks = {"a": mask(slice(4, 8), slice(4, 8))}
    measured = np.ones((12, 12), dtype=bool)
    measured[0] = False
    pure = pure_matrix_pixels(masks, checked_layout(["a"], "film"), measured)
    assert pure.sum() == 12 * 11 - 36
    own = {**masks, "film": mask(slice(0, 5), slice(0, 12))}
    pure = pure_matrix_pixels(own, checked_layout(["a", "film"], "film"), measured)
    assert pure.sum() == 4 * 12 - 4


def test_a_core_in_its_shell_is_no_intersection() -> None:
    masks = {"shell": mask(slice(2, 10), slice(2, 10)), "core": mask(slice(4, 8), slice(4, 8))}
    nested = checked_layout(["core", "shell"], {"core": ["film", "shell"]})
    assert not intersections(masks, nested).any()
    sums = pixels_to_sum(masks, nested)
    assert sums["core"].sum() == 16
    assert sums["shell"].sum() == 64 - 16
    assert intersections(masks, checked_layout(["core", "shell"], "film")).sum() == 16


@given(
    masks=st.lists(hnp.arrays(bool, (9, 9)), min_size=2, max_size=4),
    margin=st.integers(0, 2),
)
def test_summed_pixels_are_of_one_grain_alone(masks, margin) -> None:
    named = {f"grain {i}": each for i, each in enumerate(masks)}
    layout = checked_layout(list(named), "film")
    sums = pixels_to_sum(named, layout, margin)
    together = np.sum([each.astype(int) for each in sums.values()], axis=0)
    assert together.max() <= 1
    for name, each in sums.items():
        assert not (each & ~named[name]).any()
        assert not (each & intersections(named, layout)).any()
    if margin == 0:
        count = np.sum(masks, axis=0)
        assert together.sum() == (count == 1).sum()
