"""URLs of stores: each kind opens, each mistake is one sentence, and no password is ever shown."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from trimtab import plugins
from trimtab.errors import MissingExtraError, PluginError, StoreUnavailableError, StoreUrlError
from trimtab.storage import url as urls
from trimtab.storage.memory import MemoryStore
from trimtab.storage.url import files_dir, hurried, normalised, open_store, redacted
from trimtab.testing.journals import notes


def test_none_and_memory_are_the_memory() -> None:
    assert isinstance(open_store(None), MemoryStore)
    assert isinstance(open_store("memory://"), MemoryStore)
    assert files_dir(None) is None
    assert files_dir("memory://") is None


@pytest.mark.parametrize(
    "spelling", ["sqlite:///a b.db", "sqlite:///a%20b.db", "SQLite:///a b.db", "a b.db", "./a b.db", Path("a b.db")]
)
def test_a_sqlite_file_has_many_spellings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str | Path
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(spelling)
    store.create("s", notes(1))
    store.close()
    assert (tmp_path / "a b.db").exists()
    assert files_dir(spelling) == Path.cwd() / "a b-files"


@pytest.mark.parametrize("name", ["x.sqlite", "x.sqlite3", "100%.db", "50%25.db", "what?.db", "a#b.db", "研究.db"])
def test_a_bare_path_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    store = open_store(str(tmp_path / name))
    store.create("s", notes(1))
    store.close()
    assert (tmp_path / name).exists()
    again = open_store(store.url)
    assert again.open("s").head().seq == 1
    again.close()


def test_an_absolute_path_has_four_slashes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    assert url.startswith("sqlite:////")
    assert urls.sqlite_path(url) == tmp_path / "x.db"
    assert files_dir(url) == tmp_path / "x-files"


def test_a_tilde_is_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert urls.sqlite_path("sqlite:///~/x.db") == tmp_path / "x.db"


def test_a_file_comes_into_being_with_its_first_study(tmp_path: Path) -> None:
    store = open_store(tmp_path / "later.db")
    assert store.studies() == []
    assert [finding.level for finding in store.check()] == ["ok"]
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_another_working_directory_is_not_another_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///x.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.create("s", notes(1))
    store.close()
    assert (tmp_path / "x.db").exists()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", r"'' is no store URL: write sqlite:///trimtab\.db"),
        ("trimtab", r"'trimtab' is no store URL"),
        ("://x", r"is no store URL"),
        (17, r"named by a URL, got int"),
        (
            "sqllite:///x.db",
            r"no store is called 'sqllite' \(did you mean 'sqlite'\?\) in .*there are: memory, postgresql, sqlite",
        ),
        ("mysql://u:secret@h/d", r"no store is called 'mysql'.*'mysql://u:\*\*\*@h/d'"),
        ("memory://name", r"has no name or options, write memory://"),
        ("sqlite://x.db", r"two slashes .* write sqlite:///x\.db"),
        ("sqlite://", r"write sqlite:///trimtab\.db"),
        ("sqlite:///", r"names no file"),
        ("sqlite:///folder/", r"names no file"),
        ("sqlite:///:memory:", r"write memory://"),
        ("sqlite:///no/such/folder/x.db", r"no folder 'no/such/folder'; make it first"),
        ("sqlite:///x.db?timout=3", r"unknown option 'timout' \(did you mean 'timeout'\?\)"),
        ("sqlite:///x.db?timeout=soon", r"timeout is a number of seconds, got 'soon'"),
        ("sqlite:///x.db?timeout=-1", r"timeout is a number of seconds"),
        ("sqlite:///x.db?timeout=nan", r"timeout is a number of seconds"),
        ("sqlite:///x.db?synchronous=off", r"synchronous is 'full' or 'normal', got 'off'"),
        ("postgresql://h/d?schema=Bad Name", r"schema is a name of small letters"),
        ("postgresql://h/d?schema=a%22;drop", r"schema is a name of small letters"),
        ("postgresql://h/d?nonsense=1", r"cannot be read: .*a part of it"),
        ("postgresql://u:100%secret@h/d", r"password in .* holds a character that must be escaped"),
    ],
)
def test_a_url_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreUrlError, match=sentence) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUrlError, match=r"is a folder: name a file in it"):
        open_store(f"sqlite:///{tmp_path}")


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUrlError, match=r"there is no folder"):
        open_store(tmp_path / "file" / "x.db")


@pytest.mark.parametrize("content", ["key: value\n" * 500, "x", "SQLite format 3\0" + "?" * 2000])
def test_a_file_that_is_no_database(tmp_path: Path, content: str) -> None:
    (tmp_path / "notes.db").write_text(content)
    with pytest.raises(StoreUrlError, match=r"is not a database file"):
        open_store(tmp_path / "notes.db")
    assert (tmp_path / "notes.db").read_text() == content


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("postgresql://u:secret@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u:se/cr@et@h/d", "postgresql://u:***@h/d"),
        ("postgresql://:secret@h/d", "postgresql://:***@h/d"),
        ("postgresql://u@h/d?password=secret&x=1", "postgresql://u@h/d?password=***&x=1"),
        ("postgresql://u@h/d?a=1&PASSWORD=secret", "postgresql://u@h/d?a=1&PASSWORD=***"),
        ("u:secret@h/d", "u:***@h/d"),
        (normalised("u:secret@h/d.db"), "sqlite:///u:***@h/d.db"),
        ("sqlite:///a:b.db", "sqlite:///a:b.db"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
    ],
)
def test_a_password_is_never_shown(url: str, hidden: str) -> None:
    assert redacted(url) == hidden


def test_postgres_is_another_name_for_postgresql() -> None:
    assert urls.normalised("postgres://h/d") == "postgresql://h/d"
    assert files_dir("postgres://h/d") == Path.cwd() / "trimtab-files"


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"cannot be reached: is the server running there\?") as caught:
        open_store(f"postgres://u:secret@/d?host={tmp_path}&timeout=0")
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreUnavailableError, match=r"cannot be reached"):
        open_store("postgresql://u@127.0.0.1:1/d?connect_timeout=3&timeout=0")


def test_without_psycopg_its_install_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trimtab\[postgres\]'"):
        open_store("postgresql://u@h/d")


class Redis(MemoryStore):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


def test_a_plugin_brings_its_own_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    known = plugins._entry_points("stores")
    monkeypatch.setitem(known, "redis", EntryPoint("redis", f"{__name__}:Redis", "trimtab.stores"))
    store = open_store("redis://h/0")
    assert (type(store), store.url) == (Redis, "redis://h/0")


def test_what_is_no_store_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    known = plugins._entry_points("stores")
    monkeypatch.setitem(known, "json", EntryPoint("json", "json:dumps", "trimtab.stores"))
    with pytest.raises(PluginError, match=r"the store 'json' is none: expected a Store of .*, got '\"json://h/0\"'"):
        open_store("json://h/0")


@pytest.mark.parametrize(
    ("url", "hurried_url"),
    [
        ("trimtab.db", "sqlite:///trimtab.db?timeout=1"),
        ("sqlite:///a.db?synchronous=normal", "sqlite:///a.db?synchronous=normal&timeout=1"),
        ("postgres://u@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require&timeout=1"),
        ("postgresql://u@h/d?timeout=7", "postgresql://u@h/d?timeout=7"),
        ("memory://", "memory://"),
    ],
)
def test_who_is_in_a_hurry_waits_shortly_unless_told_otherwise(url: str, hurried_url: str) -> None:
    assert hurried(url, 1) == hurried_url
