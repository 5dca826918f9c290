"""How much a user trades: pure Decimal in, ``Sized`` or ``Refused`` out, never an exception.

Entry: ``user_size = master_size x user_balance / master_balance``, then the user's limits, then the instrument's step.
Exit: the fraction of its position that the master sold, of the coins that copying bought for the user.

A master's order may come in parts. Each is then sized as what the order so far gives, less what the earlier parts gave:
the limits hold for the order, and what is too small goes out with the next part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, DecimalException, localcontext
from typing import Any

from bot.domain.enums import Side, SizeType
from bot.domain.errors import InvalidAmount
from bot.domain.instruments import Instrument
from bot.domain.money import DOLLARS, ONE, ZERO, plain, positive, to_decimal, usd
from bot.domain.orders import Refused, Sized

#: The smallest entry, US dollars.
MIN_POSITION_USD = Decimal(1)

_CENT = Decimal("0.01")
_CARRIED = "carried to the order's next fill"

#: Digits to compute with: nothing may be rounded up to the next step on the way to being rounded down.
_DIGITS = 60


@dataclass(frozen=True, slots=True)
class EntryLimits:
    """What bounds a user's entry after the proportion.

    Attributes:
        multiplier: the user's own factor.
        max_user_risk: share of the balance that one trade may use.
        max_trade_usd: absolute cap, US dollars; None for none.
        quote_available: what the user can pay with, in the symbol's quote currency; None skips the check.
        fee_rate: taker fee on top of the cost; 0.0026 is 0.26 %.
    """

    multiplier: Decimal = ONE
    max_user_risk: Decimal = Decimal("0.10")
    max_trade_usd: Decimal | None = None
    quote_available: Decimal | None = None
    fee_rate: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class EarlierParts:
    """What the earlier parts of an entry came to for one user.

    Attributes:
        size: base of the master's order of which this user's share was sized, or was too small.
        quantity: base that was sized for this user; where buys are sized in quote, what the money buys, not rounded.
        value: quote that was sized for this user.
        balance: the user's trading balance before the first of them, US dollars.
    """

    size: Decimal
    quantity: Decimal
    value: Decimal
    balance: Decimal


def calculate_user_position_size(
    master_size: Any,
    master_balance: Any,
    user_balance: Any,
    size_type: SizeType | str = SizeType.QUOTE,
    *,
    price: Any,
    instrument: Instrument,
    limits: EntryLimits | None = None,
    min_position_usd: Decimal = MIN_POSITION_USD,
    earlier: EarlierParts | None = None,
    is_last: bool = True,
) -> Sized | Refused:
    """A user's size for a master's entry.

    Args:
        master_size: in the unit that ``size_type`` names.
        master_balance: trading balance before the trade, US dollars; of an order in parts, before its first one.
        user_balance: likewise, of the user; where there were earlier parts, theirs counts.
        price: quote per base.
        instrument: of the user's venue.
        limits: the user's own.
        min_position_usd: entries worth less are refused.
        earlier: of the same order; None where this is all of it, or the first part.
        is_last: no further part of the same order is expected; else a refusal says where the share goes.

    Returns:
        Base quantity, rounded down to the lot step; or the reason why there is none.
    """
    limits = limits or EntryLimits()
    try:
        size, master, rate = (
            positive(master_size, "master size"),
            to_decimal(master_balance, "master balance"),
            positive(price, "price"),
        )
        user = to_decimal(user_balance if earlier is None else earlier.balance, "user balance")
        unit = SizeType(size_type)
        risk = _valid_share(limits.max_user_risk)
        factor = positive(limits.multiplier, "multiplier")
    except (InvalidAmount, ValueError) as error:
        return Refused("invalid input", str(error))
    if master <= 0:
        return Refused("master balance unknown", f"was {plain(master)}")
    if user <= 0:
        return Refused("no balance", f"trading balance is {usd(user)}")
    if instrument.quote not in DOLLARS:
        return Refused("quote currency not supported", f"{instrument.quote}; entries are paid in {', '.join(DOLLARS)}")
    try:
        with localcontext(prec=_DIGITS, rounding=ROUND_DOWN):
            if earlier is None:
                proportional = size * user * factor / master
                # Each from what was named: divided and multiplied again, a round sum is no longer round.
                in_base = unit is SizeType.BASE
                wanted, value = (proportional, proportional * rate) if in_base else (proportional / rate, proportional)
            else:
                so_far = earlier.size + (size if unit is SizeType.BASE else size / rate)
                wanted = max(so_far * user * factor / master - earlier.quantity, ZERO)
                value = wanted * rate
            spent = ZERO if earlier is None else earlier.value
            caps = _caps(user, spent, risk, limits, instrument)
            decision = _bounded(wanted, value, rate, caps, spent, instrument, min_position_usd)
    except DecimalException as error:
        return Refused("invalid input", f"the size cannot be computed ({type(error).__name__})")
    if is_last or isinstance(decision, Sized) or decision.code != "below minimum":
        return decision
    return Refused(decision.code, f"{decision.detail}; {_CARRIED}")


def _valid_share(share: Decimal) -> Decimal:
    value = positive(share, "MAX_USER_RISK")
    if value > ONE:
        raise InvalidAmount(f"invalid MAX_USER_RISK, must be at most 1, was {share}")
    return value


def _caps(
    user_balance: Decimal, spent: Decimal, risk: Decimal, limits: EntryLimits, instrument: Instrument
) -> list[tuple[Decimal, str]]:
    """What may still be spent, quote, and the words for it; ``spent``: by earlier parts of the same order."""
    caps = [(max(risk * user_balance - spent, ZERO), f"capped at {risk * 100:f} % of the balance")]
    if limits.max_trade_usd is not None:
        caps.append((max(limits.max_trade_usd - spent, ZERO), f"capped at max_trade_usd {usd(limits.max_trade_usd)}"))
    if limits.quote_available is not None:
        # What is sized in quote has the fee inside.
        on_top = limits.fee_rate if instrument.quote_step is None else ZERO
        payable = max(limits.quote_available, ZERO) / (ONE + on_top)
        caps.append((payable, f"capped by the {instrument.quote} available"))
    return caps


def _bounded(
    wanted: Decimal,
    value: Decimal,
    price: Decimal,
    caps: Sequence[tuple[Decimal, str]],
    spent_before: Decimal,
    instrument: Instrument,
    min_position_usd: Decimal,
) -> Sized | Refused:
    note = ""
    for cap, text in caps:
        if value > cap:
            value, wanted, note = cap, cap / price, text
    spent = instrument.floor_value(value)
    quantity = instrument.floor_size(wanted if instrument.quote_step is None else spent / price)
    refused = _too_small(value, spent, quantity, price, instrument, min_position_usd)
    if refused is None:
        # Where buys are sized in quote, the quantity is what the money would buy.
        return Sized(quantity, quantity * price if instrument.quote_step is None else spent, note)
    if note and spent_before:
        used = f"earlier fills of the order were copied with {usd(spent_before)}"
        return Refused("cap reached", f"{note}; {used}, and {usd(value)} is left")
    return refused


def _too_small(
    value: Decimal, spent: Decimal, quantity: Decimal, price: Decimal, instrument: Instrument, min_position_usd: Decimal
) -> Refused | None:
    # The master's own size was rounded down by up to one lot, which must not push a dollar below a dollar; where lots
    # are coarse, half a dollar must not pass for one either.
    if value + min(instrument.lot_step * price, _CENT) < min_position_usd:
        return Refused("below minimum", f"{usd(value)} is less than the {usd(min_position_usd)} minimum")
    # Where buys are sized in quote, the quantity is what the money would buy, and its rounding is no smaller order.
    worth = quantity * price if instrument.quote_step is None else spent
    if quantity < instrument.minimum_size or quantity <= 0 or worth < instrument.minimum_cost:
        return Refused("below minimum", _minimum_text(quantity, price, instrument, Side.BUY))
    return None


def calculate_user_exit_size(
    master_sold: Any,
    master_position_before: Any,
    copied_coins: Any,
    *,
    price: Any,
    instrument: Instrument,
    sold_before: Decimal = ZERO,
    copied_before: Decimal = ZERO,
    is_last: bool = True,
) -> Sized | Refused:
    """A user's size for a master's exit: the same fraction, of copied coins only, without a cap.

    Args:
        master_sold: base.
        master_position_before: the master's coins before it sold, base; None when not known.
        copied_coins: what copying bought for the user and still holds, base.
        price: quote per base.
        instrument: of the user's venue.
        sold_before: base that the same order of the master sold before this part.
        copied_before: base that was sold for the user on behalf of those parts.
        is_last: no further part of the same order is expected.

    Returns:
        Base quantity; all copied coins when the rest would be dust; or the reason why there is none.
    """
    try:
        coins, sold, rate = (
            to_decimal(copied_coins, "copied coins"),
            positive(master_sold, "master size"),
            positive(price, "price"),
        )
        if coins <= 0:
            return Refused("nothing to sell", f"copying holds no {instrument.base} for this user")
        # An exit is never dropped for a position that reads as nothing: then the master has sold all of it.
        position = to_decimal(master_position_before, "master position before the trade")
        with localcontext(prec=_DIGITS, rounding=ROUND_DOWN):
            part = coins
            if sold < position:
                of_order = (coins + copied_before) * (sold + sold_before) / (position + sold_before)
                part = min(max(of_order - copied_before, ZERO), coins)
            return _sold(part, coins, rate, instrument, "kept for the next exit" if is_last else _CARRIED)
    except InvalidAmount as error:
        return Refused("invalid input", str(error))
    except DecimalException as error:
        return Refused("invalid input", f"the size cannot be computed ({type(error).__name__})")


def _sold(part: Decimal, coins: Decimal, price: Decimal, instrument: Instrument, kept: str) -> Sized | Refused:
    quantity, note = instrument.floor_size(part), ""
    everything = instrument.floor_size(coins)
    rest = everything - quantity
    if rest > 0 and instrument.is_below_minimum(rest, price, Side.SELL):
        quantity, note = everything, "the rest would be dust"
    if quantity <= 0 or instrument.is_below_minimum(quantity, price, Side.SELL):
        return Refused("below minimum", f"{_minimum_text(quantity, price, instrument, Side.SELL)}; {kept}")
    return Sized(quantity, quantity * price, note)


def _minimum_text(quantity: Decimal, price: Decimal, instrument: Instrument, side: Side) -> str:
    least_size, least_cost = plain(instrument.minimum_size), plain(instrument.smallest_cost(side))
    return (
        f"{plain(quantity)} {instrument.base} ({usd(quantity * price)}) is less than the venue's minimum of "
        f"{least_size} {instrument.base} or {least_cost} {instrument.quote}"
    )
