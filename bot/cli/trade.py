"""``trade``: one master trade, through the running bot or, when none runs, by itself."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.app import CopyTradingSystem, report_as_json
from bot.cli.common import BAD_SETTINGS, FAILED, UNCLEAR, ConnectBar, complain, out, print_json, settings_with_log
from bot.cli.running import ask_running_bot, bot_is_running
from bot.cli.tables import trade_table
from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.kraken_copy_trading import front_door_switches
from bot.settings.env import Settings, load_settings

#: Seconds that a running bot may take with a trade and all its copies.
_ANSWER_WITHIN_S = 120.0
#: Seconds for orders in flight to answer once the trade is done, or was interrupted.
_STOP_WITHIN_S = 8.0
#: Tells what became of a trade.
_LOOK = "python bot.py copies"


def trade(
    side: Annotated[Side, typer.Argument(help="buy or sell")],
    symbol: Annotated[str, typer.Argument(help="BTC-USD; the venue's own spellings work too")],
    usd: Annotated[str | None, typer.Option(help="What it is to be worth, in the quote currency: --usd 100")] = None,
    quantity: Annotated[str | None, typer.Option(help="How many coins instead: --quantity 0.01")] = None,
    venue: Annotated[BrokerType, typer.Option(help="Whose master trades.")] = BrokerType.KRAKEN,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")] = False,
) -> None:
    """Place a market order on the master and copy it to every user.

    A running bot carries it out; without one, this command connects, trades, waits for every copy and ends. Exit code
    0 when the master's order was accepted, 1 when not, 4 when that is not known.
    """
    if (usd is None) == (quantity is None):
        complain("say how much: either --usd 100 or --quantity 0.01")
        raise typer.Exit(BAD_SETTINGS)
    size_type = SizeType.QUOTE if usd is not None else SizeType.BASE
    wish = {
        "venue": venue.value,
        "symbol": symbol,
        "side": side.value,
        "quantity": usd if usd is not None else quantity,
        "size_type": size_type.value,
    }
    settings = load_settings()
    report = _by_the_running_bot(settings, wish) if bot_is_running(settings) else _by_itself(settings, wish)
    if as_json:
        print_json(report)
    elif report["master"]["state"] == OrderState.UNKNOWN:
        complain(
            f"it is NOT KNOWN whether the master traded ({report['master']['reason']}); "
            "look at the account at the venue, and do not repeat the trade before"
        )
    elif report["master"]["order_id"] is None:
        complain(f"the master did not trade: {report['master']['reason']}")
    else:
        out.print(trade_table(f"{side.upper()} {symbol}", report))
    if not report["accepted"]:
        raise typer.Exit(UNCLEAR if report["master"]["state"] == OrderState.UNKNOWN else FAILED)


def _by_itself(settings: Settings, wish: dict[str, Any]) -> dict[str, Any]:
    settings, log = settings_with_log(settings, level="WARNING")
    system = CopyTradingSystem(settings, front_door_switches())
    with ConnectBar() as progress:
        system.start(progress)
    try:
        return report_as_json(system.trade_by_command(wish))
    except KeyboardInterrupt:
        complain(f"interrupted; look what became of the trade before you repeat it: {_LOOK}")
        raise
    finally:
        system.stop(_STOP_WITHIN_S)
        log.close()


def _by_the_running_bot(settings: Settings, wish: dict[str, Any]) -> dict[str, Any]:
    return ask_running_bot(
        settings, "trade", wish, doing="the running bot trades", look=_LOOK, within_s=_ANSWER_WITHIN_S
    )
