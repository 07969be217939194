"""The operator's desk: what klikit's own people do, and what only a sandbox lets one do."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from . import credentials, enabling, snapshots
from .catalogue import KINDS
from .credentials import SCOPES, Credential
from .faults import Fault, make_fault
from .flags import Store
from .seeding import seed_world
from .switches import Switches, change_switches
from .world import World


class Desk:
    """Steers a world; the Python side and the HTTP paths under ``/admin`` both sit here."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.admin_token = secrets.token_urlsafe(32)
        self._first_switches = world.switches
        self.credential = self._issue_first()

    def issue(self, scopes: Iterable[str] | None = None) -> Credential:
        """Issue a credential; its secret is shown only here."""
        token = secrets.token_hex(24)
        credential = Credential(f"pk_sandbox_{token[:16]}", f"sk_sandbox_{token[16:]}")
        credentials.issue(self.world, credential, scopes=SCOPES if scopes is None else scopes)
        return credential

    def rotate(self, partner_key: str) -> Credential:
        """Give a credential a new secret; the old one stops at once unless an overlap is switched on."""
        credential = Credential(partner_key, f"sk_sandbox_{secrets.token_hex(16)}")
        credentials.rotate(self.world, credential)
        if partner_key == self.credential.partner_key:
            self.credential = credential
        return credential

    def revoke(self, partner_key: str) -> None:
        """End a credential for good."""
        credentials.revoke(self.world, partner_key)

    def rescope(self, partner_key: str, *, scopes: Iterable[str]) -> None:
        """Change a credential's scopes, from its next request on."""
        credentials.rescope(self.world, partner_key, scopes=scopes)

    def set(self, changes: dict[str, object]) -> Switches:
        """Turn switches; return all of them."""
        self.world.switches = change_switches(self.world.switches, changes)
        return self.world.switches

    def inject(self, name: str, **options: object) -> Fault:
        """Call up a fault."""
        fault = make_fault(name, **options)
        self.world.faults.inject(fault)
        return fault

    def edit(
        self, kind: str, ids: Iterable[int], *, stores: Iterable[Store] | None, is_enabled: bool
    ) -> None:
        """Write flags as klikit's own people do in their app."""
        if kind not in KINDS:
            raise ValueError(f"entity_type is one of {', '.join(KINDS)}; not {kind!r}")
        pairs = None if stores is None else [(int(brand), int(branch)) for brand, branch in stores]
        if pairs == []:
            raise ValueError("stores must name at least one store, or be None for the business")
        enabling.edit(self.world, kind, ids=[int(i) for i in ids], stores=pairs or [], is_enabled=is_enabled)

    def publish(self, stores: Iterable[Store] | None = None) -> None:
        """Copy the menus of stores now, of all by default."""
        with snapshots.write_transaction(self.world):
            snapshots.rebuild(self.world, self._stores(stores))

    def finish_publishes(self, stores: Iterable[Store] | None = None) -> None:
        """Copy the menus whose publishes are queued."""
        with self.world.state.held():
            snapshots.finish(self.world, self._stores(stores))

    def move_clock(self, seconds: object) -> None:
        """Move the sandbox's time; publishes that are then due happen."""
        with self.world.state.held():
            self.world.clock.move(seconds)
            snapshots.rebuild_due(self.world)

    def _stores(self, stores: Iterable[Store] | None) -> list[Store]:
        if stores is None:
            return list(self.world.catalogue.stores)
        pairs = [(int(brand), int(branch)) for brand, branch in stores]
        strangers = sorted(set(pairs).difference(self.world.catalogue.store_set))
        if strangers:
            raise LookupError(f"not of this business: stores {strangers}")
        return pairs

    def reset(self) -> None:
        """Bring everything back to how it was when the sandbox was started on an empty store."""
        with snapshots.write_transaction(self.world):
            self.world.history.clear()
            self.world.state.clear()
            self.world.clock.reset()
            seed_world(self.world)
            self.credential = self._issue_first()
        self.world.switches = self._first_switches
        self.world.limits.clear()
        self.world.faults.reset()
        self.world.receipts.clear()

    def _issue_first(self) -> Credential:
        credential = credentials.first_credential(self.world.catalogue.seed)
        credentials.issue(self.world, credential)
        return credential
