from __future__ import annotations

import math
import time

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


# Merge keys


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &a {x: 1, y: 2}\nb: {<<: *a}", {"x": 1, "y": 2}),
        ("a: &a {x: 1, y: 2}\nb: {x: 3, <<: *a}", {"x": 3, "y": 2}),
        ("a: &a {x: 1}\nc: &c {x: 2, y: 2}\nb: {<<: [*a, *c], z: 3}", {"x": 1, "y": 2, "z": 3}),
        ("a: &a {x: 1}\nc: &c {<<: *a, y: 2}\nb:\n  <<: *c", {"x": 1, "y": 2}),
        ("b: {<<: {x: 1}, y: 2}", {"x": 1, "y": 2}),
        ("b: {'<<': 1}", {"<<": 1}),
        ("b: {<<: [], y: 2}", {"y": 2}),
    ],
)
def test_merge_keys_bring_in_what_is_not_there(text, value):
    assert read_yaml(text, "f").plain()["b"] == value


def test_what_is_merged_stands_first_and_keeps_its_line():
    tree = read_yaml("a: &a {x: 1}\nb:\n  y: 2\n  <<: *a\n", "f").value["b"]
    assert list(tree.value) == ["x", "y"]
    assert (tree.value["x"].line, tree.value["y"].line) == (1, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b: {<<: 1}", "f:1: '<<' merges a mapping or a list of mappings"),
        ("b: {<<: [1]}", "f:1: '<<' merges a mapping or a list of mappings"),
        ("b:\n  <<: {}\n  <<: {}", "f:3: '<<' is given twice"),
        ("b: &b {<<: *b}", "is nested more than 64 levels deep"),
        (
            "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 40)),
            "has more than 200,000 values",
        ),
    ],
)
def test_merge_keys_that_cannot_be_meant(text, message):
    with pytest.raises(SpecError, match=message):
        read_yaml(text, "f")


# Bounds


HUGE = [
    (read_yaml, "a: " + "9" * 400_000, "f:1: a number of 400,000 digits is too long"),
    (read_yaml, "a: 0x" + "f" * 400_000, "f:1: a number of 400,002 digits is too long"),
    (read_yaml, "a:\n" + "- 1\n" * 100_000, "has more than 50,000 values"),
    (read_yaml, "[" * 400_000, "nested more than 64"),
    (read_yaml, "? " * 50_000, "nested more than 64"),
    (read_yaml, "{a: " * 50_000, "nested more than 64"),
    (read_toml, "a = " + "9" * 400_000, "too many digits"),
    (read_toml, "a = 0x" + "f" * 400_000, "too long"),
    (read_toml, "a = " + "[" * 400_000, "nested more than 64"),
    (read_toml, "a" + ".a" * 50_000 + " = 1", "nested more than 64"),
    (read_toml, "[a" + ".a" * 50_000 + "]", "nested more than 64"),
    (read_toml, "a = {" + "b.c = 1, " * 60_000 + "}", "more than 50,000 values"),
    (read_toml, "a = [\n" + "1,\n" * 20_000 + "?", "f:20002: "),
    (read_toml, 'a = """' + 'x"' * 100_000, "Unterminated"),
    (read_toml, "a = '" + "'" * 100_001, "f:1: "),
]


@pytest.mark.parametrize(("read_text", "text", "message"), HUGE)
@pytest.mark.timeout(20)
def test_what_is_too_much_is_refused_soon(read_text, text, message):
    began = time.process_time()
    with pytest.raises(SpecError, match=message):
        read_text(text, "f")
    assert time.process_time() - began < 6.0, "a sentence within a second or two, on a machine that is not busy"


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("a = [\n" + "".join(f"  {i},\n" for i in range(20_000)) + "]\nb = 1\n", 20_002),
        ("".join(f"a.b{i} = 1\n" for i in range(20_000)) + "c = 1\n", 20_000),
        ("".join(f"[t.a{i}]\nx = 1\n" for i in range(10_000)), 20_000),
        ("".join("[[t]]\nx = 1\n" for _ in range(10_000)), 20_000),
        ('a = """\n' + "x\n" * 20_000 + '"""\n\n[c]\nd = """"quoted""""  # more\ne = 1\n', 20_006),
    ],
)
@pytest.mark.timeout(20)
def test_lines_are_found_in_one_go(text, n):
    began = time.process_time()
    tree = read_toml(text, "f")
    assert time.process_time() - began < 4.0, "some 0.3 s, on a machine that is not busy"
    assert deepest(tree) == n or deepest(tree) == n + 1


def deepest(tree):
    inner = tree.value.values() if isinstance(tree.value, dict) else tree.value if isinstance(tree.value, list) else []
    return max([tree.line, *map(deepest, inner)])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a.b = 1\na.c = 2\n", {"a": 1, "a.b": 1, "a.c": 2}),
        (
            "x = 1 # [not]\n\n[t]\na = ['#', \"]\", '''\n]''']\nb = {c = 1}\n",
            {"x": 1, "t": 3, "t.a": 4, "t.b": 6, "t.b.c": 6},
        ),
        ('\'a.b\' = 1\n"c\\"=" = 2\n', {"a.b'": 1, 'c"=': 2}),
        ("[[t]]\na = 1\n[[t]]\na = 2\n[t.s]\nb = 3\n", {"t.1.a": 4, "t.1.s": 5, "t.1.s.b": 6}),
        ("a = 1\r\nb = [\r\n1]\r\nc = 1\r\n", {"a": 1, "b": 2, "c": 4}),
        ("a = 1979-05-27T07:32:00.5Z\nb = 1.5e3\nc = 1", {"b": 2, "c": 3}),
    ],
)
def test_every_key_knows_its_line(text, lines):
    tree = read_toml(text, "f")
    for path, line in lines.items():
        found = tree.value.get(path.rstrip("'")) or follow(tree, path.split("."))
        assert found.line == line, path


def follow(tree, path):
    for key in path:
        tree = tree.value[int(key) if isinstance(tree.value, list) else key]
    return tree
