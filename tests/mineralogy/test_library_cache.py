"""Arrays that are kept on disk: never believed when damaged, never needed."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest

from napari_gdls.errors import GdlsWarning
from napari_gdls.mineralogy import library_cache
from napari_gdls.mineralogy.library_cache import kept_array

SHAPE = (3, 4)
ARRAY = np.arange(12, dtype=np.float32).reshape(SHAPE)


class Maker:
    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return ARRAY


def test_an_array_is_made_once(tmp_path):
    make = Maker()
    for _ in range(3):
        kept = kept_array("a key", SHAPE, make, tmp_path)
        assert np.array_equal(kept, ARRAY)
        assert not kept.flags.writeable
    assert make.times == 1
    kept_array("another key", SHAPE, make, tmp_path)
    assert make.times == 2
    assert len(list(tmp_path.iterdir())) == 2


def damage_cut(content):
    return content[: len(content) // 2]


def damage_flip(content):
    return content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]


@pytest.mark.parametrize(
    "damage", [damage_cut, damage_flip, lambda content: b"", lambda content: b"hello" * 100], ids=str
)
def test_a_damaged_file_is_made_again(tmp_path, damage):
    make = Maker()
    kept_array("a key", SHAPE, make, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert np.array_equal(kept_array("a key", SHAPE, make, tmp_path), ARRAY)
    assert make.times == 2
    kept_array("a key", SHAPE, make, tmp_path)
    assert make.times == 2


def test_a_file_of_another_key_is_not_believed(tmp_path):
    kept_array("one", SHAPE, lambda: ARRAY + 1, tmp_path)
    (one,) = tmp_path.iterdir()
    kept_array("two", SHAPE, lambda: ARRAY, tmp_path)
    (two,) = set(tmp_path.iterdir()) - {one}
    two.write_bytes(one.read_bytes())
    assert np.array_equal(kept_array("two", SHAPE, lambda: ARRAY, tmp_path), ARRAY)


def test_a_folder_that_cannot_be_written_costs_one_warning(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    library_cache._warn_once.cache_clear()
    with pytest.warns(GdlsWarning, match="cannot be kept"):
        first = kept_array("a key", SHAPE, Maker(), blocked / "below")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = kept_array("a key", SHAPE, Maker(), blocked / "below")
    assert np.array_equal(first, ARRAY)
    assert np.array_equal(second, ARRAY)


def test_the_oldest_files_go(tmp_path, monkeypatch):
    kept_array("a key", SHAPE, Maker(), tmp_path)
    (first,) = tmp_path.iterdir()
    monkeypatch.setattr(library_cache, "_LIMIT", first.stat().st_size)
    os.utime(first, (0, 0))
    kept_array("another key", SHAPE, Maker(), tmp_path)
    assert not first.exists()
    assert len(list(tmp_path.iterdir())) == 1
