"""What is shown of a run: at a larger tau_z, with all that was done by hand, and with the names that were measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.plugin.field_state import partition_of
from napari_gdls.plugin.phase_names import with_measured_names, with_names_by_hand
from napari_gdls.segmentation import phase_at
from napari_gdls.segmentation.names import UNNAMED, PhaseName, merged_names

if TYPE_CHECKING:
    from napari_gdls.mineralogy.phase_table import PhaseTable
    from napari_gdls.plugin.edit_history import EditHistory
    from napari_gdls.progress import Progress
    from napari_gdls.recipe import Correction, Place
    from napari_gdls.segmentation.result import Segmentation

KEPT = 8
"""Results of a run that are kept, chosen: undo and redo of a few steps, and a slider that is moved back, find them."""
_DIGEST = 16
"""Bytes of a digest: of a thousand million phases no two have the same by chance."""


class Derivation:
    """What can be shown of one run; the results that were needed last are kept.

    Parameters
    ----------
    run : Segmentation
        See `napari_gdls.plugin.phase_names.uncorrected`.
    named : Segmentation, optional
        Another result, whose measured names hold for phases that are the same as long as nobody has measured them.
    """

    def __init__(self, run: Segmentation, named: Segmentation | None = None) -> None:
        self.run = run
        self._named = named if named is not None and named.names else None
        self._found: dict[tuple[float, tuple[Correction, ...]], Segmentation] = {}
        self._digests: dict[bytes, tuple[bytes, ...]] = {}

    def shown(
        self,
        tau_z: float,
        history: EditHistory,
        minerals: Mapping[bytes, PhaseTable],
        colours: Mapping[Place, tuple[float, float, float]],
        progress: Progress,
    ) -> tuple[Segmentation, PhaseTable | None]:
        """The run at a larger tau_z, corrected, and named.

        Parameters
        ----------
        tau_z : float
            No larger than that of the run: as it is.
        history : EditHistory
        minerals : mapping
            What phases were measured to be, by partition.
        colours : mapping
            Colours by hand, by the place of a measurement of their phase.
        progress : Progress

        Returns
        -------
        Segmentation, PhaseTable or None
            Where its phases have not been measured yet, those that consist of the same measurements as one that was
            have its name, those that the larger tau_z made of phases of one name keep it, and others have none.
        """
        coarse = self._kept(tau_z, (), progress)
        found = self._kept(tau_z, history.corrections, progress) if history.corrections else coarse
        if not found.has_phases:
            return found, None
        self._digests_of(found)
        measured = minerals.get(partition_of(found))
        names = () if measured is None else measured.names
        if measured is None and (minerals or self._named is not None):
            names = self._names_known(found, coarse, minerals)
        named = with_measured_names(with_names_by_hand(found, history.names), names)
        by_phase = {
            phase: colour for place, colour in colours.items() if (phase := phase_at(named, *place)) is not None
        }
        return named.recoloured(by_phase) if by_phase else named, measured

    def _kept(self, tau_z: float, corrections: tuple[Correction, ...], progress: Progress) -> Segmentation:
        key = tau_z, corrections
        found = self._found.pop(key, None)
        if found is None:
            found = self._made(tau_z, corrections, progress)
        self._found[key] = found
        while len(self._found) > KEPT:
            del self._found[next(iter(self._found))]
        return found

    def _made(self, tau_z: float, corrections: tuple[Correction, ...], progress: Progress) -> Segmentation:
        if corrections:
            from napari_gdls.pipeline import correct  # imports torch, which takes seconds when it is the first to do so

            return correct(self._kept(tau_z, (), progress), corrections, progress=progress)
        lowest = self.run.recipe.tau_z
        coarser = self.run.has_phases and lowest is not None and tau_z > lowest
        return self.run.coarsened(tau_z) if coarser else self.run

    def _names_known(
        self, found: Segmentation, coarse: Segmentation, minerals: Mapping[bytes, PhaseTable]
    ) -> tuple[PhaseName, ...]:
        """Names of phases by those that other results of the run have for the same measurements."""
        known: dict[bytes, PhaseName] = {}
        if self._named is not None:
            before = (name.called("") for name in self._named.names)
            known |= zip(self._digests_of(self._named), before, strict=True)
        of_run = minerals.get(partition_of(self.run))
        if of_run is not None and coarse is not self.run:
            fine, after = self.run.grouped.labels, coarse.grouped.labels
            group = np.zeros(self.run.n_phases, dtype=np.int64)
            group[fine] = after
            merged = merged_names(of_run.names, group, np.bincount(fine, minlength=len(group)))
            known |= zip(self._digests_of(coarse), merged, strict=True)
        for partition, table in minerals.items():
            if partition in self._digests:
                known |= zip(self._digests[partition], table.names, strict=True)
        names = tuple(known.get(digest, UNNAMED) for digest in self._digests_of(found))
        return names if any(each.name for each in names) else ()

    def _digests_of(self, segmentation: Segmentation) -> tuple[bytes, ...]:
        """Of the measurements of each phase."""
        partition = partition_of(segmentation)
        if partition not in self._digests:
            labels, n = segmentation.grouped.labels, segmentation.n_phases
            order = np.argsort(labels, kind="stable")
            parts = np.split(order, np.cumsum(np.bincount(labels, minlength=n))[:-1])
            digests = (hashlib.blake2b(part.tobytes(), digest_size=_DIGEST) for part in parts)
            self._digests[partition] = tuple(each.digest() for each in digests)
        return self._digests[partition]
