"""The chain: what tells a log from every other log, past and place at once.

Each record has a link: a hash of the link before it, of its time and of its body. So the link of the last record stands
for the whole log: two logs that share it say the same from the beginning, and a log that was brought back to an earlier
state, and perhaps on from there, does not have it any more.

Records from before there were links have none. The migration gave the last of them an anchor, drawn at random, from
which the chain goes on: those records cannot be checked one by one, but their log is told from every other.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

LINK_BYTES = 16
"""Length of a link, in hexadecimal digits twice that: by chance, no two of 2**60 records have the same."""
ANCHOR = "~"
"""How an anchor begins; no digest does."""

_TIME = Struct(">d")


class Head(NamedTuple):
    """How far a log goes, or was read.

    Attributes:
        seq: the sequence number of the last record; 0 for an empty log.
        link: its link; empty for an empty log.
    """

    seq: int = 0
    link: str = ""


EMPTY = Head()
"""Where every log begins."""


def link(before: str, at: float, body: bytes) -> str:
    """Return the link of a record.

    Args:
        before: the link of the record before it; empty for the first.
        at: its time.
        body: the event, as `codec.encode` wrote it.
    """
    # A store may give back -0.0 as 0.0.
    return blake2b(b"%b\n%b%b" % (before.encode(), _TIME.pack(at + 0.0), body), digest_size=LINK_BYTES).hexdigest()


def links(before: str, at: float, bodies: Iterable[bytes]) -> list[str]:
    """Return the links of records that are appended together."""
    found = []
    for body in bodies:
        before = link(before, at, body)
        found.append(before)
    return found


def holds(before: str, at: float, body: bytes, found: str) -> bool:
    """Return whether a record with the link `found` follows the one with the link `before`."""
    if not found or found.startswith(ANCHOR):  # from before there were links
        return not before
    return found == link(before, at, body)
