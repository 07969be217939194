"""States as read from the sandbox, held against its own truth."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pandas as pd
import pytest

import klikit_frames as kf
from klikit_frames.frames.schemas import STATE_COLUMNS
from klikit_frames.menus.state_arrays import DTYPES, PENDING_DTYPES
from klikit_frames.menus.states import is_fresh, read_time, split_stores
from tests.api.scripts import PARTNER_KEY, SECRET_KEY, URL, Script, ok
from tests.menus.samples import section, store_menu

STORE = ["brand_id", "branch_id"]
KEYS = ["entity_type", "entity_id", "scope", "brand_id", "branch_id"]


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[*STATE_COLUMNS]].sort_values(KEYS, ignore_index=True)


@pytest.mark.parametrize("tree_flag", ["isEnabled", "enabled"])
@pytest.mark.parametrize("store_read", ["stale", "live"])
def test_state__is_the_truth(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, tree_flag: str, store_read: str
) -> None:
    """The reader tells the truth under every switch of the read side, after a publish where reads lag."""
    sandbox.set(tree_flag=tree_flag, store_read=store_read)
    stores = kf.stores(client).iloc[::6]
    items = kf.read_state(client, stores=stores, progress=False).query("entity_type == 'item'").iloc[::9]
    wide = kf.read_state(client).query("entity_type == 'section'").head(5)
    toggles = pd.concat([items, wide])[KEYS].assign(is_enabled=False)
    kf.run(kf.plan(toggles), client, progress=False)
    if store_read == "stale":
        kf.publish(stores, client)
    state = kf.read_state(client, stores=stores, with_business=True, progress=False)
    truth = sandbox.state()
    is_read = truth["branch_id"].isna() | pd.MultiIndex.from_frame(truth[STORE]).isin(
        pd.MultiIndex.from_frame(stores[STORE])
    )
    pd.testing.assert_frame_equal(_sorted(state), _sorted(truth[is_read]))


def test_state__business_level(sandbox: kf.sandbox.Sandbox, client: kf.Client) -> None:
    """Without stores the business level is read, in one request, and its columns have their dtypes."""
    state = kf.read_state(client)
    dtypes = DTYPES | PENDING_DTYPES
    assert state.dtypes.to_dict() == {name: pd.Series(dtype=dtype).dtype for name, dtype in dtypes.items()}
    assert state["scope"].unique().tolist() == ["business"]
    assert (sandbox.requests["path"].str.endswith("/menus")).sum() == 1


def test_state__order(client: kf.Client) -> None:
    """The business level comes first, then the stores as they were named."""
    pairs = list(kf.stores(client)[["brand_id", "branch_id"]].tail(3).itertuples(index=False, name=None))[
        ::-1
    ]
    state = kf.read_state(client, stores=pairs, with_business=True)
    stores_read = state[["brand_id", "branch_id"]].drop_duplicates().astype(object).to_numpy().tolist()
    assert stores_read == [[pd.NA, pd.NA], *(list(pair) for pair in pairs)]


def test_state__no_store(sandbox: kf.sandbox.Sandbox, client: kf.Client) -> None:
    """A list of stores that is empty reads no menu, and not the business level by mistake."""
    state = kf.read_state(client, stores=kf.stores(client).head(0))
    assert state.empty
    assert not sandbox.requests["path"].str.endswith("/menus").any()


def test_state__notes_survive_pandas(client: kf.Client) -> None:
    """What a state knows beside its rows is kept by filters, copies and joins with its like."""
    state = kf.read_state(client)
    used = pd.concat([state[state["is_enabled"]], state[~state["is_enabled"]]]).sort_index().copy()
    assert used.attrs == state.attrs
    assert used.attrs["stores"] is state.attrs["stores"]
    assert len(used.attrs["stores"]) == len(kf.stores(client))


def test_state__one_store_of_nobody(
    sandbox: kf.sandbox.Sandbox, client: kf.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that the business has not is named, and the others are read; nobody is asked for it."""
    good = kf.stores(client)[["brand_id", "branch_id"]].head(1)
    with caplog.at_level(logging.WARNING, logger="klikit_frames"):
        state = kf.read_state(client, stores=[(1, 2), *good.itertuples(index=False, name=None)])
    assert state["brand_id"].unique().tolist() == good["brand_id"].tolist()
    expected = pd.DataFrame({"brand_id": [1], "branch_id": [2], "code": ["not_in_business"]}).astype(
        {"brand_id": "Int64", "branch_id": "Int64"}
    )
    pd.testing.assert_frame_equal(kf.failures(state)[["brand_id", "branch_id", "code"]], expected)
    assert "Store 1/2 is not one of this business's stores" in caplog.text
    assert not sandbox.requests["path"].str.contains("branch_id=2").any()


def test_state__nothing_but_stores_of_nobody(client: kf.Client) -> None:
    """Where not one menu could be read, an error names the stores."""
    with pytest.raises(kf.RequestError, match=r"menu of store 1/2.*menu of store 3/4"):
        kf.read_state(client, stores=[(1, 2), (3, 4)])


def test_state__one_menu_that_fails(sandbox: kf.sandbox.Sandbox, hasty: kf.Client) -> None:
    """A store whose menu fails for good is named with code and request_id, and the others are read."""
    pairs = list(kf.stores(hasty)[["brand_id", "branch_id"]].head(3).itertuples(index=False, name=None))
    sandbox.inject("error_500", match=f"branch_id={pairs[1][1]}")
    state = kf.read_state(hasty, stores=pairs, progress=False)
    failures = kf.failures(state)
    assert failures[["brand_id", "branch_id", "code", "http_status"]].to_numpy().tolist() == [
        [*pairs[1], "internal", 500]
    ]
    assert failures["request_id"].notna().all()
    assert len(state[["brand_id", "branch_id"]].drop_duplicates()) == 2


def test_state__tree_that_does_not_fit() -> None:
    """A tree that does not fit the documentation is named with its store; the rest is read."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/brands"):
            return ok([{"brands": [{"id": 1, "title": "X"}]}])
        if request.url.path.endswith("/branches"):
            results = [{"id": number, "title": "Y", "brand_ids": [1]} for number in (1, 2)]
            return ok({"total": 2, "results": results})
        store = (1, int(request.url.params["branch_id"]))
        sections = [section(6, "S", categories=[])] if store == (1, 1) else [{"title": "no id"}]
        return ok(store_menu(*sections, store=store))

    with kf.connect(URL, partner_key=PARTNER_KEY, secret_key=SECRET_KEY, transport=Script(answer)) as client:
        state = kf.read_state(client, stores=[(1, 1), (1, 2)], progress=False)
    assert state[["entity_id", "branch_id"]].to_numpy().tolist() == [[6, 1]]
    (failure,) = kf.failures(state).itertuples()
    assert (failure.branch_id, failure.what) == (2, "menu of store 1/2")
    assert "section.id should be an integer" in str(failure.message)


def test_state__page_of_a_proxy(sandbox: kf.sandbox.Sandbox, hasty: kf.Client) -> None:
    """A proxy's HTML page in place of a menu is named with the store."""
    pairs = list(kf.stores(hasty)[["brand_id", "branch_id"]].head(2).itertuples(index=False, name=None))
    sandbox.inject("html_502", match=f"branch_id={pairs[0][1]}")
    state = kf.read_state(hasty, stores=pairs, progress=False)
    assert kf.failures(state)["what"].tolist() == [f"menu of store {pairs[0][0]}/{pairs[0][1]}"]


def test_state__read_cap(sandbox: kf.sandbox.Sandbox, hasty: kf.Client) -> None:
    """Answers of the rate cap are waited for, not reported as failures."""
    sandbox.inject("rate_limit", count=5, match="/menus")
    state = kf.read_state(hasty, stores=kf.stores(hasty).head(6), progress=False)
    assert kf.failures(state).empty


def test_state__without_the_scope_for_lists(sandbox: kf.sandbox.Sandbox) -> None:
    """A credential that may read menus but not the list of stores still gets its state, and the reason."""
    credential = sandbox.issue_credential(scopes=["menus:read"])
    with sandbox.connect(partner_key=credential.partner_key, secret_key=credential.secret_key) as client:
        state = kf.read_state(client)
    assert kf.failures(state)[["what", "code"]].to_numpy().tolist() == [["list of stores", "auth_forbidden"]]
    assert "stores" not in state.attrs
    assert len(state)


def test_state__without_the_scope_for_menus(sandbox: kf.sandbox.Sandbox) -> None:
    """A credential that may not read menus gets that answer, and is not tried store by store."""
    credential = sandbox.issue_credential(scopes=["brands:read"])
    with sandbox.connect(partner_key=credential.partner_key, secret_key=credential.secret_key) as client:
        stores = kf.stores(client)
        with pytest.raises(kf.AuthError, match="menus:read"):
            kf.read_state(client, stores=stores, progress=False)
    # Those under way when the first was refused come to their end; the stores after them are not tried.
    assert sandbox.requests["path"].str.contains("/menus").sum() < len(stores)


def test_state__wrong_secret(sandbox: kf.sandbox.Sandbox) -> None:
    """A wrong secret is an error at once."""
    with sandbox.connect(secret_key="wrong") as client, pytest.raises(kf.AuthError):
        kf.read_state(client)


def test_state__bar(client: kf.Client) -> None:
    """A bar counts every menu, and is closed."""
    updates: list[object] = []

    class Bar:
        def update(self, n: int = 1, /) -> None:
            updates.append(n)

        def close(self) -> None:
            updates.append("closed")

    kf.read_state(client, stores=kf.stores(client).head(4), with_business=True, progress=Bar())
    assert updates == [1, 1, 1, 1, 1, "closed"]


class CountedStore(tuple[int, int]):
    """A store that counts how often any store is hashed."""

    n_hashes = 0

    def __hash__(self) -> int:
        CountedStore.n_hashes += 1
        return super().__hash__()


def test_split_stores__looks_at_each_store_a_few_times() -> None:
    """The work of sorting out foreign stores grows with the number of stores, not with its square."""
    stores = [CountedStore((1, place)) for place in range(500)]
    to_read, failures = split_stores([None, *stores], listed=stores[::2])
    assert to_read == [None, *stores[::2]]
    assert [(failure.brand_id, failure.branch_id) for failure in failures] == stores[1::2]
    assert CountedStore.n_hashes <= 4 * len(stores)


@pytest.mark.parametrize("name", ["monday.csv", "monday.parquet", "MONDAY.CSV"])
def test_snapshot__round_trip(client: kf.Client, tmp_path: Path, name: str) -> None:
    """A state comes back with its rows, dtypes and notes."""
    state = kf.read_state(client, stores=kf.stores(client).head(3), with_business=True, progress=False)
    state.loc[0, ["is_enabled", "title"]] = None
    state.loc[1, "title"] = "=HYPERLINK(1)"
    state.loc[2, "title"] = "NA"
    loaded = kf.load_state(kf.save_state(state, tmp_path / name))
    pd.testing.assert_frame_equal(loaded, state)
    assert loaded.attrs == state.attrs


def test_snapshot__csv_runs_no_formula(client: kf.Client, tmp_path: Path) -> None:
    """A title that a spreadsheet would run as a formula is text in the file."""
    state = kf.read_state(client).head(1).assign(title="=1+1")
    assert ",'=1+1," in kf.save_state(state, tmp_path / "s.csv").read_text(encoding="utf-8")


def test_snapshot__csv_made_elsewhere(tmp_path: Path) -> None:
    """A CSV with a state's columns and without notes is a snapshot too."""
    path = tmp_path / "own.csv"
    path.write_text(
        "entity_type,entity_id,scope,brand_id,branch_id,is_enabled,title\nitem,7,store,1,2,,Tea\n"
    )
    loaded = kf.load_state(path)
    expected = {
        "entity_type": "item",
        "entity_id": 7,
        "scope": "store",
        "brand_id": 1,
        "branch_id": 2,
        "title": "Tea",
    }
    assert loaded.drop(columns="is_enabled").iloc[0].to_dict() == expected
    assert loaded["is_enabled"].isna().all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "has no column entity_type"),
        (
            "entity_type,entity_id,scope,brand_id,branch_id,is_enabled,title\nitem,7,store,1,2,yes,\n",
            "True, False or blank",
        ),
        (
            "entity_type,entity_id,scope,brand_id,branch_id,is_enabled,title\nitem,x,store,1,2,True,\n",
            "entity_id",
        ),
        (
            "entity_type,entity_id,scope,brand_id,branch_id,is_enabled,title\nitem,7,store,1.5,2,True,\n",
            "an id or blank",
        ),
        ("", "not a snapshot"),
    ],
)
def test_snapshot__no_snapshot(tmp_path: Path, text: str, said: str) -> None:
    """A file that is no snapshot is refused with the reason."""
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(kf.StateError, match=said):
        kf.load_state(path)


def test_snapshot__unknown_ending(tmp_path: Path, client: kf.Client) -> None:
    """An ending that is neither Parquet nor CSV is refused before anything is written."""
    with pytest.raises(kf.StateError, match=r"ends in \.parquet or \.csv"):
        kf.save_state(kf.read_state(client), tmp_path / "s.xlsx")
    assert not list(tmp_path.iterdir())


def test_snapshot__torn_parquet(tmp_path: Path) -> None:
    """A Parquet file that is cut off is refused."""
    path = tmp_path / "s.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(kf.StateError, match="not a snapshot"):
        kf.load_state(path)


def test_snapshot__parquet_without_pyarrow(
    tmp_path: Path, client: kf.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pyarrow the extra to install is named, for writing and for reading."""
    monkeypatch.setattr("klikit_frames.menus.states.find_spec", lambda name: None)
    with pytest.raises(kf.ConfigError, match=r"klikit-frames\[parquet\]"):
        kf.save_state(kf.read_state(client), tmp_path / "s.parquet")
    (tmp_path / "s.parquet").touch()
    with pytest.raises(kf.ConfigError, match=r"klikit-frames\[parquet\]"):
        kf.load_state(tmp_path / "s.parquet")


def test_read_time__without_a_zone_is_utc() -> None:
    """A time that says no zone is UTC, and what is no time is none."""
    flags = pd.Series([True])
    flags.attrs["read_at"] = "2026-11-27T08:50:00"
    assert read_time(flags) == datetime(2026, 11, 27, 8, 50, tzinfo=UTC)
    assert is_fresh(flags, now=datetime(2026, 11, 27, 9, tzinfo=UTC))
    assert read_time(pd.Series([True])) is None
