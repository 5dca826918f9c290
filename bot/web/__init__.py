"""The page and its API, in the bot's process; reads the ledger and the live state, and asks by command rows."""
