"""The operator's desk: what klikit's own people do, and what only a sandbox lets one do."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from . import credentials
from .credentials import SCOPES, Credential
from .faults import Fault, make_fault
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

    def reset(self) -> None:
        """Bring everything back to how it was when the sandbox was started on an empty store."""
        with self.world.state.transaction():
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
