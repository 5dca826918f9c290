"""Speaking to venues: one broker an account, and what every venue shares."""
