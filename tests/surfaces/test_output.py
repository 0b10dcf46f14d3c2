"""What reaches a terminal, a file and a full disk: no escape sequence, any encoding, and an exit code."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from studies import write, write_all
from terminal import SGR, commands, piped

import trimtab as tt
from trimtab.space.problem import Metric, Problem

TRIMTAB = (sys.executable, "-m", "trimtab.surfaces.cli")
HOSTILE = "\x1b[31mred\x07\x9b2J\x7f\u202eevil\u2066\u200b\u2028end"
SAFE = re.compile(r"[\r\n\t]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    write_all(folder)
    return folder


def call(
    folder: Path, *argv: str | bytes, stdout: int = subprocess.PIPE, **env: str
) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != "TRIMTAB_STORE"} | env
    return subprocess.run(
        [*TRIMTAB, *argv], cwd=folder, env=environment, stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=120
    )


# -- escape sequences ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which everything that can be named or noted holds what a terminal would obey."""
    folder = tmp_path_factory.mktemp("hostile")
    url = f"sqlite:///{folder}/trimtab.db"
    space = tt.Space({f"p{HOSTILE}": tt.Categorical([f"c{HOSTILE}", "d"]), "x": tt.Float(0, 1)})
    problem = Problem(space, (Metric(f"m{HOSTILE}", "minimize"), tt.at_most(f"b{HOSTILE}", 1)))
    write(url, "plain", problem, 3, lambda i: {f"m{HOSTILE}": 0.5, f"b{HOSTILE}": i, f"u{HOSTILE}": 1.0}, why=HOSTILE)
    with tt.load_study(url, "plain") as study:
        study.note(f"n{HOSTILE}", HOSTILE)
        study.note(f"n{HOSTILE}", {"deep": [HOSTILE]}, 1)
        study.tag(1, f"t{HOSTILE}")
        study.tell(study.ask().number, failed="exception", error=f"{HOSTILE}\n{HOSTILE}")
    write(url, "other", problem, 1, lambda i: {f"m{HOSTILE}": 0.5, f"b{HOSTILE}": 0.0})
    # Only a stranger's store holds a study of such a name: we make none.
    with sqlite3.connect(folder / "trimtab.db") as connection:
        connection.execute("UPDATE study SET name = ? WHERE name = 'other'", (f"s{HOSTILE}",))
    return folder


LOOKS = [
    ["list"],
    ["show", "plain"],
    ["show", "plain", "1"],
    ["show", "plain", "3"],
    ["best", "plain"],
    ["best", "plain", "--params"],
    ["trials", "plain"],
    ["trials", "plain", "--columns", "all"],
    ["trials", "plain", "--sort", f"m{HOSTILE}"],
    ["ask", "plain"],
    ["tell", "plain", "4", "--failed", "oom", "--error", HOSTILE],
    ["replay", "plain"],
    ["show"],  # an error that lists the studies
    ["show", f"s{HOSTILE}"],
    ["show", HOSTILE],
    ["trials", "plain", "--columns", HOSTILE],
    ["trials", "plain", "--sort", HOSTILE],
    ["export", "plain", f"{HOSTILE}.xlsx"],
    ["run", f"{HOSTILE}.yaml"],
    ["list", "--store", f"nowhere://{HOSTILE}"],
    ["list", "--store", f"sqlite:///{HOSTILE}/x.db"],
    ["tell", "plain", "0", f"{HOSTILE}=1"],
    [HOSTILE],
    [f"--{HOSTILE}"],
    ["doctor"],
]


def test_no_escape_sequence_reaches_a_terminal(hostile):
    for argv, text in zip(LOOKS, commands(LOOKS, 100, hostile), strict=True):
        assert text.strip(), argv
        assert "Traceback" not in text, argv
        left = SAFE.sub("", SGR.sub("", text))
        bad = [char for char in left if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        assert bad == [], f"{argv}: {text!r}"
        assert "\x1b[31mred" not in text, f"{argv}: a colour of theirs"


def holds(value: object) -> bool:
    """Return whether a text within a JSON value holds the hostile one, whole."""
    if isinstance(value, dict):
        return any(holds(key) or holds(inner) for key, inner in value.items())
    return any(map(holds, value)) if isinstance(value, list) else isinstance(value, str) and HOSTILE in value


@pytest.mark.parametrize("argv", [["list"], ["show", "plain"], ["show", "plain", "1"], ["best", "plain"], ["trials"]])
def test_json_escapes_them_and_reads_back(hostile, argv):
    done = call(hostile, *argv, *(["plain"] if argv == ["trials"] else []), "--json")
    text = done.stdout.decode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\u2066]", text)
    assert holds(json.loads(text))
    found = json.loads(text)
    if argv[0] == "trials":
        assert f"p{HOSTILE}" in found[0]["params"]
        assert f"m{HOSTILE}" in found[0]["metrics"]
        assert found[1]["notes"] == {f"n{HOSTILE}": {"deep": [HOSTILE]}}
        assert found[1]["tags"] == [f"t{HOSTILE}"]


# -- encodings -------------------------------------------------------------------------------------------------------

LOCALES = {
    "ascii": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    "strict ascii": {"PYTHONIOENCODING": "ascii:strict"},
}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_locale_will_do(folder, locale):
    names = ("digits", "two objectives 研究")
    looks = [["list"], *([*argv, name] for argv in (["show"], ["trials"], ["best"]) for name in names)]
    looks += [["show", name, "3"] for name in names]
    for look, text in zip(looks, piped(looks, folder, **LOCALES[locale]), strict=True):
        said = text.decode("latin-1" if locale == "latin-1" else "ascii")
        assert len(said) > 40, look
        if look == ["show", "digits"] and "ascii" in locale:
            assert "0.08123 -> 0.07165" in said
    looks = [[*look, "--json"] for look in looks]
    for text in piped(looks, folder, **LOCALES[locale]):
        json.loads(text.decode("utf-8"))


def test_a_name_is_found_in_a_locale_that_has_no_letters_for_it(folder):
    found = json.loads(call(folder, "show", "two objectives 研究", "--json", **LOCALES["ascii"]).stdout)
    assert found["name"] == "two objectives 研究"


@pytest.mark.parametrize(
    "argv", [[b"show", b"a\xff\x1b"], [b"list", b"--store", b"a\xff/b.db"], [b"run", b"a\xff.yaml"]]
)
def test_words_that_are_no_text_are_one_sentence(folder, argv):
    done = call(folder, *argv)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1, done.stderr
    assert b"\\udcff" in done.stderr


def test_a_store_whose_path_is_no_text(folder, tmp_path):
    path = os.fsencode(tmp_path) + b"/a\xff.db"
    url = b"sqlite:///" + path
    (tmp_path / "study.yaml").write_text(
        "command: [x]\nminimize: l\nspace: {x: {float: [0, 1]}}\nname: odd\nbudget: 1\n"
    )
    assert call(tmp_path, "ask", "--file", "study.yaml", "--store", url).returncode == 0
    assert os.path.exists(path)
    for one in (url, path):
        assert json.loads(call(tmp_path, "list", "--json", "--store", one).stdout)[0]["name"] == "odd"


# -- streams that cannot be written to ---------------------------------------------------------------------------------

EVERY = [
    ["--help"],
    ["list"],
    ["show", "digits"],
    ["trials", "digits", "--json"],
    ["export", "digits", "out.csv"],
    ["completion", "zsh"],
]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
def test_a_full_disk_is_one_sentence_and_an_exit_code(folder):
    with open("/dev/full", "wb") as full:
        for argv in EVERY:
            done = call(folder, *argv, stdout=full.fileno())
            assert done.returncode == 1, argv
            assert done.stderr.startswith(b"trimtab: cannot write to stdout: No space left on device; ")
            assert done.stderr.count(b"\n") == 1, argv


def test_a_closed_stdout_is_one_sentence_and_an_exit_code(folder):
    for argv in EVERY:
        line = ["sh", "-c", 'exec "$@" >&-', "sh", *TRIMTAB, *argv]
        done = subprocess.run(line, cwd=folder, capture_output=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (
            1,
            b"trimtab: cannot write to stdout: it is closed; what was printed is not complete.\n",
        ), argv


def test_a_closed_or_full_stderr_ends_nothing(folder):
    for end in (">&-", ">/dev/full"):
        line = ["sh", "-c", f'exec "$@" 2{end}', "sh", *TRIMTAB]
        assert subprocess.run([*line, "show", "nobody"], cwd=folder, check=False, timeout=60).returncode == 2
        listed = subprocess.run([*line, "list"], cwd=folder, check=False, timeout=60, stdout=subprocess.PIPE)
        assert listed.returncode == 0
        assert b"digits" in listed.stdout


def test_a_run_that_cannot_say_its_result_has_kept_it(tmp_path):
    (tmp_path / "study.yaml").write_text(
        """command: ["sh", "-c", "echo '{{\\"loss\\": {x}}}'"]\n"""
        "minimize: loss\nspace: {x: {float: [0, 1]}}\nbudget: 3\n"
    )
    line = ["sh", "-c", 'exec "$@" >&-', "sh", *TRIMTAB, "run", "study.yaml"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
    assert b"stdout: it is closed" in done.stderr
    assert json.loads(call(tmp_path, "show", "--json").stdout)["states"] == {"complete": 3}


def test_a_reader_that_has_seen_enough_is_no_error_in_any_command(folder):
    for argv in ("trials digits", "trials digits --json", "show digits", "--help"):
        line = f"{' '.join(TRIMTAB)} {argv} | true; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, check=False, timeout=60)
        assert (done.stdout, done.stderr) == (b"0\n", b""), argv


def test_nothing_is_printed_by_another_door():
    """`say` and `complain` clean what they print; `click.echo` and `print` would not."""
    folder = Path(tt.__file__).parent / "surfaces" / "cli"
    other = re.compile(r"\bclick\.(echo|secho)\(|(?<![\w.])print\(|sys\.std(out|err)\.write")
    found = [
        f"{path.name}:{n}"
        for path in sorted(folder.glob("*.py"))
        for n, line in enumerate(path.read_text().splitlines(), 1)
        if other.search(line)
        and path.name != "output.py"
        and not line.startswith("print(json")  # a program that `init` writes
    ]
    assert found == []
