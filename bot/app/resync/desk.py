"""Corrections on request, in the running bot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from bot.app.commands import Outcome
from bot.app.resync.parts import beginning, settled_balances
from bot.broker_manager import BaseBroker, BrokerManager, UserBroker
from bot.copying.guards import Follower
from bot.copying.resync import Correction, CorrectionRules, Standing, describe, plan_correction, replay
from bot.copying.resync.masters import master_standings
from bot.copying.run import SignalRun
from bot.domain.enums import Side
from bot.domain.errors import InvalidAmount, LedgerUnavailable, VenueError
from bot.domain.ids import AccountId
from bot.domain.money import ONE, plain
from bot.domain.orders import Refused
from bot.domain.ports import Clock
from bot.domain.signals import CopyTradeResult
from bot.ledger.history import HistoryQueries

#: Seconds that fills which are known may take to be written.
_FLUSH_S = 2.0
#: Seconds that the report of a correction waits for its fill.
_FILL_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class ResyncParts:
    """What corrections need.

    Attributes:
        flush: waits so many seconds until all that is known is written; whether it is.
        correct: decides, commits and sends; of the engine.
        price_of: what an order would pay or get now at a broker, quote per base; raises VenueError, InvalidAmount, and
            TimeoutError.
        stopped: why nothing may be traded now; None when it may.
        observe_only: whether copies are only written down now.
        entries_stopped: why an account gets no entries; None when it gets them.
        deadline_s: how long after its plan an order may still match.
    """

    views: HistoryQueries
    manager: BrokerManager
    clock: Clock
    flush: Callable[[float], bool]
    correct: Callable[[Callable[[], Correction | Refused]], SignalRun | Refused]
    price_of: Callable[[BaseBroker, str, Side], Decimal]
    stopped: Callable[[], str | None]
    observe_only: Callable[[], bool]
    entries_stopped: Callable[[AccountId], Refused | None]
    max_user_risk: Callable[[], Decimal]
    deadline_s: float


class ResyncDesk:
    """Carries out ``resync`` command rows."""

    def __init__(self, parts: ResyncParts) -> None:
        self._parts = parts

    def carry_out(self, payload: dict[str, Any]) -> Callable[[], Outcome]:
        """``do``: ``masters``; or ``preview`` and ``apply`` with user, symbol (or null), request and, to apply, agreed:
        by account and symbol (``anna:kraken BTC-USD``) what somebody said yes to, base, below zero to sell.

        Returns:
            What waits for the outcome: ``masters``, or ``corrections``: account, symbol, and ``refused``, why there is
            none; or side, quantity, worth, price, note, and where it was applied state, order_id, executed,
            average_price and reason.
        """
        if payload["do"] == "masters":
            return self._masters
        users = self._users(payload["user"])
        if not users:
            error = f"the running bot has no follower {payload['user']}; look at: python bot.py users"
            return lambda: ({"error": error}, True)
        return lambda: self._corrections(users, payload)

    def _masters(self) -> Outcome:
        found = master_standings(self._parts.views.last_signals(), partial(settled_balances, self._parts.manager))
        return {"masters": [_texts(asdict(one) | {"master": str(one.master)}) for one in found]}, False

    def _users(self, name: str) -> list[UserBroker]:
        return [
            entry
            for entry in self._parts.manager.users
            if entry.user.master is not None and name in (entry.user.user_id, str(entry.user.account))
        ]

    def _corrections(self, users: Sequence[UserBroker], payload: dict[str, Any]) -> Outcome:
        lines: list[dict[str, Any]] = []
        for entry in users:
            lines += self._of_account(entry, payload)
        went_wrong = any("refused" in line or line.get("went_wrong") for line in lines)
        return {"corrections": lines}, payload["do"] == "apply" and went_wrong

    def _of_account(self, entry: UserBroker, payload: dict[str, Any]) -> list[dict[str, Any]]:
        account, symbol = str(entry.user.account), payload["symbol"]
        agreed: dict[str, str] | None = payload["agreed"] if payload["do"] == "apply" else None
        standings = self._standings(entry)
        if isinstance(standings, Refused):
            return [{"account": account, "symbol": symbol or "-", "refused": str(standings)}]
        wanted = [
            one
            for one in standings
            if one.symbol == symbol
            or (symbol is None and (one.correctable if agreed is None else f"{account} {one.symbol}" in agreed))
        ]
        if not wanted:
            nothing = Refused("no drift", f"{account} has what it should have")
            return [{"account": account, "symbol": symbol or "-", "refused": str(nothing)}]
        lines = []
        for standing in wanted:
            line = self._one(entry, standing, payload["request"], agreed)
            lines.append({"account": account, "symbol": standing.symbol, **line})
        return lines

    def _one(
        self, entry: UserBroker, standing: Standing, request: str, agreed: dict[str, str] | None
    ) -> dict[str, Any]:
        side = Side.BUY if standing.correctable > 0 else Side.SELL
        try:
            price = self._parts.price_of(entry.broker, standing.symbol, side)
        except (VenueError, InvalidAmount, TimeoutError) as error:
            # Where nothing is traded anyway, that is the reason to name.
            stopped = plan_correction(standing, _follower(entry), self._rules(request, ONE, None))
            return {"refused": str(stopped if isinstance(stopped, Refused) else Refused("no fresh price", str(error)))}
        if agreed is None:
            planned = plan_correction(standing, _follower(entry), self._rules(request, price, None))
            return {"refused": str(planned)} if isinstance(planned, Refused) else describe(planned)
        quantity = Decimal(agreed.get(f"{entry.user.account} {standing.symbol}", "0"))
        rules = self._rules(request, price, quantity)
        decided: list[Correction] = []
        try:
            run = self._parts.correct(lambda: self._decide(entry, standing.symbol, rules, decided))
        except LedgerUnavailable as error:
            return {"refused": f"the ledger does not answer, nothing was sent: {error}"}
        if isinstance(run, Refused):
            return {"refused": str(run)}
        run.wait(_FILL_WITHIN_S)
        return describe(decided[0]) | _result(run.results[0])

    def _decide(
        self, entry: UserBroker, symbol: str, rules: CorrectionRules, decided: list[Correction]
    ) -> Correction | Refused:
        standings = self._standings(entry)
        if isinstance(standings, Refused):
            return standings
        standing = next((one for one in standings if one.symbol == symbol), None)
        if standing is None:
            return Refused("no drift", f"{entry.user.account} has what it should have of {symbol}")
        planned = plan_correction(standing, _follower(entry), rules)
        if isinstance(planned, Correction):
            decided.append(planned)
        return planned

    def _standings(self, entry: UserBroker) -> list[Standing] | Refused:
        if not self._parts.flush(_FLUSH_S):
            return Refused("not known", "the ledger is behind with its fills: ask again in a moment")
        history = self._parts.views.history([entry.user.account])
        (replayed,) = replay([beginning(entry)], history)
        return replayed.now.standings(history.coins)

    def _rules(self, request: str, price: Decimal, agreed: Decimal | None) -> CorrectionRules:
        parts = self._parts
        now = parts.clock.time()
        return CorrectionRules(
            request=request,
            price=price,
            stopped=parts.stopped(),
            observe_only=parts.observe_only(),
            entries_stopped=parts.entries_stopped,
            max_user_risk=parts.max_user_risk(),
            now=now,
            deadline=now + parts.deadline_s,
            agreed=agreed,
        )


def _follower(entry: UserBroker) -> Follower:
    return Follower(entry.user, entry.broker)


def _result(result: CopyTradeResult) -> dict[str, Any]:
    report = result.report
    return {
        "state": result.state.value,
        "order_id": result.order_id,
        "executed": plain(report.executed) if report else None,
        "average_price": plain(report.average_price) if report else None,
        "reason": result.reason,
        "went_wrong": not result.success,
    }


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in values.items()}
