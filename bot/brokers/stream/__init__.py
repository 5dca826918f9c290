"""Sockets that tell what trades on an account: connected, watched, and connected again; the same for every venue.

A venue brings a :class:`SocketStream` that begins conversations, and a :class:`Conversation` that knows what is said
on one connection. Everything else, above all noticing that a connection is dead, happens here. Whatever goes wrong
ends the connection with an :class:`Interrupted` that says why: the listener hears it and asks the venue, so that
nothing is lost in silence.
"""

from bot.brokers.stream.conversation import Conversation, Message, Say
from bot.brokers.stream.interruptions import Interrupted, TurnedAway
from bot.brokers.stream.numbering import Numbering
from bot.brokers.stream.stream import SocketStream
from bot.brokers.stream.symbols import KnownSymbols
from bot.brokers.stream.timing import StreamTiming

__all__ = [
    "Conversation",
    "Interrupted",
    "KnownSymbols",
    "Message",
    "Numbering",
    "Say",
    "SocketStream",
    "StreamTiming",
    "TurnedAway",
]
