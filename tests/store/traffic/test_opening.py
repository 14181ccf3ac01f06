"""Opening a store: older ones are brought up to date, newer ones and other things are refused with one clear message."""

from __future__ import annotations

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from sizewise.core.errors import LimitReached, SizewiseError, StoreError
from sizewise.store.traffic import TrafficStore, database, migration, open_traffic
from sizewise.store.traffic.schema import METADATA

from .exchanges import exchange

SECOND = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "0002", "0001"
def upgrade():
    op.add_column("exchanges", sa.Column("note", sa.Text))
"""


def test_the_migrations_make_the_schema(store: TrafficStore, url: str) -> None:
    engine = create_engine(database.address(url))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_the_versions_are_those_of_the_scripts() -> None:
    scripts = migration._SCRIPTS / "versions"
    assert tuple(sorted(file.name[:4] for file in scripts.glob("[0-9]*.py"))) == migration.VERSIONS


def test_an_older_store_is_brought_up_to_date_and_a_newer_one_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_traffic(url) as store:
        store.append([exchange(1)])
    scripts = Path(shutil.copytree(migration._SCRIPTS, tmp_path / "100% migrations"))
    (scripts / "versions" / "0002_note.py").write_text(SECOND, encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(migration, "_SCRIPTS", scripts)
        patch.setattr(migration, "VERSIONS", ("0001", "0002"))
        with pytest.raises(StoreError, match="a store of version 0001"):
            open_traffic(url, read_only=True)
        with open_traffic(url) as store:
            assert [e.id for e in store.exchanges()] == [exchange(1).id]
            store.append([exchange(2)])
        open_traffic(url, read_only=True).close()
    for read_only in (True, False):
        with pytest.raises(StoreError, match=r"by a newer Sizewise \(its version is 0002, this one knows up to 0001\)"):
            open_traffic(url, read_only=read_only)


def test_many_open_a_new_store_at_once(url: str) -> None:
    def write(number: int) -> int:
        with open_traffic(url) as store:
            return store.append([exchange(number), exchange(1_000)])

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 9
    with open_traffic(url, read_only=True) as store:
        assert store.count() == 9


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE songs (name TEXT)")
    other.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b"PK\x03\x04 not ours at all"), "is no SQLite database"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000), "no SQLite database|damaged"),
        (lambda path: os.mkfifo(path), "no regular file"),
        (other_database, "a database of something else .tables: songs"),
    ],
    ids=["folder", "zip", "damaged", "pipe", "other"],
)
def test_what_is_no_store(make: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    make(path)  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else b""
    for read_only in (True, False):
        with pytest.raises(StoreError, match=said) as refused:
            open_traffic(str(path), read_only=read_only)
        assert "\n" not in str(refused.value)
    if path.is_file():
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://anna:geheim@host/db", "SQLite or PostgreSQL, not mysql"),
        ("://", "no address"),
        ("a\0b", "NUL"),
        ("/nowhere/at/all/t.db", "cannot open /nowhere/at/all/t.db"),
    ],
)
def test_addresses_that_are_none(address: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as refused:
        open_traffic(address)
    assert "geheim" not in str(refused.value)


def test_a_server_that_is_away(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(LimitReached, match="connection is bad") as refused:
        open_traffic(f"postgresql://anna:geheim@/traffic?host={tmp_path}")
    assert "geheim" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_store_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no traffic store"):
        open_traffic(str(tmp_path / "t.db"), read_only=True)
    assert not (tmp_path / "t.db").exists()


def test_a_store_in_a_folder_that_may_only_be_read(sqlite_store: TrafficStore, tmp_path: Path) -> None:
    sqlite_store.append([exchange(1)])
    sqlite_store.close()
    path = tmp_path / "t\u00e9l\u00e9 100%?#.db"
    (tmp_path / "traffic.db").rename(path)
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        with open_traffic(str(path), read_only=True) as store:
            assert store.count() == 1
    finally:
        tmp_path.chmod(0o700)


def test_what_the_database_says_is_never_quoted(sqlite_store: TrafficStore) -> None:
    with pytest.raises(SizewiseError) as refused:
        sqlite_store.append([exchange(1, status=2**70, input="тайна")])
    assert "тайна" not in str(refused.value)
    assert "INSERT" not in str(refused.value)
