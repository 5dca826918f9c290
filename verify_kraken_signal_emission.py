"""Does a master's order become a signal, and a user's none? ``python verify_kraken_signal_emission.py``."""

from bot.cli.missing import packages_named

if __name__ == "__main__":
    with packages_named():
        from bot.cli.verify_emission import emission_script

        emission_script()
