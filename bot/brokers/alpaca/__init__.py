"""Alpaca: client, errors, fees, parsing, market data and the broker over them."""
