"""A local exchange in its own process: simulated accounts and markets behind a real venue's REST protocol."""
