"""One Kraken key: krakenex with its nonces, time-outs, exact numbers and errors put right."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import krakenex

from bot.brokers.exact import EXACT_NUMBERS
from bot.brokers.kraken.errors import NonceRefused, translate, worst_of
from bot.brokers.kraken.limits import READ_METHODS, TIERS, TierName, cost_of
from bot.brokers.limiter import DecayingCounter
from bot.brokers.prepared import Prepared
from bot.brokers.transport import (
    FORM_TYPE,
    CurlResponse,
    CurlSession,
    HttpSession,
    PendingAnswer,
    SessionKind,
    encode_form,
    make_session,
)
from bot.domain.errors import NijaError, RateLimited, SettingsError, VenueUnclear, VenueUnreachable
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

_log = logging.getLogger("nija.kraken")

_T = TypeVar("_T")

#: Calls and share of the decay that are left unused of what the venue allows.
_ROOM, _PACE = 1, 0.95

_KRAKEN_ITSELF = "https://api.kraken.com"

#: What a request may carry. Anything else is signed in one form and sent in another (None, lists) or means something
#: else to the venue (True, 1e-05).
Params = Mapping[str, str | int]


class UnsignableParameter(VenueUnreachable, TypeError):
    """A request that would arrive with a wrong signature, or saying something else, was not sent."""


class NonceSource(Protocol):
    """What a client needs of a :class:`bot.brokers.kraken.nonce.NonceStore`."""

    def next_nonce(self) -> int:
        """A nonce above every one before it."""

    def reserve_ahead(self) -> None:
        """Do now what would slow down a later nonce."""

    def close(self) -> None:
        """Write what must survive, and let go."""


class KrakenClient:
    """Asks Kraken in the name of one key, or of nobody when there is none; safe to share between threads.

    From making a nonce to having the answer a private call holds a lock: nonces arrive in the order they are made.

    Args:
        api_key: empty for public calls only.
        api_secret: base64, as Kraken shows it.
        nonce_store: the key's own, closed together with the client; None for public calls only.
        account: names the account in errors.
        url: where the API is; the paper exchange's, for instance.
        session: ``curl``, or ``requests`` for proxies and tests.
        connect_timeout_s: for a new connection.
        read_timeout_s: for a whole call.
        tier: the account's verification level, for the counter of private calls.
        clock: where time comes from.

    Raises:
        SettingsError: the secret cannot be one, or the tier is not known.
    """

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        nonce_store: NonceSource | None,
        *,
        account: str = "",
        url: str = _KRAKEN_ITSELF,
        session: SessionKind = "curl",
        connect_timeout_s: float = 3.05,
        read_timeout_s: float = 10.0,
        tier: TierName = "Starter",
        clock: Clock | None = None,
    ) -> None:
        self.account = account
        #: Answers that refused a nonce of this key, those included that were made good by sending again.
        self.nonce_errors = 0
        self._clock = clock or SystemClock()
        # Not a reentrant one: an order's is taken where it is sent and let go where its answer is read.
        self._lock = threading.Lock()
        self._nonce_store = nonce_store
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._counter = _counter_of(tier, self._clock)
        http = make_session(session, connect_timeout_s=connect_timeout_s, total_timeout_s=read_timeout_s)
        key, secret = api_key.strip(), _checked_secret(api_secret.strip(), account)
        self._api = _Api(key, secret, nonce_store, url.rstrip("/"), http)

    def __repr__(self) -> str:
        return f"KrakenClient({self.account or 'public'!r})"

    @property
    def is_kraken_itself(self) -> bool:
        """Whether it asks the venue's own servers, not somebody's in its place."""
        return bool(self._api.uri == _KRAKEN_ITSELF)

    def query_public(self, method: str, params: Params | None = None) -> Any:
        """The ``result`` of a public call.

        Raises:
            VenueError: by what is known of the call.
        """
        fields = _checked(method, params)
        with self._lock:
            return self._ask(lambda: self._api.query_public(method, fields, timeout=self._timeouts), method)

    def query_private(
        self,
        method: str,
        params: Params | None = None,
        *,
        timeout_s: float | None = None,
        stop: threading.Event | None = None,
    ) -> Any:
        """The ``result`` of a private call.

        Waits first until the call fits the counter of private calls; orders do not count there. A read whose nonce
        was refused is sent once more; an order never is.

        Args:
            timeout_s: for this call, instead of the client's ``read_timeout_s``.
            stop: ends the wait for the counter.

        Raises:
            SettingsError: the client has no key.
            UnsignableParameter: a value is neither str nor int.
            NonceRefused: the key's nonce was not above the highest one the venue has seen.
            VenueError: by what is known of the call.
        """
        fields = self._private_fields(method, params)
        try:
            return self._query_private_once(method, fields, timeout_s, stop)
        except NonceRefused:
            if method not in READ_METHODS:
                raise
            return self._query_private_once(method, fields, timeout_s, stop)

    def prepare_private(self, method: str, params: Params | None = None) -> Prepared:
        """Sign a private call and send nothing, for the methods that the counter leaves out: orders.

        Until the call has its result, or is discarded, every other call of this client waits.

        Raises:
            SettingsError: the client has no key.
            UnsignableParameter: a value is neither str nor int.
            VenueUnreachable: nothing could be prepared.
        """
        fields = self._private_fields(method, params)
        if not isinstance(self._api.session, CurlSession):
            return Prepared.whole(lambda: self._query_private_once(method, fields, None, None))
        self._lock.acquire()
        try:
            pending = self._ask_raw(lambda: self._api.prepare(method, {"nonce": 0, **fields}, self._timeouts))
        except BaseException:
            self._lock.release()
            raise
        return Prepared(pending.send, lambda: self._result_of_prepared(pending, method), lambda: self._drop(pending))

    def _result_of_prepared(self, pending: PendingAnswer, method: str) -> Any:
        try:
            return self._ask(lambda: self._api.read(pending.finish()), method)
        finally:
            self._lock.release()

    def _drop(self, pending: PendingAnswer) -> None:
        pending.discard()
        self._lock.release()

    def warm(self) -> None:
        """Open the connection with a private call that needs no permission, so that the first order need not.

        Raises:
            VenueError: it could not be made.
        """
        self.query_private("GetApiKeyInfo")

    def read_delay(self, *methods: str) -> float:
        """Seconds until private calls fit the counter one right after the other; zero for now."""
        return self._counter.delay(sum(cost_of(method) for method in methods or ("BalanceEx",)))

    def reserve_nonces(self) -> None:
        """Housekeeping: what would slow down a later nonce is done now.

        Raises:
            VenueUnreachable: the nonce file could not be written; soon nothing can be sent any more.
        """
        if self._nonce_store is not None:
            try:
                self._nonce_store.reserve_ahead()
            except SettingsError as error:
                raise VenueUnreachable(str(error)) from error

    def close(self) -> None:
        """Close the connection and the nonce store."""
        with self._lock:
            self._api.close()
            if self._nonce_store is not None:
                self._nonce_store.close()

    def _private_fields(self, method: str, params: Params | None) -> dict[str, str | int]:
        if self._nonce_store is None or not self._api.key or not self._api.secret:
            raise SettingsError(f"{self.account or 'this account'}: there is no Kraken API key; set key and secret")
        return _checked(method, params)

    def _query_private_once(
        self, method: str, fields: dict[str, str | int], timeout_s: float | None, stop: threading.Event | None
    ) -> Any:
        cost = cost_of(method)
        if cost and not self._counter.acquire(cost, stop):
            raise VenueUnreachable(f"stopped before {method} was sent")
        timeouts = (self._timeouts[0], timeout_s or self._timeouts[1])
        # The nonce's place goes first; krakenex writes the nonce there once the lock is held.
        with self._lock:
            try:
                return self._ask(
                    lambda: self._api.query_private(method, {"nonce": 0, **fields}, timeout=timeouts), method
                )
            except RateLimited:
                if cost:
                    self._counter.exhaust()
                raise

    def _ask(self, call: Callable[[], Any], method: str) -> Any:
        try:
            return self._result_of(self._ask_raw(call), method)
        except NonceRefused:
            self.nonce_errors += 1
            raise

    def _ask_raw(self, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except NijaError:
            raise
        except Exception as error:
            # Whatever else the SDK raises, it may have sent before.
            raise translate(error) from error

    def _result_of(self, answer: Any, method: str) -> Any:
        if not isinstance(answer, dict) or not isinstance(answer.get("error"), list):
            raise VenueUnclear(f"the answer to {method} has no list of errors")
        lines = [str(line) for line in answer["error"]]
        errors = [line for line in lines if not line.startswith("W")]
        if errors:
            raise worst_of(errors, self._clock.time)
        for line in lines:
            _log.warning("%s: Kraken warns at %s: %s", self.account or "public", method, line)
        if answer.get("result") is None:
            raise VenueUnclear(f"the answer to {method} has neither result nor error")
        return answer["result"]


class _Api(krakenex.API):  # type: ignore[misc]
    session: Any

    def __init__(self, key: str, secret: str, nonces: NonceSource | None, url: str, session: HttpSession) -> None:
        super().__init__(key, secret)
        session.headers["User-Agent"] = self.session.headers["User-Agent"]
        self.session.close()
        self.session = session
        self.uri = url
        self._nonces = nonces
        self._mac = hmac.new(base64.b64decode(secret), digestmod=hashlib.sha512)
        self._deferred = False
        self._signed_form: tuple[dict[str, Any], str] | None = None
        self.json_options(**EXACT_NUMBERS)

    def _nonce(self) -> int:
        if self._nonces is None:
            raise VenueUnreachable("there is no nonce store")
        try:
            return self._nonces.next_nonce()
        except SettingsError as error:
            raise VenueUnreachable(str(error)) from error

    def _sign(self, data: dict[str, Any], urlpath: str) -> str:
        # krakenex's own rule, with the form encoded once instead of twice and the secret decoded once for all: half of
        # an order's time went there.
        form = encode_form(data)
        self._signed_form = (data, form)
        mac = self._mac.copy()
        mac.update(urlpath.encode() + hashlib.sha256(f"{data['nonce']}{form}".encode()).digest())
        return base64.b64encode(mac.digest()).decode()

    def prepare(self, method: str, fields: dict[str, Any], timeouts: tuple[float, float]) -> PendingAnswer:
        self._deferred = True
        try:
            pending: PendingAnswer = self.query_private(method, fields, timeout=timeouts)
            return pending
        finally:
            self._deferred = False

    def read(self, response: CurlResponse) -> Any:
        # What krakenex does once it has an answer.
        self.response = response
        if response.status_code not in (200, 201, 202):
            response.raise_for_status()
        return response.json(**self._json_options)

    def _query(self, urlpath: str, data: Any, headers: dict[str, str] | None = None, timeout: Any = None) -> Any:
        signed, self._signed_form = self._signed_form, None
        if signed is not None and signed[0] is data:
            data, headers = signed[1], {**(headers or {}), "Content-Type": FORM_TYPE}
        if self._deferred and isinstance(self.session, CurlSession):
            return self.session.prepare("POST", self.uri + urlpath, data=data, headers=headers, timeout=timeout)
        return super()._query(urlpath, data, headers, timeout)


def _counter_of(tier: TierName, clock: Clock) -> DecayingCounter:
    if tier not in TIERS:
        raise SettingsError(f"unknown Kraken tier {tier!r}; it is one of {', '.join(TIERS)}")
    # Not up to the edge: calls that were spaced here arrive closer together than they left.
    return DecayingCounter(TIERS[tier].rest_maximum - _ROOM, TIERS[tier].rest_decay_per_s * _PACE, clock)


def _checked_secret(secret: str, account: str) -> str:
    try:
        base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        owner = f"{account}: " if account else ""
        # From None: the cause would show a part of the secret.
        raise SettingsError(
            f"{owner}the KRAKEN API secret is not valid base64; copy it again from Kraken's key settings, whole"
        ) from None
    return secret


def _checked(method: str, params: Params | None) -> dict[str, str | int]:
    fields: dict[str, str | int] = dict(params or {})
    for name, value in fields.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise UnsignableParameter(
                f"invalid {name} for {method}: {type(value).__name__} would be signed wrong, give str or int"
            )
    if "nonce" in fields:
        raise UnsignableParameter(f"invalid nonce for {method}: the client makes it")
    return fields
