"""Text that others wrote, made fit to be shown and recorded."""

from __future__ import annotations

import json
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trimtab.text import hide_in_arguments, hide_secrets, spelled, to_json, visible, visible_lines

DANGEROUS = [
    *map(chr, range(0x20)),  # C0
    "\x7f",
    *map(chr, range(0x80, 0xA0)),  # C1
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",  # directions
    *"\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e",  # no width
    *"\u2028\u2029",  # line separators
    *"\ud800\udcff",  # lone surrogates
    *"\u115f\u1160\u3164\uffa0\u2800",  # drawn as nothing
    *"\ufff9\ufffb\U000e0001\U000e0041\ue000\uffff",  # annotations, tags, private use, no character
]


@pytest.mark.parametrize("char", DANGEROUS, ids=lambda char: f"U+{ord(char):04X}")
def test_what_a_terminal_obeys_or_hides_is_an_escape(char):
    shown = visible(f"a{char}b")
    assert char not in shown
    assert shown.isascii()
    assert shown.encode().decode("unicode_escape") == f"a{char}b"
    text = to_json({f"k{char}": [f"v{char}"]})
    assert char not in text
    assert json.loads(text.encode("utf-8")) == {f"k{char}": [f"v{char}"]}


@given(st.text(st.characters(codec=None, categories=None)))
@example("crème brûlée 学习率 🎉 e\u0301")
def test_only_what_can_be_seen_passes(text):
    for shown in (visible(text), to_json(text)):
        assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in shown)
        shown.encode("utf-8")
    assert json.loads(to_json(text)) == text
    assert json.loads(to_json(text, ascii_only=True).encode("ascii")) == text


def test_plain_text_is_left_alone():
    for text in ("", "loss = 0.5", "crème brûlée", "学习率", "e\u0301", "🎉", "a\\b"):
        assert visible(text) == text


def test_lines_and_tabs_stay_where_there_are_several():
    assert visible_lines("a\tb\n\x1b[2Jc\r\n") == "a\tb\n\\x1b[2Jc\\r\n"


def test_json_is_what_the_standard_library_writes_where_nothing_is_dangerous():
    value = {"a": [], "b": {}, "c": [1, 2.5e-7, 1e22, {"x": None}], "é": '\\x " /', "t": True}
    for indent in (None, 1, 2):
        assert to_json(value, indent=indent) == json.dumps(value, ensure_ascii=False, indent=indent)


def test_json_says_no_number_that_json_has_not():
    assert spelled({"a": [float("nan"), 1.0, -float("inf")], "b": (float("inf"),)}) == {
        "a": ["nan", 1.0, "-inf"],
        "b": ["inf"],
    }
    with pytest.raises(ValueError, match="JSON"):
        to_json(float("nan"))


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://ann:{SECRET}@host/db",
        f"postgresql://:{SECRET}@host/db",
        f"--store=postgresql://ann:{SECRET}@host/db",
        f"postgresql://ann:p@{SECRET}@host/db",
        f"postgresql://ann:p/{SECRET}?x#@host/db",
        f"postgresql://ann:{SECRET} with spaces@host/db",
        f"postgresql://ann:{SECRET}\nmore@host/db",
        f"postgresql://an/n:{SECRET}@host/db",
        f"postgresql://ann:%20{SECRET}%40@host/db",
        f"postgresql:/ann:{SECRET}@host/db",
        f"postgresql:///ann:{SECRET}@host/db",
        f"postgresql://host/db?password={SECRET}&user=ann",
        f"postgresql://host/db?user=ann&pass%77ord={SECRET}",
        f"postgresql://host/db?sslpassword={SECRET}",
        f"postgresql://host/db?password=a {SECRET}",
        f"host=x password={SECRET} user=ann",
        f"host=x password = {SECRET}",
        f"host=x password='it\\'s {SECRET}' user=ann",
        f"host=x PASSWORD='it''s {SECRET}'",
        f"PGPASSWORD={SECRET} trimtab list",
        f'{{"password": "{SECRET}"}}',
        f"tt.load_study('postgresql://ann:{SECRET}@host/db', 'a')",
        f"a://b:{SECRET}@c and d://e:{SECRET}@f",
    ],
)
def test_no_password_is_left(text):
    hidden = hide_secrets(text)
    assert SECRET not in hidden
    assert "***" in hidden
    assert hide_secrets(hidden) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann@host:5432/db",
        "sqlite:///trimtab.db",
        "n_tokens = 5, passes: 3, max_token=7",
        "check user and password (FATAL: no such role)",
        "https://example.org/a?b=c&d=e",
        "mail ann@example.org: it is done",
    ],
)
def test_what_is_no_secret_stays(text):
    assert hide_secrets(text) == text


@pytest.mark.parametrize(
    "piece", [":", "/", ":/", ":/a", "://a", "://a:", "@", "?", "&a", "?a=", "-", "pass-", "password=", "password=' "]
)
def test_secrets_are_looked_for_in_time_that_grows_with_the_text(piece):
    began = time.process_time()
    hide_secrets("://u:" + piece * (200_000 // len(piece)) + "@")
    hide_secrets(":" + piece * (200_000 // len(piece)))
    assert time.process_time() - began < 1.0


def test_flags_of_a_command_line_keep_their_secrets():
    line = ["python", "x.py", "--password", SECRET, f"--api-key={SECRET}", "--token", SECRET, "--passes", "3"]
    assert hide_in_arguments(line) == [
        *("python", "x.py", "--password", "***", "--api-key=***", "--token", "***", "--passes", "3"),
    ]
