"""One small type per id, so that one cannot go where another belongs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import NewType

from bot.domain.enums import AccountType, BrokerType

SignalId = NewType("SignalId", str)
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
TradeId = NewType("TradeId", str)

_MASTER_NAME = "master"
_NAMESPACE = uuid.UUID("7f1d4a52-40a7-5c1b-9a53-1f0f8f9d7c11")
#: What the names begin with that the bot gives to masters' orders: "nija".
_OWN_MARK = b"nija".hex()
#: The version of UUIDs that they have in form.
_RANDOM = 4


@dataclass(frozen=True, slots=True, order=True)
class AccountId:
    """One login at one venue, written ``master:kraken`` or ``daivon_frazier:kraken``."""

    name: str
    venue: BrokerType

    @classmethod
    def master(cls, venue: BrokerType) -> AccountId:
        """The master account of a venue."""
        return cls(_MASTER_NAME, venue)

    @classmethod
    def parse(cls, text: str) -> AccountId:
        """Read the written form.

        Raises:
            ValueError: not ``name:venue`` with a known venue.
        """
        name, separator, venue = text.rpartition(":")
        if not separator or not name:
            raise ValueError(f"invalid account {text!r}, expected name:venue")
        return cls(name, BrokerType(venue))

    @property
    def account_type(self) -> AccountType:
        """MASTER for the reserved name ``master``, else USER."""
        return AccountType.MASTER if self.name == _MASTER_NAME else AccountType.USER

    @property
    def label(self) -> str:
        """``MASTER`` or ``USER:daivon_frazier``, as log lines name accounts."""
        return "MASTER" if self.account_type is AccountType.MASTER else f"USER:{self.name}"

    def __str__(self) -> str:
        return f"{self.name}:{self.venue}"


def signal_id_of(master: AccountId, order: str) -> SignalId:
    """The signal of a master's order: the same order always gives the same signal.

    Args:
        order: the client order id of an order that the bot placed, known before it is sent; else the venue's id.
    """
    return SignalId(str(uuid.uuid5(_NAMESPACE, f"signal/{master}/{order}")))


def client_order_id_of(signal_id: SignalId, account: AccountId, leg: int = 1, attempt: int = 1) -> ClientOrderId:
    """The name of one order, the same after a restart.

    Args:
        signal_id: the signal that the order copies.
        account: who places it.
        leg: counts from 1 where one copy takes several orders.
        attempt: counts from 1; a new one only after the one before is proven absent.
    """
    return ClientOrderId(str(uuid.uuid5(_NAMESPACE, f"order/{signal_id}/{account}/{leg}/{attempt}")))


def new_client_order_id() -> ClientOrderId:
    """A fresh name for an order that copies nothing: a master's own. :func:`is_own_name` knows it again.

    A UUID of version 4 in form, which every venue takes, with 90 random bits.
    """
    return ClientOrderId(str(uuid.UUID(_OWN_MARK + uuid.uuid4().hex[len(_OWN_MARK) :])))


def is_own_name(name: str) -> bool:
    """Whether :func:`new_client_order_id` made it, in capitals or not, with or without hyphens."""
    digits = name.replace("-", "")
    if not digits.lower().startswith(_OWN_MARK):
        return False
    try:
        return uuid.UUID(digits).version == _RANDOM
    except ValueError:
        return False
