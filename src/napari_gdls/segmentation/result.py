"""The result of a segmentation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_whole_number
from napari_gdls.embedding import Calibration
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.graph import MeasurementGraph
from napari_gdls.graph.components import components_kept_apart
from napari_gdls.graph.construction import touching_labels
from napari_gdls.graph.merging import MergeTree, expected_false_borders
from napari_gdls.labelling.local_walker import PixelTask
from napari_gdls.phases.constraints import Constraints
from napari_gdls.phases.measurement_phases import MeasurementPhases
from napari_gdls.phases.merge_candidates import PhaseMerge, phase_merges
from napari_gdls.phases.modal import Modal, modal_composition
from napari_gdls.recipe import NamedPlace, Recipe
from napari_gdls.recipe.named_places import checked_name
from napari_gdls.segmentation.colours import phase_colours
from napari_gdls.segmentation.names import UNNAMED, PhaseName, merged_names, titles_of, with_those_by_hand
from napari_gdls.segmentation.places import place_of_phase, without_places_in
from napari_gdls.segmentation.tables import segment_table
from napari_gdls.spectra import Drift


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What `segment` found.

    Attributes
    ----------
    labels : (H, W) array of int32
        Segment of every pixel, counted from 1; 0 is invalid or beyond reach of every measurement.
    measurement_labels : (N,) array of int64
        Segment of every measurement, counted from 0: segment k is label k + 1.
    phases : (K,) array of int64
        Phase of each segment, counted from 0; where the method made no phases (`has_phases`), each is its own.
    graph : MeasurementGraph
    embedding : (N, d) array of float32
        Unit vector of every spectrum.
    recipe : Recipe
        All parameters, so that the run can be repeated exactly; model and thresholds as they were used, where the
        given recipe left them to the defaults.
    timings : dict of str to float
        Seconds that each stage took; 0 for stages whose result was given, or that the method does not have.
    field : Field
        What was segmented.
    drift : Drift or None
        Drift of the energy calibration; None where it was not measured or there are no lines to measure it by.
    calibration : Calibration or None
        Scale of delta_z.
    confidence : (H, W) array of float32 or None
        Probability of the phase of every pixel, 0 where the label is 0; None where the method gives none.
    tree : MergeTree or None
        Of methods that build one.
    measurement_phases : MeasurementPhases or None
        Of methods that make phases: phase, second phase and fraction of mixed measurements, confidence.
    constraints : Constraints
        That the segments keep.
    merged_from : Segmentation or None
        Result of the run whose phases have been taken together here; None for the result of a run itself.
    uncorrected : Segmentation or None
        Result that the corrections of the recipe have been done to; None where there are none.
    phases_before : (Q,) array of int64 or None
        What has become of each phase of `uncorrected`: its number here, -1 where no measurement has it any more. None
        where there are no corrections.
    pixel_task : PixelTask or None
        What the labels of the pixels were judged by, so that corrections solve again only what they touch.
    names : tuple of PhaseName
        Name of each phase; () where nobody has named them.
    colours_by_hand : tuple of (int, (float, float, float))
        Colours of phases, from 0, in place of those by their composition; see `recoloured`.
    """

    labels: npt.NDArray[np.int32]
    measurement_labels: npt.NDArray[np.int64]
    phases: npt.NDArray[np.int64]
    graph: MeasurementGraph
    embedding: npt.NDArray[np.float32]
    recipe: Recipe
    field: Field
    timings: dict[str, float] = dataclass_field(default_factory=dict)
    drift: Drift | None = None
    calibration: Calibration | None = None
    confidence: npt.NDArray[np.float32] | None = None
    tree: MergeTree | None = None
    measurement_phases: MeasurementPhases | None = None
    constraints: Constraints = dataclass_field(default_factory=Constraints)
    merged_from: Segmentation | None = None
    uncorrected: Segmentation | None = None
    phases_before: npt.NDArray[np.int64] | None = None
    pixel_task: PixelTask | None = None
    names: tuple[PhaseName, ...] = ()
    colours_by_hand: tuple[tuple[int, tuple[float, float, float]], ...] = ()

    @property
    def n_segments(self) -> int:
        """Number of segments, K."""
        return len(self.phases)

    @property
    def has_phases(self) -> bool:
        """Whether the method grouped segments to phases."""
        return self.measurement_phases is not None

    @property
    def n_phases(self) -> int:
        """Number of phases; some may have measurements but no segment, where `smallest` left none of theirs."""
        return self.n_segments if self.measurement_phases is None else self.measurement_phases.n_phases

    def spectra(self) -> npt.NDArray[np.float64]:
        """Cumulative spectrum of every segment, (K, D) counts on the energy axis of the field."""
        return self.field.summed_spectra(self.measurement_labels)

    def segment_table(self) -> dict[str, npt.NDArray[Any]]:
        """Table of the segments, with phase and mean confidence where they are known; see `segment_table`."""
        return segment_table(
            self.labels,
            self.field,
            self.measurement_labels,
            phases=self.phases if self.has_phases else None,
            names=[name.name for name in self.names] or None,
            confidence=self.confidence,
        )

    def phase_map(self) -> npt.NDArray[np.int32]:
        """Phase of every pixel counted from 1, (H, W); 0 where the label is 0."""
        return np.concatenate([[0], self.phases + 1])[self.labels].astype(np.int32)

    @cached_property
    def phase_colours(self) -> npt.NDArray[np.float64]:
        """Colour of every phase, (P, 3) sRGB, 0 to 1; see `napari_gdls.segmentation.colours`.

        Raises
        ------
        RecipeError
            If the method made no phases.
        """
        colours = phase_colours(self)
        for phase, colour in self.colours_by_hand:
            colours[phase] = colour
        return colours

    def recoloured(self, colours: Mapping[int, tuple[float, float, float]]) -> Segmentation:
        """The segmentation with these colours by hand, and no others.

        Parameters
        ----------
        colours : mapping of int to (float, float, float)
            sRGB, 0 to 1, by phase from 0.

        Raises
        ------
        RecipeError
            If there is no such phase, a colour is none, or the method made no phases.
        """
        for phase, colour in colours.items():
            checked_whole_number("phase", phase, 0, self.grouped.n_phases - 1)
            if len(colour) != 3 or not all(0 <= part <= 1 for part in colour):
                raise RecipeError(f"the colour of phase {phase + 1} is {colour}; three parts from 0 to 1 are needed.")
        return dataclasses.replace(self, colours_by_hand=tuple(sorted(colours.items())))

    @cached_property
    def modal(self) -> Modal:
        """Modal composition, in percent of the measured area, with its counting error.

        Raises
        ------
        RecipeError
            If the method made no phases.
        """
        return modal_composition(self.grouped)

    @cached_property
    def merges(self) -> tuple[PhaseMerge, ...]:
        """Phases that could be one, those that differ least first, with how much and how surely they differ.

        Raises
        ------
        RecipeError
            If the method made no phases.
        """
        grouped = self.grouped
        return phase_merges(grouped.pool, grouped.scale)

    @property
    def expected_false_borders(self) -> float:
        """Borders of the merge tree at this significance that are expected to be by chance.

        Raises
        ------
        RecipeError
            If the method has no significance.
        """
        n_measurements = len(self.grouped.labels)
        assert self.recipe.significance is not None
        return expected_false_borders(n_measurements, self.recipe.significance)

    def with_phases_merged(self, group: npt.ArrayLike) -> Segmentation:
        """Take some phases together, and segments of one phase that touch.

        Parameters
        ----------
        group : (P,) array of int
            New phase of each phase, 0 or more; equal ones become one.

        Returns
        -------
        Segmentation

        Raises
        ------
        RecipeError
            If there is not one number for every phase, the method made no phases, or corrections have been done.
        """
        grouped = self.grouped
        self._require_uncorrected()
        wanted = np.asarray(group)
        if wanted.shape != (grouped.n_phases,) or wanted.dtype.kind not in "ui" or wanted.min(initial=0) < 0:
            raise RecipeError(
                f"merging phases needs one number of 0 or more for each of the {grouped.n_phases} phases."
            )
        number = np.unique(wanted, return_inverse=True)[1].astype(np.int64)
        phases = number[self.phases]
        touching = touching_labels(self.labels, self.labels > 0) - 1
        alike = phases[touching[:, 0]] == phases[touching[:, 1]]
        segment = components_kept_apart(touching[alike], self.constraints.segments_apart(self.labels), self.n_segments)
        first = np.unique(segment, return_index=True)[1]
        lookup = np.concatenate([[0], segment + 1]).astype(np.int32)
        return dataclasses.replace(
            self,
            labels=lookup[self.labels],
            measurement_labels=segment[self.measurement_labels],
            phases=phases[first],
            measurement_phases=grouped.merged(number),
            merged_from=self.merged_from or self,
            names=merged_names(self.names, number, np.bincount(grouped.labels, minlength=grouped.n_phases)),
            colours_by_hand=(),
        )

    def coarsened(self, tau_z: float) -> Segmentation:
        """The segmentation with all phases merged that differ by no more than a larger tau_z.

        Takes milliseconds, unlike a new run, which would also look at the measurements anew.

        Raises
        ------
        RecipeError
            If the method made no phases, or corrections have been done.
        """
        group = np.arange(self.grouped.n_phases)
        self._require_uncorrected()
        for merge in self.merges:
            if merge.difference > tau_z:
                break
            group[list(merge.first + merge.second)] = min(merge.first + merge.second)
        merged = self.with_phases_merged(group)
        return dataclasses.replace(merged, recipe=self.recipe.replace(tau_z=tau_z))

    def _require_uncorrected(self) -> None:
        if self.uncorrected is not None:
            raise RecipeError(
                "phases are merged before corrections are done: correct(result.uncorrected.coarsened(...), "
                "result.recipe.corrections), or add a MergePhases to these."
            )

    def with_names(self, names: Sequence[PhaseName]) -> Segmentation:
        """The segmentation with other names of its phases, but for those given by hand.

        A name by hand stays, with what is new as its `PhaseName.measured`; `renamed` changes it.

        Parameters
        ----------
        names : sequence of P PhaseName, or of none
            By phase. None: nobody has named them.

        Raises
        ------
        RecipeError
            If there is not one name for every phase, or the method made no phases.
        """
        if len(names) not in (0, self.grouped.n_phases):
            raise RecipeError(f"{len(names)} names for {self.n_phases} phases; one for each is needed, or none.")
        return dataclasses.replace(self, names=with_those_by_hand(names, self.names))

    def renamed(self, phase: int, name: str) -> Segmentation:
        """The segmentation with a name by hand, which its recipe keeps, so that further runs have it.

        The recipe names a place deep inside the phase (`place_of_phase`), since phases have other numbers in another
        run.

        Parameters
        ----------
        phase : int
            From 0.
        name : str
            "": none by hand any more; the measured one comes back where there is one.

        Raises
        ------
        RecipeError
            If there is no such phase, the name cannot be one, or the method made no phases.
        """
        place = place_of_phase(self, phase)
        text = checked_name(name) if name.strip() else ""
        places = without_places_in(self, phase) + ((NamedPlace(*place, text),) if text else ())
        names = list(self.names or [UNNAMED] * self.n_phases)
        names[phase] = names[phase].called(text)
        return dataclasses.replace(
            self,
            recipe=self.recipe.replace(names=places),
            names=tuple(names) if any(each.name for each in names) else (),
        )

    @property
    def phase_titles(self) -> tuple[str, ...]:
        """What each phase is called, all different: "quartz", "plagioclase 1", "plagioclase 2", "phase 5".

        Raises
        ------
        RecipeError
            If the method made no phases.
        """
        return titles_of(self.names or [UNNAMED] * self.grouped.n_phases)

    @property
    def grouped(self) -> MeasurementPhases:
        """Phases of the measurements.

        Raises
        ------
        RecipeError
            If the method made no phases.
        """
        if self.measurement_phases is None:
            raise RecipeError(f"the method {self.recipe.method!r} makes no phases; 'merge' does.")
        return self.measurement_phases

    def __repr__(self) -> str:
        height, width = self.labels.shape
        title = f" of {self.field.name!r}" if self.field.name else ""
        phases = f" of {self.n_phases} phases" if self.has_phases else ""
        return (
            f"<Segmentation{title}: {height} x {width} px, {self.n_segments:,} segments{phases} ({self.recipe.method})>"
        )
