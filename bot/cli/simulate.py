"""``simulate``: the strategy and its followers over history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.domain.enums import BrokerType

#: Ends the command's help.
EPILOG = """Try it: [bold]python bot.py simulate --candles tests/data/candles/BTC-USD_900.csv[/bold]

Then with your own users: [bold]--users config/users --balance tania_gilbert=2500[/bold], or with another strategy:
[bold]--strategy ema_cross --set slow_ema_period=34 --set stop_loss=0.03[/bold].
"""

#: A strategy is a file there.
_STRATEGIES = Path(__file__).parents[1] / "trading_strategy" / "strategies"


def _names() -> str:
    return ", ".join(sorted(file.stem for file in _STRATEGIES.glob("[a-z]*.py")))


def simulate_command(
    candles: Annotated[
        Path,
        typer.Option(
            help="History: CSV with time,open,high,low,close,volume and perhaps symbol (time in unix seconds or ISO "
            "8601), or a recorded answer of Kraken's OHLC."
        ),
    ],
    symbol: Annotated[str | None, typer.Option(help="Whose candles, where the file does not tell: BTC-USD.")] = None,
    users: Annotated[
        str,
        typer.Option(
            help="Who follows: a folder of users files or one of them; or made-up users: 20 is so many of "
            "--user-balance, 1000,500,20 is one for each sum."
        ),
    ] = "1000,500,100,20",
    balance: Annotated[
        list[str] | None, typer.Option(help="What a user of the users files begins with: NAME=USD; may be repeated.")
    ] = None,
    user_balance: Annotated[str, typer.Option(help="What the other users begin with, US dollars.")] = "1000",
    master_balance: Annotated[str, typer.Option(help="What the master begins with, US dollars.")] = "10000",
    venue: Annotated[
        BrokerType, typer.Option(help="Where the master trades, and made-up users: its fees, steps and minimums.")
    ] = BrokerType.KRAKEN,
    strategy: Annotated[str, typer.Option(help=f"Who decides: {_names()}.")] = "rsi_ema",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the strategy: KEY=VALUE; may be repeated.")
    ] = None,
    fee_rate: Annotated[str | None, typer.Option(help="Every account's taker fee instead: 0.0025 is 0.25 %.")] = None,
    spread: Annotated[str, typer.Option(help="Between bid and ask, share of the close: 0.0001 is 0.01 %.")] = "0.0001",
    picture: Annotated[Path, typer.Option("--out", help="Where the picture goes, a PNG.")] = Path("simulation.png"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")] = False,
) -> None:
    """Play a strategy and its followers over history: what would each account have earned, and why not more?

    The decisions, sizes, limits and refusals are those of the code that trades live; no venue is asked and nothing is
    written but the picture. Orders fill at once at the close of the candle that decided, half the spread worse.

    The first table is everybody's result. [bold]kept[/bold] is a user's return as a share of the master's. The second
    one begins with each user's [bold]share[/bold] of what the master earned, and says what fees, rounding, limits and
    skipped trades made of it: the line adds up to what the user earned.
    """
    # Here: candles and pictures take longer to load than all other commands together.
    from bot.cli.simulate_play import Wish, play

    wish = Wish(
        candles=candles,
        symbol=symbol,
        users=users,
        balances=balance or [],
        user_balance=user_balance,
        master_balance=master_balance,
        venue=venue,
        strategy=strategy,
        settings=setting or [],
        fee_rate=fee_rate,
        spread=spread,
        picture=picture,
    )
    play(wish, as_json=as_json)
