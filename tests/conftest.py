"""Fixtures for all tests."""

from postgres_server import postgres_server, postgresql_url

__all__ = ["postgres_server", "postgresql_url"]
