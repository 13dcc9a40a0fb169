import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import FieldError

AXIS = EnergyAxis(0, 10, 20)


def parts(seed=0, shape=(6, 8), n=12):
    """Arguments of a small sound field."""
    rng = np.random.default_rng(seed)
    pixels = rng.permutation(shape[0] * shape[1])[:n]
    return {
        "bse": rng.integers(0, 60000, shape).astype(np.uint16),
        "spectra": rng.poisson(2.0, (n, AXIS.size)).astype(np.uint16),
        "locations": np.stack(np.divmod(pixels, shape[1]), axis=1),
        "energy": AXIS,
    }


@st.composite
def fields(draw):
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    n = draw(st.integers(1, height * width))
    if n == 1 and height * width > 1:
        n = 2
    pixels = draw(st.permutations(range(height * width)))[:n]
    counts = draw(
        hnp.arrays(
            draw(st.sampled_from(["u1", "u2", "i4", "f4"])), (n, AXIS.size), elements={"min_value": 0, "max_value": 200}
        )
    )
    counts[:, -1] = np.maximum(counts[:, -1], 1)  # measured, all of them
    bse = draw(hnp.arrays(draw(st.sampled_from(["u1", "u2"])), (height, width)))
    locations = np.stack(np.divmod(np.array(pixels), width), axis=1)
    return {"bse": bse, "spectra": counts, "locations": locations, "energy": AXIS}


@given(fields(), st.booleans())
def test_a_field_holds_what_it_was_given(arguments, sparse):
    spectra = sp.csr_array(arguments["spectra"]) if sparse else arguments["spectra"]
    field = Field(**arguments | {"spectra": spectra})
    assert np.array_equal(field.locations, arguments["locations"][field.input_order])
    held = field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra
    assert np.array_equal(held, arguments["spectra"][field.input_order])
    order = field.locations[:, 0] * field.shape[1] + field.locations[:, 1]
    assert (np.diff(order) > 0).all()
    assert field.is_dense == (field.n_measurements == field.bse.size)
    np.testing.assert_allclose(field.total_counts, held[:, 5:].sum(axis=1), rtol=1e-5)


@given(fields(), st.randoms(use_true_random=False))
def test_the_order_of_the_measurements_does_not_matter(arguments, random):
    order = list(range(len(arguments["locations"])))
    random.shuffle(order)
    first = Field(**arguments)
    second = Field(**arguments | {key: arguments[key][order] for key in ("spectra", "locations")})
    assert np.array_equal(first.locations, second.locations)
    assert np.array_equal(first.total_counts, second.total_counts)
    assert first.sampling_distance == second.sampling_distance


def test_counts_are_held_in_the_smaller_form():
    arguments = parts()
    rare = np.zeros_like(arguments["spectra"])
    rare[:, 3] = 5
    assert sp.issparse(Field(**arguments | {"spectra": rare}).spectra)
    full = np.ones_like(rare)
    assert not sp.issparse(Field(**arguments | {"spectra": sp.csr_array(full)}).spectra)


def test_the_given_arrays_are_not_changed():
    arguments = parts()
    before = {key: np.copy(arguments[key]) for key in ("bse", "spectra", "locations")}
    Field(**arguments).total_counts_map()
    for key, value in before.items():
        assert np.array_equal(arguments[key], value)


def test_zero_peak_is_no_signal():
    arguments = parts()
    axis = EnergyAxis(-40, 10, 20)
    counts = np.zeros((12, 20), np.uint16)
    counts[:, 4] = 1000  # the strobe at 0 eV
    counts[:, 15] = 7
    field = Field(**arguments | {"energy": axis, "spectra": counts})
    assert np.array_equal(field.total_counts, np.full(12, 7.0))


def test_maps_put_values_where_they_were_measured():
    field = Field(**parts())
    image = field.window_map(30, 60)
    rows, columns = field.locations.T
    assert np.array_equal(image[rows, columns], field.window_counts(30, 60))
    assert np.isnan(image).sum() == image.size - field.n_measurements
    dense = field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra
    assert np.array_equal(field.window_counts(30, 60), dense[:, 3:6].sum(axis=1))


def test_sampling_distance_is_estimated_from_the_locations():
    rows, columns = np.mgrid[1:60:4, 2:60:4]
    locations = np.stack([rows.ravel(), columns.ravel()], axis=1)
    keep = np.random.default_rng(0).random(len(locations)) > 0.2  # dots are missing where nothing was worth measuring
    spectra = np.ones((keep.sum(), AXIS.size))
    assert Field(np.zeros((60, 60), np.uint8), spectra, locations[keep], AXIS).sampling_distance == 4
    with pytest.raises(FieldError, match="sampling distance"):
        Field(np.zeros((60, 60), np.uint8), spectra[:1], locations[:1], AXIS)
    assert (
        Field(np.zeros((60, 60), np.uint8), spectra[:1], locations[:1], AXIS, sampling_distance=3).n_measurements == 1
    )


@given(st.integers(0, 5))
def test_summed_spectra_are_sums_over_the_groups(seed):
    field = Field(**parts(seed))
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 4, field.n_measurements)
    labels[0] = 3
    dense = field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra
    total = field.summed_spectra(labels)
    for group in range(4):
        assert np.array_equal(total[group], dense[labels == group].sum(axis=0))


def test_thinning_keeps_the_stated_share_of_the_counts():
    arguments = parts(n=40, shape=(10, 10))
    arguments["spectra"] = np.full((40, AXIS.size), 200, np.uint16)
    field = Field(**arguments)
    thin = field.thinned(0.25, seed=3)
    total = field.total_counts.sum()
    assert abs(thin.total_counts.sum() - total / 4) < 5 * np.sqrt(total * 0.25 * 0.75)
    assert np.array_equal(field.thinned(0.25, seed=3).total_counts, thin.total_counts)
    assert thin.spectra.dtype == field.spectra.dtype
    assert field.thinned(0).total_counts.sum() == 0
    with pytest.raises(FieldError, match="whole counts"):
        Field(**arguments | {"spectra": np.full((40, AXIS.size), 0.5)}).thinned(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bse": np.zeros((6, 8, 3), np.uint8)}, "single-channel"),
        ({"bse": np.zeros((0, 8), np.uint8)}, "single-channel"),
        ({"bse": np.zeros((6, 8), complex)}, "real numbers"),
        ({"bse": np.zeros((6, 8), np.float32)}, "bse_full_scale"),
        ({"bse": np.full((6, 8), np.nan), "bse_full_scale": 1}, "row 0, column 0"),
        ({"bse_full_scale": 0}, "bse_full_scale"),
        ({"spectra": np.zeros((11, 20))}, "11 spectra for 12 locations"),
        ({"spectra": np.zeros((12, 19))}, "19 channels"),
        ({"spectra": np.zeros(12)}, "one spectrum per row"),
        ({"spectra": np.full((12, 20), -1)}, "negative"),
        ({"spectra": np.full((12, 20), np.inf)}, "NaN or infinite"),
        ({"spectra": sp.csr_array(np.full((12, 20), -2.0))}, "negative"),
        ({"spectra": np.full((12, 20), "x")}, "real numbers"),
        ({"locations": np.zeros((12, 3))}, r"\(N, 2\)"),
        ({"locations": np.zeros((0, 2), int)}, r"\(N, 2\)"),
        ({"locations": np.zeros((12, 2), int)}, "doubled"),
        ({"locations": np.stack([np.arange(12), np.zeros(12, int)], 1)}, "outside"),
        ({"locations": np.stack([np.zeros(12), np.arange(12) - 4.0], 1)}, "outside"),
        ({"locations": np.full((12, 2), 0.5)}, "whole numbers"),
        ({"locations": np.full((12, 2), np.nan)}, "whole numbers"),
        ({"valid": np.zeros((6, 8), bool)}, "not valid"),
        ({"valid": np.ones((5, 8), bool)}, "shape of bse"),
        ({"valid": np.ones((6, 8), int)}, "must be bool"),
        ({"sampling_distance": -1}, "sampling_distance"),
        ({"pixel_size": np.nan}, "pixel_size"),
        ({"beam_energy": "strong"}, "beam_energy"),
        ({"energy": (0, 10, 20)}, "EnergyAxis"),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_the_reason(change, message):
    with pytest.raises(FieldError, match=message):
        Field(**parts() | change)


@given(
    hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)),
    hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)),
    hnp.arrays(st.sampled_from([np.int64, np.float64, np.uint8]), hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)),
)
def test_any_arrays_make_a_field_or_a_field_error(bse, spectra, locations):
    axis = EnergyAxis(0, 10, spectra.shape[1] if spectra.ndim == 2 and spectra.shape[1] else 1)
    try:
        field = Field(bse, spectra, locations, axis)
    except FieldError as error:
        assert len(str(error)) > 20  # noqa: PT017  (either outcome is right)
    else:
        assert field.n_measurements + len(field.unmeasured) == len(locations)


def test_full_scale_follows_the_dtype():
    arguments = parts()
    assert Field(**arguments).bse_full_scale == 65536
    assert Field(**arguments | {"bse": np.zeros((6, 8), np.uint8)}).bse_full_scale == 256
    assert Field(**arguments | {"bse": np.zeros((6, 8)), "bse_full_scale": 1.0}).bse_full_scale == 1


def test_artefacts_are_kept_wherever_the_field_goes():
    field = Field(**parts()).with_artefacts(["Cu", "Ga", "Cu"])
    assert field.artefacts == ("Cu", "Ga")
    assert field.thinned(0.5).artefacts == ("Cu", "Ga")
    assert field.with_spectra(field.spectra).artefacts == ("Cu", "Ga")
    assert "without Cu, Ga" in repr(field)
    assert field.with_artefacts(()).artefacts == ()


@pytest.mark.parametrize(
    ("artefacts", "message"),
    [("Cu", "artefacts are 'Cu'"), (("Xx",), "'Xx' is no element symbol"), (3, "are 3"), ((29,), "29")],
)
def test_artefacts_are_elements(artefacts, message):
    with pytest.raises(FieldError, match=message):
        Field(**parts()).with_artefacts(artefacts)
