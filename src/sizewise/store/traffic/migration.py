"""Bring a store to the newest version, whoever opens it first; refuse what is none of ours."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from sizewise.core.errors import StoreError

#: every version, oldest first; each is a script in ``migrations/versions``
VERSIONS = ("0001",)
_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x53495A45  # any number, the same in every worker


def version(connection: Connection, where: str) -> str | None:
    """The version of the store, ``None`` where the database is empty. Raises ``StoreError`` where it is another's."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if "exchanges" in tables or (tables and connection.dialect.name == "sqlite"):
            raise StoreError(
                f"{where} is a database of something else (tables: {', '.join(sorted(tables)[:5])}). Name another one."
            )
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if len(found) != 1 or found[0] not in VERSIONS:
        raise StoreError(
            f"{where} was written by a newer Sizewise (its version is {', '.join(found) or 'missing'}, this one knows "
            f"up to {VERSIONS[-1]}). Install that one: pip install --upgrade sizewise."
        )
    return str(found[0])


def migrate(engine: Engine, where: str) -> None:
    """Bring the store of ``engine`` to the newest version, one process at a time."""
    with engine.connect() as connection:
        if version(connection, where) == VERSIONS[-1]:
            return
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        if version(connection, where) != VERSIONS[-1]:  # another worker may have been first
            _upgrade(connection)


def _upgrade(connection: Connection, to: str = "head") -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    with EnvironmentContext(
        config, scripts, fn=lambda now, _: scripts._upgrade_revs(to, now), destination_rev=to
    ) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
