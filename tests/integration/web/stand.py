"""A real server on a real ledger, with a live state that a test sets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from bot.domain.enums import AccountType, BrokerType, OrderState
from bot.domain.events import OperatorEvent
from bot.domain.ids import AccountId
from bot.domain.orders import Refused
from bot.ledger.journal import Ledger
from bot.ledger.page_queries import PageQueries
from bot.reporting.events import EventHub
from bot.reporting.live import AccountState, EngineState, SystemState
from bot.settings.env import load_settings
from bot.settings.redaction import Redactor
from bot.web.address import page_address
from bot.web.parts import Limits, PageParts
from bot.web.passwords import PasswordStore
from bot.web.server import WebServer
from tests.unit.ledger.builders import copies_for, copy_of, signal_of, users

PASSWORD = "correct horse battery staple"
TOKEN = "metrics-token-of-tests"
SECRET = "Zm9vYmFyLXNlY3JldC1vZi1hLXVzZXI="
MASTER = AccountId.master(BrokerType.KRAKEN)
PATIENCE_S = 30.0


@dataclass
class MovableClock:
    """The machine's clocks, so many seconds later."""

    ahead_s: float = 0.0

    def time(self) -> float:
        return time.time() + self.ahead_s

    def time_ns(self) -> int:
        return int(self.time() * 1e9)

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() + int(self.ahead_s * 1e9)


def account_state(account: AccountId, **more: Any) -> AccountState:
    master = account.account_type is AccountType.MASTER
    known: dict[str, Any] = {
        "account": account,
        "name": account.name.title(),
        "role": account.account_type,
        "follows": None if master else MASTER,
        "connected": True,
        "paused": False,
        "barred": False,
        "status": "connected",
        "entries_stopped": "",
        "balance": Decimal("1034.55"),
        "equity": Decimal("1500.00"),
        "balances_at": 1_700_000_000.0,
        "waiting_orders": 0,
        "lane_alive": True,
    }
    return AccountState(**known | more)


@dataclass
class FakeLive:
    """Answers what it was given."""

    now: SystemState
    asked: int = 0

    def state(self) -> SystemState:
        self.asked += 1
        return self.now

    def set(self, **more: Any) -> None:
        self.now = replace(self.now, **more)


def entry(number: int, **detail: Any) -> dict[str, Any]:
    """Of the audit log."""
    told = {"at": 1_700_000_000.0, "kind": "login", "who": "page", "what": "somebody logged in"}
    return {"number": number, **told, "detail": detail}


@dataclass
class Stand:
    """Everything that the page is handed, and the page."""

    ledger: Ledger
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    clock: MovableClock = field(default_factory=MovableClock)
    told: list[OperatorEvent] = field(default_factory=list)
    redactor: Redactor = field(default_factory=Redactor)
    audit: Callable[[int, int | None], Any] = lambda limit, before: ([entry(1)], True, None)

    def __post_init__(self) -> None:
        engine = EngineState(alive=True, observing=False, heartbeat_age_s=0.4, waiting=0)
        accounts = (account_state(MASTER), *(account_state(one) for one in users(2)))
        self.live = FakeLive(SystemState(self.clock.time(), engine, None, "", {}, accounts))
        self.events = EventHub(self.clock)
        self.events.listen(self.told.append)
        self.redactor.register(SECRET)
        self.passwords = PasswordStore(self.folder)
        self.page = WebServer(self.parts())

    def parts(self) -> PageParts:
        environment = load_settings(
            {"NIJA_DATA_DIR": str(self.folder), "WEB_PORT": "0", **self.variables}, dotenv=None
        ).environment
        return PageParts(
            address=page_address(environment),
            passwords=self.passwords,
            version="1.2.3",
            strategy="off",
            watch_master=True,
            live=self.live,
            views=self.ledger.views,
            queries=PageQueries.beside(self.ledger.views),
            events=self.events,
            clock=self.clock,
            limits_of=lambda one: None if one == MASTER else Limits(Decimal("0.10"), Decimal(1), None),
            problems=list,
            post_command=self.ledger.post_command,
            audit_page=self.audit,
            render_metrics=lambda: b"nija_copies_total 3\n",
            redact=self.redactor.redact,
            metrics_token=TOKEN,
        )

    def start(self) -> Stand:
        if not (self.folder / "web.json").exists():
            self.passwords.set(PASSWORD)
        self.page.start()
        eventually(lambda: is_up(self.url))
        return self

    def stop(self) -> bool:
        self.page.stop()
        return self.page.join(time.monotonic() + 30)

    @property
    def url(self) -> str:
        return self.page.url.rstrip("/")

    @property
    def host(self) -> str:
        return self.url.partition("//")[2]

    @property
    def origin(self) -> dict[str, str]:
        """What the page itself sends with a request that changes something."""
        return {"Origin": self.url, "X-NIJA": "1"}

    def client(self) -> Client:
        return Client(self)

    def logged_in(self) -> Client:
        client = self.client()
        assert client.login().status_code == 204
        return client

    def some_trades(self) -> str:
        """Two signals with two users each; returns the id of the first."""
        one, other = signal_of("O1"), signal_of("O2", symbol="ETH-USD")
        self.ledger.record_plan(one, copies_for(one, users(2)))
        skipped = copy_of(other, users(1)[0], OrderState.SKIPPED, Refused("too small", f"key {SECRET} is too small"))
        self.ledger.record_plan(other, [skipped])
        assert self.ledger.flush(PATIENCE_S)
        return one.signal_id


class Client(requests.Session):
    """A browser's requests: those that change something say where they come from."""

    def __init__(self, stand: Stand) -> None:
        super().__init__()
        self.stand = stand
        self.trust_env = False

    def request(self, method: Any, url: Any, *arguments: Any, **more: Any) -> requests.Response:
        more.setdefault("timeout", PATIENCE_S)
        more["allow_redirects"] = False
        if method != "GET":
            more["headers"] = {**self.stand.origin, **(more.get("headers") or {})}
        return super().request(method, self.stand.url + url, *arguments, **more)

    def login(self, password: str = PASSWORD, **more: Any) -> requests.Response:
        return self.post("/api/login", json={"password": password}, **more)

    def listen(self) -> Stream:
        return Stream(self.get("/api/events", stream=True))


class Stream:
    """Server-sent events, one by one."""

    def __init__(self, response: requests.Response) -> None:
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/event-stream")
        self.response = response
        self._lines = response.iter_lines(chunk_size=None, decode_unicode=True)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        name = ""
        for line in self._lines:
            if line.startswith("event:"):
                name = line.partition(":")[2].strip()
            elif line.startswith("data:"):
                yield name, json.loads(line.partition(":")[2])

    def next(self, wanted: str) -> Any:
        """The data of the next event of this name."""
        for name, data in self:
            if name == wanted:
                return data
        raise AssertionError(f"the stream ended without {wanted}")


def is_up(url: str) -> bool:
    try:
        requests.get(f"{url}/healthz", timeout=1)
    except requests.exceptions.SSLError:
        # It speaks: that is enough here.
        return True
    except (requests.ConnectionError, requests.Timeout):
        return False
    return True


def eventually(holds: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)
