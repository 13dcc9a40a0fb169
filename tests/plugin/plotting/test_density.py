"""Many points as an image."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.plugin.plotting.density import density_image

COLOURS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


@given(st.integers(1, 300), st.integers(0, 1000))
def test_each_place_has_the_colour_of_most_and_the_opacity_of_all(n, seed):
    rng = np.random.default_rng(seed)
    x, y, group = rng.uniform(-1, 5, n), rng.uniform(-1, 4, n), rng.integers(0, 3, n)
    image = density_image(x, y, group, COLOURS, (0.0, 0.0, 4.0, 3.0), (3, 4))
    inside = {}
    for at_x, at_y, own in zip(x, y, group, strict=True):
        if 0 <= at_x < 4 and 0 <= at_y < 3:
            inside.setdefault((int(at_y), int(at_x)), Counter())[own] += 1
    opaque = {place: image[place][3] for place in np.ndindex(3, 4) if image[place][3]}
    assert opaque.keys() == inside.keys()
    for place, counts in inside.items():
        most = min(group for group in counts if counts[group] == max(counts.values()))
        np.testing.assert_array_equal(image[place][:3], 255 * COLOURS[most])
    by_number = sorted(inside, key=lambda place: inside[place].total())
    assert all(opaque[a] <= opaque[b] for a, b in pairwise(by_number))


def test_the_fullest_place_is_opaque_and_a_single_point_is_seen():
    x = np.array([0.5] * 50 + [1.5])
    image = density_image(x, np.full(51, 0.5), np.zeros(51, dtype=int), COLOURS, (0.0, 0.0, 3.0, 1.0), (1, 3))
    assert image[0, 0, 3] == 255
    assert 40 < image[0, 1, 3] < 100
    assert image[0, 2, 3] == 0
