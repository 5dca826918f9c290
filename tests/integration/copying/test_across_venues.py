"""One master on any venue, sixty users on all three: every user gets its own share, to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from bot.app import CopyTradingSystem, MasterTradeReport
from bot.cli.books import differences
from bot.cli.paper import variables_for
from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId
from bot.kraken_copy_trading import front_door_switches
from bot.ledger.rows import CopyRow, SignalRow
from bot.settings.env import load_settings
from bot.trade_signal_emitter import TradeSignalEmitter
from tests.paper_exchange.client import Paper, running

VENUES = tuple(BrokerType)
SYMBOL = "BTC-USD"
#: What the venues take: the step of a size, or of what a buy may spend.
STEPS = {BrokerType.KRAKEN: "0.00000001", BrokerType.COINBASE: "0.01", BrokerType.ALPACA: "0.000000001"}
#: From a few dollars, which are too few at each venue, to more than the master has.
BALANCES = [Decimal(15) + Decimal("37.77") * number**2 for number in range(20)]
MASTER_BALANCE = Decimal(10_000)


def floor(amount: Decimal, step: str) -> Decimal:
    return (amount / Decimal(step)).to_integral_value(ROUND_DOWN) * Decimal(step)


class Town:
    """A system with one master, and users of every venue that follow it."""

    def __init__(self, paper: Paper, folder: Path, leads: list[BrokerType], follow: bool = True) -> None:
        self.paper = paper
        masters = [
            self._open("master" if lead is leads[0] else f"{lead}_master", MASTER_BALANCE, lead) for lead in leads
        ]
        users, self.balances = [], {}
        (folder / "users").mkdir(parents=True)
        for venue in VENUES:
            names = {f"{venue}user{number:02d}": balance for number, balance in enumerate(BALANCES)}
            users += [self._open(name, balance, venue) for name, balance in names.items()]
            self.balances |= names
            entries = [{"user_id": name, **({"follow": leads[0]} if follow else {})} for name in names]
            (folder / "users" / f"retail_{venue}.json").write_text(json.dumps(entries))
        urls = {venue: getattr(paper, f"{venue}_url") for venue in VENUES}
        settings = load_settings(variables_for(urls, folder, masters, users), dotenv=None)
        self.system = CopyTradingSystem(settings, front_door_switches(), TradeSignalEmitter())
        self.system.start()

    def _open(self, name: str, dollars: Decimal, venue: BrokerType) -> dict[str, str]:
        (made,) = self.paper.post("/accounts", {"name": name, "venue": venue, "balances": {"USD": str(dollars)}})
        return {**made, "venue": venue}

    def trade(self, lead: BrokerType, side: Side, quantity: Any, unit: SizeType) -> MasterTradeReport:
        report = self.system.trade(lead, SYMBOL, side, quantity, unit)
        assert report, report.master.reason
        assert report.complete, report
        return report

    def copies(self) -> tuple[SignalRow, list[CopyRow]]:
        """The latest signal and what became of it."""
        self.system.ledger.flush(30)
        views = self.system.ledger.views
        signal = views.recent_signals(1)[0]
        return signal, views.copies_of(signal.signal_id)

    def orders(self) -> dict[str, list[dict[str, Any]]]:
        """Every account's orders, by the exchange's own books."""
        found: dict[str, list[dict[str, Any]]] = {}
        for order in self.paper.get("/books")["orders"]:
            found.setdefault(order["account"], []).append(order)
        return found

    def close(self) -> None:
        assert self.system.stop(10.0) == []


@pytest.fixture
def paper() -> Iterator[Paper]:
    with running("--prices", "fixed") as paper:
        yield paper


def share(signal: SignalRow, balance: Decimal, venue: BrokerType) -> Decimal:
    """What a user should order, in the venue's own unit."""
    with localcontext(prec=60):
        amount = signal.size * balance / signal.master_balance
        value = amount * signal.price if signal.size_type is SizeType.BASE else amount
        quantity = amount if signal.size_type is SizeType.BASE else amount / signal.price
        return floor(value if venue is BrokerType.COINBASE else quantity, STEPS[venue])


def is_too_small(wanted: Decimal, price: Decimal, venue: BrokerType) -> bool:
    """By the venues' own minimums at the exchange."""
    if venue is BrokerType.KRAKEN:
        return wanted < Decimal("0.00005")
    return wanted < 1 if venue is BrokerType.COINBASE else wanted * price < 10


@pytest.mark.slow
@pytest.mark.parametrize("lead", VENUES)
def test_sixty_users_on_three_venues_get_their_exact_share_of_a_master_on_any(
    paper: Paper, tmp_path: Path, lead: BrokerType
) -> None:
    town = Town(paper, tmp_path, [lead])
    try:
        town.trade(lead, Side.BUY, Decimal(500), SizeType.QUOTE)
        signal, copies = town.copies()
        assert len(copies) == 60
        orders = town.orders()
        for copy in copies:
            name, venue = copy.account.name, copy.account.venue
            wanted = share(signal, town.balances[name], venue)
            if is_too_small(wanted, signal.price, venue):
                assert copy.state is OrderState.SKIPPED, (name, wanted, copy)
                assert copy.reason.startswith("below minimum")
                assert name not in orders
                continue
            assert copy.state is OrderState.FILLED, (name, copy)
            (order,) = orders[name]
            assert Decimal(order["volume"]) == wanted, (name, order)
            assert order["volume_in_quote"] is (venue is BrokerType.COINBASE)
            assert copy.quote_value <= town.balances[name] / 10
        copied = [copy for copy in copies if copy.state is OrderState.FILLED]
        assert len(copied) > 50

        held = Decimal(orders["master"][0]["executed"])
        town.trade(lead, Side.SELL, floor(held / 2, STEPS[BrokerType.KRAKEN]), SizeType.BASE)
        exit_, exits = town.copies()
        assert exit_.position_before is not None
        coins = town.system.ledger.copied_coins()
        for copy in exits:
            bought = next(one for one in copied if one.account == copy.account) if copy.quantity else None
            if bought is None:
                continue
            fee = bought.fee if bought.fee_currency == "BTC" else Decimal(0)
            had = bought.executed - fee
            with localcontext(prec=60):
                fraction = exit_.size / exit_.position_before
                step = "0.000000001" if copy.account.venue is BrokerType.ALPACA else "0.00000001"
                assert copy.quantity == floor(had if copy.note else had * fraction, step), copy
                assert copy.note in ("", "the rest would be dust")
            assert coins.get((copy.account, SYMBOL), Decimal(0)) == had - copy.executed
        assert sum(bool(copy.quantity) and not copy.note for copy in exits) > 40, "most sell their half"
        master = town.system.manager.master(lead)
        assert master is not None
        town.trade(lead, Side.SELL, master.get_positions()["BTC"], SizeType.BASE)

        left = {account: quantity for (account, _), quantity in town.system.ledger.copied_coins().items()}
        assert all(quantity <= Decimal("0.00000001") for quantity in left.values()), left
        found = differences(town.system.ledger.views, paper.get("/books"))
        assert found[1] == []
    finally:
        town.close()


@pytest.mark.slow
def test_two_masters_with_one_idea_are_copied_once_by_each_user(paper: Paper, tmp_path: Path) -> None:
    """A user follows the master of its own venue, or the one that it names, and never both."""
    town = Town(paper, tmp_path, [BrokerType.COINBASE, BrokerType.KRAKEN], follow=False)
    try:
        for lead in (BrokerType.COINBASE, BrokerType.KRAKEN):
            town.trade(lead, Side.BUY, Decimal(500), SizeType.QUOTE)
        views = town.system.ledger.views
        rows = [copy for signal in views.recent_signals(2) for copy in views.copies_of(signal.signal_id)]
        accounts = [row.account for row in rows]
        assert len(accounts) == len(set(accounts)) == 40, "users at Alpaca follow nobody: there is no master"
        masters = {row.account.venue: views.signal(row.signal_id) for row in rows}
        for venue, signal in masters.items():
            assert signal is not None
            assert signal.master == AccountId.master(venue)
    finally:
        town.close()
