"""The methods of segmentation as the dock offers them: their names, and which parameters each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from napari_gdls.graph.components import DEFAULT_TAU_B
from napari_gdls.graph.components import DEFAULT_TAU_Z as THRESHOLD_TAU_Z
from napari_gdls.methods.published.measurements import PUBLISHED_TAU_B, PUBLISHED_TAU_Z
from napari_gdls.phases.find import DEFAULT_TAU_Z as MERGE_TAU_Z
from napari_gdls.recipe import Recipe


@dataclass(frozen=True)
class ThresholdRange:
    """What the slider of a threshold needs.

    Parameters
    ----------
    default : float
        Where the slider stands when the recipe has None.
    maximum : float
    decimals : int
    explanation : str
        One or two sentences.
    without : str
        What None means, as the text of a tick box: "default", or "off".
    advanced : bool
        Shown under "More".
    """

    default: float
    maximum: float
    decimals: int
    explanation: str
    without: str = "default"
    advanced: bool = False


@dataclass(frozen=True, eq=False)
class MethodChoice:
    """One entry of the list of methods.

    Parameters
    ----------
    title : str
    method : str
        One of `napari_gdls.recipe.METHODS`.
    explanation : str
        What it does, in words.
    thresholds : mapping
        Name of a recipe's parameter -> its range.
    parameters : set of str
        Other parameters that the method has.
    labelling : str, optional
        Given where the choice is one of labelling rather than of method.
    """

    title: str
    method: str
    explanation: str
    thresholds: Mapping[str, ThresholdRange] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    labelling: str | None = None

    @property
    def keeps_constraints(self) -> bool:
        """Whether links, cuts and fixed measurements can be given to it."""
        return self.method in ("merge", "threshold") and self.labelling is None


_GRAPH_PARAMETERS = frozenset({"model", "calibration", "drift", "max_distance", "reach", "labelling"})
_NO_PARAMETERS = " Has its own constants; there is nothing to set here."

METHOD_CHOICES = (
    MethodChoice(
        "Merge tree and phases (default)",
        "merge",
        "Merges neighbouring regions while their summed spectra and BSE agree, then groups the regions to phases.",
        {
            "tau_z": ThresholdRange(
                MERGE_TAU_Z,
                3.0,
                2,
                "Smallest difference of two phases, without noise. Larger: fewer phases. After a run, larger values "
                "show their result at once.",
            ),
            "significance": ThresholdRange(
                14.0,
                60.0,
                1,
                "How sure a border must be: x, for a probability of error of exp(-x) in one comparison. Larger: fewer "
                "borders by chance. The default depends on the number of measurements.",
                advanced=True,
            ),
            "tau_b": ThresholdRange(
                DEFAULT_TAU_B,
                0.3,
                3,
                "Phases whose mean BSE differs by more, as a fraction of the full scale, stay apart even where their "
                "spectra agree. Off: BSE alone makes no phases.",
                without="off",
                advanced=True,
            ),
        },
        _GRAPH_PARAMETERS | {"smallest", "intergrowths"},
    ),
    MethodChoice(
        "Thresholds (paper)",
        "threshold",
        "Cuts every edge of the measurement graph above a threshold; what stays connected is a segment.",
        {
            "tau_b": ThresholdRange(
                DEFAULT_TAU_B,
                0.3,
                3,
                "Largest step in BSE between neighbouring measurements of one segment, as a fraction of the full "
                "scale.",
            ),
            "tau_z": ThresholdRange(
                THRESHOLD_TAU_Z,
                5.0,
                2,
                "Largest spectral distance between neighbouring measurements of one segment; 1 cuts 5 % of the edges "
                "inside a mineral. Larger: fewer, larger segments.",
            ),
        },
        _GRAPH_PARAMETERS,
    ),
    MethodChoice(
        "Paper's program",
        "threshold",
        "Edges, thresholds and pixel labels as the program published with the paper makes them.",
        {
            "tau_b": ThresholdRange(
                PUBLISHED_TAU_B[2],
                1.0,
                2,
                "Step in BSE from which on neighbours are of different segments, as a fraction of the full scale.",
            ),
            "tau_z": ThresholdRange(
                PUBLISHED_TAU_Z[2],
                2.0,
                2,
                "Distance of two embedded spectra (0 to 2) from which on neighbours are of different segments. Not on "
                "the scale of the other methods: noise is not taken into account.",
            ),
        },
        frozenset({"model", "drift"}),
        labelling="paper",
    ),
    MethodChoice(
        "Watershed (TIMA)",
        "watershed",
        "Floods the gradient of BSE and element maps together, as TIMA does." + _NO_PARAMETERS,
    ),
    MethodChoice(
        "BSE only (MLA, AMICS)",
        "bse_only",
        "Cuts the BSE image alone into even regions, as MLA and AMICS do." + _NO_PARAMETERS,
    ),
    MethodChoice(
        "Per measurement (QEMSCAN)",
        "pixelwise",
        "Names every measurement by itself and joins neighbours of one name, as QEMSCAN does." + _NO_PARAMETERS,
    ),
    MethodChoice(
        "BSE ranges (Mineralogic)",
        "bse_ranges",
        "Cuts the BSE image by ranges of grey and names the pieces by their spectra, as Mineralogic does."
        + _NO_PARAMETERS,
    ),
)


def choice_of(recipe: Recipe) -> MethodChoice:
    """The entry of the list that a recipe belongs to."""
    paper = "paper" if recipe.labelling == "paper" else None
    return next(choice for choice in METHOD_CHOICES if (choice.method, choice.labelling) == (recipe.method, paper))
