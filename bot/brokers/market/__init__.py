"""What a venue lists and what it costs, known once for all accounts of the process.

A venue's market takes :class:`Market` and what fits of :class:`PublicListing` (the listing needs no key) and
:class:`BatchQuotes` (one question has many prices), and fills in the questions.
"""

from bot.brokers.market.batch import BatchQuotes
from bot.brokers.market.market import Chore, Listed, Listing, Market, Quote
from bot.brokers.market.public import PublicListing

__all__ = ["BatchQuotes", "Chore", "Listed", "Listing", "Market", "PublicListing", "Quote"]
