"""From one signal to every user's order: guards, plan, the run of a signal, coins, switches."""
