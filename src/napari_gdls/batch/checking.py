"""Before the work of a batch: whether its fields can be read, and go together. All that is wrong is said at once."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from napari_gdls.batch.inputs import FieldInput
from napari_gdls.energy import EnergyAxis, common_axis
from napari_gdls.errors import FieldError, FieldReadError, GdlsError, GdlsWarning
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.registry import header_with_warnings
from napari_gdls.progress import Progress, silent

_THREADS = 8
"""Headers that are read at a time: most of the time goes into waiting for drives. A choice."""

_SAME_WIDTH = 0.01
_SAME_OFFSET = 3.0
"""Part of a channel's width, and channels, by which calibrations of equally many channels may differ: a detector that
was calibrated anew, and not one with other settings, whose channels differ by a factor. A choice; what is summed over
fields is moved to one axis in any case."""

_SAME_BEAM = 0.01
"""Part by which beam energies may differ, as where a file holds what was measured and not what was set. A choice."""

_SAME_PIXELS = 1e-3
"""Part by which pixel sizes may differ: one pixel over a field of a thousand. A choice."""

_MOST_NAMED = 5  # fields that a message names
_MOST_PROBLEMS = 20  # that one error lists


class FieldsError(GdlsError):
    """Fields of a batch cannot be read, or do not go together.

    Parameters
    ----------
    problems : sequence of str
        A sentence or two each.
    n_fields : int
        Of the batch.
    """

    def __init__(self, problems: Sequence[str], n_fields: int) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - _MOST_PROBLEMS
        shown = [*self.problems[:_MOST_PROBLEMS], *([f"and {more:,} more problems"] if more > 0 else [])]
        together = "\n".join(f"- {each}" for each in shown)
        said = shown[0] if len(shown) == 1 else f"these {n_fields:,} fields make no batch:\n{together}"
        gap = " " if len(shown) == 1 else "\n"
        without = "To go on without them, give `leave_out=True`." if n_fields > 1 else ""
        super().__init__(f"{said}{gap}{without}".strip())


@dataclass(frozen=True, eq=False)
class CheckedFields:
    """Fields that go together.

    Attributes
    ----------
    inputs : tuple of FieldInput
    headers : dict of str to FieldHeader
        Of each, by name.
    energy : EnergyAxis
        That sums over all fields are on.
    notes : tuple of str
        What the user should know, a line each.
    left_out : dict of str to str
        Fields that are not taken, and why.
    """

    inputs: tuple[FieldInput, ...]
    headers: dict[str, FieldHeader]
    energy: EnergyAxis
    notes: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def stored_bytes(self) -> int:
        """Of the files of all fields."""
        return sum(header.stored_bytes for header in self.headers.values())

    def left_out_in_words(self) -> list[str]:
        """A line for each field that is not taken, but for most of very many."""
        lines = [f"left out: {name}: {why}" for name, why in self.left_out.items()]
        more = len(lines) - _MOST_PROBLEMS
        return [*lines[:_MOST_PROBLEMS], *([f"and {more:,} more fields are left out"] if more > 0 else [])]


def checked_fields(
    inputs: Sequence[FieldInput],
    *,
    reading: Mapping[str, Any] | None = None,
    convert: bool = False,
    leave_out: bool = False,
    progress: Progress | None = None,
) -> CheckedFields:
    """Look at the headers of all fields; none of their counts is read.

    Fields go together that were measured alike: at one beam energy, with pixels of one size, on one energy axis but for
    what a detector is calibrated anew. What most fields have in common is taken for what is meant.

    Parameters
    ----------
    inputs : sequence of FieldInput
    reading : map, optional
        Arguments of `napari_gdls.read_field` for all of them.
    convert : bool
        Whether fields on other energy axes are taken, too: each is segmented on its own, and what is summed over all
        is moved to the channels that all have, as wide as the widest.
    leave_out : bool
        Whether fields that cannot be read or do not fit the others are left out, instead of refusing them all.
    progress : callable, optional
        Receives "headers"; may cancel.

    Returns
    -------
    CheckedFields

    Raises
    ------
    FieldsError
        With all that is wrong, by names of fields.
    """
    headers, unreadable = _headers(inputs, dict(reading or {}), progress or silent)
    problems = _grouped(unreadable, len(inputs))
    left_out = {name: f"{error.problem}. {error.remedy}".strip() for name, error in unreadable.items()}
    notes: list[str] = []
    for trait in _TRAITS:
        meant, others = trait.apart(headers)
        if not others:
            continue
        if trait.convertible and convert:
            notes += [f"{said}; sums of all fields are moved to one axis" for said, _ in others]
            continue
        for said, names in others:
            problems.append(f"{said}. {trait.remedy}")
            left_out |= dict.fromkeys(names, f"{said}. {trait.remedy}")
        if leave_out:
            headers = {name: headers[name] for name in meant}
    if problems and not leave_out:
        raise FieldsError(problems, len(inputs))
    kept = tuple(each for each in inputs if each.name not in left_out)
    if not kept:
        raise FieldsError(problems or ["there is no field to work on."], len(inputs))
    headers = {each.name: headers[each.name] for each in kept}
    try:
        energy = common_axis(header.energy for header in headers.values())
    except FieldError:
        raise FieldsError(["the fields have no energies in common; make a batch of each kind."], len(inputs)) from None
    if all(header.pixel_size is None for header in headers.values()):
        notes.append("the fields do not state the size of their pixels: areas are in pixels, not in um")
    if all(header.beam_energy is None for header in headers.values()):
        notes.append("the fields do not state the energy of the beam: give `beam_energy=`, else 20 keV are taken")
    return CheckedFields(kept, headers, energy, tuple(notes), left_out)


def _headers(
    inputs: Sequence[FieldInput], reading: dict[str, Any], progress: Progress
) -> tuple[dict[str, FieldHeader], dict[str, FieldReadError]]:
    """Headers by name, in the order of the fields; and why others have none."""
    found: dict[str, FieldHeader] = {}
    failed: dict[str, FieldReadError] = {}
    pool = ThreadPoolExecutor(_THREADS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GdlsWarning)  # reading says it
            futures = {pool.submit(header_with_warnings, each.path, **reading): each.name for each in inputs}
            for done, future in enumerate(as_completed(futures), 1):
                try:
                    found[futures[future]] = future.result()
                except FieldReadError as error:
                    failed[futures[future]] = error
                progress("headers", done / len(futures))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    names = [each.name for each in inputs]
    return (
        {name: found[name] for name in names if name in found},
        {name: failed[name] for name in names if name in failed},
    )


def _grouped(unreadable: Mapping[str, FieldReadError], n_fields: int) -> list[str]:
    """A sentence for each kind of problem."""
    kinds: dict[tuple[str, str], list[FieldReadError]] = defaultdict(list)
    for error in unreadable.values():
        kinds[error.problem, error.remedy].append(error)
    said = []
    for (problem, remedy), errors in kinds.items():
        if len(errors) == 1:
            said.append(str(errors[0]))
            continue
        files = ", ".join(error.path for error in errors[:_MOST_NAMED])
        more = f" and {len(errors) - _MOST_NAMED:,} more" if len(errors) > _MOST_NAMED else ""
        said.append(f"{len(errors):,} of {n_fields:,} fields: each {problem}: {files}{more}. {remedy}".strip())
    return said


@dataclass(frozen=True)
class _Trait:
    """What fields of a batch have in common."""

    value_of: Callable[[FieldHeader], Any]
    same: Callable[[Any, Any], bool]
    words: Callable[[Any], str]
    remedy: str
    convertible: bool = False

    def apart(self, headers: Mapping[str, FieldHeader]) -> tuple[list[str], list[tuple[str, list[str]]]]:
        """Fields that have what most have; and the others, each kind with a word on it."""
        kinds: list[tuple[Any, list[str]]] = []
        for name, header in headers.items():
            value = self.value_of(header)
            for known, names in kinds:
                if self.same(known, value):
                    names.append(name)
                    break
            else:
                kinds.append((value, [name]))
        if not kinds:
            return [], []
        usual, meant = max(kinds, key=lambda kind: len(kind[1]))  # the first of the largest
        total = len(headers)
        others = []
        for value, names in kinds:
            if names is meant:
                continue
            shown = ", ".join(names[:_MOST_NAMED]) + (
                f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
            )
            have = "has" if len(names) == 1 else "have"
            rest = f"{meant[0]} has" if len(meant) == 1 else f"{len(meant):,} have"
            others.append(
                (f"{len(names):,} of {total:,} fields {have} {self.words(value)} ({shown}), where {rest} "
                 f"{self.words(usual)}", names)
            )  # fmt: skip
        return meant, others


def _same_axis(one: EnergyAxis, other: EnergyAxis) -> bool:
    return (
        one.size == other.size
        and abs(one.width - other.width) <= _SAME_WIDTH * one.width
        and abs(one.offset - other.offset) <= _SAME_OFFSET * one.width
    )


def _near(part: float) -> Callable[[float | None, float | None], bool]:
    def same(one: float | None, other: float | None) -> bool:
        if one is None or other is None:
            return one is other
        return abs(one - other) <= part * max(one, other)

    return same


_TRAITS = (
    _Trait(
        lambda header: header.energy,
        _same_axis,
        lambda axis: f"{axis.size:,} channels of {axis.width:g} eV from {axis.offset:g} eV",
        "Measured with other settings, they are another batch; or give `convert=True`, so that what is summed over all "
        "fields is moved to channels that all have.",
        convertible=True,
    ),
    _Trait(
        lambda header: header.beam_energy,
        _near(_SAME_BEAM),
        lambda kev: "no beam energy" if kev is None else f"a beam of {kev:g} keV",
        "Spectra of other beams are not comparable: make a batch of each; where files are silent or wrong, give "
        "`beam_energy=` for all.",
    ),
    _Trait(
        lambda header: header.pixel_size,
        _near(_SAME_PIXELS),
        lambda um: "no pixel size" if um is None else f"pixels of {um:.5g} um",
        "Pixels of a section are of one size, as areas and places are counted in them: make a batch of each.",
    ),
)
"""In the order in which they are looked at."""
