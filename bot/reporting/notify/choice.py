"""Which events are told of: ``NOTIFY_EVENTS``."""

from __future__ import annotations

from bot.domain.errors import SettingsError
from bot.domain.events import EventKind

_ALL = "all"


def chosen_kinds(names: str) -> frozenset[EventKind]:
    """The kinds of a list with commas; ``all`` for every one.

    Raises:
        SettingsError: there is no such kind, or none is named; the text names the known ones.
    """
    wanted = {name.strip().lower() for name in names.split(",")} - {""}
    unknown = sorted(wanted - set(EventKind) - {_ALL})
    if unknown or not wanted:
        what = f"there is no event {', '.join(unknown)}" if unknown else "no event is named"
        raise SettingsError(
            f"NOTIFY_EVENTS: {what}; there are: {', '.join(EventKind)}, and {_ALL} (environment or .env)"
        )
    return frozenset(EventKind) if _ALL in wanted else frozenset(map(EventKind, wanted))
