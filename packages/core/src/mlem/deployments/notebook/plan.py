"""`Plan`: what a run would do, step by step."""

from __future__ import annotations

from typing import ClassVar

from mlem.deployments.step import Change
from mlem_model.objects.html import table
from mlem_model.objects.object import one_line


class Plan(tuple[Change, ...]):
    """What a run would do to each resource, in the order in which it would; a notebook shows it as a table.

    Attributes:
        header: The names of the columns of `rows`.

    Example::

        plan = handle.plan()
        if plan.differs:
            handle.run()
    """

    __slots__ = ()

    header: ClassVar[tuple[str, ...]] = ("step", "action", "why", "downtime")

    @property
    def differs(self) -> bool:
        """Whether a run would change something."""
        return any(change.action != "keep" for change in self)

    @property
    def rows(self) -> list[list[str]]:
        """What there is to say of each step, in words."""
        return [[change.step, change.action, change.reason, change.downtime] for change in self]

    def __repr__(self) -> str:
        return one_line("Plan", *(f"{change.step}: {change.action}" for change in self))

    def _repr_html_(self) -> str:
        return table(self.header, self.rows, "" if self.differs else "nothing to change")
