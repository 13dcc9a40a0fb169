import sys
import textwrap
import threading

import numba as nb
import pytest

from napari_gdls.errors import Cancelled
from napari_gdls.progress import COMPILING, compilation_reported


class Received(list):
    def __call__(self, stage, fraction):
        self.append((stage, fraction))


def fresh():
    """A function that calls another; neither is compiled."""

    @nb.njit
    def inner(x):
        return x + 1

    @nb.njit
    def outer(x):
        return inner(x) + 1

    return outer


def test_a_compilation_is_announced_once_with_all_that_it_needs():
    received, function = Received(), fresh()
    with compilation_reported(received):
        assert function(1) == 3
    assert received == [(COMPILING, 0.0), (COMPILING, 1.0)]
    received.clear()
    with compilation_reported(received):
        assert function(2) == 4
    assert received == []


def test_code_found_on_disk_is_no_compilation(tmp_path, monkeypatch):
    (tmp_path / "kept_on_disk.py").write_text(
        textwrap.dedent("""
            import numba as nb

            @nb.njit(cache=True)
            def twice(x):
                return 2 * x
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    received = []
    for _ in range(2):
        sys.modules.pop("kept_on_disk", None)
        module = __import__("kept_on_disk")
        received.append(Received())
        with compilation_reported(received[-1]):
            assert module.twice(4) == 8
    assert received == [[(COMPILING, 0.0), (COMPILING, 1.0)], []]


def test_it_can_be_cancelled_and_done_again():
    function = fresh()

    def refuse(stage, fraction):
        raise Cancelled

    with pytest.raises(Cancelled), compilation_reported(refuse):
        function(1)
    received = Received()
    with compilation_reported(received):
        assert function(1) == 3
    assert received == [(COMPILING, 0.0), (COMPILING, 1.0)]


def test_other_threads_have_their_own():
    received, function = Received(), fresh()
    with compilation_reported(received):
        other = threading.Thread(target=function, args=(1,))
        other.start()
        other.join()
    assert received == []
