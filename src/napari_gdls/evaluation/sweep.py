"""Scores over the parameter of a method: the curves of the paper's figures 8 and 9."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import GdlsError, OutputError, RecipeError
from napari_gdls.evaluation.scores import Scores, evaluate
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import METHODS, Recipe
from napari_gdls.recipe import Sweep as MethodSweep

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.graph.measurement_graph import MeasurementGraph

Method = Callable[[float], npt.ArrayLike]
"""From the value of a parameter to labels (H, W)."""

CURVES = MappingProxyType(
    {
        "asa": "ASA",
        "ue": "undersegmentation error",
        "precision": "boundary precision",
        "recall": "boundary recall",
        "f1": "boundary F",
    }
)
"""Scores that `Sweep.plot` shows over the number of segments, with their titles."""


SWEEPS: Mapping[str, MethodSweep] = MappingProxyType(
    {name: row.sweep for name, row in METHODS.items() if row.sweep is not None}
)
"""By method, those of `napari_gdls.recipe.METHODS` that have one parameter to sweep, and its usual values."""


@dataclass(frozen=True)
class SweepPoint:
    """One run of a sweep.

    Attributes
    ----------
    method, parameter : str
    value : float
        Of the parameter.
    seconds : float
        That the segmentation took, without what the runs share: embedding and graph.
    scores : Scores
    """

    method: str
    parameter: str
    value: float
    seconds: float
    scores: Scores


@dataclass(frozen=True)
class Sweep:
    """Scores of methods over their parameters; `sweep` and `sweep_field` make it.

    Attributes
    ----------
    points : tuple of SweepPoint
        By method, then in the order of the values.
    """

    points: tuple[SweepPoint, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, in the order of the points."""
        return tuple(dict.fromkeys(point.method for point in self.points))

    def of(self, method: str) -> tuple[SweepPoint, ...]:
        """Points of one method.

        Raises
        ------
        GdlsError
            If there are none.
        """
        points = tuple(point for point in self.points if point.method == method)
        if not points:
            raise GdlsError(f"the sweep holds no method {method!r}; it holds {', '.join(self.methods)}.")
        return points

    def best(self, method: str, score: str = "f1") -> SweepPoint:
        """Point of a method with the highest value of a score (see `Scores`); the first of equal ones."""
        return max(self.of(method), key=lambda point: float(getattr(point.scores, score)))

    def table(self) -> dict[str, npt.NDArray[Any]]:
        """One array per column, one row per point: method, parameter, value, seconds, and all scores by name."""
        columns: dict[str, npt.NDArray[Any]] = {
            name: np.array([getattr(point, name) for point in self.points])
            for name in ("method", "parameter", "value", "seconds")
        }
        scores = [point.scores.to_dict() for point in self.points]
        return columns | {name: np.array([each[name] for each in scores]) for name in scores[0]}

    def to_csv(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write `table` as a CSV file.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        from napari_gdls.io import write_table

        write_table(path, self.table(), overwrite=overwrite)

    def plot(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Draw the scores over the number of segments K, a panel for each of `CURVES` and a line for each method.

        A circle marks the best F of each method, a dotted line the number of segments of the truth. Curves of a better
        method lie further up (UE: down) at the same K.

        Parameters
        ----------
        path : path-like
            .png, .svg or .pdf.
        overwrite : bool

        Raises
        ------
        OutputError
            If the ending is another one, or the file cannot be written.
        GdlsError
            If matplotlib is not installed.
        """
        from napari_gdls.io.atomic import write_bytes

        kind = Path(path).suffix.lower().removeprefix(".")
        if kind not in ("png", "svg", "pdf"):
            raise OutputError(
                f"{os.fspath(path)}: curves are drawn as NAME.png, NAME.svg or NAME.pdf; give one of these."
            )
        figure = self._figure()
        drawn = io.BytesIO()
        figure.savefig(drawn, format=kind, dpi=150)
        write_bytes(path, drawn.getvalue(), overwrite=overwrite)

    def _figure(self) -> Any:
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise GdlsError(
                "curves are drawn with matplotlib, which is not installed: pip install 'napari-gdls[report]'."
            ) from None
        figure = Figure(figsize=(3.1 * len(CURVES), 3.6), layout="constrained")
        panels = figure.subplots(1, len(CURVES))
        for panel, (name, title) in zip(panels, CURVES.items(), strict=True):
            for method in self.methods:
                points = self.of(method)
                best = self.best(method)
                k, score = ([getattr(point.scores, each) for point in points] for each in ("n_segments", name))
                (line,) = panel.plot(k, score, ".-", label=f"{method} ({best.parameter})")
                panel.plot(
                    best.scores.n_segments, getattr(best.scores, name), "o", mfc="none", ms=9, color=line.get_color()
                )
            panel.axvline(self.points[0].scores.n_truth, color="0.5", ls=":", lw=1)
            panel.set(xscale="log", xlabel="segments K", title=title)
            panel.grid(alpha=0.3)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(self.methods))
        return figure


def sweep(
    methods: Mapping[str, Method],
    truth: npt.ArrayLike,
    values: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    parameters: str | Mapping[str, str] = "parameter",
    tolerance: int | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Score methods at every value of their parameter (paper, figures 8 and 9).

    Parameters
    ----------
    methods : map of str to callable
        By name, functions from the value to labels (H, W).
    truth : (H, W) array of int
        0 = invalid.
    values : sequence of float, or map of str to sequence of float
        For all methods, or for each.
    parameters : str, or map of str to str
        What the parameter is called, likewise.
    tolerance : int, optional
        Of boundaries, in px; see `evaluate`.
    progress : Progress, optional

    Returns
    -------
    Sweep

    Raises
    ------
    GdlsError
        If there is nothing to run, or labels and truth cannot be compared.
    Cancelled
        If `progress` asks for it.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.measure import label
    >>> image = np.kron([[10, 20], [30, 60]], np.ones((8, 8), int))
    >>> by_step = lambda step: label(image // step, background=-1)
    >>> [point.scores.n_segments for point in sweep({"steps": by_step}, image, [10, 25, 100]).points]
    [4, 3, 1]
    """
    planned = [(name, value) for name in methods for value in (values[name] if isinstance(values, Mapping) else values)]
    if not planned:
        raise GdlsError("a sweep needs at least one method and one value of its parameter.")
    report = progress or silent
    points = []
    for done, (name, value) in enumerate(planned):
        report("sweep", done / len(planned))
        start = time.perf_counter()
        labels = methods[name](value)
        seconds = time.perf_counter() - start
        parameter = parameters if isinstance(parameters, str) else parameters[name]
        scores = evaluate(labels, truth, tolerance=tolerance)
        points.append(SweepPoint(name, parameter, float(value), seconds, scores))
    report("sweep", 1.0)
    return Sweep(tuple(points))


def sweep_field(
    field: Field,
    truth: npt.ArrayLike,
    methods: Iterable[str] = ("merge", "threshold", "watershed"),
    *,
    values: Mapping[str, Sequence[float]] | None = None,
    recipe: Recipe | None = None,
    embedding: npt.NDArray[np.float32] | None = None,
    graph: MeasurementGraph | None = None,
    tolerance: int | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Score segmentations of a field at every value of each method's own parameter.

    The spectra are embedded once and the graph is built once, for all runs.

    Parameters
    ----------
    field : Field
    truth : (H, W) array of int
        0 = invalid.
    methods : iterable of str
        Names from `SWEEPS`: "merge" and "threshold" over tau_z, "watershed" over h, "bse_only" over tolerance.
    values : map of str to sequence of float, optional
        Values for some of the methods. Others: those of `SWEEPS`.
    recipe : Recipe, optional
        All other parameters of "merge" and "threshold". None: the defaults.
    embedding, graph : optional
        Results of an earlier run; see `napari_gdls.segment`.
    tolerance : int, optional
        Of boundaries, in px; see `evaluate`.
    progress : Progress, optional

    Returns
    -------
    Sweep

    Raises
    ------
    RecipeError
        If a method is not known or a value out of range.
    GdlsError
        If truth and field are not of one shape.
    Cancelled
        If `progress` asks for it.

    Examples
    --------
    >>> import napari_gdls as gdls
    >>> field = gdls.sample_field("synthetic")
    >>> curves = sweep_field(field, field.metadata["truth"])  # doctest: +SKIP
    >>> curves.plot("curves.png")  # doctest: +SKIP
    """
    reference = np.asarray(truth)
    if reference.shape != field.shape:
        raise GdlsError(f"truth has shape {reference.shape} and the field {field.shape}; they must be the same image.")
    names = tuple(dict.fromkeys(methods))
    given = dict(values or {})
    for name in (*names, *given):
        if name not in SWEEPS:
            raise RecipeError(f"method {name!r} cannot be swept; choose from {', '.join(SWEEPS)}.")
    report = _Heard(progress or silent)
    chain = _Chain(field, recipe, embedding, graph, report)
    return sweep(
        {name: _runner(name, field, chain, report) for name in names},
        reference,
        {name: given.get(name, SWEEPS[name].values) for name in names},
        parameters={name: SWEEPS[name].parameter for name in names},
        tolerance=tolerance,
        progress=report,
    )


class _Heard:
    """Progress of the whole sweep; that of single runs only gives the chance to cancel."""

    def __init__(self, report: Progress) -> None:
        self._report = report
        self._fraction = 0.0

    def __call__(self, stage: str, fraction: float, /) -> None:
        if stage == "sweep":
            self._fraction = fraction
        self._report("sweep", self._fraction)


class _Chain:
    """Our own methods, on one embedding and one graph."""

    def __init__(
        self,
        field: Field,
        recipe: Recipe | None,
        embedding: npt.NDArray[np.float32] | None,
        graph: MeasurementGraph | None,
        report: Progress,
    ) -> None:
        self._field = field
        self._recipe = recipe or Recipe()
        self._embedding = embedding
        self._graph = graph
        self._report = report

    def prepare(self, method: str) -> None:
        """Embed the spectra and build the graph, if no run has done so."""
        if self._graph is None:
            self.labels(method, SWEEPS[method].values[-1])

    def labels(self, method: str, value: float) -> npt.NDArray[np.int32]:
        from napari_gdls.pipeline import segment

        changes: dict[str, Any] = {"method": method, SWEEPS[method].parameter: value}
        recipe = self._recipe.replace(**changes)
        result = segment(self._field, recipe, embedding=self._embedding, graph=self._graph, progress=self._report)
        self._embedding, self._graph = result.embedding, result.graph
        labels: npt.NDArray[np.int32] = result.labels
        return labels


def _runner(name: str, field: Field, chain: _Chain, report: Progress) -> Method:
    row = METHODS[name]
    if not row.needs_graph:
        function, parameter = row.load(), SWEEPS[name].parameter
        return lambda value: function(field, progress=report, **{parameter: value})
    chain.prepare(name)
    return partial(chain.labels, name)
