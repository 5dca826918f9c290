"""Whether the running bot does its work: what a health check asks."""

from __future__ import annotations

from bot.reporting.live import SystemState

#: Seconds without a round of the engine's loop, which goes round every second, after which it counts as stopped.
HEARTBEAT_LIMIT_S = 10.0


def reason_not_healthy(state: SystemState) -> str:
    """Why the bot does not do its work, in words that give nothing away; empty when it does."""
    if not state.engine.alive:
        return "the copy engine does not run"
    if state.engine.heartbeat_age_s > HEARTBEAT_LIMIT_S:
        return "the copy engine's heartbeat has stopped"
    if state.ledger_error:
        return "the ledger cannot be written"
    return ""
