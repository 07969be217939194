"""The commands that read the menus: stores, state, drift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import klikit_frames as kf
from klikit_frames.cli import options, screens
from klikit_frames.cli.option_groups import ConnectionOptions, OutputOptions
from klikit_frames.cli.outputs import echo, echo_next
from klikit_frames.wording import counted

if TYPE_CHECKING:
    import pandas as pd


def stores(*, connection: ConnectionOptions, output: OutputOptions) -> None:
    """List the stores of the business by brand and branch."""
    with connection.connect() as client:
        found = kf.stores(client)
    if output.is_screen:
        ids = found["brand_id"].astype(str) + "/" + found["branch_id"].astype(str)
        shown = found[["brand_title", "branch_title"]].assign(store=ids)
        screens.print_frame(
            shown.rename(columns={"brand_title": "brand", "branch_title": "branch"}), limit=200
        )
    else:
        output.write(found)
    echo(f"{counted(len(found), 'store')} of {counted(found['brand_id'].nunique(), 'brand')}.")
    echo_next("The flags of one", f"state --store BRAND/BRANCH{connection.words}")


def state(
    *,
    store: options.StoreList = None,
    all_stores: options.AllStores = False,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Print the live flags: of the business, or of stores."""
    with connection.connect() as client:
        pairs = kf.stores(client) if all_stores else options.parse_stores(store) if store else None
        found = kf.read_state(client, stores=pairs)
    if output.is_screen:
        screens.print_state(found)
    else:
        output.write(found)
    echo(kf.summary(found))
    if output.out is None:
        echo_next(
            "To keep it and compare later, add --out FILE.csv, then", f"drift FILE.csv{connection.words}"
        )


def drift(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A snapshot: `state --out FILE.csv`.")],
    after: Annotated[
        Path | None, typer.Argument(metavar="[AFTER]", help="A later snapshot; the live flags if left out.")
    ] = None,
    *,
    connection: ConnectionOptions,
    output: OutputOptions,
) -> None:
    """Show what changed between two snapshots, or since one."""
    earlier = kf.load_state(before)
    later = _live_like(earlier, connection) if after is None else kf.load_state(after)
    found = kf.drift(earlier, later)
    if output.is_screen:
        shown = screens.with_names(found)
        screens.print_frame(shown[["what", "where", "was", "now", "drift"]], what="changes")
    else:
        output.write(found)
    echo(kf.summary(found))


def _live_like(earlier: pd.DataFrame, connection: ConnectionOptions) -> pd.DataFrame:
    """Return the live flags of what an earlier snapshot holds."""
    pairs = earlier.loc[earlier["scope"].eq("store"), ["brand_id", "branch_id"]].drop_duplicates()
    with connection.connect() as client:
        if pairs.empty:
            return kf.read_state(client)
        return kf.read_state(client, stores=pairs, with_business=bool(earlier["scope"].eq("business").any()))
