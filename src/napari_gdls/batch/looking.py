"""How a batch stands, for those who watch it: works while it runs, and when it died."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_gdls.batch.driver_lock import Driver, drivers_of
from napari_gdls.batch.journal import FieldState, read_journal
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.plan import BatchPlan, read_plan


@dataclass(frozen=True, eq=False)
class BatchLook:
    """A batch at one moment.

    Attributes
    ----------
    layout : Layout
    plan : BatchPlan
    fields : tuple of FieldState
        In the order of the plan. What was begun and is worked on by nobody is waiting.
    drivers : tuple of Driver
        Who works on it.
    """

    layout: Layout
    plan: BatchPlan
    fields: tuple[FieldState, ...]
    drivers: tuple[Driver, ...]

    def count(self, state: str) -> int:
        """Number of fields in a state."""
        return sum(each.state == state for each in self.fields)


def look_at(layout: Layout) -> BatchLook:
    """Look at a batch.

    Raises
    ------
    FieldReadError
        If the folder holds none.
    """
    plan, journal = read_plan(layout), read_journal(layout)
    drivers = tuple(drivers_of(layout))
    states = [journal.of(each.name) for each in plan.inputs]
    if not drivers:
        states = [replace(each, state="waiting") if each.state == "running" else each for each in states]
    return BatchLook(layout, plan, tuple(states), drivers)
