"""Sums of spectra by group."""

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.summing import add_by_group


def summed_by_group(spectra, group, n_groups):
    out = np.zeros((n_groups, spectra.shape[1]))
    add_by_group(spectra, group, out)
    return out


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([np.uint8, np.uint16, np.uint32, np.int64, np.float32, np.float64]),
    st.booleans(),
    st.integers(0, 30),
    st.integers(1, 6),
)
def test_sums_are_those_of_the_members_of_each_group(seed, dtype, sparse, n, n_groups):
    rng = np.random.default_rng(seed)
    spectra = (rng.integers(0, 200, (n, 7)) * (rng.random((n, 7)) < 0.5)).astype(dtype)
    group = rng.integers(-3, n_groups, n)
    found = summed_by_group(sp.csr_array(spectra) if sparse else spectra, group, n_groups)
    expected = np.array([spectra[group == k].sum(axis=0, dtype=np.float64) for k in range(n_groups)])
    assert found.dtype == np.float64
    assert np.array_equal(found, expected)


def test_sums_do_not_overflow():
    spectra = np.full((1000, 2), 65535, np.uint16)
    for form in (spectra, sp.csr_array(spectra)):
        assert summed_by_group(form, np.zeros(1000, np.int64), 1).tolist() == [[65_535_000.0, 65_535_000.0]]


def test_parts_of_larger_arrays_can_be_summed():
    spectra = np.arange(60, dtype=np.uint16).reshape(6, 10)
    part = spectra[::2, 1::3]  # not contiguous
    group = np.array([0, 1, 0])
    assert np.array_equal(summed_by_group(part, group, 2), [part[[0, 2]].sum(axis=0), part[1]])
    cut = sp.csr_array(spectra)[::2]
    assert np.array_equal(summed_by_group(cut, group, 2), [spectra[[0, 4]].sum(axis=0), spectra[2]])
