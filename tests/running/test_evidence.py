"""Evidence by time: what a menu proves, on one clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klikit_frames as kf
from klikit_frames.running.evidence import (
    ClockTimes,
    Pending,
    Proof,
    StoreHistory,
    Write,
    align_clocks,
    find_pending,
    known_offset_s,
    move_to_clock,
    prove,
    server_time,
    shows_write_of,
)

_START = datetime(2026, 3, 2, 22, 50, tzinfo=UTC)
_ITEM, _OTHER = ("item", 1), ("item", 2)
_UNPROVED = Proof()

# A small model of one store: the truth, the copy that its menu is, and what this machine knows.
_ENTITIES = [("item", n) for n in range(3)]
_STEPS = st.one_of(
    st.tuples(st.just("write"), st.sets(st.sampled_from(_ENTITIES), min_size=1), st.booleans()),
    st.tuples(st.just("lose"), st.sets(st.sampled_from(_ENTITIES), min_size=1), st.booleans(), st.booleans()),
    st.tuples(st.just("halves"), st.permutations(_ENTITIES), st.booleans(), st.booleans(), st.booleans()),
    st.tuples(st.just("wide"), st.sampled_from(_ENTITIES), st.booleans(), st.booleans()),
    st.tuples(st.just("edit"), st.sampled_from(_ENTITIES)),
    st.tuples(st.just("their_publish")),
    st.tuples(st.just("publish")),
    st.tuples(st.just("read")),
)


def _at(minutes: float) -> datetime:
    return _START + timedelta(minutes=minutes)


def _write(name: str, *, flag: bool, at: float, lasts: float = 0.5, **options: bool) -> Write:
    return Write((name, "0"), flag, _at(at), _at(at + lasts), **options)


def _history(*steps: tuple[tuple[str, int], Write, bool | None]) -> StoreHistory:
    history = StoreHistory()
    for entity, write, before in steps:
        history.add(entity, write, before=before)
    history.sort()
    return history


def test_prove__changed_flag_that_shows() -> None:
    """A flag that differed before a write and shows now proves the menu newer than that write."""
    off = _write("a", flag=False, at=0)
    proof = prove(_history((_ITEM, off, True)), {_ITEM: False}, proof=_UNPROVED)
    assert proof == Proof(newer_than=_at(0), shown=frozenset({off.key}))
    assert proof.covers(off)


@pytest.mark.parametrize(
    ("steps", "shown", "is_newer"),
    [
        pytest.param([("a", False, 0, True)], False, True, id="nothing else explains it"),
        pytest.param([("a", False, 0, True)], True, False, id="the menu may be older"),
        pytest.param([("a", False, 0, False)], False, False, id="it held before"),
        pytest.param([("a", False, 0, None)], False, False, id="it may have held before"),
        pytest.param(
            [("a", False, 0, True), ("b", False, 5, True)], False, False, id="or another run did it"
        ),
        pytest.param(
            [("b", False, 0, True), ("a", True, 5, False)], True, False, id="the menu never changed"
        ),
    ],
)
def test_shows_write_of__a_write_without_an_answer(
    steps: list[tuple[str, bool, float, bool | None]], shown: bool, is_newer: bool
) -> None:
    """What a menu shows speaks of a run's write only if that alone explains it."""
    history = StoreHistory()
    for run_id, flag, at, before in steps:
        # What a menu shows does not change before it is published.
        seen = steps[0][3]
        history.add(_ITEM, _write(run_id, flag=flag, at=at, is_certain=False), before=before, seen=seen)
    chain = history.writes[_ITEM]
    assert shows_write_of(chain, "a", shown=shown, proof=_UNPROVED) is is_newer
    assert shows_write_of(chain, "a", shown=shown, proof=Proof(newer_than=_at(9)))
    # A publish may only be queued, and alone adds nothing.
    for flag in (True, False):
        by_menu = shows_write_of(chain, "a", shown=flag, proof=_UNPROVED)
        assert shows_write_of(chain, "a", shown=flag, proof=Proof(published_at=_at(9))) is by_menu


@pytest.mark.parametrize("before", [False, None])
def test_prove__flag_that_held_already(*, before: bool | None) -> None:
    """A flag that held before the write, or may have, proves nothing by showing."""
    history = _history((_ITEM, _write("a", flag=False, at=0), before))
    assert prove(history, {_ITEM: False}, proof=_UNPROVED) == _UNPROVED


def test_prove__times_decide() -> None:
    """A cell that shows proves the menu newer than its own write, not than writes after it."""
    first, later = _write("a", flag=False, at=0), _write("b", flag=False, at=5)
    history = _history((_ITEM, first, True), (_OTHER, later, True))
    proof = prove(history, {_ITEM: False, _OTHER: True}, proof=_UNPROVED)
    assert (proof.covers(first), proof.covers(later)) == (True, False)


def test_prove__flag_switched_back_and_forth() -> None:
    """A flag that the menu showed before the first of two writes proves neither of them."""
    off, on = _write("a", flag=False, at=0), _write("b", flag=True, at=5)
    history = _history((_ITEM, off, True), (_ITEM, on, False))
    assert prove(history, {_ITEM: True}, proof=_UNPROVED) == _UNPROVED


def test_prove__flag_that_showed_before_the_last_write() -> None:
    """What a menu showed when the last write was sent may show still for the same reason."""
    history = StoreHistory()
    history.add(_ITEM, _write("a", flag=True, at=0), before=False, seen=False)
    history.add(_ITEM, _write("b", flag=False, at=5), before=True, seen=True)
    assert prove(history, {_ITEM: True}, proof=_UNPROVED) == _UNPROVED


def test_prove__flag_that_earlier_writes_do_not_explain() -> None:
    """A flag from before that earlier writes do not explain was shown by a newer menu: it starts afresh."""
    on, off = _write("a", flag=True, at=0), _write("b", flag=False, at=5)
    history = _history((_ITEM, on, True), (_ITEM, _write("c", flag=True, at=9), False), (_OTHER, off, True))
    proof = prove(history, {_ITEM: True, _OTHER: True}, proof=_UNPROVED)
    assert proof.newer_than == _at(9)


def test_prove__once_proved_stays_proved() -> None:
    """A later reading that shows less takes nothing back."""
    off = _write("a", flag=False, at=0)
    proof = prove(_history((_ITEM, off, True)), {_ITEM: False}, proof=_UNPROVED)
    assert prove(_history((_ITEM, off, True)), {_ITEM: True}, proof=proof) == proof


def test_prove__write_sent_twice() -> None:
    """What was sent twice may have been written in parts: one cell that shows says nothing of the others."""
    off = _write("a", flag=False, at=0, is_repeated=True)
    proof = prove(_history((_ITEM, off, True), (_OTHER, off, True)), {_ITEM: False}, proof=_UNPROVED)
    assert proof == Proof(newer_than=_at(0))
    assert not proof.covers(off)


def test_prove__write_without_an_answer() -> None:
    """What nobody answered may have been written in part, too, but the menu is newer than its sending."""
    lost = _write("a", flag=False, at=0, is_certain=False)
    assert prove(_history((_ITEM, lost, True)), {_ITEM: False}, proof=_UNPROVED) == Proof(newer_than=_at(0))


def test_covers__sent_twice_without_an_answer() -> None:
    """Of a write whose last attempt left nobody knows when, no time proves that it is over."""
    once, twice = (Write(("a", "0"), False, _at(0), is_repeated=is_repeated) for is_repeated in (False, True))
    proof = Proof(newer_than=_at(600))
    assert (proof.covers(once), proof.covers(twice)) == (True, False)


def test_prove__publish_covers_what_was_settled_before_it() -> None:
    """A publish covers the writes that were settled before it was sent, and rests on itself alone."""
    before, after = _write("a", flag=False, at=0), _write("b", flag=False, at=5)
    proof = Proof(published_at=_at(5.2))
    assert (proof.covers(before), proof.covers(after)) == (True, False)
    assert proof.rests_on_publish(before)


def test_find_pending__last_write_counts() -> None:
    """Of two writes that no menu is proved to show, the later is the live flag."""
    off, on = _write("a", flag=False, at=0), _write("b", flag=True, at=5)
    history = _history((_ITEM, off, True), (_ITEM, on, False))
    pending = find_pending(history.writes[_ITEM], shown=True, proof=_UNPROVED)
    assert pending == Pending(is_enabled=True, is_known=True)


def test_find_pending__business_wide_write() -> None:
    """A business-wide write leaves open what its stores have, until a write to the store follows it."""
    wide, on = _write("a", flag=False, at=0, is_wide=True), _write("b", flag=True, at=5)
    alone, both = _history((_ITEM, wide, None)), _history((_ITEM, wide, None), (_ITEM, on, None))
    assert find_pending(alone.writes[_ITEM], shown=False, proof=_UNPROVED) == Pending(None, is_known=False)
    assert find_pending(both.writes[_ITEM], shown=True, proof=_UNPROVED) == Pending(
        is_enabled=True, is_known=True
    )


def test_find_pending__write_without_an_answer() -> None:
    """A write that may have been done leaves the flag open, unless the menu shows it anyway."""
    lost = _write("a", flag=False, at=0, is_certain=False)
    chain = _history((_ITEM, lost, True)).writes[_ITEM]
    assert find_pending(chain, shown=True, proof=_UNPROVED) == Pending(None, is_known=False)
    assert find_pending(chain, shown=False, proof=_UNPROVED) is None


def test_find_pending__publish_that_may_be_queued() -> None:
    """What still shows otherwise after a publish is not known: the publish may only be queued."""
    off = _write("a", flag=False, at=0)
    chain = _history((_ITEM, off, True)).writes[_ITEM]
    published = Proof(published_at=_at(3))
    assert find_pending(chain, shown=True, proof=published) == Pending(None, is_known=False)
    assert find_pending(chain, shown=False, proof=published) is None


def test_find_pending__business_wide_write_whose_publish_may_be_queued() -> None:
    """A store that shows otherwise after the publish has a flag of its own, or its menu is not made yet."""
    wide, own = _write("a", flag=False, at=0, is_wide=True), _write("b", flag=True, at=5)
    chain = _history((_ITEM, wide, None)).writes[_ITEM]
    published = Proof(published_at=_at(9))
    assert find_pending(chain, shown=True, proof=published) == Pending(None, is_known=False)
    assert find_pending(chain, shown=False, proof=published) is None
    followed = _history((_ITEM, wide, None), (_ITEM, own, None)).writes[_ITEM]
    assert find_pending(followed, shown=True, proof=published) is None
    assert find_pending(followed, shown=False, proof=published) == Pending(None, is_known=False)


def test_pending__write_that_may_have_come_before_a_shown_one() -> None:
    """Where two writes overlap and the menu shows one of them, which was the last is not known."""
    long = _write("a", flag=True, at=0, lasts=120, is_repeated=True)
    short = _write("b", flag=False, at=60)
    chain = _history((_ITEM, long, True), (_ITEM, short, True)).writes[_ITEM]
    proof = prove(StoreHistory({_ITEM: chain}), {_ITEM: False}, proof=Proof(newer_than=_at(61)))
    assert proof.covers(short)
    assert not proof.covers(long)
    assert find_pending(chain, shown=False, proof=proof) == Pending(None, is_known=False)


@dataclass
class _Store:
    """The truth of a store, its menu, and the history and the proof that this machine keeps of it."""

    truth: dict[tuple[str, int], bool] = field(default_factory=lambda: dict.fromkeys(_ENTITIES, True))
    menu: dict[tuple[str, int], bool] = field(default_factory=lambda: dict.fromkeys(_ENTITIES, True))
    made_at: datetime = _START
    minute: int = 0
    history: StoreHistory = field(default_factory=StoreHistory)
    proof: Proof = _UNPROVED
    last_editor: dict[tuple[str, int], str] = field(default_factory=dict)
    written_at: dict[tuple[tuple[str, int], tuple[str, str]], datetime] = field(default_factory=dict)

    def live(self, entity: tuple[str, int]) -> bool | None:
        """Return the flag that this machine takes for the live one."""
        pending = find_pending(self.history.writes.get(entity, []), shown=self.menu[entity], proof=self.proof)
        return self.menu[entity] if pending is None else pending.is_enabled

    def step(self, name: str, *details: object) -> None:
        """Do one thing, a minute after the last."""
        self.minute += 1
        getattr(self, f"_{name}")(*details)

    def _write(self, entities: set[tuple[str, int]], flag: bool) -> None:
        self._read()
        write = _write(f"w{self.minute}", flag=flag, at=self.minute)
        for entity in entities:
            self.history.add(entity, write, before=self.live(entity), seen=self.menu[entity])
            self._set(entity, flag=flag, editor="this machine")

    def _lose(self, entities: set[tuple[str, int]], flag: bool, is_done: bool) -> None:
        self._read()
        write = _write(f"w{self.minute}", flag=flag, at=self.minute, is_certain=False)
        for entity in entities:
            self.history.add(entity, write, before=self.live(entity), seen=self.menu[entity])
            if is_done:
                self._set(entity, flag=flag, editor="this machine")

    def _halves(self, entities: list[tuple[str, int]], flag: bool, is_published: bool, is_read: bool) -> None:
        """Write one cell by a first attempt, and the next with it by a second."""
        self._read()
        first, second, _ = entities
        lost = Write((f"w{self.minute}", "0"), flag, _at(self.minute))
        for entity in (first, second):
            self.history.add(entity, lost, before=self.live(entity), seen=self.menu[entity])
        self._set(first, flag=flag, editor="this machine")
        if is_published:
            self._their_publish()
        if is_read:
            self._read()
        self.minute += 1
        whole = replace(lost, settled_at=_at(self.minute + 0.5), is_repeated=True)
        for entity in (first, second):
            chain = self.history.writes[entity]
            chain[-1] = chain[-1]._replace(write=whole)
            self._set(entity, flag=flag, editor="this machine")
        self.written_at[second, whole.key] = _at(self.minute)

    def _wide(self, entity: tuple[str, int], flag: bool, is_inherited: bool) -> None:
        self.history.add(entity, _write(f"w{self.minute}", flag=flag, at=self.minute, is_wide=True))
        if is_inherited:
            self._set(entity, flag=flag, editor="this machine")

    def _edit(self, entity: tuple[str, int]) -> None:
        # Somebody else works on what is published: what is unpublished of theirs nobody can know.
        self._set(entity, flag=not self.truth[entity], editor="others")
        self._their_publish()

    def _set(self, entity: tuple[str, int], *, flag: bool, editor: str) -> None:
        if self.truth[entity] is not flag:
            self.last_editor[entity] = editor
        self.truth[entity] = flag

    def _their_publish(self) -> None:
        self.menu, self.made_at = dict(self.truth), _at(self.minute + 0.75)

    def _publish(self) -> None:
        self._their_publish()
        self.proof = Proof(self.proof.newer_than, _at(self.minute + 0.7), self.proof.shown)

    def _read(self) -> None:
        self.proof = prove(self.history, self.menu, proof=self.proof)


@settings(deadline=None, max_examples=250)
@given(steps=st.lists(_STEPS, max_size=14))
def test_evidence__never_says_more_than_is_so(steps: list[tuple[object, ...]]) -> None:
    """No menu is proved newer than it is, and every live flag that is given is the true one."""
    store = _Store()
    for name, *details in steps:
        store.step(str(name), *details)
        store.step("read")
        for entity in _ENTITIES:
            for write, *_ in store.history.writes.get(entity, []):
                if store.proof.covers(write):
                    assert store.made_at >= store.written_at.get((entity, write.key), write.sent_at)
            live = store.live(entity)
            if live is not None and store.last_editor.get(entity) != "others":
                assert live is store.truth[entity]


def test_align_clocks__keeps_the_order_of_one_machine() -> None:
    """Offsets that the whole seconds of a header make are one clock; a clock that was set is another."""
    aligned = align_clocks([0.0, -1.0, 4.0, 86_400.3, 86_399.9, None])
    assert {aligned[offset_s] for offset_s in (None, 0.0, -1.0, 4.0)} == {timedelta(0)}
    assert aligned[86_400.3] == aligned[86_399.9]


def test_align_clocks__moves_nothing_by_what_is_told_later() -> None:
    """A clock that was set goes by the first offset that was seen, not by a later one."""
    first = align_clocks([3600.9, None])
    later = align_clocks([3600.9, None, 3600.1, -0.4, 3605.0])
    assert later[3600.9] == first[3600.9] == later[3600.1] == later[3605.0] == timedelta(seconds=3600.9)


def test_align_clocks__as_near_as_a_header_can_tell() -> None:
    """Five seconds are still one clock, and more are another."""
    aligned = align_clocks([5.0, 105.0, 110.0, 115.5])
    seconds = [aligned[offset_s].total_seconds() for offset_s in (5.0, 105.0, 110.0, 115.5)]
    assert seconds == [0.0, 105.0, 105.0, 115.5]


def test_move_to_clock__between_two_clocks() -> None:
    """A time is moved to the other clock; where that one is not known, or may be the same, it stays."""
    noon = _at(0)
    assert move_to_clock(noon, offset_s=3_600.0, to_offset_s=60.0) == noon + timedelta(seconds=3_540)
    for offset_s, to_offset_s in ((None, 3_600.0), (3_600.0, None), (3_600.0, 3_604.0)):
        assert move_to_clock(noon, offset_s=offset_s, to_offset_s=to_offset_s) == noon


def test_clock_times__of_an_unknown_clock() -> None:
    """A time whose clock nobody knows may be that of any: a question takes the one that proves least.

    Between clocks there is a second that the header leaves open.
    """
    clocks = ClockTimes.align([None, -7_200.0, 3_600.0])
    noon = _at(0)
    assert clocks.earliest(noon, offset_s=None) == noon - timedelta(hours=2)
    assert clocks.earliest(noon, offset_s=3_600.0) == noon + timedelta(hours=1)
    for offset_s in (None, 3_600.0):
        assert clocks.latest(noon, offset_s=offset_s) == noon + timedelta(hours=1, seconds=1)


def test_clock_times__of_two_clocks() -> None:
    """Between two clocks nothing is over until what the header leaves open has passed."""
    noon = _at(0)
    one_clock, two_clocks = ClockTimes.align([None, 3_600.9, 3_600.1]), ClockTimes.align([3_600.9, -3_600.0])
    assert one_clock.latest(noon, offset_s=3_600.9) == one_clock.earliest(noon, offset_s=3_600.9)
    earlier = two_clocks.latest(noon, offset_s=3_600.9)
    # The same instant by the other clock, as it reads where its header was read a second later.
    later = two_clocks.earliest(noon + timedelta(seconds=7_200.9), offset_s=-3_600.0)
    assert earlier > later - timedelta(seconds=1)
    assert two_clocks.latest(noon, offset_s=-3_600.0) == noon - timedelta(seconds=3_599)


def test_clock_times__go_by_the_clocks_of_before() -> None:
    """What goes by a clock that is known from before stays where it was when its first write is forgotten."""
    first = ClockTimes.align([3_600.2, 3_603.0])
    kept = ClockTimes.align([3_603.0], clocks=first.clocks)
    assert kept.latest(_at(0), offset_s=3_603.0) == first.latest(_at(0), offset_s=3_603.0)
    assert ClockTimes.align([3_603.0]).added != kept.added


def test_server_time__before_and_after_the_first_answer(sandbox: kf.sandbox.Sandbox) -> None:
    """Until an answer tells the server's time this machine's stands for it, and no offset is known."""
    with sandbox.connect() as client:
        assert known_offset_s(client) is None
        assert abs(server_time(client) - client.now()) < timedelta(minutes=1)
        sandbox.move_clock(3_600)
        client.read("/brands")
        offset_s = known_offset_s(client)
        assert offset_s == pytest.approx(3_600, abs=5)
        assert server_time(client) - client.now() == pytest.approx(
            timedelta(hours=1), abs=timedelta(seconds=5)
        )


def test_follows__at_the_moment_when_the_other_is_over() -> None:
    """A write that is sent when another is just over follows it: the later flag is live."""
    first, second = _write("a", flag=False, at=0, lasts=5), _write("b", flag=True, at=5)
    assert second.follows(first)
    assert not _write("c", flag=True, at=4.9).follows(first)
    chain = _history((_ITEM, first, True), (_ITEM, second, False)).writes[_ITEM]
    assert find_pending(chain, shown=True, proof=_UNPROVED) == Pending(is_enabled=True, is_known=True)


def test_history__puts_writes_in_the_order_of_sending() -> None:
    """Runs are read one after the other: what was sent last counts, wherever it was read."""
    off, on = _write("a", flag=False, at=5), _write("b", flag=True, at=0)
    chain = _history((_ITEM, off, True), (_ITEM, on, None)).writes[_ITEM]
    assert [sent.write for sent in chain] == [on, off]
    assert find_pending(chain, shown=True, proof=_UNPROVED) == Pending(is_enabled=False, is_known=True)


def test_prove__goes_on_from_what_was_proved() -> None:
    """Once a cell proves the menu newer than the first of two writes, only the second explains its flag."""
    off, on, marker = (
        _write("a", flag=False, at=0),
        _write("b", flag=True, at=5),
        _write("c", flag=False, at=2),
    )
    history = _history((_ITEM, off, True), (_ITEM, on, False), (_OTHER, marker, True))
    assert prove(history, {_ITEM: True}, proof=_UNPROVED) == _UNPROVED
    both = prove(history, {_ITEM: True, _OTHER: False}, proof=_UNPROVED)
    assert both == Proof(newer_than=_at(5), shown=frozenset({on.key, marker.key}))


@pytest.mark.parametrize(
    ("first", "since", "is_proved"),
    [
        pytest.param(_write("a", flag=False, at=0), 0.5, True, id="the first is just over"),
        pytest.param(_write("a", flag=False, at=0), 0.4, False, id="the first may not be done"),
        pytest.param(_write("a", flag=False, at=0, is_certain=False), 3, False, id="nobody knows if it was"),
        pytest.param(_write("a", flag=False, at=0, is_wide=True), 3, False, id="a store may not inherit it"),
    ],
)
def test_prove__what_a_cell_may_have_had(first: Write, since: float, *, is_proved: bool) -> None:
    """A menu newer than an instant shows a later write if the cell surely had another flag then."""
    history = _history((_ITEM, first, None), (_ITEM, _write("b", flag=True, at=5), False))
    seen = Proof(newer_than=_at(since))
    assert (prove(history, {_ITEM: True}, proof=seen).newer_than == _at(5)) is is_proved


def test_covers__just_when_it_is_over() -> None:
    """A menu that is as new as the end of a write is new enough."""
    write = _write("a", flag=False, at=0, lasts=2)
    assert Proof(newer_than=_at(2)).covers(write)
    assert not Proof(newer_than=_at(2), published_at=_at(3)).rests_on_publish(write)
    assert Proof(newer_than=_at(1.9), published_at=_at(2)).rests_on_publish(write)


def test_shows_write_of__a_run_that_wrote_nothing_there() -> None:
    """Of a cell that a run did not write nothing is its write, however new the menu is."""
    chain = _history((_ITEM, _write("a", flag=False, at=0), True)).writes[_ITEM]
    assert not shows_write_of(chain, "b", shown=False, proof=Proof(newer_than=_at(9)))
    assert not shows_write_of([], "a", shown=False, proof=Proof(newer_than=_at(9)))
