"""PostgreSQL's bad days: servers that start, fall silent, are stopped or become read-only, and what lies between."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from postgres_server import PostgresServer
from trimtab.errors import ConflictError, StoreLostError, StoreUnavailableError, StoreUrlError
from trimtab.storage import libpq, postgresql
from trimtab.storage.postgresql import PostgresqlDatabase
from trimtab.storage.url import open_store
from trimtab.testing.journals import notes


@pytest.fixture(autouse=True)
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a silent server be given up after half a second, so that the tests need not take long."""
    monkeypatch.setattr(postgresql, "SHORTEST_SILENCE_S", 0.5)


class Proxy:
    """Forwards TCP connections to the server's socket, and on demand drops what is sent, as a firewall would.

    Attributes:
        asks, answers: whether what goes to the server, and what comes from it, is forwarded on connections so far.
        accepts: whether new connections are forwarded at all.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._target = str(server.socket / ".s.PGSQL.5432")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._silenced: dict[socket.socket, str] = {}
        self.accepts = True
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def silence(self, what: str) -> None:
        """Drop "all" that is sent on the connections there are, or only the "answers"."""
        self._silenced.update(dict.fromkeys([end for pair in self._pairs for end in pair], what))

    def _run(self) -> None:
        other: dict[socket.socket, socket.socket] = {}
        while not self._over:
            ready, _, _ = select.select([self._listener, *other], [], [], 0.05)
            for end in ready:
                if end is self._listener:
                    client, _ = self._listener.accept()
                    server = socket.socket(socket.AF_UNIX)
                    if self.accepts:
                        server.connect(self._target)
                    other |= {client: server, server: client} if self.accepts else {}
                    self._pairs.append((client, server))
                    continue
                data = b""
                with contextlib.suppress(OSError):
                    data = end.recv(65536)
                if not data:
                    other.pop(end, None)
                    continue
                dropped = self._silenced.get(end)
                from_server = end.family == socket.AF_UNIX
                if dropped != "all" and not (dropped == "answers" and from_server):
                    with contextlib.suppress(OSError, KeyError):
                        other[end].sendall(data)

    def close(self) -> None:
        self._over = True
        self._thread.join()
        for end in (self._listener, *(end for pair in self._pairs for end in pair)):
            end.close()


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[Proxy]:
    proxy = Proxy(postgres_server)
    yield proxy
    proxy.close()


def through(proxy: Proxy, url: str, timeout: float) -> str:
    schema = url.rpartition("schema=")[2]
    return f"postgresql://tuner@127.0.0.1:{proxy.port}/tuning?schema={schema}&timeout={timeout}"


# ---- the first connection


def test_the_first_connection_waits_for_a_server_that_starts(
    postgresql_url: str, postgres_server: PostgresServer
) -> None:
    postgres_server.control("stop", "-m", "immediate")  # so that it begins with a recovery, and says so
    starter = threading.Timer(1.0, postgres_server.control, ("start",))
    starter.start()
    store = open_store(postgresql_url)
    starter.join()
    assert store.create("early", notes(1)).head().seq == 1
    store.close()


def test_whoever_waits_is_told(postgres_server: PostgresServer, tmp_path: Path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(postgresql, "NOTICE_S", 0.2)
    with pytest.raises(StoreLostError, match="cannot be reached"):
        open_store(f"postgresql://u:secret@/d?host={tmp_path}&timeout=1.2")
    [told] = [record.getMessage() for record in caplog.records if record.name == "trimtab"]
    assert "cannot be reached" in told
    assert told.endswith("Waiting for it, up to 1.2 s.")
    assert "secret" not in told


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://tuner:wrong@/guarded?host={socket}", "does not let this user in"),
        ("postgresql://tuner@/guarded?host={socket}&passfile=/dev/null", "does not let this user in"),
        ("postgresql://nobody_here@/tuning?host={socket}", "does not let this user in"),
        ("postgresql://tuner@/nowhere?host={socket}", "has no such database"),
        ("postgresql://tuner@/tuning?host={socket}&options=-cnonsense%3D1", "unrecognized configuration parameter"),
        ("postgresql://tuner@/tuning?host=127.0.0.1&port=99999", "invalid port number"),
        ("postgresql://tuner@/tuning?host={socket}&sslmode=bogus", "invalid sslmode value"),
        ("postgresql://tuner@/tuning?host={socket}&target_session_attrs=x", "invalid target_session_attrs value"),
        ("postgresql://tuner@/tuning?host={socket}&connect_timeout=soon", "connect_timeout|cannot be r"),
        ("postgresql://tuner@/tuning?host={socket}&hots=x", "cannot be read"),
        ("postgresql://tuner@/tuning?service=none_such", "definition of service"),
    ],
)
def test_what_will_not_pass_is_told_at_once(postgres_server: PostgresServer, url: str, said: str) -> None:
    began = time.monotonic()
    with pytest.raises((StoreUnavailableError, StoreUrlError), match=said) as caught:
        open_store(url.format(socket=postgres_server.socket))
    assert not isinstance(caught.value, StoreLostError)
    assert time.monotonic() - began < 2.0


def test_one_of_two_hosts_that_may_come_back_is_waited_for(postgres_server: PostgresServer, tmp_path: Path) -> None:
    with pytest.raises(StoreLostError):
        open_store(f"postgresql://tuner@/nowhere?host={tmp_path},{postgres_server.socket}&timeout=0.2")


# ---- silence


@pytest.mark.parametrize("dropped", ["all", "answers"])
def test_a_connection_that_falls_silent_is_given_up(postgresql_url: str, proxy: Proxy, dropped: str) -> None:
    store = open_store(through(proxy, postgresql_url, timeout=6))
    study = store.create("silent", notes(1))
    begin = study.head()
    proxy.silence(dropped)
    began = time.monotonic()
    assert study.append(notes(3), after=begin, at=5.0).seq == 4
    assert time.monotonic() - began < 6
    assert [record.event for record in study.read(after=begin)] == notes(3)
    store.close()


def test_a_network_that_stays_silent_is_told_within_the_time_out(postgresql_url: str, proxy: Proxy) -> None:
    store = open_store(through(proxy, postgresql_url, timeout=1) + "&connect_timeout=2")
    study = store.create("silent", notes(1))
    begin = study.head()
    proxy.accepts = False
    proxy.silence("all")
    began = time.monotonic()
    with pytest.raises(StoreLostError, match=r"cannot be reached"):
        study.append(notes(1), after=begin, at=5.0)
    assert time.monotonic() - began < 5
    proxy.accepts = True
    assert study.append(notes(1), after=begin, at=5.0).seq == 2
    store.close()


def test_a_server_that_accepts_and_says_nothing_is_told_within_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(StoreLostError, match=r"cannot be reached"):
            open_store(f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/tuning?timeout=2")
        assert time.monotonic() - began < 5  # and not the ten seconds that a try to connect has at most


def processes_of(server: PostgresServer) -> list[psutil.Process]:
    postmaster = psutil.Process(int((server.data / "postmaster.pid").read_text().split("\n")[0]))
    return [postmaster, *postmaster.children(recursive=True)]


def wake(stopped: list[psutil.Process]) -> None:
    """Let processes go on; a server's helpers may have ended meanwhile."""
    for process in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


@pytest.fixture
def stopped(postgres_server: PostgresServer) -> Iterator[list[psutil.Process]]:
    """Processes that the test stops; they go on afterwards, whatever happened."""
    stopped: list[psutil.Process] = []
    yield stopped
    wake(stopped)


def test_a_server_whose_processes_are_stopped(
    postgresql_url: str, postgres_server: PostgresServer, stopped: list[psutil.Process]
) -> None:
    """The kernel answers for it, so no keepalive notices; what was on its way is not done twice afterwards."""
    store = open_store(f"{postgresql_url}&timeout=1&connect_timeout=2")
    study = store.create("stopped", notes(1))
    begin = study.head()
    stopped += processes_of(postgres_server)
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(StoreLostError):
        study.append([notes(2)[1]], after=begin, at=5.0)
    assert time.monotonic() - began < 6
    wake(stopped)
    # The statement that was given up was on its way: on record by now, or in this moment, which refuses ours, or never.
    try:
        outcome = study.append(notes(1), after=study.head(), at=6.0).seq
    except ConflictError:
        outcome = study.append(notes(1), after=study.head(), at=6.0).seq
    assert outcome in (2, 3)
    assert [record.seq for record in study.read()] == list(range(1, outcome + 1))
    store.close()


def test_a_server_that_was_stopped_for_a_while_is_not_noticed(
    postgresql_url: str, postgres_server: PostgresServer, stopped: list[psutil.Process]
) -> None:
    store = open_store(f"{postgresql_url}&timeout=20&connect_timeout=2")
    study = store.create("pausing", notes(1))
    begin = study.head()
    stopped += processes_of(postgres_server)
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    timer = threading.Timer(1.5, wake, [stopped])
    timer.start()
    assert study.append(notes(3), after=begin, at=5.0).seq == 4
    timer.join()
    assert [record.event for record in study.read(after=begin)] == notes(3)
    store.close()


def test_after_waiting_in_vain_nobody_waits_again(postgresql_url: str, postgres_server: PostgresServer) -> None:
    store = open_store(f"{postgresql_url}&timeout=1.5")
    study = store.create("away", notes(1))
    begin = study.head()
    postgres_server.control("stop", "-m", "fast")
    try:
        took = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(StoreLostError):
                study.append(notes(1), after=begin, at=1.0)
            took.append(time.monotonic() - began)
    finally:
        postgres_server.control("start")
    assert took[0] > 0.7
    assert max(took[1:]) < 0.3
    assert study.append(notes(1), after=begin, at=1.0).seq == 2
    assert store._db._is_away is False  # type: ignore[attr-defined]
    store.close()


# ---- fail-over


def test_a_server_that_is_read_only_for_a_while_is_waited_for(
    postgresql_url: str, postgres_server: PostgresServer
) -> None:
    store = open_store(postgresql_url)
    study = store.create("demoted", notes(1))
    begin = study.head()

    def read_only(switch: str) -> None:
        postgres_server.sql(f"ALTER SYSTEM SET default_transaction_read_only = {switch}")
        postgres_server.sql("SELECT pg_reload_conf()")

    read_only("on")
    timer = threading.Timer(1.0, read_only, ("off",))
    try:
        time.sleep(0.2)  # until the sessions have read their settings again
        with pytest.raises(StoreUnavailableError, match="is read-only: nothing was written"):
            open_store(f"{postgresql_url}&timeout=0").open("demoted").append(notes(1), after=begin, at=1.0)
        timer.start()
        assert study.append(notes(1), after=begin, at=1.0).seq == 2
    finally:
        timer.join()
        read_only("off")
    store.close()


@pytest.fixture
def standby(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A second server that follows the first."""
    base = postgres_server.socket / "standby"
    base.mkdir()
    if os.geteuid() == 0:
        import shutil

        shutil.chown(base, postgres_server.user, postgres_server.user)
    second = PostgresServer(postgres_server.bin, base / "data", base, postgres_server.user)
    second._run(
        "pg_basebackup", "-h", str(postgres_server.socket), "-D", str(second.data), "-R", "-X", "stream", "-c", "fast"
    )
    with (second.data / "postgresql.conf").open("a") as conf:
        conf.write(f"\nunix_socket_directories = '{base}'\n")
    second.control("start")
    yield second
    second.control("stop", "-m", "immediate")


def test_a_fail_over_is_followed_to_the_new_primary(
    postgresql_url: str, postgres_server: PostgresServer, standby: PostgresServer
) -> None:
    schema = postgresql_url.rpartition("schema=")[2]
    store = open_store(
        f"postgresql://tuner@/tuning?host={standby.socket},{postgres_server.socket}"
        f"&target_session_attrs=read-write&schema={schema}"
    )
    study = store.create("moved", notes(1))
    begin = study.head()
    written = postgres_server.sql("SELECT pg_current_wal_flush_lsn()")
    while standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{written}'") != "t":
        time.sleep(0.05)
    postgres_server.control("stop", "-m", "immediate")
    try:
        promotion = threading.Timer(1.0, standby.control, ("promote",))
        promotion.start()
        assert study.append(notes(2), after=begin, at=1.0).seq == 3
        promotion.join()
    finally:
        postgres_server.control("start")
    assert len(list(study.read())) == 3
    assert postgres_server.sql(f"SELECT max(seq) FROM {schema}.event") == "1"
    store.close()


def test_a_statement_cancelled_by_an_administrator_is_done_again(
    postgresql_url: str, postgres_server: PostgresServer
) -> None:
    store = open_store(postgresql_url)
    study = store.create("cancelled", notes(1))
    begin = study.head()
    holder = PostgresqlDatabase(postgresql_url)
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        def work(run) -> None:
            run("LOCK TABLE @event IN EXCLUSIVE MODE", ())
            held.set()
            over.wait()

        holder.transact(work)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    held.wait()

    def cancel() -> None:
        waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'trimtab'"
        while postgres_server.sql(f"SELECT count(*) {waiting}") == "0":
            time.sleep(0.02)
        postgres_server.sql(f"SELECT pg_cancel_backend(pid) {waiting}")
        over.set()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert study.append(notes(2), after=begin, at=1.0).seq == 3
    canceller.join()
    thread.join()
    holder.close()
    store.close()


# ---- what is the user's own


def test_the_users_options_are_kept(postgresql_url: str, postgres_server: PostgresServer, monkeypatch) -> None:
    ours = PostgresqlDatabase(postgresql_url)
    assert ours._connection is not None
    assert ours._connection.info.get_parameters()["application_name"] == "trimtab"
    theirs = PostgresqlDatabase(f"{postgresql_url}&application_name=mine&connect_timeout=7&keepalives_idle=5")
    assert theirs._connection is not None
    said = theirs._connection.info.get_parameters()
    assert (said["application_name"], said["connect_timeout"], said["keepalives_idle"]) == ("mine", "7", "5")
    assert said["tcp_user_timeout"] == "30000"
    monkeypatch.setenv("PGAPPNAME", "from the environment")
    assert "application_name" not in libpq.manners({})
    monkeypatch.setenv("PGSERVICE", "mine")
    assert libpq.manners({}) == {}
    ours.close()
    theirs.close()


def test_nothing_is_left_in_a_session_that_a_pooler_may_give_to_another(
    postgresql_url: str, postgres_server: PostgresServer
) -> None:
    database = PostgresqlDatabase(postgresql_url)
    for _ in range(20):
        database.query("SELECT 1")
    assert database.query("SELECT count(*) FROM pg_prepared_statements") == [(0,)]
    changed = "SELECT name FROM pg_settings WHERE source = 'session'"
    assert database.query(changed) == []
    database.close()
