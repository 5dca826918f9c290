"""Accounts, matching, markets, faults and books. Nothing here knows a venue or HTTP."""
