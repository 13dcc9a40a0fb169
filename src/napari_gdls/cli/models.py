"""Commands about models and materials: ``napari-gdls train | materials``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_gdls.cli.options import number, progress_bar
from napari_gdls.cli.printing import words_after_results
from napari_gdls.energy import DEFAULT_BEAM_ENERGY

if TYPE_CHECKING:
    from napari_gdls.training.config import TrainingConfig


def train(
    config: Annotated[
        str, typer.Option("--config", "-c", help="Recipe: a TOML file, or windows, cnn, pca (those of the package).")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Weights: NAME.safetensors.")],
    adapt: Annotated[
        Path | None, typer.Option("--adapt", help="Train for the instrument that measured this field.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside the output.")] = False,
) -> None:
    """Train an embedding on simulated spectra; use it with ``segment --model NAME.safetensors``."""
    from napari_gdls.io.atomic import require_writable
    from napari_gdls.training.config import load_config

    require_writable(output)
    settings = load_config(config)
    if adapt is not None:
        settings = _adapted(settings, adapt)
    from napari_gdls.training.trainer import train as trained

    with progress_bar() as progress:
        weights = trained(settings, output=output, resume=resume, progress=progress)
    with words_after_results():
        typer.echo(f"weights: {weights}")
        typer.echo(f"   card: {weights.with_suffix('.json')}")


def materials(
    name: Annotated[str | None, typer.Argument(help="List what cannot be told apart from this material.")] = None,
    counts: Annotated[float, typer.Option(help="Counts of the spectra.", **number(1))] = 1000,
    beam_energy: Annotated[float, typer.Option(help="keV.", **number(1))] = DEFAULT_BEAM_ENERGY,
) -> None:
    """List the materials that embeddings are trained on, or what EDS cannot tell apart from one of them."""
    from napari_gdls.materials import load_materials

    library = load_materials()
    if name is None:
        for material in library:
            typer.echo(f"{material.name}\t{material.group}\t{material.source}\t{material.formula}")
        return
    from napari_gdls.spectra.synthesis import simulate_spectra

    spectra = simulate_spectra(library.compositions, beam_energy=beam_energy)
    alike = library.confusable_with(name, spectra, counts)
    material = library[library.index(name)]
    typer.echo(f"{material.name}: {material.formula}")
    if not alike:
        typer.echo(f"Nothing else looks like it at {counts:,.0f} counts and {beam_energy:g} keV.")
    for other in alike:
        synonyms = f" (also {', '.join(other.synonyms)})" if other.synonyms else ""
        typer.echo(f"{other.separation:8.2f}  {other.name}{synonyms}")


def _adapted(settings: TrainingConfig, path: Path) -> TrainingConfig:
    import dataclasses

    from napari_gdls.embedding.models import load_embedding
    from napari_gdls.io import read_field
    from napari_gdls.training.adaptation import fit_instrument

    found = fit_instrument(read_field(path))
    # On standard error, as progress is: the work is still to come, and a reader that has gone must not cost it.
    typer.echo(f"instrument of {path}: {found}", err=True)
    surprises = found.surprises()
    known = load_embedding().name
    if surprises:
        typer.echo(f"outside of what the embedding {known!r} knows: {'; '.join(surprises)}.", err=True)
    else:
        typer.echo(
            f"all of this is inside what the embedding {known!r} was trained for; it can be used as it is.", err=True
        )
    return dataclasses.replace(settings, instrument=found.training_settings())
