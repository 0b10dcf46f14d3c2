"""A real PostgreSQL server for the tests: made in a temporary folder, reached over a Unix socket, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "cor/rect@horse"


@dataclass(frozen=True)
class PostgresServer:
    """A running server with the databases "tuning" (user "tuner", trusted) and "guarded" (the same, by password)."""

    bin: Path
    data: Path
    socket: Path
    user: str

    def url(self, schema: str | None = None, database: str = "tuning") -> str:
        """Return the URL of a database, with a schema of its own for each test that asks."""
        schema = schema or f"t_{uuid.uuid4().hex[:16]}"
        return f"postgresql://tuner@/{database}?host={self.socket}&schema={schema}"

    def sql(self, statement: str, database: str = "tuning") -> str:
        """Run a statement as the server's owner."""
        return self._run("psql", "-h", str(self.socket), "-d", database, "-Atqc", statement)

    def control(self, *args: str) -> str:
        """Run pg_ctl on this server, waiting until it is done."""
        return self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", "-l", str(self.data / "log"), *args)

    def _run(self, program: str, *args: str) -> str:
        command = [str(self.bin / program), *args]
        # pg_ctl start leaves the server with our stdout: it must not be a pipe that we wait for.
        with tempfile.TemporaryFile() as output:
            drop = {"user": self.user, "group": self.user, "extra_groups": []} if os.geteuid() == 0 else {}
            done = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
                **drop,
            )
            output.seek(0)
            text = output.read().decode()
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{text}")
        return text.strip()


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs, installing Debian's package when there are none and we may."""
    if (found := _installed()) is not None:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
        subprocess.run(["apt-get", "install", "-qy", "postgresql"], check=True, env=environment)
        if (found := _installed()) is not None:
            return found
    pytest.fail(
        "the tests of the PostgreSQL store need its server: apt-get install postgresql (or put initdb on PATH)."
    )


def _installed() -> Path | None:
    if program := shutil.which("initdb"):
        return Path(program).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server once per test session."""
    bin_folder = find_programs()
    # The path of a socket has at most 107 characters: not below pytest's own folder.
    base = Path(tempfile.mkdtemp(prefix="trimtab-pg-"))
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        shutil.chown(base, user, user)
    base.chmod(0o755)
    server = PostgresServer(bin_folder, base / "data", base, user)
    try:
        server._run(
            "initdb", "-D", str(server.data), "-U", user, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )
        settings = [
            "listen_addresses = ''",
            f"unix_socket_directories = '{base}'",
            "max_connections = 60",
            "shared_buffers = '32MB'",
            "autovacuum = off",
            "log_min_messages = fatal",
        ]
        with (server.data / "postgresql.conf").open("a") as conf:
            conf.write("\n" + "\n".join(settings) + "\n")
        rules = (server.data / "pg_hba.conf").read_text()
        (server.data / "pg_hba.conf").write_text("local guarded tuner scram-sha-256\n" + rules)
        server.control("start")
        server.sql(f"CREATE ROLE tuner LOGIN PASSWORD '{PASSWORD}'", "postgres")
        for database in ("tuning", "guarded"):
            server.sql(f"CREATE DATABASE {database} OWNER tuner", "postgres")
        yield server
    finally:
        if (server.data / "postmaster.pid").exists():
            server.control("stop", "-m", "immediate")
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Return the URL of an empty store on the session's server."""
    url = postgres_server.url()
    yield url
    schema = url.rpartition("schema=")[2]
    postgres_server.sql(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
