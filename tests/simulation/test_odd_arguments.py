"""Whatever is asked of the simulation: a result, or one clear error; never a numeric warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, GdlsError, RecipeError
from napari_gdls.materials.composition import CompositionError
from napari_gdls.simulation import ROCK, Disturbances, RockMineral, rock_texture, simulate_field
from napari_gdls.spectra import Detector, Emission, line_table, sample_counts, simulate_spectra

NUMBERS = st.sampled_from([-1e300, -1.0, -1e-9, 0, 1e-300, 0.5, 1, 2.5, 7, 40, 91, 1e3, 2**40, 1e12, 1e300, 10**5000])
NOT_NUMBERS = st.sampled_from([float("nan"), float("inf"), "3", None, True, (), (1.0,), [1, 2, 3], {}, object(), 1j])
ODD = (
    NUMBERS
    | NOT_NUMBERS
    | st.fixed_dictionaries({"Si": NUMBERS, "O": NUMBERS})
    | st.tuples(NUMBERS, NUMBERS)
    | st.tuples(st.sampled_from(["C", "Xx", ""]), NUMBERS)
)
AXIS = EnergyAxis(0.0, 40.0, 500)


def disturbed_field(**changes: Any) -> object:
    return simulate_field((12, 12), energy=AXIS, disturbances=Disturbances(**changes))


def mineral(**changes: Any) -> object:
    return RockMineral(**{"name": "quartz", "formula": "SiO2", "share": 1.0, **changes})


def quartz(**changes: Any) -> object:
    return simulate_spectra({"Si": 0.467, "O": 0.533}, **{"energy": AXIS, **changes})


def counted(**changes: Any) -> object:
    return sample_counts(**{"probabilities": np.ones(5), "counts": 10.0, "seed": 0, **changes})


def small_field(**changes: Any) -> object:
    return simulate_field(**{"shape": (12, 12), "energy": AXIS, "minerals": ROCK[:3], **changes})


def small_texture(**changes: Any) -> object:
    return rock_texture(**{"shape": (12, 12), "minerals": ROCK[:3], **changes})


KINDS: dict[str, tuple[Callable[..., object], tuple[str, ...]]] = {
    "field": (
        small_field,
        (
            *(
                "shape",
                "seed",
                "counts",
                "spacing",
                "dense",
                "dots",
                "minerals",
                "texture",
                "bse",
                "grain_size",
                "blur",
            ),
            *("bse_blur", "bse_noise", "energy", "beam_energy", "take_off", "detector", "coating", "disturbances"),
            *("pixel_size", "locations"),
        ),
    ),
    "disturbances": (disturbed_field, tuple(Disturbances.__dataclass_fields__)),
    "texture": (
        small_texture,
        ("shape", "minerals", "seed", "grain_size", "size_spread", "clustering", "roughness", "zoned"),
    ),
    "mineral": (mineral, ("formula", "share", "occurrence", "host", "rim_formula")),
    "spectra": (quartz, ("beam_energy", "take_off", "detector", "energy", "coating", "counts", "seed")),
    "emission": (Emission, ("beam_energy", "take_off", "elements", "coating")),
    "detector": (Detector, tuple(Detector.__dataclass_fields__)),
    "sampling": (counted, ("probabilities", "counts", "seed")),
    "lines": (lambda **changes: line_table("Fe", **changes), ("beam_energy", "take_off", "detector", "smallest")),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_odd_arguments_give_a_result_or_one_clear_error(kind: str, data: st.DataObject) -> None:
    function, names = KINDS[kind]
    name = data.draw(st.sampled_from(names))
    value = data.draw(ODD)
    problem = problem_with(function, {name: value})
    assert problem is None or isinstance(problem, RecipeError | FieldError | CompositionError)


def problem_with(function: Callable[..., object], arguments: dict[str, Any]) -> GdlsError | None:
    """What the function says is wrong with its arguments; warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            function(**arguments)
        except GdlsError as error:
            return error
    return None
