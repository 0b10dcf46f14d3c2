from __future__ import annotations

import math

import pytest

from trimtab.errors import SpecError
from trimtab.surfaces.cli.document import read, read_toml, read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5), ("1e5", 1e5), (".5", 0.5), ("1.", 1.0), ("-.inf", -math.inf), ("+1", 1), ("017", 17),
        ("0o17", 15), ("0x1F", 31), ("no", "no"), ("yes", "yes"), ("on", "on"), ("true", True), ("False", False),
        ("~", None), ("", None), ("null", None), ("12:30", "12:30"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"),
        ("'1'", "1"), ('"true"', "true"), ("=", "="), ("[1, 1e-5, no]", [1, 1e-5, "no"]), ("!!float 3", 3.0),
    ],
)  # fmt: skip
def test_plain_values_are_those_of_yaml_1_2(text, value):
    found = read_yaml(f"a: {text}", "f").plain()["a"]
    assert found == value
    assert type(found) is type(value)


def test_values_know_their_lines():
    tree = read_yaml("a: 1\n\nb:\n  c:\n    - x\n    - y\n", "f")
    assert tree.value["b"].line == 3
    assert tree.value["b"].value["c"].line == 4
    assert [item.line for item in tree.value["b"].value["c"].value] == [5, 6]


def test_a_number_may_name_a_key_as_it_is_written():
    assert read_yaml("1: a\n1e-5: b\ntrue: c", "f").plain() == {"1": "a", "1e-5": "b", "true": "c"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f:3: 'a' is given twice, first on line 1"),
        ("a:\n\tb: 1", "f:2: .*indent with spaces, not with tabs"),
        ("a: b: c", "f:1: .*quotes around a text that holds a colon"),
        ("a: [--lr={lr}]", "f:1: .*quotes around a text that holds braces"),
        ("a: !!python/object:os.system x", "f:1: .*without tags"),
        ("a: !!int x", "f:1: 'x' cannot be read as !!int"),
        ("? [a]\n: b", "f:1: a key is a text, not a list"),
        ("a: 1\n---\nb: 2", "f:2: "),
        ("a: *nowhere", "f:1: .*nowhere"),
        ("a: \x00", "f:1: the character 0x0000 is not allowed"),
        ("a: " + "9" * 5000, "f:1: a number of 5,000 digits is too long"),
        ("", "f: is empty"),
        ("# nothing", "f: is empty"),
        ("a: &a [*a]", "f:1: is nested more than 64 levels deep"),
        ("[" * 200 + "]" * 200, "is nested more than 64 levels deep"),
        ("[" * 9000 + "]" * 9000, "is nested more than 64 levels deep"),
        (BOMB, "has more than 200,000 values"),
    ],
    ids=lambda text: text[:30],
)
def test_a_fault_is_told_with_its_line(text, message):
    with pytest.raises(SpecError, match=message):
        read_yaml(text, "f")


TOML = 'a = 1e-5\n\n[b]\nc = [\n 1,\n 2,\n]\n[[d]]\ne = 1\n[[d]]\ne = """\ntwo"""\n[d.f]\ng = 3\n'


def test_toml_knows_its_lines():
    tree = read_toml(TOML, "f")
    assert tree.plain() == {"a": 1e-5, "b": {"c": [1, 2]}, "d": [{"e": 1}, {"e": "two", "f": {"g": 3}}]}
    assert (tree.value["a"].line, tree.value["b"].line, tree.value["b"].value["c"].line) == (1, 3, 4)
    first, second = tree.value["d"].value
    assert (first.line, first.value["e"].line, second.line, second.value["e"].line) == (8, 9, 10, 11)
    assert second.value["f"].value["g"].line == 14


@pytest.mark.parametrize(
    ("text", "message"),
    [("a = 1\na = 2", "f:2: "), ("a = 1\nb =\n", "f:2: "), ("a = [1,\n", "f:2: "), ("", "is empty")],
)
def test_a_fault_in_toml_is_told_with_its_line(text, message):
    with pytest.raises(SpecError, match=message):
        read_toml(text, "f")


def test_files_are_read_by_their_ending(tmp_path):
    (tmp_path / "a.yml").write_bytes(b"\xef\xbb\xbfa: 1")
    (tmp_path / "a.TOML").write_text("a = 1")
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe4")
    assert read(tmp_path / "a.yml").plain() == read(tmp_path / "a.TOML").plain() == {"a": 1}
    for name, message in [
        ("latin.yaml", "latin.yaml:2: is not UTF-8: byte 0xe4"),
        ("a.json", "ends in .yaml, .yml, .toml"),
        ("none.yaml", "no such file; `trimtab init"),
    ]:
        with pytest.raises(SpecError, match=message):
            read(tmp_path / name)
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(SpecError, match="cannot be read"):
        read(tmp_path / "folder.yaml")
