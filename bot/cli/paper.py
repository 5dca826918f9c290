"""The local exchange as another process, and its control API. Nothing of it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.domain.enums import BrokerType
from bot.domain.errors import NijaError

#: The project's folder, where ``python -m paper_exchange`` finds its package.
PROJECT = Path(__file__).resolve().parents[2]
_CONTROL_TIMEOUT_S = 30.0
#: What an account for measuring is opened with, where a venue has it.
OWN_OPTIONS: Mapping[BrokerType, Mapping[str, Any]] = {BrokerType.KRAKEN: {"tier": "Pro"}}


class PaperExchange:
    """A paper exchange for as long as the context lasts.

    Args:
        arguments: further ones for ``python -m paper_exchange``.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        #: Where each venue is.
        self.urls: dict[BrokerType, str] = {}
        #: Where the private sockets of each are.
        self.socket_urls: dict[BrokerType, str] = {}
        self.control_url = ""

    def __enter__(self) -> PaperExchange:
        command = [sys.executable, "-m", "paper_exchange", "--port", "0", "--coinbase-port", "0", "--alpaca-port", "0"]
        command += ["--control-port", "0", "--parent-pid", str(os.getpid()), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NijaError(f"the paper exchange did not start (exit code {self._process.wait()}); its error is above")
        ready = json.loads(line)
        self.urls = {venue: ready[f"{venue}_url"] for venue in BrokerType if f"{venue}_url" in ready}
        self.socket_urls = {venue: ready[f"{venue}_ws_url"] for venue in BrokerType if f"{venue}_ws_url" in ready}
        self.control_url = ready["control_url"]
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the control API.

        Raises:
            NijaError: it was refused, or the exchange is gone.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.control_url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_CONTROL_TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise NijaError(f"the paper exchange refused {method} {path}: {error.read().decode()}") from None
        except urllib.error.URLError as error:
            raise NijaError(f"the paper exchange does not answer: {error.reason}") from None

    def open_accounts(
        self, balances: Mapping[str, str], venue: BrokerType = BrokerType.KRAKEN, **options: Any
    ) -> list[dict[str, str]]:
        """Accounts with dollars: name to USD; answers name, venue, api_key and api_secret of each."""
        wishes = [
            {"name": name, "venue": venue, "balances": {"USD": dollars}, **options}
            for name, dollars in balances.items()
        ]
        opened: list[dict[str, str]] = self.control("POST", "/accounts", wishes)
        return opened


def write_users(folder: Path, user_ids: Sequence[str], venue: BrokerType = BrokerType.KRAKEN, **fields: Any) -> None:
    """A users file with these users of one venue; ``fields`` are every entry's."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [{"user_id": user_id, **fields} for user_id in user_ids]
    (folder / f"retail_{venue}.json").write_text(json.dumps(entries, indent=2), encoding="utf-8")


def variables_for(
    urls: Mapping[BrokerType, str],
    folder: Path,
    masters: Sequence[Mapping[str, str]],
    users: Sequence[Mapping[str, str]],
) -> dict[str, str]:
    """The environment of a bot that trades these accounts, with data and users below ``folder``.

    Args:
        urls: of the venues; others keep their own.
        masters: accounts as :meth:`PaperExchange.open_accounts` answers them, one a venue.
        users: likewise.
    """
    variables = {
        **{f"{venue.upper()}_API_URL": url for venue, url in urls.items()},
        "NIJA_DATA_DIR": str(folder / "data"),
        "NIJA_USERS_DIR": str(folder / "users"),
        "KRAKEN_TIER": "Pro",
        # Only what is asked for trades here.
        "STRATEGY": "off",
        "WATCH_MASTER": "false",
        "WEB_PORT": "0",
    }
    for master in masters:
        # Kraken's master has an older name too; this one wins over it.
        name = "KRAKEN_MASTER" if master["venue"] == BrokerType.KRAKEN else master["venue"].upper()
        variables |= _keys(name, master)
    for user in users:
        variables |= _keys(f"{user['venue'].upper()}_USER_{user['name'].upper()}", user)
    return variables


def _keys(name: str, account: Mapping[str, str]) -> dict[str, str]:
    return {f"{name}_API_KEY": account["api_key"], f"{name}_API_SECRET": account["api_secret"]}
