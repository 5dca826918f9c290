"""What an ordered fault does to one call of any venue: to its execution and to its answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus
from typing import Protocol, TypeVar

from paper_exchange.core.faults import Fault, FaultKind, FaultMoment
from paper_exchange.core.reply import HTML, Reply

_HTTP = {
    FaultKind.HTTP_429: 429,
    FaultKind.HTTP_500: 500,
    FaultKind.HTTP_502: 502,
    FaultKind.HTTP_503: 503,
    FaultKind.HTTP_504: 504,
    FaultKind.HTTP_520: 520,
}
_UNNAMED_STATUS = 520
_ALWAYS_EXECUTED = frozenset({FaultKind.PARTIAL_FILL, FaultKind.EMPTY_QUERY})
_ERRORS = frozenset({FaultKind.ERROR, FaultKind.INVALID_NONCE, FaultKind.PERMISSION_REVOKED})
#: Stands in an error's text for the unix second at which the fault ends.
_UNTIL = "{until}"

ANYWHERE = frozenset(
    {
        *_HTTP,
        FaultKind.RESET,
        FaultKind.HANG,
        FaultKind.HTML,
        FaultKind.TRUNCATED,
        FaultKind.EMPTY_RESULT,
        FaultKind.ERROR,
    }
)
"""The kinds that can happen to any call of any venue."""
ORDERS_ONLY = frozenset({FaultKind.PARTIAL_FILL, FaultKind.DELAYED_LANDING})
"""The kinds that happen to calls which place orders."""

CallT = TypeVar("CallT", contravariant=True)


class FaultAnswers(Protocol[CallT]):
    """What a venue itself has to say when things go wrong.

    `half_answer` is the beginning of an answer that was cut short before there was one.
    """

    half_answer: bytes

    def fitting(self, call: CallT) -> frozenset[FaultKind]:
        """The kinds of fault that can happen to a call."""

    def authenticate(self, call: CallT) -> Reply | None:
        """Does what the venue does with a call that it reads and then refuses; the refusal, if it is this already."""

    def admit(self, call: CallT) -> Reply | Callable[[], Reply]:
        """Checks key and permission of an order now: the refusal, or what executes it later."""

    def error(self, kind: FaultKind, text: str | None, call: CallT) -> Reply:
        """The venue's own error: `text` for FaultKind.ERROR (`None`: any), and what the other two kinds say."""

    def emptied(self, call: CallT) -> Reply:
        """An answer of the right form with nothing in it."""

    def none_found(self, call: CallT) -> Reply:
        """The answer of a query that finds no order and no trade."""


def hangs(fault: Fault) -> bool:
    """Whether the fault lets the caller wait."""
    return fault.kind is FaultKind.HANG


def resets(fault: Fault) -> bool:
    """Whether the fault cuts the connection without an answer."""
    return fault.kind is FaultKind.RESET or (fault.kind is FaultKind.DELAYED_LANDING and fault.text == FaultKind.RESET)


class Run(Protocol[CallT]):
    """Executes a call."""

    def __call__(self, call: CallT, fill_fraction: Decimal = ..., lag_s: float = ...) -> Reply: ...


def execute(
    run: Run[CallT], answers: FaultAnswers[CallT], fault: Fault, call: CallT, on_landing: Callable[[Reply], None]
) -> Reply | None:
    """Does with the call what the fault lets happen; `None` when nothing was executed.

    A delayed landing authenticates now, executes after `fault.seconds` and tells `on_landing` what came of it.
    """
    if fault.kind is FaultKind.DELAYED_LANDING:
        return _land_later(answers, fault, call, on_landing)
    if fault.kind is FaultKind.PARTIAL_FILL:
        return run(call, fault.fraction)
    if fault.kind is FaultKind.STALE_QUERY:
        return run(call, lag_s=fault.seconds)
    if _refuses(fault):
        # The venue itself says no, so it has read the request: a nonce is used up and the same bytes cannot run later.
        return answers.authenticate(call)
    waits_first = fault.kind is FaultKind.HANG
    if fault.moment is FaultMoment.BEFORE and not waits_first and fault.kind not in _ALWAYS_EXECUTED:
        return None
    return run(call)


def disguise(answers: FaultAnswers[CallT], fault: Fault, call: CallT, reply: Reply | None) -> Reply:
    """What the caller gets to see; `reply` is what `execute` answered."""
    kind = fault.kind
    if kind in _HTTP:
        return gateway(_HTTP[kind])
    if kind is FaultKind.HTML:
        return Reply(_page("Just a moment..."), content_type=HTML)
    if kind is FaultKind.TRUNCATED:
        body = reply.body if reply is not None else answers.half_answer
        return Reply(body[: max(len(body) // 2, 1)])
    if kind is FaultKind.EMPTY_RESULT:
        return answers.emptied(call)
    if kind is FaultKind.EMPTY_QUERY and reply is not None and reply.error is None:
        return answers.none_found(call)
    if kind is FaultKind.DELAYED_LANDING:
        return reply if reply is not None else _late_reply(answers, fault, call)
    if kind in _ERRORS and not (_refuses(fault) and reply is not None):
        return answers.error(kind, _error_text(fault), call)
    if reply is None:
        raise RuntimeError(f"fault {kind} left nothing to answer")
    return reply


def gateway(status: int) -> Reply:
    """The web page of something that stands before the venue."""
    title = "Web server is returning an unknown error" if status == _UNNAMED_STATUS else HTTPStatus(status).phrase
    return Reply(_page(f"{status} {title}"), status, HTML)


def _refuses(fault: Fault) -> bool:
    return fault.moment is FaultMoment.BEFORE and fault.kind in (FaultKind.ERROR, FaultKind.PERMISSION_REVOKED)


def _error_text(fault: Fault) -> str | None:
    return None if fault.text is None else fault.text.replace(_UNTIL, f"{math.ceil(fault.ends_at or 0)}")


def _land_later(
    answers: FaultAnswers[CallT], fault: Fault, call: CallT, on_landing: Callable[[Reply], None]
) -> Reply | None:
    admitted = answers.admit(call)
    if isinstance(admitted, Reply):
        return admitted
    asyncio.get_running_loop().call_later(fault.seconds, lambda: on_landing(admitted()))
    return None


def _late_reply(answers: FaultAnswers[CallT], fault: Fault, call: CallT) -> Reply:
    if fault.text is None:
        return gateway(502)
    if fault.text in FaultKind.__members__.values() and FaultKind(fault.text) in _HTTP:
        return gateway(_HTTP[FaultKind(fault.text)])
    return answers.error(FaultKind.ERROR, fault.text, call)


def _page(title: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()
