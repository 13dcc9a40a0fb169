"""What `benchmarks.overlap` measures of a result, with the truth in hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from benchmarks.overlap.fields import TRACES
from benchmarks.overlap.methods import Found
from napari_gdls import Field
from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.overlap.channels import AnalysisChannels, analysis_channels
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.thin_film import ThinFilm

FloatArray = npt.NDArray[np.float64]

UNFOUND = 90.0
"""Degrees: the angle of a phase that was not found at all."""


@dataclass
class Judgement:
    """A result beside the truth. Dictionaries go by the names of the true grains.

    Attributes
    ----------
    matrix_wide, matrix_narrow : float
        Angle between the spectrum of the matrix and the true one, degrees, in channels of 60 eV and in those of the
        field; channels of artefacts are left out.
    wide, narrow : dict
        The same of the grains; 90 for one that was not found.
    share_error : dict
        Share of the mask's counts that the matrix gave, less the true share in the mask that was found.
    covered : dict
        Whether the 95 % interval holds the true share.
    confirmed : dict
        Whether the run says that its share is sure.
    overlap : dict
        Intersection over union of the grain's pixels, found and true; 0 for one that was not found.
    intersections : float
        The same of all pixels with several grains.
    abundance_error : float
        Root mean square, over pixels and phases, of found less true share of a pixel's counts.
    trace_z : list of float
        Net counts of trace elements, less the true ones, in standard errors, absolute.
    right_number, right_matrix : bool
    """

    found: Found
    matrix_wide: float
    matrix_narrow: float
    wide: dict[str, float]
    narrow: dict[str, float]
    right_matrix: bool
    right_number: bool = True
    share_error: dict[str, float] = dataclass_field(default_factory=dict)
    covered: dict[str, bool] = dataclass_field(default_factory=dict)
    confirmed: dict[str, bool] = dataclass_field(default_factory=dict)
    overlap: dict[str, float] = dataclass_field(default_factory=dict)
    intersections: float = math.nan
    abundance_error: float = math.nan
    trace_z: list[float] = dataclass_field(default_factory=list)


def judge(field: Field, found: Found) -> Judgement:
    """Compare a result with the truth of a field.

    Phases without masks are matched to the true ones by the sum of their angles, grains with masks by the sum of their
    overlaps.
    """
    truth = field.metadata["truth"]
    channels = analysis_channels(field)
    true_matrix, grains = truth["matrix"], list(truth["presence"])
    nearest = min(
        truth["spectra"], key=lambda name: angle(found.spectra[found.matrix], truth["spectra"][name], channels)
    )
    if not found.presence:
        named = _by_angle(found.spectra, truth["spectra"], channels)
        matrix = named[true_matrix]
        right_matrix = matrix == found.matrix
    else:
        named = _by_overlap(found.presence, truth["presence"])
        matrix, right_matrix = found.matrix, nearest == true_matrix

    def angles(narrow: bool) -> dict[str, float]:
        return {
            name: angle(found.spectra[named[name]], truth["spectra"][name], channels, narrow)
            if name in named
            else UNFOUND
            for name in grains
        }

    judged = Judgement(
        found,
        angle(found.spectra[matrix], truth["spectra"][true_matrix], channels),
        angle(found.spectra[matrix], truth["spectra"][true_matrix], channels, narrow=True),
        angles(narrow=False),
        angles(narrow=True),
        right_matrix,
        right_number=len(found.spectra) == len(truth["spectra"]),
    )
    if found.presence:
        _judge_masks(field, judged, named)
    if found.separation is not None and right_matrix:
        _judge_separation(field, judged, named)
    return judged


def angle(found: FloatArray, true: FloatArray, channels: AnalysisChannels, narrow: bool = False) -> float:
    """Between two spectra, in degrees: in channels of 60 eV or, `narrow`, in those of the field; without artefacts."""
    if narrow:
        a, b = (np.asarray(spectrum, float)[channels.group >= 0] for spectrum in (found, true))
    else:
        a, b = channels.binned(np.stack([found, true]).astype(float))
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return math.degrees(math.acos(min(max(float(a @ b) / length, -1.0), 1.0))) if length > 0 else UNFOUND


def overlap_of(found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]) -> float:
    """Intersection over union; 1 where both are empty."""
    union = int(np.count_nonzero(found | true))
    return int(np.count_nonzero(found & true)) / union if union else 1.0


def true_share(field: Field, mask: npt.NDArray[np.bool_], under: Sequence[str] | None = None) -> float:
    """Share of the counts of a mask that what lies under a grain is expected to give; None: the matrix alone.

    Counts of the grid are left out of all.
    """
    truth = field.metadata["truth"]
    below = sum(truth["abundances"][name] for name in under or (truth["matrix"],))
    return float(below[mask].sum() / sum(truth["abundances"].values())[mask].sum())


def true_net_counts(field: Field, phase: str, element: str, shell: str, mask: npt.NDArray[np.bool_]) -> float:
    """Counts that the lines of one shell of an element are expected to give in a phase's own counts in a mask."""
    truth, options = field.metadata["truth"], field.metadata["options"]
    composition = truth["compositions"][phase]
    if element not in composition:
        return 0.0
    detector = Detector(**options["detector"])
    axis = EnergyAxis(
        field.energy.offset + options["offset_error"],
        field.energy.width * (1 + options["gain_error"]),
        field.energy.size,
    )
    film = ThinFilm(field.beam_energy or math.nan, elements=composition)
    intensities = film.intensities(composition)[0].astype(np.float64)
    counted = intensities * film.response(detector, axis).sum(axis=1)
    lines = [
        i
        for i in range(len(film.lines))
        if SYMBOLS[film.lines.element[i]] == element and film.lines.name[i].startswith(shell)
    ]
    share = counted[lines].sum() / counted.sum() * (1 - 2 * detector.pile_up)
    return float(share * truth["abundances"][phase][mask].sum())


def _by_angle(
    found: Mapping[str, FloatArray], true: Mapping[str, FloatArray], channels: AnalysisChannels
) -> dict[str, str]:
    """Name of the method's phase for each true one, so that the sum of the angles is least."""
    own = list(found)
    cost = np.array([[angle(found[name], spectrum, channels) for name in own] for spectrum in true.values()])
    rows, columns = linear_sum_assignment(cost)
    names = list(true)
    return {names[row]: own[column] for row, column in zip(rows, columns, strict=True)}


def _by_overlap(
    found: Mapping[str, npt.NDArray[np.bool_]], true: Mapping[str, npt.NDArray[np.bool_]]
) -> dict[str, str]:
    """The same, by the pixels of the grains; those that share no pixel are no match."""
    own, names = list(found), list(true)
    gain = np.array([[overlap_of(found[name], mask) for name in own] for mask in true.values()]).reshape(len(names), -1)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return {names[row]: own[column] for row, column in zip(rows, columns, strict=True) if gain[row, column] > 0}


def _judge_masks(field: Field, judged: Judgement, named: Mapping[str, str]) -> None:
    truth, found = field.metadata["truth"], judged.found
    judged.overlap = {
        name: overlap_of(found.presence[named[name]], mask) if name in named else 0.0
        for name, mask in truth["presence"].items()
    }
    several = [np.sum(list(masks.values()), axis=0) > 1 for masks in (found.presence, truth["presence"])]
    judged.intersections = overlap_of(*several)
    total_found = sum(found.abundances.values())
    total_true = sum(truth["abundances"].values())
    usual = {truth["matrix"]: found.matrix, **named}
    nothing = np.zeros(field.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = [
            np.nan_to_num((found.abundances[usual[name]] if name in usual else nothing) / total_found)
            - counts / total_true
            for name, counts in truth["abundances"].items()
        ]
    judged.abundance_error = float(np.sqrt(np.mean(np.square(errors))))


def _judge_separation(field: Field, judged: Judgement, named: Mapping[str, str]) -> None:
    truth, separation = field.metadata["truth"], judged.found.separation
    phases = {judged.found.matrix: truth["matrix"], **{own: name for name, own in named.items()}}
    for name, own in named.items():
        true = true_share(field, separation.masks[own], [phases[each] for each in separation.under[own]])
        low, high = separation.intervals[own]
        judged.share_error[name] = separation.factors[own] - true
        judged.covered[name] = bool(low <= true <= high)
        judged.confirmed[name] = bool(separation.confirmed[own])
    elements = TRACES[field.metadata["options"]["system"]]
    for row in separation.trace_report(elements).rows:
        if row.phase in phases and row.sigma > 0:
            phase, shell = phases[row.phase], row.line.split()[-1][0]
            net = true_net_counts(field, phase, row.element, shell, separation.masks[row.phase])
            judged.trace_z.append(abs(row.net - net) / row.sigma)
