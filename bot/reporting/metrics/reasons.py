"""Why a copy is in its state, as one of a closed list of short codes: a label must not grow with what venues write."""

from __future__ import annotations

from bot.domain.enums import OrderState

#: Of a copy that nothing is wrong with.
NONE = "none"
OTHER = "other"
_OBSERVED = "observe mode"
_NO_CLEAR_ANSWER = "no clear answer"
_REFUSED = "refused by the venue"

#: Codes of :class:`bot.domain.orders.Refused` that a plan gives, and what an order waits for.
PLANNED_REASONS = frozenset(
    {
        "account not connected",
        "account paused",
        "below minimum",
        "cap reached",
        "disabled in its users file",
        "insufficient funds",
        "invalid input",
        "kill switch",
        "master balance unknown",
        "master has sold since",
        "no balance",
        "nothing to sell",
        "paused by the operator",
        "quote currency not supported",
        "signal asked for first",
        "signal too old",
        "symbol disabled",
        "symbol in doubt",
        "symbol not allowed",
        "symbol not listed",
        "symbol not tradable",
        "underfunded",
    }
)
#: What an answer's text contains, small letters -> its code. The first that fits counts.
_WORDS = (
    ("nonce", "nonce refused"),
    ("insufficient", "insufficient funds"),
    ("rate limit", "rate limited"),
    ("too many requests", "rate limited"),
    ("throttled", "rate limited"),
    ("minimum", "below minimum"),
    ("nothing to sell", "nothing to sell"),
    ("permission", "key refused"),
    ("invalid key", "key refused"),
    ("signature", "key refused"),
    ("is not settled yet", "symbol in doubt"),
    ("does not have it", "not at the venue"),
    ("not at the venue", "not at the venue"),
    ("no connection", "not reached"),
    ("were not reached", "not reached"),
    ("ledger", "ledger"),
)
_ANSWER_REASONS = frozenset(code for _, code in _WORDS)
#: Every value of the label.
REASONS = PLANNED_REASONS | _ANSWER_REASONS | {NONE, OTHER, _OBSERVED, _NO_CLEAR_ANSWER, _REFUSED}
#: Of a copy in this state, where nothing better is known.
_WITHOUT_BETTER = {
    OrderState.REJECTED: _REFUSED,
    OrderState.FAILED: _REFUSED,
    OrderState.UNKNOWN: _NO_CLEAR_ANSWER,
}
_DONE = frozenset({OrderState.ACCEPTED, OrderState.FILLED, OrderState.PARTIALLY_FILLED, OrderState.SUBMITTING})
_WAITING = "waiting: "


def reason_of(state: OrderState, text: str) -> str:
    """The code of a copy's reason, one of :data:`REASONS`.

    Args:
        state: the copy's.
        text: the reason as people read it: ``code: detail``, or the venue's own words.
    """
    if state in _DONE:
        return NONE
    if state is OrderState.OBSERVED:
        return _OBSERVED
    text = text.removeprefix(_WAITING)
    code = text.partition(":")[0]
    if code in PLANNED_REASONS:
        return code
    if text.startswith("account paused"):
        return "account paused"
    small = text.lower()
    found = next((code for words, code in _WORDS if words in small), None)
    return found or _WITHOUT_BETTER.get(state, OTHER)


def likely_reasons() -> list[tuple[OrderState, str]]:
    """States and reasons whose counts begin at zero, so that their first one is seen as a rise."""
    answers = sorted(_ANSWER_REASONS)
    return [
        (OrderState.ACCEPTED, NONE),
        (OrderState.OBSERVED, _OBSERVED),
        (OrderState.EXPIRED, "signal too old"),
        (OrderState.EXPIRED, "master has sold since"),
        (OrderState.EXPIRED, OTHER),
        *((OrderState.SKIPPED, reason) for reason in sorted(PLANNED_REASONS)),
        (OrderState.SKIPPED, OTHER),
        *((state, reason) for state in _WITHOUT_BETTER for reason in (*answers, _WITHOUT_BETTER[state])),
    ]
