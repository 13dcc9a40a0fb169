import threading

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import EnergyAxis, Field, embed, load_embedding, segment
from napari_gdls.embedding import Calibration, Embedding, EmbeddingCache, available_embeddings
from napari_gdls.energy import CANONICAL_AXIS, rebin
from napari_gdls.errors import Cancelled, EmbeddingError


def spectrum(*lines, axis=CANONICAL_AXIS, continuum=0.3):
    """Probabilities of a spectrum with lines (energy, weight) of 130 eV width on an exponential continuum."""
    energy = axis.centers
    shape = continuum * np.exp(-energy / 3000) / np.exp(-energy / 3000).sum()
    for position, weight in lines:
        peak = np.exp(-0.5 * ((energy - position) / 55) ** 2)
        shape += weight * peak / peak.sum()
    return shape / shape.sum()


QUARTZ = spectrum((525, 0.2), (1740, 0.6))
OLIVINE = spectrum((525, 0.2), (1254, 0.3), (1740, 0.3), (6404, 0.1))


def sampled(shape, counts, n, seed=0):
    return np.random.default_rng(seed).poisson(counts * shape, (n, len(shape))).astype(np.uint16)


@pytest.mark.parametrize("name", available_embeddings())
def test_vectors_have_unit_length_and_the_stated_dimension(name):
    model = load_embedding(name)
    assert isinstance(model, Embedding)
    z = embed(np.concatenate([sampled(QUARTZ, 300, 5), np.zeros((1, 1536), np.uint16)]), name)
    assert z.shape == (6, model.dimension)
    assert z.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.sampled_from(available_embeddings()))
def test_batches_and_sparsity_do_not_change_the_vectors(batch_size, name):
    counts = sampled(OLIVINE, 200, 33)
    whole = embed(counts, name)
    np.testing.assert_allclose(embed(counts, name, batch_size=batch_size), whole, atol=1e-6)
    np.testing.assert_allclose(embed(sp.csr_array(counts), name, batch_size=batch_size), whole, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_the_dtype_of_the_counts_does_not_matter(dtype):
    counts = sampled(OLIVINE, 200, 4)
    assert np.array_equal(embed(counts.astype(dtype)), embed(counts))


def test_scale_of_the_counts_does_not_matter_but_shape_does():
    z = embed(np.stack([1000 * QUARTZ, 50_000 * QUARTZ, 1000 * OLIVINE]))
    assert np.linalg.norm(z[0] - z[1]) < 1e-4
    assert np.linalg.norm(z[0] - z[2]) > 0.3


def test_a_field_on_another_axis_gives_the_vectors_of_the_canonical_one():
    bruker = EnergyAxis(-470, 10, 2048)
    counts = sampled(OLIVINE, 2000, 6)
    shifted = np.zeros((6, bruker.size), np.uint16)
    shifted[:, 67 : 67 + 1536] = counts
    shifted[:, 40:50] = 500  # zero peak: below the band, so without a say
    locations = np.argwhere(np.ones((2, 3), bool))
    field = Field(np.zeros((2, 3), np.uint8), shifted, locations, bruker)
    np.testing.assert_allclose(embed(field), embed(counts), atol=1e-6)
    np.testing.assert_allclose(embed(shifted, energy=bruker), embed(counts), atol=1e-6)


@pytest.mark.parametrize("name", available_embeddings())
@pytest.mark.parametrize("counts", [300, 1000, 10_000])
def test_delta_z_of_one_material_means_the_same_at_any_counts(name, counts):
    model = load_embedding(name)
    exceeding = []
    for shape in (QUARTZ, OLIVINE):
        first, second = sampled(shape, counts, 400, 1), sampled(shape, counts, 400, 2)
        distance = np.linalg.norm(embed(first, name) - embed(second, name), axis=1)
        delta = model.calibration.delta_z(distance, first.sum(axis=1), second.sum(axis=1))
        exceeding.append((delta > 1.25).mean())
    assert max(exceeding) < 0.05
    different = np.linalg.norm(
        embed(sampled(QUARTZ, counts, 9), name) - embed(sampled(OLIVINE, counts, 9), name), axis=1
    )
    assert (model.calibration.delta_z(different, counts, counts) > 1.2).all()


def test_calibration_follows_the_square_root_law():
    calibration = Calibration(c=0.2, f=0.03)
    delta = calibration.delta_z([0.3, 0.3, 0.3], [1000, 250, 0], [4000, 250, 4000])
    expected = 0.3 / (0.2 * np.sqrt(np.array([1 + 0.25, 4 + 4, 1000 + 0.25]) + 0.06))
    np.testing.assert_allclose(delta, expected)
    with pytest.raises(EmbeddingError):
        Calibration(c=0)
    with pytest.raises(EmbeddingError):
        Calibration(c=0.1, f=-1)


def test_progress_is_reported_and_can_cancel():
    seen = []
    embed(sampled(QUARTZ, 100, 10), batch_size=3, progress=lambda stage, fraction: seen.append((stage, fraction)))
    fractions = [fraction for _, fraction in seen]
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert len(fractions) > 2
    assert fractions == sorted(fractions)

    def stop(stage, fraction):
        if fraction > 0.5:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        embed(sampled(QUARTZ, 100, 10), batch_size=3, progress=stop)


class Narrow:
    """The default embedding on a device that holds a few spectra at most."""

    base = load_embedding()
    name, fingerprint = "narrow", "narrow"
    dimension, energy, calibration = base.dimension, base.energy, base.calibration

    def __init__(self, most, error):
        self.most, self.error, self.calls = most, error, 0

    def network(self):
        inner, outer = self.base.network(), self

        class Network(torch.nn.Module):
            def forward(self, x):
                outer.calls += 1
                if len(x) > outer.most:
                    raise outer.error
                return inner(x)

        return Network()


SHORT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", SHORT_OF_MEMORY, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("most", [70, 30, 1])
def test_running_out_of_memory_makes_smaller_batches_with_the_same_result(most, error):
    counts = sampled(OLIVINE, 200, 300)
    expected = embed(counts)
    with pytest.warns(RuntimeWarning, match="memory") as warned:
        z = embed(counts, Narrow(most, error), batch_size=256)
    assert len(warned) == 1
    np.testing.assert_allclose(z, expected, atol=1e-6)


@pytest.mark.parametrize("error", SHORT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_a_memory_that_holds_no_spectrum_is_an_error_in_the_end(error):
    narrow = Narrow(0, error)
    with pytest.warns(RuntimeWarning, match="memory") as warned, pytest.raises(EmbeddingError, match="not even one"):
        embed(sampled(OLIVINE, 200, 300), narrow, batch_size=256)
    assert len(warned) == 1
    assert narrow.calls <= 10


def test_other_errors_of_the_network_are_not_retried():
    narrow = Narrow(0, RuntimeError("bug"))
    with pytest.raises(RuntimeError, match="bug"):
        embed(sampled(OLIVINE, 200, 300), narrow)
    assert narrow.calls == 1


@pytest.mark.parametrize("device", ["abacus", "cuda:99", "CPU "])
def test_devices_are_checked_before_any_work(device, tmp_path):
    """Also where the vectors are known already, from a cache or an earlier run."""
    field = Field(np.zeros((2, 3), np.uint16), sampled(QUARTZ, 500, 6), np.argwhere(np.ones((2, 3))), CANONICAL_AXIS)
    cache = EmbeddingCache(tmp_path)
    z = embed(field, cache=cache)
    for call in (
        lambda: embed(field, device=device),
        lambda: embed(field, device=device, cache=cache),
        lambda: segment(field, device=device, embedding=z),
        lambda: segment(field, device=device, cache=cache),
    ):
        with pytest.raises(EmbeddingError, match="no device"):
            call()


def test_what_is_not_there_is_named():
    with pytest.raises(EmbeddingError, match="no embedding 'magic'"):
        load_embedding("magic")
    with pytest.raises(EmbeddingError, match="no device 'abacus'"):
        embed(np.zeros((1, 1536)), device="abacus")
    with pytest.raises(EmbeddingError, match="energy axis"):
        embed(np.zeros((1, 100)))
    with pytest.raises(EmbeddingError, match="batch size"):
        embed(np.zeros((1, 1536)), batch_size=0)


@pytest.mark.parametrize("name", ["default", "cosine", "cosine-plain"])
@pytest.mark.parametrize(
    "axis",
    [
        CANONICAL_AXIS,
        EnergyAxis(-480, 10, 2100),  # the same channels and more
        EnergyAxis(0, 40, 420),  # wider ones
        EnergyAxis(3, 7.3, 2600),  # none that coincide
        EnergyAxis(4000, 10, 300),  # a part of the band
        EnergyAxis(20_000, 10, 50),  # nothing of it
    ],
    ids=str,
)
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
def test_rebinning_as_part_of_the_first_matrix_gives_the_vectors_of_rebinned_spectra(name, axis, form):
    counts = np.random.default_rng(1).poisson(0.4, (40, axis.size)).astype(np.uint16)
    counts[3] = 0
    model = load_embedding(name)
    moved = torch.from_numpy(np.asarray(rebin(counts, axis, model.energy), dtype=np.float32))
    expected = model.network()(moved).numpy()
    np.testing.assert_allclose(embed(form(counts), name, energy=axis, device="cpu"), expected, atol=2e-6)


def test_an_embedding_of_others_that_does_not_begin_with_a_matrix_is_called_by_one_thread():
    base = load_embedding()
    seen = set()

    class Other:
        name = fingerprint = "other"
        dimension, energy, calibration = base.dimension, base.energy, base.calibration

        def network(self):
            inner = base.network()

            class Network(torch.nn.Module):
                def forward(self, x):
                    seen.add(threading.get_ident())
                    return inner(x)

            return Network()

    counts = sampled(QUARTZ, 300, 200)
    np.testing.assert_allclose(embed(counts, Other(), batch_size=7, device="cpu"), embed(counts), atol=1e-6)
    assert seen == {threading.get_ident()}
