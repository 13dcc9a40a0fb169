from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.h5oina import MINERALS, write_h5oina

from napari_gdls import read_field, segment
from napari_gdls.io import describe


def test_large_maps_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "x.h5oina"
    phases = write_h5oina(path, 60, 90, 256, 300, seed=4)
    again = tmp_path / "y.h5oina"
    write_h5oina(again, 60, 90, 256, 300, seed=4)
    assert path.read_bytes() == again.read_bytes()
    field = read_field(path)
    assert field.shape == phases.shape == (60, 90)
    assert set(np.unique(phases)) <= set(range(len(MINERALS)))
    assert field.total_counts.mean() == pytest.approx(300, rel=0.01)
    assert (field.energy.offset, field.energy.width) == (-200.0, 78.125)
    assert field.metadata["bse_image"] == "BSE/Electron Image 1"
    assert describe(path).warnings == ()


@pytest.mark.slow
def test_phases_are_found_again(tmp_path: Path) -> None:
    from sklearn.metrics import adjusted_rand_score

    phases = write_h5oina(tmp_path / "x.h5oina", 120, 120, 1024, 800, seed=3)
    found = segment(read_field(tmp_path / "x.h5oina"))
    assert adjusted_rand_score(phases.ravel(), found.phase_map().ravel()) > 0.98
