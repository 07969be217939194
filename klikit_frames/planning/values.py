"""The plan as a value: what will be sent, what becomes of every row, and its file."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from klikit_frames.errors import PlanError
from klikit_frames.frames.frame_codec import dump_frame, load_frame
from klikit_frames.planning.files import seal, unseal
from klikit_frames.planning.limits import Limits
from klikit_frames.planning.summaries import Estimate, describe, describe_ways, estimate_time, show_html
from klikit_frames.planning.tables import ROW_COLUMNS, restore_name

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd


class _HasHost(Protocol):
    @property
    def host(self) -> str: ...


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What will be sent, and what becomes of every row: a value that never changes.

    Made by `plan`, `load_plan` and ``undo``; nothing has been sent. The frames are handed out as copies.

    Attributes
    ----------
    plan_id : str
        The identity that a run goes by: drawn at random, kept in the plan's file.
    digest : str
        Fingerprint of what the plan does; equal for equal input, whatever the order of rows.
    limits : Limits
        The caps that every request keeps.
    lower_bound : int
        No plan for these rows has fewer requests under these caps.
    baselines : dict
        Requests that the usual ways take: ``per_row``, ``per_store``, ``per_entity``, ``equal_sets``.

    Examples
    --------
    >>> plan = kf.plan(kf.cross_toggles("item", [1, 2], [(663, 1062), (663, 1063)], is_enabled=False))
    >>> plan.n_rows, plan.n_requests, plan.lower_bound
    (4, 1, 1)
    """

    plan_id: str
    digest: str
    limits: Limits
    lower_bound: int
    baselines: dict[str, int]
    _rows: pd.DataFrame
    _requests: pd.DataFrame
    _before: pd.Series

    @property
    def toggles(self) -> pd.DataFrame:
        """The input: checked toggles with all of their own columns, in input order."""
        return self._rows.drop(columns=list(ROW_COLUMNS)).rename(columns=restore_name)

    @property
    def rows(self) -> pd.DataFrame:
        """The toggles, then ``request_no``, ``other_request_nos`` and ``skipped_as``.

        ``request_no`` is the owner, the first request that carries the row; it is missing where nothing is
        sent, and ``skipped_as`` then says ``unchanged`` or ``rejected``.
        """
        return self._rows.copy()

    @property
    def requests(self) -> pd.DataFrame:
        """One row per request in sending order; ``n_rows`` counts the input rows that it owns."""
        return self._requests.copy()

    @property
    def before(self) -> pd.Series:
        """For each row the flag that its place had when planned; missing where not known."""
        return self._before.copy()

    @property
    def n_rows(self) -> int:
        """How many rows the input has."""
        return len(self._rows)

    @property
    def n_requests(self) -> int:
        """How many requests will be sent."""
        return len(self._requests)

    @property
    def n_business_wide(self) -> int:
        """How many of the requests write business rows, wherever they are inherited."""
        return int((self._requests["scope"] == "business").sum())

    @property
    def is_optimal(self) -> bool:
        """Whether fewer requests are proven to be impossible."""
        return self.n_requests == self.lower_bound

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are to be ``sent``, and how many are ``unchanged`` or ``rejected``."""
        reasons = self._rows["skipped_as"]
        skipped = {reason: int((reasons == reason).sum()) for reason in ("unchanged", "rejected")}
        return {"sent": self.n_rows - sum(skipped.values()), **skipped}

    def estimate(self, writes_per_minute: float = 300) -> Estimate:
        """Return the time that the plan takes under a cap on writes.

        Parameters
        ----------
        writes_per_minute : float
            The cap.

        Examples
        --------
        >>> kf.plan(kf.business_toggles("section", [5297], is_enabled=False)).estimate(60).text
        'about 1 s at 60 a minute'
        """
        return estimate_time(self.n_requests, writes_per_minute=writes_per_minute)

    def confirm_code(self, client: _HasHost) -> str:
        """Return a short code that stands for this plan on this client's host, to confirm a run with.

        Touches neither network nor disk.

        Parameters
        ----------
        client : Client
            Only its ``host`` is looked at.

        Examples
        --------
        >>> plan = kf.plan(kf.business_toggles("section", [5297], is_enabled=False))
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect() as client:
        ...     len(plan.confirm_code(client))
        8
        """
        said = (self.plan_id, self.digest, client.host, str(self.n_rows), str(self.n_requests))
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:8]

    def dump(self) -> bytes:
        """Return the plan as the bytes of a plan file; `parse_plan` is the inverse.

        Examples
        --------
        >>> kf.plan(kf.business_toggles("section", [5297], is_enabled=False)).dump()[:52]
        b'{"checksum":"...
        """
        return seal(
            {
                "plan_id": self.plan_id,
                "digest": self.digest,
                "limits": asdict(self.limits),
                "lower_bound": self.lower_bound,
                "baselines": self.baselines,
                "rows": dump_frame(self._rows),
                "requests": dump_frame(self._requests),
                "before": dump_frame(self._before.to_frame("before")),
            }
        )

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the plan to a file and return its path.

        Parameters
        ----------
        path : path
            Any name; the file is known by its content.

        Raises
        ------
        PlanError
            If the file cannot be written.

        Examples
        --------
        >>> plan = kf.plan(kf.business_toggles("section", [5297], is_enabled=False))
        >>> kf.load_plan(plan.save("monday.plan.json")).plan_id == plan.plan_id
        True
        """
        try:
            Path(path).write_bytes(self.dump())
        except OSError as error:
            raise PlanError(f"The plan could not be saved as {path}: {error.strerror}.") from error
        return Path(path)

    def __repr__(self) -> str:
        return f"<Plan {self.plan_id[:8]}: {describe(self)}>"

    def __str__(self) -> str:
        return f"{describe(self)}.\n{describe_ways(self)}"

    def _repr_html_(self) -> str:
        return show_html(self)


def load_plan(path: str | PathLike[str]) -> Plan:
    """Return the plan that was saved in a file, with the same ``plan_id``.

    Parameters
    ----------
    path : path
        A file written by `Plan.save`.

    Raises
    ------
    PlanError
        If the file cannot be read, is no plan file, or was changed by hand.

    Examples
    --------
    >>> made = kf.plan(kf.business_toggles("section", [5297], is_enabled=False))
    >>> kf.load_plan(made.save("monday.plan.json")).digest == made.digest
    True
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PlanError(f"The plan file {path} could not be read: {error.strerror}.") from error
    return parse_plan(data)


def parse_plan(data: bytes) -> Plan:
    """Return the plan that `Plan.dump` wrote.

    Parameters
    ----------
    data : bytes
        The content of a plan file.

    Raises
    ------
    PlanError
        If it is no plan file, or was changed by hand.

    Examples
    --------
    >>> from klikit_frames.planning.plans import parse_plan
    >>> made = kf.plan(kf.business_toggles("section", [5297], is_enabled=False))
    >>> parse_plan(made.dump()).plan_id == made.plan_id
    True
    """
    content = unseal(data)
    return Plan(
        plan_id=content["plan_id"],
        digest=content["digest"],
        limits=Limits(**content["limits"]),
        lower_bound=content["lower_bound"],
        baselines=content["baselines"],
        _rows=load_frame(content["rows"]),
        _requests=load_frame(content["requests"]),
        _before=load_frame(content["before"])["before"],
    )
