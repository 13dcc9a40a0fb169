"""What is known of the overlapping phases of one field: plain data that outlives the dock."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.overlap.classification import DEFAULT_SMOOTHNESS
from napari_gdls.overlap.traces import BOX_SIZE

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.overlap import ComponentEvidence, Decomposition, Separation, TraceReport, Unmixing

Role = Literal["matrix", "grain", "artefact"]
MaskSource = Literal["automatic", "strokes"]
Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]

MATRIX_COLOUR = "#4c78ff"
GRAIN_COLOURS = ("#ff5a36", "#3ddc68", "#ffd23f", "#d65cff", "#2fd6d6", "#ff9fb8", "#c8a26b")
BOTH_COLOUR = "#ffffff"

_NAME_OF_A_RUN = re.compile(r"(phase|component) \d+")


@dataclass(frozen=True)
class Component:
    """A component of the decomposition, as the user sees it.

    Attributes
    ----------
    name : str
        Of the phase, once the user knows it.
    role : {"matrix", "grain", "artefact"}
        Artefacts (a hole, the carbon film, the grid) are no part of the specimen: their pixels belong to no phase.
    colour : str
        "#rrggbb", in layers and plots.
    """

    name: str
    role: Role
    colour: str


@dataclass(eq=False)
class OverlapState:
    """What is known of the overlapping phases of a field; changed by the methods of `OverlapSession` only.

    Attributes
    ----------
    field : Field
    artefacts : tuple of str
        Symbols of elements that are no part of the specimen.
    n_components : int or None
        Asked of the next decomposition. None: found.
    method : str
        Of the next decomposition.
    evidence : ComponentEvidence or None
        The last that was computed, for the number of components.
    decomposition : Decomposition or None
    unmixing : Unmixing or None
        The automatic run that the decomposition belongs to.
    components : tuple of Component
        One each of the decomposition, in its order.
    strokes : (H, W) array of int32 or None
        What was painted: 0 nothing, i + 1 component i, k + 1 both (a pixel of an intersection).
    source : {"automatic", "strokes"}
        Where masks come from: from the automatic run, with the strokes as corrections, or from the pixel classifier
        that learns from the strokes.
    smoothness : dict of MaskSource to float
        In nats; see `napari_gdls.overlap.classify_pixels` and `detect_presence`.
    matrix_by_hand : bool
        Whether the user has said which component is the matrix; the next automatic run keeps to it.
    names_found : dict of int to str
        What the automatic run calls the phase of a component.
    presence : dict of int to (H, W) array of bool
        What the automatic run found, by component, at `presence_smoothness`.
    presence_smoothness : float
    probabilities : (H, W, k + 1) array or None
        From the classifier of the strokes.
    masks : dict of int to (H, W) array of bool
        Where each component that is not the matrix is, intersections included. Empty: not known yet.
    separation : Separation or None
        Of these masks, or of those before the last change if its own is under way.
    by_hand : dict of int to str or float
        What the user has chosen for a component: the element of the tie line, or the share of the matrix.
    grain : int or None
        Component that the separation is shown of.
    box : (top, left, bottom, right) or None
        Box that whole masks are compared to, in rows and columns, the latter two exclusive. None: as many pixels of
        each mask as a usual box has.
    report : TraceReport or None
        Of the separation, with the box.
    ratio : (str, str) or None
        Elements whose ratio is shown.
    problems : dict of str to str
        What went wrong in steps that follow by themselves: "masks", "separation", "traces".
    """

    field: Field
    artefacts: tuple[str, ...] = ()
    n_components: int | None = None
    method: str = "psnmf"
    evidence: ComponentEvidence | None = None
    decomposition: Decomposition | None = None
    unmixing: Unmixing | None = None
    components: tuple[Component, ...] = ()
    strokes: npt.NDArray[np.int32] | None = None
    source: MaskSource = "strokes"
    smoothness: dict[MaskSource, float] = dataclass_field(default_factory=lambda: {"strokes": DEFAULT_SMOOTHNESS})
    matrix_by_hand: bool = False
    names_found: dict[int, str] = dataclass_field(default_factory=dict)
    presence: dict[int, Mask] = dataclass_field(default_factory=dict)
    presence_smoothness: float = 0.0
    probabilities: npt.NDArray[np.float64] | None = None
    masks: dict[int, Mask] = dataclass_field(default_factory=dict)
    separation: Separation | None = None
    by_hand: dict[int, str | float] = dataclass_field(default_factory=dict)
    grain: int | None = None
    box: Box | None = None
    report: TraceReport | None = None
    ratio: tuple[str, str] | None = None
    problems: dict[str, str] = dataclass_field(default_factory=dict)

    @property
    def both_label(self) -> int:
        """Label of strokes, and of the layer of masks, for pixels where grains overlap."""
        return len(self.components) + 1

    @property
    def matrix(self) -> int | None:
        """Component that is the matrix; None before the decomposition."""
        return next((i for i, component in enumerate(self.components) if component.role == "matrix"), None)

    @property
    def grains(self) -> tuple[int, ...]:
        """Components that are grains."""
        return tuple(i for i, component in enumerate(self.components) if component.role == "grain")

    @property
    def presence_fits(self) -> bool:
        """Whether the matrix is still what the automatic run took for it."""
        return self.unmixing is not None and self.names_found.get(self.matrix or 0) == self.unmixing.matrix

    @property
    def is_painted(self) -> bool:
        """Whether there are strokes."""
        return self.strokes is not None and bool(self.strokes.any())

    @property
    def is_as_found(self) -> bool:
        """Whether the separation is still that of the automatic run: nothing was painted, renamed or chosen since."""
        return self.unmixing is not None and self.separation is self.unmixing.separation

    def component_named(self, name: str) -> int | None:
        """Component of that name; None if there is none."""
        return next((i for i, component in enumerate(self.components) if component.name == name), None)

    def mask_labels(self) -> npt.NDArray[np.int32]:
        """The masks as one image of labels, (H, W): 0 matrix or nothing, i + 1 component i, k + 1 several grains."""
        labels = np.zeros(self.field.shape, dtype=np.int32)
        several = np.zeros(self.field.shape, dtype=np.int64)
        for i, mask in self.masks.items():
            labels[mask] = i + 1
            several += mask
        labels[several > 1] = self.both_label
        return labels


def central_box(shape: tuple[int, int]) -> Box:
    """The box in the middle of an image, `BOX_SIZE` px wide and high, or less in smaller images."""
    (height, width) = shape
    tall, wide = min(BOX_SIZE, height), min(BOX_SIZE, width)
    top, left = (height - tall) // 2, (width - wide) // 2
    return top, left, top + tall, left + wide


def first_components(n: int, matrix: int) -> tuple[Component, ...]:
    """Components as they are first shown: the matrix blue, grains in the colours that follow."""
    colours = iter(GRAIN_COLOURS * (1 + n // len(GRAIN_COLOURS)))
    return tuple(
        Component(
            f"component {i + 1}",
            "matrix" if i == matrix else "grain",
            MATRIX_COLOUR if i == matrix else next(colours),
        )
        for i in range(n)
    )


def with_found_names(components: tuple[Component, ...], names: Mapping[int, str]) -> tuple[Component, ...]:
    """Components with the names of the phases of an automatic run, but for those that the user has named."""
    return tuple(
        dataclasses.replace(component, name=names.get(i, f"component {i + 1}"))
        if _NAME_OF_A_RUN.fullmatch(component.name)
        else component
        for i, component in enumerate(components)
    )


def edited_components(
    components: tuple[Component, ...], index: int, *, name: str | None, role: Role | None, colour: str
) -> tuple[Component, ...]:
    """Components after a change of one of them; what was the matrix before another one becomes a grain.

    Raises
    ------
    RecipeError
        If the name is empty or that of another component, or the matrix is to become something else.
    """
    old = components[index]
    new = Component(old.name if name is None else name.strip(), role or old.role, colour or old.colour)
    if not new.name:
        raise RecipeError("a component needs a name; give it one, such as that of its mineral.")
    if any(other.name == new.name for i, other in enumerate(components) if i != index):
        raise RecipeError(f"another component is called {new.name!r} already; names must differ.")
    if old.role == "matrix" and new.role != "matrix":
        raise RecipeError("one component has to be the matrix; make another one the matrix instead.")
    changed = list(components)
    if new.role == "matrix" != old.role:
        changed = [dataclasses.replace(each, role="grain") if each.role == "matrix" else each for each in changed]
    changed[index] = new
    return tuple(changed)


def alike(spectra: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cosines of the angles between two sets of spectra, (n, D) and (m, D), as (n, m)."""
    first, second = (
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(float).tiny)
        for rows in (np.asarray(spectra, dtype=np.float64), np.asarray(others, dtype=np.float64))
    )
    return np.asarray(np.clip(first @ second.T, -1.0, 1.0))
