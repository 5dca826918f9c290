"""Threads and time: clock, service, lane, supervisor."""
