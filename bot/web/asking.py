"""What the page may ask of the bot: commands with their confirmations, checked before they are written down."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Header, HTTPException, Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.errors import RequestKeyTaken
from bot.web.answers import CommandAnswer, CommandQueued
from bot.web.parts import PageParts
from bot.web.problems import NotFound, problems

#: Who asks, as rows and the audit log name it.
_BY = "page"
_HIGHEST_NUMBER = 2**63 - 1


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


def _above_zero(number: str) -> str:
    if not Decimal(number):
        raise ValueError("must be above zero")
    return number


Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_printable)]
UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9.]{1,20}-[A-Z0-9.]{1,20}$")]
Quantity = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,18})?$", max_length=34), AfterValidator(_above_zero)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KillPayload(_Strict):
    """Why trading stops."""

    reason: Reason = "stopped from the page"


class ResumePayload(_Strict):
    """Nothing is to be said."""


class UserPayload(_Strict):
    """Whose account."""

    user_id: UserId
    venue: BrokerType


class PausePayload(UserPayload):
    """Whose account, and why it gets no entries."""

    reason: Reason = "paused from the page"


class ObservePayload(_Strict):
    """Whether signals are only watched, and why."""

    on: Annotated[bool, Field(strict=True)]
    reason: Reason = "set from the page"


class TradePayload(_Strict):
    """A master's market order; the quantity in the unit that ``size_type`` names."""

    venue: BrokerType
    symbol: Symbol
    side: Side
    quantity: Quantity
    size_type: SizeType = SizeType.QUOTE


def _given(confirm: object) -> object:
    # A 1 would be taken for it.
    if confirm is not True:
        raise ValueError("must be true")
    return confirm


class _Confirmed(_Strict):
    confirm: Annotated[Literal[True], BeforeValidator(_given)]


class Kill(_Confirmed):
    """Stop all trading."""

    kind: Literal["kill"]
    payload: KillPayload = KillPayload()


class Resume(_Confirmed):
    """Lift the kill switch."""

    kind: Literal["resume"]
    payload: ResumePayload = ResumePayload()


class PauseUser(_Confirmed):
    """Give a user no entries."""

    kind: Literal["pause_user"]
    payload: PausePayload


class UnpauseUser(_Confirmed):
    """Give a user entries again."""

    kind: Literal["unpause_user"]
    payload: UserPayload


class Observe(_Confirmed):
    """Only watch, or copy again."""

    kind: Literal["observe"]
    payload: ObservePayload


class Trade(_Confirmed):
    """Place a master's order; ``confirm_text`` repeats it: ``BUY BTC-USD``."""

    kind: Literal["trade"]
    payload: TradePayload
    confirm_text: str

    @model_validator(mode="after")
    def _repeated(self) -> Self:
        wanted = f"{self.payload.side.value.upper()} {self.payload.symbol}"
        if self.confirm_text != wanted:
            raise ValueError(f"confirm_text must be {wanted!r}")
        return self


class ResumeUser(_Confirmed):
    """Connect an account again that was paused by itself or by its venue."""

    kind: Literal["resume_user"]
    payload: UserPayload


CommandRequest = Annotated[
    Kill | Resume | PauseUser | UnpauseUser | Observe | Trade | ResumeUser, Field(discriminator="kind")
]

_KEY_HEADER = "Idempotency-Key"
RequestKey = Annotated[
    str | None,
    Header(
        alias=_KEY_HEADER,
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Names this request, 1 to 64 of A-Z a-z 0-9 . _ -, chosen anew for each new command. Who got no "
        "answer asks again with the same key and body: it stays one command, and its id is answered. The same key "
        "with another body is refused. Without a key every request is a command of its own.",
    ),
]


def asking_routes(parts: PageParts) -> APIRouter:
    """Write a command down; look at what became of it."""
    routes = APIRouter(prefix="/api/commands", tags=["commands"])

    @routes.post("", status_code=202, responses=problems(400, 401, 403, 408, 413, 422, 503))
    def post_command(request: CommandRequest, idempotency_key: RequestKey = None) -> CommandQueued:
        """Write a command down; the bot carries it out within a second."""
        payload = request.payload.model_dump(mode="json") | {"by": _BY}
        try:
            return CommandQueued(id=str(parts.post_command(request.kind, payload, idempotency_key)))
        except RequestKeyTaken as error:
            raise HTTPException(422, f"{_KEY_HEADER}: {error}") from error

    @routes.get("/{number}", responses=problems(400, 401, 404, 422, 503))
    def get_command(number: Annotated[int, Path(ge=1, le=_HIGHEST_NUMBER)]) -> CommandAnswer:
        """What became of a command."""
        try:
            command = parts.views.command(number)
        except LookupError as error:
            raise NotFound(str(error)) from error
        return CommandAnswer(
            id=str(command.id), **{name: getattr(command, name) for name in CommandAnswer.model_fields if name != "id"}
        )

    return routes
