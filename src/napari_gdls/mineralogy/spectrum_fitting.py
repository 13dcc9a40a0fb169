"""The fit of element profiles to a spectrum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.mineralogy.artefacts import artefacts_of
from napari_gdls.mineralogy.element_profiles import ElementProfiles, element_profiles
from napari_gdls.mineralogy.element_search import ElementSearch, overlap_errors
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.oxygen import CARBONATE, oxygen_rule
from napari_gdls.mineralogy.sought_elements import COLUMNS, SOUGHT, TIERS
from napari_gdls.mineralogy.spectrum_checks import checked_counts, checked_elements, checked_factors, checked_instrument
from napari_gdls.mineralogy.spectrum_columns import ColumnMaker, Columns, smoothed
from napari_gdls.mineralogy.spectrum_fit import Artefact, SpectrumFit
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

_ROUNDS = 6
"""Fits, each in the matrix of the one before. A choice."""

_FIRST_MATRIX = {"O": 0.45, "Si": 0.30, "Fe": 0.10, "Ca": 0.15}
"""Mass fractions of the matrix in which the first fit is made: a middling silicate."""

_ONLY_CARBON = 0.95
"""Mass fraction from which carbon is the specimen; below, it is taken for coating, tape or resin, which must not
weaken the lines of the others, and stays out of the matrix."""

_CARBON, _OXYGEN = SYMBOLS.index("C"), SYMBOLS.index("O")


@one_thread
def fit_spectrum(
    counts: npt.ArrayLike,
    instrument: Instrument,
    *,
    elements: Iterable[str] | None = None,
    factors: Mapping[str, float] | None = None,
) -> SpectrumFit:
    """Find the elements of a spectrum and their masses.

    Parameters
    ----------
    counts : (D,) array
    instrument : Instrument
        As `calibrate_field` or `calibrate_spectrum` found it.
    elements : iterable of str, optional
        Only these are fitted, all of them, and none is searched.
    factors : mapping of str to float, optional
        True mass by found mass of elements, from standards.

    Returns
    -------
    SpectrumFit

    Raises
    ------
    SpectrumError
        If the spectrum cannot be fitted: negative or no counts, another number of channels than the instrument's axis.

    Notes
    -----
    ``counts = sum of m_e P_e + continuum + pile-up``, with P_e the counts per mass fraction of element e in the matrix
    of the fit before. Weighted least squares, the variance being the expected counts and (3 % of them)**2.
    """
    instrument = checked_instrument(instrument)
    y = checked_counts(counts, instrument.energy)
    only = checked_elements(elements)
    return fit_with(element_profiles(instrument), y, instrument, elements=only, factors=checked_factors(factors))


def fit_with(
    profiles: ElementProfiles,
    y: FloatArray,
    instrument: Instrument,
    *,
    elements: tuple[str, ...] | None = None,
    factors: FloatArray | None = None,
    applied: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> SpectrumFit:
    """`fit_spectrum` of checked input, with given profiles.

    Parameters
    ----------
    profiles : ElementProfiles
        Of the instrument.
    y : (D,) array
    instrument : Instrument
    elements : tuple of str, optional
    factors : (E,) array, optional
        In the order of `SOUGHT`.
    applied : (float, float, float)
        See `ColumnMaker`.
    """
    only, used = elements, profiles.used
    maker = ColumnMaker(y, instrument, np.ones(len(SOUGHT)) if factors is None else factors, applied)
    fractions = first_matrix()
    search = ElementSearch.start(only)
    model, masses = smoothed(y[used], instrument.energy.width), None
    for number in range(_ROUNDS):
        columns = maker.columns(profiles.in_matrix(fractions), model, masses)
        search.fit(columns)
        if only is None:
            if number < _ROUNDS - 2:
                search.add(columns)
                if number >= 1:
                    search.swap(columns)
            if 1 <= number < _ROUNDS - 1:
                search.drop(columns, min(1.0, number / 3), needed=number >= 3)
        model = columns.model(search.amounts)
        masses = search.amounts[: len(SOUGHT)]
        if masses.sum() <= 0:
            break
        fractions = _matrix(masses)
    return _result(y, instrument, columns, search, model, used, maker.factors)


def first_matrix() -> FloatArray:
    """(94,) mass fractions of the matrix in which spectra are fitted first."""
    fractions = np.zeros(N_ELEMENTS)
    for symbol, share in _FIRST_MATRIX.items():
        fractions[SYMBOLS.index(symbol)] = share
    return fractions


def _matrix(masses: FloatArray) -> FloatArray:
    fractions = np.zeros(N_ELEMENTS)
    fractions[COLUMNS] = masses
    if fractions[_CARBON] < _ONLY_CARBON * fractions.sum():
        fractions[_CARBON] = 0.0
    return np.asarray(fractions / fractions.sum())


def _result(
    y: FloatArray,
    instrument: Instrument,
    columns: Columns,
    search: ElementSearch,
    model: FloatArray,
    used: slice,
    factors: FloatArray,
) -> SpectrumFit:
    n = len(SOUGHT)
    masses, errors = search.amounts[:n], search.errors(columns)
    counting = columns.equations.errors(search.amounts, np.maximum(model, 0.3) / columns.variance)[:n]
    total = masses.sum() - masses[SOUGHT.index("C")]
    unit = 1 / (total if total > 0 else masses.sum() if masses.sum() > 0 else 1.0)
    # All common elements, none thresholded.
    looked = search.alive | ((TIERS == 0) & columns.possible)
    open_search = ElementSearch(looked, search.amounts)
    open_search.fit(columns)
    open_masses = open_search.amounts[:n]
    fitted = columns.equations.errors(open_search.amounts)[:n]
    hidden = columns.equations.hidden(open_search.amounts)[:n]
    open_errors = np.hypot(np.where(open_masses > 0, fitted, hidden), overlap_errors(columns, open_masses))
    open_errors = np.minimum(open_errors, max(open_masses.sum(), 1e-300))
    residuals = y[used] - model

    def everywhere(values: FloatArray, other: float = 0.0) -> FloatArray:
        whole = np.full(N_ELEMENTS, other)
        whole[COLUMNS] = values
        return whole

    def channels(values: FloatArray) -> FloatArray:
        whole = np.zeros(y.size)
        whole[used] = values
        return whole

    return SpectrumFit(
        counts=y,
        instrument=instrument,
        masses=everywhere(unit * masses),
        mass_errors=everywhere(unit * errors),
        counting_errors=everywhere(unit * counting),
        significance=everywhere(masses / np.maximum(errors, 1e-300)),
        open_masses=everywhere(unit * open_masses),
        open_errors=everywhere(np.where(looked, unit * open_errors, np.inf), np.inf),
        net_areas=everywhere(masses * columns.areas),
        model=channels(model),
        background=channels(columns.background(search.amounts)),
        used=channels(np.ones(residuals.size)) > 0,
        misfit=float((residuals**2 / columns.variance).mean()),
        total_variation=float(np.abs(residuals).sum() / 2 / max(y[used].sum(), 1.0)),
        shift=_shift(columns, search.amounts),
        factors={SOUGHT[e]: float(factors[e]) for e in np.flatnonzero(factors != 1)},
        detection_limits=everywhere(unit * columns.detection_limits(search.amounts), np.inf),
        artefacts=_artefacts(columns, search.amounts, y),
    )


def _artefacts(columns: Columns, amounts: FloatArray, y: FloatArray) -> tuple[Artefact, ...]:
    n = len(SOUGHT)
    masses = np.zeros(N_ELEMENTS)
    masses[COLUMNS] = amounts[:n]
    areas = amounts[:n] * columns.areas
    strongest = np.argsort(-areas, kind="stable")[:2]
    piled = float(amounts[-1] * columns.pile_up.sum() / max(y.sum(), 1.0))
    names = tuple(SOUGHT[e] for e in sorted(strongest) if areas[e] > 0)
    # Whether carbon belongs to it, its oxygen says.
    rule = oxygen_rule(masses, np.zeros(N_ELEMENTS))
    return artefacts_of(masses, piled, names, carbonate=rule.source == CARBONATE)


def _shift(columns: Columns, amounts: FloatArray) -> tuple[float, float, float]:
    nuisance = columns.equations.nuisance(amounts)
    return (0.0, 0.0, 0.0) if nuisance.size < 3 else (float(nuisance[0]), float(nuisance[1]), float(nuisance[2]))
