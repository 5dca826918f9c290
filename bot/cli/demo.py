"""``demo``: the whole way, on a local exchange, without keys or money."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.app import CopyTradingSystem, report_as_json
from bot.cli.books import differences
from bot.cli.common import FAILED, ConnectBar, chosen_venues, complain, out, settings_with_log
from bot.cli.paper import PaperExchange, variables_for, write_users
from bot.cli.tables import trade_table
from bot.domain.enums import BrokerType, Side, SizeType
from bot.kraken_copy_trading import front_door_switches
from bot.settings.env import load_settings

_MASTER_USD = "10000"
#: On one venue alone; names are unique over all venues of the exchange.
_USERS_USD = {"daivon_frazier": "1000", "tania_gilbert": "500", "sam_lee": "100", "kim_roe": "5"}
#: On several: at each a user that copies in full, one that copies little, one that is too small.
_MIXED_USERS_USD: Mapping[BrokerType, Mapping[str, str]] = {
    BrokerType.KRAKEN: {"daivon_frazier": "1000", "tania_gilbert": "500", "kim_roe": "5"},
    BrokerType.COINBASE: {"sam_lee": "1000", "ana_cruz": "100", "joe_park": "5"},
    BrokerType.ALPACA: {"lea_stein": "1000", "max_moreau": "250", "ida_berg": "50"},
}
_SYMBOL = "BTC-USD"
_FIRST_BUY_USD = Decimal(1000)
#: Seconds for orders in flight to answer at the end; the exchange then has five to end.
_STOP_WITHIN_S = 4.0


def demo(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the bot's log as well.")] = False,
    venues: Annotated[
        str,
        typer.Option(
            help="Where users are, with commas between: kraken,coinbase,alpaca. The master is on Coinbase "
            "where that is among several, else on the first."
        ),
    ] = BrokerType.KRAKEN,
) -> None:
    """Show a master's three trades reach its users on a local exchange; ends by comparing ledger and exchange.

    A master with $10,000 buys BTC for $1,000, sells half of it, sells the rest. Users have $1,000, $500, $100 and $5;
    with several venues there are three at each. Exit code 1 on any difference between the ledger and the exchange's
    own books.
    """
    started = time.monotonic()
    chosen = chosen_venues(venues)
    with tempfile.TemporaryDirectory(prefix="nija-demo-") as folder, PaperExchange() as exchange:
        found = _play(exchange, Path(folder), chosen, verbose)
    out.print(f"took {time.monotonic() - started:.1f} s")
    if found:
        for difference in found:
            complain(difference)
        raise typer.Exit(FAILED)


def _play(exchange: PaperExchange, folder: Path, venues: list[BrokerType], verbose: bool) -> list[str]:
    lead = BrokerType.COINBASE if len(venues) > 1 and BrokerType.COINBASE in venues else venues[0]
    masters = exchange.open_accounts({"master": _MASTER_USD}, lead)
    users = []
    for venue in venues:
        wanted = _USERS_USD if len(venues) == 1 else _MIXED_USERS_USD[venue]
        users += exchange.open_accounts(wanted, venue)
        write_users(folder / "users", list(wanted), venue, **({} if venue is lead else {"follow": lead}))
    settings = load_settings(variables_for(exchange.urls, folder, masters, users), dotenv=None)
    settings, log = settings_with_log(settings, level="INFO" if verbose else "WARNING")
    system = CopyTradingSystem(settings, front_door_switches())
    try:
        with ConnectBar() as progress:
            system.start(progress)
        found = []
        for title, report in _trades(system, lead):
            out.print(trade_table(title, report))
            if not report["accepted"] or not report["complete"]:
                found.append(f"{title}: {report['master']['reason'] or 'not every copy ended in time'}")
        system.ledger.flush(10.0)
        orders, compared = differences(system.ledger.views, exchange.control("GET", "/books"))
        found += compared
        if not found:
            out.print(f"✅ the ledger and the exchange's own books agree: {orders} orders, none lost, none twice")
        return found
    finally:
        system.stop(_STOP_WITHIN_S)
        log.close()


def _trades(system: CopyTradingSystem, lead: BrokerType) -> Iterator[tuple[str, dict[str, Any]]]:
    def trade(side: Side, quantity: Decimal, unit: SizeType) -> dict[str, Any]:
        return report_as_json(system.trade(lead, _SYMBOL, side, quantity, unit))

    bought = trade(Side.BUY, _FIRST_BUY_USD, SizeType.QUOTE)
    yield f"The master buys {_SYMBOL} for $1,000", bought
    held = Decimal(bought["master"]["executed"] or 0)
    if not held:
        return
    half = (held / 2).quantize(Decimal("0.00000001"))
    yield "The master sells half of it", trade(Side.SELL, half, SizeType.BASE)
    yield "The master sells the rest", trade(Side.SELL, held - half, SizeType.BASE)
