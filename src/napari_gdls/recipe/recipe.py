"""The recipe: every parameter of the chain in one object, saved with every result."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from napari_gdls.recipe.corrections import Correction, checked_corrections, saved_corrections
from napari_gdls.recipe.methods import LABELLINGS, METHODS, Method
from napari_gdls.recipe.named_places import NamedPlace, checked_places, saved_places
from napari_gdls.recipe.parameters import Parameter
from napari_gdls.recipe.saved import replaced, saved_values

RECIPE_VERSION = 2
"""Of the JSON text. 1: the authors' chain was the method "threshold" with the labelling "paper". Names by
hand and corrections have come later and stand in it only where there are any, so that programs that do not know them
read all other recipes."""

_READABLE_VERSIONS = (1, 2)  # of the JSON text


def _described(default: Any, parameter: Parameter) -> Any:
    return dataclasses.field(default=default, metadata={"parameter": parameter})


@dataclass(frozen=True)
class Recipe:
    """Parameters of `napari_gdls.segment`, shared by the dock widget, the command line and scripts.

    What each parameter is called, does and may be is said once, with its field (`Recipe.parameters`); command line,
    forms and checks are made from that. Which methods have it, and with which defaults, is said by
    `napari_gdls.recipe.METHODS`.

    Parameters
    ----------
    model : str
        Name of the embedding, or path of a weights file; see `napari_gdls.load_embedding`.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps". "auto" takes a GPU when there is one.
    batch_size : int, optional
        Spectra per batch of the embedding. None: chosen for the device.
    drift : {"report", "ignore", "correct"}
        What to do about drift of the energy calibration over the field: measure it, nothing, or measure it and bring
        all spectra to the calibration of the centre.
    calibration : {"model", "field"}
        Where the scale of delta_z comes from: the embedding (an average over many materials), or the field itself
        (see `napari_gdls.graph.calibrate_on_field`).
    max_distance : float
        Longest edge of the measurement graph, in sampling distances (paper, section 3.6: 2).
    method : str
        How the field is cut into segments: a name of `METHODS`. "merge": merge tree and phases; "threshold": the
        paper's way, components of the graph without edges above the thresholds (section 3.6); "published": as the
        program of the paper's authors does it; the others are those of `napari_gdls.methods.baselines`.
    tau_z : float, optional
        "merge": smallest noise-free difference of two phases, on the scale of delta_z of two spectra of 1,000 counts.
        "threshold": largest delta_z of an edge inside a segment. "published": the same of the bare distance of eq. 2.
        None: the method's default.
    significance : float, optional
        "merge": how sure a border must be, x for a probability of error of exp(-x) in one comparison. None: ln N + 5
        for N measurements.
    tau_b : float, optional
        "merge": phases whose mean BSE differs by more stay apart even where their spectra agree; None: BSE alone makes
        no phases. "threshold", "published": largest delta_b of an edge inside a segment; None: the method's default.
        In parts of the full scale.
    intergrowths : bool
        "merge": areas with grains smaller than the distance of the measurements become one phase each, a fine-grained
        mixture, instead of single measurements of many.
    labelling : {"local", "walker"}, optional
        How pixels get their labels: a name of `LABELLINGS`. None: the method's default.
    beta : float, optional
        How strongly a step in BSE holds back the random walker. None: from the noise of the image; for "published"
        0.01, of ten times the image.
    reach : float
        Pixels further than this from every measurement, in sampling distances, get label 0.
    smallest : int
        "merge": segments of fewer pixels are absorbed by the neighbour that they share the longest border with.
    names : tuple of NamedPlace
        Names given by hand: (row, column, name). After a run the phase of the measurement nearest to that pixel has the
        name. No parameter: it changes nothing of what is found, and has neither option nor form.
    corrections : tuple of Correction
        What was corrected by hand, in order, to be done again after every run; see `napari_gdls.recipe.corrections`.
        For methods that keep constraints. No parameter either.

    Raises
    ------
    RecipeError
        If a value is out of range.
    """

    model: str = _described(
        "default",
        Parameter(str, "Embedding", "Embedding of the spectra: a name, or the path of a weights file.", "embedding"),
    )
    device: str = _described(
        "auto",
        Parameter(
            str,
            "Device",
            "Where the spectra are embedded: auto, cpu, cuda, cuda:1, mps. auto: on a GPU when there is one.",
            "run",
            advanced=False,
        ),
    )
    batch_size: int | None = _described(
        None,
        Parameter(
            int,
            "Batch size",
            "Spectra that are embedded at a time.",
            "run",
            unit="spectra",
            minimum=1,
            maximum=10**9,
            usual=(64, 65_536),
            unset="chosen for the device",
        ),
    )
    drift: str = _described(
        "report",
        Parameter(
            str,
            "Energy drift",
            "Drift of the energy calibration over the field: report it, correct it, or ignore it.",
            "embedding",
            choices=("report", "correct", "ignore"),
        ),
    )
    calibration: str = _described(
        "model",
        Parameter(
            str,
            "Scale of tau_z",
            "Where the scale of delta_z and tau_z comes from: the model of the embedding, or measured on the field "
            "itself.",
            "graph",
            choices=("model", "field"),
        ),
    )
    max_distance: float = _described(
        2.0,
        Parameter(
            float,
            "Longest edge",
            "Longest edge of the measurement graph, in distances between measurements.",
            "graph",
            unit="sampling distances",
            minimum=0.1,  # below the distance of the closest measurements there is no edge at all
            maximum=1e6,
            usual=(0.5, 10.0),
            step=0.5,
        ),
    )
    method: str = _described(
        next(iter(METHODS)),
        Parameter(str, "Method", "How the field is cut into segments.", "run", choices=tuple(METHODS), advanced=False),
    )
    tau_z: float | None = _described(
        None,
        Parameter(
            float, "tau_z (spectra)", "How different spectra must be.", "thresholds", unset="default", advanced=False
        ),
    )
    significance: float | None = _described(
        None,
        Parameter(float, "Significance", "How sure a difference must be.", "thresholds", unset="default"),
    )
    tau_b: float | None = _described(
        None,
        Parameter(float, "tau_b (BSE)", "How different BSE must be.", "thresholds", unset="default", advanced=False),
    )
    intergrowths: bool = _described(
        True,
        Parameter(
            bool,
            "Fine-grained mixtures",
            "Areas with grains smaller than the distance of the measurements become one phase each, a fine-grained "
            "mixture, instead of single measurements of many phases.",
            "phases",
        ),
    )
    labelling: str | None = _described(
        None,
        Parameter(
            str,
            "Pixel labels",
            "How pixels between measurements get their labels. "
            + "; ".join(f"{name}: {row.help}" for name, row in LABELLINGS.items())
            + ".",
            "pixels",
            choices=tuple(LABELLINGS),
            unset="default",
        ),
    )
    beta: float | None = _described(
        None,
        Parameter(
            float,
            "Weight of BSE steps",
            "How strongly a step in BSE holds back the labels of pixels.",
            "walker",
            # Conductances are exp(-beta step^2); one grey value of a 16-bit image then lets exp(-233) pass.
            maximum=1e12,
            usual=(0.0, 1e5),
            step=100.0,
            unset="default",
        ),
    )
    reach: float = _described(
        1.0,
        Parameter(
            float,
            "Reach",
            "Pixels further than this from every measurement stay without a label.",
            "pixels",
            unit="sampling distances",
            positive=True,
            maximum=1e6,
            usual=(0.5, 10.0),
            step=0.5,
        ),
    )
    smallest: int = _described(
        0,
        Parameter(
            int,
            "Smallest segment",
            "Segments of fewer pixels join the neighbour that they share the longest border with.",
            "phases",
            unit="px",
            maximum=2**31 - 1,
            usual=(0, 100_000),
        ),
    )
    names: tuple[NamedPlace, ...] = ()
    corrections: tuple[Correction, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", checked_places(self.names))
        object.__setattr__(self, "corrections", checked_corrections(self.corrections))
        for name, parameter in self.parameters().items():
            parameter.check(name, getattr(self, name))

    @classmethod
    def parameters(cls) -> Mapping[str, Parameter]:
        """What is known of every parameter, by its name, in the order of the fields."""
        return _PARAMETERS

    @classmethod
    def parameters_of(cls, method: str) -> tuple[str, ...]:
        """Names of the parameters that a method of `METHODS` has, but for `method` itself."""
        row = METHODS[method]
        return tuple(
            name
            for name, parameter in _PARAMETERS.items()
            if name != "method" and (parameter.part in row.parts or name in row.thresholds)
        )

    @property
    def method_row(self) -> Method:
        """The row of `METHODS` that the recipe names."""
        return METHODS[self.method]

    @property
    def pixel_labelling(self) -> str | None:
        """Row of `LABELLINGS`, with the method's default filled in; None if it labels pixels in a way of its own."""
        default = self.method_row.labelling
        return default if default is None else self.labelling or default

    @property
    def gives_confidence(self) -> bool:
        """Whether a run tells how probable the label of each pixel is."""
        labelling = self.pixel_labelling
        return labelling is not None and LABELLINGS[labelling].gives_confidence

    def with_defaults(self, n_measurements: int) -> Recipe:
        """The recipe with the thresholds that it leaves open spelled out, for a field with this many measurements."""
        return self.replace(
            **{
                name: threshold.default_for(n_measurements)
                for name, threshold in self.method_row.thresholds.items()
                if getattr(self, name) is None
            }
        )

    def replace(self, **changes: Any) -> Recipe:
        """The recipe with some parameters changed.

        Raises
        ------
        RecipeError
            If a parameter does not exist or a value is out of range.
        """
        return replaced(self, changes)

    def to_json(self) -> str:
        """The recipe as JSON text."""
        values = {name: getattr(self, name) for name in _PARAMETERS}
        by_hand: dict[str, Any] = {}
        if self.names:
            by_hand["names"] = saved_places(self.names)
        if self.corrections:
            by_hand["corrections"] = saved_corrections(self.corrections)
        return json.dumps({"recipe_version": RECIPE_VERSION, **values, **by_hand}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe written by `to_json`.

        Raises
        ------
        RecipeError
            If the text is no JSON object, comes from a later version, or holds unknown or impossible values.
        """
        version, values = saved_values(text, "recipe_version", _READABLE_VERSIONS)
        if version == 1 and values.get("labelling") == "paper":
            values |= {"method": "published", "labelling": None}
        return cls().replace(**values)


_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {each.name: each.metadata["parameter"] for each in dataclasses.fields(Recipe) if "parameter" in each.metadata}
)
