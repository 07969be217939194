"""All that an endpoint may look at or change, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import flags, snapshots
from .catalogue import Catalogue
from .clock import Clock
from .state import State
from .switches import Switches


@dataclass
class World:
    """The business, its state, its clock and the switches in force."""

    catalogue: Catalogue
    state: State
    clock: Clock = field(default_factory=Clock)
    switches: Switches = field(default_factory=Switches)

    def seed(self) -> None:
        """Bring the state to the first day."""
        with self.state.transaction():
            flags.seed_flags(self.state, self.catalogue)
            snapshots.rebuild(self, self.catalogue.stores)
