"""The recipe of an unmixing: the arguments of `unmix_overlapping` in one object, saved with every result."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from napari_gdls.checks import shown
from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import RecipeError
from napari_gdls.recipe import Parameter
from napari_gdls.recipe.saved import replaced, saved_values

UNMIXING_RECIPE_VERSION = 1
"""Of the JSON text."""

UNMIXING_METHODS = ("psnmf", "kl", "weighted", "nmf")
"""Decompositions that masks can start from; the scores of "pca" may be negative, so shares cannot be made of them."""

_READABLE_VERSIONS = (1,)  # of the JSON text
_VERSION_KEY = "unmixing_recipe_version"


def _described(default: Any, parameter: Parameter) -> Any:
    return dataclasses.field(default=default, metadata={"parameter": parameter})


@dataclass(frozen=True)
class UnmixingRecipe:
    """Arguments of `napari_gdls.overlap.unmix_overlapping`, shared by dock, command line and scripts.

    Parameters
    ----------
    n_phases : int, optional
        Phases, the matrix among them. None: as many as predict counts that were held out best.
    method : {"psnmf", "kl", "weighted", "nmf"}
        Decomposition that the first masks are made of; see `napari_gdls.overlap.decompose`.
    seed : int
        Of everything random; equal seeds give equal bytes.
    artefacts : tuple of str, optional
        Symbols of elements that are no part of the specimen. None: those that the field names.
    smoothness : float, optional
        What a border between two neighbouring pixels costs, in nats. None: from the noise of the masks.
    matrix : int, optional
        Component that is the matrix, from 0 as in `Decomposition.matrix_component`. None: the one that is largest in
        most pixels.
    tie_element : str or mapping of str to str, optional
        Element that the grains hold nothing of, which gives the share of the matrix: one symbol for all grains, or a
        symbol by the name of the grain. None: chosen.
    rounds : int
        How often masks and spectra are improved in turn.

    Raises
    ------
    RecipeError
        If a value is out of range, a symbol is no element, or an artefact is to be a tie element.
    """

    n_phases: int | None = _described(
        None,
        Parameter(
            int,
            "Phases",
            "Number of phases, the matrix among them.",
            "unmixing",
            minimum=1,
            maximum=50,  # as `napari_gdls.overlap.component_number.MOST_COMPONENTS`, which would load SciPy
            usual=(2, 8),
            unset="chosen by how well counts that are held out are predicted",
            advanced=False,
        ),
    )
    method: str = _described(
        "psnmf",
        Parameter(
            str,
            "Decomposition",
            "Decomposition that the first masks are made of. psnmf: non-negative factors of the binned map, weighted "
            "by counting noise; weighted: of the whole map; kl: the same by Kullback-Leibler divergence; nmf: "
            "unweighted.",
            "unmixing",
            choices=UNMIXING_METHODS,
        ),
    )
    seed: int = _described(
        0,
        Parameter(
            int,
            "Seed",
            "Of everything random; equal seeds give equal results.",
            "unmixing",
            maximum=2**32 - 1,  # the largest that scikit-learn takes
            usual=(0, 1000),
        ),
    )
    artefacts: tuple[str, ...] | None = _described(
        None,
        Parameter(
            str,
            "Artefacts",
            "Elements that are no part of the specimen, such as Cu of the grid, Ga of the ion beam and Si of the "
            "detector: Cu,Ga.",
            "unmixing",
            unset="those that the field names",
            advanced=False,
        ),
    )
    smoothness: float | None = _described(
        None,
        Parameter(
            float,
            "Smoothness",
            "What a border between two neighbouring pixels costs. Larger: smoother masks.",
            "unmixing",
            unit="nats",
            maximum=1000.0,  # the likelihood of no pixel outweighs that; a single phase everywhere is left
            usual=(0.0, 3.0),
            step=0.1,
            unset="from the noise of the masks",
            advanced=False,
        ),
    )
    matrix: int | None = _described(
        None,
        Parameter(
            int,
            "Matrix",
            "Component that is the matrix, counted from 0.",
            "unmixing",
            maximum=49,
            usual=(0, 7),
            unset="the component that is largest in most pixels",
            advanced=False,
        ),
    )
    tie_element: str | Mapping[str, str] | None = _described(
        None,
        Parameter(
            str,
            "Tie element",
            "Element that the grains hold nothing of, which gives the share of the matrix in their spectra.",
            "unmixing",
            unset="chosen for each grain",
            advanced=False,
        ),
    )
    rounds: int = _described(
        6,
        Parameter(
            int,
            "Rounds",
            "How often masks and spectra are improved in turn.",
            "unmixing",
            minimum=1,
            maximum=1000,
            usual=(1, 20),
        ),
    )

    def __post_init__(self) -> None:
        for name, parameter in self.parameters().items():
            if name not in ("artefacts", "tie_element"):
                parameter.check(name, getattr(self, name))
        object.__setattr__(self, "artefacts", _checked_artefacts(self.artefacts))
        object.__setattr__(self, "tie_element", _checked_ties(self.tie_element, self.artefacts or ()))
        if self.matrix is not None and self.n_phases is not None and self.matrix >= self.n_phases:
            raise RecipeError(
                f"recipe: matrix is component {self.matrix} and n_phases {self.n_phases}; components count from 0 to "
                f"{self.n_phases - 1}."
            )

    @classmethod
    def parameters(cls) -> Mapping[str, Parameter]:
        """What is known of every parameter, by its name, in the order of the fields."""
        return _PARAMETERS

    def arguments(self) -> dict[str, Any]:
        """The keywords of `unmix_overlapping` that the recipe stands for."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def replace(self, **changes: Any) -> UnmixingRecipe:
        """The recipe with some parameters changed.

        Raises
        ------
        RecipeError
            If a parameter does not exist or a value is out of range.
        """
        return replaced(self, changes)

    def to_json(self) -> str:
        """The recipe as JSON text."""
        return json.dumps({_VERSION_KEY: UNMIXING_RECIPE_VERSION, **self.arguments()}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> UnmixingRecipe:
        """The recipe written by `to_json`.

        Raises
        ------
        RecipeError
            If the text is no JSON object, of another kind of recipe or a later version, or holds unknown or impossible
            values.
        """
        return cls().replace(**saved_values(text, _VERSION_KEY, _READABLE_VERSIONS)[1])


def _checked_artefacts(given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, list | tuple):
        raise RecipeError(f'recipe: artefacts is {shown(given)}; symbols such as ("Cu", "Ga") are needed.')
    for symbol in given:
        _check_element("artefacts", symbol)
    return tuple(dict.fromkeys(given))


def _checked_ties(given: object, artefacts: tuple[str, ...]) -> str | dict[str, str] | None:
    """The tie elements, as a copy where they are a mapping."""
    if given is None:
        return None
    by_grain: dict[str, str] = dict(given) if isinstance(given, Mapping) else {}
    if isinstance(given, Mapping) and not (by_grain and all(isinstance(grain, str) and grain for grain in by_grain)):
        raise RecipeError(f"recipe: tie_element is {shown(given)}; a symbol by the name of a grain is needed.")
    for symbol in by_grain.values() if by_grain else (given,):
        _check_element("tie_element", symbol)
        if symbol in artefacts:
            raise RecipeError(
                f"recipe: tie_element is {symbol}, which is among the artefacts {', '.join(artefacts)}; an artefact is "
                "everywhere, so it tells nothing of the matrix. Choose an element of the matrix that the grain lacks."
            )
    return by_grain or str(given)


def _check_element(name: str, symbol: object) -> None:
    if symbol not in SYMBOLS:
        raise RecipeError(f"recipe: {name} holds {shown(symbol)}, which is no element; a symbol such as Si is needed.")


_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {field.name: field.metadata["parameter"] for field in dataclasses.fields(UnmixingRecipe)}
)
