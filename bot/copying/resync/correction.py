"""One order that brings an account's copied coins of a symbol to what they should be, within the user's limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from bot.copying.guards import (
    Follower,
    refuse_balance,
    refuse_instrument,
    refuse_now,
    refuse_symbol,
    refuse_yet,
)
from bot.copying.plan import order_of
from bot.copying.resync.causes import Standing
from bot.domain.enums import OrderState, Side, SizeType
from bot.domain.ids import AccountId, client_order_id_of, signal_id_of
from bot.domain.instruments import Instrument
from bot.domain.money import ONE, ZERO, plain, shown
from bot.domain.orders import MarketOrder, Refused, Sized
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.position_sizer import EntryLimits, calculate_user_exit_size, calculate_user_position_size

#: A correction that asks for more than was agreed, by this factor, has to be asked for again.
_AS_AGREED = Decimal("1.01")


@dataclass(frozen=True, slots=True)
class CorrectionRules:
    """What a correction is made under.

    Attributes:
        request: names the correction; the same request never trades twice in a symbol.
        price: the venue's own, now, quote per base.
        stopped: why nothing may be traded now; None when it may.
        observe_only: nothing may be traded at all.
        max_user_risk: the common limit; a user may have a lower one.
        now: unix seconds.
        deadline: unix seconds after which the order must not match any more.
        agreed: base that somebody said yes to, below zero to sell; None where nobody was asked.
        entries_stopped: why an account gets no entries; None when it gets them.
    """

    request: str
    price: Decimal
    stopped: str | None
    observe_only: bool
    max_user_risk: Decimal
    now: float
    deadline: float
    agreed: Decimal | None = None
    entries_stopped: Callable[[AccountId], Refused | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Correction:
    """A signal of the account's own, and its only copy."""

    signal: TradeSignal
    copy: PlannedCopy
    order: MarketOrder

    @property
    def note(self) -> str:
        """What trimmed it, or empty."""
        return self.copy.decision.note if isinstance(self.copy.decision, Sized) else ""


def plan_correction(standing: Standing, follower: Follower, rules: CorrectionRules) -> Correction | Refused:
    """What would be bought or sold, or why nothing is.

    A buy is bounded like one entry of the user: what is capped stays capped. A sale takes copied coins only.
    """
    wanted = standing.correctable
    if not wanted:
        return Refused("no drift", f"{standing.account} has what it should have of {standing.symbol}")
    side = Side.BUY if wanted > 0 else Side.SELL
    if rules.observe_only:
        return Refused("observe mode", "nothing is traded")
    refused = (
        refuse_now(follower, rules.stopped)
        # An entry or an exit of which nobody knows what became may be the very coins that differ.
        or refuse_yet(follower, standing.symbol, is_entry=True)
        or _refuse_open(standing)
    )
    if refused is not None:
        return refused
    instrument = follower.broker.instrument(standing.symbol)
    if instrument is None:
        return Refused("symbol not listed", f"{standing.symbol} at {standing.account.venue}")
    decision = _buy(wanted, follower, instrument, rules) if wanted > 0 else _sell(-wanted, standing, instrument, rules)
    if isinstance(decision, Refused):
        return decision
    return _refuse_other(decision, side, rules) or _correction(standing, follower, decision, side, rules)


def _refuse_open(standing: Standing) -> Refused | None:
    if not standing.on_its_way:
        return None
    return Refused("on its way", f"an order of {standing.account} in {standing.symbol} is not done with")


def _buy(wanted: Decimal, follower: Follower, instrument: Instrument, rules: CorrectionRules) -> Sized | Refused:
    balances, user = follower.broker.balances, follower.user
    balance = balances.trading_balance if balances else ZERO
    refused = (
        rules.entries_stopped(follower.broker.account)
        or refuse_symbol(follower, instrument.symbol, instrument.symbol)
        or refuse_balance(balance)
        or refuse_instrument(instrument)
    )
    if refused is not None:
        return refused
    common, own = rules.max_user_risk, user.max_user_risk
    limits = EntryLimits(
        # What is missing has the user's own factor in it already.
        multiplier=ONE,
        max_user_risk=common if own is None or not common.is_finite() else min(own, common),
        max_trade_usd=user.max_trade_usd,
        quote_available=balances.available.get(instrument.quote, ZERO) if balances else None,
        fee_rate=balances.fee_rate if balances else ZERO,
    )
    return calculate_user_position_size(
        wanted, balance, balance, SizeType.BASE, price=rules.price, instrument=instrument, limits=limits
    )


def _sell(surplus: Decimal, standing: Standing, instrument: Instrument, rules: CorrectionRules) -> Sized | Refused:
    return calculate_user_exit_size(surplus, standing.has, standing.has, price=rules.price, instrument=instrument)


def _refuse_other(decision: Sized, side: Side, rules: CorrectionRules) -> Refused | None:
    if rules.agreed is None:
        return None
    signed = decision.quantity if side is Side.BUY else -decision.quantity
    if signed * rules.agreed > 0 and abs(signed) <= abs(rules.agreed) * _AS_AGREED:
        return None
    return Refused("changed meanwhile", f"{shown(rules.agreed)} was agreed to, it would be {shown(signed)} now")


def _correction(
    standing: Standing, follower: Follower, decision: Sized, side: Side, rules: CorrectionRules
) -> Correction:
    balances, account = follower.broker.balances, standing.account
    balance = balances.trading_balance if balances else ZERO
    order_id = f"resync-{rules.request}-{standing.symbol}"
    signal = TradeSignal(
        broker=account.venue,
        symbol=standing.symbol,
        side=side,
        price=rules.price,
        size=decision.quantity,
        size_type=SizeType.BASE,
        order_id=order_id,
        master_balance=balance,
        timestamp=rules.now,
        position_before=standing.has,
        signal_id=signal_id_of(account, order_id),
        # Its own: no question about what a master sold, or trades, ever comes upon it.
        master=account,
    )
    copy = PlannedCopy(
        signal_id=signal.signal_id,
        account=account,
        client_order_id=client_order_id_of(signal.signal_id, account),
        symbol=standing.symbol,
        side=side,
        balance=balance,
        decision=decision,
        state=OrderState.SUBMITTING,
        deadline=rules.deadline,
    )
    order = order_of(copy, signal)
    assert order is not None  # it is sized
    return Correction(signal, copy, order)


def describe(correction: Correction) -> dict[str, str]:
    """For tables and questions: side, quantity (base), worth (quote), price and note, as text."""
    order = correction.order
    return {
        "side": order.side.value,
        "quantity": plain(order.quantity),
        "worth": plain(order.quantity * order.price),
        "price": plain(order.price),
        "note": correction.note,
    }
