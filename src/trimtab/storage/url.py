"""Store URLs: which store, where its files lie, and how to say it without a password.

| URL | store |
|---|---|
| None, `memory://` | this process's memory |
| `sqlite:///trimtab.db`, `sqlite:////abs/trimtab.db`, or a bare path ending in .db, .sqlite or .sqlite3 | one file |
| `postgresql://user:password@host/database` | a PostgreSQL server |

Other schemes come from plugins (group `trimtab.stores`): a function that takes the URL and returns a `Store`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes, urlencode

from trimtab import plugins
from trimtab.errors import PluginError, StoreUrlError
from trimtab.plugins import did_you_mean
from trimtab.space.condition import shown
from trimtab.storage.protocol import Store
from trimtab.text import HIDDEN, hide_secrets, is_secret

FILE_SUFFIXES = (".db", ".sqlite", ".sqlite3")
ALIASES = {"postgres": "postgresql"}
LONGEST_URL = 8_000
"""Characters in a store's URL: twice the longest path of Linux, so that every path fits with its escapes."""
LONGEST_PART = 255
"""Bytes in the name of a file or folder: the limit of ext4, XFS, APFS and NTFS alike."""

_EXAMPLES = "write sqlite:///trimtab.db, postgresql://user@host/database or memory://"


def open_store(url: str | Path | None) -> Store:
    """Open the store that a URL names.

    A SQLite file comes into being with its first study; a PostgreSQL database must exist, its tables are made.

    Raises:
        StoreUrlError: the URL cannot be read, or names something that is no store.
        StoreUnavailableError: the store is there, or should be, and cannot be reached.
        StoreCorruptError: the store is damaged.
        StoreVersionError: the store was written by a newer Trimtab.
        MissingExtraError: the store needs a package that is not installed.
        PluginError: what is registered under this scheme is no store.
    """
    full = normalised(url)
    scheme = scheme_of(full)
    known = plugins.names("stores")
    if scheme not in known:
        raise StoreUrlError(
            f"no store is called {scheme!r}{did_you_mean(scheme, known)} in {redacted(full)!r}; there are: "
            f"{', '.join(known)}."
        )
    store = plugins.load("stores", scheme)(full)
    if not isinstance(store, Store):
        raise PluginError(
            f"the store {scheme!r} is none: expected a Store of trimtab.storage.protocol, got {shown(store)}."
        )
    return store


def files_dir(url: str | Path | None) -> Path | None:
    """Return where logs and checkpoints of a store's trials are kept: beside the file, or in the working directory.

    In full, so that it stays the same folder when the working directory is another one.

    `trimtab.db` has `trimtab-files` beside it. None for stores in memory, which leave nothing behind.

    Raises:
        StoreUrlError: the URL cannot be read.
    """
    full = normalised(url)
    match scheme_of(full):
        case "memory":
            return None
        case "sqlite":
            path = sqlite_path(full)
            return path.with_name(f"{path.stem}-files").absolute()
        case _:
            return Path("trimtab-files").absolute()


def normalised(url: str | Path | None) -> str:
    """Return the URL in full: with a scheme, and that under its proper name.

    Raises:
        StoreUrlError: it is neither a URL nor the path of a database file.
    """
    if url is None:
        return "memory://"
    if isinstance(url, Path):
        url = f"sqlite:///{_quoted(str(url))}"
    if not isinstance(url, str):
        raise StoreUrlError(f"a store is named by a URL, got {type(url).__name__}: {_EXAMPLES}.")
    if len(url) > LONGEST_URL:
        raise StoreUrlError(f"a store's URL has at most {LONGEST_URL:,} characters, got {len(url):,}: {_EXAMPLES}.")
    scheme, separator, rest = url.partition("://")
    if separator and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return f"{ALIASES.get(scheme.lower(), scheme.lower())}://{rest}"
    if url.endswith(FILE_SUFFIXES):
        return f"sqlite:///{_quoted(url)}"
    raise StoreUrlError(f"{redacted(url)!r} is no store URL: {_EXAMPLES}.")


def _quoted(path: str) -> str:
    """Return a path as it stands in a URL; one that is no valid text, as Linux allows, by its bytes."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/:@")  # else `redacted` would not see a password


def scheme_of(url: str) -> str:
    """Return what stands before "://" in a normalised URL."""
    return url.partition("://")[0]


def sqlite_path(url: str) -> Path:
    """Return the path in a normalised SQLite URL.

    Raises:
        StoreUrlError: there is none.
    """
    rest = url.removeprefix("sqlite://").partition("?")[0]
    if not rest.startswith("/"):
        raise StoreUrlError(
            f"{redacted(url)!r} has two slashes where SQLite URLs have three: write "
            f"sqlite:///{redacted(rest) or 'trimtab.db'}."
        )
    try:
        name = os.fsdecode(unquote_to_bytes(os.fsencode(rest[1:])))
    except UnicodeEncodeError:
        raise StoreUrlError(
            f"{redacted(url)!r} names a file that this locale ({sys.getfilesystemencoding()}) has no letters for: set "
            "LC_ALL=C.UTF-8, or name another."
        ) from None
    if name == ":memory:":
        raise StoreUrlError(f"{redacted(url)!r} would be lost to all other connections: write memory://.")
    if not name or name.endswith("/") or "\0" in name:
        raise StoreUrlError(f"{redacted(url)!r} names no file: write sqlite:///trimtab.db.")
    longest = max(len(os.fsencode(part)) for part in name.split("/"))
    if longest > LONGEST_PART:
        raise StoreUrlError(
            f"the store's path has a part of {longest:,} bytes, and file systems take {LONGEST_PART}: name it shorter."
        )
    return Path(name).expanduser()


def options(url: str, allowed: tuple[str, ...] | None) -> Mapping[str, str]:
    """Return the options after the question mark of a URL; with `allowed` None they may have any name.

    Raises:
        StoreUrlError: one of them is not in `allowed`.
    """
    found = dict(parse_qsl(url.partition("?")[2], keep_blank_values=True))
    for name in found:
        if allowed is not None and name not in allowed:
            raise StoreUrlError(
                f"{redacted(url)!r} has the unknown option {name!r}{did_you_mean(name, allowed)}; there are: "
                f"{', '.join(allowed)}."
            )
    return found


def seconds_option(url: str, found: Mapping[str, str], name: str, default: float) -> float:
    """Return the option `name` as a number of seconds, at least 0.

    Raises:
        StoreUrlError: it is not.
    """
    text = found.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise StoreUrlError(f"{redacted(url)!r}: {name} is a number of seconds, got {text!r}.")
    return value


def without_options(url: str, names: tuple[str, ...]) -> str:
    """Return the URL less the options in `names`."""
    base, _, query = url.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in names]
    return f"{base}?{urlencode(kept, quote_via=quote)}" if kept else base


def salvaging(url: str) -> str:
    """Return a normalised URL that opens the same store, where that can be said, for reading what is left of it."""
    if scheme_of(url) != "sqlite":
        return url
    rest = without_options(url, ("mode",))
    return f"{rest}{'&' if '?' in rest else '?'}mode=salvage"


def same_store(one: str, other: str) -> bool:
    """Return whether two URLs are known to name the same store.

    Raises:
        StoreUrlError: one of them cannot be read.
    """
    one, other = normalised(one), normalised(other)
    if scheme_of(one) == scheme_of(other) == "sqlite":
        paths = sqlite_path(one), sqlite_path(other)
        return paths[0].resolve() == paths[1].resolve()
    return one == other and scheme_of(one) != "memory"


def hurried(url: str, seconds: float) -> str:
    """Return the URL of a store that is waited for no longer than this, unless it says itself for how long."""
    full = normalised(url)
    if scheme_of(full) not in ("sqlite", "postgresql") or "timeout" in options(full, None):
        return full
    return f"{full}{'&' if '?' in full else '?'}timeout={seconds:g}"


def redacted(url: str) -> str:
    """Return the URL with passwords replaced by three stars."""
    without_scheme = "://" not in url
    hidden = hide_secrets(f"://{url}" if without_scheme else url)
    base, mark, query = hidden.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")]
    shown = [f"{name}={HIDDEN}" if equals and is_secret(unquote(name)) else name + equals + value
             for name, equals, value in pairs]  # fmt: skip
    hidden = base + mark + "&".join(shown)
    return hidden.removeprefix("://") if without_scheme else hidden


def require_escaped_password(url: str) -> None:
    """Refuse a password with characters that a URL must escape.

    Whoever reads such a URL takes a piece of the password for the host or the port, and says so in its messages.

    Raises:
        StoreUrlError: it holds one.
    """
    found = re.match(r"[^:]+://[^:/?#@]*:(.*)@", url, re.DOTALL)
    if found is None or re.match(r"\d+(,[^,/:]+:\d+)*([/?]|$)", found[1]):  # a port, and an @ in the options
        return
    if re.search(r"[@/?#\[\]\s]|%(?![0-9A-Fa-f]{2})", found[1]):
        raise StoreUrlError(
            f"the password in {redacted(url)!r} holds a character that must be escaped in a URL: write it "
            "percent-encoded, as urllib.parse.quote(password, safe='') does, or leave it to ~/.pgpass or PGPASSWORD."
        )


def password_of(url: str) -> str:
    """Return the password in a URL, unescaped; empty if there is none."""
    found = re.match(r"[^:]+://[^:/?#@]*:([^@/?#]*)@", url)
    return unquote(found[1]) if found else dict(parse_qsl(url.partition("?")[2])).get("password", "")
