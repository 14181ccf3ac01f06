"""The traffic store: exchanges appended in groups, read as a stream, deleted so that they are gone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from types import TracebackType
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Dialect, Engine, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from sizewise.core.errors import LimitReached, SizewiseError, StoreError
from sizewise.core.exchange import Exchange
from sizewise.store.traffic import database, migration, rows
from sizewise.store.traffic.database import PATIENCE, Durable
from sizewise.store.traffic.schema import EXCHANGES

#: rows that one transaction of a deletion takes: others write in between
AT_A_TIME = 500
#: pages that are given back to the file system at a time
PAGES = 2_000
#: rows of one INSERT, 31 columns each, of the 32,766 values that SQLite takes, and the 65,535 of PostgreSQL; beyond
#: some only so many at once, so that few statements are prepared and few are needed
ROWS_A_STATEMENT, EVEN_ROWS = 64, 16
_COLUMNS = [EXCHANGES.c[name] for name in rows.NAMES]
_BUFFERED = 8  # rows that a PostgreSQL cursor fetches at a time


def open_traffic(
    url: str, *, durable: Durable = "process", read_only: bool = False, patience: float = PATIENCE
) -> TrafficStore:
    """Open the store at ``url``: ``sqlite:///PATH``, the bare path of an SQLite file, or ``postgresql://…``.

    A file that is not there is made (for its owner alone), a store of an older version is brought to the newest; not
    so ``read_only``, which sees the store as it is at this moment until it is closed. With ``durable="power"`` an
    append has reached the disk when it returns; else it survives the process, not a failure of power. ``patience`` is
    how many seconds a writer waits for another process's. Raises ``StoreError`` for what is no store of ours or is of
    a newer version, ``LimitReached`` where the disk is full or the server away.
    """
    where = database.address(url)
    said = database.shown(where)
    with database.explained(said):
        engine = database.engine(where, durable=durable, read_only=read_only, patience=patience)
        try:
            return TrafficStore(engine, said, read_only=read_only)
        except BaseException:
            engine.dispose()
            raise


@dataclass(frozen=True, slots=True)
class Emptied:
    """What a deletion did: how many rows, and whether nothing of them is left in the file (``None``: no file)."""

    rows: int
    gone: bool | None


class TrafficStore:
    """An open store. Appending is one thread's at a time; everything else may come from any thread."""

    def __init__(self, engine: Engine, where: str, *, read_only: bool) -> None:
        self.where = where
        self._engine, self._read_only = engine, read_only
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._insertions: dict[int, str] = {}
        try:
            self._begin()
        except BaseException:
            self._drop_writer()
            raise

    def _begin(self) -> None:
        """Look at the version, and bring the store to the newest; for reading only, hold on to what it is now."""
        if not self._read_only:
            migration.migrate(self._engine, self.where)
            return
        self._connection = self._engine.connect()
        self._connection.begin()
        if (found := migration.version(self._connection, self.where)) != migration.VERSIONS[-1]:
            raise StoreError(
                f"{self.where} is {'empty' if found is None else f'a store of version {found}'}: "
                "open it once with `sizewise serve`, which brings it to the newest version."
            )

    def append(self, exchanges: Sequence[Exchange]) -> int:
        """Write ``exchanges`` in one transaction; how many were new. All of them are durable when it returns.

        One whose ``id`` is there already, or whose idempotency key was answered before, is passed over. Raises
        ``LimitReached`` for what may pass (disk full, locked, server away), ``StoreError`` for a value that the
        database cannot hold; then none of them is written.
        """
        if not exchanges:
            return 0
        with self._lock, database.explained(self.where):
            made = [rows.row(one) for one in exchanges]
            connection = self._writer()
            try:
                with connection.begin():
                    return sum(self._appended(connection, made))
            except BaseException:
                self._drop_writer()
                raise

    def _appended(self, connection: Connection, made: Sequence[tuple[Any, ...]]) -> Iterator[int]:
        """Several rows a statement: SQLite lets go of the interpreter's lock for each, and gets it back late under load."""
        start = 0
        while left := len(made) - start:
            count = left if left <= EVEN_ROWS else min(left // EVEN_ROWS * EVEN_ROWS, ROWS_A_STATEMENT)
            values = tuple(chain.from_iterable(made[start : start + count]))
            if count not in self._insertions:
                self._insertions[count] = _insertion(self._engine.dialect.name, count)
            yield connection.exec_driver_sql(self._insertions[count], values).rowcount
            start += count

    def exchanges(
        self,
        task: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        subject: str | None = None,
        mode: str | None = None,
        *,
        model: str | None = None,
        route: str | None = None,
        newest_first: bool = False,
        most: int | None = None,
    ) -> Iterator[Exchange]:
        """Exchanges that fit all that is given, ordered by time (``since`` included, ``until`` not), one at a time."""
        where = _fitting(task=task, since=since, until=until, subject=subject, mode=mode, model=model, route=route)
        order = (EXCHANGES.c.at, EXCHANGES.c.number)
        query = select(*_COLUMNS).where(*where).order_by(*(c.desc() for c in order) if newest_first else order)
        if most is not None:
            query = query.limit(most)
        with database.explained(self.where), self._reading() as connection:
            if not self._is_sqlite:  # whose own cursors read row by row
                connection = connection.execution_options(stream_results=True, max_row_buffer=_BUFFERED)
            with connection.execute(query) as found:
                for stored in found:
                    yield rows.exchange(stored)

    def count(
        self,
        task: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        subject: str | None = None,
        mode: str | None = None,
        *,
        model: str | None = None,
        route: str | None = None,
    ) -> int:
        """How many exchanges fit all that is given."""
        where = _fitting(task=task, since=since, until=until, subject=subject, mode=mode, model=model, route=route)
        with database.explained(self.where), self._reading() as connection:
            return int(connection.execute(select(func.count()).select_from(EXCHANGES).where(*where)).scalar_one())

    def answered(self, idempotency: bytes) -> Exchange | None:
        """The exchange that answered a request with this key whole, if there is one and nothing in it was masked."""
        query = select(*_COLUMNS).where(EXCHANGES.c.idempotency == idempotency, EXCHANGES.c.masked.is_(None))
        with database.explained(self.where), self._reading() as connection:
            found = connection.execute(query).first()
        return None if found is None else rows.exchange(found)

    def delete(self, before: datetime | None = None, subject: str | None = None, task: str | None = None) -> int:
        """Delete what fits all that is given, for good; how many rows. See ``emptied`` for whether it is gone."""
        return self.emptied(before, subject, task).rows

    def emptied(self, before: datetime | None = None, subject: str | None = None, task: str | None = None) -> Emptied:
        """Delete what fits all that is given. At least one must be.

        In SQLite the content is overwritten, the write-ahead log emptied and the space given back; ``gone`` is False
        where another process was reading just then, so that the log could not be emptied yet.
        """
        if before is None and subject is None and task is None:
            raise StoreError("say what to delete: by age, by subject or by task.")
        where = _fitting(task=task, until=before, subject=subject)
        total = 0
        while removed := self._delete(where, AT_A_TIME):
            total += removed
        return Emptied(total, self._give_back() if self._is_sqlite else None)

    def sweep(self, days: float, most: int | None = None) -> int:
        """Delete what is older than ``days`` days, at most ``most`` rows of it; how many were deleted."""
        before = datetime.now(UTC) - timedelta(days=days)
        if most is None:
            return self.delete(before=before)
        removed = self._delete(_fitting(until=before), most)
        if removed and self._is_sqlite:
            self._vacuum_step()
        return removed

    def close(self) -> None:
        """Let go of the database. What was appended stays."""
        with self._lock, suppress(SQLAlchemyError):
            self._drop_writer()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _writer(self) -> Connection:
        if self._read_only:
            raise StoreError(f"the traffic store {self.where} was opened for reading only.")
        if self._connection is None or self._connection.closed:
            self._connection = self._engine.connect().execution_options(writes=True)
        return self._connection

    def _drop_writer(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(SQLAlchemyError):
                connection.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if self._read_only and self._connection is not None:
            yield self._connection
        else:
            with self._engine.connect() as connection:
                yield connection

    def _delete(self, where: Sequence[ColumnElement[bool]], most: int) -> int:
        chosen = select(EXCHANGES.c.number).where(*where).order_by(EXCHANGES.c.at).limit(most)
        with self._lock, database.explained(self.where):
            connection = self._writer()
            try:
                with connection.begin():
                    return connection.execute(delete(EXCHANGES).where(EXCHANGES.c.number.in_(chosen))).rowcount
            except BaseException:
                self._drop_writer()
                raise

    def _vacuum_step(self, pages: int = PAGES) -> int:
        """Give up to ``pages`` free pages back; how many are left."""
        with self._lock, database.explained(self.where), self._engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
            return int(raw.execute("PRAGMA freelist_count").fetchone()[0])

    def _give_back(self) -> bool:
        """Give free pages back and empty the write-ahead log; whether it is empty now."""
        with suppress(LimitReached):
            left = -1
            while left and left != (left := self._vacuum_step()):
                pass
        try:
            with self._lock, database.explained(self.where), self._engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                return not busy
        except SizewiseError:
            return False


def _insertion(dialect: str, count: int) -> str:
    """The statement that inserts ``count`` rows of ``rows.NAMES``, but for those that are there.

    SQLAlchemy writes it once: its own way from rows to parameters takes longer than all the rest of an append.
    """
    into = sqlite.insert(EXCHANGES) if dialect == "sqlite" else postgresql.insert(EXCHANGES)
    positional: Dialect = sqlite.dialect() if dialect == "sqlite" else postgresql.psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    made = into.on_conflict_do_nothing().inline().compile(dialect=positional, column_keys=list(rows.NAMES))
    assert made.positiontup == list(rows.NAMES)
    before, values, after = re.fullmatch(r"(.* VALUES )(\(.*\))( ON CONFLICT DO NOTHING)", str(made)).groups()  # type: ignore[union-attr]
    return before + ", ".join([values] * count) + after


def _fitting(
    *,
    task: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    subject: str | None = None,
    mode: str | None = None,
    model: str | None = None,
    route: str | None = None,
) -> list[ColumnElement[bool]]:
    named = {"task": task, "subject": subject, "mode": mode, "route": route}
    where = [EXCHANGES.c[name] == rows.storable(value) for name, value in named.items() if value is not None]
    if model is not None:
        wanted = rows.storable(model)
        where.append((EXCHANGES.c.model == wanted) | (EXCHANGES.c.answered_by == wanted))
    if since is not None:
        where.append(EXCHANGES.c.at >= rows.microseconds(since))
    if until is not None:
        where.append(EXCHANGES.c.at < rows.microseconds(until))
    return where
