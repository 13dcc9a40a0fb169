"""Spectra of the dock as files and on the clipboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.io.msa import write_msa
from napari_gdls.io.tables import write_table

if TYPE_CHECKING:
    from napari_gdls.plugin.field_state import FieldState, Pinned
    from napari_gdls.plugin.shown_spectra import ShownSpectrum
    from napari_gdls.plugin.widgets.spectrum_plot import SpectrumPlot

ENERGY = "energy [keV]"
"""Title of the column of energies."""


def spectrum_columns(
    spectra: Sequence[ShownSpectrum | Pinned], energies: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.float64]]:
    """Columns of a table of spectra: energies in keV, and the counts of each, whatever scale they are drawn on.

    Parameters
    ----------
    spectra : sequence of ShownSpectrum or Pinned
    energies : (D,) array
        Centres of the channels in keV.
    """
    columns = {ENERGY: energies}
    for spectrum in spectra:
        title, n = f"{spectrum.title} [counts]", 2
        while title in columns:
            title, n = f"{spectrum.title} ({n}) [counts]", n + 1
        columns[title] = spectrum.counts
    return columns


def save_table(path: str, spectra: Sequence[ShownSpectrum | Pinned], energies: npt.NDArray[np.float64]) -> None:
    """Write spectra as a CSV file; see `spectrum_columns`."""
    write_table(path, spectrum_columns(spectra, energies))


def save_msa(path: str, spectrum: ShownSpectrum | Pinned, state: FieldState) -> None:
    """Write a spectrum as an EMSA/MAS file."""
    name = path if path.lower().endswith((".msa", ".emsa")) else f"{path}.msa"
    write_msa(
        name,
        spectrum.counts,
        state.field.energy,
        title=spectrum.title,
        beam_energy=state.beam_energy,
        comments=[f"{state.title}: sum of {spectrum.n_spectra} spectra"],
    )


def save_picture(path: str, plot: SpectrumPlot) -> None:
    """Write what the plot shows as a PNG or SVG file.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    from pyqtgraph.exporters import ImageExporter, SVGExporter

    vector = path.lower().endswith(".svg")
    name = path if vector or path.lower().endswith(".png") else f"{path}.png"
    exporter = SVGExporter(plot.scene()) if vector else ImageExporter(plot.scene())
    exporter.export(name)
    if not Path(name).exists():
        raise OutputError(f"{name}: the picture could not be written; choose another folder.")


def as_text(columns: dict[str, npt.NDArray[np.float64]]) -> str:
    """Columns as text with tabs, as sheets of numbers take it from the clipboard."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(f"{value:.10g}" for value in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(lines)
