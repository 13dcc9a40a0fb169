"""Damaged input is read or refused, by every parser of the project: no other error, no hang, no memory without end."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from damage import LONGEST, mutations
from fuzz_targets import TARGETS, Target

from napari_gdls.errors import GdlsError, GdlsWarning
from napari_gdls.field import Field
from napari_gdls.io import Spectrum

LONGEST_WAIT = 120.0
"""Seconds until a parser that waits for another process counts as one that hangs, on a machine with much else to do."""

CORPUS = Path(__file__).with_name("corpus")
"""Inputs that once did something else, in a folder for each target."""


def assert_consistent(found: object) -> None:
    """What was read of damaged input holds what it claims."""
    if isinstance(found, Field):
        assert found.spectra.shape == (len(found.locations), found.energy.size)
        assert np.isfinite(found.total_counts).all()
    elif isinstance(found, Spectrum):
        assert found.counts.shape == (found.energy.size,)
        assert np.isfinite(found.counts).all()
    elif isinstance(found, np.ndarray):  # of labels, or an image
        assert found.ndim == 2


def try_read(target: Target, folder: Path) -> bool:
    """Whether it is read; False if it is refused. Anything else is raised."""
    start, used = time.monotonic(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GdlsWarning)
            found = target.read(folder)
        read = True
        assert_consistent(found)
    except GdlsError as error:
        if "needs more memory than there is" in str(error):
            raise
        read = False
    assert time.process_time() - used < LONGEST
    assert time.monotonic() - start < LONGEST_WAIT
    return read


def survives(target: Target, folder: Path, number: int, seed: int) -> tuple[int, int]:
    """How many damaged inputs were read, and how many refused."""
    whole = target.whole(folder)
    assert try_read(target, folder), "the whole input is refused"
    read = refused = 0
    for damaged in mutations(whole, number, seed, head=target.head):
        if damaged != whole:
            target.write(folder, damaged)
            survived = try_read(target, folder)
            read, refused = read + survived, refused + (not survived)
    assert refused >= max(target.refused * (read + refused), 1)
    return read, refused


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_ten_thousand_damaged_inputs(target: Target, tmp_path: Path) -> None:
    read, refused = survives(target, tmp_path, 10_000, seed=11)
    print(f"{target.name}: {read} read, {refused} refused")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_damaged_inputs(target: Target, tmp_path: Path) -> None:
    survives(target, tmp_path, target.number, seed=12)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_once_failed(target: Target, tmp_path: Path) -> None:
    target.whole(tmp_path)
    for file in sorted((CORPUS / target.name.replace(" ", "-")).glob("*")):
        target.write(tmp_path, file.read_bytes())
        try_read(target, tmp_path)


def test_folders_of_the_corpus_belong_to_targets() -> None:
    names = {target.name.replace(" ", "-") for target in TARGETS}
    assert {folder.name for folder in CORPUS.glob("*") if folder.is_dir()} <= names
