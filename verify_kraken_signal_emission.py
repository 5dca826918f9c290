"""Does a master's order become a signal, and a user's none? ``python verify_kraken_signal_emission.py``."""

from bot.cli.verify_emission import emission_script

if __name__ == "__main__":
    emission_script()
