"""Blocks on all threads: the same results for any number of them, errors and cancelling, and nothing left behind."""

import multiprocessing
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls import EnergyAxis, segment, simulate_field
from napari_gdls.errors import Cancelled
from napari_gdls.threads import at_most, in_blocks, number_of_threads, one_core


@pytest.fixture(autouse=True)
def several_cores(monkeypatch):
    """As on a machine with four of them, whatever this one has."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)), raising=False)
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


@given(n=st.integers(0, 60), size=st.integers(1, 70), n_threads=st.integers(1, 6))
def test_each_number_comes_once_and_results_in_order(n, size, n_threads):
    seen = np.zeros(n, dtype=int)

    def block(first, last):
        seen[first:last] += 1
        return first, last

    with at_most(n_threads):
        found = in_blocks(n, block, size=size)
    assert (seen == 1).all()
    assert found == [(first, min(first + size, n)) for first in range(0, n, size)]


def test_several_threads_work_at_once():
    barriers = [threading.Barrier(1), threading.Barrier(4, timeout=20)]

    def wait(*_):
        barriers[0].wait()

    in_blocks(4, wait, size=1)
    barriers.pop(0)
    in_blocks(4, wait, size=1)  # would wait for ever in fewer threads


def test_the_first_block_of_a_new_function_is_done_by_the_caller():
    """So that what is compiled for it is reported there."""
    seen = []
    in_blocks(40, lambda first, _: seen.append((first, threading.get_ident())), size=1)
    assert seen[0] == (0, threading.get_ident())


def test_one_core_means_the_thread_of_the_caller():
    with one_core():
        assert number_of_threads() == 1
        assert set(in_blocks(8, lambda *_: threading.get_ident(), size=1)) == {threading.get_ident()}
    assert number_of_threads() == 4


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "NUMBA_NUM_THREADS"])
def test_variables_of_the_environment_limit_threads(monkeypatch, name):
    monkeypatch.setenv(name, "3")
    assert number_of_threads() == 3
    monkeypatch.setenv(name, "many")
    assert number_of_threads() == 4
    with at_most(2):
        assert number_of_threads() == 2


def test_blocks_within_blocks_end():
    found = in_blocks(6, lambda first, _: in_blocks(5, lambda a, _: a, size=1), size=1)
    assert found == [[0, 1, 2, 3, 4]] * 6


@pytest.mark.parametrize("n_threads", [1, 4])
def test_an_error_reaches_the_caller_and_ends_the_work(n_threads):
    begun = []

    def block(first, _):
        begun.append(first)
        if first == 3:
            raise ValueError("three")
        time.sleep(0.002)

    with at_most(n_threads), pytest.raises(ValueError, match="three"):
        in_blocks(1000, block, size=1)
    time.sleep(0.05)
    assert len(begun) < 100  # nothing goes on behind the back of the caller


@pytest.mark.parametrize("n_threads", [1, 4])
def test_it_can_be_cancelled_while_others_work(n_threads):
    started = time.monotonic()

    def poll():
        if time.monotonic() - started > 0.1:
            raise Cancelled("stop")

    running = []

    def block(first, _):
        running.append(first)
        time.sleep(0.02)
        running.remove(first)

    with at_most(n_threads), pytest.raises(Cancelled):
        in_blocks(100_000, block, size=1, poll=poll)
    assert running == []


def test_two_callers_at_once_do_not_wait_for_each_other():
    outcome = {}

    def call(name):
        outcome[name] = sum(in_blocks(200, lambda a, _: a, size=1))

    callers = [threading.Thread(target=call, args=(name,)) for name in range(6)]
    for each in callers:
        each.start()
    for each in callers:
        each.join(timeout=20)
    assert outcome == dict.fromkeys(range(6), sum(range(200)))


def _in_a_child(answer):
    answer.put(sum(in_blocks(100, lambda a, _: a, size=1)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    in_blocks(100, lambda a, _: a, size=1)
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    child = context.Process(target=_in_a_child, args=(answer,))
    child.start()
    assert answer.get(timeout=30) == sum(range(100))
    child.join()


class TestTheSameBytesWithAnyNumberOfThreads:
    """Of all that is shared out, on a field large enough for each part to be."""

    @pytest.fixture(scope="class", params=["sparse", "dense"])
    def rock(self, request):
        axis = EnergyAxis(0, 80, 250) if request.param == "dense" else EnergyAxis(0, 10, 2000)
        counts = 20_000.0 if request.param == "dense" else 300.0
        return simulate_field((150, 160), seed=3, counts=counts, energy=axis, dense=True, grain_size=12.0)

    def test_a_segmentation(self, rock):
        assert sp.issparse(rock.spectra) == (rock.energy.size == 2000)
        results = []
        for n_threads in (1, 2, 4):
            with at_most(n_threads):
                rock.__dict__.pop("total_counts", None)
                results.append(segment(rock, device="cpu"))
        for other in results[1:]:
            for name in ("embedding", "labels", "phases", "confidence", "measurement_labels"):
                assert getattr(other, name).tobytes() == getattr(results[0], name).tobytes(), name
            assert other.tree.height.tobytes() == results[0].tree.height.tobytes()
            assert other.graph.delta_z.tobytes() == results[0].graph.delta_z.tobytes()
            assert other.measurement_phases.pool.z.tobytes() == results[0].measurement_phases.pool.z.tobytes()

    def test_sums(self, rock):
        group = np.random.default_rng(0).integers(-1, 7, rock.n_measurements)
        with at_most(1):
            expected = rock.summed_spectra(group, 7)
        np.testing.assert_array_equal(rock.summed_spectra(group, 7), expected)
        np.testing.assert_array_equal(expected, [np.asarray(rock.spectra[group == k].sum(axis=0)) for k in range(7)])
