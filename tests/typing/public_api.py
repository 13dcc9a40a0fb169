"""What a type checker sees of the public API. mypy checks this file with the sources; nothing runs it."""

from pathlib import Path
from typing import assert_type

import numpy as np
import numpy.typing as npt

import napari_gdls as gdls
from napari_gdls.embedding import Embedding
from napari_gdls.evaluation import Scores
from napari_gdls.field import Field
from napari_gdls.graph import MeasurementGraph
from napari_gdls.io import FieldSummary, describe, read_labels
from napari_gdls.methods.baselines import bse_only
from napari_gdls.phases import Modal
from napari_gdls.segmentation import Segmentation


def a_script(path: Path) -> None:
    field = gdls.read_field(path)
    assert_type(field, Field)
    assert_type(gdls.sample_field("dacite"), Field)
    assert_type(gdls.load_embedding("windows"), Embedding)
    z = gdls.embed(field)
    assert_type(z, npt.NDArray[np.float32])
    graph = gdls.build_graph(field, z)
    assert_type(graph, MeasurementGraph)
    labels = gdls.label_measurements(graph, field=field, z=z)
    assert_type(labels, npt.NDArray[np.int64])
    assert_type(gdls.label_pixels(field, labels), npt.NDArray[np.int32])
    result = gdls.segment(field, gdls.Recipe(tau_z=0.5), constraints=gdls.Constraints())
    assert_type(result, Segmentation)
    assert_type(result.labels, npt.NDArray[np.int32])
    assert_type(result.modal, Modal)
    assert_type(gdls.evaluate(result.labels, field.metadata["truth"]), Scores)


def parts_of_packages(path: Path, field: gdls.Field) -> None:
    assert_type(describe(path), FieldSummary)
    assert_type(read_labels(path), npt.NDArray[np.int64])
    assert_type(bse_only(field), npt.NDArray[np.int32])
    assert_type(gdls.io.read_tima_field(path), Field)


def what_a_type_checker_refuses(field: gdls.Field) -> None:
    # Each comment is needed; were the API untyped, mypy would report it as unused.
    gdls.segment("map.bcf")  # type: ignore[call-overload]
    gdls.read_field(3.5)  # type: ignore[arg-type]
    field.spectre  # type: ignore[attr-defined]  # noqa: B018
    gdls.segmentate(field)  # type: ignore[attr-defined]
