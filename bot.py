"""NIJA copy trading: ``python bot.py --help``."""

from bot.cli.missing import packages_named

if __name__ == "__main__":
    with packages_named():
        from bot.cli.main import main

        main()
