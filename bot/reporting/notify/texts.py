"""How messages read: a title that says it all on a lock screen, then what, who, since when, and the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain.events import EventKind, OperatorEvent

#: Signs in one message; the services cut longer ones, or refuse them.
_LONGEST = 1500
#: Of events that were held back, so many are quoted besides the latest one.
_QUOTED = 3

_K = EventKind

#: For a serious event of a kind, and for one that is not: where both occur, the latter says that it is over.
_TITLES: dict[EventKind, tuple[str, str]] = {
    _K.STARTED: ("⚠️ NIJA: started, not complete", "🚀 NIJA: started"),
    _K.STOPPED: ("⏹️ NIJA: stopped", "⏹️ NIJA: stopped"),
    _K.ENGINE_STOPPED: ("🛑 NIJA: engine stopped", "✅ NIJA: engine runs again"),
    _K.ACCOUNT_LOST: ("🛑 NIJA: account lost", "🔌 NIJA: account lost"),
    _K.ACCOUNT_BACK: ("✅ NIJA: account back", "✅ NIJA: account back"),
    _K.COPY_FAILED: ("🚨 NIJA: trade not copied", "❌ NIJA: copy failed"),
    _K.UNKNOWN_OUTCOME: ("❓ NIJA: outcome unknown", "❓ NIJA: outcome unknown"),
    _K.DRIFT: ("⚖️ NIJA: out of step", "⚖️ NIJA: out of step"),
    _K.KILL_SWITCH: ("🛑 NIJA: trading stopped", "▶️ NIJA: trading goes on"),
    _K.NOT_WATCHED: ("🙈 NIJA: master not watched", "👀 NIJA: master watched again"),
    _K.LEDGER_FAILED: ("🛑 NIJA: ledger failed", "✅ NIJA: ledger works again"),
    _K.AUDIT_FAILED: ("⚠️ NIJA: audit log failed", "✅ NIJA: audit log works again"),
    _K.CONFIG_CHANGED: ("⚠️ NIJA: settings changed", "🔧 NIJA: settings changed"),
    _K.COMMAND: ("⚠️ NIJA: command", "📝 NIJA: command"),
    _K.LOGIN: ("⚠️ NIJA: login", "🔑 NIJA: login"),
    _K.DAILY_SUMMARY: ("📊 NIJA: the day", "📊 NIJA: the day"),
}

#: What to run, where the event itself does not say so.
_COMMANDS: dict[EventKind, str] = {
    _K.ENGINE_STOPPED: "python bot.py status",
    _K.ACCOUNT_LOST: "python bot.py status",
    _K.COPY_FAILED: "python bot.py copies",
    _K.UNKNOWN_OUTCOME: "python bot.py copies --state UNKNOWN",
    _K.DRIFT: "python bot.py resync",
    _K.NOT_WATCHED: "python bot.py status",
    _K.LEDGER_FAILED: "python bot.py status",
    _K.AUDIT_FAILED: "python bot.py audit verify",
}

#: What further events of a kind are counted as.
_COUNTED: dict[EventKind, str] = {
    _K.ENGINE_STOPPED: "of the engine",
    _K.ACCOUNT_LOST: "lost connections",
    _K.ACCOUNT_BACK: "connections that came back",
    _K.COPY_FAILED: "signals with failed copies",
    _K.UNKNOWN_OUTCOME: "signals with unknown outcomes",
    _K.DRIFT: "drifts",
    _K.KILL_SWITCH: "of the kill switch",
    _K.NOT_WATCHED: "gaps of the watch",
    _K.LEDGER_FAILED: "failures of the ledger",
    _K.AUDIT_FAILED: "failures of the audit log",
    _K.CONFIG_CHANGED: "changes",
    _K.COMMAND: "commands",
    _K.LOGIN: "logins",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out to every channel, plain text.

    Attributes:
        serious: somebody should look now.
    """

    title: str
    body: str
    serious: bool = False


def title_of(event: OperatorEvent) -> str:
    """``🛑 NIJA: engine stopped``."""
    serious, quiet = _TITLES[event.kind]
    return serious if event.serious else quiet


def clock_time(unix_s: float) -> str:
    """``14:03 UTC``."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%H:%M UTC")


def message_of(latest: Sequence[OperatorEvent], count: int = 1, since: float = 0.0) -> Message:
    """One message of one event, or of several of one kind that were held back.

    Args:
        latest: the last of them, in their order; the very last is told in full.
        count: how many there were.
        since: when the first one was, unix seconds.
    """
    event = latest[-1]
    lines = [event.text, *filter(None, [event.detail])]
    if count > 1:
        lines.append(f"and {count - 1} more {_COUNTED.get(event.kind, 'of this kind')} since {clock_time(since)}:")
        lines += [f"- {clock_time(one.at)} {one.text}" for one in latest[-2 : -2 - _QUOTED : -1]]
    command = _COMMANDS.get(event.kind)
    if command and not (_says_over(event) or any("python bot.py" in line for line in lines)):
        lines.append(command)
    lines.append(clock_time(event.at))
    return Message(title_of(event), _cut("\n".join(lines)), event.serious)


def _says_over(event: OperatorEvent) -> bool:
    return not event.serious and event.kind in (_K.ENGINE_STOPPED, _K.NOT_WATCHED, _K.LEDGER_FAILED)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
