"""Commands that start from a process which has loaded the program already: a fork in place of a second of imports.

Each one is a process of its own all the same, with its own arguments, environment, folder and output. Bots that go on
running start as a person starts them; so does one command in each kind of test that is about starting.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from typing import IO, Any

from tests.paper_exchange.client import REPOSITORY

_LARGEST = 1 << 18


class WarmProcess:
    """The part of ``subprocess.Popen`` that the tests use, for a command that was forked."""

    def __init__(self, status: IO[str], stdout: IO[str], stderr: IO[str]) -> None:
        self.stdout, self.stderr = stdout, stderr
        self.returncode: int | None = None
        self._status = status
        self.pid = int(status.readline())

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self.returncode is None and _is_readable(self._status.fileno(), 0.0):
            self._take_status()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code.

        Raises:
            TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            if not _is_readable(self._status.fileno(), timeout):
                raise subprocess.TimeoutExpired("bot.py", timeout or 0.0)
            self._take_status()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing once it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _take_status(self) -> None:
        with self._status:
            self.returncode = int(self._status.readline())


def start_warm(arguments: list[str], environment: dict[str, str], folder: str) -> WarmProcess:
    """Start ``python bot.py`` with these arguments."""
    job = json.dumps({"arguments": arguments, "environment": environment, "folder": folder}).encode()
    assert len(job) < _LARGEST
    pipes = [os.pipe() for _ in range(3)]
    socket.send_fds(_loaded(), [job], [written for _, written in pipes])
    for _, written in pipes:
        os.close(written)
    return WarmProcess(*(os.fdopen(read, encoding="utf-8") for read, _ in pipes))


@functools.cache
def _loaded() -> socket.socket:
    """The way to the process that has the program loaded; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.warm", str(theirs.fileno())], cwd=REPOSITORY, pass_fds=[theirs.fileno()]
        )

    def end() -> None:
        ours.close()
        process.wait(30)

    atexit.register(end)
    return ours


def _is_readable(descriptor: int, timeout: float | None) -> bool:
    return bool(select.select([descriptor], [], [], timeout)[0])


# -- in the process that has the program loaded -----------------------------------------------------------------------


def _wait_for_job(asked: socket.socket) -> dict[str, Any] | None:
    """A job, in the process that has to do it; None at the end, in the process that waits."""
    while True:
        message, files, _, _ = socket.recv_fds(asked, _LARGEST, 3)
        if not message:
            return None
        if os.fork() == 0:
            asked.close()
            return _begin(json.loads(message), *files)
        for file in files:
            os.close(file)


def _begin(job: dict[str, Any], status: int, stdout: int, stderr: int) -> dict[str, Any]:
    """Fork once more: one process tells how the other one ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = os.fork()
    if command != 0:
        for file in (stdout, stderr):
            os.close(file)
        with os.fdopen(status, "w") as told:
            told.write(f"{command}\n")
            told.flush()
            _, ended = os.waitpid(command, 0)
            told.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        os._exit(0)
    os.close(status)
    for file, place in ((stdout, 1), (stderr, 2)):
        os.dup2(file, place)
        os.close(file)
    return job


def _carry_out(job: dict[str, Any]) -> None:
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    program = str(REPOSITORY / "bot.py")
    sys.argv = [program, *job["arguments"]]
    sys.path[0] = str(REPOSITORY)
    sys.stdout, sys.stderr = (open(place, "w", encoding="utf-8", closefd=False) for place in (1, 2))  # noqa: SIM115
    runpy.run_path(program, run_name="__main__")


def _main() -> None:
    from bot.cli.main import make_app

    make_app()
    gc.collect()
    gc.freeze()
    # Nobody waits for those that wait for a command.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        job = _wait_for_job(asked)
    if job is not None:
        # From here on the process is the command, and ends as one does.
        _carry_out(job)


if __name__ == "__main__":
    _main()
