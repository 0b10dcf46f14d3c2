"""Fixtures for all tests."""

import signal

from postgres_server import postgres_server, postgresql_url

__all__ = ["postgres_server", "postgresql_url"]

# What a shell starts in the background ignores interrupts, and so would all that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
