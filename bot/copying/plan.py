"""One signal and its followers in, one decision a follower out. Computes only: asks no venue, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.copying.coins import CopiedCoins
from bot.copying.guards import (
    NOT_NOW,
    NOT_YET,
    Follower,
    refuse_age,
    refuse_balance,
    refuse_entries,
    refuse_instrument,
    refuse_now,
    refuse_symbol,
    refuse_yet,
)
from bot.copying.parts import OrderSoFar
from bot.domain.enums import OrderState
from bot.domain.ids import AccountId, client_order_id_of
from bot.domain.instruments import Instrument, split_symbol
from bot.domain.money import DOLLARS, ZERO
from bot.domain.orders import MarketOrder, Refused, Sized
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.switches import Switch
from bot.position_sizer import EarlierParts, EntryLimits, calculate_user_exit_size, calculate_user_position_size


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What the whole plan is made under.

    Attributes:
        stopped: why nothing may be traded now; None when it may.
        observe_only: write what would be done and do nothing.
        max_user_risk: the common limit; a user may have a lower one.
        now: unix seconds.
        max_signal_age_s: older entries expire.
        deadline: unix seconds after which an order of this plan must not match any more.
        sold_since: the master has sold the symbol since it made the order of this entry.
        pauses: accounts that the operator wants no entries on.
    """

    stopped: str | None
    observe_only: bool
    max_user_risk: Decimal
    now: float
    max_signal_age_s: float
    deadline: float
    sold_since: bool = False
    pauses: Mapping[AccountId, Switch] = field(default_factory=dict)


def plan_copies(
    signal: TradeSignal,
    followers: Sequence[Follower],
    coins: CopiedCoins,
    rules: PlanRules,
    so_far: OrderSoFar | None = None,
) -> list[PlannedCopy]:
    """Decide every follower's share, in the followers' order.

    Args:
        so_far: the earlier parts of the master's order; None where there are none.
    """
    earlier = so_far or OrderSoFar()
    return [_plan_copy(signal, follower, coins, rules, earlier) for follower in followers]


def order_of(copy: PlannedCopy, signal: TradeSignal) -> MarketOrder | None:
    """The order of a copy; None where it has no size."""
    if not isinstance(copy.decision, Sized):
        return None
    return MarketOrder(
        account=copy.account,
        client_order_id=copy.client_order_id,
        symbol=copy.symbol,
        side=copy.side,
        quantity=copy.decision.quantity,
        price=signal.price,
        quote_value=copy.decision.quote_value,
        made_at=signal.timestamp,
        leg=copy.leg,
        attempt=copy.attempt,
    )


def _plan_copy(
    signal: TradeSignal, follower: Follower, coins: CopiedCoins, rules: PlanRules, so_far: OrderSoFar
) -> PlannedCopy:
    balances = follower.broker.balances
    balance = balances.trading_balance if balances else ZERO
    symbol = _symbol(signal, follower, coins)
    instrument = follower.broker.instrument(symbol)
    if instrument is None:
        decision: Sized | Refused = Refused("symbol not listed", f"{symbol} at {follower.broker.account.venue}")
    elif signal.is_entry:
        earlier = so_far.bought(follower.broker.account, instrument)
        decision = _entry(signal, follower, balance, instrument, rules, earlier)
        balance = balance if earlier is None else earlier.balance
    else:
        decision = _exit(signal, follower, coins, instrument, so_far)
    state, reason = _state(signal, symbol, follower, decision, rules)
    return PlannedCopy(
        signal_id=signal.signal_id,
        account=follower.broker.account,
        client_order_id=client_order_id_of(signal.signal_id, follower.broker.account),
        symbol=symbol,
        side=signal.side,
        balance=balance,
        decision=decision,
        state=state,
        reason=reason,
        deadline=rules.deadline,
    )


def _symbol(signal: TradeSignal, follower: Follower, coins: CopiedCoins) -> str:
    symbol = follower.user.symbol_for(signal.symbol)
    if signal.is_entry:
        return symbol
    # What was bought before the user's quote_map was changed is sold as what it was bought.
    account, base = follower.broker.account, split_symbol(symbol)[0]
    candidates = (symbol, signal.symbol, *(f"{base}-{quote}" for quote in DOLLARS))
    return next((one for one in candidates if coins.any_of(account, one)), symbol)


def _entry(
    signal: TradeSignal,
    follower: Follower,
    balance: Decimal,
    instrument: Instrument,
    rules: PlanRules,
    earlier: EarlierParts | None,
) -> Sized | Refused:
    pause = rules.pauses.get(follower.broker.account) if rules.pauses else None
    refused = (
        refuse_now(follower, rules.stopped)
        or refuse_entries(enabled=follower.user.enabled, pause=pause)
        or refuse_symbol(follower, signal.symbol, instrument.symbol)
        or refuse_balance(balance)
        or refuse_instrument(instrument)
        or refuse_age(signal, rules.now, rules.max_signal_age_s)
        or (Refused("master has sold since") if rules.sold_since else None)
    )
    if refused is not None:
        return refused
    balances, user = follower.broker.balances, follower.user
    limits = EntryLimits(
        multiplier=user.multiplier,
        max_user_risk=_risk(user.max_user_risk, rules.max_user_risk),
        max_trade_usd=user.max_trade_usd,
        quote_available=balances.available.get(instrument.quote, ZERO) if balances else None,
        fee_rate=balances.fee_rate if balances else ZERO,
    )
    return calculate_user_position_size(
        signal.size,
        signal.master_balance,
        balance,
        signal.size_type,
        price=signal.price,
        instrument=instrument,
        limits=limits,
        earlier=earlier,
        is_last=signal.is_last_part,
    )


def _risk(of_user: Decimal | None, common: Decimal) -> Decimal:
    # A common limit that is no share at all reaches the sizer, which refuses it with its reason.
    return common if of_user is None or not common.is_finite() else min(of_user, common)


def _exit(
    signal: TradeSignal, follower: Follower, coins: CopiedCoins, instrument: Instrument, so_far: OrderSoFar
) -> Sized | Refused:
    return calculate_user_exit_size(
        signal.base_size,
        signal.position_before,
        coins.expected(follower.broker.account, instrument.symbol, signal.signal_id),
        price=signal.price,
        instrument=instrument,
        sold_before=signal.filled_before,
        copied_before=so_far.sold(follower.broker.account, instrument.symbol),
        is_last=signal.is_last_part,
    )


def _state(
    signal: TradeSignal, symbol: str, follower: Follower, decision: Sized | Refused, rules: PlanRules
) -> tuple[OrderState, str]:
    if isinstance(decision, Refused):
        expired = decision.code == "signal too old"
        return (OrderState.EXPIRED if expired else OrderState.SKIPPED), str(decision)
    if rules.observe_only:
        return OrderState.OBSERVED, "observe mode"
    wait = refuse_yet(follower, symbol, is_entry=signal.is_entry)
    if not signal.is_entry:
        wait = refuse_now(follower, rules.stopped) or wait or _refuse_unasked(signal, rules)
    if wait is not None and wait.code in (NOT_YET if signal.is_entry else NOT_NOW):
        return OrderState.PLANNED, f"waiting: {wait}"
    return OrderState.SUBMITTING, ""


def _refuse_unasked(signal: TradeSignal, rules: PlanRules) -> Refused | None:
    # An old signal may have been copied before, and the ledger may be a backup from before that.
    if refuse_age(signal, rules.now, rules.max_signal_age_s) is None:
        return None
    return Refused("signal asked for first", "it is old: the venue is asked whether it was copied before")
