"""The minerals of a segmentation: a name, a composition and a structural formula for every phase."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.mineralogy.calibration import calibrate_field
from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.composition_tables import plain_composition
from napari_gdls.mineralogy.identification import Identification
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.known_phases import KnownPhases, NamedSpectra
from napari_gdls.mineralogy.mixtures import mixture_of
from napari_gdls.mineralogy.naming_libraries import LibrarySpec, naming_library
from napari_gdls.mineralogy.phase_spectra import PhaseSpectra, phase_spectra
from napari_gdls.mineralogy.phase_words import phase_name
from napari_gdls.mineralogy.pure_parts import PurePart, parts_of_mixture, without_host
from napari_gdls.mineralogy.same_names import SameName, phases_of_one_name
from napari_gdls.mineralogy.schemes.export import scheme_of
from napari_gdls.mineralogy.schemes.quantities import scheme_quantities
from napari_gdls.mineralogy.schemes.reading import read_scheme
from napari_gdls.mineralogy.schemes.scheme import UNCLASSIFIED, RuleMatch, Scheme
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit
from napari_gdls.mineralogy.structural_formulas import StructuralFormula, structural_formula
from napari_gdls.progress import Progress, silent
from napari_gdls.segmentation import Segmentation
from napari_gdls.segmentation.names import BY_SCHEME, UNKNOWN, PhaseName, with_those_by_hand

STAGES = ("calibration", "composition", "names")
"""Stages of `identify`, as `Progress` receives them."""

MIXTURE = "fine-grained mixture"
"""Name of a mixture whose parts are not known."""

_MOST_PARTS = 3
"""Parts that the name of a mixture lists."""


@dataclass(frozen=True, eq=False)
class PhaseRow:
    """What is known of a phase.

    Attributes
    ----------
    phase : int
        From 0; it is k + 1 in images and tables.
    name : PhaseName
    identification : Identification
        Of the pure part, where the name comes from that.
    composition : Composition
        Of what was measured, host included.
    formula : StructuralFormula or None
    pure_part : PurePart or None
        What was left when the host was taken away; None where that was not needed or not possible.
    host : int or None
        The phase that was taken away, from 0.
    mixture_of : tuple of (int, float)
        Phases that a mixture consists of, from 0, and their shares of the mass.
    reason : str
        One sentence on where the name comes from, where it is not simply that of the spectrum; else "".
    measurements : int
        That were summed.
    rule : RuleMatch or None
        Class by a scheme of rules, where one was given.
    """

    phase: int
    name: PhaseName
    identification: Identification
    composition: Composition
    formula: StructuralFormula | None
    pure_part: PurePart | None
    host: int | None
    mixture_of: tuple[tuple[int, float], ...]
    reason: str
    measurements: int
    rule: RuleMatch | None = None


@dataclass(frozen=True, eq=False)
class PhaseTable:
    """One row a phase: name, probability, candidates, composition, structural formula.

    Attributes
    ----------
    rows : tuple of PhaseRow
        In the order of the phases; where the method made no phases, of the segments.
    segmentation : Segmentation
        That was named; `named` gives it with the names.
    instrument : Instrument
        Beam, geometry, and the calibration that was found on the sum of all spectra.
    """

    rows: tuple[PhaseRow, ...]
    segmentation: Segmentation
    instrument: Instrument

    @property
    def names(self) -> tuple[PhaseName, ...]:
        """Of each phase. A name that was given by hand stays."""
        return tuple(row.name for row in self.rows)

    def named(self) -> Segmentation:
        """The segmentation with these names."""
        return self.segmentation.with_names(self.names)

    @cached_property
    def could_be_one(self) -> tuple[SameName, ...]:
        """Phases that got one name, and by how much they differ."""
        sure = ["" if row.mixture_of or row.name.name in (UNKNOWN, MIXTURE) else row.name.name for row in self.rows]
        return phases_of_one_name(
            self.segmentation,
            sure,
            [row.composition for row in self.rows],
            [row.identification for row in self.rows],
        )

    def scheme(self, *, name: str = "exported scheme") -> Scheme:
        """A scheme of rules that tells these phases apart: ranges around the composition of each; see `scheme_of`.

        Mixtures and unknown phases are left out.
        """
        return scheme_of(
            [
                (row.name.name, row.name.group, "", row.composition)
                for row in self.rows
                if row.name.name not in (UNKNOWN, MIXTURE, UNCLASSIFIED) and not row.mixture_of
            ],
            name=name,
        )

    def to_json(self) -> str:
        """Everything in the table as a JSON text: names, candidates with misfits, compositions, formulas."""
        return json.dumps(
            {
                "format": "napari-gdls minerals",
                "version": 1,
                "beam_energy_kev": self.instrument.beam_energy,
                "take_off_angle_degrees": self.instrument.take_off_angle,
                "resolution_ev": self.instrument.detector.fwhm,
                "phases": [_plain(row) for row in self.rows],
                "could_be_one": [line.text for line in self.could_be_one],
            },
            indent=1,
            ensure_ascii=False,
        )


def identify(
    segmentation: Segmentation,
    *,
    library: LibrarySpec = None,
    scheme: Scheme | str | os.PathLike[str] | None = None,
    instrument: Instrument | None = None,
    known: KnownPhases | None = None,
    progress: Progress | None = None,
) -> PhaseTable:
    """Name the minerals of a segmentation, and quantify their phases.

    Parameters
    ----------
    segmentation : Segmentation
        Of a thick, polished specimen.
    library : path, str, sequence of str or NamingLibrary, optional
        What phases may be, see `naming_library`. None: all that the package knows.
    scheme : Scheme, path or str, optional
        Rules that names are taken from instead, or the file or name of such (`read_scheme`); what its rules leave over
        is "unclassified". Candidates, composition and formula are the same.
    instrument : Instrument, optional
        Beam, geometry, calibration. None: `calibrate_field`.
    known : KnownPhases, optional
        What earlier calls have found: phases whose sums have not changed are not measured again. None:
        nothing is known.
    progress : Progress, optional
        Receives `STAGES`; may cancel.

    Returns
    -------
    PhaseTable

    Raises
    ------
    GdlsError
        If the field cannot be quantified (see `calibrate_field`), or the library or the scheme cannot be read.

    Notes
    -----
    A phase is judged by the measurements inside its grains. Where it has none, because its grains are too small, what
    lies around them is taken away as far as the elements allow, and the name is that of the pure part
    (`pure_parts.without_host`). Fine-grained mixtures, and what other phases of the field explain, are named as such
    (`pure_parts.parts_of_mixture`), never as a mineral.
    """
    report = silent if progress is None else progress
    rules = scheme if scheme is None or isinstance(scheme, Scheme) else read_scheme(scheme)
    materials = naming_library(library)
    report(STAGES[0], 0.0)
    conditions = calibrate_field(segmentation.field) if instrument is None else instrument
    found = segmentation.measurement_phases
    rows = phase_rows(
        phase_spectra(segmentation),
        conditions,
        library=materials,
        scheme=rules,
        bse=None if found is None else found.pool.bse,
        known=known,
        progress=report,
    )
    names = with_those_by_hand([row.name for row in rows], segmentation.names)
    named = tuple(dataclasses.replace(row, name=name) for row, name in zip(rows, names, strict=True))
    return PhaseTable(named, segmentation, conditions)


def phase_rows(
    sums: PhaseSpectra,
    instrument: Instrument,
    *,
    library: LibrarySpec = None,
    scheme: Scheme | str | os.PathLike[str] | None = None,
    bse: npt.NDArray[np.float64] | None = None,
    known: KnownPhases | None = None,
    progress: Progress | None = None,
) -> tuple[PhaseRow, ...]:
    """Name phases of which the summed spectra are known, as `identify` does, which says what is done.

    Parameters
    ----------
    sums : PhaseSpectra
    instrument : Instrument
        Beam, geometry, calibration.
    library, scheme, known, progress
        As in `identify`.
    bse : (P,) array of float64, optional
        Mean BSE of each phase as a fraction of the full scale, which rules may ask for.

    Returns
    -------
    tuple of P PhaseRow

    Raises
    ------
    GdlsError
        If the library or the scheme cannot be read.
    """
    report = silent if progress is None else progress
    materials = naming_library(library)
    rules = scheme if scheme is None or isinstance(scheme, Scheme) else read_scheme(scheme)
    remembered = (known or KnownPhases()).named(instrument, materials)
    fits: list[SpectrumFit] = []
    for k, counts in enumerate(sums.spectra):
        report(STAGES[1], k / len(sums.spectra))
        fits.append(remembered.fit(counts))
    alone = []
    for k, fit in enumerate(fits):
        report(STAGES[2], k / len(fits) / 2)
        alone.append(remembered.answer(fit))
    rows = []
    for k in range(len(fits)):
        report(STAGES[2], 0.5 + k / len(fits) / 2)
        rows.append(_row(k, sums, fits, alone, remembered))
    if rules is not None:
        rows = [_ruled(row, rules, None if bse is None else float(bse[row.phase])) for row in rows]
    report(STAGES[2], 1.0)
    return tuple(rows)


def _row(
    k: int,
    sums: PhaseSpectra,
    fits: Sequence[SpectrumFit],
    alone: Sequence[Identification],
    known: NamedSpectra,
) -> PhaseRow:
    answer = alone[k]
    name = answer.name
    probability: float | None = answer.probability
    part: PurePart | None = None
    host: int | None = None
    mixture: list[tuple[int, float]] = []
    reason = ""
    if sums.intergrown[k] or not sums.inside[k]:
        mixture = _mixture(k, sums, fits, alone)
    if sums.intergrown[k]:
        name, probability = _name_of_mixture(mixture, alone), None
        reason = "An area with grains that are finer than the distance of the measurements."
        two = None if mixture else mixture_of(fits[k], known.library, alone[k].candidates)
        if two is not None and two.gain > 0:
            reason += f" Of two minerals, {two.first} and {two.second} explain it best."
    elif mixture:
        name, probability = _name_of_mixture(mixture, alone), None
        reason = "No measurement inside a grain, and other phases of the field explain the spectrum as a mixture."
    elif not sums.inside[k]:
        host = _host(k, sums)
        part = None if host is None else without_host(fits[k], fits[host])
        if part is None or host is None:
            reason = "No measurement inside a grain: the spectrum may hold what lies around."
        else:
            answer = known.answer(known.fit(part.counts))
            name, probability = answer.name, answer.probability
            reason = (
                f"No measurement inside a grain: named from the pure part, {100 * part.share:.0f} % of the counts were "
                f"taken away as phase {host + 1}, until no {part.limited_by} was left."
            )
    composition = alone[k].composition
    formula = None
    if probability is not None and name != UNKNOWN:
        pure = answer.composition
        formula = structural_formula(pure.mass_percent, pure.error, answer.best.group, name=name)
    return PhaseRow(
        k,
        phase_name(name, probability, answer, composition, formula, reason),
        answer,
        composition,
        formula,
        part,
        host,
        tuple(mixture),
        reason,
        int(sums.measurements[k]),
    )


def _mixture(
    k: int, sums: PhaseSpectra, fits: Sequence[SpectrumFit], alone: Sequence[Identification]
) -> list[tuple[int, float]]:
    """Phases inside grains that explain a phase, and their shares; none where these have less than two names."""
    others = [j for j in np.flatnonzero(sums.inside & ~sums.intergrown).tolist() if j != k]
    parts = [(others[j], share) for j, share in parts_of_mixture(fits[k], [fits[j] for j in others])]
    return parts if len(_names_of(parts, alone)) > 1 else []


def _names_of(parts: Sequence[tuple[int, float]], alone: Sequence[Identification]) -> list[str]:
    return list(dict.fromkeys(alone[j].name for j, _ in parts if alone[j].name != UNKNOWN))[:_MOST_PARTS]


def _name_of_mixture(parts: Sequence[tuple[int, float]], alone: Sequence[Identification]) -> str:
    names = _names_of(parts, alone)
    if len(names) < 2:
        return MIXTURE
    return f"mixture of {', '.join(names[:-1])} and {names[-1]}"


def _host(k: int, sums: PhaseSpectra) -> int | None:
    """The phase that a phase without an inside touches most."""
    borders = np.where(sums.inside, sums.shared_borders[k], 0)
    borders[k] = 0
    return int(borders.argmax()) if borders.max() > 0 else None


def _ruled(row: PhaseRow, rules: Scheme, bse: float | None) -> PhaseRow:
    """With the name of its class."""
    match = rules.classify(scheme_quantities(row.composition, bse))
    name = dataclasses.replace(
        row.name,
        name=match.name,
        probability=None,
        source=BY_SCHEME,
        cannot_be_told_from=(),
        group=match.group,
        details="\n".join([*match.reasons, row.name.details]),
    )
    return dataclasses.replace(row, name=name, rule=match)


def _plain(row: PhaseRow) -> dict[str, Any]:
    return {
        "phase": row.phase + 1,
        "name": row.name.name,
        "source": row.name.source,
        "probability": row.name.probability,
        "cannot_be_told_from": list(row.name.cannot_be_told_from),
        "reason": row.reason,
        "rules": [] if row.rule is None else list(row.rule.reasons),
        "mixture_of": [{"phase": phase + 1, "share": share} for phase, share in row.mixture_of],
        "candidates": [
            {
                "name": c.name,
                "probability": c.probability,
                "group": c.group,
                "formula": c.formula,
                "cannot_be_told_from": list(c.cannot_be_told_from),
                "misfit": c.misfit,
            }
            for c in row.identification.candidates
        ],
        "coordinates": {
            c.name: {"value": c.value, "error": c.error, "low": c.low, "high": c.high}
            for c in row.identification.coordinates
        },
        "formula": None if row.formula is None else row.formula.text,
        "measurements": row.measurements,
        **plain_composition(row.composition),
    }
