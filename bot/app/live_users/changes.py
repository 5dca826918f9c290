"""What is different between two entries of one user, in words."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from bot.domain.money import plain
from bot.settings.users import UserSettings

#: What says whom a user follows.
FOLLOW_FIELDS = ("follow", "copy_from_master")
#: For people only.
_SILENT_FIELDS = ("description",)


def differ(one: UserSettings, other: UserSettings) -> bool:
    """Whether the two say anything different, whatever file they are from."""
    return one.model_dump() != other.model_dump()


def described(before: UserSettings, after: UserSettings, without: Collection[str] = ()) -> str:
    """Every change: ``multiplier 1 -> 2, max_trade_usd none -> 250``; empty where there is none."""
    changes = []
    for name in UserSettings.model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if old == new or name in without:
            continue
        changes.append(f"{name} changed" if name in _SILENT_FIELDS else f"{name} {_shown(old)} -> {_shown(new)}")
    return ", ".join(changes)


def limits_of(user: UserSettings) -> str:
    """Whom a user copies and within which limits, as far as its entry says."""
    parts = [f"follows {user.master or 'nobody'}", f"multiplier {plain(user.multiplier)}"]
    for name in ("max_user_risk", "max_trade_usd", "allowed_symbols", "disabled_symbols", "quote_map"):
        value = getattr(user, name)
        if value:
            parts.append(f"{name} {_shown(value)}")
    return ", ".join(parts)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, frozenset):
        return "+".join(sorted(value)) or "none"
    if isinstance(value, dict):
        return "+".join(f"{key}={to}" for key, to in sorted(value.items())) or "none"
    return " ".join(str(value).split())
