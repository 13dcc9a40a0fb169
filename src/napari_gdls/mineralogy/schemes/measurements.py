"""The class of every measurement of a field, by the shares of its net peaks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions_at_measurements
from napari_gdls.checks import checked_kind
from napari_gdls.field import Field
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.mineralogy.element_profiles import ElementProfiles
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.schemes.quantities import AREA, SchemeQuantities, percent_of
from napari_gdls.mineralogy.schemes.scheme import Scheme
from napari_gdls.mineralogy.schemes.scheme_errors import SchemeError
from napari_gdls.mineralogy.sought_elements import COLUMNS, SOUGHT
from napari_gdls.mineralogy.spectrum_columns import continuum_parts, expected_variance
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

FOUND = 3.0
"""Standard errors of counting from which an element is found in a measurement."""

LEAST_NET_COUNTS = 50.0
"""Net counts below which shares of peaks say nothing: that of half of them has an error of 7 percent and more."""


@one_thread
def classify_measurements(field: Field, scheme: Scheme, instrument: Instrument) -> npt.NDArray[np.int64]:
    """Find the class of each measurement by shares and ratios of net peaks, and BSE.

    All spectra are fitted by one linear fit: the elements of the sum of all spectra and those that the scheme names,
    and the continuum, weighted by the counts expected in the mean spectrum. It has no bounds; negative amounts are
    taken as none.

    Parameters
    ----------
    field : Field
    scheme : Scheme
        Its conditions are of shares (``Si [area%]``), ratios of them, and BSE.
    instrument : Instrument
        See `calibrate_field`.

    Returns
    -------
    (N,) array of int64
        Index into `Scheme.classes`; -1 for no class, and where there are fewer than 50 net counts.

    Raises
    ------
    SchemeError
        If the scheme asks for quantities that single measurements do not have, or for elements without lines here.

    Notes
    -----
    A share has the error of its counts: of 1,000 net counts, a true 20 % is found within 1.3 % in two of three
    measurements at the best, and more where lines overlap. Ranges must be wider than that. Where a range ends at 0,
    give it no minimum. An element that neither the sum of all spectra shows nor the scheme names is not seen, and adds
    to the shares of those that it overlaps.
    """
    checked_kind("field", field, Field)
    checked_kind("scheme", scheme, Scheme)
    checked_kind("instrument", instrument, Instrument)
    if instrument.energy.size != field.energy.size:
        raise SchemeError(
            f"the instrument has {instrument.energy.size} channels and the field {field.energy.size}; calibrate this "
            "field."
        )
    for quantity in scheme.quantities:
        if quantity.unit not in ("", AREA):
            raise SchemeError(
                f'the scheme "{scheme.name}" asks for "{quantity.text}"; single measurements have shares of net peaks '
                f'("Si [{AREA}]") and BSE only. Apply it to phases, or write its rules in {AREA}.'
            )
    areas, errors, symbols = _net_areas(field, scheme.elements, instrument)
    found = areas > FOUND * errors
    areas = np.maximum(areas, 0.0)
    by_symbol = {symbol: areas[:, k] for k, symbol in enumerate(symbols)}
    quantities = SchemeQuantities(
        amounts={AREA: percent_of(by_symbol, AREA)},
        found={symbol: found[:, k] for k, symbol in enumerate(symbols)},
        bse=bse_fractions_at_measurements(field),
    )
    enough = areas.sum(axis=1) >= LEAST_NET_COUNTS
    return np.asarray(np.where(enough, scheme.indices(quantities), -1), dtype=np.int64)


def _net_areas(
    field: Field, named: tuple[str, ...], instrument: Instrument
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Counts of all lines, (N, E), their standard errors, and the E elements."""
    fit = fit_spectrum(field.total_spectrum, instrument)
    symbols = tuple(symbol for symbol in SOUGHT if symbol in fit.elements or symbol in named)
    profiles = ElementProfiles(instrument, symbols)
    matrix = np.zeros(N_ELEMENTS)
    matrix[COLUMNS] = fit.masses[COLUMNS]
    if not matrix.sum() > 0:
        raise SchemeError("the sum of all spectra shows no element; is the energy axis right?")
    in_matrix = profiles.in_matrix(matrix / matrix.sum())
    rows = in_matrix.whole[[SOUGHT.index(symbol) for symbol in symbols]]
    sums = rows.sum(axis=1)
    dark = [symbol for symbol, area in zip(symbols, sums, strict=True) if not area > 1e-6 * sums.max()]
    if dark:
        raise SchemeError(f"{', '.join(dark)} of the scheme has no line at {instrument.beam_energy:g} keV.")
    used = profiles.used
    backgrounds = continuum_parts(instrument.energy.centers[used], instrument) * in_matrix.continuum
    backgrounds = backgrounds / np.maximum(backgrounds.sum(axis=1, keepdims=True), 1e-300)
    columns = np.concatenate([rows / sums[:, None], backgrounds])
    mean = np.maximum(fit.model[used], 0.0) / field.n_measurements
    weight = 1 / expected_variance(mean)
    gram = (columns * weight) @ columns.T
    estimator = np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ (columns * weight)
    taken = np.zeros((len(symbols), field.energy.size))
    taken[:, used] = estimator[: len(symbols)]
    areas = np.asarray(field.spectra @ taken.T, dtype=np.float64)
    errors = np.sqrt(np.asarray(field.spectra @ (taken**2).T, dtype=np.float64))
    return areas, errors, symbols
