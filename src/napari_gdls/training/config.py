"""Training recipes: every setting of a training, read from TOML and saved with the weights."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from napari_gdls.errors import RecipeError

LOSS_NAMES = ("supcon", "semihard-triplet")
ARCHITECTURE_NAMES = ("windows", "cnn", "pca")
INSTRUMENT_SETTINGS = {
    "beam_energy": (2.0, 50.0),
    "take_off": (5.0, 90.0),
    "offset": (-100.0, 100.0),
    "gain": (-0.05, 0.05),
    "fwhm": (60.0, 300.0),
    "continuum": (0.05, 20.0),
}
"""Settings of an instrument to train for, and their ranges: what can be simulated, wider than what is built."""


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training.

    Parameters
    ----------
    architecture : {"windows", "cnn", "pca"}
        See `embedding.networks`.
    network : dict
        Parameters of the architecture other than its defaults.
    loss : {"supcon", "semihard-triplet"}
    steps : int
        Batches to learn from. "pca" is fitted to `pca_batches` batches instead.
    seed : int
        Of everything: start values, instruments, batches.
    learning_rate, weight_decay : float
        Of AdamW.
    warm_up : int
        Steps over which the learning rate rises linearly; afterwards it falls with a cosine to a fiftieth.
    clip : float
        Largest norm of the gradient.
    families, members, samples : int
        See `batches.BatchDesign`.
    spacing : (float, float)
        See `batches.BatchDesign`.
    beams, instruments : int
        Number of simulated beams, and of instruments with them. One batch is one instrument.
    held_out : float
        Share of the solid-solution pairs kept for validation.
    validate_every : int
        Steps between validations, which are also checkpoints.
    pca_batches : int
        Batches that "pca" is fitted to.
    calibration_batches : int
        Batches, of one instrument each, at every number of counts, that the scale of delta_z is measured on.
    device : str
        "auto", "cpu", "cuda", "mps".
    start_from : str
        Name or path of weights to start from (fine-tuning); empty for random ones.
    instrument : dict
        Train for one instrument instead of all: beam_energy (keV), take_off (degrees), offset (eV), gain, fwhm (eV) and
        continuum (over the simulated one), as `adaptation.FittedInstrument` holds them. Empty for all.

    Raises
    ------
    RecipeError
        If a value is impossible.
    """

    architecture: str = "windows"
    network: dict[str, Any] = field(default_factory=dict)
    loss: str = "supcon"
    steps: int = 50_000
    seed: int = 0
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    warm_up: int = 100
    clip: float = 1.0
    families: int = 16
    members: int = 4
    samples: int = 4
    spacing: tuple[float, float] = (0.5, 12.0)
    beams: int = 12
    instruments: int = 48
    held_out: float = 0.1
    validate_every: int = 1000
    pca_batches: int = 200
    calibration_batches: int = 30
    device: str = "auto"
    start_from: str = ""
    instrument: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (("architecture", ARCHITECTURE_NAMES), ("loss", LOSS_NAMES)):
            if getattr(self, name) not in known:
                raise RecipeError(f"training: {name} is {getattr(self, name)!r}; choose one of {', '.join(known)}.")
        for name in ("device", "start_from"):
            if not isinstance(getattr(self, name), str):
                raise RecipeError(f"training: {name} is {getattr(self, name)!r}; text is needed.")
        if not isinstance(self.network, dict):
            raise RecipeError(f"training: network is {self.network!r}; a table of parameters is needed.")
        self._check_instrument()
        whole = ["steps", "families", "members", "samples", "beams", "instruments"]
        whole += ["validate_every", "pca_batches", "calibration_batches"]
        for name in (*whole, "seed", "warm_up"):
            value = getattr(self, name)
            lowest = 1 if name in whole else 0
            if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
                raise RecipeError(f"training: {name} is {value!r}; a whole number of at least {lowest} is needed.")
        for name in ("learning_rate", "clip", "weight_decay", "held_out"):
            value = getattr(self, name)
            lowest_allowed = value >= 0 if name == "weight_decay" else _is_number(value) and value > 0
            if not _is_number(value) or not lowest_allowed:
                raise RecipeError(f"training: {name} is {value!r}; a positive number is needed.")
        if self.architecture == "pca" and self.start_from:
            raise RecipeError("training: pca is fitted in one step; it cannot start from other weights (start_from).")
        if self.held_out >= 1:
            raise RecipeError(f"training: held_out is {self.held_out}; a share below 1 is needed.")
        if self.members < 2 and self.families < 2:
            raise RecipeError("training: one family of one member has nothing to be told apart from.")
        if self.samples < 2:
            raise RecipeError("training: samples is 1; a material needs at least two spectra to be the same.")
        try:
            low, high = (float(value) for value in self.spacing)
        except (TypeError, ValueError):
            raise RecipeError(f"training: spacing is {self.spacing!r}; two numbers are needed.") from None
        if not 0 < low <= high < math.inf:
            raise RecipeError(f"training: spacing is {low}..{high}; it must be a range of positive numbers.")
        object.__setattr__(self, "spacing", (low, high))

    def _check_instrument(self) -> None:
        if not isinstance(self.instrument, dict):
            raise RecipeError(f"training: instrument is {self.instrument!r}; a table of numbers is needed.")
        if self.instrument and set(self.instrument) != set(INSTRUMENT_SETTINGS):
            raise RecipeError(
                f"training: instrument has {', '.join(sorted(self.instrument))}; it needs exactly "
                f"{', '.join(INSTRUMENT_SETTINGS)}."
            )
        for name, value in self.instrument.items():
            low, high = INSTRUMENT_SETTINGS[name]
            if not _is_number(value) or not low <= value <= high:
                raise RecipeError(f"training: instrument.{name} is {value!r}; {low:g} to {high:g} can be simulated.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and TOML."""
        return {**dataclasses.asdict(self), "spacing": list(self.spacing)}

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, where: str = "training") -> TrainingConfig:
        """The settings of a table; missing ones have their defaults.

        Raises
        ------
        RecipeError
            If a setting is unknown or impossible; the message starts with `where`.
        """
        known = [each.name for each in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise RecipeError(f"{where}: no setting {', '.join(unknown)}; there are {', '.join(known)}.")
        if isinstance(values.get("spacing"), list):
            values = {**values, "spacing": tuple(values["spacing"])}
        try:
            return cls(**values)
        except RecipeError as error:
            raise RecipeError(f"{where}: {error}") from None


def available_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package: those of the shipped weights."""
    folder = resources.files("napari_gdls.training") / "recipes"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))


def load_config(name_or_path: str | Path) -> TrainingConfig:
    """A recipe by name, or from a TOML file.

    Raises
    ------
    RecipeError
        If there is no such recipe or file, or it holds something else than settings of `TrainingConfig`.
    """
    if str(name_or_path) in available_recipes():
        text = (resources.files("napari_gdls.training") / "recipes" / f"{name_or_path}.toml").read_text(
            encoding="utf-8"
        )
    else:
        try:
            text = Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
            recipes = ", ".join(available_recipes())
            raise RecipeError(
                f"{name_or_path}: cannot be read ({reason}). Recipes that come along: {recipes}."
            ) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name_or_path}: not TOML ({error}).") from None
    return TrainingConfig.from_dict(values, where=str(name_or_path))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
