"""Approvals: a second pair of eyes on a plan, noted beside its file."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import edge
from ..api.client_arguments import takes_client
from ..api.credentials import KEYRING_SERVICE, Secret, read_keyring
from ..errors import ConfigError, PlanError
from ..planning.plan import load_plan
from ..planning.plan_files import user_name

if TYPE_CHECKING:
    from ..api.client import Client
    from ..planning.plan import Plan

_FORMAT = "klikit_frames approval"
_VERSION = 1
# The username in the keyring under which people who approve for each other share a key.
APPROVAL_KEY = "approvals"
_SIGNED_BY = f"keyring {KEYRING_SERVICE}/{APPROVAL_KEY}"


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Somebody's word that a plan may be sent.

    Attributes
    ----------
    by : str
        Who approved, in their own words; `user` is their name on the system.
    approved_at : datetime
        When, in UTC.
    digest, host : str
        What was approved, and for where.
    signed_with : str or None
        The key of the signature: where it lies, and the beginning of its hash; None if there is no signature.
    signature : str or None
        HMAC-SHA256 over all of the rest.
    """

    by: str
    user: str
    approved_at: datetime
    plan_id: str
    digest: str
    host: str
    signed_with: str | None = None
    signature: str | None = None

    def dump(self) -> str:
        """Return the approval as the text of its file."""
        values = asdict(self) | {"approved_at": self.approved_at.isoformat(timespec="microseconds")}
        return json.dumps({"format": _FORMAT, "version": _VERSION, **values}, indent=1) + "\n"

    def signed(self, key: Secret) -> Approval:
        """Return it with the signature of a key."""
        named = replace(self, signed_with=f"{_SIGNED_BY} ({_fingerprint(key)})", signature=None)
        return replace(named, signature=_sign(named, key))

    def is_signed_with(self, key: Secret) -> bool:
        """Whether its signature is that of a key, and nothing of it was changed since."""
        expected = _sign(replace(self, signature=None), key)
        return self.signature is not None and hmac.compare_digest(self.signature, expected)


@takes_client
def approve(path: str | PathLike[str], client: Client, *, by: str) -> Path:
    """Write the approval of a saved plan beside it, and return its path.

    Reads and writes the disk, and the keyring where there is one; sends nothing. The approval of
    ``monday.plan.json`` is ``monday.plan.approval.json``. It holds name, time, digest and host. Where the
    keyring (extra ``[keyring]``) has a key for it, ``keyring set klikit_frames approvals``, it is signed with
    that, and names it; then whoever has the key too refuses an approval without it.

    Parameters
    ----------
    path : path
        A file written by `Plan.save`.
    client : Client
        Whose host the plan is approved for.
    by : str
        Who approves. The name of whoever saved the plan first is refused.

    Raises
    ------
    PlanError
        The file is no plan, or its own maker would approve it.
    ConfigError
        `by` is no name, or the approval cannot be written.

    Examples
    --------
    >>> plan = kf.plan(kf.business_toggles("section", [5297], is_enabled=False))
    >>> path = plan.save("monday.plan.json")
    >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
    ...     kf.approve(path, client, by="Siti").name
    'monday.plan.approval.json'
    """
    if not isinstance(by, str) or not by.strip() or "\0" in by:
        raise ConfigError(f"by={by!r:.60} is no name: say who approves.")
    plan = load_plan(path)
    _refuse_maker(plan, by)
    approval = Approval(
        by=by.strip(),
        user=user_name(),
        approved_at=edge.now(),
        plan_id=plan.plan_id,
        digest=plan.digest,
        host=client.host,
    )
    key = read_keyring(APPROVAL_KEY)
    beside = approval_path(path)
    try:
        edge.write_file(beside, (approval.signed(key) if key else approval).dump())
    except OSError as error:
        raise ConfigError(f"The approval could not be written as {beside}: {error.strerror}.") from error
    return beside


def approval_path(path: str | PathLike[str]) -> Path:
    """Return where the approval of a plan's file lies.

    Examples
    --------
    >>> from klikit_frames.running.approvals import approval_path
    >>> approval_path("monday.plan.json").name, approval_path("monday").name
    ('monday.plan.approval.json', 'monday.approval.json')
    """
    plan_path = Path(path)
    stem = plan_path.name.removesuffix(".json")
    return plan_path.with_name(f"{stem}.approval.json")


def check_approval(plan: Plan, client: Client) -> Approval:
    """Return the approval of a plan; refuse a plan that nobody else has approved, as it is, for this host.

    Raises
    ------
    PlanError
        The plan is from no file, or its approval is missing, no approval, of another plan or host, by the
        plan's own maker, or not signed with the key that lies in the keyring here.
    """
    if plan.path is None:
        raise PlanError(
            "An approval is required, and this plan was not loaded from a file, so nothing was sent. Save it "
            "with plan.save(path), have it approved with kf.approve(path, client, by=...), and run "
            "kf.load_plan(path)."
        )
    approval = load_approval(approval_path(plan.path), ask=_ask(plan))
    _refuse_maker(plan, approval.by)
    for name, expected in (("digest", plan.digest), ("host", client.host)):
        approved = getattr(approval, name)
        if approved != expected:
            what = "another plan" if name == "digest" else f"the host {approved}, not for {expected}"
            raise PlanError(f"{approval.by} has approved {what}, so nothing was sent. {_ask(plan)}")
    key = read_keyring(APPROVAL_KEY)
    if key and not approval.is_signed_with(key):
        how = "not signed" if approval.signature is None else "signed with another key, or was changed"
        raise PlanError(
            f"The approval of {plan.path} is {how}, and the keyring here has the key {_SIGNED_BY} "
            f"({_fingerprint(key)}), so nothing was sent. {_ask(plan)}"
        )
    return approval


def load_approval(path: Path, *, ask: str) -> Approval:
    """Return the approval in a file.

    Raises
    ------
    PlanError
        There is none, or it is no approval; `ask` says what to do.
    """
    try:
        values: Any = json.loads(edge.read_file(path).decode("utf-8"))
    except FileNotFoundError:
        raise PlanError(f"There is no approval {path}, so nothing was sent. {ask}") from None
    except OSError as error:
        raise PlanError(
            f"The approval {path} cannot be read: {error.strerror}. Nothing was sent. {ask}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise PlanError(f"The approval {path} cannot be read: {error}. Nothing was sent. {ask}") from None
    try:
        if values.pop("format") != _FORMAT or values.pop("version") != _VERSION:
            raise ValueError
        moment = datetime.fromisoformat(values.pop("approved_at"))
        if not all(isinstance(value, str) or value is None for value in values.values()):
            raise TypeError
        return Approval(approved_at=moment, **values)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise PlanError(
            f"{path} is no approval that this version can read, so nothing was sent. {ask}"
        ) from None


def _refuse_maker(plan: Plan, by: str) -> None:
    if plan.made_by is not None and by.strip().casefold() == plan.made_by.strip().casefold():
        raise PlanError(
            f"{by.strip()} has made this plan, and nobody approves their own, so nothing was sent. "
            "Somebody else approves it: klikit-frames approve PLAN --by NAME."
        )


def _ask(plan: Plan) -> str:
    return f"Somebody else approves it with: klikit-frames approve {plan.path} --by NAME"


def _sign(approval: Approval, key: Secret) -> str:
    return hmac.new(key.reveal().encode(), approval.dump().encode(), hashlib.sha256).hexdigest()


def _fingerprint(key: Secret) -> str:
    """Return the beginning of a key's hash: it tells two keys apart and gives neither away."""
    return hashlib.sha256(b"klikit_frames approvals\n" + key.reveal().encode()).hexdigest()[:8]
