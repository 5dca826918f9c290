"""The audit log of the running system, and its comparison with the ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.audit.auditor import LEFT_ALONE_S, POLL_S, Auditor
from bot.audit.chain import AuditChain
from bot.audit.check import Fault
from bot.audit.entries import AuditKind, Draft, Entry, digest_of
from bot.audit.files import FOLDER_NAME
from bot.audit.marks import Marks
from bot.audit.pages import latest_entries
from bot.domain.enums import OrderState
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.money import plain
from bot.domain.ports import Clock
from bot.ledger.audit_queries import AuditQueries, NumberedEvent, SwitchRow
from bot.ledger.commands import Command
from bot.ledger.database import Database
from bot.ledger.entry import url_of
from bot.reporting.events import EventHub

_BATCH = 500
#: Rows of a comparison that are read at once.
_COMPARED_AT_ONCE = 2000
_INTENTS = (OrderState.PLANNED, OrderState.SUBMITTING)
#: Commands and switches have rows of their own, which say more than the events about them.
_FROM_EVENTS = {
    EventKind.LOGIN: AuditKind.LOGIN,
    EventKind.CONFIG_CHANGED: AuditKind.CONFIG,
    EventKind.STARTED: AuditKind.STARTED,
    EventKind.STOPPED: AuditKind.STOPPED,
    EventKind.ENGINE_STOPPED: AuditKind.STOPPED,
}
#: What an order's event is compared by: what never changes of it.
_COMPARED = ("event", "client_order_id", "signal_id", "account", "at", "from_state", "to_state", "text", "leg")


class Auditing:
    """The log of one running system.

    Args:
        queries: reads the ledger; its views do.
        hub: what the bot tells goes into the log, and the log's trouble out.
        redact: takes secrets out of what events say.
    """

    def __init__(
        self,
        data_dir: Path,
        queries: AuditQueries,
        hub: EventHub,
        clock: Clock,
        redact: Callable[[str], str] = str,
        *,
        poll_s: float = POLL_S,
        left_alone_s: float = LEFT_ALONE_S,
    ) -> None:
        self._redact = redact
        self._hub = hub
        chain, feed = AuditChain(data_dir / FOLDER_NAME, clock), LedgerFeed(queries)
        self.auditor = Auditor(chain, feed, self._tell_trouble, poll_s=poll_s, left_alone_s=left_alone_s)
        self._end_listening = hub.listen(self._hear)

    def audit_page(self, limit: int = 100, before: int | None = None) -> tuple[list[dict[str, Any]], bool, str | None]:
        """Entries as JSON, newest first; whether the log is intact; what is wrong with it, in one line."""
        entries, intact, problem = self.auditor.page(limit, before)
        return [entry.as_json() for entry in entries], intact, problem

    def finish(self, within_s: float = 2.0) -> bool:
        """Write what is left and end; before the ledger is closed, after it was flushed. Whether it did."""
        self._end_listening()
        return self.auditor.finish(within_s)

    def _hear(self, event: OperatorEvent) -> None:
        kind = _FROM_EVENTS.get(event.kind)
        if kind is None:
            return
        account = {} if event.account is None else {"account": str(event.account)}
        detail = {"at": event.at, "event_kind": event.kind.value, "more": self._redact(event.detail), **account}
        who = "page" if kind is AuditKind.LOGIN else "bot"
        self.auditor.tell(Draft(kind, who, self._redact(event.text), detail))

    def _tell_trouble(self, reason: str) -> None:
        # Not the ledger's kind: it would hold back, for its ten minutes, that nothing is traded any more.
        detail = "Trading goes on; what is left out is written later."
        self._hub.tell(EventKind.AUDIT_FAILED, reason, serious=True, detail=detail)


class LedgerFeed:
    """The ledger as drafts (:class:`bot.audit.auditor.LedgerSource`)."""

    def __init__(self, queries: AuditQueries) -> None:
        self._queries = queries

    def state(self) -> Hashable:
        """How far the ledger is written."""
        return self._queries.audit_mark()

    def drafts(self, marks: Marks, holes: Collection[int]) -> list[Draft]:
        """What comes behind the marks: orders' events, commands and their ends, switches."""
        late = self._queries.events_numbered(holes) if holes else []
        events = [*late, *self._queries.events_after(marks.event, _BATCH)]
        commands = self._queries.commands_after(marks.command, _BATCH)
        # Asked for only now, so that the end of a command never stands before it.
        open_ones = marks.open_commands | {command.id for command in commands}
        ended = self._queries.commands_ended(open_ones) if open_ones else []
        switched = _switch_drafts(marks.switches, self._queries.switches_set())
        drafts = [_event_draft(event) for event in events if event.id > marks.event or event.id in marks.holes]
        return [*drafts, *map(_command_draft, commands), *map(_ended_draft, ended), *switched]

    def rejoin(self, chain: AuditChain) -> list[Draft]:
        """One draft where the ledger's rows are not those of the log up to its marks: another ledger, or an old copy
        that was put in its place."""
        event, command = _last_common(self._queries, chain)
        if (event, command) == (chain.marks.event, chain.marks.command):
            return []
        text = (
            f"the ledger is another one than before (an old copy, or a new one): it has the same as this log up to "
            f"event {event} and command {command}; what follows of it is written anew"
        )
        return [Draft(AuditKind.AUDIT, "audit", text, {"ledger_from": {"event": event, "command": command}})]


def _last_common(queries: AuditQueries, chain: AuditChain) -> tuple[int, int]:
    marks = chain.marks
    events = _has_event(queries, marks.event, None)
    commands = _has_command(queries, marks.command, None)
    if events and commands:
        entry = _last_of(chain, lambda one: one.detail.get("event") == marks.event)
        if entry is None or _has_event(queries, marks.event, entry):
            return marks.event, marks.command
    return _search_event(queries, chain), _search_command(queries, chain)


def _last_of(chain: AuditChain, wanted: Callable[[Entry], bool]) -> Entry | None:
    # The last lines are where it nearly always is.
    found = latest_entries(chain.folder, 1, wanted=wanted)
    return found[0] if found else None


def _search_event(queries: AuditQueries, chain: AuditChain) -> int:
    same = _last_of(
        chain,
        lambda entry: (
            "event" in entry.detail
            and entry.detail["event"] <= chain.marks.event
            and _has_event(queries, entry.detail["event"], entry)
        ),
    )
    return 0 if same is None else int(same.detail["event"])


def _search_command(queries: AuditQueries, chain: AuditChain) -> int:
    same = _last_of(
        chain,
        lambda entry: (
            entry.kind is AuditKind.COMMAND
            and "command_id" in entry.detail
            and entry.detail["command_id"] <= chain.marks.command
            and _has_command(queries, entry.detail["command_id"], entry)
        ),
    )
    return 0 if same is None else int(same.detail["command_id"])


def _has_event(queries: AuditQueries, number: int, entry: Entry | None) -> bool:
    rows = queries.events_numbered([number]) if number else []
    if not rows:
        return number == 0
    return entry is None or event_digest(_event_detail(rows[0])) == event_digest(entry.detail)


def _has_command(queries: AuditQueries, number: int, entry: Entry | None) -> bool:
    rows = queries.commands_after(number - 1, 1) if number else []
    if not rows or rows[0].id != number:
        return number == 0
    return entry is None or _asked(rows[0]) == {name: entry.detail.get(name) for name in _asked(rows[0])}


# -- drafts ------------------------------------------------------------------------------------------------------


def _event_detail(event: NumberedEvent) -> dict[str, Any]:
    return {
        "event": event.id,
        "client_order_id": event.client_order_id,
        "signal_id": event.signal_id,
        "account": str(event.account),
        "at": event.at,
        "from_state": None if event.from_state is None else event.from_state.value,
        "to_state": None if event.to_state is None else event.to_state.value,
        "text": event.detail,
        "leg": event.leg,
        "symbol": event.symbol,
        "side": None if event.side is None else event.side.value,
        "quantity": None if event.quantity is None else plain(event.quantity),
    }


def _event_draft(event: NumberedEvent) -> Draft:
    detail = _event_detail(event)
    kind = AuditKind.INTENT if event.to_state in _INTENTS and event.from_state != event.to_state else AuditKind.OUTCOME
    order = f"{detail['side'].upper()} {detail['quantity']} {event.symbol}" if event.side and event.symbol else "order"
    moved = f": {detail['to_state']}" if event.to_state else ""
    return Draft(kind, detail["account"], f"{order}{moved}{f' - {event.detail}' if event.detail else ''}", detail)


def _asked(command: Command) -> dict[str, Any]:
    return {"command_id": command.id, "kind": command.kind, "payload": command.payload, "at": command.created_at}


def _ended(command: Command) -> dict[str, Any]:
    return {"command_id": command.id, "state": command.state.value, "result": command.result, "at": command.finished_at}


def _command_draft(command: Command) -> Draft:
    who = str(command.payload.get("by") or "command line")
    told = ", ".join(f"{name} {value}" for name, value in command.payload.items() if name != "by")
    return Draft(AuditKind.COMMAND, who, f"{command.kind}: {told}" if told else command.kind, _asked(command))


def _ended_draft(command: Command) -> Draft:
    who = str(command.payload.get("by") or "command line")
    error = (command.result or {}).get("error")
    what = f"{command.kind} {command.id} {command.state.value}{f': {error}' if error else ''}"
    return Draft(AuditKind.COMMAND_ENDED, who, what, _ended(command))


def _switch_drafts(known: dict[str, float], rows: Sequence[SwitchRow]) -> Iterator[Draft]:
    for row in rows:
        if known.get(row.name) != row.set_at:
            detail = {"name": row.name, "on": True, "reason": row.reason, "set_at": row.set_at}
            yield Draft(AuditKind.SWITCH, row.set_by, f"{row.name} is set: {row.reason}", detail)
    for name in sorted(known.keys() - {row.name for row in rows}):
        detail = {"name": name, "on": False, "set_at": known[name]}
        yield Draft(AuditKind.SWITCH, "bot", f"{name} is lifted", detail)


# -- comparing ---------------------------------------------------------------------------------------------------


def event_digest(detail: dict[str, Any]) -> bytes:
    """What an order's event is compared by."""
    return digest_of({name: detail.get(name) for name in _COMPARED})


class LedgerComparison:
    """What the log has of the ledger: fed with every entry, then compared.

    Attributes:
        event: highest number of an order's event in the log.
        compared: rows of the ledger that were compared.
    """

    def __init__(self) -> None:
        self.event = 0
        self.compared = 0
        self._events: dict[int, bytes] = {}
        self._commands: dict[int, bytes] = {}
        self._endings: dict[int, bytes] = {}

    def take(self, entry: Entry) -> None:
        """One entry of the log."""
        detail = entry.detail
        if entry.kind in (AuditKind.INTENT, AuditKind.OUTCOME) and "event" in detail:
            self._events[detail["event"]] = event_digest(detail)
            self.event = max(self.event, detail["event"])
        elif entry.kind is AuditKind.COMMAND and "command_id" in detail:
            self._commands[detail["command_id"]] = digest_of(detail)
        elif entry.kind is AuditKind.COMMAND_ENDED:
            self._endings[detail["command_id"]] = digest_of(detail)
        elif "ledger_from" in detail:
            self._go_back(detail["ledger_from"])

    def _go_back(self, to: dict[str, int]) -> None:
        self.event = to["event"]
        self._events = {number: one for number, one in self._events.items() if number <= to["event"]}
        for known in (self._commands, self._endings):
            for number in [number for number in known if number > to["command"]]:
                del known[number]

    def compare(
        self, queries: AuditQueries, up_to: int, progress: Callable[[int], None] = lambda _: None
    ) -> Iterator[Fault]:
        """What differs.

        Args:
            up_to: number of the last event that the log must have.
            progress: told how many rows were compared.

        Raises:
            LedgerUnavailable: the ledger cannot be read.
        """
        yield from self._compare_events(queries, up_to, progress)
        yield from self._compare_commands(queries)

    def _compare_events(self, queries: AuditQueries, up_to: int, progress: Callable[[int], None]) -> Iterator[Fault]:
        left, last = dict(self._events), 0
        while rows := queries.events_after(last, _COMPARED_AT_ONCE):
            for row in rows:
                said = left.pop(row.id, None)
                if said is None:
                    if row.id <= up_to:
                        yield _fault(row, "the audit log lacks it")
                elif said != event_digest(_event_detail(row)):
                    yield _fault(row, "the audit log has it otherwise: one of the two was changed")
            last = rows[-1].id
            self.compared += len(rows)
            progress(self.compared)
        for number in sorted(left):
            yield Fault(f"event {number} of the audit log", "the ledger lacks it: it was taken out, or is an old copy")

    def _compare_commands(self, queries: AuditQueries) -> Iterator[Fault]:
        last, most = 0, max(self._commands, default=0)
        left = set(self._commands)
        while rows := queries.commands_after(last, _COMPARED_AT_ONCE):
            for row in rows:
                left.discard(row.id)
                if row.id > most:
                    continue
                if self._commands.get(row.id) != digest_of(_asked(row)):
                    yield Fault(f"command {row.id} of the ledger", "the audit log lacks it, or has it otherwise")
                elif row.id in self._endings and self._endings[row.id] != digest_of(_ended(row)):
                    yield Fault(f"command {row.id} of the ledger", "the audit log has its end otherwise")
            last = rows[-1].id
        for number in sorted(left):
            yield Fault(f"command {number} of the audit log", "the ledger lacks it")


def _fault(row: NumberedEvent, what: str) -> Fault:
    return Fault(f"event {row.id} of the ledger (order {row.client_order_id} of {row.account})", what)


@contextmanager
def audit_queries_of(place: str | Path) -> Iterator[AuditQueries]:
    """Open a ledger for comparing, beside the process that writes it.

    Raises:
        LedgerUnavailable: there is no ledger yet, or it cannot be read.
    """
    database = Database(url_of(place), for_views=True)
    try:
        database.check()
        yield AuditQueries(database)
    finally:
        database.dispose()
