"""NIJA copy trading. Nothing is imported here, and nothing happens."""

__version__ = "0.1.0"
