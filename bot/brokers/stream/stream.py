"""The thread that keeps one account's socket: connects, listens, notices when it is dead, and begins again."""

from __future__ import annotations

import logging
import traceback
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

from bot.brokers.failures import one_line
from bot.brokers.stream.aside import aside
from bot.brokers.stream.backoff import Backoff
from bot.brokers.stream.conversation import Conversation
from bot.brokers.stream.interruptions import Interrupted, TurnedAway
from bot.brokers.stream.timing import StreamTiming
from bot.brokers.stream.wire import Wire, open_wire
from bot.domain.errors import AccountBarred, NijaError, RateLimited
from bot.domain.ids import AccountId
from bot.domain.ports import Clock, ExecutionListener
from bot.runtime.service import Service

_log = logging.getLogger("nija.stream")


class SocketStream(Service):
    """Implements :class:`bot.domain.ports.ExecutionStream`; a venue says how its conversations begin.

    Args:
        url: ``wss://...``; TLS is always verified.
        listener: told in this thread; what it raises is logged.
        ca_file: PEM file of trusted authorities; certifi's when None.
    """

    def __init__(
        self,
        account: AccountId,
        url: str,
        listener: ExecutionListener,
        clock: Clock,
        timing: StreamTiming | None = None,
        ca_file: str | None = None,
    ) -> None:
        super().__init__(f"socket {account}")
        self.account = account
        self._url = url
        self._listener = listener
        self._clock = clock
        self._timing = timing or StreamTiming()
        self._ca_file = ca_file
        self._backoff = Backoff(self._timing)
        self._opening: Future[tuple[Conversation, Wire]] | None = None
        self._wire: Wire | None = None
        self._listening = False
        self._in_maintenance = False
        self._last_reason = ""

    @property
    def healthy(self) -> bool:
        """Whether it is listening, and heard a sign of life of late."""
        wire = self._wire
        return self._listening and wire is not None and wire.silent_s < self._timing.silence_s

    def stop(self) -> None:
        """Ask to end; returns at once. What is being opened is left alone, what is open is closed."""
        super().stop()
        opening, wire = self._opening, self._wire
        if opening is not None:
            opening.cancel()
        if wire is not None:
            wire.close()

    @abstractmethod
    def _converse(self) -> Conversation:
        """A conversation for a new connection, with whatever token it needs; may take its time.

        Raises:
            NijaError, Interrupted: there can be none now.
        """

    def _run(self) -> None:
        while not self._stop.is_set():
            # Outside of any handler: a fault of the listener would be logged with all that was handled, secrets too.
            interruption = self._use_one_connection()
            if interruption is not None:
                self._interrupted(interruption)

    def _use_one_connection(self) -> Interrupted | None:
        try:
            self._connect_and_listen()
        except Interrupted as interruption:
            return interruption
        except Exception as error:
            return self._unexpected(error)
        return None

    def _connect_and_listen(self) -> None:
        try:
            conversation, wire = self._open()
        except CancelledError:
            return
        self._wire = wire
        try:
            if not self._stop.is_set():
                self._listen(conversation, wire)
        except Interrupted as interruption:
            interruption.change(conversation.masked)
            raise
        finally:
            self._listening, self._wire = False, None
            wire.close()
            if conversation.in_maintenance is not None:
                self._in_maintenance = conversation.in_maintenance

    def _open(self) -> tuple[Conversation, Wire]:
        # In a thread of its own: neither a name's look-up nor a request in the account's lane can be interrupted.
        self._opening = opening = aside(f"{self.name} opening", self._begin_conversation, lambda pair: pair[1].close())
        if self._stop.is_set():
            opening.cancel()
        try:
            return opening.result()
        finally:
            self._opening = None

    def _begin_conversation(self) -> tuple[Conversation, Wire]:
        try:
            conversation = self._converse()
        except RateLimited as error:
            raise Interrupted(f"no token for the socket: {one_line(error)}", error.retry_after_s) from None
        except AccountBarred as error:
            raise TurnedAway(f"no token for the socket: {one_line(error)}") from None
        except NijaError as error:
            raise Interrupted(f"no token for the socket: {one_line(error)}") from None
        return conversation, open_wire(self._url, self._clock, self._timing.open_s, self._ca_file)

    def _listen(self, conversation: Conversation, wire: Wire) -> None:
        timing = self._timing
        began = asked = self._now()
        for message in conversation.hello():
            wire.send(message)
        while not self._stop.is_set():
            now, silent_s = self._now(), wire.silent_s
            if silent_s >= timing.silence_s:
                raise Interrupted(f"silent for {timing.silence_s:g} s")
            if not self._listening and now - began >= timing.acknowledge_s:
                raise Interrupted(f"the subscription was not acknowledged within {timing.acknowledge_s:g} s")
            if self._listening and now - began >= timing.steady_s:
                self._backoff.reset()
            if min(silent_s, now - asked) >= timing.ask_s:
                asked = now
                _ask(conversation, wire)
            waits = [timing.silence_s - silent_s, timing.ask_s - min(silent_s, now - asked)]
            if not self._listening:
                waits.append(timing.acknowledge_s - (now - began))
            self._hear(conversation, wire, min(waits))

    def _hear(self, conversation: Conversation, wire: Wire, within_s: float) -> None:
        message = wire.receive(within_s)
        if message is None:
            return
        try:
            executions = conversation.hear(message, wire.send)
        except Interrupted:
            raise
        except Exception as error:
            # What it told must not be lost in silence: whoever listens asks for it.
            raise Interrupted(f"a message cannot be read: {_described(error)}") from None
        if conversation.listening and not self._listening:
            self._listening = True
            self._last_reason = ""
            _log.info("%s: the socket is listening", self.account)
            self._tell(self._listener.listening)
        if executions:
            self._tell(lambda: self._listener.executed(executions))

    def _interrupted(self, interruption: Interrupted) -> None:
        if self._stop.is_set():
            return
        reason = interruption.reason
        wait_s = max(self._backoff.next_s(turned_away=isinstance(interruption, TurnedAway)), interruption.wait_s)
        if self._in_maintenance:
            wait_s = max(wait_s, self._timing.maintenance_s)
        # A venue that is away for hours is worth one line.
        level = logging.DEBUG if reason == self._last_reason else logging.WARNING
        self._last_reason = reason
        _log.log(level, "%s: the socket was interrupted: %s; next try in %.1f s", self.account, reason, wait_s)
        self._tell(lambda: self._listener.interrupted(reason))
        self._stop.wait(wait_s)

    def _unexpected(self, error: Exception) -> Interrupted:
        # Where, but not what it says: nobody knows what an error's text holds.
        where = "".join(traceback.format_tb(error.__traceback__))
        _log.error("%s: %s\n%s", self.name, type(error).__name__, where)
        return Interrupted(f"an error of the program ({type(error).__name__})")

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            _log.exception("%s: its listener failed", self.name)

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9


def _ask(conversation: Conversation, wire: Wire) -> None:
    if conversation.question is not None:
        wire.send(conversation.question)
    elif conversation.pings:
        wire.ping()


def _described(error: Exception) -> str:
    # Errors of this project name the field; others may hold anything.
    return one_line(error) if isinstance(error, NijaError) else type(error).__name__
