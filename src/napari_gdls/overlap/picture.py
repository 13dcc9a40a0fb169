"""One picture of the protocol, for those without a viewer: score images, masks, mixtures and spectra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import GdlsError
from napari_gdls.overlap.picture_page import GAP, Colour, Page, Panel, grey_image, mask_image, tinted_image
from napari_gdls.overlap.spectrum_strips import Strip, draw_strips
from napari_gdls.overlap.summary import share_in_words

if TYPE_CHECKING:
    from napari_gdls.overlap.decomposition import Decomposition
    from napari_gdls.overlap.separation import Separation
    from napari_gdls.overlap.traces import TraceReport
    from napari_gdls.overlap.unmixing import Unmixing

Image = npt.NDArray[np.uint8]

PHASE_COLOURS: tuple[Colour, ...] = (
    (80, 80, 80), (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233),
)  # fmt: skip
"""sRGB; the matrix first, then grains: told apart with any kind of colour vision (Okabe & Ito 2008), used in turn."""

_SURE = 5.0
"""Significance of the net counts of an element that is named in the spectra."""


def unmixing_picture(unmixing: Unmixing) -> Image:
    """Picture of a run: image, score images and loading spectra; masks, mixtures and pure spectra.

    Parameters
    ----------
    unmixing : Unmixing

    Returns
    -------
    (h, w, 3) array of uint8
        As `separation_picture`, with what the masks started from.
    """
    return separation_picture(unmixing.separation, decomposition=unmixing.decomposition, components=unmixing.components)


def separation_picture(
    separation: Separation,
    *,
    decomposition: Decomposition | None = None,
    components: Mapping[str, int] | None = None,
    report: TraceReport | None = None,
) -> Image:
    """Picture of separated phases.

    Parameters
    ----------
    separation : Separation
    decomposition : Decomposition, optional
        Its score images and loading spectra are shown, too.
    components : map of str to int, optional
        The component that each phase started from, for the colours. None: the one that its spectrum is nearest to.
    report : TraceReport, optional
        Names the elements of the peaks. None: that of the separation.

    Returns
    -------
    (h, w, 3) array of uint8
        From above: the image of the field and the score images; loading spectra; the pixels of the pure matrix and
        where each grain is, with intersections in yellow; the mixtures that are summed, without intersections; the
        spectra of the pure phases, that of the whole mask paler behind; what the matrix gave to each mask.
    """
    field = separation.field
    report = separation.trace_report() if report is None else report
    measured = field.to_map(np.ones(field.n_measurements, dtype=bool), fill=False)
    colours = {name: PHASE_COLOURS[i % len(PHASE_COLOURS)] for i, name in enumerate(separation.names)}
    artefacts = _artefact_lines(separation)
    rows: list[tuple[str, list[Panel]]] = []
    first = Panel("image", grey_image(field.bse, measured))
    loadings: list[Strip] = []
    if decomposition is None:
        rows.append((field.name or "field", [first]))
    else:
        found = _nearest_components(decomposition, separation) if components is None else components
        owners = {component: name for name, component in found.items()}
        scores = [first]
        for k in range(decomposition.n_components):
            colour = colours[owners[k]] if k in owners else (120, 120, 120)
            title = f"component {k}" + " (matrix)" * (owners.get(k) == separation.matrix)
            scores.append(Panel(title, tinted_image(decomposition.scores[..., k], measured, colour)))
            loading = np.asarray(decomposition.loadings[k], dtype=np.float64)
            loadings.append(Strip(title, loading, colour, _named_lines(report, separation.artefacts) + artefacts))
        rows.append((f"Score images ({decomposition.method})", scores))
    masks = [
        Panel(f"pure {separation.matrix}", mask_image(separation.pure_matrix, measured, colours[separation.matrix]))
    ]
    mixtures = []
    for grain in separation.grains:
        there = separation.presence[grain]
        masks.append(Panel(grain, mask_image(there, measured, colours[grain], separation.intersection)))
        mixture = " + ".join((grain, *separation.under[grain]))
        mixtures.append(Panel(mixture, mask_image(separation.masks[grain], measured, colours[grain])))
    pure = [
        Strip(
            f"{name}, pure" if name != separation.matrix else f"{name}, matrix",
            np.asarray(separation.spectra[name], dtype=np.float64),
            colours[name],
            _named_lines(report, separation.artefacts, name) + artefacts,
            None if name == separation.matrix else np.asarray(separation.mask_spectra[name], dtype=np.float64),
        )
        for name in separation.names
    ]
    page = Page(field.shape, max(len(row) for row in (rows[0][1], masks, mixtures)))
    page.add_panels(*rows[0])
    if loadings:
        page.add_image("Loading spectra", draw_strips(loadings, field.energy, page.width - 2 * GAP))
    page.add_panels("Pure matrix and grains, intersections in yellow", masks)
    if mixtures:
        page.add_panels("Mixtures without intersections", mixtures)
    page.add_image("Pure spectra (pale: whole mask)", draw_strips(pure, field.energy, page.width - 2 * GAP))
    page.add_words(
        [share_in_words(separation, grain) for grain in separation.grains],
        [colours[grain] for grain in separation.grains],
    )
    return page.finished()


def _nearest_components(decomposition: Decomposition, separation: Separation) -> dict[str, int]:
    """The component that the pure spectrum of each phase is nearest to, another for each."""
    from scipy.optimize import linear_sum_assignment

    loadings = np.asarray(decomposition.loadings, dtype=np.float64)
    spectra = np.array([separation.spectra[name] for name in separation.names], dtype=np.float64)
    lengths = np.linalg.norm(loadings, axis=1)[:, None] * np.linalg.norm(spectra, axis=1)
    likeness = loadings @ spectra.T / np.maximum(lengths, 1e-300)
    return {separation.names[i]: int(k) for k, i in zip(*linear_sum_assignment(-likeness), strict=True)}


def _named_lines(report: TraceReport, artefacts: tuple[str, ...], phase: str | None = None) -> list[tuple[str, float]]:
    """Names and energies (eV) of the lines that are sure in a phase, or in any, those with most counts first."""
    from napari_gdls.spectra.lines import line_energy

    own = [row for row in report.rows if phase in (None, row.phase) and row.element not in artefacts]
    sure = sorted((row for row in own if row.significance >= _SURE), key=lambda row: -row.net)
    found: dict[str, float] = {}
    for row in sure:
        shell = row.line.split()[-1]
        name = row.element if shell == "K" else row.line
        found.setdefault(name, line_energy(row.element, f"{shell}a"))
    return list(found.items())


def _artefact_lines(separation: Separation) -> list[tuple[str, float]]:
    """Lines of elements that are no part of the specimen, in brackets."""
    from napari_gdls.spectra.lines import element_window
    from napari_gdls.spectra.thin_film import DEFAULT_FILM_BEAM_ENERGY

    field = separation.field
    found = []
    for element in separation.artefacts:
        try:
            low, high = element_window(element, beam_energy=field.beam_energy or DEFAULT_FILM_BEAM_ENERGY)
        except GdlsError:  # the beam excites no line of it
            continue
        found.append((f"({element})", (low + high) / 2))
    return found
