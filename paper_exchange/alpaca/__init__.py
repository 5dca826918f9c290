"""Alpaca's trading API for crypto, and its crypto market data, over the core."""
