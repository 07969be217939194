"""Snapshots: written, and read back the same."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import klikit_frames as kf


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
    monkeypatch.setattr("klikit_frames.menus.snapshots.find_spec", lambda name: None)
    with pytest.raises(kf.ConfigError, match=r"klikit-frames\[parquet\]"):
        kf.save_state(kf.read_state(client), tmp_path / "s.parquet")
    (tmp_path / "s.parquet").touch()
    with pytest.raises(kf.ConfigError, match=r"klikit-frames\[parquet\]"):
        kf.load_state(tmp_path / "s.parquet")
