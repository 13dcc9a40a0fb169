"""What the counts, the BSE image and the numbers of a field may be, so that compiled code can rely on them."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import FieldError, GdlsError
from napari_gdls.field.counts import MOST_COUNTS, MOST_COUNTS_OF_FIELD, check_sums, thinned_counts
from napari_gdls.spectra.windows import window_counts

SHAPE = (3, 4)
AXIS = EnergyAxis(0, 40, 100)
LOCATIONS = np.argwhere(np.ones(SHAPE, bool))
BSE = np.arange(12, dtype=np.uint16).reshape(SHAPE)


def counts(dtype=np.uint16):
    return np.random.default_rng(3).poisson(0.8, (12, AXIS.size)).astype(dtype)


def field(spectra, bse=BSE, **options):
    return Field(bse, spectra, LOCATIONS, AXIS, **options)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i1", ">u2", ">i4", ">u4", "i8", "u8", ">i8", "f2", ">f2", ">f4", ">f8", "g"]
)
def test_counts_of_any_dtype_and_byte_order_are_the_same_field(dtype, sparse):
    plain = np.minimum(counts(), 1) if dtype == "?" else counts()
    given_counts = plain.astype(dtype)
    if sparse and dtype.startswith(">"):
        given_counts = sp.csr_array(plain)
        given_counts.data = given_counts.data.astype(dtype)
    elif sparse:
        given_counts = sp.csr_array(plain).astype(dtype) if dtype not in ("f2", "g") else sp.coo_array(plain)
    held = field(given_counts)
    assert held.spectra.dtype.isnative
    assert held.spectra.dtype.kind in "uif"
    np.testing.assert_array_equal(held.total_counts, field(plain).total_counts)
    np.testing.assert_array_equal(window_counts(held), window_counts(field(plain)))
    np.testing.assert_array_equal(held.summed_spectra(np.zeros(12, int)), plain.sum(axis=0, keepdims=True))


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", ">i8", "f2", ">f4", "f8", "g"])
def test_bse_of_any_dtype_and_byte_order_is_the_same_image(dtype):
    held = field(counts(), BSE.astype(dtype), bse_full_scale=100)
    assert held.bse.dtype.isnative
    np.testing.assert_array_equal(held.bse, BSE)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "lil", "dok"])
def test_sparse_counts_of_any_form_are_the_same_field(form):
    held = field(sp.csr_array(counts()).asformat(form))
    np.testing.assert_array_equal(held.summed_spectra(np.arange(12)), counts())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e9, 2**63, 1e39, 1e300])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_more_counts_than_can_be_held_are_one_error(factor, sparse):
    scaled = counts() * float(factor)
    with pytest.raises(FieldError, match="no more than 2,147,483,647"):
        field(sp.csr_array(scaled) if sparse else scaled)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["u4", "i8", "u8", "f4", "f8"])
def test_the_largest_number_of_a_dtype_is_refused(dtype):
    largest = np.finfo(dtype).max if dtype.startswith("f") else np.iinfo(dtype).max
    spectra = np.zeros((12, AXIS.size), dtype)
    spectra[:, 30] = largest
    with pytest.raises(FieldError, match="no more than"):
        field(spectra)


def test_as_many_counts_as_can_be_held_are_held():
    spectra = np.zeros((12, AXIS.size), np.int64)
    spectra[:, 30] = MOST_COUNTS - 1
    spectra[:, 90] = 1
    windows = window_counts(field(spectra))
    assert windows.max() == MOST_COUNTS - 1
    np.testing.assert_array_equal(windows.sum(axis=1, dtype=np.int64), np.full(12, MOST_COUNTS))


def test_a_field_of_too_many_counts_is_refused_even_if_each_spectrum_is_not():
    n = MOST_COUNTS_OF_FIELD // MOST_COUNTS + 1
    same = np.broadcast_to(np.float64(MOST_COUNTS), (n, 1))
    check_sums(same[:-2])
    with pytest.raises(FieldError, match="the field has"):
        check_sums(same)


def damaged(**parts):
    matrix = sp.csr_array(counts())
    for name, change in parts.items():
        getattr(matrix, name)[change[0]] = change[1]
    return matrix


@pytest.mark.parametrize(
    "matrix",
    [
        damaged(indices=(0, AXIS.size)),
        damaged(indices=(5, -1)),
        damaged(indices=(0, 2**30)),
        damaged(indptr=(3, -4)),
        damaged(indptr=(-1, 10**6)),
        damaged(indptr=(0, 2)),
        damaged(indptr=(4, 10**6)),
    ],
    ids=["beyond", "negative", "far beyond", "negative row", "longer than the data", "late start", "falling"],
)
def test_a_sparse_matrix_with_indices_out_of_range_is_refused(matrix):
    with pytest.raises(FieldError, match="damaged sparse matrix"):
        field(matrix)


def test_entries_out_of_range_are_refused():
    matrix = sp.coo_array(counts())
    matrix.coords[1][4] = AXIS.size
    with pytest.raises(FieldError, match="damaged sparse matrix"):
        field(matrix)


def test_unsorted_and_doubled_channels_are_put_in_order_and_the_given_matrix_stays():
    matrix = sp.csr_array((np.array([1, 2, 200, 100], np.uint8), np.array([50, 10, 20, 20]), [0, 2, 4]), shape=(2, 100))
    before = matrix.indices.copy(), matrix.data.copy()
    held = Field(np.zeros((1, 2), np.uint8), matrix, [[0, 0], [0, 1]], AXIS)
    sums = held.summed_spectra(np.array([0, 1]))
    assert (sums[0, 10], sums[0, 50], sums[1, 20]) == (2, 1, 300)
    np.testing.assert_array_equal(matrix.indices, before[0])
    np.testing.assert_array_equal(matrix.data, before[1])


@pytest.mark.parametrize("value", [1e303, -1e303, 1e38, 1e12])
def test_bse_out_of_proportion_to_its_full_scale_is_refused(value):
    bse = np.full(SHAPE, 0.5)
    bse[1, 1] = value
    with pytest.raises(FieldError, match="full scale"):
        field(counts(), bse, bse_full_scale=1.0)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_bse_that_is_not_finite_is_refused_with_its_place(value):
    bse = np.full(SHAPE, 0.5)
    bse[1, 2] = value
    with pytest.raises(FieldError, match="row 1, column 2"):
        field(counts(), bse, bse_full_scale=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sampling_distance", 1e9),
        ("sampling_distance", 1e-9),
        ("pixel_size", 1e-30),
        ("pixel_size", 1e12),
        ("beam_energy", 20_000),
        ("beam_energy", 1e-3),
        ("bse_full_scale", 1e300),
        ("bse_full_scale", 1e-300),
    ],
)
def test_numbers_far_from_any_measurement_are_refused_by_name(name, value):
    with pytest.raises(FieldError, match=f"^{name} is"):
        field(counts(), **{name: value})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [1e300, -1e300, 2**63, 2**53])
def test_locations_too_large_for_a_whole_number_are_refused(value):
    with pytest.raises(FieldError):
        Field(BSE, counts()[:1], np.array([[0, value]]), AXIS, sampling_distance=1)


@pytest.mark.parametrize(
    ("offset", "width", "size"), [(0, 1e-300, 10), (0, 1e300, 10), (1e300, 10, 10), (0, 10, 10**12), (-1e12, 10, 100)]
)
def test_an_axis_far_from_any_spectrum_is_refused(offset, width, size):
    with pytest.raises(FieldError, match="energy axis"):
        EnergyAxis(offset, width, size)


REALS = hnp.integer_dtypes() | hnp.unsigned_integer_dtypes() | hnp.floating_dtypes()


@settings(deadline=None)
@given(
    REALS.flatmap(lambda dtype: hnp.arrays(dtype, (4, AXIS.size))),
    REALS.flatmap(lambda dtype: hnp.arrays(dtype, (2, 2))),
    st.floats() | st.none(),
    st.floats() | st.none(),
)
def test_whatever_numbers_come_in_the_sums_of_a_field_are_finite_and_no_warning_is_given(spectra, bse, scale, distance):
    locations = np.argwhere(np.ones((2, 2), bool))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            made = Field(bse, spectra, locations, AXIS, bse_full_scale=scale, sampling_distance=distance)
            windows = window_counts(made)
        except GdlsError:
            return
        assert windows.min() >= 0
        assert np.isfinite(made.total_counts).all()
        assert made.spectra.dtype.isnative


@given(st.integers(0, 2**32), st.floats(0, 1), st.booleans())
def test_thinned_counts_are_no_more_than_before(seed, fraction, sparse):
    before = sp.csr_array(counts()) if sparse else counts()
    after = thinned_counts(before, fraction, np.random.default_rng(seed))
    dense = after.toarray() if sparse else after
    assert (dense >= 0).all()
    assert (dense <= counts()).all()
