"""PostgreSQL: a real server that restarts, drops connections, fills up and refuses."""

import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest

from postgres_server import PASSWORD, PostgresServer
from trimtab.errors import (
    ConflictError,
    StoreCorruptError,
    StoreUnavailableError,
    StoreVersionError,
    StudyExistsError,
    StudyNotFoundError,
)
from trimtab.storage.postgresql import PostgresqlDatabase
from trimtab.storage.protocol import Store
from trimtab.storage.sql import SqlStore
from trimtab.storage.url import open_store
from trimtab.testing.journals import notes


@pytest.fixture
def store(postgresql_url: str) -> Iterator[Store]:
    store = open_store(postgresql_url)
    yield store
    store.close()


def schema_of(url: str) -> str:
    return url.rpartition("schema=")[2]


class Interrupted:
    """A connection whose server goes away around one statement: before it is done, or after."""

    def __init__(self, connection: "psycopg.Connection", needle: str, *, done: bool) -> None:
        self._connection = connection
        self._needle = needle
        self._done = done

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, statement: bytes, values: object = None) -> object:
        if self._needle.encode() in statement:
            if self._done:
                self._connection.execute(statement, values)
            self._connection.close()  # what follows is psycopg's own error for a connection that is gone
        return self._connection.execute(statement, values)

    def transaction(self) -> object:
        return self._connection.transaction()


# ---- the server goes away


@pytest.mark.parametrize("done", [False, True], ids=["before the append", "after the append, before its answer"])
def test_a_dropped_connection_neither_loses_nor_doubles_an_append(postgresql_url: str, done: bool) -> None:
    database = PostgresqlDatabase(postgresql_url)
    study = SqlStore(database).create("dropped", notes(1))
    begin = study.head()
    database._connection = Interrupted(database._connection, "INSERT INTO", done=done)
    assert study.append(notes(3), after=study.head(), at=7.0).seq == 4
    assert [(record.seq, record.at, record.event) for record in study.read(begin)] == [
        (seq, 7.0, event) for seq, event in zip((2, 3, 4), notes(3), strict=True)
    ]
    assert study.append(notes(1), after=study.head(), at=8.0).seq == 5
    database.close()


def test_after_a_dropped_connection_another_writers_records_are_a_conflict(postgresql_url: str) -> None:
    database = PostgresqlDatabase(postgresql_url)
    study = SqlStore(database).create("rivals", notes(1))
    rival = open_store(postgresql_url)
    begin = study.head()
    rival.open("rivals").append(notes(3), after=begin, at=6.0)
    database._connection = Interrupted(database._connection, "INSERT INTO", done=False)
    with pytest.raises(ConflictError, match="4 records and not 1"):
        study.append(notes(3), after=begin, at=7.0)
    rival.close()
    database.close()


@pytest.mark.parametrize("done", [False, True])
def test_a_dropped_connection_neither_loses_nor_doubles_a_creation(postgresql_url: str, done: bool) -> None:
    database = PostgresqlDatabase(postgresql_url)
    store = SqlStore(database)
    database._connection = Interrupted(database._connection, "INSERT INTO", done=done)
    assert store.create("made", notes(2), at=3.0).head().seq == 2
    with pytest.raises(StudyExistsError):
        store.create("made", notes(2), at=3.0)
    database.close()


def test_a_creation_whose_answer_was_lost_is_recognised(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = PostgresqlDatabase(postgresql_url)
    store = SqlStore(database)
    transact = PostgresqlDatabase.transact

    def twice(self: PostgresqlDatabase, work: object) -> object:
        transact(self, work)  # committed, and then nobody heard of it
        return transact(self, work)

    monkeypatch.setattr(PostgresqlDatabase, "transact", twice)
    assert store.create("again", notes(2)).head().seq == 2
    assert [info.head for info in store.studies()] == [2]
    database.close()


def test_a_terminated_backend_is_not_noticed_above(
    store: Store, postgres_server: PostgresServer, postgresql_url: str
) -> None:
    study = store.create("terminated", notes(1))
    for head in (1, 2, 3):
        postgres_server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'trimtab' AND pid <> pg_backend_pid()"
        )
        assert study.append(notes(1), after=study.head(), at=1.0).seq == head + 1
    assert len(list(study.read())) == 4


def test_a_restarting_server_is_waited_for(store: Store, postgres_server: PostgresServer) -> None:
    study = store.create("restart", notes(1))
    postgres_server.control("stop", "-m", "immediate")
    starter = threading.Timer(1.0, postgres_server.control, ("start",))
    starter.start()
    begin = time.monotonic()
    assert study.append(notes(1), after=study.head(), at=1.0).seq == 2
    assert time.monotonic() - begin > 0.5
    starter.join()
    assert len(list(study.read())) == 2


def test_a_server_that_stays_away_is_told(postgresql_url: str, postgres_server: PostgresServer) -> None:
    store = open_store(f"{postgresql_url}&timeout=0.3")
    study = store.create("away", notes(1))
    postgres_server.control("stop", "-m", "fast")
    try:
        with pytest.raises(StoreUnavailableError, match=r"cannot be reached: is the server running there\?"):
            study.append(notes(1), after=study.head(), at=1.0)
        assert [finding.level for finding in store.check()] == ["error"]
    finally:
        postgres_server.control("start")
    assert study.append(notes(1), after=study.head(), at=1.0).seq == 2
    store.close()


# ---- the door


def guarded(server: PostgresServer, password: str) -> str:
    return f"postgresql://tuner:{quote(password, safe='')}@/guarded?host={server.socket}&schema=door"


def test_the_right_password_opens_and_is_not_shown(postgres_server: PostgresServer) -> None:
    store = open_store(guarded(postgres_server, PASSWORD))
    assert store.url.startswith("postgresql://tuner:***@/guarded")
    with pytest.raises(StudyNotFoundError) as caught:
        store.open("nope")
    assert "horse" not in str(caught.value)
    assert all("horse" not in finding.what for finding in store.check())
    store.close()


def test_a_wrong_password_is_one_sentence(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailableError, match=r"does not let this user in: check user and password") as caught:
        open_store(guarded(postgres_server, "wrong-one"))
    assert "wrong-one" not in str(caught.value)


def test_no_password_is_one_sentence(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    with pytest.raises(StoreUnavailableError, match=r"check user and password"):
        open_store(postgres_server.url(database="guarded"))


def test_a_missing_database_is_one_sentence(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailableError, match=r"has no such database: make it with `createdb`"):
        open_store(postgres_server.url(database="nowhere"))


def test_an_unknown_user_is_one_sentence(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailableError, match=r"check user and password|cannot be reached") as caught:
        open_store(postgres_server.url().replace("tuner@", "nobody-here@"))
    assert "nobody-here" in str(caught.value)


# ---- rights and limits


def test_a_user_who_may_not_write_is_told(store: Store, postgresql_url: str, postgres_server: PostgresServer) -> None:
    store.create("readable", notes(3))
    schema = schema_of(postgresql_url)
    postgres_server.sql(
        f"DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA {schema} TO reader; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader"
    )
    try:
        reader = open_store(postgresql_url.replace("tuner@", "reader@"))
        study = reader.open("readable")
        assert len(list(study.read())) == 3
        with pytest.raises(StoreUnavailableError, match=r"lacks a right that Trimtab needs \(permission denied"):
            study.append(notes(1), after=study.head(), at=1.0)
        reader.close()
        with pytest.raises(StoreUnavailableError, match=r"lacks a right that Trimtab needs"):
            open_store(postgres_server.url().replace("tuner@", "reader@"))
    finally:
        postgres_server.sql("DROP OWNED BY reader; DROP ROLE reader")


def test_a_read_only_server_is_told(store: Store, postgresql_url: str) -> None:
    store.create("standby", notes(1))
    reader = open_store(f"{postgresql_url}&options=-cdefault_transaction_read_only%3Don")
    study = reader.open("standby")
    assert study.head().seq == 1
    with pytest.raises(StoreUnavailableError, match=r"is read-only: nothing was written; connect to the primary"):
        study.append(notes(1), after=study.head(), at=1.0)
    reader.close()


def test_a_server_with_no_connection_left_is_told(postgresql_url: str, postgres_server: PostgresServer) -> None:
    postgres_server.sql("ALTER ROLE tuner CONNECTION LIMIT 0")
    try:
        with pytest.raises(StoreUnavailableError, match=r"cannot be reached.*too many connections"):
            open_store(postgresql_url)
    finally:
        postgres_server.sql("ALTER ROLE tuner CONNECTION LIMIT -1")


def test_stricter_isolation_changes_nothing(postgresql_url: str) -> None:
    options = "&options=-cdefault_transaction_isolation%3Dserializable"
    stores = [open_store(postgresql_url + options) for _ in range(3)]
    stores[0].create("strict", notes(1))
    errors: list[BaseException] = []

    def work(store: Store, worker: str) -> None:
        from trimtab.testing.journals import append_with_retries

        try:
            append_with_retries(store.open("strict"), worker, 40)
        except BaseException as error:  # reported below, in the thread that can fail the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(store, str(i))) for i, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert stores[0].open("strict").head().seq == 121
    for store in stores:
        store.close()


# ---- damage and versions


def test_a_damaged_and_a_missing_record_are_named(
    store: Store, postgresql_url: str, postgres_server: PostgresServer
) -> None:
    study = store.create("damaged", notes(9))
    table = f"{schema_of(postgresql_url)}.event"
    postgres_server.sql(f"UPDATE {table} SET body = '{{' WHERE seq = 5")
    with pytest.raises(StoreCorruptError, match=r"record 5 of study 'damaged' .*is damaged"):
        list(study.read())
    postgres_server.sql(f"DELETE FROM {table} WHERE seq = 5")
    with pytest.raises(StoreCorruptError, match=r"record 5 of study 'damaged' .*is missing"):
        list(study.read())
    [error] = [finding for finding in store.check() if finding.level == "error"]
    assert error.what == "the log of study 'damaged' lacks records"


def test_a_lost_table_is_damage(store: Store, postgresql_url: str, postgres_server: PostgresServer) -> None:
    study = store.create("tables", notes(1))
    postgres_server.sql(f"DROP TABLE {schema_of(postgresql_url)}.event")
    with pytest.raises(StoreCorruptError, match=r"lacks a table that it had"):
        study.append(notes(1), after=study.head(), at=1.0)


def test_a_newer_store_is_left_alone(store: Store, postgresql_url: str, postgres_server: PostgresServer) -> None:
    postgres_server.sql(f"UPDATE {schema_of(postgresql_url)}.meta SET schema_version = 99")
    with pytest.raises(StoreVersionError, match=r"has schema 99, this Trimtab reads up to 2"):
        open_store(postgresql_url)


def test_many_who_come_first_make_the_tables_once(postgresql_url: str) -> None:
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(open_store(postgresql_url))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 6
    stores[0].create("one", notes(1))
    assert [[info.name for info in store.studies()] for store in stores] == [["one"]] * 6
    for store in stores:
        store.close()


# ---- the clock


def test_the_clock_is_the_servers(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600.0)  # a machine whose clock is an hour late
    store = open_store(postgresql_url)
    assert abs(store.now() - real()) < 1.0
    [warning] = [finding for finding in store.check() if finding.level == "warning"]
    assert warning.what.startswith("this machine's clock is 3600 s behind the server's")
    store.close()


def test_a_server_that_does_not_wait_for_its_disk_is_mentioned(postgresql_url: str) -> None:
    store = open_store(f"{postgresql_url}&options=-csynchronous_commit%3Doff")
    [warning] = [finding for finding in store.check() if finding.level == "warning"]
    assert warning.what.startswith("synchronous_commit is off")
    store.close()
