"""``sizewise decide``: from a log to a verdict."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizewise.cli.options import (
    BaseUrl,
    Columns,
    GivenPrice,
    Lang,
    Language,
    Only,
    RawAnswers,
    ReferenceOption,
    StrictLabels,
    Template,
    Texts,
    filters,
    names,
    pairs,
)

if TYPE_CHECKING:
    from sizewise.core.task import Task
    from sizewise.data.formats.source import Source
    from sizewise.run import Run
    from sizewise.stages.large_model import LargeCalls

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...", help="A log (JSON, CSV, Parquet, an export), a traffic store, or a task file (.toml)."
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="The run's folder; made, or resumed if unfinished.")]
HeldAgainst = Annotated[
    ReferenceOption | None, typer.Option("--reference", help="What answers are held against; auto by default.")
]
Target = Annotated[
    float | None, typer.Option("--target", help="Least share of traffic not answered wrongly; 0.97 by default.")
]
Margin = Annotated[
    float | None, typer.Option("--margin", help="Share of traffic by which the LLM may be better; 0.01.")
]
Delta = Annotated[float | None, typer.Option("--delta", help="Probability with which the guarantee may fail; 0.05.")]
Volume = Annotated[float | None, typer.Option("--volume", help="Requests a month; then cost can decide too.")]
Rungs = Annotated[
    str | None,
    typer.Option("--rungs", help="Rungs to try: majority,keywords,encoder; auto climbs higher where that may pay."),
]
Minutes = Annotated[
    float | None, typer.Option("--minutes", help="What the rungs above encoder may take in all; 30 with --rungs auto.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of splits and folds; 0 by default.")]
Large = Annotated[
    str | None, typer.Option("--large", help="The LLM: provider:model, for its price, and to ask it (--budget).")
]
Dollars = Annotated[
    float | None,
    typer.Option(
        "--budget",
        min=0,
        help="US dollars for asking --large on the test rows, some of them twice; else it is not asked.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and the expected time; write nothing.")]
Bundle = Annotated[bool, typer.Option("--bundle", help="Copy the encoder into the specialist's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print verdict.json instead of the summary.")]
Force = Annotated[bool, typer.Option("--force", help="Make a finished run anew.")]
Portfolio = Annotated[
    bool, typer.Option("--portfolio", help="Each SOURCE is a task of its own; weigh all of them together.")
]


def decide(
    sources: Sources,
    out: Out = None,
    reference: HeldAgainst = None,
    target: Target = None,
    margin: Margin = None,
    delta: Delta = None,
    volume: Volume = None,
    rungs: Rungs = None,
    minutes: Minutes = None,
    seed: Seed = None,
    columns: Columns = None,
    only: Only = None,
    template: Template = None,
    raw_answers: RawAnswers = False,
    large: Large = None,
    budget: Dollars = None,
    base_url: BaseUrl = None,
    price: GivenPrice = None,
    dry_run: DryRun = False,
    lang: Lang = Language.en,
    texts: Texts = False,
    bundle: Bundle = False,
    strict_labels: StrictLabels = False,
    as_json: AsJson = False,
    force: Force = False,
    portfolio: Portfolio = False,
) -> None:
    """Find out whether a small model can take over the task, build it, prove it, and write a report."""
    from sizewise import pipeline
    from sizewise.core.errors import TaskError
    from sizewise.data.task_file import with_options
    from sizewise.stages.large_model import LargeCalls
    from sizewise.stages.sources import resolve

    def set_up(task: Task) -> Task:
        return with_options(
            task,
            {"target": target, "margin": margin, "delta": delta, "volume_per_month": volume},
            reference=reference.value if reference else None,
            rungs=names(rungs) if rungs is not None else None,
            minutes=minutes,
            seed=seed,
            large=large,
            columns=pairs("--columns", columns) or None,
            only=filters(only) or None,
            template=template,
            raw_answers=raw_answers or None,
            strict_labels=strict_labels or None,
        )

    def asked(task: Task) -> LargeCalls | None:
        return LargeCalls.of(task, budget, base_url, price)

    run = partial(pipeline.decide, language=lang.value, texts=texts, bundle=bundle, force=force)
    if portfolio and budget is not None:
        raise TaskError("--budget is for one task: decide the tasks one by one, or leave it out.")
    if portfolio and not dry_run:
        _decide_portfolio(sources, out, set_up, run, lang, force)
        return
    task, paths = resolve(sources)
    task = set_up(task)
    if dry_run:
        _say_plan(task, paths, asked)
    else:
        _say_verdict(_decide_one(task, paths, out, run, asked), lang, as_json)


def _decide_portfolio(
    sources: list[str],
    out: Path | None,
    set_up: Callable[[Task], Task],
    run: Callable[..., Run],
    lang: Language,
    force: bool,
) -> None:
    from sizewise.cli.decide_portfolio import decide_all, listed, say
    from sizewise.cli.progress import ConsoleListener
    from sizewise.core.errors import TaskError

    if out is None:
        raise TaskError("decide --portfolio needs --out FOLDER, the folder that holds a run for each task.")
    tasks = listed(sources, out, set_up)
    with ConsoleListener() as listener:
        said = decide_all(tasks, out, partial(run, listener=listener), listener, lang.value, force)
    say(said)


def _decide_one(
    task: Task,
    paths: list[Source],
    out: Path | None,
    run: Callable[..., Run],
    asked: Callable[[Task], LargeCalls | None],
) -> Run:
    from sizewise.cli.progress import ConsoleListener
    from sizewise.core.errors import TaskError

    if out is None:
        raise TaskError("decide needs --out FOLDER, the folder that the run is written to.")
    with ConsoleListener() as listener:
        return run(task, paths, out, listener=listener, large=asked(task))


def _say_plan(task: Task, paths: list[Source], asked: Callable[[Task], LargeCalls | None]) -> None:
    """What a run would do, and what the LLM would be asked for."""
    from sizewise.cli.plan import plan
    from sizewise.cli.terminal_text import plain

    typer.echo(plan(task, paths))
    if calls := asked(task):
        typer.echo(
            plain(f"large       {calls.place.name} would be asked on the test rows, for at most ${calls.budget:g}")
        )


def _say_verdict(run: Run, lang: Language, as_json: bool) -> None:
    """The summary and where the report is, or the verdict as it is stored."""
    from sizewise.cli.terminal_text import harmless, plain
    from sizewise.report.terminal import summary

    if as_json:
        typer.echo(harmless((run.folder / "verdict.json").read_text(encoding="utf-8")), nl=False)
    else:
        typer.echo(summary(run.record, lang.value))
        typer.echo(plain(f"\n{run.folder / 'report.html'}\n{run.folder / 'verdict.json'}"))
