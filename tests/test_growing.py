"""Fields that grow, and parts of fields: always what a run on the same measurements gives."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import Field, sample_field, segment, simulate_field
from napari_gdls.errors import FieldError, RecipeError
from napari_gdls.field.joining import evenly_ordered, evenly_thinned, part_of, with_more
from napari_gdls.growing import GrowingField


@pytest.fixture(scope="module", params=["tima", "grid"])
def rock(request) -> Field:
    return simulate_field((70, 80), seed=4, counts=600.0, dots=request.param, grain_size=12.0)


def assert_same_result(found, expected):
    for name in ("labels", "phases", "measurement_labels", "confidence"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.tree.height, expected.tree.height)
    np.testing.assert_array_equal(found.tree.kept, expected.tree.kept)
    np.testing.assert_array_equal(found.graph.edges, expected.graph.edges)
    np.testing.assert_allclose(found.graph.delta_z, expected.graph.delta_z, atol=1e-5)


@pytest.mark.parametrize("order", ["random", "line by line"])
def test_measurements_that_arrive_give_the_result_of_a_run_on_all(rock, order):
    n = rock.n_measurements
    sequence = np.arange(n) if order == "line by line" else np.random.default_rng(0).permutation(n)
    growing = GrowingField(part_of(rock, sequence[: n // 2], sampling_distance=rock.sampling_distance), device="cpu")
    for new in np.array_split(sequence[n // 2 :], 3):
        growing.add(rock.spectra[new], rock.locations[new])
        assert growing.n_measurements == growing.graph.n_measurements == growing.tree.n_measurements
    whole = segment(rock, device="cpu")
    np.testing.assert_array_equal(growing.tree.height, whole.tree.height)
    np.testing.assert_array_equal(growing.graph.edges, whole.graph.edges)
    np.testing.assert_allclose(growing.embedding, whole.embedding, atol=1e-6)
    assert_same_result(growing.segment(), whole)
    np.testing.assert_array_equal(growing.field.locations, rock.locations)
    assert (sp.csr_array(growing.field.spectra) != sp.csr_array(rock.spectra)).nnz == 0


def test_spectra_without_a_count_are_judged_by_their_surroundings(rock):
    """One by chance, or of what was not measured: as a field of all has it."""
    late = np.arange(rock.n_measurements - 300, rock.n_measurements)
    empty = sp.csr_array((len(late), rock.energy.size), dtype=np.uint16)
    growing = GrowingField(part_of(rock, np.arange(late[0]), sampling_distance=rock.sampling_distance), device="cpu")
    growing.add(empty, rock.locations[late])
    whole = with_more(
        part_of(rock, np.arange(late[0]), sampling_distance=rock.sampling_distance), empty, rock.locations[late]
    )
    assert growing.n_measurements == whole.n_measurements
    assert len(whole.unmeasured) > 200
    assert_same_result(growing.segment(), segment(whole, device="cpu"))


def test_a_scan_that_was_stopped_goes_on(rock):
    """Spectra without a count, where the scan had not come to, come now, and the pixels around them count again."""
    n, stopped = rock.n_measurements, rock.n_measurements // 2
    counts = rock.spectra.toarray()
    counts[stopped:] = 0
    given = {"sampling_distance": rock.sampling_distance, "beam_energy": rock.beam_energy, "gain": 1.0}
    half = Field(rock.bse, counts, rock.locations, rock.energy, **given)
    assert len(half.unmeasured) > 0.8 * (n - stopped)
    growing = GrowingField(half, device="cpu")
    missing = np.setdiff1d(np.arange(n), half.input_order)  # one beside the others may count as empty by chance
    for new in np.array_split(missing, 2):
        growing.add(rock.spectra[new], rock.locations[new])
    counts[missing] = rock.spectra[missing].toarray()
    whole = Field(rock.bse, counts, rock.locations, rock.energy, **given)
    np.testing.assert_array_equal(growing.field.locations, whole.locations)
    assert growing.field.valid.all()
    assert_same_result(growing.segment(), segment(whole, device="cpu"))


def test_what_does_not_fit_changes_nothing(rock):
    growing = GrowingField(rock, device="cpu")
    tree = growing.tree
    place = rock.locations[:1]
    for spectra, places, message in (
        (np.ones((1, rock.energy.size), np.uint16), place, "measured already"),
        (np.ones((1, 7), np.uint16), place + 1, "channels"),
        (np.ones((1, rock.energy.size), np.uint16), [[900, 3]], "outside"),
        (-np.ones((1, rock.energy.size)), [[1, 1]], "negative|measured already"),
    ):
        with pytest.raises(FieldError, match=message):
            growing.add(spectra, places)
    assert growing.tree is tree
    assert growing.n_measurements == rock.n_measurements


def test_a_growing_field_keeps_what_its_measurements_were_made_with(rock):
    with pytest.raises(RecipeError, match="drift"):
        GrowingField(rock, drift="correct")
    growing = GrowingField(rock, device="cpu")
    for change in ({"model": "cosine"}, {"max_distance": 3.0}, {"drift": "correct"}):
        with pytest.raises(RecipeError, match="keeps its model"):
            growing.segment(**change)
    assert growing.segment(tau_z=0.5).recipe.tau_z == 0.5


def test_counts_that_were_scaled_grow_in_their_unit():
    field = simulate_field((40, 40), seed=2, counts=300.0, dense=True)
    scaled = Field(
        field.bse, sp.csr_array(field.spectra[:800]) * 2.5, field.locations[:800], field.energy, gain=2.5,
        sampling_distance=1.0,
    )  # fmt: skip
    more = with_more(scaled, sp.csr_array(field.spectra[800:]) * 2.5, field.locations[800:])
    assert more.gain == 2.5
    np.testing.assert_allclose(more.total_counts, field.total_counts)


class TestParts:
    def test_a_result_for_each_share(self, rock):
        tenth, third, whole = segment(rock, at=[0.1, 1 / 3, 1], device="cpu")
        assert_same_result(whole, segment(rock, device="cpu"))
        for share, result in ((0.1, tenth), (1 / 3, third)):
            assert result.field.n_measurements == round(share * rock.n_measurements)
            assert result.field.sampling_distance == pytest.approx(rock.sampling_distance / share**0.5, rel=0.05)
            assert_same_result(result, segment(evenly_thinned(rock, share)[0], device="cpu"))

    def test_an_embedding_at_hand_is_used(self, rock):
        z = segment(rock, device="cpu").embedding
        (half,) = segment(rock, at=[0.5], embedding=z, device="cpu")
        np.testing.assert_array_equal(half.embedding, z[evenly_thinned(rock, 0.5)[1]])

    @pytest.mark.parametrize("at", [[0], [1.5], [-0.1], [np.nan], ["half"], 0.5])
    def test_impossible_shares(self, rock, at):
        with pytest.raises(RecipeError, match="at"):
            segment(rock, at=at)

    def test_a_graph_is_of_all_measurements(self, rock):
        result = segment(rock, device="cpu")
        with pytest.raises(TypeError, match="graph"):
            segment(rock, at=[0.5], embedding=result.embedding, graph=result.graph)

    @settings(max_examples=20, deadline=None)
    @given(share=st.floats(0.02, 1))
    def test_parts_lie_evenly_and_within_larger_ones(self, share):
        field = sample_field("synthetic")
        part, rows = evenly_thinned(field, share)
        _, more = evenly_thinned(field, min(1.0, 1.3 * share))
        assert set(rows) <= set(more)
        # As many in each quarter of the image, but for the edge of the squares that are being filled.
        middle = np.array(field.shape) / 2
        quarter = (part.locations >= middle) @ (2, 1)
        numbers = np.bincount(quarter, minlength=4)
        assert numbers.max() - numbers.min() < 0.12 * len(rows) + 12

    def test_the_order_is_one(self, rock):
        order = evenly_ordered(rock)
        np.testing.assert_array_equal(np.sort(order), np.arange(rock.n_measurements))

    @pytest.mark.parametrize("rows", [[], [0, 0], [-1], [10**6], [0.5], [[1, 2]]])
    def test_impossible_measurements(self, rock, rows):
        with pytest.raises(FieldError):
            part_of(rock, rows)

    def test_what_was_derived_of_all_is_not_kept(self, rock):
        rock.total_counts, rock.total_spectrum, rock.bse_at_measurements  # noqa: B018
        part = part_of(rock, [5, 3], sampling_distance=3.0)
        assert part.total_counts.shape == part.bse_at_measurements.shape == (2,)
        np.testing.assert_array_equal(part.locations, rock.locations[[3, 5]])
