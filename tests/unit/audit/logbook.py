"""A log in a folder, and what is found wrong with it."""

from __future__ import annotations

from pathlib import Path

from bot.audit.chain import AuditChain
from bot.audit.check import ChainCheck, whole_lines_end
from bot.audit.entries import AuditKind, Draft, Entry
from bot.audit.pages import latest_entries
from tests.unit.ledger.builders import SetClock


def draft(number: int, kind: AuditKind = AuditKind.OUTCOME, **detail: object) -> Draft:
    return Draft(kind, "anna:kraken", f"line {number} – “€” \u2028", {"line": number, **detail})


def chain_in(folder: Path, file_bytes: int = 1500) -> AuditChain:
    """Small files, so that a few lines go across several."""
    return AuditChain(folder, SetClock(), file_bytes=file_bytes)


def filled(folder: Path, count: int = 12, file_bytes: int = 1500) -> AuditChain:
    chain = chain_in(folder, file_bytes)
    for number in range(count):
        chain.append([draft(number)])
    return chain


def checked(folder: Path, *, whole: bool = True) -> ChainCheck:
    check = ChainCheck(folder, end=whole_lines_end(folder) if whole else None)
    while not check.advance(3):
        pass
    check.finish()
    return check


def faults(folder: Path) -> list[str]:
    return [str(fault) for fault in checked(folder).faults]


def entries(folder: Path) -> list[Entry]:
    """All, oldest first."""
    return latest_entries(folder, 1_000_000)[::-1]


def told(folder: Path) -> list[int]:
    """The numbers of the drafts that are in the log, in its order."""
    return [entry.detail["line"] for entry in entries(folder) if "line" in entry.detail]
