"""Kraken's Spot REST protocol in front of the core."""
