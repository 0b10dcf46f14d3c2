"""A connection to PostgreSQL: how it is made, when it is given up, and which errors pass by themselves.

A server may fall silent without closing anything: its processes are stopped, or packets are dropped on the way. TCP
notices the latter after a while and the former never, since it is the kernel that answers. So every statement is
watched from this side: a connection that is silent for too long is closed. Nothing is set in the session on the server,
so that poolers which hand a connection to another client after each transaction (PgBouncer) can stand between.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from trimtab.errors import MissingExtraError, StoreCorruptError, StoreError, StoreUnavailableError, StoreUrlError
from trimtab.text import HIDDEN

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_S = 10
"""Seconds for one try to connect; a server that is there answers within one, also across an ocean."""
SHORTEST_CONNECT_TIMEOUT_S = 2
"""The least that libpq takes for one; less than `CONNECT_TIMEOUT_S` is given to a server where the store's own time-out
says so, for one that accepts a connection may be as silent as any other."""
MANNERS: Mapping[str, str | int] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "application_name": "trimtab",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""What libpq is told unless the URL, its service file or the environment says otherwise. A word every 30 s keeps
routers from forgetting a connection that is idle while trials run (many do after 5 minutes), and what is sent must be
received within 30 s (`tcp_user_timeout` is in milliseconds)."""
VARIABLES = {"connect_timeout": "PGCONNECT_TIMEOUT", "application_name": "PGAPPNAME"}
"""The environment variables in which libpq finds an option of `MANNERS`; the others have none."""

# Conditions that pass by themselves: https://www.postgresql.org/docs/current/errcodes-appendix.html
COLLIDED = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the transaction was rolled back and may be done again at once."""
GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "25006"})
"""The server ended the connection, or is starting or stopping; or it is read-only, as a primary is after a fail-over:
a new connection may find the new one (libpq's `target_session_attrs=read-write` with several hosts). So is whatever
begins with `CONNECTION`."""
CONNECTION = "08"
REFUSED = frozenset({"55P03", "57014"})
"""A lock was not to be had, or the statement was cancelled, by a time-out of the user's or by an administrator."""

_FOR_GOOD = re.compile(
    r"password|authentication failed|no pg_hba\.conf entry|not permitted|permission denied|must be superuser|"
    r'database ".*" does not exist|role ".*" does not exist|no such (database|user)|unsupported startup parameter|'
    r"unrecognized configuration parameter|invalid value for parameter|"
    r"^(connection failed: )?(invalid|unsupported|unrecognized) |invalid (port|integer|\S+ value)|"
    r"definition of service|service file|certificate|private key|does not support SSL|requires? SSL",
    re.IGNORECASE,
)
"""Reasons of libpq and server for which waiting is in vain. They are known in English alone; whatever is not known may
pass, and is waited for."""
_FULL = re.compile(
    r"too many|connection slots|starting up|shutting down|not (yet )?accepting|recovery mode|try again|_timeout",
    re.IGNORECASE,
)
"""Reasons that pass, and are given only after the password was found right."""


def load_driver() -> Any:
    """Return psycopg.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("psycopg", "postgres", "for a store in PostgreSQL") from None
    return psycopg


def connect(conninfo: str, silence_s: float, within_s: float) -> Any:
    """Return a connection that closes itself when the server is silent for `silence_s` seconds within a statement.

    Args:
        conninfo: what libpq is told.
        silence_s: as above.
        within_s: seconds to connect in, as far as `SHORTEST_CONNECT_TIMEOUT_S` and the user's own options allow.
    """
    from psycopg.conninfo import conninfo_to_dict

    told = manners(conninfo_to_dict(conninfo))
    if "connect_timeout" in told:
        told["connect_timeout"] = int(max(SHORTEST_CONNECT_TIMEOUT_S, min(CONNECT_TIMEOUT_S, within_s)))

    connection = _watched_class().connect(
        conninfo,
        autocommit=True,
        client_encoding="utf8",
        prepare_threshold=None,  # what is prepared in one session is not there in the next behind a pooler
        **told,
    )
    connection.silence_s = silence_s
    return connection


def manners(given: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the options of ours that neither the connection string `given` nor the environment says."""
    if "service" in given or "PGSERVICE" in os.environ:  # what that says would be overruled
        return {}
    return {
        name: value
        for name, value in MANNERS.items()
        if name not in given and VARIABLES.get(name, "") not in os.environ
    }


@cache
def _watched_class() -> Any:
    """Return the class of watched connections; made when psycopg is there."""
    import psycopg
    from psycopg import waiting

    class Watched(psycopg.Connection[Any]):
        silence_s = float("inf")

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ARG002
            """Take a step of the protocol to its end; a connection on which that is not reached is closed."""
            # (`timeout` is psycopg 3.3's: a limit for the whole step, which a long answer may well take.)
            done = False
            try:
                result = waiting.wait(_watched(gen, self.silence_s), self.pgconn.socket, interval=interval)
                done = True
            except psycopg.Error as error:
                done = not isinstance(error, Silent)
                raise
            finally:
                if not done:
                    self.close()
            return result

    class Silent(psycopg.OperationalError):
        """The server did not answer."""

    def _watched(gen: Generator[Any, Any, Any], silence_s: float) -> Generator[Any, Any, Any]:
        give_up_at = time.monotonic() + silence_s
        try:
            wish = next(gen)
            while True:
                ready = yield wish
                if ready:
                    give_up_at = time.monotonic() + silence_s
                elif time.monotonic() > give_up_at:
                    raise Silent(f"no answer for {silence_s:.3g} s")
                wish = gen.send(ready)
        except StopIteration as end:
            return end.value

    return Watched


# What an error means


def passes(error: psycopg.Error) -> bool:
    """Return whether the reason why no connection came about may pass by itself."""
    import psycopg

    if isinstance(error, psycopg.ProgrammingError):  # it could not even be read
        return False
    lines = str(error).splitlines()
    # With several hosts, one that may come back is enough.
    reasons = [line for line in lines if line.startswith("- host")] or [str(error)]
    if len(reasons) == 1 and (finished := getattr(error, "pgconn", None)) is not None:
        if finished.needs_password:
            return False
        if finished.used_password and not _FULL.search(reasons[0]):
            return False
    return not all(_FOR_GOOD.search(reason) for reason in reasons)


def is_lost(connection: Any, error: psycopg.Error) -> bool:
    """Return whether the connection on which a statement failed is of no use any more."""
    state = error.sqlstate or ""
    return bool(connection.closed) or state in GONE or state.startswith(CONNECTION)


def not_connected(url: str, error: psycopg.Error, password: str | None = None) -> StoreError:
    """Put the reason why no connection came about into a sentence; the server's words may be in any language.

    Args:
        url: the store's, without a password.
        error: what the driver said.
        password: what must not be in the sentence.
    """
    import psycopg

    words = first_line(error)
    if password:
        words = words.replace(password, HIDDEN)
    if error.sqlstate in {"28P01", "28000"} or "password" in words or re.search(r'role ".*" does not exist', words):
        return StoreUnavailableError(f"{url} does not let this user in: check user and password ({words}).")
    if error.sqlstate == "3D000" or re.search(r'database ".*" does not exist', words):
        return StoreUnavailableError(f"{url} has no such database: make it with `createdb` ({words}).")
    if isinstance(error, psycopg.ProgrammingError):
        # It quotes what it could not read, which may be a piece of the password.
        unquoted = re.sub(r'"[^"]*"', "a part of it", words)
        return StoreUrlError(f"{url!r} cannot be read: {unquoted}.")
    return StoreUnavailableError(f"{url} cannot be reached: is the server running there? ({words})")


def failed(url: str, error: psycopg.Error) -> StoreError:
    """Put the reason why a statement failed into a sentence."""
    words = first_line(error)
    match error.sqlstate or "":
        case "53100":
            return StoreUnavailableError(f"the disk of {url} is full: nothing was written ({words}).")
        case "25006":
            return StoreUnavailableError(f"{url} is read-only: nothing was written; connect to the primary.")
        case "42501":
            return StoreUnavailableError(f"{url}: this user lacks a right that Trimtab needs ({words}).")
        case "42P01" | "3F000" | "42703":
            return StoreCorruptError(f"{url} lacks a table that it had: restore a copy ({words}).")
        case state if state.startswith("XX"):
            return StoreCorruptError(f"{url} is damaged: restore a copy ({words}).")
        case state if state.startswith("53"):
            return StoreUnavailableError(f"{url} is out of resources: nothing was written ({words}).")
        case _:
            return StoreUnavailableError(f"{url} cannot be used: {words}.")


def first_line(error: Exception) -> str:
    """Return what a driver's error says, in one line, without its final stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
