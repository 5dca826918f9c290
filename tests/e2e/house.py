"""The real program in processes of its own, with an environment, users and accounts of its own."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.cli.paper import variables_for, write_users
from bot.domain.enums import BrokerType
from bot.settings.env import Environment
from tests.paper_exchange.client import REPOSITORY, Paper, Trader, eventually
from tests.warm import WarmProcess, start_warm

#: A test that passes never waits for it.
PATIENCE_S = 90.0
_OWN = ("KRAKEN_", "COINBASE_", "ALPACA_", "NIJA_")
_OTHERS = {name.upper() for name in Environment.model_fields}
_houses = itertools.count(1)


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which has to be one JSON document."""
        return json.loads(self.out)

    def refused(self, code: int, *words: str) -> None:
        """It ended with this code and said all of these words in one line, without a traceback."""
        assert self.code == code, self
        self.in_one_line(*words)

    def in_one_line(self, *words: str) -> None:
        """One line of standard error has all of these words; there is no traceback."""
        assert "Traceback" not in self.out + self.err, self
        assert any(all(word in line for word in words) for line in self.err.splitlines()), self


class Running:
    """A command that runs in the background; its output is read all the time."""

    def __init__(self, process: subprocess.Popen[str] | WarmProcess) -> None:
        self.process = process
        self._out, self._err = list[str](), list[str]()
        pipes = ((process.stdout, self._out), (process.stderr, self._err))
        self._readers = [threading.Thread(target=_read, args=pipe, daemon=True) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    def said(self, line: str) -> bool:
        """Whether this was written to standard error."""
        return any(line in one for one in list(self._err))

    def wait_until_said(self, line: str) -> None:
        """Wait for a line; a program that ended before is a failure that shows what it said."""

        def said_or_ended() -> bool:
            return self.said(line) or self.process.poll() is not None

        eventually(said_or_ended, PATIENCE_S)
        assert self.said(line), "".join(self._err)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Ask it to end, and wait."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.ended()

    def ended(self) -> Ended:
        """Wait for its end."""
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return Ended(code, "".join(self._out), "".join(self._err))


def _read(pipe: Any, lines: list[str]) -> None:
    with pipe:
        lines.extend(iter(pipe.readline, ""))


@dataclass
class House:
    """A folder with users and data, accounts at the exchange, and the commands on them.

    Attributes:
        users: user id -> its dollars.
        variables: further environment variables; None takes one away.
        cold: every command is loaded anew, as a person's is.
        venues: who is elsewhere than on Kraken, the master among them; everybody follows the one master.
    """

    paper: Paper
    folder: Path
    users: dict[str, str] = field(default_factory=lambda: {"anna": "1000", "bert": "500"})
    variables: dict[str, str | None] = field(default_factory=dict)
    venues: dict[str, BrokerType] = field(default_factory=dict)
    cold: bool = False
    logins: dict[str, Trader] = field(default_factory=dict)
    _background: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        prefix = f"e2e{next(_houses)}"
        for who, dollars in {"master": "10000", **self.users}.items():
            venue = self.venue_of(who)
            own = {"tier": "Pro"} if venue is BrokerType.KRAKEN else {}
            self.logins[who] = self.paper.open({"USD": dollars}, name=f"{prefix}.{who}", venue=venue, **own)
        lead = self.venue_of("master")
        for venue in {self.venue_of(who) for who in self.users}:
            names = [who for who in self.users if self.venue_of(who) is venue]
            write_users(self.folder / "users", names, venue, **({} if venue is lead else {"follow": lead}))
        if not self.users:
            write_users(self.folder / "users", [], lead)

    def venue_of(self, who: str) -> BrokerType:
        """Where an account is."""
        return self.venues.get(who, BrokerType.KRAKEN)

    # -- settings ------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.data / "ledger.sqlite3"

    def users_file(self, entries: list[dict[str, Any]] | str, name: str = "retail_kraken.json") -> Path:
        """Write a users file: entries, or text as it is."""
        path = self.folder / "users" / name
        path.write_text(entries if isinstance(entries, str) else json.dumps(entries), encoding="utf-8")
        return path

    def environment(self) -> dict[str, str]:
        """As the operator of this house has set it."""
        of_others = {n: v for n, v in os.environ.items() if not n.startswith(_OWN) and n not in _OTHERS}
        keys = {
            who: {"name": who, "venue": self.venue_of(who), "api_key": one.key, "api_secret": one.secret}
            for who, one in self.logins.items()
        }
        urls = {venue: getattr(self.paper, f"{venue}_url") for venue in {*map(self.venue_of, self.logins)}}
        own = variables_for(urls, self.folder, [keys.pop("master")], list(keys.values()))
        changed = of_others | own | self.variables
        return {name: value for name, value in changed.items() if value is not None}

    # -- commands ------------------------------------------------------------------------------------------------

    def run(self, *arguments: str) -> Ended:
        """One command, to its end."""
        return self.begin(*arguments).ended()

    def run_cold(self, *arguments: str) -> Ended:
        """One command, to its end, loaded anew as a person's is."""
        return self.begin_cold(*arguments).ended()

    def begin(self, *arguments: str) -> Running:
        """One command, in the background, from a process that has the program loaded where the house is not cold."""
        return self.begin_cold(*arguments) if self.cold else self.begin_warm(*arguments)

    def begin_warm(self, *arguments: str) -> Running:
        """One command, in the background, from a process that has the program loaded."""
        return self._kept(Running(start_warm(["bot.py", *arguments], self.environment(), self.folder)))

    def begin_cold(self, *arguments: str) -> Running:
        """One command, in the background, loaded anew as a person's is."""
        process = subprocess.Popen(
            [sys.executable, str(REPOSITORY / "bot.py"), *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._kept(Running(process))

    def _kept(self, running: Running) -> Running:
        self._background.append(running)
        return running

    @property
    def ready_line(self) -> str:
        """What the bot says when it can copy."""
        return f"✅ {self.venue_of('master').upper()} COPY TRADING SYSTEM READY"

    @contextmanager
    def bot(self) -> Iterator[Running]:
        """A running bot that copies; ends with the context, if it has not before."""
        running = self.begin("run")
        try:
            running.wait_until_said(self.ready_line)
            yield running
        finally:
            if running.process.poll() is None:
                running.stop()

    def close(self) -> None:
        """End what still runs."""
        for running in self._background:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()

    # -- the truth -----------------------------------------------------------------------------------------------

    def orders(self, who: str) -> list[dict[str, Any]]:
        """The exchange's own books of one account."""
        found: list[dict[str, Any]] = self.logins[who].books()["orders"]
        return found

    def order_counts(self) -> dict[str, int]:
        """Orders at the exchange, of everybody."""
        return {who: len(self.orders(who)) for who in self.logins}

    def nothing_placed(self) -> bool:
        """Nobody has an order."""
        return set(self.order_counts().values()) == {0}

    def held(self, who: str, asset: str = "BTC") -> Decimal:
        """What the exchange's books say that an account has."""
        return Decimal(self.paper.account(self.logins[who])["balances"].get(asset, "0"))

    def secrets(self) -> list[bytes]:
        """Keys and secrets of everybody."""
        return [text.encode() for one in self.logins.values() for text in (one.key, one.secret)]
