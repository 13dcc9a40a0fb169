"""Training of an embedding, from a recipe to a file of weights with its card."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_gdls.embedding.calibration import REFERENCE_COUNTS
from napari_gdls.embedding.learned import save_learned
from napari_gdls.embedding.losses import build_loss
from napari_gdls.embedding.networks import PrincipalComponents, SpectrumNetwork, axis_of, build_network
from napari_gdls.errors import Cancelled, OutputError, RecipeError
from napari_gdls.io.atomic import write_text
from napari_gdls.progress import Progress, silent
from napari_gdls.training.batches import BatchDesign, BatchGenerator
from napari_gdls.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from napari_gdls.training.config import TrainingConfig
from napari_gdls.training.families import FamilySource, TrainingMaterials
from napari_gdls.training.ideal_library import (
    IdealLibrary,
    draw_beams,
    draw_beams_near,
    draw_instruments,
    draw_instruments_near,
)
from napari_gdls.training.validation import COUNTS, JUST_SEPARABLE, ONE_MATERIAL, calibrate, validation_auc

# Streams of random numbers that must not touch, derived from the seed of the recipe.
_INSTRUMENTS, _SPLIT, _TRAINING, _VALIDATION, _CALIBRATION = range(1, 6)
_STANDARD_BATCHES = 12  # whose features give the mean and the scale that a network starts with: a choice
_FIRST_STANDARD_BATCH = 10**9  # number of the first of them; far from those that are learned from
_FINAL_RATE = 0.02  # last learning rate over the highest: a choice
_LOSS_RATE = 3.0  # learning rate of the temperature over that of the weights: a choice
_LATEST_LOSS = 0.01  # how much of the loss that is reported is that of the latest step, the rest of those before
_SPECTRA_AT_A_TIME = 512  # in evaluation: bounds the memory
_STREAMS = 10  # seeds of two recipes times this leave room for the streams above


@dataclass(frozen=True)
class TrainingData:
    """Generators of the batches to learn from, to validate on and to calibrate with."""

    training: BatchGenerator
    validation: BatchGenerator
    calibration: BatchGenerator


def training_data(
    config: TrainingConfig,
    materials: TrainingMaterials,
    *,
    binning: int,
    device: str = "cpu",
    progress: Progress | None = None,
) -> TrainingData:
    """Simulate what a training needs.

    Validation uses pairs of materials, but not instruments, that training never mixes; calibration, single materials.

    Parameters
    ----------
    config : TrainingConfig
    materials : TrainingMaterials
    binning : int
        Canonical channels to add up; see `SpectrumNetwork`.
    device : str
    progress : Progress, optional
    """
    rng = np.random.default_rng([config.seed, _INSTRUMENTS])
    n_beams = min(config.beams, config.instruments)
    known = dict(config.instrument)
    level = known.pop("continuum", 1.0)
    if known:
        beam = {name: known.pop(name) for name in ("beam_energy", "take_off")}
        beams = draw_beams_near(rng, n_beams, **beam)
        instruments = draw_instruments_near(rng, config.instruments, n_beams, **known)
    else:
        beams = draw_beams(rng, n_beams)
        instruments = draw_instruments(rng, config.instruments, n_beams)
    library = IdealLibrary(
        materials.compositions, beams, instruments, axis_of(binning), device=device, progress=progress
    )
    seen, unseen = family_sources(config, materials)
    design = BatchDesign(config.families, config.members, config.samples, config.spacing, continuum_level=level)

    def generator(source: FamilySource, what: BatchDesign, stream: int) -> BatchGenerator:
        return BatchGenerator(library, source, what, seed=config.seed * _STREAMS + stream)

    return TrainingData(
        generator(seen, design, _TRAINING),
        generator(unseen, replace(JUST_SEPARABLE, continuum_level=level), _VALIDATION),
        generator(seen, replace(ONE_MATERIAL, continuum_level=level), _CALIBRATION),
    )


def family_sources(config: TrainingConfig, materials: TrainingMaterials) -> tuple[FamilySource, FamilySource]:
    """Where a recipe draws its families from: those it learns from, and those held out of it."""
    return materials.source().split(config.held_out, seed=config.seed + _SPLIT)


def train(
    config: TrainingConfig,
    *,
    output: str | os.PathLike[str],
    resume: bool = False,
    progress: Progress | None = None,
    materials: TrainingMaterials | None = None,
    note: str = "",
) -> Path:
    """Train an embedding and write its weights.

    Parameters
    ----------
    config : TrainingConfig
    output : path-like
        File of the weights, NAME.safetensors. Beside it: NAME.json, the card; NAME.curves.csv, loss and validation over
        the steps; while it trains, NAME.checkpoint.safetensors.
    resume : bool
        Go on from the checkpoint beside `output`, if there is one. On the CPU the result is the same as without a stop.
    progress : Progress, optional
        May raise `Cancelled`: what was learned stays in the checkpoint.
    materials : TrainingMaterials, optional
        None: all of the package's.
    note : str
        A remark for the card.

    Returns
    -------
    Path
        Of the weights, for `load_embedding`.

    Raises
    ------
    RecipeError
        If the settings do not fit each other, the device or the checkpoint.
    OutputError
        If a file cannot be written.
    Cancelled
        If `progress` asks for it.
    """
    target = Path(output)
    if target.suffix != ".safetensors":
        raise RecipeError(f"{target}: name the weights NAME.safetensors.")
    try:  # now, not when hours of work are to be written
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent}: the folder cannot be made ({error.strerror}).") from None
    report = progress or silent
    library = materials if materials is not None else TrainingMaterials.of_library()
    device = training_device(config.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build_network(config.architecture, config.network)
    network.to(device)
    data = training_data(config, library, binning=network.binning, device=device, progress=progress)
    curves: list[dict[str, float]] = []
    if isinstance(network, PrincipalComponents):
        _fit(network, data.training, config.pca_batches, report)
    else:
        curves = _learn(network, config, data, library.digest, target, resume, report)
    _finish(network, config, data, library, curves, target, note, report)
    return target


def training_device(name: str) -> str:
    """The device of that name, "auto" being the fastest there is.

    Raises
    ------
    RecipeError
        If this machine has no such device.
    """
    from napari_gdls.embedding.inference import available_devices

    devices = available_devices()
    if name == "auto":
        # Sampling needs Poisson numbers from a seeded generator on the device, which MPS has not.
        return devices[0] if devices[0] != "mps" else "cpu"
    if name not in devices:
        raise RecipeError(f"training: no device {name!r} on this machine; there are: auto, {', '.join(devices)}.")
    return name


def embedder(network: SpectrumNetwork) -> Callable[[torch.Tensor], npt.NDArray[np.float32]]:
    """The network as it is, as a function from binned counts to vectors."""

    def embed(binned: torch.Tensor) -> npt.NDArray[np.float32]:
        learning = network.training
        network.eval()
        with torch.inference_mode():
            vectors = torch.cat([network.embed(part) for part in torch.split(binned, _SPECTRA_AT_A_TIME)])
        network.train(learning)
        return np.asarray(vectors.cpu().numpy())

    return embed


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Rate of a step: a linear rise, then a cosine down to `_FINAL_RATE` of the highest."""
    fall = 0.5 * (1 + math.cos(math.pi * step / config.steps))
    return (
        config.learning_rate * min(1.0, (step + 1) / max(config.warm_up, 1)) * (fall * (1 - _FINAL_RATE) + _FINAL_RATE)
    )


def _learn(
    network: SpectrumNetwork,
    config: TrainingConfig,
    data: TrainingData,
    digest: str,
    target: Path,
    resume: bool,
    report: Progress,
) -> list[dict[str, float]]:
    loss = build_loss(config.loss).to(next(network.parameters()).device)
    groups: list[dict[str, Any]] = [{"params": list(network.parameters()), "weight_decay": config.weight_decay}]
    if list(loss.parameters()):
        groups.append({"params": list(loss.parameters()), "weight_decay": 0.0})
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate)
    checkpoint = target.with_suffix(".checkpoint.safetensors")
    state = Checkpoint(0, config.to_dict(), digest, [], math.nan)
    if resume and checkpoint.exists():
        state = read_checkpoint(checkpoint, network, loss, optimiser)
        _check_same_training(checkpoint, state, config, digest)
    elif config.start_from:
        _start_from(network, config)
    else:
        batches = range(_FIRST_STANDARD_BATCH, _FIRST_STANDARD_BATCH + _STANDARD_BATCHES)
        network.standardise(torch.cat([data.training.batch(number).counts for number in batches]))

    curves = list(state.curves)
    embed = embedder(network)
    step, recent = state.step, state.recent_loss
    network.train()

    def keep() -> None:
        stored = Checkpoint(step, config.to_dict(), digest, curves, recent)
        write_checkpoint(checkpoint, stored, network, loss, optimiser)

    try:
        while step < config.steps:
            rate = learning_rate(config, step)
            for group, factor in zip(optimiser.param_groups, (1.0, _LOSS_RATE), strict=False):
                group["lr"] = rate * factor
            batch = data.training.batch(step)
            value = loss(network.embed(batch.counts), batch.labels, batch.counts.sum(dim=1))
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
            optimiser.step()
            step += 1
            latest = float(value.detach())
            recent = latest if math.isnan(recent) else (1 - _LATEST_LOSS) * recent + _LATEST_LOSS * latest
            if not math.isfinite(recent):
                raise RecipeError(f"training: the loss is {recent} at step {step}; lower the learning rate.")
            if step % config.validate_every == 0 or step == config.steps:
                scores = validation_auc(embed, data.validation)
                row = {"step": float(step), "loss": recent, "learning_rate": rate}
                curves.append(row | {f"auc_{counts}": value for counts, value in scores.items()})
                keep()
                write_text(target.with_suffix(".curves.csv"), _as_csv(curves))
            report("training", step / config.steps)
    except Cancelled:
        keep()
        raise
    return curves


def _fit(network: PrincipalComponents, generator: BatchGenerator, batches: int, report: Progress) -> None:
    expected, noisy = [], []
    for number in range(batches):
        report("sampling", number / batches)
        batch = generator.batch(number, counts=REFERENCE_COUNTS)
        expected.append(batch.expected[batch.members])
        noisy.append(batch.counts)
    network.fit(torch.cat(expected), torch.cat(noisy))


def _finish(
    network: SpectrumNetwork,
    config: TrainingConfig,
    data: TrainingData,
    materials: TrainingMaterials,
    curves: list[dict[str, float]],
    target: Path,
    note: str,
    report: Progress,
) -> None:
    report("calibration", 0.0)
    network.eval()
    embed = embedder(network)
    scores = validation_auc(embed, data.validation, counts=COUNTS)
    report("calibration", 0.5)
    calibrated = calibrate(embed, data.calibration, batches=config.calibration_batches)
    card = {
        "name": target.stem,
        "architecture": config.architecture,
        "network": config.network,
        "dimension": network.dimension,
        "calibration": vars(calibrated.calibration),
        "false_splits_at_delta_z_1": {key: round(value, 4) for key, value in calibrated.false_splits.items()},
        "validation_auc": {str(counts): round(value, 4) for counts, value in scores.items()},
        "steps": int(curves[-1]["step"]) if curves else 0,
        "recipe": config.to_dict(),
        "materials": {
            "number": len(materials.compositions),
            "mixing_lines": len(materials.lines),
            "sha256": materials.digest,
        },
        "note": note,
    }
    state = {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}
    save_learned(target, state, card)
    report("calibration", 1.0)


def _check_same_training(path: Path, state: Checkpoint, config: TrainingConfig, digest: str) -> None:
    free = ("device", "validate_every", "calibration_batches")  # what may change on the way
    # Settings that later versions added have their defaults.
    stored = TrainingConfig.from_dict(state.config, where=str(path)).to_dict()
    before = {key: value for key, value in stored.items() if key not in free}
    now = {key: value for key, value in config.to_dict().items() if key not in free}
    if before != now:
        changed = ", ".join(sorted(key for key in now if before.get(key) != now[key]))
        raise RecipeError(f"{path}: belongs to a training with other settings ({changed}); start again, or use those.")
    if state.materials != digest:
        raise RecipeError(f"{path}: belongs to a training with other materials; do not resume, start again.")


def _start_from(network: SpectrumNetwork, config: TrainingConfig) -> None:
    from napari_gdls.embedding.learned import LearnedEmbedding
    from napari_gdls.embedding.models import load_embedding

    source = load_embedding(config.start_from)
    if not isinstance(source, LearnedEmbedding) or source.architecture != config.architecture:
        raise RecipeError(
            f"training: start_from is {config.start_from!r}; weights of a {config.architecture} are needed."
        )
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in source.tensors.items()})
    except RuntimeError as error:
        raise RecipeError(
            f"training: {config.start_from} does not fit the settings of the network ({error})."
        ) from None


def _as_csv(rows: list[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: int(value) if key == "step" else f"{value:.6g}" for key, value in row.items()})
    return text.getvalue()
