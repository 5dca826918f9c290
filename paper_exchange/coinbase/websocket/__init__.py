"""Coinbase's WebSocket of a user."""
