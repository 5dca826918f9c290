"""Everything that the API shows of the ledger and of the running bot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from bot.domain.enums import OrderState
from bot.domain.ids import AccountId, SignalId
from bot.ledger.page_queries import FidelityRow, LatencyRow, LatencySummary
from bot.ledger.rows import BalanceRow
from bot.web.answers import (
    AccountsAnswer,
    AuditAnswer,
    AuditEntryAnswer,
    CopiesAnswer,
    EquityAnswer,
    EquitySeries,
    FidelityAnswer,
    FidelityUser,
    LatencyAnswer,
    LatencyPoint,
    LatencySummaryAnswer,
    SignalsAnswer,
    SignalWithCopies,
    StateAnswer,
)
from bot.web.kept import Kept
from bot.web.parts import PageParts
from bot.web.problems import NotFound, problems
from bot.web.showing import Showing, copy_answer

_HOUR_S, _DAY_S = 3600.0, 86_400.0
_POINTS_A_SERIES = 300
_MOST_POINTS = 1000
#: Texts that a database takes.
_NAME = r"^[^\x00-\x1f\x7f]*$"

Limit = Annotated[int, Query(ge=1, le=200)]
#: A day in the year 2286, beyond which nobody looks.
Before = Annotated[float, Query(ge=0, le=1e10, allow_inf_nan=False)]
Days = Annotated[float, Query(gt=0, le=366, allow_inf_nan=False)]
Name = Annotated[str, Query(min_length=1, max_length=100, pattern=_NAME)]


def looking_routes(parts: PageParts, showing: Showing) -> APIRouter:
    """All paths that only show."""
    routes = APIRouter(prefix="/api", responses=problems(400, 401, 422, 503))
    _of_now(routes, showing)
    _of_signals(routes, parts, showing)
    _of_time(routes, parts)
    return routes


def _of_now(routes: APIRouter, showing: Showing) -> None:
    @routes.get("/state")
    def get_state() -> StateAnswer:
        """How the bot is now."""
        return showing.state()

    @routes.get("/accounts")
    def get_accounts() -> AccountsAnswer:
        """All accounts, masters first."""
        return showing.accounts()


def _of_signals(routes: APIRouter, parts: PageParts, showing: Showing) -> None:
    @routes.get("/signals")
    def get_signals(limit: Limit = 50, before: Before | None = None) -> SignalsAnswer:
        """Signals, newest first; older ones than ``before`` (unix seconds) where it is given."""
        rows = parts.queries.signals_before(limit + 1, before)
        return SignalsAnswer(signals=showing.signals(rows[:limit]), more=len(rows) > limit)

    @routes.get("/signals/{signal_id}", responses=problems(404))
    def get_signal(signal_id: Annotated[str, Path(max_length=100, pattern=_NAME)]) -> SignalWithCopies:
        """One signal with every user's copy."""
        row = parts.views.signal(SignalId(signal_id))
        if row is None:
            raise NotFound("there is no such signal")
        copies = parts.views.copies_of(row.signal_id)
        return SignalWithCopies(signal=showing.signals([row])[0], copies=[copy_answer(copy) for copy in copies])

    @routes.get("/copies")
    def get_copies(limit: Limit = 50, user: Name | None = None, state: OrderState | None = None) -> CopiesAnswer:
        """Copies, newest first, of one user id or in one state where asked for."""
        rows = parts.queries.copies_before(limit, user, state)
        return CopiesAnswer(copies=[copy_answer(row) for row in rows])


def _of_time(routes: APIRouter, parts: PageParts) -> None:
    clock, queries = parts.clock, parts.queries

    def read_latency(hours: float) -> tuple[list[LatencyRow], LatencySummary]:
        return queries.latency(clock.time() - hours * _HOUR_S, _MOST_POINTS)

    def read_fidelity(days: float) -> list[FidelityRow]:
        return queries.fidelity(clock.time() - days * _DAY_S)

    def read_balances(wanted: tuple[float, AccountId | None]) -> list[BalanceRow]:
        now = clock.time()
        return queries.balances(now - wanted[0] * _DAY_S, now, _POINTS_A_SERIES, wanted[1])

    latency, fidelity, balances = Kept(read_latency), Kept(read_fidelity), Kept(read_balances)

    @routes.get("/latency")
    def get_latency(hours: Annotated[float, Query(gt=0, le=744, allow_inf_nan=False)] = 24) -> LatencyAnswer:
        """How long copies took in the last hours: the newest signals, and a summary of all."""
        points, summary = latency.get(hours)
        return LatencyAnswer(
            points=[LatencyPoint(**asdict(point)) for point in points], summary=LatencySummaryAnswer(**asdict(summary))
        )

    @routes.get("/equity")
    def get_equity(days: Days = 30, account: Name | None = None) -> EquityAnswer:
        """What accounts were worth in the last days, at some hundred moments each."""
        only = None if account is None else _account(account)
        return EquityAnswer(series=_series(balances.get((days, only))))

    @routes.get("/fidelity")
    def get_fidelity(days: Days = 30) -> FidelityAnswer:
        """How close users came to their masters in the last days."""
        return FidelityAnswer(users=[_fidelity(row) for row in fidelity.get(days)])

    @routes.get("/audit")
    def get_audit(
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    ) -> AuditAnswer:
        """The audit log, newest first; entries with a lower number than ``before`` where it is given."""
        entries, intact, problem = parts.audit_page(limit, before)
        return AuditAnswer(entries=[AuditEntryAnswer(**one) for one in entries], intact=intact, problem=problem)


def _account(written: str) -> AccountId:
    try:
        return AccountId.parse(written)
    except ValueError as error:
        raise NotFound(f"there is no account {written}; written as name:venue") from error


def _series(rows: Iterable[BalanceRow]) -> list[EquitySeries]:
    series: dict[AccountId, EquitySeries] = {}
    for row in rows:
        own = series.setdefault(row.account, EquitySeries(account=str(row.account), points=[]))
        own.points.append((row.at, row.equity, row.balance))
    return [series[account] for account in sorted(series, key=str)]


def _fidelity(row: FidelityRow) -> FidelityUser:
    shares = row.copied + sum(row.skipped.values()) + row.failed + row.open
    return FidelityUser(
        account=str(row.account),
        signals=row.signals,
        copied=row.copied,
        skipped=row.skipped,
        failed=row.failed,
        open=row.open,
        share_copied=row.copied / shares if shares else 0.0,
        size_ratio_median=row.size_ratio,
        slippage_bps_median=row.slippage_bps,
        median_ms=row.milliseconds,
    )
