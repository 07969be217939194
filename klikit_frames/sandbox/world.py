"""All that an endpoint may look at or change, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .catalogue import Catalogue
from .clock import Clock
from .faults import Faults
from .flags import Store
from .limits import Limits
from .pauses import Pauses
from .receipts import Receipts
from .refusals import Refusal
from .state import State
from .switches import Switches


@dataclass
class World:
    """The business, its state, its clock, the switches and faults in force, and what was received."""

    catalogue: Catalogue
    state: State
    switches: Switches
    faults: Faults
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=Limits)
    receipts: Receipts = field(default_factory=Receipts)
    pauses: Pauses = field(default_factory=Pauses)

    def require_stores(self, stores: Iterable[Store]) -> None:
        """Refuse a call that names a store that is not of this business."""
        strangers = set(stores).difference(self.catalogue.store_set)
        if strangers:
            brand_id, branch_id = min(strangers)
            raise Refusal("resource_not_found", f"store not found: brand {brand_id} at branch {branch_id}")
