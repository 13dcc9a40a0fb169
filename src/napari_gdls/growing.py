"""A field that is still being measured: new measurements join its graph and merge tree without a new run."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.embedding import embed, load_embedding
from napari_gdls.embedding.inference import embedder
from napari_gdls.errors import FieldError, RecipeError
from napari_gdls.field import Field
from napari_gdls.field.joining import new_measurements, stacked, with_more
from napari_gdls.field.measured import without_counts
from napari_gdls.graph import MeasurementGraph, build_graph
from napari_gdls.graph.merging import MergeTree, build_merge_tree
from napari_gdls.pipeline import segment
from napari_gdls.progress import Progress
from napari_gdls.recipe import Recipe
from napari_gdls.segmentation import Segmentation
from napari_gdls.spectra.windows import window_counts


class GrowingField:
    """Measurements of a field as they arrive, with all that a segmentation needs of each kept for the next.

    Only new spectra are embedded and counted; graph and merge tree are those of all measurements, equal to the byte to
    those of a run on `field`.

    Parameters
    ----------
    field : Field
        What is measured so far; its image is that of the whole field, and its sampling distance stays.
    recipe : Recipe, optional
        None: the defaults.
    progress : Progress, optional
        Receives the stages "embedding", "graph" and "tree" of the beginning; may cancel.
    **changes
        Any parameter of `Recipe`, over those of `recipe`.

    Raises
    ------
    RecipeError
        If a parameter is unknown or out of range, or drift is to be corrected: that is known of whole fields only.
    FieldError
        If the spectra of the field lie on disk.

    Examples
    --------
    >>> growing = GrowingField(field)  # doctest: +SKIP
    >>> growing.add(spectra, locations)  # doctest: +SKIP
    >>> result = growing.segment()  # doctest: +SKIP
    """

    def __init__(
        self, field: Field, recipe: Recipe | None = None, *, progress: Progress | None = None, **changes: Any
    ) -> None:
        self.recipe = (recipe or Recipe()).replace(**changes)
        if field.is_on_disk:
            raise FieldError("a field whose spectra lie on disk cannot grow; read it with a larger memory limit.")
        if self.recipe.drift == "correct":
            raise RecipeError("drift cannot be corrected while a field grows; choose drift='report' or 'ignore'.")
        self._model = load_embedding(self.recipe.model)
        self._embed = embedder(self._model, field.energy)
        self._begin(field, progress)

    def _begin(self, field: Field, progress: Progress | None = None) -> None:
        self._joined, self._waiting = field, list[tuple[Any, npt.NDArray[np.int64]]]()
        self._z = embed(field, self._model, device=self.recipe.device, progress=progress)
        self._counts = window_counts(field)
        self._connect(field, progress)

    def _connect(self, field: Field, progress: Progress | None = None) -> None:
        """Build graph and tree."""
        self._places = field
        self._graph = build_graph(
            field,
            self._z,
            max_distance=self.recipe.max_distance,
            calibration=self._model.calibration,
            progress=progress,
        )
        self._tree = build_merge_tree(field, self._graph, counts=self._counts, progress=progress)

    @property
    def n_measurements(self) -> int:
        """Number of all measurements so far."""
        return self._places.n_measurements

    @property
    def graph(self) -> MeasurementGraph:
        """Graph of all measurements so far."""
        return self._graph

    @property
    def tree(self) -> MergeTree:
        """Merge tree of all measurements so far."""
        return self._tree

    @property
    def embedding(self) -> npt.NDArray[np.float32]:
        """Embedded spectra of all measurements so far, (N, d)."""
        return self._z

    @property
    def field(self) -> Field:
        """Field of all measurements so far; spectra are put together when it is asked for."""
        if self._waiting:
            spectra, places = zip(*self._waiting, strict=True)
            self._joined = with_more(self._joined, stacked(spectra), np.concatenate(places))
            self._waiting.clear()
        return self._joined

    def add(self, spectra: Any, locations: npt.ArrayLike) -> None:
        """Let new measurements join.

        Parameters
        ----------
        spectra : (M, D) array or scipy sparse matrix
            Counts, in the unit of those that the field was given.
        locations : (M, 2) array of int
            Row and column of each.

        Raises
        ------
        FieldError
            If they do not fit to the field or are measured already; then nothing has changed.
        """
        counts, places = new_measurements(self._places, spectra, locations)
        if without_counts(counts).any() or len(self._places.unmeasured):
            # Whether such were measured at all, all of their surroundings tell.
            self._begin(with_more(self.field, spectra, locations))
            return
        new = _with_measurements(self._places, counts, places)
        width = new.shape[1]
        at = np.searchsorted(self._places.locations @ (width, 1), new.locations @ (width, 1))
        self._z = np.insert(self._z, at, self._embed(new.spectra), axis=0)
        self._counts = np.insert(self._counts, at, window_counts(new), axis=0)
        both = np.insert(self._places.locations, at, new.locations, axis=0)
        total = np.insert(self._places.total_counts, at, new.total_counts)
        self._waiting.append((counts, places))
        self._connect(_without_spectra(self._places, both, total))

    def segment(self, *, progress: Progress | None = None, **changes: Any) -> Segmentation:
        """Segment the field as it is measured so far, with what is known of it.

        Parameters
        ----------
        progress : Progress, optional
        **changes
            Parameters of `Recipe` that have no say in what is kept: any but ``model`` and ``max_distance``.

        Returns
        -------
        Segmentation
            As `napari_gdls.segment` gives it for `field`.
        """
        recipe = self.recipe.replace(**changes)
        if (recipe.model, recipe.max_distance, recipe.drift == "correct") != (
            self.recipe.model,
            self.recipe.max_distance,
            False,
        ):
            raise RecipeError("a growing field keeps its model, max_distance and drift; begin another one for others.")
        return segment(self.field, recipe, embedding=self._z, graph=self._graph, progress=progress)


def _with_measurements(field: Field, counts: Any, places: npt.NDArray[np.int64]) -> Field:
    """A field of these measurements alone, with counts."""
    return Field(
        field.bse,
        counts,
        places,
        field.energy,
        sampling_distance=field.sampling_distance,
        beam_energy=field.beam_energy,
        valid=field.valid,
        bse_full_scale=field.bse_full_scale,
        gain=1.0,
    )


def _without_spectra(field: Field, locations: npt.NDArray[np.int64], total: npt.NDArray[np.float64]) -> Field:
    """The field with other measurements, of which their places and total counts are known: all that a graph takes."""
    other = copy.copy(field)
    other.__dict__ = {name: value for name, value in vars(field).items() if name not in Field.DERIVED}
    other.locations, other.spectra = locations, np.empty((len(locations), 0), dtype=np.uint8)
    other.__dict__["total_counts"] = total
    return other
