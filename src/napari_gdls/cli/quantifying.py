"""The command that says how much of what is in a material: ``napari-gdls quantify``."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls.cli.options import ELEMENTS, Overwrite, progress_bar
from napari_gdls.cli.printing import print_table, words_after_results
from napari_gdls.cli.reading_options import Reading, with_reading_options
from napari_gdls.cli.subjects import (
    BeamEnergy,
    LabelImage,
    Subjects,
    TakeOff,
    beam_energy_of,
    conditions_line,
    instrument_of,
    is_single_spectrum,
    phases_of,
    spectrum_of,
    sums_by_label,
)
from napari_gdls.errors import GdlsError, OutputError

if TYPE_CHECKING:
    from napari_gdls.mineralogy import Composition, Factors, Instrument, Standard

_OXYGEN = ("auto", "measured", "stoichiometric")

_ENDINGS = (".csv", ".json")

_MOST_PRINTED = 12
"""Compositions of a field that are printed in full, those of the most counts; the file has them all."""


def _oxygen(text: str) -> str:
    if text not in _OXYGEN:
        raise typer.BadParameter(f"{text[:40]!r} is none of {', '.join(_OXYGEN)}.")
    return text


Standards = Annotated[
    list[str] | None,
    typer.Option(
        "--standard",
        help="Spectrum of known composition, measured under the same conditions: FILE where the file states the "
        "composition, or FILE=FORMULA. Can be given several times.",
        metavar="FILE[=FORMULA]",
    ),
]


@with_reading_options()
def quantify(
    *,
    path: Annotated[
        Path,
        typer.Argument(
            help="Spectrum (.msa, .emsa, .spx), or a field in any format that can be read, or a sample's name."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write everything to NAME.csv or NAME.json.")
    ] = None,
    standard: Standards = None,
    elements: Annotated[
        str | None,
        typer.Option(
            help="Only these elements, all of them: Si,O,Fe. Default: they are searched.",
            show_default=False,
            **{**ELEMENTS, "metavar": "Si,O,Fe"},
        ),
    ] = None,
    oxygen: Annotated[
        str,
        typer.Option(
            help="Oxygen by its line (measured), by the charges of the other elements (stoichiometric), or the latter "
            "where both agree (auto).",
            parser=_oxygen,
            metavar="|".join(_OXYGEN),
        ),
    ] = "auto",
    labels: LabelImage = None,
    beam_energy: BeamEnergy = None,
    take_off: TakeOff = None,
    reading: Reading,
    overwrite: Overwrite = False,
) -> None:
    """Print what a spectrum, or each phase of a field, consists of: percent with errors, limits of detection.

    For flat, polished, thick specimens. Errors are one standard error, of counting and of the physics together.
    """
    if elements is not None and not elements:
        raise typer.BadParameter("name at least one element, or leave --elements out to have them searched.")
    if output is not None:
        require_target(output, overwrite, _ENDINGS)
    subjects = _subjects(path, labels, beam_energy, take_off, reading)
    compositions = _compositions(subjects, oxygen, elements, standard or (), beam_energy, take_off)
    if output is not None:
        _write(output, subjects, compositions, overwrite)
    with words_after_results():
        _print(subjects, compositions)
        if output is not None:
            typer.echo(f"{output}: written")


def _subjects(
    path: Path, labels: Path | None, beam_energy: float | None, take_off: float | None, reading: Reading
) -> Subjects:
    from napari_gdls.mineralogy.phase_spectra import phase_spectra

    if is_single_spectrum(path):
        if labels is not None:
            raise GdlsError(f"{path}: is one spectrum, which has no labels; leave --labels out.")
        return spectrum_of(path, beam_energy, take_off)
    field = reading.field_or_sample(path)
    result = phases_of(field, labels)
    if result is None:
        assert labels is not None
        return sums_by_label(field, labels, beam_energy, take_off)
    instrument = instrument_of(result.field, beam_energy, take_off)
    titles = [f"phase {k + 1}" for k in range(result.n_phases)]
    return Subjects(titles, phase_spectra(result).spectra, instrument, is_field=True, segmentation=result)


def _compositions(
    subjects: Subjects,
    oxygen: str,
    elements: Sequence[str] | None,
    standards: Sequence[str],
    beam_energy: float | None,
    take_off: float | None,
) -> list[Composition | str]:
    """Composition of each subject, or why it has none."""
    from napari_gdls.mineralogy import quantify_spectrum

    factors = factors_of(standards, subjects.instrument, beam_energy, take_off)
    found: list[Composition | str] = []
    with progress_bar() as progress:
        for k, counts in enumerate(subjects.spectra):
            try:
                found.append(
                    quantify_spectrum(
                        counts,
                        subjects.instrument.energy,
                        beam_energy=subjects.instrument.beam_energy,
                        take_off_angle=subjects.instrument.take_off_angle,
                        oxygen=oxygen,
                        elements=elements,
                        standards=factors,
                        instrument=subjects.instrument,
                    )
                )
            except GdlsError as error:
                if not subjects.is_field:
                    raise
                found.append(str(error))
            progress("composition", (k + 1) / len(subjects.titles))
    return found


def factors_of(
    standards: Sequence[str], instrument: Instrument, beam_energy: float | None, take_off: float | None
) -> Factors | None:
    """Factors by the standards of the command line; None where there are none."""
    from napari_gdls.mineralogy import standard_factors

    if not standards:
        return None
    return standard_factors([_standard(text, instrument, beam_energy, take_off) for text in standards], instrument)


def _standard(text: str, instrument: Instrument, beam_energy: float | None, take_off: float | None) -> Standard:
    """A standard from "FILE" or "FILE=FORMULA"; where its file does not state the conditions, those given hold."""
    from napari_gdls.io import read_spectrum
    from napari_gdls.materials.formula import composition_of
    from napari_gdls.mineralogy import Standard

    name, _, formula = text.rpartition("=") if "=" in text and not Path(text).exists() else (text, "", "")
    path = Path(name)
    spectrum = read_spectrum(path)
    composition = composition_of(formula) if formula else spectrum.composition
    if composition is None:
        raise GdlsError(
            f"{path}: does not state its composition; give it as --standard {path}=FORMULA, with a formula."
        )
    energy = beam_energy_of(path, spectrum, spectrum.beam_energy if spectrum.beam_energy is not None else beam_energy)
    angle = spectrum.take_off_angle
    if angle is None:
        angle = instrument.take_off_angle if take_off is None else take_off
    return Standard(path.stem, spectrum.counts, spectrum.energy, composition, energy, angle)


def require_target(output: Path, overwrite: bool, endings: tuple[str, ...]) -> None:
    """Refuse a target that cannot be written, before the work is done whose results are to go there."""
    from napari_gdls.io.atomic import require_writable

    if not output.name.lower().endswith(endings):
        raise OutputError(f"{output}: tables are written as {' or '.join(endings)}; give such a name.")
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: already there; choose another name, or give --overwrite.")
    require_writable(output, overwrite=overwrite)


def _write(output: Path, subjects: Subjects, compositions: list[Composition | str], overwrite: bool) -> None:
    import numpy as np

    from napari_gdls.io import write_table, write_text
    from napari_gdls.mineralogy import composition_table, plain_composition

    known = [
        (title, found) for title, found in zip(subjects.titles, compositions, strict=True) if not isinstance(found, str)
    ]
    if output.name.lower().endswith(".csv"):
        tables = [(title, composition_table(found)) for title, found in known]
        if not tables:
            raise GdlsError(f"{os.fspath(output)}: nothing was written, since nothing could be quantified.")
        columns = {"spectrum": np.concatenate([np.full(len(table["element"]), title) for title, table in tables])}
        columns |= {name: np.concatenate([table[name] for _, table in tables]) for name in tables[0][1]}
        write_table(output, columns, overwrite=overwrite)
        return
    instrument = subjects.instrument
    spectra = [
        {"spectrum": title, **({"problem": found} if isinstance(found, str) else plain_composition(found))}
        for title, found in zip(subjects.titles, compositions, strict=True)
    ]
    content = {
        "format": "napari-gdls compositions",
        "version": 1,
        "beam_energy_kev": instrument.beam_energy,
        "take_off_angle_degrees": instrument.take_off_angle,
        "resolution_ev": instrument.detector.fwhm,
        "spectra": spectra,
    }
    write_text(output, json.dumps(content, indent=1, ensure_ascii=False) + "\n", overwrite=overwrite)


def _print(subjects: Subjects, compositions: list[Composition | str]) -> None:
    import numpy as np

    typer.echo(conditions_line(subjects.instrument))
    order = np.argsort(-subjects.spectra.sum(axis=1), kind="stable")
    for k in sorted(order[:_MOST_PRINTED].tolist()):
        counts, found = subjects.spectra[k].sum(), compositions[k]
        typer.echo(f"\n{subjects.titles[k]}, {counts:,.0f} counts")
        if isinstance(found, str):
            typer.echo(f"not quantified: {found}")
        else:
            print_composition(found)
    rest = len(order) - _MOST_PRINTED
    if rest > 0:
        typer.echo(f"\n... and {rest} more of fewer counts; -o NAME.csv writes them all.")


def print_composition(composition: Composition) -> None:
    """A composition as a table, and below it what else a user should know of it."""
    from rich.table import Table

    from napari_gdls.mineralogy import composition_table

    columns = composition_table(composition)
    headings = ["element", "wt%", "+-", "at%", "oxide", "wt% ", "limit", "factor"]
    names = ["element", "mass [wt%]", "error [wt%]", "atomic [at%]", "oxide", "oxide [wt%]", "detection limit [wt%]"]
    has_oxides = bool(composition.oxide_percent)
    shown = [k for k in range(len(headings)) if has_oxides or headings[k] not in ("oxide", "wt% ")]
    table = Table(box=None, pad_edge=False)
    for k in shown:
        table.add_column(headings[k], justify="left" if headings[k] in ("element", "oxide", "factor") else "right")
    found = [k for k, symbol in enumerate(columns["element"].tolist()) if symbol in composition.mass_percent]
    for k in sorted(found, key=lambda k: -columns["mass [wt%]"][k]):
        row = [_cell(columns[name][k]) for name in names] + [str(columns["factor"][k])]
        table.add_row(*(row[each] for each in shown))
    print_table(table)
    for line in composition_lines(composition):
        typer.echo(line)


def composition_lines(composition: Composition) -> list[str]:
    """Oxygen, limits of what was not found, artefacts and remarks, in words."""
    lines = []
    if composition.oxygen == "stoichiometric":
        lines.append(f"Oxygen by stoichiometry; by its own line it is {composition.measured_oxygen:.3g} wt%.")
    missing = {s: v for s, v in composition.detection_limit.items() if s not in composition.mass_percent}
    if missing:
        listed = ", ".join(f"{symbol} {_cell(limit)}" for symbol, limit in missing.items())
        lines.append(f"Not found, and less than (wt%): {listed}.")
    lines += [f"{artefact.kind.capitalize()}: {artefact.reason}." for artefact in composition.artefacts]
    lines += list(composition.remarks)
    lines.append(f"Misfit {composition.misfit:.2f} (1: as counting and 3 % of the model let expect).")
    return lines


def _cell(value: Any) -> str:
    """Two decimals for percents; three digits where that would leave none; nothing for NaN."""
    if isinstance(value, str):
        return value
    number = float(value)
    if number != number:
        return ""
    return f"{number:.2f}" if abs(number) >= _LEAST_IN_DECIMALS else f"{number:.2g}"


_LEAST_IN_DECIMALS = 0.1
"""Percent; smaller ones are printed with two digits."""
