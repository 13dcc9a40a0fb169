"""Pure spectra of overlapping phases from masks of the grains (Chen et al., figure 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, shown
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.overlap.abundances import constrained_shares, regressed_spectra
from napari_gdls.overlap.layout import (
    Layout,
    checked_layout,
    intersections,
    near_and_far,
    pixels_to_sum,
    pure_matrix_pixels,
)
from napari_gdls.overlap.prepared import PreparedMap, prepare_map
from napari_gdls.overlap.separation_arguments import by_grain, checked_masks
from napari_gdls.overlap.shares import Tie, summed, tie_candidates
from napari_gdls.overlap.subtraction import Subtraction, subtract, sums_of_masks
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import one_thread

if TYPE_CHECKING:
    from napari_gdls.overlap.traces import TraceReport

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Ties = Mapping[str, "str | Mapping[str, str]"]


@dataclass(frozen=True, eq=False)
class Separation:
    """Phases of a thin specimen, taken apart.

    Attributes
    ----------
    prepared : PreparedMap
        The field in analysis channels, and the lines in its sum.
    layout : Layout
        The matrix, the grains, and what lies under each.
    presence : dict of str to (H, W) bool
        Where each grain is, intersections included: the masks that were given.
    subtraction : Subtraction
        Sums, shares and spectra by subtraction.
    ties_chosen : dict
        Ties that the user chose, by grain.
    shares_given : dict of str to float
        Shares that the user gave, by grain.
    """

    prepared: PreparedMap
    layout: Layout
    presence: dict[str, BoolArray]
    subtraction: Subtraction
    ties_chosen: dict[str, str | Mapping[str, str]]
    shares_given: dict[str, float]

    @property
    def field(self) -> Field:
        """The field."""
        return self.prepared.field

    @property
    def artefacts(self) -> tuple[str, ...]:
        """Elements that are no part of the specimen."""
        return self.prepared.artefacts

    @property
    def matrix(self) -> str:
        """Name of the matrix."""
        return self.layout.matrix

    @property
    def grains(self) -> tuple[str, ...]:
        """Names of the grains."""
        return self.layout.grains

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all phases, the matrix first."""
        return self.layout.names

    @property
    def under(self) -> dict[str, tuple[str, ...]]:
        """Names of what lies under each grain."""
        return self.layout.under

    @property
    def masks(self) -> dict[str, BoolArray]:
        """Pixels that were summed for each phase, (H, W): without intersections."""
        return self.subtraction.masks

    @property
    def pure_matrix(self) -> BoolArray:
        """Pixels of the matrix alone, (H, W)."""
        return self.subtraction.masks[self.matrix]

    @cached_property
    def intersection(self) -> BoolArray:
        """Pixels of more than one grain, (H, W): left out of the sums."""
        return intersections(self.presence, self.layout)

    @property
    def mask_spectra(self) -> dict[str, FloatArray]:
        """Summed spectrum of each mask, (D,), with what lies under the grain."""
        return self.subtraction.sums

    @property
    def factors(self) -> dict[str, float]:
        """Share of each mask's counts that what lies under the grain gave, 0 to 1."""
        return {grain: share.total for grain, share in self.subtraction.shares.items()}

    @property
    def parts(self) -> dict[str, dict[str, float]]:
        """The same by the phases under each grain."""
        return {grain: dict(share.parts) for grain, share in self.subtraction.shares.items()}

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals of `factors`: counting, shapes of lines and masks; given the ties."""
        return {grain: share.interval for grain, share in self.subtraction.shares.items()}

    @property
    def confirmed(self) -> dict[str, bool]:
        """Whether two elements agree on the share, or the user chose."""
        return {grain: share.confirmed for grain, share in self.subtraction.shares.items()}

    @property
    def reasons(self) -> dict[str, str]:
        """Why each share is confirmed, or not: one sentence."""
        return {grain: share.reason for grain, share in self.subtraction.shares.items()}

    @property
    def ties(self) -> dict[str, tuple[Tie, ...]]:
        """Elements that tell the share of each grain, by rising share."""
        return {grain: share.ties for grain, share in self.subtraction.shares.items()}

    def subtracted(self, grain: str) -> FloatArray:
        """Summed spectrum of a grain less what lies under it, (D,) counts; quick, for a share that is being moved."""
        return self.subtraction.spectra[self._checked(grain, self.names)]

    @cached_property
    @one_thread
    def _shares(self) -> FloatArray:
        """Share of each phase in the counts of each measurement, (N, K)."""
        allowed = np.ones((self.field.n_measurements, len(self.names)), dtype=bool)
        for column, grain in enumerate(self.grains, start=1):
            allowed[:, column] = self.prepared.at_measurements(self.presence[grain])
        binned = self.prepared.binned_spectra(self.subtraction.spectra[name] for name in self.names)
        return constrained_shares(self.prepared.binned, binned, allowed)

    @cached_property
    @one_thread
    def _regression(self) -> tuple[FloatArray, FloatArray]:
        counts = np.asarray(self.prepared.binned.sum(axis=1)).ravel()
        return regressed_spectra(self.field.spectra, self._shares * counts[:, None])

    @cached_property
    def spectra(self) -> dict[str, FloatArray]:
        """Pure spectrum of each phase, (D,): counts that it gave in its mask.

        That of the matrix is its sum. Those of grains are from a regression of all pixels on the counts that each phase
        gave there, so that intersections tell, too: closer to the truth than `subtracted` by a fifth.
        """
        return {
            name: self.subtraction.spectra[name] if scale is None else scale * self._regression[0][k]
            for k, (name, scale) in enumerate(self._scales())
        }

    @cached_property
    def variances(self) -> dict[str, FloatArray]:
        """Variances of `spectra`, (D,), of counting."""
        return {
            name: self.subtraction.variances[name] if scale is None else scale**2 * self._regression[1][k]
            for k, (name, scale) in enumerate(self._scales())
        }

    def _scales(self) -> list[tuple[str, float | None]]:
        """What brings a regressed spectrum to the counts of the mask; none for the matrix, whose sum is better.

        In the regression the matrix is what grains leave, so what they are given too much of by noise is missing there.
        """
        own = self.prepared.own
        scales: list[tuple[str, float | None]] = [(self.matrix, None)]
        for k, name in enumerate(self.grains, start=1):
            scales.append((name, self.subtraction.spectra[name][own].sum() / self._regression[0][k][own].sum()))
        return scales

    def abundances(self) -> dict[str, FloatArray]:
        """Counts that each phase gave in each pixel, (H, W), without those of artefacts; NaN where not measured."""
        counts = np.asarray(self.prepared.binned.sum(axis=1)).ravel()
        return {name: self.field.to_map(self._shares[:, k] * counts) for k, name in enumerate(self.names)}

    def with_tie(self, grain: str, element: str | Mapping[str, str] | None) -> Separation:
        """The same with another tie for a grain; None: the one that is found.

        Raises
        ------
        RecipeError
            If there is no such grain, or the element cannot be a tie.
        """
        self._checked(grain, self.grains)
        return self._again(_changed(self.ties_chosen, grain, element), _changed(self.shares_given, grain, None))

    def with_factor(self, grain: str, share: float | None) -> Separation:
        """The same with another share for a grain, 0 to 1; None: the one that its ties give."""
        self._checked(grain, self.grains)
        given = None if share is None else checked_number(f"share of {grain}", share, highest=1.0)
        return self._again(self.ties_chosen, _changed(self.shares_given, grain, given))

    @one_thread
    def _again(self, ties: dict[str, str | Mapping[str, str]], given: dict[str, float]) -> Separation:
        before = self.subtraction
        errors = {grain: share.mask_error for grain, share in before.shares.items()}
        made = subtract(
            self.prepared, self.layout, before.masks, before.sums, ties=ties, given=given, mask_errors=errors
        )
        return replace(self, subtraction=made, ties_chosen=ties, shares_given=given)

    @one_thread
    def trace_report(
        self, elements: Iterable[str] | None = None, *, box: tuple[slice, slice] | BoolArray | None = None
    ) -> TraceReport:
        """Net counts of elements in the phases, their limits of detection, and what the whole mask gains.

        Parameters
        ----------
        elements : iterable of str, optional
            None: all that are found.
        box : pair of slices or (H, W) bool, optional
            The confined region that the whole mask is compared with. None: 8 x 8 pixels of each mask.
        """
        from napari_gdls.overlap.traces import trace_report

        return trace_report(self, elements, box)

    @one_thread
    def line_model(self, name: str) -> FloatArray:
        """Lines and background fitted to the pure spectrum of a phase, (D,): less noise, and only what is known."""
        self._checked(name, self.names)
        fit = self.prepared.lines.net_counts(self.spectra[name][None], self.variances[name][None])
        return np.asarray(fit.models[0])

    def _checked(self, name: str, names: Sequence[str]) -> str:
        if name not in names:
            raise RecipeError(f"there is no {shown(name)}; there are {', '.join(names)}.")
        return name


def _changed(mapping: Mapping[str, object], key: str, value: object) -> dict:  # type: ignore[type-arg]
    kept = {name: each for name, each in mapping.items() if name != key}
    return kept if value is None else {**kept, key: value}


@one_thread
def separate_phases(
    field: Field,
    masks: Mapping[str, npt.ArrayLike],
    *,
    matrix: str | Mapping[str, Sequence[str]],
    tie_element: str | Ties | None = None,
    factor: float | Mapping[str, float] | None = None,
    artefacts: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Separation:
    """Take the phases of a thin specimen apart, given where the grains are.

    Parameters
    ----------
    field : Field
        With a spectrum at every valid pixel.
    masks : mapping of str to (H, W) array of bool
        Where each grain is, intersections included. The matrix needs no mask: its pixels are those that are a pixel off
        every grain.
    matrix : str or mapping of str to sequence of str
        Name of the matrix; or, for nested phases, the names of all phases under a grain, as in
        ``{"core": ["film", "shell"]}``.
    tie_element : str or mapping of str to str, optional
        An element that the grains hold nothing of, which tells how much matrix is in their masks; by grain where they
        differ, and by grain and phase for nested phases. None: found.
    factor : float or mapping of str to float, optional
        Share of the mask's counts that the matrix gave, 0 to 1, where it is known otherwise; by grain.
    artefacts : iterable of str, optional
        Elements that are no part of the specimen, such as Cu of the grid; never ties. None: those of the field.
    progress : Progress, optional

    Returns
    -------
    Separation

    Raises
    ------
    FieldError
        If pixels between the spectra were not measured.
    RecipeError
        If masks do not fit the field, no pixel is left for a phase, or no element tells a share.

    Notes
    -----
    Chen et al., figure 2: intersections of grains are left out of the sums; the spectrum of the pure matrix is taken
    off each of them. `napari_gdls.overlap.unmix_overlapping` finds the masks, too.
    """
    checked = checked_masks(field, masks)
    layout = checked_layout(tuple(checked), matrix)
    ties = by_grain("tie_element", tie_element, layout.grains)
    given = {
        grain: checked_number(f"factor of {grain}", value, highest=1.0)
        for grain, value in by_grain("factor", factor, layout.grains).items()
    }
    progress("lines", 0.0)
    prepared = prepare_map(field, artefacts)
    progress("lines", 1.0)
    return separated(prepared, checked, layout, ties=ties, given=given)


def separated(
    prepared: PreparedMap,
    presence: Mapping[str, BoolArray],
    layout: Layout,
    *,
    ties: Ties | None = None,
    given: Mapping[str, float] | None = None,
    mask_errors: Mapping[str, float] | None = None,
    margin: int = 0,
) -> Separation:
    """What `separate_phases` gives, for checked arguments and a prepared field.

    `mask_errors` are standard errors of the shares from the masks; None: as far as the matrix mask tells, see
    `matrix_impurity`. `margin` are pixels at the borders of masks that are left out of sums.
    """
    measured = prepared.measured
    chosen = {
        layout.matrix: pure_matrix_pixels(presence, layout, measured),
        **{grain: mask & measured for grain, mask in pixels_to_sum(presence, layout, margin).items()},
    }
    sums = sums_of_masks(prepared, chosen)
    made = subtract(prepared, layout, chosen, sums, ties=ties, given=given, mask_errors=mask_errors)
    if mask_errors is None:
        # Shares go with the reciprocal of the matrix's lines.
        impurity = matrix_impurity(prepared, presence, layout, chosen[layout.matrix])
        mask_errors = {
            grain: share.total * max((impurity.get(tie.element, 0.0) for tie in share.ties if tie.used), default=0.0)
            for grain, share in made.shares.items()
        }
        made = subtract(prepared, layout, chosen, sums, ties=ties, given=given, mask_errors=mask_errors)
    grains = {grain: presence[grain] & measured for grain in layout.grains}
    return Separation(prepared, layout, grains, made, dict(ties or {}), dict(given or {}))


def matrix_impurity(
    prepared: PreparedMap, presence: Mapping[str, BoolArray], layout: Layout, matrix: BoolArray
) -> dict[str, float]:
    """Relative error of the matrix's lines, by element, from what its mask took in wrongly, as pixels near grains tell.

    The lines of the matrix, per count, are compared between its pixels within three pixels of a grain and the others;
    what they differ by beyond counting noise is taken for grains that reach beyond their masks. Empty where one of the
    two has too few pixels to tell.
    """
    near, far = near_and_far(presence, layout, matrix)
    if min(near.sum(), far.sum()) < _LEAST_COMPARED * matrix.sum():
        return {}
    elements = prepared.lines.elements
    spectra = prepared.sums({"near": near, "far": far})
    sums = summed(prepared.lines, np.array(list(spectra.values())), prepared.artefacts)
    candidates = tie_candidates(elements, sums[1], prepared.artefacts)
    rows = [elements.index(element) for element in candidates]
    (close, close_error), (clear, clear_error) = (
        (each.net[rows] / each.counts, np.sqrt(np.diagonal(each.covariance)[rows]) / each.counts) for each in sums
    )
    # The pixels near grains are a part of the sum only.
    part = sums[0].counts / (sums[0].counts + sums[1].counts)
    change = part * np.abs(close - clear) / clear
    noise = part * np.hypot(close_error, clear_error) / clear
    return dict(zip(candidates, np.sqrt(np.maximum(change**2 - noise**2, 0.0)).tolist(), strict=True))


_LEAST_COMPARED = 0.1  # of the pixels of the matrix
