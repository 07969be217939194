"""All that an endpoint may look at or change, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .api_errors import ApiError
from .clock import Clock, Pauses
from .demo_data import Catalogue
from .faults import Faults
from .flags import Store
from .history import History
from .rate_limits import Limits
from .request_log import RequestLog
from .state import State
from .switches import Switches


@dataclass
class Attempt:
    """Whether what was written in an attempt stays."""

    is_kept: bool = False


@dataclass
class AppContext:
    """The business, its state, its clock, the switches and faults in force, and what was received."""

    catalogue: Catalogue
    state: State
    switches: Switches
    faults: Faults
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=Limits)
    request_log: RequestLog = field(default_factory=RequestLog)
    history: History = field(default_factory=History)
    pauses: Pauses = field(default_factory=Pauses)

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Take back what is written inside, unless it is said to be kept."""
        attempt, n_events = Attempt(), self.history.n_events
        with self.state.savepoint() as savepoint:
            yield attempt
            if not attempt.is_kept:
                savepoint.roll_back()
                self.history.truncate(n_events)

    def require_stores(self, stores: Iterable[Store]) -> None:
        """Refuse a call that names a store that is not of this business."""
        strangers = set(stores).difference(self.catalogue.store_set)
        if strangers:
            brand_id, branch_id = min(strangers)
            raise ApiError("resource_not_found", f"store not found: brand {brand_id} at branch {branch_id}")
