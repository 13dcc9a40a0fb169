"""What is known of one open field: its recipe, its results, corrections and names by hand. Plain data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.plugin.edit_history import EditHistory
from napari_gdls.plugin.plot_choice import PlotChoice
from napari_gdls.recipe import Place, Recipe

if TYPE_CHECKING:
    from napari_gdls.embedding import Calibration
    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.mineralogy.phase_table import PhaseTable
    from napari_gdls.segmentation.result import Segmentation


@dataclass(frozen=True, eq=False)
class Result:
    """A segmentation and the colours it is shown in.

    Attributes
    ----------
    segmentation : Segmentation
    phase_colours : (P, 3) array or None
        sRGB, 0 to 1. None if the method made no phases.
    phase_table : dict or None
        From `napari_gdls.segmentation.phase_table`, with these colours; likewise.
    minerals : PhaseTable or None
        What its phases were measured to be; None where nobody has looked.
    """

    segmentation: Segmentation
    phase_colours: npt.NDArray[np.float64] | None
    phase_table: dict[str, npt.NDArray[Any]] | None
    minerals: PhaseTable | None = None

    @cached_property
    def segment_table(self) -> dict[str, npt.NDArray[Any]]:
        """See `Segmentation.segment_table`; computed once."""
        return self.segmentation.segment_table()

    @cached_property
    def partition(self) -> bytes:
        """See `partition_of`."""
        return partition_of(self.segmentation)


def partition_of(segmentation: Segmentation) -> bytes:
    """What tells apart results of one run whose phases are of other measurements; empty without phases.

    What a phase is depends on its measurements alone: results with one partition have the same minerals.
    """
    phases = segmentation.measurement_phases
    return b"" if phases is None else hashlib.blake2b(np.ascontiguousarray(phases.labels).tobytes()).digest()


def same_phases(one: Segmentation, other: Segmentation) -> bool:
    """Whether two results of a run have the same segments and phases, and differ in names at most."""
    return one is other or all(
        a is b or (a is not None and b is not None and np.array_equal(a, b))
        for a, b in zip(_made_of(one), _made_of(other), strict=True)
    )


def _made_of(segmentation: Segmentation) -> tuple[npt.NDArray[Any] | None, ...]:
    found = segmentation.measurement_phases
    return (
        segmentation.labels,
        segmentation.phases,
        segmentation.measurement_labels,
        *((None, None) if found is None else (found.labels, found.partner)),
    )


@dataclass(frozen=True)
class NamingSettings:
    """How the phases of a field are to be named.

    Parameters
    ----------
    wanted : bool
        Whether they are named as soon as there are any.
    library : str
        What they can be: "" for all that is known, the name of a rock type, or the path of a table of minerals; see
        `napari_gdls.mineralogy.naming_library`.
    beam_energy : float or None
        In keV; counts where the field does not say it.
    """

    wanted: bool = True
    library: str = ""
    beam_energy: float | None = None


@dataclass(frozen=True, eq=False)
class Pinned:
    """A spectrum that stays in sight while others are looked at.

    Parameters
    ----------
    title : str
    counts : (D,) array of float64
        Sum of `n_spectra` spectra, on the energy axis of the field.
    n_spectra : int
    colour : (float, float, float)
        sRGB, 0 to 1: that of its phase.
    """

    title: str
    counts: npt.NDArray[np.float64]
    n_spectra: int
    colour: tuple[float, float, float]


@dataclass(eq=False)
class FieldState:
    """What is known of one field while it is open; changed by the methods of `Session` only.

    Attributes
    ----------
    field : Field
    title : str
        Name for lists of fields.
    recipe : Recipe
        What the next run will be asked.
    recipes : dict of str to Recipe
        The last recipe of each method that was tried, by the method.
    asked : Recipe or None
        What the last run was asked, before defaults were spelled out.
    run : Segmentation or None
        What the last run found, before anything was corrected or named by hand.
    tau_z : float
        Phases that differ by no more are shown as one, where it is above that of the run.
    shown : Result or None
        What the layers show: the run at `tau_z`, with all of `history` done to it, and with the names that were
        measured; see `napari_gdls.plugin.derivation`.
    selected_segments : frozenset of int
        Labels, from 1.
    selected_phases : frozenset of int
        Phases of `shown`, from 0.
    selected_measurements : frozenset of int
        Measurements of the field, chosen one by one or by a lasso.
    hidden_phases : frozenset of int
        Phases of `shown`, from 0, that the layers leave out: those that mostly consist of `hidden_measurements`.
    hidden_measurements : (N,) array of bool, or None
        Measurements of the phases that were hidden last, so that the same are hidden in every other result. None: no
        phase has been hidden.
    history : EditHistory
        What was done by hand: corrections and names. `recipe` and `recipes` hold the same.
    pinned : tuple of Pinned
        Spectra that stay in sight.
    marked_elements : tuple of str
        Symbols of the elements whose lines are marked in spectra.
    plot : PlotChoice
        What the dock of plots shows.
    colours : dict of (int, int) to (float, float, float)
        Colours by hand, sRGB from 0 to 1, by the place of a measurement of the phase (`place_of_phase`).
    calibration : Calibration or None
        Scale of delta_z that a run has measured on the field itself.
    naming : NamingSettings
        How phases are to be named.
    minerals : dict of bytes to PhaseTable
        What the phases of results of the last run are, by their partition, as far as it was measured.
    unnamed : frozenset of bytes
        Partitions that are not to be named: the user has cancelled it, or it has failed.
    named : Segmentation or None
        Result of an earlier day, whose measured names hold for phases that are still the same.
    naming_problem : str
        Why naming has failed, "" if it has not.
    """

    field: Field
    title: str
    recipe: Recipe
    recipes: dict[str, Recipe] = dataclass_field(default_factory=dict)
    asked: Recipe | None = None
    run: Segmentation | None = None
    tau_z: float = 0.0
    shown: Result | None = None
    selected_segments: frozenset[int] = frozenset()
    selected_phases: frozenset[int] = frozenset()
    selected_measurements: frozenset[int] = frozenset()
    hidden_phases: frozenset[int] = frozenset()
    hidden_measurements: npt.NDArray[np.bool_] | None = None
    history: EditHistory = dataclass_field(default_factory=EditHistory)
    pinned: tuple[Pinned, ...] = ()
    marked_elements: tuple[str, ...] = ()
    plot: PlotChoice = dataclass_field(default_factory=PlotChoice)
    colours: dict[Place, tuple[float, float, float]] = dataclass_field(default_factory=dict)
    calibration: Calibration | None = None
    naming: NamingSettings = dataclass_field(default_factory=NamingSettings)
    minerals: dict[bytes, PhaseTable] = dataclass_field(default_factory=dict)
    unnamed: frozenset[bytes] = frozenset()
    named: Segmentation | None = None
    naming_problem: str = ""

    @property
    def beam_energy(self) -> float | None:
        """In keV: as the field says it, else as the user does."""
        return self.naming.beam_energy if self.field.beam_energy is None else self.field.beam_energy

    @property
    def to_be_named(self) -> bool:
        """Whether the phases of what is shown are to be named, and can be."""
        shown = self.shown
        return (
            self.naming.wanted
            and self.beam_energy is not None
            and shown is not None
            and shown.segmentation.has_phases
            and shown.partition not in self.minerals
            and shown.partition not in self.unnamed
        )

    def reusable(self, recipe: Recipe) -> tuple[npt.NDArray[np.float32] | None, MeasurementGraph | None]:
        """Embedding and graph of the last run, as far as one with this recipe would make the same."""
        if self.run is None or self.asked is None:
            return None, None
        if any(getattr(self.asked, name) != getattr(recipe, name) for name in ("model", "calibration", "drift")):
            return None, None
        return self.run.embedding, self.run.graph if self.asked.max_distance == recipe.max_distance else None
