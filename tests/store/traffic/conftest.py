"""A store in SQLite, and one in a PostgreSQL server of its own where this machine has one."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sizewise.store.traffic import TrafficStore, open_traffic

_NUMBERS = itertools.count()


def programs() -> Path | None:
    """Where PostgreSQL's programs lie, the newest ones."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda place: int(place.parts[-3]))
    return places[-1].parent if places else None


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that listens on a socket alone; ``{}`` stands for the name of a database."""
    pytest.importorskip("psycopg", reason="PostgreSQL needs the extra `postgres`")
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed here (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path must be short
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:  # which it refuses to run as
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    as_user = user if os.geteuid() == 0 else None
    data = folder / "data"

    def run(*command: str | Path) -> None:
        subprocess.run(list(map(str, command)), user=as_user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    run(where / "initdb", "-D", data, "-A", "trust", "-U", "sizewise", "-E", "UTF8", "--no-sync", "--locale", "C")
    run(
        where / "pg_ctl",
        "-D",
        data,
        "-w",
        "-l",
        folder / "log",
        "-o",
        f"-k {folder} -c listen_addresses='' -F",
        "start",
    )
    try:
        yield f"postgresql://sizewise@/{{}}?host={folder}"
    finally:
        run(where / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server: str) -> str:
    """The address of a new, empty database."""
    import psycopg

    name = f"traffic{next(_NUMBERS)}"
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.format(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be made."""
    return f"sqlite:///{tmp_path}/traffic.db" if request.param == "sqlite" else request.getfixturevalue("database")


@pytest.fixture
def store(url: str) -> Iterator[TrafficStore]:
    """An empty store of either kind."""
    with open_traffic(url) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[TrafficStore]:
    """An empty store in ``tmp_path / "traffic.db"``."""
    with open_traffic(f"sqlite:///{tmp_path}/traffic.db") as opened:
        yield opened
