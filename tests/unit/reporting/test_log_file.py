"""The log in a file: every line once, put aside when it is large, and never in the way of trading."""

from __future__ import annotations

import io
import json
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from bot.reporting.log import LogFile
from bot.reporting.log.file import RotatingFile
from bot.reporting.log.formatting import LineFormatter
from bot.reporting.log.writers import FileWriter
from bot.settings.redaction import Redactor
from tests.unit.reporting.log_parts import SECRET, Stuck, assert_no_secret, logging_to, until

log = logging.getLogger("nija.test")


def all_lines(path: Path) -> list[str]:
    """Of the file and of those that were put aside, oldest first."""
    numbered = sorted(path.parent.glob(f"{path.name}.[0-9]*"), key=lambda one: -int(one.suffix[1:]))
    return [line for one in (*numbered, path) if one.exists() for line in one.read_text().splitlines()]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte is ten thousand bytes."""
    monkeypatch.setattr("bot.reporting.log.setup._MEGABYTE", 10_000)


class TestWhatIsWritten:
    def test_the_terminal_and_the_file_have_the_same_lines(self, tmp_path: Path) -> None:
        stream, path = io.StringIO(), tmp_path / "nija.log"
        with logging_to(stream, file=LogFile(path)):
            log.info("🟢 COPY TRADE SUCCESS - %s", "daivon_frazier")
        assert path.read_text() == stream.getvalue()
        assert "🟢 COPY TRADE SUCCESS - daivon_frazier" in path.read_text()

    def test_a_file_beside_a_terminal_has_no_colours(self, tmp_path: Path) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        path = tmp_path / "nija.log"
        with logging_to(Terminal(), file=LogFile(path)):
            log.warning("plain")
        assert "\x1b" not in path.read_text()
        assert "plain" in path.read_text()

    def test_file_and_folder_are_made_for_their_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "logs" / "deep" / "nija.log"
        with logging_to(io.StringIO(), file=LogFile(path)):
            log.info("here")
        assert mode_of(path) == 0o600
        assert mode_of(path.parent) == 0o700

    def test_a_file_that_everybody_could_read_is_closed_to_them_and_goes_on(self, tmp_path: Path) -> None:
        path = tmp_path / "nija.log"
        path.write_text("before\n")
        path.chmod(0o644)
        with logging_to(io.StringIO(), file=LogFile(path)):
            log.info("after")
        assert mode_of(path) == 0o600
        assert path.read_text().startswith("before\n")
        assert "after" in path.read_text()

    @pytest.mark.parametrize("json_lines", [False, True], ids=["text", "json"])
    def test_no_secret_is_in_the_file(self, tmp_path: Path, json_lines: bool) -> None:
        path = tmp_path / "nija.log"
        with logging_to(io.StringIO(), json_lines, file=LogFile(path)):
            log.info(f"plain {SECRET}")
            log.info("argument %s", {"key": SECRET}, extra={"field": SECRET})
            log.info("%d wrong", SECRET)
            try:
                try:
                    raise KeyError(SECRET)
                except KeyError as error:
                    raise ValueError({"API-Sign": SECRET}) from error
            except ValueError:
                log.exception("failed with %s", SECRET)
        text = path.read_text()
        assert_no_secret(text)
        for word in ("plain", "argument", "test_log_file.py", "KeyError", "ValueError"):
            assert word in text
        if json_lines:
            assert all(set(json.loads(line)) >= {"timestamp", "level", "logger", "event"} for line in all_lines(path))

    def test_signs_that_are_no_unicode_are_written_in_another_way(self, tmp_path: Path) -> None:
        path = tmp_path / "nija.log"
        with logging_to(io.StringIO(), file=LogFile(path)):
            log.info("half a pair: \ud83d")
        assert "half a pair: \\ud83d" in path.read_text()

    def test_a_terminal_that_stands_still_keeps_no_line_from_the_file_and_does_not_hold_up_the_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.reporting.log.writers._CLOSE_WITHIN_S", 0.2)
        stream, path = Stuck(), tmp_path / "nija.log"
        began = time.monotonic()
        with logging_to(stream, file=LogFile(path)):
            for number in range(100):
                log.info("line %d", number)
        assert len(all_lines(path)) == 100
        assert time.monotonic() - began < 10
        stream.go_on.set()

    def test_the_end_waits_for_all_lines_of_a_writer_that_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.reporting.log.writers._CLOSE_WITHIN_S", 0.1)
        path = tmp_path / "nija.log"
        with logging_to(io.StringIO(), file=LogFile(path)):
            for number in range(5000):
                log.info("line %d", number)
        assert len(all_lines(path)) == 5000


class TestRotation:
    @pytest.mark.parametrize("json_lines", [False, True], ids=["text", "json"])
    def test_many_threads_write_through_many_rotations_and_every_line_is_there_once(
        self, tmp_path: Path, small: None, json_lines: bool
    ) -> None:
        path, threads, each = tmp_path / "nija.log", 8, 250

        def write(number: int) -> None:
            for line in range(each):
                log.info("thread %d line %d end", number, line)

        with logging_to(io.StringIO(), json_lines, file=LogFile(path, megabytes=1, kept=1000)):
            writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join(30)
        lines = all_lines(path)
        assert len(lines) == threads * each
        assert len(list(tmp_path.glob("nija.log.[0-9]*"))) > 5
        for number in range(threads):
            own = [line for line in lines if f"thread {number} line " in line]
            assert [int(line.partition(" line ")[2].split()[0]) for line in own] == list(range(each))
        for one in tmp_path.glob("nija.log*"):
            assert one.stat().st_size <= 10_000
            assert mode_of(one) == 0o600

    def test_the_oldest_goes_when_there_are_enough(self, tmp_path: Path) -> None:
        file = RotatingFile(tmp_path / "nija.log", largest=100, kept=3)
        for number in range(50):
            file.write(f"{number:049}\n".encode())
        file.close()
        names = sorted(one.name for one in tmp_path.iterdir() if not one.name.endswith(".lock"))
        assert names == ["nija.log", "nija.log.1", "nija.log.2", "nija.log.3"]
        assert [int(line) for line in all_lines(tmp_path / "nija.log")] == list(range(42, 50))

    def test_a_line_that_is_larger_than_a_file_is_written_whole(self, tmp_path: Path) -> None:
        file = RotatingFile(tmp_path / "nija.log", largest=100, kept=3)
        for text in ("a", "b" * 500, "c"):
            file.write(f"{text}\n".encode())
        file.close()
        assert all_lines(tmp_path / "nija.log") == ["a", "b" * 500, "c"]

    def test_two_processes_write_into_one_file_and_put_it_aside_together(self, tmp_path: Path) -> None:
        path, each = tmp_path / "nija.log", 3000
        script = (
            "import sys; from pathlib import Path; from bot.reporting.log.file import RotatingFile\n"
            f"file = RotatingFile(Path({str(path)!r}), 20_000, 1000)\n"
            f"for number in range({each}): file.write(f'{{sys.argv[1]}} {{number:08}}\\n'.encode())"
        )
        names = ["one", "two", "three"]
        running = [subprocess.Popen([sys.executable, "-c", script, name]) for name in names]
        assert [process.wait(180) for process in running] == [0, 0, 0]
        lines = all_lines(path)
        assert sorted(lines) == sorted(f"{name} {number:08}" for name in names for number in range(each))

    def test_while_another_process_puts_it_aside_lines_go_on(self, tmp_path: Path) -> None:
        path = tmp_path / "nija.log"
        file = RotatingFile(path, largest=100, kept=3)
        with FileLock(f"{path}.lock"):
            for number in range(4):
                assert file.write(f"{number:049}\n".encode()) == ""
            assert path.stat().st_size == 200
        file.write(b"afterwards\n")
        file.close()
        assert path.read_text() == "afterwards\n"
        assert len(all_lines(path)) == 5

    def test_a_folder_that_takes_no_new_names_costs_no_line(
        self, tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Whoever runs the tests may be allowed everything, so the folder's mode says nothing here.
        def refuse(self: Path, target: Path) -> Path:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "replace", refuse)
        stream, path = io.StringIO(), tmp_path / "nija.log"
        with logging_to(stream, file=LogFile(path, megabytes=1)):
            for number in range(500):
                log.info("line %d end", number)
        assert [int(line.split()[-2]) for line in all_lines(path)] == list(range(500))
        assert stream.getvalue().count("cannot be put aside") == 1


class TestMovedBySomebodyElse:
    @pytest.mark.parametrize("afterwards", ["moved", "removed"])
    def test_a_new_file_is_begun(self, tmp_path: Path, afterwards: str) -> None:
        path = tmp_path / "nija.log"
        with logging_to(io.StringIO(), file=LogFile(path)):
            log.info("before")
            assert until(lambda: path.exists() and "before" in path.read_text())
            if afterwards == "moved":
                path.rename(tmp_path / "nija.log-20260101")
            else:
                path.unlink()
            log.info("after")
        assert "after" in path.read_text()
        assert "before" not in path.read_text()

    def test_no_line_is_lost_while_it_is_moved_again_and_again(self, tmp_path: Path) -> None:
        path, total = tmp_path / "nija.log", 5000
        ended = threading.Event()

        def move() -> None:
            number = 0
            while not ended.wait(0.003):
                if path.exists():
                    path.rename(tmp_path / f"moved-{number}")
                    number += 1

        mover = threading.Thread(target=move)
        mover.start()
        try:
            with logging_to(io.StringIO(), file=LogFile(path)):
                for line in range(total):
                    log.info("line %d end", line)
        finally:
            ended.set()
            mover.join(30)
        files = [*tmp_path.glob("moved-*"), *tmp_path.glob("nija.log")]
        found = [int(line.split()[-2]) for one in files for line in one.read_text().splitlines()]
        assert sorted(found) == list(range(total))
        assert len(files) > 1


class TestDiskTrouble:
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_full_disk_is_told_once_on_the_terminal_which_goes_on(self) -> None:
        stream = io.StringIO()
        with logging_to(stream, file=LogFile(Path("/dev/full"))):
            for number in range(200):
                log.info("line %d end", number)
        assert stream.getvalue().count("No space left on device") == 1
        assert stream.getvalue().count(" end\n") == 200

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_disk_that_stays_full_for_long_is_told_once_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bot.reporting.log.writers._TELL_EVERY_S", 0.0)
        stream = io.StringIO()
        with logging_to(stream, file=LogFile(Path("/dev/full"))):
            for number in range(50):
                log.info("line %d end", number)
        assert stream.getvalue().count("No space left on device") == 1

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_logging_to_a_full_disk_takes_no_longer(self) -> None:
        with logging_to(io.StringIO(), file=LogFile(Path("/dev/full"))):
            began = time.perf_counter()
            for number in range(2000):
                log.info("line %d end", number)
            each = (time.perf_counter() - began) / 2000
        # A busy machine is not a wrong program; a write to a disk that waits would take far more.
        assert each < 0.01

    @pytest.mark.parametrize("what", ["folder in its place", "file in place of its folder"])
    def test_a_file_that_cannot_be_made_is_told_once(self, tmp_path: Path, what: str) -> None:
        if what == "folder in its place":
            path = tmp_path
        else:
            (tmp_path / "file").write_text("")
            path = tmp_path / "file" / "nija.log"
        stream = io.StringIO()
        with logging_to(stream, file=LogFile(path)):
            log.info("one")
            log.info("two")
        assert stream.getvalue().count("cannot be written") == 1
        assert "one" in stream.getvalue()
        assert "two" in stream.getvalue()

    @pytest.mark.parametrize("json_lines", [False, True], ids=["text", "json"])
    def test_room_that_comes_back_is_used_and_what_is_missing_is_counted(
        self, tmp_path: Path, json_lines: bool
    ) -> None:
        stream, path = io.StringIO(), tmp_path / "logs" / "nija.log"
        (tmp_path / "logs").write_text("")  # in the way
        with logging_to(stream, json_lines, file=LogFile(path)):
            log.info("lost")
            assert until(lambda: "cannot be written" in stream.getvalue())
            (tmp_path / "logs").unlink()
            log.info("written")
        assert "written" in path.read_text()
        assert "is written again; lines missing there: 1" in stream.getvalue()
        assert "is written again" not in path.read_text()

    def test_a_disk_that_is_full_in_turns_does_not_fill_the_terminal_and_every_missing_line_counts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Disk:
            room = True

            def write(self, line: bytes) -> str:
                if not self.room:
                    raise OSError(28, "No space left on device")
                return ""

        disk, told = Disk(), list[str]()
        writer = FileWriter(LineFormatter(Redactor(), json_lines=False), disk, "nija.log", told.append)

        def turn() -> None:
            for disk.room in (False, True):
                writer.emit(log.makeRecord(log.name, logging.INFO, __file__, 1, "x", (), None))

        for _ in range(5):
            turn()
        assert [("cannot" in text, "again" in text) for text in told] == [(True, False), (False, True)]
        monkeypatch.setattr("bot.reporting.log.writers._TELL_EVERY_S", 0.0)
        writer._tell_after.clear()  # the time has passed
        turn()
        assert "No space left on device" in told[2]
        assert told[3].endswith("lines missing there: 5")

    def test_half_a_line_is_not_taken_for_the_beginning_of_the_next(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "nija.log"
        file = RotatingFile(path, largest=10_000, kept=1)
        file.write(b"whole\n")
        real, room = os.write, [4]

        def almost_full(where: int, data: bytes) -> int:
            if not room:
                raise OSError(28, "No space left on device")
            return real(where, data[: room.pop()])

        with monkeypatch.context() as patched:
            patched.setattr("bot.reporting.log.file.os.write", almost_full)
            with pytest.raises(OSError, match="No space"):
                file.write(b"broken off\n")
            with pytest.raises(OSError, match="No space"):
                file.write(b"not there at all\n")
        file.write(b"whole again\n")
        file.close()
        assert path.read_text().splitlines() == ["whole", "brok", "whole again"]
