"""The contract of stores, over all three of ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.storage.protocol import Store
from trimtab.storage.url import open_store
from trimtab.testing.journals import DurableStoreContract, JournalContract


class TestMemory(JournalContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = open_store(None)
        yield store
        store.close()


class TestSqlite(DurableStoreContract):
    n_appends = 200
    n_kills = 8

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/trimtab.db"


class TestPostgresql(DurableStoreContract):
    n_appends = 200
    n_kills = 8

    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        return postgresql_url
