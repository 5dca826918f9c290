"""``bench``: figures that anybody can measure again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.by_hand import by_hand_as_json, by_hand_table, measure_by_hand
from bot.cli.common import FAILED, chosen_venues, complain, out, print_json
from bot.cli.fanout import fanout_table, figures_as_json, measure_fanout
from bot.cli.faults import KINDS, chosen_kinds, faults_as_json, faults_table, measure_faults
from bot.domain.enums import BrokerType

_KRAKEN = BrokerType.KRAKEN
_ALL = ",".join(BrokerType)

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Measure, and print the table that was measured."""


@app.command()
def fanout(
    users: Annotated[int, typer.Option(min=1, max=2000, help="Followers of the one master.")] = 100,
    latency_ms: Annotated[int, typer.Option(min=0, max=5000, help="How long the exchange takes to answer.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, max=50, help="Trades by each way, alternating.")] = 7,
    venue: Annotated[BrokerType, typer.Option(help="Whose protocol; the ways without a bot are Kraken's.")] = _KRAKEN,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")] = False,
) -> None:
    """How late the last user's order arrives: the bot, bare krakenex, a bare libcurl fan-out, in one run, alternating.

    Measured at the exchange: from its answer to the master until the order of the last user arrives there. Exit code
    1 when an order was refused or lost.
    """
    with tempfile.TemporaryDirectory(prefix="nija-bench-") as folder:
        figures = measure_fanout(Path(folder), users, latency_ms, rounds, venue)
    if as_json:
        print_json(figures_as_json(figures))
    else:
        out.print(fanout_table(figures))
    if figures.faults:
        for fault in figures.faults:
            complain(fault)
        raise typer.Exit(FAILED)


@app.command("by-hand")
def by_hand(
    users: Annotated[int, typer.Option(min=1, max=2000, help="Followers of the one master.")] = 100,
    latency_ms: Annotated[int, typer.Option(min=0, max=5000, help="How long the exchange takes to answer.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, max=50, help="Trades by hand, each way.")] = 7,
    poll_s: Annotated[float, typer.Option(min=0.5, max=60, help="WATCH_POLL_S of the bot without a socket.")] = 5.0,
    venue: Annotated[BrokerType, typer.Option(help="Where all of them are.")] = _KRAKEN,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")] = False,
) -> None:
    """How late the last user's order arrives after the master bought in the venue's own app.

    Measured at the exchange: from the moment before the order by hand is placed until the order of the last user
    arrives there; once with the venue's socket, once without it. Exit code 1 when an order is missing or came twice.
    """
    with tempfile.TemporaryDirectory(prefix="nija-bench-") as folder:
        figures = measure_by_hand(Path(folder), users, latency_ms, rounds, poll_s, venue)
    if as_json:
        print_json(by_hand_as_json(figures))
    else:
        out.print(by_hand_table(figures))
    if figures.faults:
        for fault in figures.faults:
            complain(fault)
        raise typer.Exit(FAILED)


@app.command()
def faults(
    users: Annotated[int, typer.Option(min=1, max=500, help="Followers of each venue's master.")] = 50,
    orders: Annotated[
        int, typer.Option(min=1, max=100_000, help="At least so many orders meet a fault, at each venue.")
    ] = 2000,
    venues: Annotated[str, typer.Option(help="Which ones, with commas between: kraken, coinbase, alpaca.")] = _ALL,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Only this one; may be repeated: {', '.join(k.name for k in KINDS)}.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")] = False,
) -> None:
    """What becomes of orders when the venue breaks: nothing may be lost, nothing may come twice.

    A local exchange loses answers, delays orders, refuses, hangs; at each venue a master buys and sells through each of
    these, and every user's order meets the fault once. Then the [bold]orders expected[/bold] (what the plans gave a
    size) are held against those [bold]at the venue[/bold] (the exchange's own books, which the bot does not write). An
    order that is not there has to have [bold]a reason[/bold] in the ledger, or it is [bold]lost[/bold]; one more than
    planned came [bold]twice[/bold]. [bold]Seconds to settle[/bold] is the median from the plan until the fill is
    known: what was proven absent goes out again only past its deadline and the settling time, after 16 s with the bot's
    own settings.

    All kinds with 2,000 orders take about ten minutes, the venues at the same time;
    [bold]--venues kraken --only late --orders 100[/bold] takes a few seconds. Exit code 1 when anything was lost or
    came twice, or when ledger and books differ in the end.
    """
    kinds, chosen = chosen_kinds(only or []), chosen_venues(venues)
    with tempfile.TemporaryDirectory(prefix="nija-faults-") as folder:
        runs = measure_faults(Path(folder), chosen, users, orders, kinds)
    if as_json:
        print_json(faults_as_json(runs))
    else:
        out.print(*map(faults_table, runs))
    for difference in (line for figures in runs for line in figures.differences):
        complain(difference)
    if not all(figures.sound for figures in runs):
        raise typer.Exit(FAILED)
