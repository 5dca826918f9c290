"""What a Coinbase key has to be allowed, and must not be."""

from __future__ import annotations

from bot.brokers.base.key import KeyReport
from bot.brokers.coinbase.parse import KeyPermissions

#: Where permissions are ticked (Coinbase docs, "Coinbase App API Key Authentication").
SETTINGS_PAGE = "Coinbase Developer Platform, API keys (https://portal.cdp.coinbase.com/access/api)"


def key_report(may: KeyPermissions) -> KeyReport:
    """What Get API Key Permissions says, with the names of the key page beside the venue's words."""
    told = {"can_view": may.can_view, "can_trade": may.can_trade, "can_transfer": may.can_transfer}
    needed = {"can_view": "View", "can_trade": "Trade"}
    return KeyReport(
        permissions=frozenset(word for word, allowed in told.items() if allowed),
        settings_page=SETTINGS_PAGE,
        missing=tuple(f"{title} ({word})" for word, title in needed.items() if not told[word]),
        moves_money=("Transfer (can_transfer)",) if may.can_transfer else (),
    )
