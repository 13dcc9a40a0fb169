import numpy as np
import pytest

from napari_gdls import EnergyAxis, Field, embed, load_embedding
from napari_gdls.embedding.cache import EmbeddingCache

AXIS = EnergyAxis(200, 10, 1536)


def field(seed=0, axis=AXIS):
    counts = np.random.default_rng(seed).poisson(0.5, (30, axis.size)).astype(np.uint8)
    return Field(np.zeros((5, 6), np.uint8), counts, np.argwhere(np.ones((5, 6), bool)), axis)


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


class Counting:
    """The default embedding, which counts how often it is asked for its network."""

    def __init__(self, name="cosine"):
        self._base = load_embedding(name)
        self.name, self.dimension = self._base.name, self._base.dimension
        self.energy, self.calibration, self.fingerprint = self._base.energy, self._base.calibration, name
        self.asked = 0

    def network(self):
        self.asked += 1
        return self._base.network()


def test_a_second_run_computes_nothing(cache):
    model = Counting()
    first = embed(field(), model, cache=cache)
    again = embed(field(), model, cache=cache)  # an equal field, not the same object
    assert model.asked == 1
    assert again.tobytes() == first.tobytes()


def test_other_counts_axes_and_weights_are_other_entries(cache):
    model = Counting()
    embed(field(), model, cache=cache)
    embed(field(1), model, cache=cache)
    embed(field(axis=EnergyAxis(210, 10, 1536)), model, cache=cache)
    other = Counting("cosine-plain")
    embed(field(), other, cache=cache)
    assert model.asked == 3
    assert other.asked == 1


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"nonsense" * 99])
def test_damaged_entries_are_computed_again(cache, damage):
    model = Counting()
    first = embed(field(), model, cache=cache)
    (entry,) = cache.folder.iterdir()
    entry.write_bytes(damage)
    assert embed(field(), model, cache=cache).tobytes() == first.tobytes()
    assert model.asked == 2


def test_the_least_used_go_when_the_limit_is_reached(cache):
    model = Counting()
    embed(field(), model, cache=cache)
    (entry,) = cache.folder.iterdir()
    cache.limit = int(2.5 * entry.stat().st_size)
    for seed in range(1, 6):
        embed(field(seed), model, cache=cache)
    assert len(list(cache.folder.iterdir())) == 2
    cache.clear()
    assert not list(cache.folder.iterdir())


def test_a_cache_that_cannot_be_written_does_not_fail_the_run(tmp_path):
    (tmp_path / "file").write_text("in the way")
    z = embed(field(), Counting(), cache=EmbeddingCache(tmp_path / "file" / "cache"))
    assert z.shape[0] == 30
