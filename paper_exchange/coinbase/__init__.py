"""Coinbase Advanced Trade's REST protocol in front of the core."""
