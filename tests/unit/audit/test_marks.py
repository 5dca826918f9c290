"""How far the ledger is written down, as the log itself says."""

from __future__ import annotations

from pathlib import Path

from bot.audit.entries import AuditKind, Draft
from tests.unit.audit.logbook import chain_in


def event(number: int) -> Draft:
    return Draft(AuditKind.OUTCOME, "a:kraken", "x", {"event": number})


DRAFTS = [
    *map(event, (1, 2, 5, 4)),
    Draft(AuditKind.COMMAND, "olga", "kill", {"command_id": 1}),
    Draft(AuditKind.COMMAND, "olga", "kill", {"command_id": 2}),
    Draft(AuditKind.COMMAND, "olga", "python bot.py kill", {"reason": "typed at a terminal"}),
    Draft(AuditKind.COMMAND_ENDED, "olga", "kill", {"command_id": 1}),
    Draft(AuditKind.SWITCH, "olga", "kill", {"name": "kill", "on": True, "set_at": 5.5}),
    Draft(AuditKind.SWITCH, "olga", "observe", {"name": "observe", "on": True, "set_at": 6.5}),
    Draft(AuditKind.SWITCH, "olga", "observe", {"name": "observe", "on": False, "set_at": 6.5}),
]
EXPECTED = {"event": 5, "holes": [3], "command": 2, "open_commands": [2], "switches": {"kill": 5.5}}


def test_marks_are_what_the_entries_say(tmp_path: Path) -> None:
    chain = chain_in(tmp_path, file_bytes=10**6)
    chain.append(DRAFTS)
    assert chain.marks.as_json() == EXPECTED
    assert chain_in(tmp_path).look().as_json() == EXPECTED


def test_a_start_reads_the_last_file_only_and_knows_the_same(tmp_path: Path) -> None:
    chain = chain_in(tmp_path, file_bytes=300)
    for draft in DRAFTS:
        chain.append([draft])
    chain_in(tmp_path, file_bytes=1).append([Draft(AuditKind.LOGIN, "page", "in")])
    for old in sorted(tmp_path.glob("audit-*.jsonl"))[:-1]:
        old.write_bytes(b"nobody reads this\n")
    assert chain_in(tmp_path).look().as_json() == EXPECTED


def test_another_ledger_takes_the_marks_back(tmp_path: Path) -> None:
    chain = chain_in(tmp_path, file_bytes=10**6)
    chain.append([*DRAFTS, Draft(AuditKind.AUDIT, "audit", "x", {"ledger_from": {"event": 2, "command": 1}})])
    marks = chain.marks
    assert (marks.event, marks.command, marks.holes, marks.open_commands) == (2, 1, set(), set())
