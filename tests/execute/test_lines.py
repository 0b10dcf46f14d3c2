"""Lines, and the JSON objects in them."""

from __future__ import annotations

import pytest

from trimtab.execute.lines import LONGEST_LINE, Lines, ends_with_object, objects


def test_lines_end_with_either_break_wherever_the_stream_is_cut():
    stream = b"a\nbc\r\n\r 10%\r\n\nd\r"
    for cut in range(len(stream) + 1):
        lines = Lines()
        assert lines.feed(stream[:cut]) + lines.feed(stream[cut:]) + lines.end() == [b"a", b"bc", b" 10%", b"d"]


def test_what_has_no_end_comes_at_the_end():
    lines = Lines()
    assert lines.feed(b"end") == []
    assert (lines.end(), lines.end()) == ([b"end"], [])


def test_a_line_that_is_too_long_is_thrown_away_whole():
    lines = Lines()
    for _ in range(LONGEST_LINE // (1 << 20) + 3):
        assert lines.feed(b"x" * (1 << 20)) == []
    assert lines.feed(b'{"loss": 1}\n{"loss": 2}\n') == [b'{"loss": 2}']


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"a": 1}', [{"a": 1}]),
        (b'{"a": 1} {"b": [{}]}\t{"c": null}', [{"a": 1}, {"b": [{}]}, {"c": None}]),
        (b'\x08\x08\x00{"a": 1}\x08', [{"a": 1}]),
        (b'\x1b[32m{"a"\x1b[0m: 1}\x1b[K', [{"a": 1}]),
        (b'{"a": NaN}', None),
        (b'{"a": 1} end', []),
        (b'{"a": 1},', []),
        (b'{"a": 1} [1]', []),
        (b'{"a": 1', []),
        (b"[1]", []),
        (b"1", []),
        (b"", []),
        (b"{" * 100_000, []),
        (b'{"a":' * 100_000, []),
        ('{"a": 1}'.encode("utf-16"), []),
    ],
)
def test_objects(line, found):
    if found is None:
        assert list(objects(line)[0]) == ["a"]
    else:
        assert objects(line) == found


@pytest.mark.parametrize(
    ("line", "is_one"), [(b'INFO {"a": 1}', True), (b'{"a": 1}', False), (b"INFO {a}", False), (b"INFO", False)]
)
def test_an_object_after_other_text(line, is_one):
    assert ends_with_object(line) is is_one
