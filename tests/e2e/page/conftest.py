"""A running paper bot with its page, and Chromium in front of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.house import House
from tests.e2e.page.visitor import DESKTOP, PATIENCE_S, PHONE, USERS, PageHouse, Visitor, chromium
from tests.paper_exchange.client import Paper, eventually


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; skips where there is none, but not in CI. Ends with its file: its loop is in the way of others."""
    try:
        where = chromium()
    except LookupError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        browser = _launched(playwright, where)
        yield browser
        browser.close()


def _launched(playwright: Playwright, where: str) -> Browser:
    # Containers give Chromium neither a sandbox of its own nor much shared memory.
    return playwright.chromium.launch(executable_path=where, args=["--no-sandbox", "--disable-dev-shm-usage"])


@pytest.fixture(scope="module")
def _running(_exchange: Paper, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHouse]:
    with _opened(_exchange, tmp_path_factory.mktemp("page"), USERS) as opened:
        yield opened


@pytest.fixture
def page_house(_running: PageHouse, paper: Paper) -> PageHouse:
    """A bot that copies, with anna ($1,000), bert ($500) and carl ($0.30), and its page: one for all tests.

    No switch is set and nobody is paused, whatever a test before left; its signals stay.
    """
    _running.lift_everything()
    return _running


@pytest.fixture
def own_house_visitor(browser: Browser, paper: Paper, tmp_path: Path) -> Iterator[Visitor]:
    """Somebody at the page of a bot that nobody else needs."""
    with _opened(paper, tmp_path, USERS) as opened:
        yield from _visit(browser, opened, DESKTOP)


@pytest.fixture
def empty_house_visitor(browser: Browser, paper: Paper, tmp_path: Path) -> Iterator[Visitor]:
    """Somebody at the page of a bot without users."""
    with _opened(paper, tmp_path, {}) as opened:
        yield from _visit(browser, opened, DESKTOP)


@contextmanager
def _opened(paper: Paper, folder: Path, users: dict[str, str]) -> Iterator[PageHouse]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"WEB_PORT": str(port), "WATCH_MASTER": "true", "KRAKEN_WS_URL": paper.socket_urls["kraken"]}
    house = House(paper, folder, users=dict(users), variables=dict(settings))
    try:
        with house.bot() as running:
            url = f"http://127.0.0.1:{port}"
            running.wait_until_said("trades by hand are watched")
            eventually(lambda: _answers(url), PATIENCE_S)
            password = (house.data / "web-first-password").read_text(encoding="utf-8").strip()
            yield PageHouse(house, running, url, password)
    finally:
        house.close()


def _answers(url: str) -> bool:
    session = requests.Session()
    session.trust_env = False
    try:
        return session.get(f"{url}/healthz", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.fixture(params=[pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone")])
def visitor(request: pytest.FixtureRequest, browser: Browser, page_house: PageHouse) -> Iterator[Visitor]:
    """Somebody at a desk, and somebody with a phone; nothing may go wrong in the browser."""
    yield from _visit(browser, page_house, request.param)


@pytest.fixture
def at_desk(browser: Browser, page_house: PageHouse) -> Iterator[Visitor]:
    """Somebody at a desk."""
    yield from _visit(browser, page_house, DESKTOP)


def _visit(browser: Browser, page_house: PageHouse, screen: dict[str, Any]) -> Iterator[Visitor]:
    context = browser.new_context(**screen, color_scheme="light", reduced_motion="reduce")
    visitor = Visitor(context, page_house)
    yield visitor
    context.close()
    assert visitor.faults == []
