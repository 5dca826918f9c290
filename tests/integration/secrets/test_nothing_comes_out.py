"""A whole paper system with faults, tracebacks, commands, exports and notifications: no secret is in anything of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from bot.domain.enums import BrokerType
from tests.e2e.house import Ended, House
from tests.integration.secrets.canaries import Canaries
from tests.paper_exchange.client import REPOSITORY, Paper, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]

#: Files that hold secrets by design.
_HOLD_SECRETS = {".env", "vault.json", "vault.key"}
PASSPHRASE = "canary-passphrase-7fQ2/x+9 and more"
METRICS = "canary-metrics-token-Zm9v+YmFy/MTIz"
DATABASE = "canary-database-pa55/w0rd+x="
NOTIFY = "canary-notify-token-9a8b7c6d5e"


class Mailbox:
    """Takes notifications; keeps their bodies, and not the address, which is the secret itself."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                box.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/{NOTIFY}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    yield box
    box.close()


class Stage:
    """A house, everything that its commands said, and the search through all of it."""

    def __init__(self, house: House, values: dict[str, str]) -> None:
        self.house = house
        keys = {n: v for n, v in house.environment().items() if n.endswith(("_API_KEY", "_API_SECRET"))}
        assert len(keys) == 2 * len(house.logins)
        self._canaries = Canaries(keys | values)
        self._said: list[tuple[str, bytes]] = []

    def run(self, *arguments: str) -> Ended:
        ended = self.house.run(*arguments)
        self.keep(" ".join(arguments), ended)
        return ended

    def keep(self, place: str, ended: Ended) -> None:
        self._said += [(f"{place}: stdout", ended.out.encode()), (f"{place}: stderr", ended.err.encode())]

    def keep_text(self, place: str, text: bytes) -> None:
        self._said.append((place, text))

    def said(self, word: str) -> bool:
        """Whether this was said anywhere; a test that made no trouble finds no leak."""
        return any(word.encode() in text for _, text in self._said)

    def leaks(self) -> list[str]:
        """Every place that has a secret: what commands said, and each file below the house's folder."""
        return self._canaries.found_in([*self._said, *self._files()])

    def _files(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self.house.folder.rglob("*")):
            if path.is_file() and path.name not in _HOLD_SECRETS:
                yield str(path.relative_to(self.house.folder)), path.read_bytes()


@pytest.fixture
def house(paper: Paper, tmp_path: Path) -> Iterator[House]:
    made = House(
        paper,
        tmp_path,
        users={"anna": "1000", "bert": "800", "carl": "700"},
        venues={"bert": BrokerType.COINBASE, "carl": BrokerType.ALPACA},
        variables={"LOG_LEVEL": "DEBUG", "METRICS_TOKEN": METRICS, "WEB_PORT": "0", "READ_TIMEOUT_S": "2"},
    )
    yield made
    paper.delete("/faults")
    made.close()


LOOKS = ("status", "users", "signals", "copies", "ledger check", "audit show -n 500", "audit verify", "resync anna")


def test_a_day_with_every_trouble_tells_no_secret(house: House, mailbox: Mailbox) -> None:
    log_file = house.folder / "logs" / "bot.log"
    log_file.parent.mkdir()
    house.variables |= {"LOG_FORMAT": "json", "LOG_FILE": str(log_file), "NOTIFY_URLS": mailbox.url}
    # What is in doubt is known soon.
    house.variables |= {"ORDER_DEADLINE_S": "2", "ORDER_SETTLE_S": "1"}
    stage = Stage(house, {"METRICS_TOKEN": METRICS, "NOTIFY_URLS": NOTIFY})
    with house.bot() as bot:
        stage.run("trade", "buy", "BTC-USD", "--usd", "100")
        for kind in ("reset", "html", "truncated", "http_500", "error", "permission_revoked", "invalid_nonce"):
            house.paper.fault(kind, account="*anna", times=2)
            stage.run("trade", "buy", "BTC-USD", "--usd", "50")
            house.paper.delete("/faults")
        for command in LOOKS:
            stage.run(*command.split(), "--json")
            stage.run(*command.split())
        stage.run("kill", "canaries are planted")
        stage.run("trade", "buy", "BTC-USD", "--usd", "50")
        stage.run("resume")
        stage.run("users", "resume", "anna")
        stage.run("ledger", "backup")
        stage.run("ledger", "export", "--csv")
        ended = bot.stop()
    stage.keep("run", ended)
    for number, body in enumerate(mailbox.bodies):
        stage.keep_text(f"notification {number}", body)

    assert stage.said("anna:kraken")
    assert any((house.data / "exports").rglob("*.csv"))
    assert stage.leaks() == []


def test_programs_that_die_tell_no_secret(house: House) -> None:
    stage = Stage(house, {"METRICS_TOKEN": METRICS})
    house.variables["NIJA_CRASH_AT"] = "order answered:1"
    stage.run("trade", "buy", "BTC-USD", "--usd", "100")
    house.variables["NIJA_CRASH_AT"] = None
    house.paper.fault("permission_revoked", times=None)
    stage.run("trade", "buy", "BTC-USD", "--usd", "100")
    house.paper.delete("/faults")
    house.variables["KRAKEN_API_URL"] = "http://127.0.0.1:9"
    stage.run("trade", "buy", "BTC-USD", "--usd", "100")
    house.variables.pop("KRAKEN_API_URL")
    secret = house.logins["anna"].secret
    house.variables["KRAKEN_USER_ANNA_API_SECRET"] = secret[:-3] + "%%%"
    stage.run("users")
    stage.run("trade", "buy", "BTC-USD", "--usd", "100")
    house.variables["COINBASE_USER_BERT_API_SECRET"] = house.logins["bert"].secret[:60]
    stage.run("trade", "buy", "BTC-USD", "--usd", "100")

    assert stage.said("crash point")
    assert stage.leaks() == []


@pytest.mark.parametrize("command", ["run", "status", "kill", "ledger backup", "ledger export --csv", "ledger check"])
def test_a_ledgers_password_is_in_no_answer(house: House, command: str) -> None:
    house.variables["LEDGER_URL"] = f"postgresql+psycopg://nija:{quote(DATABASE, safe='')}@127.0.0.1:9/nija"
    stage = Stage(house, {"LEDGER_URL": DATABASE})
    ended = stage.run(*command.split())
    assert ended.code != 0
    assert stage.leaks() == []


_TRACEBACK = """
import logging, sys, threading
from bot.cli.common import settings_with_log
settings, log = settings_with_log()
class Broken(Exception): ...
def call(key, secret):
    raise Broken({"API-Key": key, "API-Sign": "c2ln", "url": f"https://x/?secret={secret}", "b": secret.encode()})
def fail():
    for account in settings.accounts:
        key, secret = (getattr(account.credentials, n).get_secret_value() for n in ("api_key", "api_secret"))
        try:
            call(key, secret)
        except Broken:
            logging.getLogger("nija").exception("failed with %s and %r", key, {"secret": secret})
thread = threading.Thread(target=fail)
thread.start()
thread.join()
log.close()
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_errors_that_carry_every_key_are_masked(house: House, log_format: str) -> None:
    house.variables["LOG_FORMAT"] = log_format
    stage = Stage(house, {})
    done = subprocess.run(
        [sys.executable, "-c", _TRACEBACK],
        cwd=house.folder,
        env={**house.environment(), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    stage.keep("script", Ended(done.returncode, done.stdout, done.stderr))
    assert done.returncode == 0, done.stderr
    assert stage.said("failed with")
    assert stage.said("[redacted]")
    assert stage.leaks() == []


def test_the_search_sees_what_is_planted(house: House) -> None:
    """Else the tests above would pass for ever."""
    stage = Stage(house, {"METRICS_TOKEN": METRICS})
    (house.folder / "data" / "deep").mkdir(parents=True)
    (house.folder / "data" / "deep" / "dump").write_bytes(b"\x00\x01" + house.logins["bert"].secret.encode() + b"\xff")
    stage.keep("a page", Ended(0, f"<p>{METRICS}</p>", ""))
    assert sorted(stage.leaks()) == [
        "a page: stdout: METRICS_TOKEN",
        "data/deep/dump: COINBASE_USER_BERT_API_SECRET",
    ]


def test_notifications_reach_the_mailbox_of_this_test(mailbox: Mailbox) -> None:
    import apprise

    assert apprise.Apprise(mailbox.url).notify(body="hello")
    eventually(lambda: mailbox.bodies, 30)
    assert b"hello" in mailbox.bodies[0]
