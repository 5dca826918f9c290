"""The lines that operators look for, word for word, and nowhere else."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from bot.domain.enums import OrderState, SizeType
from bot.domain.ids import AccountId
from bot.domain.money import shown, usd
from bot.domain.orders import MarketOrder, OrderResult, is_master
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal
from bot.reporting.listening import AnnouncementListener

_log = logging.getLogger("nija")

UNDERFUNDED = "UNDERFUNDED - will NOT trade"

#: Where operators look for another name than the venue's own.
_VENUE_NAMES = {"kraken": "KRAKEN PRO", "coinbase": "COINBASE ADVANCED"}
#: States of a copy that the venue holds or held.
_COPIED = (OrderState.ACCEPTED, OrderState.FILLED, OrderState.PARTIALLY_FILLED)
_NOT_TRIED = (OrderState.SKIPPED, OrderState.EXPIRED, OrderState.OBSERVED, OrderState.PLANNED)


class LogAnnouncer(AnnouncementListener):
    """Writes the lines into the log (:class:`bot.domain.ports.Announcer`, and what the engine says)."""

    def connected(self, account: AccountId) -> None:
        """An account answered with its balances."""
        _log.info("✅ %s CONNECTED (%s)", _VENUE_NAMES.get(account.venue, account.venue.upper()), account.label)
        if not is_master(account):
            _log.info("✅ %s %s connected", account.label, account.venue.upper())

    def not_connected(self, account: AccountId, reason: str) -> None:
        """An account is left out, and why."""
        _log.error("❌ %s %s NOT connected: %s", account.label, account.venue.upper(), reason)

    def underfunded(self, account: AccountId, balance: Decimal) -> None:
        """An account is too small to trade."""
        _log.warning("⚠️ %s %s has %s: %s", account.label, account.venue.upper(), usd(balance), UNDERFUNDED)

    def system_ready(self, venue: str, users: int) -> None:
        """Masters and users of a venue are connected."""
        _log.info("✅ %s COPY TRADING SYSTEM READY (%d users)", venue.upper(), users)

    def emitting(self, signal: TradeSignal) -> None:
        """A master's trade is about to become a signal."""
        _log.info(
            "📡 Emitting trade signal to copy engine: %s %s %s at %s",
            signal.side.upper(),
            shown(signal.size) if signal.size_type is SizeType.BASE else f"{usd(signal.size)} of",
            signal.symbol,
            shown(signal.price),
        )

    def emitted(self, signal: TradeSignal) -> None:
        """The signal is in the queue."""
        _log.info("✅ Trade signal emitted successfully")

    def not_emitted(self, order: MarketOrder, reason: str) -> None:
        """The master traded, and nobody will follow."""
        _log.error("❌ the signal of %s %s was not emitted: %s", order.side.upper(), order.symbol, reason)
        _log.error("⚠️ User accounts will NOT copy this trade!")

    def watching(self, account: AccountId, by: str) -> None:
        """What is traded by hand on a master account is heard of, and how."""
        _log.info("👀 %s %s: trades by hand are watched, %s", account.label, account.venue.upper(), by)

    def watch_interrupted(self, account: AccountId, reason: str) -> None:
        """The socket of a master is gone for now; what it missed is asked for."""
        _log.warning("⚠️ %s %s: the socket that tells its fills: %s", account.label, account.venue.upper(), reason)

    def watch_blind(self, account: AccountId, seconds: float, reason: str) -> None:
        """Neither socket nor questions tell what a master trades."""
        _log.error(
            "🚨 %s %s is NOT watched for %.0f s: %s; what it trades by hand is copied when it is known",
            account.label,
            account.venue.upper(),
            seconds,
            reason,
        )

    def traded_by_hand(self, signal: TradeSignal) -> None:
        """A master traded, and the bot did not do it."""
        _log.info(
            "✋ %s traded by hand: %s %s %s at %s, order %s",
            signal.master_account.label,
            signal.side.upper(),
            shown(signal.size),
            signal.symbol,
            shown(signal.price),
            signal.order_id,
        )

    def signal_refused(self, signal: TradeSignal, reason: str) -> None:
        """A signal did not get through, or not yet."""
        _log.error("❌ the signal of %s %s was not emitted: %s", signal.side.upper(), signal.symbol, reason)

    def master_confirmed(self, result: OrderResult) -> None:
        """A master's order and its fill."""
        order, report = result.order, result.report
        if order is None:
            return
        price = shown(report.average_price) if report else "not known yet"
        executed = shown(report.executed if report else order.quantity)
        _log.info(
            "✅ TRADE CONFIRMATION - MASTER: %s %s %s at %s, order %s",
            order.side.upper(),
            executed,
            order.symbol,
            price,
            result.order_id,
        )

    def engine_started(self, observe_only: bool) -> None:
        """The copy engine takes signals."""
        _log.info("✅ COPY TRADE ENGINE STARTED")
        _log.info("✅ Copy trade engine started in %s MODE", "OBSERVE" if observe_only else "ACTIVE")

    def received(self, signal: TradeSignal) -> None:
        """The engine has a signal."""
        _log.info("🔔 RECEIVED MASTER TRADE SIGNAL: %s %s", signal.symbol, signal.side.upper())

    def copying(self, user_id: str) -> None:
        """A user's order is on its way."""
        _log.info("🔄 Copying trade to user: %s", user_id)

    def not_copying(self, copy: PlannedCopy) -> None:
        """A user does not copy, or not yet, and why."""
        _log.info("⏭️ %s %s: %s", copy.account.name, copy.state, copy.reason)

    def copy_ended(self, result: CopyTradeResult) -> None:
        """A user's order was answered."""
        took = "" if result.milliseconds is None else f" after {result.milliseconds:.0f} ms"
        trade = f"{result.user_id}: {result.side.upper()} {shown(result.quantity)} {result.symbol}"
        if result.success:
            _log.info("🟢 COPY TRADE SUCCESS - %s, order %s%s", trade, result.order_id, took)
        elif result.state is OrderState.UNKNOWN:
            # Whoever reads "failed" repeats it by hand, and it may have been placed.
            _log.error("❓ COPY TRADE UNCLEAR - %s: %s%s", trade, result.reason, took)
        elif result.state is OrderState.PLANNED:
            _log.warning("⏳ COPY TRADE WAITS - %s: %s", trade, result.reason)
        else:
            _log.error("❌ COPY TRADE FAILED - %s: %s %s%s", trade, result.state, result.reason, took)

    def summary(self, signal: TradeSignal, results: Sequence[CopyTradeResult]) -> None:
        """What became of a signal."""
        states = Counter(result.state for result in results)
        copied = sum(states[state] for state in _COPIED)
        skipped = sum(states[state] for state in _NOT_TRIED)
        times = sorted(result.milliseconds for result in results if result.milliseconds is not None)
        latency = f", last answer after {times[-1]:.0f} ms" if times else ""
        unclear = states[OrderState.UNKNOWN]
        _log.info(
            "📊 COPY TRADING SUMMARY: %s %s - %d of %d copied, %d skipped, %d failed%s%s",
            signal.symbol,
            signal.side.upper(),
            copied,
            len(results),
            skipped,
            len(results) - copied - skipped - unclear,
            f", {unclear} unclear" if unclear else "",
            latency,
        )

    def recovering(self, orders: int) -> None:
        """Orders of an earlier run are asked for."""
        _log.warning("🔎 %d open orders of an earlier run are asked for at their venues", orders)

    def recovered(self, orders: int, complete: bool) -> None:
        """What an earlier run left is known, or is still asked for while copying begins."""
        if complete:
            _log.info("✅ RECOVERY DONE: %d orders of an earlier run are known, none is in doubt", orders)
        else:
            _log.error("⚠️ some of %d orders of an earlier run are still in doubt; entries of theirs wait", orders)

    def plan_not_committed(self, signal: TradeSignal, reason: str) -> None:
        """The ledger did not take a plan: nothing is sent."""
        _log.critical("❌ %s %s is NOT copied yet: %s", signal.symbol, signal.side.upper(), reason)
