"""The methods of segmentation: one row each. Dock, command line, checks and pipeline are made from this table.

What a method does stands in a module of `napari_gdls.methods`, which its row names and which loads when it runs. So a
new method is a module and a row, and nothing that merely lists methods has to load numba or torch.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from napari_gdls.recipe.parameters import Part


@dataclass(frozen=True)
class Threshold:
    """One of the parameters tau_z, tau_b and significance, as a method uses it: their scales differ by method.

    Attributes
    ----------
    help : str
        One or two sentences.
    default : float, callable or None
        What a recipe that leaves it open gets; a callable takes the number of measurements. None: it is not applied.
    shown : float
        Where a slider stands while nothing is applied, or the number of measurements is not known.
    maximum : float
        Of a slider; larger values stay possible.
    decimals : int
        Of a slider.
    default_text : str
        What the default is, in words, where it is not a number.
    of_edges : bool
        Whether it is compared with delta_b or delta_z of the edges of the graph; otherwise with differences of phases,
        or with another distance.
    advanced : bool
        Whether most users never need it.
    """

    help: str
    default: float | Callable[[int], float] | None
    shown: float
    maximum: float
    decimals: int
    default_text: str = ""
    of_edges: bool = False
    advanced: bool = False

    def default_for(self, n_measurements: int) -> float | None:
        """The default for a field with this many measurements; None if it is not applied."""
        return self.default(n_measurements) if callable(self.default) else self.default

    @property
    def unset(self) -> str:
        """What None stands for: "default" or "off"."""
        return "off" if self.default is None else "default"

    @property
    def default_in_words(self) -> str:
        """The default as text: "0.3", "off", "ln N + 5 for N measurements"."""
        if self.default is None:
            return self.unset
        return self.default_text if callable(self.default) else f"{self.default:g}"


@dataclass(frozen=True)
class Sweep:
    """The parameter that makes a method's segments finer or coarser, and values that span its useful range.

    Attributes
    ----------
    parameter : str
        Of the recipe, or of the method's function.
    values : tuple of float
    """

    parameter: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class PixelLabelling:
    """A way in which pixels get the labels of the measurements.

    Attributes
    ----------
    title, help : str
    gives_confidence : bool
        Whether it tells how probable each pixel's label is.
    """

    title: str
    help: str
    gives_confidence: bool


@dataclass(frozen=True, eq=False)
class Method:
    """A row of the table of methods.

    Attributes
    ----------
    title : str
        For a list.
    help : str
        What it does, in a sentence.
    runs : str
        "module:function" that segments a prepared field; see `napari_gdls.methods.contract.Prepared`. Or, where
        `needs_graph` is false, one from a field to labels (H, W).
    parts : set of str
        Parts of the chain that it consists of, and whose parameters it has; see `napari_gdls.recipe.Parameter`.
    thresholds : mapping of str to Threshold
        By parameter of the recipe.
    labels_measurements : str
        "module:function" that segments the measurements, before the pixels; "": it does not work in these two steps.
    needs_graph : bool
        Whether it works on the measurement graph, or the embedded spectra at least.
    makes_phases : bool
        Whether it groups segments to phases.
    keeps_constraints : bool
        Whether links, cuts and fixed measurements can be given to it.
    labelling : str or None
        Row of `LABELLINGS` that it takes if the recipe leaves it open; None: it labels the pixels in a way of its own.
    sweep : Sweep or None
        None: there is no one parameter to sweep.
    """

    title: str
    help: str
    runs: str
    parts: frozenset[Part] = frozenset({"run"})
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    labels_measurements: str = ""
    needs_graph: bool = True
    makes_phases: bool = False
    keeps_constraints: bool = False
    labelling: str | None = None
    sweep: Sweep | None = None

    def load(self) -> Callable[..., Any]:
        """The function that `runs` names."""
        return _loaded(self.runs)

    def load_measurement_step(self) -> Callable[..., Any]:
        """The function that `labels_measurements` names."""
        return _loaded(self.labels_measurements)


def _loaded(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def default_significance(n_measurements: int) -> float:
    """How sure a border must be where nothing else is said: ln n + 5 for n measurements.

    The merge tree of n measurements makes n - 1 comparisons, so exp(-5), less than one in a hundred, bounds the chance
    of a single false border in a whole field if the error were exp(-x) in each (Bonferroni). The benchmark fields have
    a few, since the statistic is not quite that of one comparison; see `napari_gdls.graph.merging`.
    """
    return math.log(max(n_measurements, 1)) + 5.0


LABELLINGS: Mapping[str, PixelLabelling] = MappingProxyType(
    {
        "local": PixelLabelling("labels nearby", "random walker among the labels nearby, with a confidence", True),
        "walker": PixelLabelling("all labels", "one random walker among all labels (paper, section 3.7)", False),
    }
)
"""How pixels between measurements get their labels."""

_ON_THE_GRAPH: frozenset[Part] = frozenset({"run", "embedding", "graph", "walker", "pixels"})

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "merge": Method(
            "Merge tree and phases (default)",
            "Merges neighbouring regions while their summed spectra and BSE agree, then groups the regions to phases.",
            "napari_gdls.methods.merging:run",
            _ON_THE_GRAPH | {"phases"},
            {
                # Chosen on the 22 benchmark fields of docs/comparison.md: plagioclases 5 mol % anorthite apart.
                "tau_z": Threshold(
                    "Smallest difference of two phases, without noise. Larger: fewer phases.", 0.3, 0.3, 3.0, 2
                ),
                "significance": Threshold(
                    "How sure a border must be: x, for a probability of error of exp(-x) in one comparison. Larger: "
                    "fewer borders by chance.",
                    default_significance,
                    14.0,  # of 8,000 measurements
                    60.0,
                    1,
                    default_text="ln N + 5 for N measurements",
                    advanced=True,
                ),
                "tau_b": Threshold(
                    "Phases whose mean BSE differs by more, as a fraction of the full scale, stay apart even where "
                    "their spectra agree. Off: BSE alone makes no phases.",
                    None,
                    0.05,
                    0.3,
                    3,
                    advanced=True,
                ),
            },
            labels_measurements="napari_gdls.methods.merging:label",
            makes_phases=True,
            keeps_constraints=True,
            labelling="local",
            sweep=Sweep("tau_z", (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2)),
        ),
        "threshold": Method(
            "Thresholds (paper)",
            "Cuts every edge of the measurement graph above a threshold; what stays connected is a segment.",
            "napari_gdls.methods.thresholds:run",
            _ON_THE_GRAPH,
            {
                # A choice: the paper gives no value for its own tau_b. 0.05 is 3,277 of 65,536 grey values.
                "tau_b": Threshold(
                    "Largest step in BSE, delta_b, between neighbouring measurements of one segment, as a fraction of "
                    "the full scale.",
                    0.05,
                    0.05,
                    0.3,
                    3,
                    of_edges=True,
                ),
                "tau_z": Threshold(
                    "Largest spectral distance, delta_z, of neighbouring measurements in one segment; 1 cuts 5 % of "
                    "the edges inside a mineral. Larger: fewer, larger segments.",
                    1.0,
                    1.0,
                    5.0,
                    2,
                    of_edges=True,
                ),
            },
            labels_measurements="napari_gdls.methods.thresholds:label",
            keeps_constraints=True,
            labelling="walker",
            sweep=Sweep("tau_z", (0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 6.0)),
        ),
        "published": Method(
            "Paper's program",
            "Edges, thresholds and pixel labels as the program published with the paper makes them.",
            "napari_gdls.methods.published.chain:run",
            frozenset({"run", "embedding", "walker"}),
            {
                # The middle ones of `napari_gdls.methods.published.measurements.PUBLISHED_TAU_B` and `..._Z`.
                "tau_b": Threshold(
                    "Step in BSE from which on neighbours are of different segments, as a fraction of the full scale.",
                    0.4,
                    0.4,
                    1.0,
                    2,
                    of_edges=True,
                ),
                "tau_z": Threshold(
                    "Distance of two embedded spectra (0 to 2) from which on neighbours are of different segments. Not "
                    "on the scale of the other methods: noise is not taken into account.",
                    0.5,
                    0.5,
                    2.0,
                    2,
                ),
            },
            labels_measurements="napari_gdls.methods.published.chain:label",
        ),
        "watershed": Method(
            "Watershed (TIMA)",
            "Floods the gradient of BSE and element maps together, as TIMA does.",
            "napari_gdls.methods.baselines.multichannel_watershed:watershed",
            needs_graph=False,
            sweep=Sweep("h", (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)),
        ),
        "bse_only": Method(
            "BSE only (MLA, AMICS)",
            "Cuts the BSE image alone into even regions, as MLA and AMICS do.",
            "napari_gdls.methods.baselines.grey_regions:bse_only",
            needs_graph=False,
            sweep=Sweep("tolerance", (0.002, 0.003, 0.005, 0.007, 0.01, 0.02, 0.03, 0.05)),
        ),
        "pixelwise": Method(
            "Per measurement (QEMSCAN)",
            "Names every measurement by itself and joins neighbours of one name, as QEMSCAN does.",
            "napari_gdls.methods.baselines.pixel_classes:pixelwise",
            needs_graph=False,
        ),
        "bse_ranges": Method(
            "BSE ranges (Mineralogic)",
            "Cuts the BSE image by ranges of grey and names the pieces by their spectra, as Mineralogic does.",
            "napari_gdls.methods.baselines.grey_ranges:bse_ranges",
            needs_graph=False,
        ),
    }
)
"""Every method by its name; the first is the default."""
