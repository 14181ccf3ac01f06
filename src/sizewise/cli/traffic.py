"""``sizewise traffic``: what the gateway recorded, listed, exported and deleted."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sizewise.core.exchange import Exchange
    from sizewise.store.traffic import TrafficStore

#: what a list shows of each exchange: no text of anybody's
SHOWN = (
    "id", "at", "path", "status", "task", "mode", "route", "model", "prompt_tokens", "completion_tokens", "cost_usd",
    "latency_ms", "failure",
)  # fmt: skip
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(m|h|d|w)")
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}
_WIDEST = 34


class RouteOption(StrEnum):
    """Who answered."""

    small = "small"
    large = "large"
    abstain = "abstain"


StoreOption = Annotated[
    str, typer.Option("--store", help="The traffic store: sqlite:///PATH, the path itself, or postgresql://…")
]
DEFAULT_STORE = "sqlite:///sizewise-traffic.db"
TaskOption = Annotated[str | None, typer.Option("--task", help="Only exchanges of this task.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Only this model, asked for or answering.")]
Routed = Annotated[RouteOption | None, typer.Option("--route", help="Only what was answered this way.")]
Subject = Annotated[str | None, typer.Option("--subject", help="Only the data of this person.")]
Since = Annotated[str | None, typer.Option("--since", help="From this time on: 2026-03-01, or 7d for seven days ago.")]
Until = Annotated[str | None, typer.Option("--until", help="Before this time.")]


def list_(
    store: StoreOption = DEFAULT_STORE,
    task: TaskOption = None,
    model: ModelOption = None,
    route: Routed = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List what was recorded, the newest first: when, what was asked for, who answered, what it cost; no texts."""
    from sizewise.cli.terminal_text import harmless
    from sizewise.stages.captured import exchanges

    with _store(store) as opened:
        found: list[Exchange] = []
        total = 0
        for one in _subjects(subject):
            fitting = _fitting(task, model, route, one, since, until)
            found += opened.exchanges(**fitting, newest_first=True, most=limit)
            total += opened.count(**fitting)
    found = sorted(found, key=lambda exchange: exchange.at, reverse=True)[:limit]
    listed = [{name: _plain(getattr(exchange, name)) for name in SHOWN} for exchange in found]
    if as_json:
        typer.echo(harmless(json.dumps({"total": total, "exchanges": listed}, ensure_ascii=False, indent=1)))
        return
    for line in _table(listed):
        typer.echo(line)
    typer.echo(f"{len(listed):,} of {exchanges(total)}")


def export(
    store: StoreOption = DEFAULT_STORE,
    out: Annotated[Path | None, typer.Option("--out", help="A file for the rows; the terminal without it.")] = None,
    task: TaskOption = None,
    model: ModelOption = None,
    route: Routed = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what `decide` would leave out: failed, cut, answered by the specialist.")
    ] = False,
) -> None:
    """Write what was recorded as rows that ``decide`` reads: ``id`` is the one that the client got."""
    from sizewise.cli.terminal_text import plain
    from sizewise.stages.captured import exchanges, exported, left_out

    shapes: Counter[str] = Counter()
    without: Counter[str] = Counter()
    with _store(store) as opened, _lines(out) as write:
        for one in _subjects(subject):
            for exchange in opened.exchanges(**_fitting(task, model, route, one, since, until)):
                why = None if everything else left_out(exchange)
                if why is not None:
                    without[why] += 1
                    continue
                row = exported(exchange)
                shapes["rows with `input`" if "input" in row else "chat-log rows"] += 1
                write(row)
    said = [f"{exchanges(shapes.total())} exported" + (f" to {out}" if out else "")]
    if len(shapes) > 1:
        said.append(
            "of two kinds, since a task was not served all the time: "
            + ", ".join(f"{n:,} {kind}" for kind, n in shapes.items())
        )
    said += [f"{count:,} left out: {why}" for why, count in without.most_common()]
    typer.echo(plain("\n".join(said)), err=True)


def delete(
    store: StoreOption = DEFAULT_STORE,
    older_than: Annotated[str | None, typer.Option("--older-than", help="What is older than this: 30d, 12h.")] = None,
    subject: Subject = None,
    task: TaskOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete what was recorded, for good: by age, by person or by task; where several are given, all must fit."""
    from sizewise.core.errors import TaskError
    from sizewise.stages.captured import exchanges

    if older_than is None and subject is None and task is None:
        raise TaskError("say what to delete: --older-than 30d, --subject WHO or --task NAME.")
    before = None if older_than is None else _moment("--older-than", older_than)
    with _store(store) as opened:
        count = sum(opened.count(task=task, until=before, subject=one) for one in _subjects(subject))
    if dry_run:
        typer.echo(f"{exchanges(count)} would be deleted")
        return
    if count and not yes:
        if not sys.stdin.isatty():
            raise TaskError(f"{exchanges(count)} would be deleted, and nobody can be asked here: say --yes.")
        if not typer.confirm(f"Delete {exchanges(count)} for good?"):
            typer.echo("nothing was deleted")
            return
    with _store(store, writing=True) as opened:
        done = [opened.emptied(before, one, task) for one in _subjects(subject)]
    typer.echo(f"{exchanges(sum(one.rows for one in done))} deleted{_whether_gone(done[-1].gone)}")


def _whether_gone(gone: bool | None) -> str:
    if gone is None:
        return "; the server's own vacuum gives their space back"
    if gone:
        return "; nothing of what was deleted is left in the file"
    return "; another process is reading the store and keeps its write-ahead log: run the same command again later"


@contextmanager
def _store(url: str, *, writing: bool = False) -> Iterator[TrafficStore]:
    from sizewise.store.traffic import open_traffic

    with open_traffic(url, read_only=not writing) as opened:
        yield opened


@contextmanager
def _lines(out: Path | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    from sizewise.cli.terminal_text import harmless
    from sizewise.store.lines import lines_into

    if out is None:
        yield lambda row: typer.echo(harmless(json.dumps(row, ensure_ascii=False)))
    else:
        with lines_into(out) as write:
            yield write


def _fitting(
    task: str | None,
    model: str | None,
    route: RouteOption | None,
    subject: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    given = {"task": task, "model": model, "route": route.value if route else None, "subject": subject}
    times = {"since": since, "until": until}
    return given | {name: text and _moment(f"--{name}", text) for name, text in times.items()}


def _subjects(subject: str | None) -> tuple[str | None, ...]:
    """Whom to look for: under ``--mask`` the store holds a pseudonym."""
    from sizewise.gateway.masks import pseudonym

    return (None,) if subject is None else (subject, pseudonym(subject))


def _moment(option: str, text: str) -> datetime:
    """A time, or one so long ago: ``30d``, ``12h``, ``90m``, ``2w``. Without a zone it is UTC.

    >>> _moment("--since", "2026-03-01").isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    from sizewise.core.errors import TaskError

    try:
        if ago := _AGO.fullmatch(text.strip()):
            return datetime.now(UTC) - timedelta(minutes=float(ago[1]) * _MINUTES[ago[2]])
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise TaskError(f"{option} {text!r} is no time: write 2026-03-01, 2026-03-01T12:00, or 30d, 12h.") from None


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _table(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    from sizewise.cli.terminal_text import plain

    cells = [SHOWN, *(tuple(_cell(name, row[name]) for name in SHOWN) for row in rows)]
    cells = [tuple(plain(cell).replace("\n", " ") for cell in row) for row in cells]
    if len(cells) == 1:
        return
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    kept = [place for place in range(len(SHOWN)) if any(row[place] for row in cells[1:])]
    for row in cells:
        yield "  ".join(row[place].ljust(widths[place]) for place in kept).rstrip()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "cost_usd":
        return f"{value:.6f}"
    if name == "latency_ms":
        return f"{value:,.1f}"
    text = str(value)
    return text[:19].replace("T", " ") if name == "at" else text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
