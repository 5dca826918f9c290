"""What a strategy can be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from bot.domain.errors import InvalidAmount, SettingsError
from bot.domain.money import ONE, ZERO, plain, to_decimal

_HUNDRED = Decimal(100)

#: Candles an indicator may look back on: venues give a few hundred of them.
_LONGEST_PERIOD = 200
#: Kraken gives 720 candles, the one that is forming among them.
_MOST_CANDLES = 700


@dataclass(frozen=True, slots=True)
class StrategySettings:
    """Settings of all strategies; each reads what concerns it.

    Decimal fields take text and numbers too, and are Decimal afterwards.

    Attributes:
        rsi_period: candles of the RSI.
        ema_period: candles of the EMA; of the fast one where there are two.
        slow_ema_period: candles of the slow EMA, more than ``ema_period``.
        oversold: an RSI at or below this is oversold.
        overbought: an RSI at or above this is sold; None never sells for it.
        turn_candles: how many candles ago, at most, the RSI was oversold for its turn to count.
        sell_on_ema_cross: whether the cross below the EMA is sold.
        stop_loss: sell at this share below the entry price, 0.02 is 2 %; None never.
        take_profit: sell at this share above the entry price; None never.
        balance_share: what a buy spends, share of the trading balance.
        max_positions: how many symbols the account may hold at once for a further one to be bought.
        minimum_candles: fewer decide no indicator's rule. How RSI and EMA begin must have faded: of what the first
            candles did to an RSI 9, (8/9) ** 90 is left after 100.

    Raises:
        SettingsError: one line that names the field, what it may be and what it was.
    """

    rsi_period: int = 9
    ema_period: int = 9
    slow_ema_period: int = 21
    oversold: Decimal = Decimal(30)
    overbought: Decimal | None = Decimal(70)
    turn_candles: int = 3
    sell_on_ema_cross: bool = True
    stop_loss: Decimal | None = Decimal("0.02")
    take_profit: Decimal | None = Decimal("0.04")
    balance_share: Decimal = Decimal("0.05")
    max_positions: int = 3
    minimum_candles: int = 100

    def __post_init__(self) -> None:
        for name in ("rsi_period", "ema_period", "slow_ema_period"):
            self._check_count(name, 2, _LONGEST_PERIOD)
        if self.slow_ema_period <= self.ema_period:
            raise _invalid("slow_ema_period", f"must be more than ema_period ({self.ema_period})", self.slow_ema_period)
        self._check_count("turn_candles", 1, _LONGEST_PERIOD)
        self._check_count("max_positions", 1, None)
        # the longest indicator's first value, and the one before a turn
        longest = max(self.rsi_period + 1, self.slow_ema_period) + self.turn_candles
        self._check_count("minimum_candles", longest, _MOST_CANDLES)
        self._check_decimal("oversold", "must be above 0 and below 100", lambda value: ZERO < value < _HUNDRED)
        self._check_decimal(
            "overbought",
            f"must be above oversold ({plain(self.oversold)}) and below 100",
            lambda value: self.oversold < value < _HUNDRED,
            optional=True,
        )
        share = "must be a share above 0 and below 1"
        self._check_decimal("stop_loss", share, lambda value: ZERO < value < ONE, optional=True)
        self._check_decimal("take_profit", "must be a share above 0", lambda value: value > ZERO, optional=True)
        self._check_decimal("balance_share", "must be a share above 0 and at most 1", lambda value: ZERO < value <= ONE)
        if not isinstance(self.sell_on_ema_cross, bool):
            raise _invalid("sell_on_ema_cross", "must be true or false", self.sell_on_ema_cross)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> StrategySettings:
        """Settings read from a file or the environment; what is missing has its default.

        Raises:
            SettingsError: as for the class, and for a field that does not exist.
        """
        names = [each.name for each in fields(cls)]
        for name in values:
            if name not in names:
                near = get_close_matches(str(name), names, n=1)
                hint = f", did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
                raise SettingsError(f"strategy setting {name}: no such setting{hint}")
        return cls(**values)

    def _check_count(self, name: str, least: int, most: int | None) -> None:
        value = getattr(self, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < least or (most is not None and value > most):
            wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise _invalid(name, f"must be a whole number {wanted}", value)

    def _check_decimal(
        self, name: str, wanted: str, allowed: Callable[[Decimal], bool], *, optional: bool = False
    ) -> None:
        value = getattr(self, name)
        if value is None and optional:
            return
        try:
            number = to_decimal(value, name)
        except InvalidAmount as error:
            raise _invalid(name, wanted, value) from error
        if not allowed(number):
            raise _invalid(name, wanted, value)
        object.__setattr__(self, name, number)


def _invalid(name: str, wanted: str, value: object) -> SettingsError:
    shown = plain(value) if isinstance(value, Decimal) else repr(value)
    return SettingsError(f"strategy setting {name}: {wanted}, was {shown}")
