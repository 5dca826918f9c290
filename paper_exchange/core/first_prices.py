"""Where prices begin, one table for all venues, so that they quote the same."""

from __future__ import annotations

from decimal import Decimal

FIRST_PRICES = {
    symbol: Decimal(price)
    for symbol, price in (
        ("BTC-USD", "84000"),
        ("BTC-EUR", "72400"),
        ("BTC-USDT", "84020"),
        ("BTC-USDC", "84005"),
        ("ETH-USD", "2700"),
        ("ETH-EUR", "2327"),
        ("ETH-USDT", "2700.6"),
        ("ETH-USDC", "2700.1"),
        ("ETH-BTC", "0.032143"),
        ("SOL-USD", "140"),
        ("SOL-EUR", "120.7"),
        ("SOL-USDT", "140.03"),
        ("SOL-USDC", "140.01"),
        ("DOGE-USD", "0.12"),
        ("DOGE-EUR", "0.1034"),
        ("DOGE-USDT", "0.12003"),
        ("DOGE-USDC", "0.12001"),
        ("XRP-USD", "1.4"),
        ("XRP-EUR", "1.207"),
        ("XRP-USDT", "1.4003"),
        ("XRP-USDC", "1.4001"),
        ("LTC-USD", "75"),
        ("LTC-EUR", "64.66"),
        ("LTC-USDT", "75.018"),
        ("LTC-USDC", "75.01"),
        ("ADA-USD", "0.45"),
        ("ADA-EUR", "0.388"),
        ("ADA-USDT", "0.4501"),
        ("ADA-USDC", "0.45003"),
        ("USDT-USD", "0.99976"),
        ("USDT-EUR", "0.8617"),
        ("USDC-USD", "0.9999"),
        ("USDC-EUR", "0.8619"),
        ("USDC-USDT", "1.0001"),
        ("EUR-USD", "1.16"),
        ("ACA-EUR", "0.02"),
        ("SHIB-USD", "0.00001234"),
    )
}
"""Price in quote of one base, by canonical symbol."""
