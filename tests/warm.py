"""Programs that start from a process which has them loaded already: a fork in place of a second of imports.

Each one is a process of its own all the same, with its own arguments, environment, folder, input and output. Tests that
are about starting start the program as a person does.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

REPOSITORY = Path(__file__).parents[1]
_LARGEST = 1 << 18


class WarmProcess:
    """The part of ``subprocess.Popen`` that the tests use, for a program that was forked."""

    def __init__(self, status: IO[str], stdout: IO[str], stderr: IO[str] | None) -> None:
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
                raise subprocess.TimeoutExpired("the program", timeout or 0.0)
            self._take_status()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing once it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _take_status(self) -> None:
        with self._status:
            self.returncode = int(self._status.readline())


def start_warm(
    words: Sequence[str],
    environment: Mapping[str, str] | None = None,
    folder: str | Path = REPOSITORY,
    given: str = "",
    stderr: bool = True,
) -> WarmProcess:
    """Start a program, as ``python`` with these words does.

    Args:
        words: ``bot.py`` and what follows it, or ``-m``, a module and what follows it.
        environment: this process's own where it is left out.
        given: its standard input; no more than a pipe holds.
        stderr: whether it is read; otherwise it goes where this process's goes.
    """
    job = {"words": list(words), "environment": dict(environment or os.environ), "folder": str(folder)}
    message = json.dumps(job).encode()
    assert len(message) < _LARGEST
    pipes = [os.pipe() for _ in range(4)]
    (its_input, our_input), (our_output, its_output), (our_errors, its_errors), (our_status, its_status) = pipes
    os.write(our_input, given.encode())
    theirs = [its_input, its_output, its_errors if stderr else 2, its_status]
    socket.send_fds(_loaded(), [message], theirs)
    for file in (our_input, its_input, its_output, its_errors, its_status, *([] if stderr else [our_errors])):
        os.close(file)
    read = [os.fdopen(file, encoding="utf-8") for file in (our_status, our_output, *([our_errors] if stderr else []))]
    return WarmProcess(read[0], read[1], read[2] if stderr else None)


@functools.cache
def _loaded() -> socket.socket:
    """The way to the process that has the program loaded; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())], cwd=REPOSITORY, pass_fds=[theirs.fileno()]
        )

    def end() -> None:
        ours.close()
        process.wait(30)

    atexit.register(end)
    return ours


def _is_readable(descriptor: int, timeout: float | None) -> bool:
    return bool(select.select([descriptor], [], [], timeout)[0])


# -- in the process that has the programs loaded ----------------------------------------------------------------------


def _wait_for_job(asked: socket.socket) -> dict[str, Any] | None:
    """A job, in the process that has to do it; None at the end, in the process that waits."""
    while True:
        message, files, _, _ = socket.recv_fds(asked, _LARGEST, 4)
        if not message:
            return None
        if os.fork() == 0:
            asked.close()
            return _begin(json.loads(message), *files)
        for file in files:
            os.close(file)


def _begin(job: dict[str, Any], stdin: int, stdout: int, stderr: int, status: int) -> dict[str, Any]:
    """Fork once more: one process tells how the other one ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.fork()
    if program != 0:
        for file in (stdin, stdout, stderr):
            os.close(file)
        with os.fdopen(status, "w") as told:
            told.write(f"{program}\n")
            told.flush()
            _, ended = os.waitpid(program, 0)
            told.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        os._exit(0)
    os.close(status)
    for place, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file, place)
        os.close(file)
    return job


def _carry_out(job: dict[str, Any]) -> None:
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (open(place, "w", encoding="utf-8", closefd=False) for place in (1, 2))  # noqa: SIM115
    sys.path[0] = str(REPOSITORY)
    random.seed()
    first, *rest = job["words"]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        program = str(REPOSITORY / first)
        sys.argv = [program, *rest]
        runpy.run_path(program, run_name="__main__")


def _main() -> None:
    from bot.cli.main import make_app
    from paper_exchange import __main__ as exchange
    from tests.fakes import migrations

    make_app()
    assert exchange
    with migrations.remembered():
        migrations.remember()
        gc.collect()
        gc.freeze()
        # Nobody waits for those that wait for a program.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        with socket.socket(fileno=int(sys.argv[1])) as asked:
            job = _wait_for_job(asked)
        if job is not None:
            # From here on the process is the program, and ends as one does.
            _carry_out(job)


if __name__ == "__main__":
    _main()
