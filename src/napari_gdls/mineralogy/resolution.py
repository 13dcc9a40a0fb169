"""What a threshold tau_z means: the differences in composition that it separates.

tau_z is a distance D of embedded spectra, on the scale of two spectra of 1,000 counts. What it says about composition
depends on the mineral. Along well-known solid solutions the answer is computed here, from simulated spectra without
noise and the embedding in use.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number
from napari_gdls.embedding.calibration import REFERENCE_COUNTS, Calibration
from napari_gdls.embedding.inference import embed
from napari_gdls.embedding.models import Embedding, load_embedding
from napari_gdls.energy import DEFAULT_BEAM_ENERGY
from napari_gdls.materials.formula import Formula, mixture, parse_formula
from napari_gdls.spectra.synthesis import simulate_spectra

Composition: TypeAlias = str | Mapping[str, float]
"""A chemical formula, or mass fractions of elements."""

_MEMBERS = 33
"""Compositions that are simulated along a solid solution; eight times as many change no answer by more than 0.14 %."""

_COUNTS = 1e6
"""Counts of the simulated spectra, which are without noise: the number changes nothing, as long as no network takes it
for an empty spectrum."""


@dataclass(frozen=True)
class _SolidSolution:
    """A mineral that turns into another; shares are moles of the second end member."""

    name: str
    exchange: str
    first: tuple[str, str]
    second: tuple[str, str]
    element: str
    start: float
    end: float = 1.0

    def member(self, share: float) -> Formula:
        return mixture([(parse_formula(self.first[1]), 1 - share), (parse_formula(self.second[1]), share)])

    def weight_percent(self, share: float) -> float:
        return 100 * self.member(share).mass_fractions.get(self.element, 0.0)

    def described(self, share: float) -> str:
        if share in (0.0, 1.0):
            return (self.first if share == 0 else self.second)[0]
        return f"{self.first[0]} {100 * (1 - share):.0f} {self.second[0]} {100 * share:.0f}"


# Each starts at a composition that is common in rocks, and runs to the end member that is further away, or to as much
# of it as nature takes up.
_SOLID_SOLUTIONS = (
    _SolidSolution(
        "garnet", "Fe for Al", ("grossular", "Ca3Al2(SiO4)3"), ("andradite", "Ca3Fe2(SiO4)3"), "Fe", start=0.5
    ),
    _SolidSolution(
        "plagioclase", "CaAl for NaSi", ("albite", "NaAlSi3O8"), ("anorthite", "CaAl2Si2O8"), "Ca", start=0.4
    ),
    _SolidSolution("olivine", "Fe for Mg", ("forsterite", "Mg2SiO4"), ("fayalite", "Fe2SiO4"), "Fe", start=0.15),
    _SolidSolution(
        "clinopyroxene", "Fe for Mg", ("diopside", "CaMgSi2O6"), ("hedenbergite", "CaFeSi2O6"), "Fe", start=0.2
    ),
    _SolidSolution(
        "biotite",
        "Fe for Mg",
        ("phlogopite", "KMg3AlSi3O10(OH)2"),
        ("annite", "KFe3AlSi3O10(OH)2"),
        "Fe",
        start=0.5,
    ),
    _SolidSolution(
        "dolomite", "Fe for Mg", ("dolomite", "CaMg(CO3)2"), ("ankerite", "CaFe(CO3)2"), "Fe", start=0.1, end=0.8
    ),
    _SolidSolution("sphalerite", "Fe for Zn", ("sphalerite", "ZnS"), ("FeS", "FeS"), "Fe", start=0.05, end=0.45),
    _SolidSolution("columbite", "Ta for Nb", ("columbite", "FeNb2O6"), ("tantalite", "FeTa2O6"), "Ta", start=0.2),
)


@dataclass(frozen=True)
class SeparatedDifference:
    """The smallest difference in composition along a solid solution that a threshold tau_z separates.

    Attributes
    ----------
    series : str
        The mineral: "garnet".
    exchange : str
        What varies: "Fe for Al".
    start, end : str
        From which composition the difference counts, and the furthest in nature: "grossular 50 andradite 50",
        "andradite".
    member : str
        The end member whose share grows: "andradite".
    element : str
        The element whose mass tells the difference: "Fe".
    mole_percent : float or None
        Difference in moles of `member`, in percentage points; None when even `start` and `end` are not separated.
    weight_percent : float or None
        Difference in the mass of `element`, in percentage points (its size; all of them grow).
    """

    series: str
    exchange: str
    start: str
    end: str
    member: str
    element: str
    mole_percent: float | None
    weight_percent: float | None

    @property
    def amount(self) -> str:
        """The difference in short: "4.6 mol % andradite (1 wt % Fe)"; "" where none is separated."""
        if self.mole_percent is None or self.weight_percent is None:
            return ""
        mole, weight = _two_digits(self.mole_percent), _two_digits(self.weight_percent)
        return f"{mole} mol % {self.member} ({weight} wt % {self.element})"

    @property
    def text(self) -> str:
        """One line: "garnet, Fe for Al: 4.6 mol % andradite (1 wt % Fe) beside grossular 50 andradite 50"."""
        series = f"{self.series}, {self.exchange}"
        if self.mole_percent == 0:
            return f"{series}: any difference"
        return f"{series}: " + (
            f"{self.amount} beside {self.start}" if self.amount else f"not even {self.start} and {self.end}"
        )


def tau_z_in_words(
    tau_z: float,
    *,
    model: str | os.PathLike[str] | Embedding | None = None,
    calibration: Calibration | None = None,
    beam_energy: float = DEFAULT_BEAM_ENERGY,
) -> tuple[SeparatedDifference, ...]:
    """The smallest differences in composition that a threshold tau_z separates, along well-known solid solutions.

    Parameters
    ----------
    tau_z : float
        The threshold: the noise-free distance of two materials on the scale of two spectra of 1,000 counts. 0 or more.
    model : str, path or Embedding, optional
        See `napari_gdls.load_embedding`. None: the default.
    calibration : Calibration, optional
        Scale of the distances, as `napari_gdls.graph.calibrate_on_field` measures it. None: that of the model.
    beam_energy : float
        keV.

    Returns
    -------
    tuple of SeparatedDifference
        Always the same solid solutions in the same order.

    Raises
    ------
    RecipeError
        If tau_z is negative or not finite, or the beam energy is not one that can be simulated.
    EmbeddingError
        If there is no such model.

    Notes
    -----
    The spectra are those of flat, thick, pure solid solutions without coating. Whether so small a difference is also
    significant depends on the counts of the segments, not on tau_z. The spectra of a model and beam energy are computed
    once per process, in about 0.2 s; further thresholds take milliseconds.

    Examples
    --------
    >>> print(tau_z_in_words(0.25)[0].text)
    garnet, Fe for Al: 4.6 mol % andradite (1 wt % Fe) beside grossular 50 andradite 50
    """
    threshold = checked_number("tau_z", tau_z)
    embedding = model if isinstance(model, Embedding) else load_embedding(model or "default")
    distances = _distances_from_start(embedding, float(beam_energy))
    return tuple(
        _smallest_separated(threshold, solution, _difference(distance, calibration or embedding.calibration))
        for solution, distance in zip(_SOLID_SOLUTIONS, distances, strict=True)
    )


def distance_of_materials(
    first: Composition,
    second: Composition,
    *,
    model: str | os.PathLike[str] | Embedding | None = None,
    calibration: Calibration | None = None,
    beam_energy: float = DEFAULT_BEAM_ENERGY,
) -> float:
    """The noise-free distance D of two materials: the largest tau_z that separates them.

    Parameters
    ----------
    first, second : str or mapping
        A chemical formula, or mass fractions of elements as in ``{"Si": 0.467, "O": 0.533}``.
    model, calibration, beam_energy
        See `tau_z_in_words`.

    Returns
    -------
    float
        On the scale of two spectra of 1,000 counts: compare it with tau_z, and with delta_z at 1,000 counts.

    Raises
    ------
    FormulaError, CompositionError
        If a composition cannot be read or is impossible.
    RecipeError, EmbeddingError
        As `tau_z_in_words`.

    Examples
    --------
    >>> round(distance_of_materials("SiO2", "NaAlSi3O8"), 1)  # quartz, albite
    4.0
    """
    embedding = model if isinstance(model, Embedding) else load_embedding(model or "default")
    fractions = [
        dict(parse_formula(each).mass_fractions) if isinstance(each, str) else each for each in (first, second)
    ]
    z = _embedded(fractions, embedding, beam_energy)
    return float(_difference(np.linalg.norm(z[1] - z[0]), calibration or embedding.calibration))


def _difference(distance: npt.ArrayLike, calibration: Calibration) -> npt.NDArray[np.float64]:
    """D from distances of simulated spectra, which have neither noise nor scatter that would have to be taken away."""
    return calibration.delta_z(distance, REFERENCE_COUNTS, REFERENCE_COUNTS)


def _smallest_separated(
    tau_z: float, solution: _SolidSolution, differences: npt.NDArray[np.float64]
) -> SeparatedDifference:
    mole, weight = None, None
    if tau_z <= differences[-1]:
        # Where the distance does not grow, the first composition that is far enough counts.
        rising = np.flatnonzero(np.diff(differences, prepend=-1.0) > 0)
        share = float(np.interp(tau_z, differences[rising], _shares(solution)[rising]))
        mole = 100 * (share - solution.start)
        weight = solution.weight_percent(share) - solution.weight_percent(solution.start)
    return SeparatedDifference(
        solution.name,
        solution.exchange,
        solution.described(solution.start),
        solution.described(solution.end),
        solution.second[0],
        solution.element,
        mole,
        weight,
    )


def _shares(solution: _SolidSolution) -> npt.NDArray[np.float64]:
    """Compositions that are simulated: closest to each other at the start, where small thresholds are looked up."""
    steps = np.linspace(0, 1, _MEMBERS) ** 2
    return np.asarray(solution.start + steps * (solution.end - solution.start))


_known: dict[tuple[str, float], tuple[npt.NDArray[np.float64], ...]] = {}
"""Distances by fingerprint of the embedding and beam energy: a few kilobytes each."""


def _distances_from_start(embedding: Embedding, beam_energy: float) -> tuple[npt.NDArray[np.float64], ...]:
    """Distance of z from that at the start, along each solid solution: never falling, in the unit of the embedding."""
    key = (embedding.fingerprint, beam_energy)
    if key not in _known:
        members = [solution.member(share) for solution in _SOLID_SOLUTIONS for share in _shares(solution)]
        z = _embedded([member.mass_fractions for member in members], embedding, beam_energy)
        lines = z.reshape(len(_SOLID_SOLUTIONS), _MEMBERS, -1)
        _known[key] = tuple(np.maximum.accumulate(np.linalg.norm(line - line[0], axis=1)) for line in lines)
    return _known[key]


def _embedded(
    fractions: Sequence[Mapping[str, float]], embedding: Embedding, beam_energy: float
) -> npt.NDArray[np.float64]:
    spectra = simulate_spectra(fractions, beam_energy=beam_energy, energy=embedding.energy, counts=_COUNTS)
    return embed(spectra, embedding, device="cpu").astype(np.float64)


def _two_digits(number: float) -> str:
    """Two digits, as many as the physics of the simulation is worth."""
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"
