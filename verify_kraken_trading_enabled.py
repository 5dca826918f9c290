"""Is everything there that trading at Kraken needs? ``python verify_kraken_trading_enabled.py [--json]``."""

from bot.cli.verify import kraken_script

if __name__ == "__main__":
    kraken_script()
