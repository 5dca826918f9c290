"""A page on a ledger in a file; stopped when the test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.ledger.entry import url_of
from bot.ledger.journal import Ledger
from bot.runtime.clock import SystemClock
from tests.integration.ledger.conftest import postgresql, server  # noqa: F401
from tests.integration.web.stand import Client, Stand

MakeStand = Callable[..., Stand]


@pytest.fixture
def make_stand(tmp_path: Path) -> Iterator[MakeStand]:
    stands: list[Stand] = []
    with Ledger(url_of(tmp_path / "ledger.sqlite3"), SystemClock()) as ledger:

        def make(**more: Any) -> Stand:
            stand = Stand(ledger, tmp_path, **more)
            stands.append(stand)
            return stand

        yield make
        for stand in stands:
            assert stand.stop()


@pytest.fixture
def stand(make_stand: MakeStand) -> Stand:
    """A running page."""
    return make_stand().start()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A running page for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("shared")
    with Ledger(url_of(folder / "ledger.sqlite3"), SystemClock()) as ledger:
        stand = Stand(ledger, folder).start()
        yield stand
        assert stand.stop()


@pytest.fixture(scope="module")
def shared_client(shared: Stand) -> Client:
    """Somebody who is logged in there, and stays so."""
    return shared.logged_in()


@pytest.fixture
def client(stand: Stand) -> Client:
    """Somebody who is logged in."""
    return stand.logged_in()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate, private = folder / "page.pem", folder / "page.key"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
