"""The command that says which minerals there are: ``napari-gdls identify``; and the names that a segmentation gets."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_gdls.cli.options import Overwrite, progress_bar
from napari_gdls.cli.printing import print_table, words_after_results
from napari_gdls.cli.quantifying import print_composition, require_target
from napari_gdls.cli.reading_options import Reading, with_reading_options
from napari_gdls.cli.subjects import (
    BeamEnergy,
    LabelImage,
    Subjects,
    TakeOff,
    conditions_line,
    instrument_of,
    is_single_spectrum,
    phases_of,
    spectrum_of,
    sums_by_label,
)
from napari_gdls.errors import GdlsError, GdlsWarning

if TYPE_CHECKING:
    from napari_gdls.mineralogy import Candidate, Identification, PhaseTable
    from napari_gdls.segmentation import Segmentation

Library = Annotated[
    list[str] | None,
    typer.Option(
        "--library",
        help="What there can be: a table of your own (NAME.csv), or a rock type, a group or a mineral; can be given "
        "several times. Default: all minerals that the package knows.",
        metavar="FILE|NAME",
    ),
]

SchemeFile = Annotated[
    str | None,
    typer.Option(
        "--scheme",
        help="Take names from the rules of a scheme instead: NAME.json, or silicate_rock or sulphide_ore, which come "
        "along.",
    ),
]

_ENDINGS = (".csv", ".json")

_LEAST_SHOWN = 0.005
"""Probability of candidates that are printed."""

_LARGEST_MISFIT = 2.0
"""Standard errors from which on a difference from the first candidate is printed."""


@with_reading_options()
def identify(
    *,
    path: Annotated[
        Path,
        typer.Argument(
            help="Spectrum (.msa, .emsa, .spx), or a field in any format that can be read, or a sample's name."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Of a field: also write the minerals to NAME.csv, or all to NAME.json."),
    ] = None,
    library: Library = None,
    scheme: SchemeFile = None,
    export_scheme: Annotated[
        Path | None,
        typer.Option("--export-scheme", help="Of a field: also write rules that tell its phases apart to NAME.json."),
    ] = None,
    labels: LabelImage = None,
    beam_energy: BeamEnergy = None,
    take_off: TakeOff = None,
    reading: Reading,
    overwrite: Overwrite = False,
) -> None:
    """Print which mineral a spectrum, or each phase of a field, can be, and how probable that is.

    What EDS cannot tell apart is one answer. "unknown" competes with all that the library holds. For flat, polished,
    thick specimens.
    """
    if is_single_spectrum(path):
        if any(given is not None for given in (labels, output, scheme, export_scheme)):
            raise GdlsError(f"{path}: is one spectrum; leave --labels, --output, --scheme and --export-scheme out.")
        _print_each(spectrum_of(path, beam_energy, take_off), library)
        return
    if output is not None:
        require_target(output, overwrite, _ENDINGS)
    if export_scheme is not None:
        require_target(export_scheme, overwrite, (".json",))
    field = reading.field_or_sample(path)
    result = phases_of(field, labels)
    if result is None:
        assert labels is not None
        if any(given is not None for given in (output, scheme, export_scheme)):
            raise GdlsError(
                f"{labels}: is not of an earlier run, whose phases --output, --scheme and --export-scheme are for; "
                "leave them out."
            )
        _print_each(sums_by_label(field, labels, beam_energy, take_off), library)
        return
    table = minerals_of(result, library, scheme, beam_energy, take_off)
    if export_scheme is not None:
        _write_scheme(export_scheme, table, overwrite)
    if output is not None:
        _write(output, table, overwrite)
    with words_after_results():
        _print_table(table)
        if output is not None:
            typer.echo(f"{output}: written")


def minerals_of(
    result: Segmentation,
    library: list[str] | None,
    scheme: str | None,
    beam_energy: float | None,
    take_off: float | None,
) -> PhaseTable:
    """The minerals of a segmentation."""
    from napari_gdls.mineralogy import identify as identified

    instrument = instrument_of(result.field, beam_energy, take_off)
    with progress_bar() as progress:
        return identified(
            result, library=specified_library(library), scheme=scheme, instrument=instrument, progress=progress
        )


def with_names(
    result: Segmentation,
    library: list[str] | None = None,
    scheme: str | None = None,
    beam_energy: float | None = None,
    take_off: float | None = None,
) -> Segmentation:
    """The segmentation with the names of its minerals; without, and a warning why, where they cannot be found."""
    from napari_gdls.mineralogy import naming_library, read_scheme

    # A library or scheme that cannot be read is an error, not a reason to go without.
    naming_library(specified_library(library))
    if scheme is not None:
        read_scheme(scheme)
    try:
        return minerals_of(result, library, scheme, beam_energy, take_off).named()
    except GdlsError as error:
        warnings.warn(f"the phases have no names: {error}", GdlsWarning, stacklevel=2)
        return result


def specified_library(library: list[str] | None) -> str | list[str] | None:
    """What the option --library names, as `napari_gdls.mineralogy.naming_library` takes it."""
    return library[0] if library and len(library) == 1 else library or None


def _print_each(subjects: Subjects, library: list[str] | None) -> None:
    from napari_gdls.mineralogy import identify_spectrum

    found: list[Identification | str] = []
    with progress_bar() as progress:
        for k, counts in enumerate(subjects.spectra):
            instrument = subjects.instrument
            try:
                found.append(
                    identify_spectrum(
                        counts,
                        instrument.energy,
                        beam_energy=instrument.beam_energy,
                        take_off_angle=instrument.take_off_angle,
                        library=specified_library(library),
                        instrument=instrument,
                    )
                )
            except GdlsError as error:
                if not subjects.is_field:
                    raise
                found.append(str(error))
            progress("names", (k + 1) / len(subjects.titles))
    typer.echo(conditions_line(subjects.instrument))
    for title, counts, answer in zip(subjects.titles, subjects.spectra, found, strict=True):
        typer.echo(f"\n{title}, {counts.sum():,.0f} counts")
        if isinstance(answer, str):
            typer.echo(f"not named: {answer}")
        else:
            _print_identification(answer)


def _print_identification(answer: Identification) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading, justify in (("mineral", "left"), ("p", "right"), ("group", "left"), ("not to be told from", "left")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for candidate in answer.candidates:
        if candidate.probability >= _LEAST_SHOWN:
            table.add_row(
                candidate.name,
                f"{candidate.probability:.2f}",
                candidate.group,
                ", ".join(candidate.cannot_be_told_from),
            )
    print_table(table)
    for line in _evidence(answer):
        typer.echo(line)
    print_composition(answer.composition)


def _evidence(answer: Identification) -> list[str]:
    """Coordinates in the solid solution, and what speaks against the first candidate."""
    lines = [f"{c.name} {c.value:.2f} +- {c.error:.2f} (95 %: {c.low:.2f} to {c.high:.2f})" for c in answer.coordinates]
    named = next((c for c in answer.candidates if c.composition), None)
    if named is not None:
        against = _against(named)
        lines.append(
            f"Against {named.name}: {against}."
            if against
            else f"Nothing differs from {named.name} by {_LARGEST_MISFIT:g} standard errors or more."
        )
    return lines


def _against(candidate: Candidate) -> str:
    return ", ".join(
        f"{symbol} {'more' if misfit > 0 else 'less'} than expected by {abs(misfit):.1f} standard errors"
        for symbol, misfit in sorted(candidate.misfit.items(), key=lambda item: -abs(item[1]))
        if abs(misfit) >= _LARGEST_MISFIT
    )


def _write(output: Path, table: PhaseTable, overwrite: bool) -> None:
    from napari_gdls.io import write_table, write_text
    from napari_gdls.segmentation import mineral_table

    if output.name.lower().endswith(".csv"):
        write_table(output, mineral_table(table.named()), overwrite=overwrite)
    else:
        write_text(output, table.to_json() + "\n", overwrite=overwrite)


def _write_scheme(path: Path, table: PhaseTable, overwrite: bool) -> None:
    from napari_gdls.io import write_text

    write_text(path, table.scheme(name=path.stem).to_json() + "\n", overwrite=overwrite)


def _print_table(table: PhaseTable) -> None:
    from rich.table import Table

    typer.echo(conditions_line(table.instrument))
    shown = Table(box=None, pad_edge=False)
    for heading, justify in (("phase", "right"), ("area %", "right"), ("mineral", "left"), ("p", "right")):
        shown.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    shown.add_column("or", overflow="fold")
    shown.add_column("formula, coordinates", overflow="fold")
    percent = table.segmentation.modal.percent if table.segmentation.has_phases else None
    for row in table.rows:
        name = row.name
        others = [
            f"{c.name} {c.probability:.2f}"
            for c in row.identification.candidates
            if c.name != name.name and c.probability >= 10 * _LEAST_SHOWN
        ]
        place = [f"{c.name} {c.value:.2f} +- {c.error:.2f}" for c in row.identification.coordinates]
        shown.add_row(
            str(row.phase + 1),
            "" if percent is None else f"{percent[row.phase]:.1f}",
            name.name,
            "" if name.probability is None else f"{name.probability:.2f}",
            ", ".join(others),
            ", ".join(filter(None, [name.formula, *place])) if name.formula else "",
        )
    print_table(shown)
    for row in table.rows:
        if row.reason:
            typer.echo(f"Phase {row.phase + 1}: {row.reason}")
    told = {row.name.name: row.name.cannot_be_told_from for row in table.rows if row.name.cannot_be_told_from}
    for mineral, others_of_it in told.items():
        typer.echo(f"{mineral} is not to be told from {', '.join(others_of_it)}.")
    for line in table.could_be_one:
        typer.echo(line.text)
