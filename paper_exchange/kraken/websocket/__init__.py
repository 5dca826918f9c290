"""Kraken's private WebSocket v2."""
