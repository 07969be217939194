"""How long a search may go on: by the clock, and by what it has brought so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import edge
from ..errors import PlanError
from ..progress import open_bar

if TYPE_CHECKING:
    from ..progress import Bar, Progress

# What a request takes under the API's own cap of 300 a minute.
_REQUEST_COSTS_S = 0.2
# Budgets above this were asked for, and are used.
_DEFAULT_S = 5.0
# On a busy machine the clock goes on while the search waits; then it may run so much longer.
_CLOCK_PER_WORK = 3.0
_PRODUCTS_PER_S = 3e10
_GRACE_S = 2.0

# What the bookkeeping of one step of a search counts for, in operations.
STEP = 600_000.0
# As one core of a machine of today does them; searches are cut at the same work on any machine.
OPERATIONS_PER_S = 4e9
_BAR_AFTER_S = 1.0


class SearchBudget:
    """A budget of seconds, and a count of the work done.

    Seconds are those that the processor works, so that a busy machine does not make plans worse, unless the
    clock shows three times as many. Whether more work fits, and is worth its while, is decided by counted
    work, so that equal input stops at the same point on every run.

    Parameters
    ----------
    time_budget_s : float
        Seconds from now, if nothing was spent before.
    spent_s : float
        Seconds spent before on what must be done; as much again, halved, is kept for what comes after. The
        search has at least four tenths of the budget, also where reading alone took all of it.
    progress : object with ``update`` and ``close``, or False, or None
        Where to show a search that takes more than a second.
    operations_per_s : float
        How much counted work is a second.
    """

    def __init__(
        self,
        time_budget_s: float,
        *,
        progress: Progress,
        spent_s: float = 0.0,
        operations_per_s: float = OPERATIONS_PER_S,
    ) -> None:
        if not (isinstance(time_budget_s, (int, float)) and time_budget_s >= 0):
            raise PlanError(f"time_budget_s is {time_budget_s!r:.60}; it is a number of seconds from 0.")
        self._started, self._started_work = edge.monotonic(), edge.process_time()
        self._budget_s = max(time_budget_s - 1.5 * spent_s, 0.4 * time_budget_s)
        self._progress = progress
        self._bar: Bar | None = None
        self._shown = 0
        self._parent: SearchBudget | None = None
        self._worked_s, self._operations_per_s = 0.0, operations_per_s
        self._nominal_s, self._is_asked_for = time_budget_s, time_budget_s > _DEFAULT_S
        self._saved = 0
        self._grace_s, self._saved_before = _GRACE_S, 0

    @property
    def saved(self) -> int:
        """Requests saved so far; those that a part saves count here too."""
        return self._saved

    @saved.setter
    def saved(self, value: int) -> None:
        if self._parent is not None:
            self._parent.saved += value - self._saved
        self._saved = value

    @property
    def left_s(self) -> float:
        """Seconds left."""
        waited_s, worked_s = edge.monotonic() - self._started, edge.process_time() - self._started_work
        left_s = self._budget_s - max(worked_s, waited_s / _CLOCK_PER_WORK)
        return left_s if self._parent is None else min(left_s, self._parent.left_s)

    @property
    def is_over(self) -> bool:
        """Whether the seconds have run out, or the work done is no longer worth the requests saved."""
        edge.check_interruption()
        self.show()
        is_spent = self.left_s <= 0 or self._worked_s > self._worth_s
        return is_spent or (self._parent is not None and self._parent.is_over)

    @property
    def _worth_s(self) -> float:
        """Seconds of counted work that are worth their while."""
        worth_s = max(self._grace_s, (self.saved - self._saved_before) * _REQUEST_COSTS_S)
        return max(worth_s, self._nominal_s) if self._is_asked_for else worth_s

    def charge(self, operations: float) -> None:
        """Count work done, also in the budget that this one is a part of."""
        self._worked_s += operations / self._operations_per_s
        if self._parent is not None:
            self._parent.charge(operations)

    def split(self, n_parts: float) -> SearchBudget:
        """Return the part of what is left that one of `n_parts` may take; its work counts here too."""
        left_s = max(0.0, self.left_s) / n_parts
        part = SearchBudget(left_s, progress=False, operations_per_s=self._operations_per_s)
        part._saved, part._parent, part._is_asked_for = self._saved, self, self._is_asked_for
        part._nominal_s = max(0.0, self._nominal_s - self._worked_s) / n_parts
        return part

    def reserve(self, n_parts: float) -> SearchBudget:
        """Return such a part for work that must leave the other parts to the work after it, saving or not."""
        part = self.split(n_parts)
        part._grace_s, part._saved_before = max(0.0, self._worth_s - self._worked_s) / n_parts, self._saved
        return part

    def can_afford(self, operations: float) -> bool:
        """Whether products of matrices of about so many operations fit into what counted work leaves."""
        return self.left_s > 0 and operations / _PRODUCTS_PER_S < self._nominal_s - self._worked_s

    def close(self) -> None:
        """Finish the bar."""
        if self._bar is not None:
            self._bar.close()

    def show(self) -> None:
        """Draw how much of the budget is used; every stage asks often enough whether it is over."""
        if self._parent is not None:
            self._parent.show()
            return
        spent_s = edge.monotonic() - self._started
        if spent_s < _BAR_AFTER_S or self._progress is False:
            return
        if self._bar is None:
            self._bar = open_bar(self._progress, total=100, description="Fewer requests", unit="%")
        percent = min(100, int(100 * spent_s / max(self._budget_s, _BAR_AFTER_S)))
        if percent > self._shown:
            self._bar.update(percent - self._shown)
            self._shown = percent
