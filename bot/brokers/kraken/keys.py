"""What a Kraken key has to be allowed, and must not be."""

from __future__ import annotations

from collections.abc import Mapping

from bot.brokers.base.key import KeyReport
from bot.brokers.kraken.parse import KeyInfo

#: Where permissions are ticked (Kraken docs, "API key permissions").
SETTINGS_PAGE = "Kraken, Settings > API (https://www.kraken.com/u/security/api)"

#: Permission -> its name on the key page. Without these an account cannot be traded and its fills cannot be confirmed.
REQUIRED: Mapping[str, str] = {
    "query-funds": "Query Funds",
    "query-open-trades": "Query Open Orders & Trades",
    "query-closed-trades": "Query Closed Orders & Trades",
    "modify-trades": "Create & Modify Orders",
}
#: With these a stolen key empties the account.
FORBIDDEN: Mapping[str, str] = {
    "withdraw-funds": "Withdraw Funds",
    "add-withdraw-address": "Add Withdrawal Addresses",
    "update-withdraw-address": "Update Withdrawal Addresses",
}
#: A master is watched by its socket where its key may open one.
_SOCKETS = "create-ws-token"

#: The fields that make AddOrder judge and place nothing (Kraken REST docs, AddOrder). The venue ignores a name that it
#: does not know, and would then place the order: the spelling stands here once.
JUDGE_ONLY: Mapping[str, str] = {"validate": "true"}


def key_report(info: KeyInfo) -> KeyReport:
    """What GetApiKeyInfo says, with the names of the key page beside the venue's words."""
    notes = (
        ()
        if _SOCKETS in info.permissions
        else ("no Access WebSockets API (create-ws-token): fills are asked for instead",)
    )
    return KeyReport(
        permissions=info.permissions,
        settings_page=SETTINGS_PAGE,
        missing=_named(REQUIRED, REQUIRED.keys() - info.permissions),
        moves_money=_named(FORBIDDEN, FORBIDDEN.keys() & info.permissions),
        nonce_window=info.nonce_window,
        allowed_addresses=info.allowed_addresses,
        valid_until=info.valid_until,
        notes=notes,
    )


def _named(names: Mapping[str, str], wanted: set[str]) -> tuple[str, ...]:
    return tuple(f"{title} ({word})" for word, title in names.items() if word in wanted)
