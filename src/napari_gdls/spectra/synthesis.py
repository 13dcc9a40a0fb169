"""Spectra of materials: emission, detector and counting statistics put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_choice, checked_kind
from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import CANONICAL_AXIS, DEFAULT_BEAM_ENERGY, EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.materials.composition import Compositions, mass_fractions
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import DEFAULT_TAKE_OFF, Emission
from napari_gdls.spectra.sampling import checked_totals, sample_counts
from napari_gdls.spectra.thin_film import DEFAULT_FILM_BEAM_ENERGY, DEFAULT_FILM_TAKE_OFF, ThinFilm

SPECIMENS = ("thick", "thin")
"""What spectra are simulated of."""


def simulate_spectra(
    compositions: Compositions,
    *,
    specimen: str = "thick",
    beam_energy: float | None = None,
    take_off: float | None = None,
    detector: Detector | None = None,
    energy: EnergyAxis | None = None,
    coating: tuple[str, float] | None = None,
    counts: npt.ArrayLike | None = None,
    seed: int | None = None,
) -> npt.NDArray[np.float32]:
    """EDS spectra of materials: flat, polished and thick, or films in a transmission microscope.

    Parameters
    ----------
    compositions : mapping, sequence of mappings, or (n, 94) array
        Mass fractions: from element symbols, as in ``{"Si": 0.467, "O": 0.533}``, or with a column for each element
        from H to Pu. Rows are normalised. H, He, Li and Be have no line here but count as mass.
    specimen : {"thick", "thin"}
        "thin": a film that neither slows the beam nor absorbs X-rays, see `ThinFilm`.
    beam_energy : float, optional
        keV. None: 25 for thick specimens, 200 for thin ones.
    take_off : float, optional
        Degrees. None: 35 for thick specimens, 20 for thin ones.
    detector : Detector, optional
        None: `Detector()`, a drift detector behind a polymer window.
    energy : EnergyAxis, optional
        Channels of the result. None: the canonical axis, 1,536 channels of 10 eV from 200 eV.
    coating : (str, float), optional
        Element and thickness (nm) of a conducting film on a thick specimen, as in ``("C", 15.0)``.
    counts : float or (n,) array, optional
        Counts of each spectrum on `energy`. None: the spectra sum to 1.
    seed : int, optional
        Draw Poisson-distributed counts; None: expected spectra, without noise.

    Returns
    -------
    (n, energy.size) float32

    Raises
    ------
    CompositionError
        If a composition is impossible.
    RecipeError
        If another parameter is out of range, a thin specimen has a coating, `seed` comes without `counts`, or no photon
        falls on `energy`.

    See Also
    --------
    Emission, ThinFilm : for many detectors on the same materials.

    Examples
    --------
    >>> quartz, hematite = simulate_spectra([{"Si": 0.467, "O": 0.533}, {"Fe": 0.699, "O": 0.301}])
    >>> CANONICAL_AXIS.centers[quartz.argmax()]
    np.float64(1740.0)
    """
    if seed is not None and counts is None:
        raise RecipeError("a seed draws counts: say how many counts the spectra have.")
    fractions = mass_fractions(compositions)
    detector = Detector() if detector is None else checked_kind("detector", detector, Detector)
    energy = CANONICAL_AXIS if energy is None else checked_kind("energy", energy, EnergyAxis)
    present = [SYMBOLS[column] for column in np.flatnonzero(fractions.max(axis=0) > 0)]
    emission = _emission(specimen, beam_energy, take_off, present, coating)
    spectra = emission.intensities(fractions) @ emission.response(detector, energy)
    spectra = detector.add_pile_up(spectra, energy)
    totals = spectra.sum(axis=1, dtype=np.float64)
    if not (totals > 0).all():
        raise RecipeError(
            f"no photon of composition {np.flatnonzero(totals <= 0)[0]} falls on {energy.size} channels of "
            f"{energy.width} eV from {energy.offset} eV; choose another energy axis or a higher beam energy."
        )
    if seed is not None:
        return sample_counts(spectra, 1.0 if counts is None else counts, seed)
    wanted = np.ones(1) if counts is None else checked_totals(counts)
    try:
        scale = np.broadcast_to(wanted, len(spectra)) / totals
    except ValueError:
        raise RecipeError(f"{len(spectra)} spectra cannot have {wanted.size} different counts.") from None
    return np.asarray(spectra * scale[:, None], dtype=np.float32)


def _emission(
    specimen: str,
    beam_energy: float | None,
    take_off: float | None,
    elements: Sequence[str],
    coating: tuple[str, float] | None,
) -> Emission | ThinFilm:
    if checked_choice("specimen", specimen, SPECIMENS) == "thick":
        return Emission(
            DEFAULT_BEAM_ENERGY if beam_energy is None else beam_energy,
            DEFAULT_TAKE_OFF if take_off is None else take_off,
            elements=elements,
            coating=coating,
        )
    if coating is not None:
        raise RecipeError("a thin specimen has no coating: name its element in the composition of the film.")
    return ThinFilm(
        DEFAULT_FILM_BEAM_ENERGY if beam_energy is None else beam_energy,
        DEFAULT_FILM_TAKE_OFF if take_off is None else take_off,
        elements=elements,
    )
