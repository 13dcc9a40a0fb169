"""What was done by hand to a field, in order, with undo and redo. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from napari_gdls.recipe import Correction, NamedPlace, Recipe


@dataclass(frozen=True)
class Naming:
    """A phase got a name by hand, or lost it.

    Parameters
    ----------
    row, column : int
        Pixel of a measurement of the phase.
    name : str
        "": the measured name holds again.
    """

    row: int
    column: int
    name: str


Edit = Correction | Naming
"""One step of a hand; all of them are in one list."""


@dataclass(frozen=True)
class EditHistory:
    """Lists of edits as they were one after the other, and which of them holds.

    Nothing changes in place: whatever is done gives another history.

    Parameters
    ----------
    states : tuple of tuple of Edit
        The lists, in the order in which they were made.
    position : int
        Index of the one that holds; later ones can be redone.
    """

    states: tuple[tuple[Edit, ...], ...] = ((),)
    position: int = 0

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What was done, the latest last."""
        return self.states[self.position]

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return self.position > 0

    @property
    def can_redo(self) -> bool:
        """Whether something was undone, and nothing done since."""
        return self.position + 1 < len(self.states)

    def with_edits(self, *edits: Edit) -> EditHistory:
        """With more done, as one step of undo."""
        return self._followed_by((*self.edits, *edits))

    def without(self, *indices: int) -> EditHistory:
        """Without some of `edits`, the others as they are; can be undone."""
        return self._followed_by(tuple(edit for index, edit in enumerate(self.edits) if index not in indices))

    def cleared(self) -> EditHistory:
        """With nothing done; can be undone."""
        return self._followed_by(())

    def replaced_by(self, recipe: Recipe) -> EditHistory:
        """With what a recipe holds in the place of all that was done; can be undone."""
        return self._followed_by(EditHistory.of_recipe(recipe).edits)

    def undone(self) -> EditHistory:
        """As it was before the last step."""
        return EditHistory(self.states, self.position - 1) if self.can_undo else self

    def redone(self) -> EditHistory:
        """As it was before the last undo."""
        return EditHistory(self.states, self.position + 1) if self.can_redo else self

    @property
    def gestures(self) -> tuple[tuple[int, ...], ...]:
        """Indices of `edits` that were done together, in their order: specks, for instance, go to many grains at once.

        Those that a recipe has brought stand each for itself.
        """
        edits: tuple[Edit, ...] = self.states[0]
        of_edit = list(range(len(edits)))
        following = len(edits)
        for later in self.states[1 : self.position + 1]:
            kept, matched = [], 0
            for edit, gesture in zip(edits, of_edit, strict=True):
                if matched < len(later) and later[matched] == edit:
                    kept.append(gesture)
                    matched += 1
            alone = matched < len(edits)  # a recipe has come in the place of what was done
            new = [following + (index if alone else 0) for index in range(len(later) - matched)]
            edits, of_edit, following = later, kept + new, following + len(new) + 1
        return tuple(
            tuple(index for index, each in enumerate(of_edit) if each == gesture) for gesture in dict.fromkeys(of_edit)
        )

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """What the recipe holds as `Recipe.corrections`."""
        return tuple(edit for edit in self.edits if isinstance(edit, Correction))

    @property
    def names(self) -> tuple[NamedPlace, ...]:
        """What the recipe holds as `Recipe.names`: of names at one place the last one."""
        last = {(edit.row, edit.column): edit.name for edit in self.edits if isinstance(edit, Naming)}
        return tuple(NamedPlace(*place, name) for place, name in last.items() if name)

    @classmethod
    def of_recipe(cls, recipe: Recipe) -> EditHistory:
        """What a recipe holds of earlier work, as the first list."""
        return cls(((*recipe.corrections, *(Naming(*place) for place in recipe.names)),))

    def _followed_by(self, edits: tuple[Edit, ...]) -> EditHistory:
        if edits == self.edits:
            return self
        return EditHistory((*self.states[: self.position + 1], edits), self.position + 1)
