"""What every step of the protocol needs of a field: its counts in analysis channels, and the lines in its sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.field import Field
from napari_gdls.overlap.channels import AnalysisChannels, analysis_channels, require_spectrum_image
from napari_gdls.overlap.line_families import fit_line_families
from napari_gdls.overlap.net_counts import ElementLines, clear_element_lines
from napari_gdls.spectra.thin_film import DEFAULT_FILM_BEAM_ENERGY

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PreparedMap:
    """A field made ready for the protocol.

    Attributes
    ----------
    field : Field
    artefacts : tuple of str
        Elements that are no part of the specimen.
    channels : AnalysisChannels
    binned : (N, n) csr_array of float64
        Counts in the analysis channels.
    lines : ElementLines
        Fitted to the sum of all spectra.
    own : (D,) bool
        Channels that count: those of `channels`.
    """

    field: Field
    artefacts: tuple[str, ...]
    channels: AnalysisChannels
    binned: sp.csr_array
    lines: ElementLines
    own: BoolArray

    @property
    def measured(self) -> BoolArray:
        """Pixels that carry a spectrum, (H, W)."""
        return self.field.to_map(np.ones(self.field.n_measurements, dtype=bool), fill=False)

    def at_measurements(self, image: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Values of an image at the measurements, (N, ...)."""
        return image[self.field.locations[:, 0], self.field.locations[:, 1]]

    def sums(self, masks: Mapping[str, BoolArray]) -> dict[str, FloatArray]:
        """Summed spectra, (D,), of the pixels of each mask."""
        chosen = np.array([self.at_measurements(mask) for mask in masks.values()], dtype=np.float64)
        return dict(zip(masks, np.asarray(chosen @ self.field.spectra, dtype=np.float64), strict=True))

    def binned_spectra(self, spectra: Iterable[FloatArray]) -> FloatArray:
        """Spectra (D,) in analysis channels, of sum 1 and positive everywhere, (K, n)."""
        rows = self.channels.binned(np.array(list(spectra)))
        rows = np.maximum(np.asarray(rows, dtype=np.float64), 0.0)
        rows /= np.maximum(rows.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        # No channel is impossible for a phase: a count there would forbid the phase whatever else the pixel shows.
        rows += _LEAST_IN_CHANNEL / rows.shape[1]
        return np.asarray(rows / rows.sum(axis=1, keepdims=True))


_LEAST_IN_CHANNEL = 0.002
"""Share of the counts that is spread over all channels, whatever a spectrum of finite counts shows there. A choice:
tails of peaks hold as much."""


def prepare_map(field: Field, artefacts: Iterable[str] | None = None) -> PreparedMap:
    """Bring counts into analysis channels, and fit the lines of the sum.

    Parameters
    ----------
    field : Field
        With a spectrum at every valid pixel.
    artefacts : iterable of str, optional
        None: those of the field.

    Raises
    ------
    FieldError
        If pixels between the spectra were not measured.
    """
    require_spectrum_image(field)
    channels = analysis_channels(field, artefacts)
    named = channels.artefacts
    total = field.total_spectrum
    families = fit_line_families(total, field.energy, field.beam_energy or DEFAULT_FILM_BEAM_ENERGY, always=named)
    own = channels.group >= 0
    return PreparedMap(
        field, named, channels, wide_counts(field, channels), clear_element_lines(families, total, named), own
    )


def wide_counts(field: Field, channels: AnalysisChannels) -> sp.csr_array:
    """Counts of each pixel in the analysis channels, (N, n) csr_array of float64."""
    return sp.csr_array(sp.vstack(list(channels.sparse_parts(field)), format="csr"))
