"""The tasks that are served: which run answers each, in which mode, and which requests are theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sizewise.core.errors import InputError, RunError, SizewiseError
from sizewise.core.exchange import Mode
from sizewise.gateway.batching import Batcher
from sizewise.gateway.conversation import Asked
from sizewise.gateway.recognition import MODEL_PREFIX, Recognition
from sizewise.gateway.served_task import SERVABLE, Match, OpenRun, ServedRun, ServedTask
from sizewise.gateway.shadow import Counter
from sizewise.gateway.shape import unable
from sizewise.gateway.state import STATE_NAME, TALLIES_NAME, State, StateFile, Tallies, Tally, TaskState

FOLLOWED_EVERY = 0.5  # seconds
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Table:
    """All that one request is looked up in; replaced as a whole."""

    tasks: Mapping[str, ServedTask] = field(default_factory=dict)
    recognition: Recognition = field(default_factory=lambda: Recognition({}))


class Tasks:
    """What is served. Every change puts a new table in place at once, so that no request sees half of one.

    ``folder`` is where the state is kept, beside the store (``None``: nowhere). ``named_only`` are tasks that are not
    recognised by their prompt. ``notice`` is told, in a sentence, what changed or could not be changed.
    """

    def __init__(
        self,
        open_run: OpenRun,
        folder: Path | None = None,
        *,
        named_only: Iterable[str] = (),
        notice: Notice = lambda _: None,
    ) -> None:
        self._open_run, self._notice = open_run, notice
        self._named_only = frozenset(named_only)
        self._state = StateFile(folder / STATE_NAME, State) if folder is not None else None
        self._tallies = StateFile(folder / TALLIES_NAME, Tallies) if folder is not None else None
        self._table = _Table()
        self._changing = asyncio.Lock()

    # What requests need

    def find(self, headers: Mapping[str, str], request: Asked) -> Match | None:
        """The task that a chat request is, ``None`` where it is none. ``headers`` have lower-case names."""
        table = self._table
        if not table.tasks:
            return None
        found = table.recognition.find(headers, request)
        if found is None:
            return None
        task = table.tasks[found.task]
        return Match(task, found, request, found.passes or unable(request, task.run.form))

    def __iter__(self) -> Iterator[ServedTask]:
        return iter(self._table.tasks.values())

    def __len__(self) -> int:
        return len(self._table.tasks)

    def get(self, name: str) -> ServedTask | None:
        """The task of that name."""
        return self._table.tasks.get(name)

    @property
    def models(self) -> list[str]:
        """The names by which clients can ask for the tasks, for ``GET /v1/models``."""
        return [MODEL_PREFIX + name for name in self._table.tasks]

    @property
    def recognition(self) -> Recognition:
        """How requests are told apart, for ``--explain``."""
        return self._table.recognition

    # What operators do

    def open(self, folders: Sequence[Path]) -> None:
        """Begin to serve: the runs in ``folders``, and what was promoted since they were last given.

        A run that is served for the first time begins in shadow mode; with a closed perimeter live, since nothing may
        be asked. Raises ``InputError`` where a run cannot be served, or where two could be meant by one request.
        """
        given = [self._open_run(folder) for folder in folders]
        for one, other in ((a, b) for i, a in enumerate(given) for b in given[:i]):
            if one.task == other.task:
                raise InputError(
                    f"{other.folder} and {one.folder} are both runs of the task {one.task!r}: serve one of them."
                )
        known = self._state.read() if self._state is not None else State()
        tasks = {run.task: self._begun(run, known.tasks.get(run.task)) for run in given}
        for name, state in known.tasks.items():
            if name not in tasks and state.given is None and (kept := self._kept(name, state)) is not None:
                tasks[name] = kept
        self._put(tasks)
        given_ids = {run.task: run.run_id for run in given}
        now = {name: _state_of(task, given_ids.get(name), known.tasks.get(name)) for name, task in tasks.items()}
        if self._state is not None and now != known.tasks:
            self._state.update(lambda held: State({**held.tasks, **now}))

    def _begun(self, run: ServedRun, state: TaskState | None) -> ServedTask:
        """A run that ``serve`` was called with, or the one that was promoted in its place since."""
        if state is None or state.given not in (run.run_id, None):
            return self._served(run, state.mode if state and state.run_id == run.run_id else _first_mode(run))
        if state.run_id == run.run_id:
            return self._served(run, state.mode, forced=state.forced)
        return self._kept(run.task, state) or self._served(run, _first_mode(run))

    def _kept(self, name: str, state: TaskState) -> ServedTask | None:
        """The task as the state file has it; ``None`` where its run is gone or broken, which is said."""
        try:
            run = self._open_run(Path(state.run))
        except SizewiseError as error:
            self._notice(f"the task {name} was served by {state.run}, which can no longer be opened: {error}")
            return None
        return self._served(run, state.mode, forced=state.forced)

    def _served(self, run: ServedRun, mode: Mode, *, forced: bool = False) -> ServedTask:
        written = self._tallies.read().runs.get(run.run_id, Tally()) if self._tallies is not None else Tally()
        return ServedTask(run, mode, Batcher(run.model), Counter(run.run_id, written), forced)

    def _put(self, tasks: Mapping[str, ServedTask]) -> None:
        """Serve ``tasks`` from now on. Raises ``InputError``, and changes nothing, where they cannot be told apart."""
        forms = {name: task.run.form for name, task in tasks.items()}
        before = {id(task.batcher): task.batcher for task in self}
        self._table = _Table(dict(tasks), Recognition(forms, self._named_only))
        for task in tasks.values():
            before.pop(id(task.batcher), None)
        for batcher in before.values():
            batcher.close()

    async def promote(
        self, folder: Path | None, to: Mode, *, task: str | None = None, force: bool = False
    ) -> ServedTask:
        """Serve the run in ``folder`` (``None``: the run that serves ``task`` now) in the mode ``to``.

        The new run is loaded beside the old, which goes on until then; where the new one cannot be served, it goes on
        for good and ``InputError`` says why.
        """
        async with self._changing:
            promoted = await self._prepared(folder, to, task, force)
            self._put({**self._table.tasks, promoted.name: promoted})
            if self._state is not None:
                await asyncio.to_thread(self._state.update, noted(promoted.run, to))
            self._notice(f"the task {promoted.name} is served by {promoted.run.folder} in mode {to}")
            return promoted

    async def _prepared(self, folder: Path | None, to: Mode, name: str | None, force: bool) -> ServedTask:
        current = self._table.tasks.get(name) if name is not None else None
        if folder is None:
            if current is None:
                raise InputError(
                    f"no task {name!r} is served here. There are: {', '.join(self._table.tasks) or 'none'}."
                )
            run = current.run
        else:
            run = await asyncio.to_thread(self._open_run, folder)
            if name is not None and run.task != name:
                raise InputError(f"{folder} is a run of the task {run.task!r}, not of {name!r}.")
            current = self._table.tasks.get(run.task)
        require_servable(run, to, force)
        forced = is_forced(run, to)
        if current is not None and current.run_id == run.run_id and current.run.folder == run.folder:
            return replace(current, mode=to, forced=forced)
        return await asyncio.to_thread(self._served, run, to, forced=forced)

    async def follow(self) -> None:
        """Take over, until cancelled, what another worker or ``sizewise promote`` has changed; write down the tallies."""
        said = ""
        while True:
            await asyncio.sleep(FOLLOWED_EVERY)
            for work in (self._write_tallies, self.follow_state):
                try:
                    await work()
                except SizewiseError as error:
                    if str(error) != said:  # a full disk is said once, not twice a second
                        self._notice(said := str(error))

    async def refresh(self) -> None:
        """What ``follow`` does, once."""
        await self._write_tallies()
        await self.follow_state()

    async def _write_tallies(self) -> None:
        for task in self:
            if self._tallies is not None:
                await asyncio.to_thread(task.counter.write, self._tallies)

    async def follow_state(self) -> None:
        """Serve what the state file says, where it has changed."""
        if self._state is None or not self._state.has_changed():
            return
        async with self._changing:
            wanted = await asyncio.to_thread(self._state.read)
            tasks = dict(self._table.tasks)
            for name, state in wanted.tasks.items():
                if (followed := await self._followed(tasks.get(name), name, state)) is not None:
                    tasks[name] = followed
            self._put(tasks)

    async def _followed(self, current: ServedTask | None, name: str, state: TaskState) -> ServedTask | None:
        """The task as ``state`` wants it; ``None`` where it is so already, or cannot be."""
        if current is None:
            return await asyncio.to_thread(self._kept, name, state) if state.given is None else None
        if current.run_id == state.run_id:
            same = (current.mode, current.forced) == (state.mode, state.forced)
            return None if same else replace(current, mode=state.mode, forced=state.forced)
        return await asyncio.to_thread(self._kept, name, state)

    def close(self) -> None:
        """Write down the tallies and let the threads end."""
        for task in self:
            task.batcher.close()
            if self._tallies is not None:
                task.counter.write(self._tallies)


def require_servable(run: ServedRun, to: Mode, force: bool) -> None:
    """Raise ``RunError`` where ``run`` should not answer anybody."""
    if to == "live" and run.decision not in SERVABLE and not force:
        raise RunError(
            f"{run.folder} is not served live: its verdict is {run.decision}, so no confidence was certified from which "
            "on it may answer, and every request would go to the large model. --to shadow compares it with the large "
            "model; --force serves it all the same."
        )
    if to != "live" and run.perimeter == "closed":
        raise RunError(f"{run.folder} has a closed perimeter: nothing may leave, so that it can only be served live.")


def _first_mode(run: ServedRun) -> Mode:
    return "live" if run.perimeter == "closed" else "shadow"


def _state_of(task: ServedTask, given: str | None, before: TaskState | None) -> TaskState:
    """What to write down of a task at start-up; the time of what has not changed stays."""
    state = TaskState(
        run=str(task.run.folder.resolve()), run_id=task.run_id, mode=task.mode, since=_now(), given=given,
        forced=task.forced, before=before.before if before else None,
    )  # fmt: skip
    if before is not None and replace_time(state, before.since) == before:
        return before
    return state


def replace_time(state: TaskState, since: str) -> TaskState:
    """``state`` as of another time."""
    return TaskState(
        run=state.run, run_id=state.run_id, mode=state.mode, since=since, given=state.given, forced=state.forced,
        before=state.before,
    )  # fmt: skip


def noted(run: ServedRun, mode: Mode) -> Callable[[State], State]:
    """What a promotion changes in the state file: servers that follow it serve ``run`` in ``mode`` from then on."""

    def note(held: State) -> State:
        known = held.tasks.get(run.task)
        before = None if known is None else known.before if known.run_id == run.run_id else known.run
        state = TaskState(
            run=str(run.folder.resolve()), run_id=run.run_id, mode=mode, since=_now(),
            given=known.given if known else None, forced=is_forced(run, mode), before=before,
        )  # fmt: skip
        return held.having(run.task, state)

    return note


def is_forced(run: ServedRun, mode: Mode) -> bool:
    """Whether the run's verdict says otherwise."""
    return mode == "live" and run.decision not in SERVABLE


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
