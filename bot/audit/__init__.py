"""The audit log: an append-only, hash-chained record of what was ordered, asked, changed and opened, beside the ledger.

Knows neither the ledger nor the engine: what is to be written comes as drafts from :mod:`bot.app.auditing`.
"""
