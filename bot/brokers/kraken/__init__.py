"""Kraken: client, nonces, errors, parsing, market data and the broker over them."""
