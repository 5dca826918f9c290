"""How far the ledger is written down: read from the log itself, so that it goes on exactly where it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.audit.entries import AuditKind, Entry

#: Numbers further back than this are not looked for any more: no transaction is open for so long.
_HOLES_WITHIN = 2000


@dataclass(slots=True)
class Marks:
    """What the log has of the ledger.

    Attributes:
        event: highest number of an order's event.
        holes: lower numbers that the log lacks: rolled back, or committed after higher ones (PostgreSQL).
        command: highest number of a command.
        open_commands: numbers of those whose end is not written down.
        switches: each that is set, with the moment (unix seconds) at which it was set.
    """

    event: int = 0
    holes: set[int] = field(default_factory=set)
    command: int = 0
    open_commands: set[int] = field(default_factory=set)
    switches: dict[str, float] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Go on by one entry."""
        detail = entry.detail
        if entry.kind in (AuditKind.INTENT, AuditKind.OUTCOME) and "event" in detail:
            self._take_event(int(detail["event"]))
        elif entry.kind is AuditKind.COMMAND and "command_id" in detail:
            self.command = max(self.command, int(detail["command_id"]))
            self.open_commands.add(int(detail["command_id"]))
        elif entry.kind is AuditKind.COMMAND_ENDED:
            self.open_commands.discard(int(detail["command_id"]))
        elif entry.kind is AuditKind.SWITCH and "set_at" in detail:
            self._take_switch(detail)
        elif entry.kind is AuditKind.AUDIT:
            self._take_own(detail)

    def as_json(self) -> dict[str, Any]:
        """As the first line of a file carries them."""
        return {
            "event": self.event,
            "holes": sorted(self.holes),
            "command": self.command,
            "open_commands": sorted(self.open_commands),
            "switches": self.switches,
        }

    def _take_event(self, number: int) -> None:
        if number <= self.event:
            self.holes.discard(number)
            return
        if number > self.event + 1 or self.holes:
            oldest = number - _HOLES_WITHIN
            self.holes = {one for one in self.holes if one >= oldest}
            self.holes.update(range(max(self.event + 1, oldest), number))
        self.event = number

    def _take_switch(self, detail: dict[str, Any]) -> None:
        if detail["on"]:
            self.switches[detail["name"]] = detail["set_at"]
        else:
            self.switches.pop(detail["name"], None)

    def _take_own(self, detail: dict[str, Any]) -> None:
        if "marks" in detail:
            told = detail["marks"]
            self.event, self.command = told["event"], told["command"]
            self.holes, self.open_commands = set(told["holes"]), set(told["open_commands"])
            self.switches = dict(told["switches"])
        elif "ledger_from" in detail:
            self.event, self.command = detail["ledger_from"]["event"], detail["ledger_from"]["command"]
            self.holes = {one for one in self.holes if one < self.event}
            self.open_commands = {one for one in self.open_commands if one <= self.command}
