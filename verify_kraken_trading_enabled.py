"""Is everything there that trading at Kraken needs? ``python verify_kraken_trading_enabled.py [--json]``."""

from bot.cli.missing import packages_named

if __name__ == "__main__":
    with packages_named():
        from bot.cli.verify import kraken_script

        kraken_script()
