"""The plan as a value: what will be sent, what becomes of every row, its views and its file."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pandas as pd

from .. import edge
from ..errors import PlanError, as_path
from ..frames.frame_codec import COPIES_ON_WRITE, dump_frame
from ..html import fold_html, overview_html, paragraph_html, table_html
from ..model import Business, Target
from ..overview import NO_NAMES, Names, Overview, make_overview, read_names
from ..wording import counted, duration
from .limits import Estimate, HasCaps, HasHost, Limits, estimate_time, host_of
from .plan_files import seal, unseal, user_name
from .row_assignment import ROW_COLUMNS, count_menus, restore_name, riding_rows, table_requests

if TYPE_CHECKING:
    from os import PathLike

_WRITES_PER_MINUTE, _READS_PER_MINUTE = 300.0, 600.0
_SHOWN = [
    "request_no",
    "entity_type",
    "scope",
    "is_enabled",
    "ids",
    "stores",
    "n_ids",
    "n_stores",
    "n_rows",
    "cascade_to_modifier_groups",
]


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
    is_searched : bool
        Whether every part was searched for fewer requests, as time allowed; else the best usual way is it.
    search_s : int
        Whole seconds of the processor that the search took; 0 below half a second.
    targets : tuple of Target
        What each request writes, in sending order; ``requests`` shows them as a frame.
    path : Path or None
        The file that it was loaded from: its approval lies beside it.
    made_by : str or None
        Who first saved it, by the name on that system.
    undoes : tuple of str
        The runs that it takes back, if `undo` made it: their cells are looked at again before it is sent.
    effect : tuple of str
        What guests will see differently, in sentences, where it was planned with a state; see `effect`.

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
    targets: tuple[Target, ...]
    _rows: pd.DataFrame
    _before: pd.Series
    _off_menu: pd.DataFrame | None = None
    is_searched: bool = True
    search_s: int = 0
    _names: Names = NO_NAMES
    undoes: tuple[str, ...] = ()
    effect: tuple[str, ...] = ()
    path: Path | None = None
    made_by: str | None = None

    @property
    def names(self) -> Names:
        """Titles of what the plan touches: the state's, and the table's own column ``title``."""
        return self._names | read_names(self._rows)

    def with_names(self, *frames: pd.DataFrame) -> Self:
        """Return the same plan with the titles in these frames, for its views; touches nothing.

        Parameters
        ----------
        *frames : DataFrame
            From `klikit_frames.stores` or `klikit_frames.read_state`.
        """
        return self.with_named(read_names(*frames))

    def with_named(self, names: Names) -> Self:
        """Return the same plan with these titles, for its views; touches nothing."""
        return replace(self, _names=self._names | names.restricted_to(self._rows))

    @property
    def overview(self) -> Overview:
        """What guests will see differently, for people: what goes off and on, by brand, store and name."""
        rows = self._rows[self._rows["skipped_as"].isna()]
        holds = self._before.reindex(rows.index).eq(rows["is_enabled"]).fillna(value=False)
        facts = [f"{describe(self)}.", *self.effect]
        return make_overview(rows[~holds.to_numpy(dtype=bool)], self.names, facts=facts)

    @property
    def toggles(self) -> pd.DataFrame:
        """The input: checked toggles with all of their own columns, in input order."""
        return self._rows.drop(columns=list(ROW_COLUMNS)).rename(columns=restore_name)

    @property
    def rows(self) -> pd.DataFrame:
        """The toggles, then ``request_no``, ``other_request_nos`` and ``skipped_as``.

        ``request_no`` is the owner, the first request that carries the row; it is missing where nothing is
        sent, and ``skipped_as`` then says why: ``unchanged``, ``rejected``, ``holds`` (its flag holds; the
        links that it cascades to cannot be read) or ``promised`` (a promise holds its cell).
        """
        return self._rows.copy(deep=not COPIES_ON_WRITE)

    @property
    def requests(self) -> pd.DataFrame:
        """One row per request in sending order; ``n_rows`` counts the input rows that it owns."""
        return self._requests.copy()

    @cached_property
    def _requests(self) -> pd.DataFrame:
        return table_requests(self.targets, self._rows["request_no"])

    @property
    def before(self) -> pd.Series:
        """For each row the flag that its place had when planned; missing where not known."""
        return self._before.copy(deep=not COPIES_ON_WRITE)

    @property
    def not_on_menu(self) -> pd.DataFrame:
        """One row per store in which rows are sent for entities that its menu does not have.

        ``scope, brand_id, branch_id, n_rows``, most rows first. Known where the plan was made with a state.
        """
        if self._off_menu is None:
            return pd.DataFrame(columns=["scope", "brand_id", "branch_id", "n_rows"])
        return self._off_menu.copy()

    @property
    def n_rows(self) -> int:
        """How many rows the input has."""
        return len(self._rows)

    @property
    def n_requests(self) -> int:
        """How many requests will be sent."""
        return len(self.targets)

    @property
    def n_business_wide(self) -> int:
        """How many of the requests write business rows, wherever they are inherited."""
        return sum(isinstance(target.scope, Business) for target in self.targets)

    @property
    def is_optimal(self) -> bool:
        """Whether fewer requests are proven to be impossible."""
        return self.n_requests == self.lower_bound

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are to be ``sent``, and how many are ``unchanged`` or ``rejected``.

        Where a promise holds a cell of the plan, ``promised`` tells how many rows that leaves out.
        """
        reasons = self._rows["skipped_as"]
        words = {"unchanged": ["unchanged", "holds"], "rejected": ["rejected"]}
        skipped = {word: int(reasons.isin(those).sum()) for word, those in words.items()}
        if n_promised := int((reasons == "promised").sum()):
            skipped["promised"] = n_promised
        return {"sent": self.n_rows - sum(skipped.values()), **skipped}

    @property
    def n_riding_along(self) -> int:
        """How many rows hold already and are sent all the same, since that saves a request."""
        return int(riding_rows(self._rows, self._before).sum())

    def estimate(
        self,
        writes_per_minute: float | None = None,
        *,
        client: HasCaps | None = None,
        n_reads: int | None = None,
    ) -> Estimate:
        """Return the time that the plan takes under the caps.

        Touches neither network nor disk.

        Parameters
        ----------
        writes_per_minute : float, optional
            The cap; else the client's, and without a client the API's own, 300.
        client : Client, optional
            Whose caps to count with.
        n_reads : int, optional
            Menus to be read before the first write, at the client's cap for reads, or at 600 a minute. With
            a client they are those that a run by it reads for its flags from before, without one none.

        Raises
        ------
        PlanError
            A cap is not above 0.

        Examples
        --------
        >>> plan = kf.plan(kf.business_toggles("section", [5297], is_enabled=False))
        >>> plan.estimate(60).text
        'about 1 s at 60 a minute'
        >>> with kf.sandbox.serve() as sandbox, sandbox.connect(writes_per_minute=30) as client:
        ...     plan.estimate(client=client, n_reads=20).text
        'about 4 s at 30 a minute, 20 menus read first'
        """
        writes, reads, menus = _WRITES_PER_MINUTE, _READS_PER_MINUTE, 0
        if client is not None and host_of(client):
            writes, reads = client.pacing.writes_per_minute, client.pacing.reads_per_minute
            menus = count_menus(self._rows, self._before, now=client.now())
        if writes_per_minute is not None:
            writes = writes_per_minute
        return estimate_time(
            self.n_requests,
            writes_per_minute=writes,
            n_reads=menus if n_reads is None else n_reads,
            reads_per_minute=reads,
        )

    def confirm_code(self, client: HasHost) -> str:
        """Return a short code that stands for what this plan does on this client's host.

        Touches neither network nor disk. The same table planned again has the same code, where its search
        ended within its budget: the code is made of digest, host and counts.

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
        bound = (self.digest, host_of(client), str(self.n_rows), str(self.n_requests))
        return hashlib.sha256("\n".join(bound).encode()).hexdigest()[:8]

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
                "is_searched": self.is_searched,
                "rows": dump_frame(self._rows),
                "requests": dump_frame(self._requests),
                "before": dump_frame(self._before.to_frame("before")),
                "names": self._names.to_json(),
                **({"search_s": self.search_s} if self.search_s else {}),
                **({"undoes": list(self.undoes)} if self.undoes else {}),
                **({} if self._off_menu is None else {"not_on_menu": dump_frame(self._off_menu)}),
                **({"effect": list(self.effect)} if self.effect else {}),
                **({"made_by": self.made_by} if self.made_by else {}),
            }
        )

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the plan to a file, with the system's name of who does, and return its path.

        A plan that was saved before keeps the name of who did so first.

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
            edge.write_file(as_path("path", path), replace(self, made_by=self.made_by or user_name()).dump())
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
        data = edge.read_file(Path(path))
    except OSError as error:
        raise PlanError(f"The plan file {path} could not be read: {error.strerror}.") from error
    except (TypeError, ValueError) as error:
        raise PlanError(f"{path!r:.80} is not the path of a plan file: {error}.") from None
    return replace(parse_plan(data), path=Path(path))


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
    >>> from klikit_frames.planning.plan import parse_plan
    >>> made = kf.plan(kf.business_toggles("section", [5297], is_enabled=False))
    >>> parse_plan(made.dump()).plan_id == made.plan_id
    True
    """
    content = unseal(data)
    return Plan(
        plan_id=content.plan_id,
        digest=content.digest,
        limits=content.limits,
        lower_bound=content.lower_bound,
        baselines=content.baselines,
        targets=content.targets,
        _rows=content.rows,
        _before=content.before,
        is_searched=content.is_searched,
        search_s=content.search_s,
        _names=content.names,
        undoes=content.undoes,
        _off_menu=content.not_on_menu,
        effect=content.effect,
        made_by=content.made_by,
    )


def describe(plan: Plan) -> str:
    """Return the plan in one sentence."""
    if not plan.n_rows:
        return "No rows, so there is nothing to send"
    time = plan.estimate()
    requests = f"{counted(plan.n_rows, 'row')} → {counted(plan.n_requests, 'request')}{_wide(plan)}"
    facts = [_bound(plan), f"one per store would be {plan.baselines['per_store']:,}"]
    return "; ".join(
        [f"{requests} ({'; '.join(facts)})", *_skipped(plan), *_riding(plan), *_off_menu(plan), time.text]
    )


def _wide(plan: Plan) -> str:
    if not plan.n_business_wide:
        return ""
    is_all = plan.n_business_wide == plan.n_requests
    return ", business-wide" if is_all else f", {plan.n_business_wide:,} of them business-wide"


def _bound(plan: Plan) -> str:
    if plan.is_optimal:
        return "the fewest possible"
    bound = f"no fewer than {plan.lower_bound:,} possible"
    return bound if plan.is_searched else f"{bound}; a part was too large for a search in the time allowed"


def _skipped(plan: Plan) -> list[str]:
    counts = plan.counts
    words = [f"{n:,} {reason}" for reason, n in counts.items() if n and reason != "sent"]
    return [f"not sent: {' and '.join(words)}"] if words else []


def _riding(plan: Plan) -> list[str]:
    n_riding = plan.n_riding_along
    return [f"sent along although they hold: {n_riding:,}"] if n_riding else []


def _off_menu(plan: Plan) -> list[str]:
    """Say in which stores dishes are switched that these do not sell; some stores, then how many more."""
    places = plan.not_on_menu
    if places.empty:
        return []
    n_rows = int(places["n_rows"].sum())
    pairs = places[["brand_id", "branch_id"]].head(3).astype("string")
    names = (pairs["brand_id"] + "/" + pairs["branch_id"]).fillna("the business")
    more = f" and {len(places) - 3:,} more" if len(places) > 3 else ""
    return [f"{counted(n_rows, 'row')} not on the menu of {', '.join(names)}{more}"]


def describe_ways(plan: Plan) -> str:
    """Return how many requests the usual ways would have taken, and how long the search for fewer took."""
    ways = ("one per row", "one per store", "one per entity", "equal sets")
    words = (f"{way} {plan.baselines[way.removeprefix('one ').replace(' ', '_')]:,}" for way in ways)
    searched = f" Searched for {duration(plan.search_s)}." if plan.search_s else ""
    return f"Other ways: {', '.join(words)}.{searched}"


def show_html(plan: Plan) -> str:
    """Return the human view, with the requests folded away below it."""
    shown = table_html(plan.requests[_SHOWN], caption="Requests, business-wide ones first", limit=20)
    detail = paragraph_html(describe_ways(plan)) + shown
    return overview_html(plan.overview) + fold_html(counted(plan.n_requests, "request"), detail)
