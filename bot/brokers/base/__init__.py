"""The broker of one account: what is the same at every venue.

``place_market_order`` is a template that runs in the account's lane: gate, quantise, journal, venue call, classify,
journal, emit (masters), confirm the fill. A venue fills in the steps of :class:`bot.brokers.base.venue.VenueSteps`.
"""

from bot.brokers.base.broker import BaseBroker
from bot.brokers.base.parts import BrokerOptions, BrokerPorts

__all__ = ["BaseBroker", "BrokerOptions", "BrokerPorts"]
