"""One account that trades by itself: a round a candle, decided by the strategy."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from bot.brokers.base import BaseBroker
from bot.domain.enums import AccountType, Side, SizeType
from bot.domain.errors import NijaError
from bot.domain.instruments import split_symbol
from bot.domain.money import MINIMUM_FUNDED_BALANCE, ZERO, plain, usd
from bot.domain.orders import AccountBalances, OrderResult
from bot.independent_broker_trader.feed import CandleFeed
from bot.independent_broker_trader.parts import TradingParts, TradingRules
from bot.reporting.lines import UNDERFUNDED
from bot.runtime.service import Service
from bot.trading_strategy import Action, Candles, Decision, Position

_log = logging.getLogger("nija.trader")

#: Seconds of the market's clock between two looks at it: it may be set.
_LOOK_S = 30.0
#: Seconds that a buy waits for balances that show the orders before it.
_BALANCES_WITHIN_S = 5.0

_FIGURES = re.compile(r"[0-9]+")

#: Whether the master that the account follows is connected, so that the account copies.
IsCopying = Callable[[], bool]


class AccountTrader(Service):
    """Trades one account until it is stopped.

    An account that copies, and one without money, buys nothing; what it bought by itself before it still sells. An
    account that has neither money nor such coins is looked at again with each candle.

    Args:
        broker: the account's.
        feed: candles of its venue.
        is_copying: asked in each round.
        connected: told in each round in which the account is connected.
        at_once: whether the candle that closed last before the start is decided on.
    """

    def __init__(
        self,
        broker: BaseBroker,
        rules: TradingRules,
        parts: TradingParts,
        feed: CandleFeed,
        is_copying: IsCopying,
        connected: Callable[[], None],
        *,
        at_once: bool,
    ) -> None:
        super().__init__(f"trader {broker.account}")
        self.account = broker.account
        self._broker = broker
        self._rules = rules
        self._parts = parts
        self._feed = feed
        self._is_copying = is_copying
        self._connected = connected
        self._who = f"{self.account.label} {self.account.venue.upper()}"
        # Kept where a thread that died is started again: a round is begun once.
        self._round_of = 0
        self._at_once = at_once
        self._decided: dict[str, int] = {}
        self._last: dict[str, Decision] = {}
        self._faults: dict[str, str] = {}
        # Last closes, quote per base.
        self._prices: dict[str, Decimal] = {}
        self._standing = ""
        self._began_at = self._beat_at = parts.clock.time()

    def _run(self) -> None:
        clock = self._parts.clock
        if not (self._round_of or self._at_once):
            self._round_of = self._feed.last_close()
        while not self._stop.is_set():
            close = self._feed.last_close()
            if close != self._round_of:
                self._round_of = close
                self._attempt("the round", partial(self._round, close))
            self._beat()
            next_at = self._feed.last_close() + self._rules.interval_s + self._feed.settle_s
            clock.wait(self._stop, min(max(next_at - clock.time(), 0.0), _LOOK_S))

    def _attempt(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            known = isinstance(error, NijaError)
            text = " ".join((str(error) if known else f"{type(error).__name__}: {error}").split())
            text = text.removeprefix(f"{what}: ")
            # A feed that stands still, say, need not be named with every candle: the hourly line goes on naming it.
            is_said = _without_figures(self._faults.get(what, "")) == _without_figures(text)
            level = logging.DEBUG if is_said else logging.WARNING if known else logging.ERROR
            _log.log(level, "%s: %s failed: %s", self._who, what, text)
            _log.debug("%s: %s failed", self._who, what, exc_info=True)
            self._faults[what] = text
        else:
            self._faults.pop(what, None)

    # -- a round -------------------------------------------------------------------------------------------------

    def _round(self, close: int) -> None:
        if not self._trades():
            return
        for symbol in self._rules.symbols:
            if self._stop.is_set():
                return
            self._attempt(symbol, partial(self._turn, symbol, close))

    def _trades(self) -> bool:
        balances = self._broker.balances
        if balances is None or not self._broker.connected:
            self._stands("is not connected", logging.DEBUG)
            return False
        self._connected()
        positions = self._positions(balances)
        barred = "" if positions else self._entry_barred(balances)
        if barred == UNDERFUNDED:
            self._stands(UNDERFUNDED, logging.WARNING, f"has {usd(balances.trading_balance)}: ")
        elif barred:
            self._stands(barred, logging.DEBUG)
        else:
            minutes, alone = self._rules.interval_s // 60, sorted(positions.keys() - set(self._rules.symbols))
            left = f"; it leaves alone what it holds of {', '.join(alone)}" if alone else ""
            symbols = ", ".join(self._rules.symbols)
            self._stands(f"trades {symbols} by {self._rules.name}, candles of {minutes} min{left}", logging.INFO)
        return not barred

    def _stands(self, standing: str, level: int, detail: str = "") -> None:
        if standing != self._standing:
            self._standing = standing
            mark = "⚠️ " if level == logging.WARNING else ""
            _log.log(level, "%s%s %s%s", mark, self._who, detail, standing)

    def _entry_barred(self, balances: AccountBalances) -> str:
        if self._is_copying():
            return "copy trading active"
        return UNDERFUNDED if balances.trading_balance < MINIMUM_FUNDED_BALANCE else ""

    def _turn(self, symbol: str, close: int) -> None:
        candles = self._feed.committed(symbol, close, self._stop)
        for note in candles.notes:
            _log.debug("%s: %s: %s", self._who, symbol, note)
        if candles.last_time <= self._decided.get(symbol, -1) or self._was_acted_on(candles):
            return
        self._prices[symbol] = candles.last_close
        # In this order: with nothing open, the positions have every fill.
        is_open = self._broker.has_open(symbol)
        balances = self._broker.get_account_balance_detailed()
        positions = self._positions(balances)
        decision = self._rules.strategy.decide(candles, positions, self._rules.settings)
        # Before it is acted on: whatever happens then, it is not acted on a second time.
        self._decided[symbol] = decision.candle_time
        self._last[symbol] = decision
        if decision.action is Action.SELL and is_open:
            # It may be the sale of these very coins: sold twice, the second would take coins that the bot never bought.
            self._refused(decision, f"an earlier order of {symbol} is not settled yet; the next candle decides anew")
            return
        self._act(decision, balances, positions)

    def _was_acted_on(self, candles: Candles) -> bool:
        # By an earlier process: what this one did it knows.
        if candles.symbol in self._decided or candles.closed_at > self._began_at:
            return False
        ordered_at = self._parts.last_order_at(self.account, candles.symbol)
        return ordered_at is not None and ordered_at >= candles.closed_at

    def _positions(self, balances: AccountBalances) -> dict[str, Position]:
        found = {}
        for symbol, position in self._parts.positions_of(self.account).items():
            instrument = self._broker.instrument(symbol)
            if instrument is None:
                continue
            held = balances.coins_of(instrument.base) + balances.held.get(instrument.base, ZERO)
            size = instrument.floor_size(min(position.quantity, held))
            price = self._prices.get(symbol, position.entry_price)
            # What cannot be sold is no position to the strategy.
            too_small = (
                size < instrument.minimum_size if price is None else instrument.is_below_minimum(size, price, Side.SELL)
            )
            if size > ZERO and not too_small:
                found[symbol] = replace(position, quantity=size)
        return found

    # -- acting --------------------------------------------------------------------------------------------------

    def _act(self, decision: Decision, balances: AccountBalances, positions: dict[str, Position]) -> None:
        reasons = "; ".join(decision.reasons)
        barred = self._entry_barred(balances) if decision.action is Action.BUY else ""
        if decision.action is Action.HOLD or barred:
            why = f", not done: {barred}" if barred else ""
            _log.debug("%s: %s %s%s: %s", self._who, decision.action.upper(), decision.symbol, why, reasons)
        elif not self._stop.is_set():
            _log.info("%s: %s %s: %s", self._who, decision.action.upper(), decision.symbol, reasons)
            if decision.action is Action.BUY:
                self._buy(decision)
            else:
                self._sell(decision, balances, positions[decision.symbol])

    def _buy(self, decision: Decision) -> None:
        self._broker.wait_for_balances(_BALANCES_WITHIN_S)
        settled = self._broker.settled_balances
        if settled is None:
            # An order whose fill is not known yet is in no position: the strategy could not see it.
            self._refused(decision, "an earlier order of the account is not settled yet")
            return
        amount = decision.balance_share * settled.trading_balance
        self._done(decision, self._broker.place_market_order(decision.symbol, Side.BUY, amount, SizeType.QUOTE))

    def _sell(self, decision: Decision, balances: AccountBalances, position: Position) -> None:
        base, _ = split_symbol(decision.symbol)
        wanted, free = decision.position_fraction * position.quantity, balances.coins_of(base)
        if free <= ZERO:
            self._refused(decision, f"{plain(wanted)} {base} are bound in open orders")
            return
        self._done(
            decision,
            self._broker.place_market_order(decision.symbol, Side.SELL, min(wanted, free), SizeType.BASE),
        )

    def _done(self, decision: Decision, result: OrderResult) -> None:
        if result.sent_blindly:
            what = "it is NOT KNOWN whether the order was placed"
            _log.error("❌ %s: %s %s: %s: %s", self._who, decision.action.upper(), decision.symbol, what, result.reason)
        elif not result.accepted:
            self._refused(decision, result.reason)
        elif self.account.account_type is AccountType.MASTER:
            self._parts.announcer.master_confirmed(result)
        else:
            _log.info("%s: %s %s, order %s", self._who, decision.action.upper(), decision.symbol, result.order_id)

    def _refused(self, decision: Decision, reason: str) -> None:
        _log.warning("⚠️ %s: %s %s was not placed: %s", self._who, decision.action.upper(), decision.symbol, reason)

    def _beat(self) -> None:
        now = self._parts.clock.time()
        if now - self._beat_at < self._parts.heartbeat_s:
            return
        self._beat_at = now
        last = {symbol: f"{symbol} {decision.action}" for symbol, decision in self._last.items()}
        failing = {what: f"{what} FAILS: {text}" for what, text in self._faults.items()}
        closed = f"{datetime.fromtimestamp(self._round_of, UTC):%Y-%m-%d %H:%M} UTC"
        news = ", ".join({**last, **failing}.values()) or "nothing decided yet"
        _log.info("%s %s; candles of %s: %s", self._who, self._standing or "waits", closed, news)


def _without_figures(text: str) -> str:
    return _FIGURES.sub("#", text)
