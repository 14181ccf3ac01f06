"""Where a store lies, how it is opened, and what its engine says, as one clear message.

SQLite: a write-ahead log, so that readers and one writer do not wait for each other; ``synchronous`` NORMAL keeps what
was committed when the process is killed, FULL also when the power fails (sqlite.org, *Write-Ahead Logging*, and
*PRAGMA synchronous*). Deleted content is overwritten (``secure_delete``), and its pages can be given back step by step
(``auto_vacuum`` incremental).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from sizewise.core.errors import LimitReached, StoreError

Durable = Literal["process", "power"]
#: seconds that a writer waits for another process's
PATIENCE = 5.0
#: pages (16 MiB) after which the log is written back: four times SQLite's own, for a quarter of the waits on the disk
_CHECKPOINT = 4_000
_SQLITE = b"SQLite format 3\x00"
_PASSING = {
    "SQLITE_FULL": "the disk is full", "SQLITE_IOERR": "the disk failed or is full",
    "SQLITE_BUSY": "another process holds it locked", "SQLITE_LOCKED": "another connection holds it locked",
    "SQLITE_READONLY": "it may only be read", "SQLITE_CANTOPEN": "it cannot be opened", "SQLITE_NOMEM": "no memory left",
    "SQLITE_PROTOCOL": "another process holds it locked", "SQLITE_PERM": "it may not be opened",
}  # fmt: skip


def address(url: str) -> URL:
    """Where ``url`` points to: ``sqlite:///PATH``, ``postgresql://…``, or the bare path of an SQLite file."""
    text = str(url)
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        parsed = make_url(text)
    except ArgumentError:
        raise StoreError("--store is no address. Write sqlite:///PATH or postgresql://USER@HOST/NAME.") from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise StoreError(f"{url} names no file. Write sqlite:///PATH, for example sqlite:///traffic.db.")
        return parsed.set(drivername="sqlite", query={})
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise StoreError(f"a traffic store is SQLite or PostgreSQL, not {backend}: sqlite:///PATH or postgresql://…")


def shown(url: URL) -> str:
    """``url`` as it may be said: a path, or an address without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True).replace("+psycopg", "", 1)


def engine(url: URL, *, durable: Durable, read_only: bool, patience: float = PATIENCE) -> Engine:
    """An engine for ``url``; nothing is connected to yet but an SQLite file is looked at, and made where it may be."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(str(url.database)), durable=durable, read_only=read_only, patience=patience)
    try:
        options = f"-c lock_timeout={int(patience * 1000)} -c synchronous_commit=on"
        made = create_engine(
            url, pool_pre_ping=True, connect_args={"options": options, "connect_timeout": max(2, int(patience))},
            isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        )  # fmt: skip
    except ModuleNotFoundError:
        raise StoreError("a store in PostgreSQL needs: pip install 'sizewise[postgres]'") from None
    return made


def _sqlite(path: Path, *, durable: Durable, read_only: bool, patience: float) -> Engine:
    _require_database(path, make=not read_only)
    how = "ro" if read_only else "rw"
    if read_only and not os.access(path.parent, os.W_OK) and not _wal(path).exists():
        how = "ro&immutable=1"  # nobody can be writing, and the log's shared memory cannot be made here

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={how}", uri=True, timeout=patience, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
        try:
            _set_up(connection, durable, read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    made = create_engine("sqlite://", creator=connect, pool_size=4, max_overflow=8, poolclass=_queue_pool())
    event.listen(made, "begin", _begin)
    return made


def _queue_pool() -> Any:
    from sqlalchemy.pool import QueuePool

    return QueuePool


def _begin(connection: Any) -> None:
    """A transaction that writes says so at once: two that began reading could never both go on to write."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up(connection: sqlite3.Connection, durable: Durable, read_only: bool) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    if read_only:
        connection.execute("SELECT count(*) FROM sqlite_master")  # says here what is no database
        return
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "exchanges" not in tables:
        return  # somebody else's, which is refused and left as it is
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if durable == 'power' else 'NORMAL'}")
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT}")
    connection.execute(f"PRAGMA journal_size_limit={64 << 20}")


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _require_database(path: Path, *, make: bool) -> None:
    """Raise ``StoreError`` where ``path`` can be no store; make an empty file, for its owner alone, where it may be."""
    try:
        if path.is_dir():
            raise StoreError(f"{path} is a folder. Name the file of the traffic store in it.")
        if not path.exists():
            if not make:
                raise StoreError(f"no traffic store {path}. `sizewise serve --store sqlite:///{path}` makes one.")
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        elif not path.is_file():
            raise StoreError(f"{path} is no regular file. Name the file of a traffic store.")
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
    except FileExistsError:
        return  # another worker made it in between
    except OSError as error:
        raise StoreError(f"cannot open {path}: {error.strerror}.") from None
    except ValueError:
        raise StoreError("the path of a store holds a NUL.") from None
    if head and not _SQLITE.startswith(head[: len(_SQLITE)]):
        raise StoreError(f"{path} is no SQLite database. Name another file; this one was left as it is.")
    if make and not os.access(path, os.W_OK):
        raise StoreError(f"{path} may not be written to. Change its permissions, or name another file.")


def sqlite_code(error: BaseException) -> str | None:
    """SQLite's name of what went wrong, without what it adds to it (``SQLITE_IOERR_WRITE`` is ``SQLITE_IOERR``)."""
    name = getattr(error, "sqlite_errorname", None)
    return "_".join(str(name).split("_")[:2]) if name else None


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what the database says into one of ours: what may pass by itself is a limit, the rest is input.

    A full disk, a lock that another process holds, a server that cannot be reached: ``LimitReached``. No database, a
    damaged one, a value it cannot hold: ``StoreError``. The message never quotes the statement or its values.
    """
    try:
        yield
    except DBAPIError as error:
        raise _ours(where, error.orig or error, passing=isinstance(error, OperationalError)) from None
    except sqlite3.Error as error:
        raise _ours(where, error, passing=isinstance(error, sqlite3.OperationalError)) from None
    except SQLAlchemyError as error:
        raise StoreError(f"the traffic store {where}: {type(error).__name__}.") from None
    except (OverflowError, UnicodeError) as error:
        raise StoreError(f"the traffic store {where} cannot hold a value ({type(error).__name__}).") from None


def _ours(where: str, error: BaseException, *, passing: bool) -> StoreError | LimitReached:
    code = sqlite_code(error)
    if code in _PASSING:
        return LimitReached(f"the traffic store {where}: {_PASSING[code]}.")
    if code == "SQLITE_NOTADB":
        return StoreError(f"{where} is no SQLite database. Name another file; this one was left as it is.")
    if code == "SQLITE_CORRUPT":
        return StoreError(f"the traffic store {where} is damaged. Restore a copy, or `sqlite3 FILE .recover` it.")
    if code is None and passing:
        return LimitReached(f"the traffic store {where}: {_first_line(error)}")
    return StoreError(f"the traffic store {where}: {code or type(error).__name__}.")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["it cannot be reached"])[0][:200]
