"""Whatever is changed, taken out, put in, moved or cut off is found, wherever it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.audit.entries import AuditKind, Draft, write_line
from bot.audit.files import files_of
from tests.unit.audit.logbook import chain_in, checked, draft, faults, filled, told

_LINES = 12


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "audit"
    filled(folder, _LINES)
    assert len(files_of(folder)) >= 3
    assert faults(folder) == []
    return folder


@contextmanager
def copied(original: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "audit"
        shutil.copytree(original, folder)
        yield folder


def all_lines(folder: Path) -> list[tuple[Path, bytes]]:
    return [(path, line) for path in files_of(folder) for line in path.read_bytes().splitlines(keepends=True)]


def write_lines(folder: Path, lines: list[tuple[Path, bytes]]) -> None:
    for path in files_of(folder):
        path.write_bytes(b"".join(line for of, line in lines if of == path))


@given(st.data())
def test_a_changed_byte_is_found(original: Path, data: st.DataObject) -> None:
    with copied(original) as folder:
        path = data.draw(st.sampled_from(files_of(folder)))
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        assert faults(folder)


@given(st.data())
def test_a_line_that_is_taken_out_is_found(original: Path, data: st.DataObject) -> None:
    with copied(original) as folder:
        lines = all_lines(folder)
        first = data.draw(st.integers(0, len(lines) - 1))
        del lines[first : first + data.draw(st.integers(1, 4))]
        write_lines(folder, lines)
        assert faults(folder)


@given(st.data())
def test_a_line_that_is_put_in_is_found(original: Path, data: st.DataObject) -> None:
    with copied(original) as folder:
        lines = all_lines(folder)
        place = data.draw(st.integers(0, len(lines) - 1))
        again = data.draw(st.sampled_from(lines))[1]
        forged = write_line(Draft(AuditKind.LOGIN, "page", "forged", {}), place + 1, 1.0, "0" * 64)[0]
        lines.insert(place, (lines[place][0], data.draw(st.sampled_from([again, forged]))))
        write_lines(folder, lines)
        assert faults(folder)


@given(st.data())
def test_lines_that_changed_places_are_found(original: Path, data: st.DataObject) -> None:
    with copied(original) as folder:
        lines = all_lines(folder)
        one, other = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True))
        lines[one], lines[other] = (lines[one][0], lines[other][1]), (lines[other][0], lines[one][1])
        write_lines(folder, lines)
        assert faults(folder)


@given(st.data())
def test_an_end_that_is_cut_off_anywhere_is_found(original: Path, data: st.DataObject) -> None:
    with copied(original) as folder:
        files = files_of(folder)
        last = data.draw(st.integers(0, len(files) - 1))
        for path in files[last + 1 :]:
            path.unlink()
        size = files[last].stat().st_size
        keep = data.draw(st.integers(0, size - 1))
        files[last].write_bytes(files[last].read_bytes()[:keep])
        assert faults(folder)


@given(st.data())
def test_a_line_that_is_written_anew_with_its_hash_is_found(original: Path, data: st.DataObject) -> None:
    """Also the last one, which no line goes on from: what was noted beside the log tells."""
    with copied(original) as folder:
        lines = all_lines(folder)
        place = data.draw(st.integers(0, len(lines) - 1))
        previous = "0" * 64 if place == 0 else lines[place - 1][1][-67:-3].decode()
        forged = write_line(Draft(AuditKind.OUTCOME, "anna:kraken", "forged", {}), place + 1, 1.0, previous)[0]
        lines[place] = (lines[place][0], forged)
        write_lines(folder, lines)
        assert faults(folder)


def test_a_file_that_is_gone_is_named(original: Path) -> None:
    with copied(original) as folder:
        gone = files_of(folder)[1]
        gone.unlink()
        assert any(gone.name in fault and "missing" in fault for fault in faults(folder))


def test_a_log_that_is_gone_altogether_is_found(original: Path) -> None:
    with copied(original) as folder:
        for path in files_of(folder):
            path.unlink()
        assert faults(folder) == ["the end: all entries are missing: the log was cut off"]


def test_a_fault_says_which_file_line_and_entry(original: Path) -> None:
    with copied(original) as folder:
        path = files_of(folder)[1]
        path.write_bytes(path.read_bytes().replace(b'"line":', b'"lime":', 1))
        [fault] = faults(folder)
        assert fault.startswith(f"{path.name} line ")
        assert "(entry " in fault
        assert fault.endswith("it was changed")


def test_faults_do_not_hide_each_other(original: Path) -> None:
    with copied(original) as folder:
        lines = all_lines(folder)
        for place in (2, 8):
            lines[place] = (lines[place][0], lines[place][1].replace(b"anna", b"bert"))
        write_lines(folder, lines)
        assert len(faults(folder)) == 2


def test_a_check_goes_on_as_the_log_grows(tmp_path: Path) -> None:
    chain = filled(tmp_path / "audit", 3)
    check = checked(tmp_path / "audit", whole=False)
    before = check.entries
    chain.append([Draft(AuditKind.LOGIN, "page", "in", {})])
    while not check.advance(10):
        pass
    assert check.entries > before
    assert check.faults == []


@pytest.mark.parametrize(
    ("said", "changed"),
    [(b'"command_id":1}', b'"command_iX":1}'), (b'"event":7', b'"event":[]')],
    ids=["no command", "no number"],
)
def test_a_changed_line_is_found_and_ends_no_writing(tmp_path: Path, said: bytes, changed: bytes) -> None:
    folder = tmp_path / "audit"
    chain_in(folder).append(
        [
            Draft(AuditKind.COMMAND_ENDED, "bot", "kill", {"command_id": 1}),
            Draft(AuditKind.INTENT, "anna:kraken", "BUY", {"event": 7}),
        ]
    )
    path = files_of(folder)[0]
    path.write_bytes(path.read_bytes().replace(said, changed))
    chain_in(folder).append([draft(1)])
    assert told(folder) == [1]
    [fault] = faults(folder)
    assert fault.endswith("the hash is not that of the text: it was changed")
