"""Compiled code trusts its caller: what it relies on is written down, and nothing else gets to it in any public way."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import napari_gdls
from napari_gdls import EnergyAxis, Field, label_pixels
from napari_gdls.errors import FieldError, GdlsError
from napari_gdls.labelling import connected_regions, label_with_confidence

PACKAGE = Path(napari_gdls.__file__).parent
AXIS = EnergyAxis(0.0, 10.0, 400)


def is_compiled(function: ast.AST) -> bool:
    return isinstance(function, ast.FunctionDef) and any(
        "njit" in ast.unparse(each) for each in function.decorator_list
    )


def names_used(node: ast.AST) -> set[str]:
    """Names that a module uses outside of its compiled functions."""
    if is_compiled(node):
        return set()
    own = {node.id} if isinstance(node, ast.Name) else set()
    return own.union(*map(names_used, ast.iter_child_nodes(node)))


def modules() -> dict[str, ast.Module]:
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): ast.parse(path.read_text())
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def compiled_functions_that_python_calls() -> dict[str, ast.FunctionDef]:
    """By module and name; the others are called by these alone."""
    trees = modules()
    compiled = {
        (module, node.name): node for module, tree in trees.items() for node in ast.walk(tree) if is_compiled(node)
    }
    called = {}
    for module, tree in trees.items():
        imported = {
            name.asname or name.name: (node.module, name.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for name in node.names
        }
        for name in names_used(tree):
            key = imported.get(name, (module, name))
            if key in compiled:
                called[".".join(key)] = compiled[key]
    return dict(sorted(called.items()))


ENTRIES = compiled_functions_that_python_calls()


def test_the_ways_into_compiled_code_are_found():
    expected = {
        "graph.merge_kernels.merge_some",
        "phases.relabelling._sweep",
        "summing._add_csr",
        "spectra._poisson.draw",
    }
    assert {f"napari_gdls.{name}" for name in expected} < set(ENTRIES)
    assert "napari_gdls.graph.edge_queue.drop" not in ENTRIES


@pytest.mark.parametrize("name", ENTRIES)
def test_every_way_into_compiled_code_says_what_it_relies_on(name):
    text = ast.get_docstring(ENTRIES[name]) or ""
    assert re.search(r"^Relies(,| on)", text, re.MULTILINE), (
        "state in the docstring what it relies on, and who checks it"
    )


EXTREMES = """
import itertools, warnings
import numpy as np, scipy.sparse as sp
from napari_gdls import EnergyAxis, Field, Recipe, segment, label_measurements, label_pixels, build_graph, evaluate
from napari_gdls.errors import GdlsError
from napari_gdls.labelling import connected_regions

warnings.simplefilter("error")
rng = np.random.default_rng(0)
axis = EnergyAxis(0.0, 10.0, 400)
places = np.argwhere(np.ones((6, 7), bool))
base = rng.poisson(2.0, (42, 400))
bse = rng.integers(0, 60_000, (6, 7)).astype(np.uint16)

def sparse(change):
    found = sp.csr_array(base)
    change(found)
    return found

def out_of_range(a): a.indices[5] = 400
def negative(a): a.indices[5] = -1
def far(a): a.indices[5] = 2**31 - 1
def short(a): a.indptr[-1] = 10**9
def falling(a): a.indptr[3] = a.indptr[4] + 5

spectra = [
    base * 10**9, base.astype(np.float64) * 1e39, base.astype(np.uint64) * 2**55, base.astype(np.float64) * 1e7,
    np.where(base > 0, np.nan, 0.0), np.where(base > 0, np.inf, 0.0), -base, base.astype(">u2"), base.astype(">f4"),
    base.astype(np.float16), np.full((42, 400), np.iinfo(np.uint32).max, np.uint32), base.astype(np.int8),
    base.astype(bool),
    *map(sparse, (out_of_range, negative, far, short, falling)),
]
images = [
    bse, np.full((6, 7), 1e303), rng.normal(size=(6, 7)) * 1e303, np.full((6, 7), np.nan), np.full((6, 7), 3, np.uint8),
]
n = 0
for counts, image in [*((c, bse) for c in spectra), *((base, i) for i in images)]:
    for method in ("merge", "threshold", "bse_only"):
        try:
            field = Field(image, counts, places, axis, bse_full_scale=None if image.dtype.kind in "ui" else 1.0)
            segment(field, method=method, drift="ignore", device="cpu")
        except GdlsError:
            pass
        except Warning as warning:
            if type(warning).__module__ != "napari_gdls.errors":
                raise
        n += 1
field = Field(bse, base, places, axis)
for labels in (np.full(42, 2**31), np.full(42, -1), np.arange(41), np.full(42, 2**62), np.zeros(42)):
    for call in (lambda: label_pixels(field, labels), lambda: field.summed_spectra(labels, 3)):
        try:
            call()
        except GdlsError:
            pass
for beta, reach in itertools.product((0.0, 1e12), (1e-300, 1e6)):
    segment(field, beta=beta, reach=reach, drift="ignore", device="cpu")
print("survived", n)
"""


def test_no_public_way_leads_to_compiled_code_with_what_it_cannot_hold():
    """In a process of its own, since what is tested for is a crash; numeric warnings are errors there."""
    done = subprocess.run([sys.executable, "-c", EXTREMES], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "survived" in done.stdout


@pytest.fixture(scope="module")
def field() -> Field:
    counts = np.random.default_rng(1).poisson(1.0, (20, AXIS.size))
    return Field(np.full((4, 5), 9, np.uint8), sp.csr_array(counts), np.argwhere(np.ones((4, 5), bool)), AXIS)


@pytest.mark.parametrize(
    "labels",
    [np.full(20, -1), np.full(20, 2**31 - 1), np.zeros(19, int), np.zeros((20, 1), int), np.full(20, 0.5), ["a"] * 20],
    ids=["negative", "too large", "too few", "two axes", "fractions", "text"],
)
def test_labels_that_index_nothing_are_refused(field, labels):
    for label in (label_pixels, label_with_confidence):
        with pytest.raises(FieldError):
            label(field, labels)


def test_groups_beyond_the_sums_are_refused(field):
    with pytest.raises(FieldError, match="groups"):
        field.summed_spectra(np.full(20, 3), 3)
    assert field.summed_spectra(np.full(20, -5), 2).sum() == 0


@pytest.mark.parametrize("anchors", [[[4, 0]], [[0, -1]], [[2**40, 0]], [[0.5, 1]], [0, 1]])
def test_anchors_outside_of_the_image_are_refused(anchors):
    with pytest.raises(GdlsError):
        connected_regions(np.ones((4, 5), int), anchors=anchors)
