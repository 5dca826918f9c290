"""Appending: nothing lost, nothing twice, and honest about what a crash or a full disk left."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from bot.audit import chain as chain_module
from bot.audit.chain import append_now
from bot.audit.check import ChainCheck
from bot.audit.entries import AuditKind, BrokenLine, Draft, read_line, write_line
from bot.audit.files import files_of, read_head, write_all
from bot.audit.pages import latest_entries
from tests.unit.audit.logbook import chain_in, checked, draft, entries, faults, filled, told
from tests.unit.ledger.builders import SetClock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "audit"


def test_a_line_is_canonical_json_with_its_hash_at_the_end() -> None:
    line, digest = write_line(Draft(AuditKind.LOGIN, "page", "wörter", {"b": 1, "a": None}), 7, 1_795_233_464.25, "p")
    values = json.loads(line)
    assert list(values) == ["at", "detail", "kind", "number", "previous", "what", "who", "hash"]
    assert values.pop("hash") == digest
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    assert digest == hashlib.sha256(canonical).hexdigest()
    entry = read_line(line)
    assert (entry.number, entry.at, entry.unix_s) == (7, "2026-11-21T03:57:44.250Z", 1_795_233_464.25)


def test_the_hash_can_be_computed_with_other_tools(folder: Path) -> None:
    filled(folder, 1)
    script = f"""head -1 {files_of(folder)[0]} | tr -d '\\n' | sed 's/,"hash":"[0-9a-f]*"}}$/}}/' | sha256sum"""
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split()[0]
    assert said == entries(folder)[0].hash


@pytest.mark.parametrize("text", ["a\nb", "\ud800", '","hash":"', "\x00", '\\"number":9,'], ids=range(5))
def test_no_text_breaks_a_line(folder: Path, text: str) -> None:
    chain_in(folder).append([Draft(AuditKind.LOGIN, text, text, {text: text})])
    assert faults(folder) == []
    assert entries(folder)[-1].what == text
    assert latest_entries(folder, 5, before=2)[0].number == 1


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"number":1}', b"\xff\xfe", b"null"], ids=range(6))
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(BrokenLine):
        read_line(line, checked=False)


def test_the_chain_goes_on_across_files_and_programs(folder: Path) -> None:
    filled(folder, 10)
    filled(folder, 10)
    assert len(files_of(folder)) > 4
    assert [entry.number for entry in entries(folder)] == list(range(1, len(entries(folder)) + 1))
    assert told(folder) == [*range(10), *range(10)]
    assert faults(folder) == []


def test_nobody_else_may_read_it(folder: Path) -> None:
    before = os.umask(0)
    try:
        filled(folder, 5)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_one_entry_of_a_command(folder: Path) -> None:
    append_now(folder.parent, SetClock(), AuditKind.SECRETS, "olga", "vault add KRAKEN_API_KEY", name="KRAKEN_API_KEY")
    [_, entry] = entries(folder)
    assert (entry.kind, entry.who, entry.detail) == (AuditKind.SECRETS, "olga", {"name": "KRAKEN_API_KEY"})


def test_a_line_that_was_torn_anywhere_is_kept_aside_and_said(tmp_path: Path) -> None:
    filled(tmp_path / "whole", 2, file_bytes=10**6)
    whole = files_of(tmp_path / "whole")[0].read_bytes()
    head = (tmp_path / "whole" / "head.json").read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    line, _ = write_line(draft(99), 4, 1.0, entries(tmp_path / "whole")[-1].hash)
    assert last < len(whole)
    for cut in range(1, len(line)):
        folder = tmp_path / f"torn-{cut}"
        folder.mkdir()
        (folder / "audit-000001.jsonl").write_bytes(whole + line[:cut])
        (folder / "head.json").write_bytes(head)
        filled(folder, 1, file_bytes=10**6)
        [kept] = folder.glob("torn-*")
        assert kept.read_bytes() == line[:cut]
        check = checked(folder)
        assert check.faults == []
        [remark] = check.remarks
        assert kept.name in remark
        assert told(folder) == [0, 1, 0]


def test_a_file_that_was_only_just_begun_is_mended(folder: Path) -> None:
    filled(folder, 3, file_bytes=10**6)
    (folder / "audit-000002.jsonl").write_bytes(b"")
    again = filled(folder, 1, file_bytes=10**6)
    assert faults(folder) == []
    assert told(folder) == [0, 1, 2, 0]
    assert again.number == entries(folder)[-1].number


def test_a_log_whose_end_is_gone_says_so_for_good(folder: Path) -> None:
    filled(folder, 5, file_bytes=10**6)
    path = files_of(folder)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    filled(folder, 1, file_bytes=10**6)
    assert any("cut off" in entry.what for entry in entries(folder))
    assert any("entries 5 to 6 are missing" in fault for fault in faults(folder))


def test_an_end_that_goes_while_it_is_written_is_said(folder: Path) -> None:
    chain = filled(folder, 5, file_bytes=10**6)
    files_of(folder)[0].write_bytes(b"")
    chain.append([draft(6)])
    assert any("cut off" in entry.what for entry in entries(folder))
    assert faults(folder)


def test_two_that_take_turns_see_each_others_lines(folder: Path) -> None:
    one, other = chain_in(folder), chain_in(folder)
    for number in range(20):
        (one if number % 2 else other).append([draft(number)])
    assert told(folder) == list(range(20))
    assert faults(folder) == []


@pytest.mark.parametrize("written", [0, 1, 40, 400])
def test_a_full_disk_leaves_no_half_line(folder: Path, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    chain = filled(folder, 2, file_bytes=10**6)

    def full(descriptor: int, content: bytes) -> None:
        write_all(descriptor, content[:written])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(chain_module, "write_all", full)
    with pytest.raises(OSError, match="No space left"):
        chain.append([draft(2), draft(3)])
    monkeypatch.undo()
    assert faults(folder) == []
    chain.append([draft(2), draft(3)])
    assert told(folder) == [0, 1, 2, 3]
    assert faults(folder) == []
    assert not list(folder.glob("torn-*"))


def test_a_head_that_cannot_be_written_writes_nothing_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = filled(folder, 2)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(chain_module, "write_head", full)
    chain.append([draft(2)])
    assert told(folder) == [0, 1, 2]
    assert faults(folder) == []
    head = read_head(folder)
    assert head is not None
    assert head.number < chain.number


def test_pages_are_read_from_the_end(folder: Path) -> None:
    filled(folder, 30)
    newest = latest_entries(folder, 5)
    assert [entry.number for entry in newest] == sorted((entry.number for entry in newest), reverse=True)
    seen = []
    before = None
    while page := latest_entries(folder, 7, before):
        seen += page
        before = page[-1].number
    assert seen == entries(folder)[::-1]


def test_long_lines_are_read_backwards_too(folder: Path) -> None:
    chain = chain_in(folder, file_bytes=10**7)
    for number in range(4):
        chain.append([draft(number, text="x" * 100_000)])
    assert told(folder) == [0, 1, 2, 3]


def test_a_check_that_began_before_the_first_entry_finds_no_fault(folder: Path) -> None:
    check = ChainCheck(folder)
    filled(folder, 2)
    assert check.advance(100)
    check.finish()
    assert check.faults == []


def test_what_was_torn_at_the_end_of_a_full_file_does_not_stay_there(folder: Path) -> None:
    chain_in(folder).append([draft(1)])
    (head := folder / "head.json").rename(kept := folder / "head.kept")
    chain_in(folder).append([draft(number) for number in range(2, 12)])
    path = files_of(folder)[-1]
    path.write_bytes(path.read_bytes()[:-40])
    assert path.stat().st_size > 1500
    kept.replace(head)
    chain_in(folder).append([draft(99)])
    assert faults(folder) == []
    assert told(folder) == [*range(1, 11), 99]
