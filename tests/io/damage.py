"""Seeded damage to files, and the one thing that a reader may do with a damaged file."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import numpy as np

from napari_gdls.errors import FieldReadError
from napari_gdls.field import Field

LONGEST = 10.0
"""Seconds that a reader may take over a small damaged file."""


def mutations(data: bytes, number: int, seed: int, *, head: int = 0) -> Iterator[bytes]:
    """Damaged copies of `data`: changed, lost, doubled and inserted bytes, runs of zeros, numbers at their limits.

    Half of the changes fall into the first `head` bytes, where they do most harm.
    """
    rng = random.Random(seed)
    for _ in range(number):
        out = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            end = head if head and rng.random() < 0.5 else len(out)
            at = rng.randrange(max(min(end, len(out)), 1))
            kind = rng.randrange(8)
            if kind == 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            elif kind == 1:
                out[at : at + 1] = bytes([out[at] ^ (1 << rng.randrange(8))]) if out else b"\0"
            elif kind == 2:
                del out[at:]
            elif kind == 3:
                del out[at : at + rng.randrange(1, 100)]
            elif kind == 4:
                out[at:at] = rng.randbytes(rng.randrange(1, 100))
            elif kind == 5:
                length = rng.randrange(1, 500)
                out[at : at + length] = bytes(len(out[at : at + length]))
            elif kind == 6:
                out[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"9999"))
            else:
                out[at:at] = out[at : at + rng.randrange(1, 300)]
        yield bytes(out)


def outcome(read: Callable[[], Field]) -> str:
    """ "read" or "refused"; anything else, a hang among it, fails the test."""
    start = time.monotonic()
    try:
        field = read()
    except FieldReadError:
        result = "refused"
    else:
        # Field has checked itself; what it claims must hold.
        assert field.spectra.shape == (len(field.locations), field.energy.size)
        assert np.isfinite(field.total_counts).all()
        result = "read"
    assert time.monotonic() - start < LONGEST
    return result
