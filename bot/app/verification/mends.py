"""How what a venue refuses is mended: in the words of its key page, with the settings that the operator writes."""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.domain.enums import BrokerType
from bot.settings.env import AccountSettings, Environment

#: Where keys are made.
KEY_PAGES = {
    BrokerType.KRAKEN: "https://www.kraken.com/u/security/api",
    BrokerType.COINBASE: "https://portal.cdp.coinbase.com/access/api",
    BrokerType.ALPACA: "https://app.alpaca.markets",
}
#: What a key has to be allowed, as the key page names it.
TO_TICK = {
    BrokerType.KRAKEN: "Query Funds, Query Open Orders & Trades, Query Closed Orders & Trades, Create & Modify Orders, "
    "Cancel/Close Orders, Access WebSockets API; never Withdraw Funds",
    BrokerType.COINBASE: "View and Trade; never Transfer",
    BrokerType.ALPACA: "nothing; there is one kind of key",
}
_HOSTS = {
    BrokerType.KRAKEN: "https://api.kraken.com",
    BrokerType.COINBASE: "https://api.coinbase.com",
    BrokerType.ALPACA: "https://paper-api.alpaca.markets",
}


def prefix_of(account: AccountSettings) -> str:
    """What the account's settings begin with, ``KRAKEN_USER_TANIA``."""
    return account.credentials.found_as


def copy_again(account: AccountSettings) -> str:
    """Key and secret were not taken."""
    prefix, venue = prefix_of(account), account.account.venue
    form = " (the private key in PEM form, on one line with \\n for its line ends)" if _is_coinbase(venue) else ""
    return (
        f"copy key and secret again, whole, into {prefix}_API_KEY and {prefix}_API_SECRET{form}, "
        f"or make new ones: {KEY_PAGES[venue]}"
    )


def when_refused(account: AccountSettings, said: str) -> str:
    """A venue's refusal of a key, by its own text."""
    prefix, venue = prefix_of(account), account.account.venue
    if "Invalid signature" in said:
        return f"copy the private key (secret) again, whole, into {prefix}_API_SECRET"
    if "Invalid key" in said:
        return f"copy the key again into {prefix}_API_KEY, or make a new one: {KEY_PAGES[venue]}"
    if "ermission" in said or "scopes" in said:
        return f"tick for the key of {prefix}_API_KEY at {KEY_PAGES[venue]}: {TO_TICK[venue]}"
    if "nonce" in said:
        return f"use the key of {prefix}_API_KEY nowhere else; else make a new one: {KEY_PAGES[venue]}"
    if venue is BrokerType.ALPACA:
        if "real money" in said:
            return f"put the paper account's key into {prefix}_API_KEY and _SECRET, or set {prefix}_PAPER=false"
        if "locked" in said or "suspended" in said or "ACTIVE" in said:
            return f"look into Alpaca's dashboard: {KEY_PAGES[venue]}"
        kind = "paper" if account.credentials.paper else "live"
        return f"{copy_again(account)}; keys of paper and live accounts differ, and {prefix}_PAPER says {kind}"
    return copy_again(account)


def when_unreachable(venue: BrokerType, environment: Environment) -> str:
    """No answer, or none that can be read."""
    url = getattr(environment, f"{venue}_api_url") or _HOSTS[venue]
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    return (
        f"see that this machine reaches the venue: curl -sS {place}; mend network, firewall or {venue.upper()}_API_URL"
    )


def _is_coinbase(venue: BrokerType) -> bool:
    return venue is BrokerType.COINBASE
