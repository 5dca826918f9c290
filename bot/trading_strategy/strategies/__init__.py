"""One strategy a file, with a function ``decide`` as :class:`bot.trading_strategy.decision.Strategy` has it."""
